from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from marrowmap.readers.auc_interval import auc_interval
from marrowmap.readers.auc_interval import bootstrap_interval
from marrowmap.readers.auc_interval import score_interval

TWENTY = np.arange(40) < 20


def test_interval_holds_the_truth_near_one():
    """Where Wald intervals fail: area 0.95, 20 and 20 cases."""
    rng = np.random.default_rng(1)
    apart = math.sqrt(2) * float(stats.norm.ppf(0.95))
    found = [auc_interval(rng.normal(size=40) + apart * TWENTY, TWENTY, np.arange(40)) for _ in range(300)]
    assert np.mean([e.low <= 0.95 <= e.high for e in found]) > 0.93


def test_interval_of_alike_hips_counts_people():
    rng = np.random.default_rng(2)
    scores = np.repeat(rng.normal(size=20) + (np.arange(20) < 10), 2)
    apart = auc_interval(scores, TWENTY, np.arange(40))
    together = auc_interval(scores, TWENTY, np.arange(40) // 2)
    assert together.high - together.low > 1.25 * (apart.high - apart.low)


def test_all_pairs_in_order_are_bounded_from_below():
    scores = TWENTY.astype(float)
    estimate = auc_interval(scores, TWENTY, np.arange(40))
    assert (estimate.value, estimate.high) == (1.0, 1.0)
    assert 0.8 < estimate.low < 0.95
    assert auc_interval(scores, TWENTY, np.arange(40) // 2).low < estimate.low
    turned = auc_interval(-scores, TWENTY, np.arange(40))
    assert (turned.low, turned.high) == pytest.approx((0.0, 1 - estimate.low))


def test_score_interval_solves_its_equation():
    """At a bound, the distance is 1.96 standard errors of Hanley and McNeil's model."""
    low, high = score_interval(0.8, 30, 50)
    for bound in (low, high):
        half = (30 + 50) / 2 - 1
        q1, q2 = bound / (2 - bound), 2 * bound**2 / (1 + bound)
        variance = (bound * (1 - bound) + half * (q1 - bound**2) + half * (q2 - bound**2)) / (30 * 50)
        assert abs(0.8 - bound) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-5)


def test_equal_scores_tell_nothing():
    estimate = auc_interval(np.zeros(40), TWENTY, np.arange(40))
    assert estimate.value == 0.5
    assert estimate.low < 0.4


def test_one_positive_person_has_no_interval():
    estimate = auc_interval(np.arange(40.0), np.arange(40) == 39, np.arange(40))
    assert estimate.value == 1.0
    assert estimate.low is None


def test_bootstrap_names_its_seed():
    rng = np.random.default_rng(5)
    scores = rng.normal(size=40) + TWENTY
    estimate = bootstrap_interval(scores, TWENTY, np.arange(40), samples=500, seed=9)
    assert estimate.low < estimate.value < estimate.high
    assert "seed 9" in estimate.note
    assert estimate == bootstrap_interval(scores, TWENTY, np.arange(40), samples=500, seed=9)
