from dataclasses import replace

import pytest

from marrowmap.measure.acetabulum import AcetabularEdema
from marrowmap.signs.acetabular_edema import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.hips import edema
from tests.signs.hips import hip


def socket(closed_ml, seen=1.0, smallest=0.12, least_rise=50.0):
    result = edema()
    volume = Quantity(closed_ml, "mL", 0.8 * closed_ml, 1.2 * closed_ml)
    fraction = Quantity(closed_ml / 0.6, "%")
    return replace(
        hip(),
        acetabulum=AcetabularEdema(
            result.within,
            result.closed,
            volume,
            fraction,
            volume,
            seen,
            2.0,
            Quantity(smallest, "mL"),
            least_rise,
            "test",
        ),
    )


@pytest.mark.parametrize(
    ("milliliters", "state"), [(0.0, State.ABSENT), (0.3, State.UNDETERMINED), (8.0, State.PRESENT)]
)
def test_how_much_there_is(milliliters, state):
    finding = assess(socket(milliliters))
    assert finding.state is state
    assert f"{milliliters:.1f} mL" in finding.note
    assert finding.smallest_detectable.value == pytest.approx(0.12)


def test_it_points_at_the_edema_it_saw():
    hip_with = socket(8.0)
    assert assess(hip_with).evidence.mask_sha256 == hip_with.acetabulum.closed.sha256


def test_what_is_out_of_view_may_be_present_but_never_absent():
    assert assess(socket(0.0, seen=0.5)).state is State.NOT_ASSESSABLE
    assert assess(socket(8.0, seen=0.5)).state is State.PRESENT


def test_thick_slices_earn_no_absence():
    finding = assess(socket(0.0, smallest=0.8))
    assert finding.state is State.UNDETERMINED
    assert "would not have been seen" in finding.note


def test_a_doubtful_hip_bone_is_not_measured_on():
    finding = assess(replace(hip(), acetabulum_obstacle="the hip bone could not be fitted: edges are 9 mm away"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "9 mm" in finding.note


def test_edema_as_faint_as_the_femur_s_must_stand_out():
    finding = assess(socket(0.0, least_rise=1000.0))
    assert finding.state is State.UNDETERMINED
    assert "faint" in finding.note
