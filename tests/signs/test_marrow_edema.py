from dataclasses import replace

import pytest

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.marrow_edema import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.hips import blind
from tests.signs.hips import hip


def holding(volume_ml: float, smallest_ml: float = 0.1) -> HipMeasurement:
    measured = hip()
    edema = replace(
        measured.edema,
        edema_volume=Quantity(volume_ml, "mL", 0.9 * volume_ml, 1.1 * volume_ml),
        smallest_detectable=Quantity(smallest_ml, "mL"),
    )
    return replace(measured, edema=edema)


@pytest.mark.parametrize(
    ("volume_ml", "state"),
    [(0.0, State.ABSENT), (0.3, State.ABSENT), (0.6, State.UNDETERMINED), (1.0, State.PRESENT), (60.0, State.PRESENT)],
)
def test_any_edema_of_the_femur(volume_ml, state):
    finding = assess(holding(volume_ml))
    assert finding.state is state
    assert f"{volume_ml:.1f} mL" in finding.note


def test_more_edema_is_more_certain():
    at_limit, little, much = (assess(holding(volume)).certainty for volume in (1.0, 1.3, 20.0))
    assert at_limit == pytest.approx(0.5)
    assert at_limit < little < much <= 1


def test_what_would_not_have_been_seen_is_not_absent():
    assert assess(holding(0.0, smallest_ml=1.5)).state is State.UNDETERMINED
    finding = assess(blind(holding(0.0), "intertrochanteric"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "intertrochanteric" in finding.note


def test_edema_counts_where_part_of_the_femur_is_not_in_view():
    assert assess(blind(holding(5.0), "intertrochanteric")).state is State.PRESENT


def test_nothing_measured_is_not_absent():
    finding = assess(replace(hip(), edema=None, obstacle="there is no fat-suppressed series"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "fat-suppressed" in finding.note
