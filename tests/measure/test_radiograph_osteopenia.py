"""Judging a side-compared index."""

from __future__ import annotations

import pytest

from marrowmap.measure.radiograph_osteopenia import judge_osteopenia
from marrowmap.values import Quantity
from marrowmap.values import State


def index(value, sd=0.03):
    return Quantity(value, "1", value - 1.96 * sd, value + 1.96 * sd + 0.1)


@pytest.mark.parametrize("weeks", [None, 3.0, 20.0])
def test_a_large_loss_is_present_whatever_the_weeks(weeks):
    state, certainty, _, _ = judge_osteopenia(index(0.25), weeks=weeks)
    assert state is State.PRESENT
    assert certainty > 0.99


def test_a_small_loss_is_left_open():
    assert judge_osteopenia(index(0.08), weeks=20.0)[0] is State.UNDETERMINED


def test_absence_is_earned_late_and_with_a_precise_film():
    state, certainty, smallest, _ = judge_osteopenia(index(-0.02), weeks=20.0)
    assert state is State.ABSENT
    assert 0.5 < certainty < 1
    assert 15 < smallest.value < 20
    assert judge_osteopenia(index(-0.02, sd=0.12), weeks=20.0)[0] is State.UNDETERMINED


def test_a_normal_film_early_or_without_onset_is_no_evidence_against():
    state, certainty, _, note = judge_osteopenia(index(0.0), weeks=5.0)
    assert state is State.NOT_ASSESSABLE
    assert certainty is None
    assert "5 weeks" in note
    assert judge_osteopenia(index(0.0), weeks=8.0)[0] is State.ABSENT
    state, _, _, note = judge_osteopenia(index(0.0))
    assert state is State.UNDETERMINED
    assert "onset is unknown" in note


def test_natural_difference_counts():
    assert judge_osteopenia(index(0.15), natural_sd=0.0)[0] is State.PRESENT
    assert judge_osteopenia(index(0.15), natural_sd=0.10)[0] is State.UNDETERMINED


def test_what_cannot_be_judged_says_so():
    with pytest.raises(ValueError, match="has no interval"):
        judge_osteopenia(Quantity(0.1, "1"))
    with pytest.raises(ValueError, match="not be negative"):
        judge_osteopenia(index(0.1), weeks=-1.0)
