from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from marrowmap.readers.auc import areas
from marrowmap.readers.auc import areas_without_each
from marrowmap.readers.auc import resampled_areas
from tests.readers.studies import draw_study


def area_by_pairs(scores, truth):
    pairs = [(p > n) + 0.5 * (p == n) for p in scores[truth] for n in scores[~truth]]
    return float(np.mean(pairs)) if pairs else None


@settings(max_examples=25)
@given(st.integers(0, 500))
def test_the_share_of_pairs_in_order(seed):
    scores, truth = draw_study(seed)
    for index in np.ndindex(scores.shape[:2]):
        assert areas(scores, truth)[index] == pytest.approx(area_by_pairs(scores[index], truth))


@settings(max_examples=25)
@given(st.integers(0, 500))
def test_leaving_out_each_person_in_closed_form(seed):
    scores, truth = draw_study(seed)
    people = np.random.default_rng(seed).integers(0, 8, len(truth))
    without = areas_without_each(scores, truth, people)
    for number, person in enumerate(np.unique(people)):
        kept = people != person
        expected = area_by_pairs(scores[1, 2, kept], truth[kept])
        if expected is None:
            assert np.isnan(without[number, 1, 2])
        else:
            assert without[number, 1, 2] == pytest.approx(expected)


def test_draws_keep_the_numbers_of_people_and_their_mean():
    scores, truth = draw_study(3, positive=30, negative=30)
    people = np.arange(60) // 2
    drawn = resampled_areas(scores, truth, people, samples=400, seed=1)
    assert drawn.shape == (400, 2, 3)
    assert drawn.mean(axis=0) == pytest.approx(areas(scores, truth), abs=0.01)
    assert np.array_equal(drawn, resampled_areas(scores, truth, people, samples=400, seed=1))
