from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from marrowmap.readers.additive import LOG_DISAGREEMENT
from marrowmap.readers.additive import Additive
from marrowmap.readers.additive import jackknife_interval


def mean_of(values):
    return Additive(np.column_stack([values, np.ones(len(values))]), lambda s: s[..., 0] / s[..., 1], "no value")


def test_jackknife_of_a_mean_is_students_interval():
    values = np.array([0.1, 0.4, 0.35, 0.2, 0.6, 0.3])
    estimate = jackknife_interval(mean_of(values), np.arange(6))
    low, high = stats.t.interval(0.95, 5, values.mean(), values.std(ddof=1) / np.sqrt(6))
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((values.mean(), low, high))


def test_scale_leans_the_interval_downwards():
    values = np.array([1, 1, 1, 1, 0, 1, 1, 1, 0, 1], dtype=float)
    plain = jackknife_interval(mean_of(values), np.arange(10))
    leaning = jackknife_interval(mean_of(values), np.arange(10), scale=LOG_DISAGREEMENT)
    assert leaning.low < plain.low
    assert leaning.high < plain.high <= 1.0


def test_numbers_of_people_may_have_gaps():
    values = np.array([0.1, 0.4, 0.35, 0.2])
    assert jackknife_interval(mean_of(values), np.array([2, 7, 9, 30])) == jackknife_interval(
        mean_of(values), np.arange(4)
    )


def test_what_has_no_interval_says_why():
    assert "one person" in jackknife_interval(mean_of(np.array([0.1, 0.2])), np.zeros(2, dtype=int)).note
    assert "alike" in jackknife_interval(mean_of(np.full(4, 0.5)), np.arange(4)).note
    nothing = Additive(np.zeros((3, 2)), lambda s: s[..., 0] / s[..., 1], "no value")
    assert jackknife_interval(nothing, np.arange(3)).note == "no value"
    once = Additive(np.array([[1.0, 1.0], [0.0, 0.0]]), lambda s: s[..., 0] / s[..., 1], "no value")
    assert "without one" in jackknife_interval(once, np.arange(2)).note
