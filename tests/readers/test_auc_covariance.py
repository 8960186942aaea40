from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.auc import areas
from marrowmap.readers.auc_covariance import bootstrap_covariance
from marrowmap.readers.auc_covariance import delong_covariance
from marrowmap.readers.auc_covariance import jackknife_covariance
from tests.readers.studies import draw_study


def delong_by_definition(scores, truth):
    """DeLong, DeLong and Clarke-Pearson 1988: covariances of the structural components of either kind of case."""
    components = []
    for kind in (truth, ~truth):
        rows = []
        for case in np.flatnonzero(kind):
            other = scores[:, ~kind]
            own = scores[:, [case]]
            higher = own > other if kind is truth else own < other
            rows.append((higher + 0.5 * (own == other)).mean(axis=1))
        components.append(np.cov(np.array(rows), rowvar=False) / kind.sum())
    return sum(components)


def test_delong_with_one_case_a_person():
    scores, truth = draw_study(2)
    flat = scores.reshape(6, -1)
    assert delong_covariance(scores, truth, np.arange(20)) == pytest.approx(delong_by_definition(flat, truth))


def test_jackknife_by_leaving_out():
    scores, truth = draw_study(4)
    flat = scores.reshape(6, -1)
    without = np.array([areas(np.delete(flat, case, axis=1), np.delete(truth, case)) for case in range(20)])
    expected = np.cov(without, rowvar=False) * 19**2 / 20
    assert jackknife_covariance(scores, truth, np.arange(20)) == pytest.approx(expected)


@pytest.mark.parametrize("hips", [1, 2])
def test_all_three_come_near_each_other(hips):
    scores, truth = draw_study(6, positive=80, negative=80)
    people = np.arange(160) // hips
    jackknife = jackknife_covariance(scores, truth, people)
    assert delong_covariance(scores, truth, people) == pytest.approx(jackknife, rel=0.05)
    drawn = bootstrap_covariance(scores, truth, people, samples=1500, seed=1)
    assert np.diag(drawn) == pytest.approx(np.diag(jackknife), rel=0.15)


def test_two_like_hips_of_each_person_double_the_variance():
    scores, truth = draw_study(8, positive=30, negative=30)
    twice, both = np.repeat(scores, 2, axis=-1), np.repeat(truth, 2)
    once = delong_covariance(scores, truth, np.arange(60))
    people = np.arange(120) // 2
    assert delong_covariance(twice, both, people) == pytest.approx(once)
    assert delong_covariance(twice, both, np.arange(120))[0, 0] < 0.6 * once[0, 0]


def test_too_few_people_are_refused():
    scores, truth = draw_study(1)
    with pytest.raises(ValueError, match="fewer than two people"):
        delong_covariance(scores, truth, np.where(truth, 0, np.arange(20)))
    with pytest.raises(ValueError, match="without one of the people"):
        jackknife_covariance(scores, truth, np.where(truth, 0, np.arange(20)))
