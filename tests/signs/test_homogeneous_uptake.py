from __future__ import annotations

import pytest

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs import homogeneous_uptake
from marrowmap.signs.uptake_judgement import least_raise
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure import spect_hips as made


def _judge(kind: str, side: Side):
    return homogeneous_uptake.assess(HipMeasurement(side, "", None, None, spect=made.hips(kind)[side]))


@pytest.mark.parametrize(
    ("kind", "side", "state"),
    [
        ("hot", Side.LEFT, State.PRESENT),
        ("hot", Side.RIGHT, State.ABSENT),
        ("well", Side.LEFT, State.ABSENT),
    ],
)
def test_state_follows_uptake(kind, side, state):
    found = _judge(kind, side)
    assert found.state is state
    assert found.modality == "NM"
    assert found.smallest_detectable == least_raise(made.hips(kind)[side])
    assert found.smallest_detectable.value > 1
    assert "times the usual" in found.note


def test_without_a_scan_nothing_is_said():
    found = homogeneous_uptake.assess(HipMeasurement(Side.LEFT, "", None, None))
    assert found.state is State.NOT_ASSESSABLE
    assert "SPECT" in found.note
