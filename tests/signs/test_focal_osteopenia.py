import dataclasses
from types import SimpleNamespace

import pytest

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.radiograph import RadiographHip
from marrowmap.signs import crescent
from marrowmap.signs import focal_osteopenia
from marrowmap.signs import head_collapse
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

FILM = SimpleNamespace(uid="1.2", instance_uid="1.2.3", modality="DX")


def hip(*, weeks=None, index=None, **film):
    shown = RadiographHip(Side.LEFT, "2026-01-05", FILM, index=index or {}, **film)
    return HipMeasurement(Side.LEFT, "2026-01-05", None, None, obstacle="no MRI", radiograph=shown, weeks=weeks)


def lost(value, error=0.03):
    return {"head_and_neck": Quantity(value, "1", value - 1.96 * error, value + 1.96 * error)}


def test_without_a_radiograph_nothing_is_said():
    finding = focal_osteopenia.assess(HipMeasurement(Side.LEFT, "", None, None))
    assert (finding.state, finding.note) == (State.NOT_ASSESSABLE, "there is no radiograph")


def test_why_a_film_was_not_measured_is_told():
    told = dataclasses.replace(hip(), radiograph=None, radiograph_obstacle="the view is lateral")
    assert focal_osteopenia.assess(told).note == "the view is lateral"
    blurred = hip(index_obstacle="the beam reached less than half")
    assert focal_osteopenia.assess(blurred).note == "the beam reached less than half"


@pytest.mark.parametrize("weeks", [None, 2.0, 20.0])
def test_a_clear_loss_is_present_at_any_time(weeks):
    finding = focal_osteopenia.assess(hip(weeks=weeks, index=lost(0.3)))
    assert finding.state is State.PRESENT
    assert (finding.modality, finding.evidence.series_uid) == ("DX", "1.2")


def test_a_normal_film_speaks_by_the_weeks_since_pain_began():
    def state(weeks):
        return focal_osteopenia.assess(hip(weeks=weeks, index=lost(-0.02))).state

    assert state(3.0) is State.NOT_ASSESSABLE
    assert state(7.9) is State.NOT_ASSESSABLE
    assert state(None) is State.UNDETERMINED
    assert state(12.0) is State.ABSENT


def test_a_crescent_is_not_read_from_a_frontal_film():
    assert crescent.assess(hip()).state is State.NOT_ASSESSABLE


@pytest.mark.parametrize(("depth", "state"), [(3.0, State.PRESENT), (1.0, State.UNDETERMINED)])
def test_an_outline_that_has_sunk(depth, state):
    film = hip(depression=Quantity(depth, "mm", depth - 0.8, depth + 0.8))
    assert head_collapse.assess(film).state is state


def test_an_outline_that_is_not_measured_says_nothing():
    finding = head_collapse.assess(hip(length_obstacle="the magnification is unknown"))
    assert (finding.state, finding.note) == (State.NOT_ASSESSABLE, "the magnification is unknown")
