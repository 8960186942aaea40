import numpy as np
import pytest

from marrowmap.signs.head_collapse import ABSENT_MM
from marrowmap.signs.head_collapse import PRESENT_MM
from marrowmap.signs.head_collapse import SMALLEST_MM
from marrowmap.signs.head_collapse import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.heads import hip_with
from tests.signs.heads import surface


@pytest.mark.parametrize(
    ("depression", "state"),
    [
        (-0.4, State.ABSENT),
        (ABSENT_MM, State.ABSENT),
        ((PRESENT_MM + ABSENT_MM) / 2, State.UNDETERMINED),
        (PRESENT_MM, State.PRESENT),
        (4.0, State.PRESENT),
    ],
)
def test_how_far_the_surface_has_sunk_decides(depression, state):
    finding = assess(hip_with(surface=surface(depression)))
    assert finding.state is state
    assert f"{max(depression, 0.0):.1f} mm within the head's own shape" in finding.note
    assert finding.smallest_detectable == Quantity(SMALLEST_MM, "mm")
    assert ("too close to call" in finding.note) == (state is State.UNDETERMINED)


def test_the_further_from_the_limits_the_surer():
    flat, nearly, sunken, deep = (
        assess(hip_with(surface=surface(depth))).certainty for depth in (0.0, ABSENT_MM, PRESENT_MM, 4.0)
    )
    assert flat > nearly > 0.5
    assert deep > sunken > 0.5


@pytest.mark.parametrize("seen", [None, surface(0.0, np.inf)])
def test_a_surface_that_is_not_seen_is_not_sound(seen):
    finding = assess(hip_with(surface=seen))
    assert finding.state is State.NOT_ASSESSABLE
    assert "too little of the joint surface" in finding.note
