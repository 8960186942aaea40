from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.bland_altman import limits_of_agreement
from tests.readers.published import MINI_WRIGHT
from tests.readers.published import WRIGHT


def test_bland_and_altmans_peak_flows():
    """The 1986 paper prints mean -2.1, SD 38.8, 95 % interval of the bias -22.0 to 17.8."""
    limits = limits_of_agreement(WRIGHT, MINI_WRIGHT, np.arange(17))
    assert (round(limits.bias.value, 1), round(limits.sd, 1)) == (-2.1, 38.8)
    assert (round(limits.bias.low, 1), round(limits.bias.high, 1)) == (-22.0, 17.8)
    assert limits.lower.value == pytest.approx(limits.bias.value - 1.96 * limits.sd, abs=0.01)
    # Their rounded, approximate interval of the upper limit (with 2 SD) is 40.9 to 110.1; the exact one is skewed.
    assert limits.upper.low == pytest.approx(48, abs=8)
    assert limits.upper.high == pytest.approx(115, abs=8)


def test_exact_limits_hold_the_truth():
    rng = np.random.default_rng(7)
    held = []
    for _ in range(300):
        limits = limits_of_agreement(rng.normal(size=8), np.zeros(8), np.arange(8))
        held.append(
            (limits.upper.low <= 1.959964 <= limits.upper.high, limits.lower.low <= -1.959964 <= limits.lower.high)
        )
    assert np.mean(held, axis=0) == pytest.approx([0.95, 0.95], abs=0.03)


def test_limits_are_mirrored():
    limits = limits_of_agreement(WRIGHT, MINI_WRIGHT, np.arange(17))
    turned = limits_of_agreement(MINI_WRIGHT, WRIGHT, np.arange(17))
    assert turned.upper.low == pytest.approx(-limits.lower.high)
    assert turned.lower.low == pytest.approx(-limits.upper.high)


def test_people_with_two_hips_each_widen_the_limits_interval():
    rng = np.random.default_rng(4)
    difference = np.repeat(rng.normal(size=12), 2) + 0.1 * rng.normal(size=24)
    apart = limits_of_agreement(difference, np.zeros(24), np.arange(24))
    together = limits_of_agreement(difference, np.zeros(24), np.arange(24) // 2)
    assert together.people == 12
    assert together.upper.high - together.upper.low > 1.2 * (apart.upper.high - apart.upper.low)
    assert together.upper.low < together.upper.value < together.upper.high


def test_recovered_variances_of_one_case_each_come_near_the_exact_ones():
    """With one person of two hips among many both nearly agree; one repeat only leaves the spread open upward."""
    rng = np.random.default_rng(9)
    difference = rng.normal(size=60)
    exact = limits_of_agreement(difference, np.zeros(60), np.arange(60))
    nearly = limits_of_agreement(difference, np.zeros(60), np.minimum(np.arange(60), 58))
    assert nearly.upper.value == pytest.approx(exact.upper.value, abs=0.05)
    assert nearly.upper.low == pytest.approx(exact.upper.low, abs=0.05)
    assert nearly.upper.high > exact.upper.high


def test_gaps_and_too_little():
    some = limits_of_agreement(np.array([1.0, np.nan, 3.0, 5.0]), np.array([0.0, 1.0, np.nan, 2.0]), np.arange(4))
    assert some.cases == 2
    one = limits_of_agreement(np.array([1.0]), np.array([0.0]), np.array([0]))
    assert one.bias.value == 1.0
    assert one.upper.value is None
    none = limits_of_agreement(np.array([np.nan]), np.array([0.0]), np.array([0]))
    assert "both" in none.bias.note
    flat = limits_of_agreement(np.ones(5), np.zeros(5), np.arange(5))
    assert (flat.lower.value, flat.upper.value, flat.upper.low) == (1.0, 1.0, None)


def test_one_person_has_no_interval():
    limits = limits_of_agreement(np.array([1.0, 2.0, 4.0]), np.zeros(3), np.zeros(3, dtype=int))
    assert limits.bias.low is None
    assert "one person" in limits.upper.note
