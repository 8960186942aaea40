from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from marrowmap.measure.head_map import unroll
from marrowmap.report import AnalysisResult
from marrowmap.report.head_chart import UNDER_MM
from marrowmap.report.head_chart import band_depth_mm
from marrowmap.report.head_chart import chart_head
from marrowmap.report.head_chart import line_depth_mm
from marrowmap.report.head_chart import see_head
from marrowmap.report.head_chart import sunken_mm
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

from .conftest import HEAD_RADIUS
from .heads import BALL_AT_MM
from .heads import BALL_MM
from .heads import DENT_MM
from .heads import LINE_DEG
from .heads import LINE_DEPTH_MM
from .heads import make_line
from .heads import make_segment
from .heads import make_surface
from .heads import toward


def _femur(result: AnalysisResult, side: Side):
    return next(f for f in result.frames if f.side is side and f.bone == "femur")


@pytest.mark.parametrize("side", list(Side))
def test_the_band_lies_as_deep_as_the_ball_reaches(result: AnalysisResult, side: Side) -> None:
    femur = _femur(result, side)
    middle = toward(femur, lateral=0.3, anterior=0.5)
    unrolled = unroll(femur)
    depth = band_depth_mm(unrolled, make_segment(femur, middle))
    # A ball of radius b around c: the ray t d leaves it toward the center at t = d.c - sqrt((d.c)^2 - c^2 + b^2).
    along = BALL_AT_MM * (unrolled.directions @ middle)
    root = along**2 - BALL_AT_MM**2 + BALL_MM**2
    reach = np.sqrt(np.maximum(root, 0))
    truth = unrolled.radius_mm - (along - reach)
    meets = unrolled.shown & (root > 0) & (unrolled.radius_mm - along - reach < UNDER_MM) & (truth > UNDER_MM)
    seen = np.isfinite(depth)
    assert (seen & meets).sum() / (seen | meets).sum() > 0.95
    both = seen & (root > 15) & meets
    assert np.percentile(np.abs(depth - truth)[both], 95) < 0.8


@pytest.mark.parametrize("side", list(Side))
def test_lateral_is_right_and_anterior_is_up_in_both_hips(heads: AnalysisResult, side: Side) -> None:
    femur = _femur(heads, side)
    reading = next(r for r in heads.readings if r.head is not None)
    assert reading.head is not None
    chart = chart_head(dataclasses.replace(reading.head, femur=femur), see_head(heads, reading))
    assert chart is not None
    at, shown = chart.place_mm(np.stack([toward(femur, lateral=0.5), toward(femur, anterior=0.5), toward(femur)]))
    assert shown.all()
    assert at[0, 0] > 5
    assert abs(at[0, 1]) < 0.5
    assert at[1, 1] > 5
    assert abs(at[1, 0]) < 0.5
    assert np.allclose(at[2], 0, atol=1e-6)
    # The same side in the patient, too: lateral is away from the midline, anterior to the front (LPS).
    assert (femur.to_world(toward(femur, lateral=0.5)) - femur.head_center_mm)[0] * side.sign > 0
    assert (femur.to_world(toward(femur, anterior=0.5)) - femur.head_center_mm)[1] < 0


def test_a_fracture_line_keeps_depth_and_area(result: AnalysisResult) -> None:
    femur = _femur(result, Side.LEFT)
    unrolled = unroll(femur)
    depth = line_depth_mm(unrolled, [make_line(femur, toward(femur))])
    seen = np.isfinite(depth)
    assert np.allclose(depth[seen], LINE_DEPTH_MM, atol=1e-6)
    cap = 2 * np.pi * HEAD_RADIUS**2 * (1 - np.cos(np.radians(LINE_DEG)))
    assert seen.sum() * unrolled.pixel_mm2 == pytest.approx(cap, rel=0.2)


def test_only_the_piece_around_the_greatest_depression_is_drawn(result: AnalysisResult) -> None:
    femur = _femur(result, Side.LEFT)
    surface = make_surface(femur, toward(femur))
    other = surface.directions @ toward(femur, lateral=-2.0) > 0.98
    surface = dataclasses.replace(surface, sunken_mm=np.where(other, 1.5, surface.sunken_mm))
    unrolled = unroll(femur)
    drawn = sunken_mm(unrolled, surface)
    assert np.nanmax(drawn) == pytest.approx(DENT_MM, abs=0.1)
    place = np.isfinite(drawn)
    assert (unrolled.directions[place] @ toward(femur)).min() > 0.8


@pytest.mark.parametrize(
    ("state", "drawn"),
    [(State.PRESENT, True), (State.UNDETERMINED, True), (State.ABSENT, False), (State.NOT_ASSESSABLE, False)],
)
def test_what_is_absent_is_not_drawn(heads: AnalysisResult, state: State, drawn: bool) -> None:
    reading = next(r for r in heads.readings if r.head is not None and r.side is Side.LEFT)
    model = heads.findings[0]
    certainty = None if state is State.NOT_ASSESSABLE else 0.5
    smallest = Quantity(1.0, "mm")
    findings = tuple(
        dataclasses.replace(
            model, sign=sign, side=Side.LEFT, state=state, certainty=certainty, smallest_detectable=smallest
        )
        for sign in ("subchondral_band", "subchondral_fracture_line", "head_collapse")
    )
    seen = see_head(dataclasses.replace(heads, findings=findings), reading)
    assert (seen.segment is not None) is drawn
    assert bool(seen.lines) is drawn
    assert (seen.surface is not None) is drawn
    assert bool(seen.doubtful & {"head_collapse"}) is (state is State.UNDETERMINED)


def test_a_dark_sheet_at_the_underside_is_no_line_under_the_joint_surface(heads: AnalysisResult) -> None:
    reading = next(r for r in heads.readings if r.head is not None and r.side is Side.LEFT)
    assert reading.head is not None
    low = make_line(reading.head.femur, -toward(reading.head.femur))
    head = dataclasses.replace(reading.head, sheets=(low, *reading.head.sheets))
    seen = see_head(heads, dataclasses.replace(reading, head=head))
    assert seen.lines == reading.head.sheets
