from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.crescent import Cleft
from marrowmap.measure.crescent import CleftSearch
from marrowmap.measure.ct_head import CtHead
from marrowmap.signs.crescent import assess
from marrowmap.values import Side
from marrowmap.values import State
from tests.signs.heads import BALL
from tests.signs.heads import dead_hip
from tests.signs.heads import hip_with
from tests.signs.heads import sheet
from tests.signs.heads import unread_hips


@pytest.mark.parametrize(
    "hip", [hip_with(), hip_with(sheets=(sheet(),)), dead_hip(), *unread_hips().values()], ids=lambda _: ""
)
def test_mri_never_answers_for_a_radiograph(hip):
    finding = assess(hip)
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.certainty is None
    assert "radiograph or CT" in finding.note


def cleft(**values) -> Cleft:
    """A fluid-filled cleft of the usual size, with what is given."""
    usual = {
        "place": np.ones((2, 2), bool),
        "depth_mm": 2.4,
        "thickness_mm": 1.4,
        "half_width_mm": 1.5,
        "length_mm": 18.0,
        "longest_mm": 20.0,
        "area_mm2": 220.0,
        "darkness_hu": 150.0,
        "filling": "fluid",
    }
    return Cleft(**usual | values)


def in_ct(*clefts: Cleft, smallest_mm: float = 0.3, by_chance_mm2: float = 50.0, obstacle: str = ""):
    """The finding of a hip whose CT showed these sheets."""
    hip = hip_with()
    search = None if obstacle else CleftSearch(clefts, 50.0, 250.0, by_chance_mm2, smallest_mm)
    ct = replace(hip.series, modality="CT", uid="1.2.9", instance_uids=("1.2.9.1",))
    return assess(replace(hip, ct_head=CtHead(Side.LEFT, "2026-01-05", BALL, ct, search=search, obstacle=obstacle)))


def test_a_cleft_in_ct_is_a_crescent():
    finding = in_ct(cleft())
    assert finding.state is State.PRESENT
    assert finding.modality == "CT"
    assert finding.evidence.series_uid == "1.2.9"
    assert finding.certainty > 0.9
    assert "18 mm long" in finding.note
    assert finding.smallest_detectable.value < 1.4


def test_no_cleft_is_absent_with_what_would_have_shown():
    finding = in_ct()
    assert finding.state is State.ABSENT
    assert finding.smallest_detectable.unit == "mm"
    assert "would show" in finding.note


@pytest.mark.parametrize(
    "other",
    [
        cleft(half_width_mm=3.5, thickness_mm=1.0),
        cleft(half_width_mm=4.5, thickness_mm=4.5, longest_mm=9.0, area_mm2=95.0),
        cleft(longest_mm=40.0, area_mm2=100.0),
        cleft(depth_mm=1.25),
    ],
    ids=["texture", "cyst", "thread", "plate"],
)
def test_what_is_no_sheet_is_no_crescent(other):
    assert in_ct(other).state is State.ABSENT


def test_small_ones_and_those_that_chance_makes_stay_open():
    assert in_ct(cleft(longest_mm=8.0, area_mm2=45.0)).state is State.UNDETERMINED
    assert in_ct(cleft(), by_chance_mm2=200.0).state is State.UNDETERMINED
    assert in_ct(cleft(longest_mm=5.0, area_mm2=20.0)).state is State.ABSENT


def test_where_no_cleft_would_show_none_seen_says_nothing():
    finding = in_ct(smallest_mm=0.8)
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.modality == "CT"
    assert "says nothing" in finding.note
    assert in_ct(cleft(), smallest_mm=0.8).state is State.PRESENT


def test_an_unsuitable_ct_says_why():
    finding = in_ct(obstacle="slices measure 3.0 mm")
    assert (finding.state, finding.certainty) == (State.NOT_ASSESSABLE, None)
    assert finding.note == "slices measure 3.0 mm"
