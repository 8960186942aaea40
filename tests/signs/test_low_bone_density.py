"""Low bone density by the score that counts, in four states."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from marrowmap.measure.density_scores import score_error
from marrowmap.signs.low_bone_density import assess
from marrowmap.values import Joint
from marrowmap.values import Menopause
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure.density_records import record
from tests.measure.test_density_change import own_study

OLD = {"birth_date": date(1950, 1, 1)}
WOMAN = {"sex": "F", "menopause": Menopause.UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "state", "note"),
    [
        ({"t_score": -2.6, "z_score": -1.5}, State.ABSENT, "Z-score, not T"),
        ({"t_score": -2.6, "z_score": -2.6}, State.PRESENT, "below the expected range for age"),
        ({"t_score": -2.6, "z_score": -2.0}, State.UNDETERMINED, "−2.0 lies within its measurement error"),
        ({"t_score": -2.6, "z_score": -1.7}, State.UNDETERMINED, "within the expected range for age"),
        ({"t_score": -2.6}, State.NOT_ASSESSABLE, "no Z-score is reported"),
        ({**OLD, "t_score": -2.6, "z_score": 0.0}, State.PRESENT, "no diagnosis is made"),
        ({**OLD, "t_score": -2.4, "z_score": 0.0}, State.PRESENT, "low bone mass by WHO's limits (−2.5 lies within"),
        ({**OLD, "t_score": 0.2}, State.ABSENT, "normal"),
        ({**OLD, "t_score": -0.9}, State.UNDETERMINED, "−1.0 lies within its measurement error"),
        ({**OLD, "t_score": -1.1}, State.UNDETERMINED, "low bone mass"),
        ({**WOMAN, "t_score": -3.0, "z_score": -2.7}, State.PRESENT, "menopause not stated"),
        ({**WOMAN, "t_score": -2.6, "z_score": -2.1}, State.UNDETERMINED, "within measurement error"),
        ({**WOMAN, "t_score": -2.0, "z_score": -1.0}, State.UNDETERMINED, "different things"),
        ({**WOMAN, "t_score": -2.0}, State.UNDETERMINED, "no Z-score"),
        ({"sex": "", "t_score": -2.1}, State.NOT_ASSESSABLE, "sex not stated"),
        ({**OLD, "region": "greater_trochanter", "t_score": -3.0}, State.NOT_ASSESSABLE, "not among the regions"),
    ],
)
def test_four_states(changes, state, note):
    finding = assess([record(**changes)], Joint.HIP, Side.LEFT)
    assert finding.state is state
    assert note in finding.note
    assert "osteoporosis" not in finding.note


def test_the_knee_is_not_classified():
    finding = assess([record(region="distal_femur", t_score=-3.0)], Joint.KNEE, Side.LEFT)
    assert finding.state is State.NOT_ASSESSABLE


def test_the_lowest_region_decides_and_certainty_falls_toward_the_limit():
    far = assess([record(z_score=-0.2), record(region="total_hip", z_score=-3.0)], Joint.HIP, Side.LEFT)
    near = assess([record(z_score=-2.5)], Joint.HIP, Side.LEFT)
    assert far.state is near.state is State.PRESENT
    assert "total hip" in far.note
    assert far.certainty > 0.999 > near.certainty > 0.95


def test_a_better_machine_tells_more():
    """The error is that of the site's own study where there is one."""
    close = record(z_score=-2.2)
    assert assess([close], Joint.HIP, Side.LEFT).state is State.UNDETERMINED
    study = own_study(3, sd=0.006)
    assert assess([close], Joint.HIP, Side.LEFT, (study,)).state is State.PRESENT


@pytest.mark.parametrize("truth", [-2.0, -1.999])
def test_people_at_the_limit_are_called_in_at_most_one_of_twenty(truth):
    """Two regions at the limit itself, measured with the error that is taken: any call is right by chance only."""
    rng = np.random.default_rng(4)
    error = score_error(record(z_score=truth))
    people, called = 1000, 0
    for neck, total in truth + error * rng.normal(size=(people, 2)):
        scans = [record(z_score=float(neck)), record(z_score=float(total), region="total_hip", bmd=1.2421)]
        called += assess(scans, Joint.HIP, Side.LEFT).state is not State.UNDETERMINED
    # What 5 % may be by chance.
    assert 0 < called <= 0.05 * people + 2 * math.sqrt(0.05 * 0.95 * people)


def test_an_absence_says_what_would_have_been_seen():
    finding = assess([record(z_score=0.5)], Joint.HIP, Side.LEFT)
    assert 2.3 < finding.smallest_detectable.value < 2.6
