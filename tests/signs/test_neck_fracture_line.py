from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.neck import NeckMeasurement
from marrowmap.measure.neck_line import HINT_EVIDENCE
from marrowmap.measure.neck_line import SURE_EVIDENCE
from marrowmap.measure.neck_line import NeckLine
from marrowmap.measure.neck_line import smallest_length_mm
from marrowmap.signs.neck_fracture_line import assess
from marrowmap.values import Quantity
from marrowmap.values import State
from tests.signs.heads import BALL
from tests.signs.heads import hip_with


def neck_line(evidence: float = 1.0, length_mm: float = 9.0) -> NeckLine:
    return NeckLine(BALL, np.array([[20.0, -10.0, 0.0]]), "medial", 25.0, length_mm, 12.0, 30.0, evidence)


def hip(**given):
    plain = hip_with()
    measured = {"snr": 60.0, "blur_mm": 1.0} | given
    return replace(plain, neck=NeckMeasurement(plain.side, "2026-01-05", BALL, plain.head.t1, plain.series, **measured))


@pytest.mark.parametrize(
    ("line", "state"),
    [
        (None, State.ABSENT),
        (neck_line(1.01 * HINT_EVIDENCE), State.UNDETERMINED),
        (neck_line(0.99 * SURE_EVIDENCE), State.UNDETERMINED),
        (neck_line(1.01 * SURE_EVIDENCE), State.PRESENT),
    ],
)
def test_how_much_shows_a_line_decides(line, state):
    finding = assess(hip(line=line))
    assert finding.state is state
    assert ("weakly seen" in finding.note) == (state is State.UNDETERMINED)
    assert finding.smallest_detectable == Quantity(smallest_length_mm(1.0, 60.0), "mm")
    assert finding.modality == "MR"
    assert finding.evidence.series_uid == "1.2.1"


@pytest.mark.parametrize(("length", "wide"), [(14.0, False), (15.5, True)])
def test_a_line_across_half_of_the_neck_is_flagged(length, wide):
    finding = assess(hip(line=neck_line(length_mm=length)))
    assert ("50 % or more of the neck" in finding.note) == wide
    assert f"{length:.0f} mm long from the medial cortex" in finding.note


def test_blur_or_noise_does_not_rule_a_line_out():
    for poor in ({"blur_mm": 9.0}, {"snr": 2.0}):
        finding = assess(hip(**poor))
        assert finding.state is State.NOT_ASSESSABLE
        assert "a line might not show" in finding.note


def test_a_line_seen_in_blurred_slices_is_seen_but_no_size_is_sure():
    finding = assess(hip(blur_mm=9.0, line=neck_line()))
    assert finding.state is State.PRESENT
    assert finding.smallest_detectable is None


def test_what_was_not_looked_at_is_not_assessable():
    without_t1 = assess(hip(obstacle="there is no T1 series"))
    assert without_t1.state is State.NOT_ASSESSABLE
    assert "there is no T1 series" in without_t1.note
    unread = assess(replace(hip(), neck=None))
    assert unread.state is State.NOT_ASSESSABLE
    assert "the neck was not read" in unread.note
    outside = assess(replace(hip(), neck=None, obstacle="the femur lies outside"))
    assert "the femur lies outside" in outside.note
