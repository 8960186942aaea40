from dataclasses import replace

import pytest

from marrowmap.signs.intertrochanteric_demarcation import assess
from marrowmap.values import State
from tests.signs.hips import blind
from tests.signs.hips import hip
from tests.signs.hips import profile

ILL = {"femoral_head": 80.0, "femoral_neck": 90.0}


@pytest.mark.parametrize(
    ("position", "width", "state"),
    [
        (0.0, 6.0, State.PRESENT),
        (-8.0, 12.0, State.PRESENT),
        (40.0, 6.0, State.ABSENT),  # deep into the shaft
        (0.0, 35.0, State.ABSENT),  # fades
        (None, None, State.UNDETERMINED),
    ],
)
def test_place_and_sharpness(position, width, state):
    finding = assess(replace(hip(**ILL), boundary=profile(position, width, "edema reaches the end of the view")))
    assert finding.state is state
    assert finding.note


def test_without_edema_there_is_no_edge():
    finding = assess(hip())
    assert finding.state is State.ABSENT
    assert finding.certainty > 0.9
    assert "no edema" in finding.note


def test_the_plane_must_be_in_view():
    assert assess(blind(hip(**ILL), "intertrochanteric")).state is State.NOT_ASSESSABLE
