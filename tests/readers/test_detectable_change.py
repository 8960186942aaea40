from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.detectable_change import smallest_detectable_change


def test_two_reads_that_differ_by_a_known_amount():
    """Differences of 1 and -1: standard error of measurement the root of 1/2, change 1.96."""
    values = np.array([[0.0, 1.0], [5.0, 4.0], [2.0, 3.0]])
    assert smallest_detectable_change(values).value == pytest.approx(1.959964 * np.sqrt(2) * np.sqrt(0.5))


def test_a_level_between_readers_counts():
    values = np.array([[0.0, 1.0], [5.0, 6.0], [2.0, 3.0]])
    assert smallest_detectable_change(values).value > 1.9


def test_interval_holds_the_truth():
    rng = np.random.default_rng(2)
    truth = 1.959964 * np.sqrt(2)
    found = [smallest_detectable_change(rng.normal(size=(10, 3)) + 9) for _ in range(1000)]
    assert np.mean([e.low <= truth <= e.high for e in found]) == pytest.approx(0.95, abs=0.02)


def test_gaps_are_left_out():
    full = np.array([[0.0, 1.0, np.nan], [5.0, 4.0, 4.0], [np.nan, 3.0, np.nan]])
    squares = 2 * 0.25 + (5 - 13 / 3) ** 2 + 2 * (4 - 13 / 3) ** 2
    assert smallest_detectable_change(full).value == pytest.approx(1.959964 * np.sqrt(2 * squares / 3))
    assert smallest_detectable_change(full[2:]).value is None
    assert smallest_detectable_change(np.ones((3, 2))).value == 0.0
