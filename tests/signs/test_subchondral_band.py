import pytest

from marrowmap.signs.subchondral_band import LEAST_PERCENT
from marrowmap.signs.subchondral_band import SHALLOW_RATIO
from marrowmap.signs.subchondral_band import SMALLEST_PERCENT
from marrowmap.signs.subchondral_band import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.heads import dead_hip
from tests.signs.heads import hip_with
from tests.signs.heads import sheet


def test_a_segment_is_a_band():
    finding = assess(dead_hip(20.0))
    assert finding.state is State.PRESENT
    assert finding.smallest_detectable == Quantity(SMALLEST_PERCENT, "%")
    assert "20 % of the head" in finding.note
    assert "closed to the joint surface" in finding.note


@pytest.mark.parametrize("length", [8.0, 14.0, 25.0])
@pytest.mark.parametrize("thickness", [1.0, 5.0])
@pytest.mark.parametrize("bow", [-3.0, 0.0, 3.0])
def test_a_fracture_line_never_makes_a_band(length, thickness, bow):
    line = sheet(evidence=200.0, length_mm=length, thickness_mm=thickness, bow_mm=bow)
    assert assess(hip_with(sheets=(line,))).state is State.ABSENT


@pytest.mark.parametrize(("percent", "extent"), [(10.0, "A"), (22.0, "B"), (45.0, "C")])
def test_its_extent_is_said(percent, extent):
    assert f"Steinberg extent {extent}" in assess(dead_hip(percent)).note


def test_too_small_a_segment_is_undetermined_not_absent():
    finding = assess(dead_hip(0.5 * LEAST_PERCENT))
    assert finding.state is State.UNDETERMINED
    assert "too small to be sure" in finding.note


@pytest.mark.parametrize("deepest", [None, 0.5 * SHALLOW_RATIO])
def test_so_shallow_a_band_could_be_a_fracture_line(deepest):
    finding = assess(dead_hip(20.0, ratio=None, deepest=deepest))
    assert finding.state is State.UNDETERMINED
    assert "may be a fracture line" in finding.note


def test_ratios_stand_beside_their_cut_offs():
    note = assess(dead_hip(20.0, ratio=0.281, deepest=0.334)).note
    assert "0.28 mid-coronal (cut-off 0.22)" in note
    assert "0.33 at most (cut-off 0.38)" in note
    assert "not cut mid-coronal" in assess(dead_hip(20.0, ratio=None)).note


def test_more_dead_bone_is_surer():
    small, large, huge = (assess(dead_hip(percent)).certainty for percent in (5.0, 25.0, 60.0))
    assert small < large < huge <= 0.99


def test_an_edge_without_a_line_is_no_band_but_not_earned_absence():
    finding = assess(hip_with(line_share=0.2))
    assert finding.state is State.UNDETERMINED
    assert "a line is seen along 20 % of it" in finding.note
    assert assess(hip_with()).state is State.ABSENT
