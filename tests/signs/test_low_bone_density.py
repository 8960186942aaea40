"""Low bone density by the score that counts, in four states."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.signs.low_bone_density import assess
from marrowmap.values import Joint
from marrowmap.values import Menopause
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure.density_records import record

OLD = {"birth_date": date(1950, 1, 1)}
WOMAN = {"sex": "F", "menopause": Menopause.UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "state", "note"),
    [
        ({"t_score": -2.6, "z_score": -1.5}, State.ABSENT, "Z-score, not T"),
        ({"t_score": -2.6, "z_score": -2.0}, State.PRESENT, "below the expected range for age"),
        ({"t_score": -2.6}, State.NOT_ASSESSABLE, "no Z-score is reported"),
        ({**OLD, "t_score": -2.6, "z_score": 0.0}, State.PRESENT, "no diagnosis is made"),
        ({**OLD, "t_score": -0.9}, State.ABSENT, "normal"),
        ({**WOMAN, "t_score": -2.6, "z_score": -2.1}, State.PRESENT, "menopause not stated"),
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
    near = assess([record(z_score=-2.0)], Joint.HIP, Side.LEFT)
    assert far.state is near.state is State.PRESENT
    assert "total hip" in far.note
    assert far.certainty is not None
    assert near.certainty is not None
    assert far.certainty > 0.99 > near.certainty >= 0.5
