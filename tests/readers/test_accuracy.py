from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.accuracy import proportion_of_people
from marrowmap.readers.accuracy import sensitivity
from marrowmap.readers.accuracy import specificity

DRAWS = {"samples": 500, "seed": 1}


def test_exact_interval_of_one_case_a_person():
    """12 of 12: Clopper and Pearson's lower bound is 0.7354."""
    estimate = proportion_of_people(np.ones(12, dtype=bool), np.arange(12), **DRAWS)
    assert (estimate.value, round(estimate.low, 4), estimate.high) == (1.0, 0.7354, 1.0)


def test_like_hips_are_not_counted_twice():
    right = np.repeat(np.arange(20) % 4 > 0, 2)
    apart = proportion_of_people(right, np.arange(40), **DRAWS)
    together = proportion_of_people(right, np.arange(40) // 2, **DRAWS)
    assert apart.value == together.value
    assert together.high - together.low > apart.high - apart.low
    assert "bootstrap" in together.note
    all_right = proportion_of_people(np.ones(24, dtype=bool), np.arange(24) // 2, **DRAWS)
    assert round(all_right.low, 4) == 0.7354


def test_rates_of_either_kind():
    truth = np.array([1, 1, 1, 1, 0, 0], dtype=bool)
    called = np.array([1, 1, 1, 0, 1, 0], dtype=bool)
    assert sensitivity(called, truth, np.arange(6), **DRAWS).value == pytest.approx(0.75)
    assert specificity(called, truth, np.arange(6), **DRAWS).value == pytest.approx(0.5)
    assert "no such case" in sensitivity(called, np.zeros(6, dtype=bool), np.arange(6), **DRAWS).note
