from dataclasses import replace

import pytest

from marrowmap.measure.effusion import Effusion
from marrowmap.signs.effusion import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.hips import hip


@pytest.mark.parametrize(
    ("milliliters", "state"), [(0.8, State.ABSENT), (4.0, State.UNDETERMINED), (12.0, State.PRESENT)]
)
def test_more_than_well_hips_hold(milliliters, state):
    well = hip()
    volume = Quantity(milliliters, "mL", 0.8 * milliliters, 1.2 * milliliters)
    finding = assess(replace(well, effusion=Effusion(well.edema.closed, volume, Quantity(1.0, "mL"), "")))
    assert finding.state is state
    assert "Moss 1998" in finding.note


def test_unmeasured_fluid_is_not_absent_fluid():
    finding = assess(replace(hip(), effusion_obstacle="the capsule lies outside the images"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "outside the images" in finding.note
