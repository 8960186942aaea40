from dataclasses import replace

import pytest

from marrowmap.measure.fracture_line import HINT_EVIDENCE
from marrowmap.measure.fracture_line import LEAST_SNR
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import SURE_EVIDENCE
from marrowmap.measure.fracture_line import smallest_length_mm
from marrowmap.signs.subchondral_fracture_line import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.heads import dead_hip
from tests.signs.heads import hip_with
from tests.signs.heads import sheet

BLURRED_MM = 7.2


@pytest.mark.parametrize(
    ("evidence", "state"),
    [
        (0.5 * HINT_EVIDENCE, State.ABSENT),
        (0.5 * SEEN_EVIDENCE, State.UNDETERMINED),
        (1.1 * SEEN_EVIDENCE, State.UNDETERMINED),
        (0.9 * SURE_EVIDENCE, State.UNDETERMINED),
        (1.1 * SURE_EVIDENCE, State.PRESENT),
    ],
)
def test_how_much_shows_a_line_decides(evidence, state):
    finding = assess(hip_with(sheets=(sheet(evidence=evidence),)))
    assert finding.state is state
    doubt = "weakly seen" in finding.note or "too weak to measure" in finding.note
    assert doubt == (state is State.UNDETERMINED)
    assert finding.smallest_detectable == Quantity(smallest_length_mm(0.7, 60.0), "mm")


@pytest.mark.parametrize(
    ("length", "thickness", "flags"),
    [
        (12.0, 3.9, []),
        (13.0, 2.0, ["longer than 12.5 mm"]),
        (12.0, 4.2, ["thicker than 4 mm"]),
        (20.0, 4.5, ["longer than 12.5 mm", "thicker than 4 mm"]),
    ],
)
def test_a_thick_or_long_line_is_flagged(length, thickness, flags):
    finding = assess(hip_with(sheets=(sheet(length_mm=length, thickness_mm=thickness),)))
    assert finding.state is State.PRESENT
    assert [flag for flag in ("longer than 12.5 mm", "thicker than 4 mm") if flag in finding.note] == flags
    assert f"{length:.0f} mm long and {thickness:.1f} mm thick, 3.0 mm under the joint surface" in finding.note


@pytest.mark.parametrize(("bow", "shape"), [(2.0, "convex"), (0.2, "parallel"), (-1.0, "parallel"), (-2.0, "concave")])
def test_its_shape_is_said(bow, shape):
    assert f"{shape} to it" in assess(hip_with(sheets=(sheet(bow_mm=bow),))).note


def test_slices_along_the_surface_do_not_rule_a_line_out():
    finding = assess(hip_with(blur_mm=BLURRED_MM))
    assert finding.state is State.NOT_ASSESSABLE
    assert "blur the joint surface over 7.2 mm" in finding.note
    none = assess(hip_with(blur_mm=BLURRED_MM, sheets=(sheet(evidence=0.5 * HINT_EVIDENCE),)))
    assert none.state is State.NOT_ASSESSABLE


def test_noise_does_not_rule_a_line_out():
    finding = assess(hip_with(snr=0.9 * LEAST_SNR))
    assert finding.state is State.NOT_ASSESSABLE
    assert "noise" in finding.note


def test_a_line_seen_in_blurred_slices_is_seen_but_no_size_is_sure():
    finding = assess(hip_with(blur_mm=BLURRED_MM, sheets=(sheet(),)))
    assert finding.state is State.PRESENT
    assert finding.smallest_detectable is None


def test_the_line_with_most_evidence_is_described():
    finding = assess(hip_with(sheets=(sheet(evidence=0.95, length_mm=9.0), sheet(evidence=0.8, length_mm=11.0))))
    assert "9 mm long" in finding.note


def test_a_band_is_not_called_a_fracture_line():
    assert assess(dead_hip()).state is State.ABSENT


def test_a_line_beside_a_band_is_still_a_line():
    dead = dead_hip()
    assert assess(replace(dead, head=replace(dead.head, sheets=(sheet(),)))).state is State.PRESENT
