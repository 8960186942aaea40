"""Exact proportions and Kaplan-Meier against values by hand and by the distributions' own quantiles."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import beta
from scipy.stats import binom
from statsmodels.duration.survfunc import SurvfuncRight

from marrowmap.course.proportions import exact_proportion
from marrowmap.course.proportions import resolution_curve


@pytest.mark.parametrize(("count", "total"), [(0, 12), (12, 12), (9, 10), (3, 7), (8, 22), (7, 29), (45, 56)])
def test_clopper_pearson_is_the_quantiles_of_beta(count, total):
    found = exact_proportion(count, total)
    low = 0.0 if count == 0 else beta.ppf(0.025, count, total - count + 1)
    high = 1.0 if count == total else beta.ppf(0.975, count + 1, total - count)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def test_gemmels_bounds_by_hand():
    # All of 12: the lower bound solves p^12 = 0.025; none of 12: the upper bound solves (1 - p)^12 = 0.025.
    assert exact_proportion(12, 12).low == pytest.approx(0.025 ** (1 / 12))
    assert exact_proportion(0, 12).high == pytest.approx(1 - 0.025 ** (1 / 12))


def test_published_exact_intervals():
    # Staudenherz 1997: 8 of 22, 17 to 59 %; 7 of 29, 10 to 44 %. Mitchell 1987: 45 of 56, 68 to 90 %.
    for count, total, low, high in ((8, 22, 17, 59), (7, 29, 10, 44), (45, 56, 68, 90)):
        found = exact_proportion(count, total)
        assert (round(100 * found.low), round(100 * found.high)) == (low, high)


def test_kaplan_meier_by_hand():
    # Freireich 1963, 6-mercaptopurine, with which the curve is usually taught: 6, 6, 6, 6+, 7, 9+, 10, 10+, 11+, ...
    months = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    found = resolution_curve(months, [bool(e) for e in ended])
    by_hand = [18 / 21]
    for at_risk in (17, 15, 12, 11, 7, 6):
        by_hand.append(by_hand[-1] * (1 - 1 / at_risk))
    assert found.months == (6, 7, 10, 13, 16, 22, 23)
    assert found.at_risk == (21, 17, 15, 12, 11, 7, 6)
    assert found.remaining == pytest.approx(by_hand)
    assert found.median == 23
    # Greenwood's variance on the log-log scale, at 6 weeks: 3 of 21.
    z = 1.959964 * math.sqrt(3 / (21 * 18)) / abs(math.log(18 / 21))
    assert found.low[0] == pytest.approx((18 / 21) ** math.exp(z), rel=1e-5)
    assert found.high[0] == pytest.approx((18 / 21) ** math.exp(-z), rel=1e-5)


def test_nothing_resolved_has_no_median():
    assert math.isinf(resolution_curve([3.0, 5.0], [False, False]).median)


def test_a_negative_time_is_refused():
    with pytest.raises(ValueError, match="finite time"):
        resolution_curve([-1.0], [True])


def test_where_all_are_over_the_interval_keeps_its_last_upper_bound():
    alone = resolution_curve([4.0], [True])
    assert (alone.remaining, alone.low, alone.high) == ((0.0,), (0.0,), (1.0,))
    assert math.isinf(alone.median_high)
    found = resolution_curve([2.0, 4.0, 6.0], [True, True, True])
    assert found.high[-1] == found.high[-2] > 0.5
    assert math.isinf(found.median_high)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_clopper_pearson_solves_its_definition(confidence):
    """Each bound is the proportion under which what was seen, or more extreme, has half of the rest left over."""
    tail = (1 - confidence) / 2
    for count, total in ((1, 4), (3, 7), (9, 10), (17, 60)):
        found = exact_proportion(count, total, confidence)
        low = brentq(lambda p, c=count, n=total: binom.sf(c - 1, n, p) - tail, 1e-9, 1 - 1e-9, xtol=1e-13)
        high = brentq(lambda p, c=count, n=total: binom.cdf(c, n, p) - tail, 1e-9, 1 - 1e-9, xtol=1e-13)
        assert (found.low, found.high) == (pytest.approx(low, abs=1e-9), pytest.approx(high, abs=1e-9))


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw times with ties, some followed to their end and some not."""
    rng = np.random.default_rng(seed)
    months = np.ceil(rng.exponential(5, 40))
    return months, rng.random(40) < rng.uniform(0.3, 1.0)


@pytest.mark.parametrize("seed", range(1, 11))
def test_kaplan_meier_is_the_product_limit_with_greenwoods_variance(seed):
    """Written out from the definition; `resolution_curve` leaves it to scipy."""
    months, ended = _drawn(seed)
    found = resolution_curve(months.tolist(), ended.tolist())
    share, greenwood = 1.0, 0.0
    for n, time in enumerate(np.unique(months[ended])):
        at_risk, over = int((months >= time).sum()), int(((months == time) & ended).sum())
        share *= 1 - over / at_risk
        assert (found.months[n], found.at_risk[n]) == (time, at_risk)
        assert found.remaining[n] == pytest.approx(share, abs=1e-12)
        if share > 0:
            greenwood += over / (at_risk * (at_risk - over))
            reach = 1.959963985 * math.sqrt(greenwood) / abs(math.log(share))
            assert found.low[n] == pytest.approx(share ** math.exp(reach), abs=1e-8)
            assert found.high[n] == pytest.approx(share ** math.exp(-reach), abs=1e-8)


@pytest.mark.parametrize("seed", range(1, 11))
def test_kaplan_meier_against_statsmodels(seed):
    """Another implementation, of the test group alone."""
    months, ended = _drawn(seed)
    found = resolution_curve(months.tolist(), ended.tolist())
    other = SurvfuncRight(months, ended.astype(int))
    assert found.months == pytest.approx(other.surv_times)
    assert found.remaining == pytest.approx(other.surv_prob, abs=1e-12)
    assert found.at_risk == pytest.approx(other.n_risk)
