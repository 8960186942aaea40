from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from marrowmap.ingest.exam import Sequence
from marrowmap.measure.neck import NeckMeasurement
from marrowmap.measure.neck_line import NeckLine
from marrowmap.report import AnalysisResult
from marrowmap.report import JointReading
from marrowmap.report.masks import write_masks
from marrowmap.report.neck_figures import draw_neck_line
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State


@pytest.fixture(scope="module")
def broken(result: AnalysisResult) -> AnalysisResult:
    """A line of 9 mm across the left neck, none across the right."""
    t1 = next(s for s in result.exam.series if s.sequence is Sequence.T1)
    fluid = next(s for s in result.exam.series if s.sequence is not Sequence.T1)
    readings = []
    for side in Side:
        femur = next(f for f in result.frames if f.side is side and f.bone == "femur")
        up = np.arange(-12.0, -3.0)
        points = np.stack([np.full(9, 0.5 * femur.head_radius_mm), up, np.zeros(9)], axis=1)
        line = NeckLine(femur, points, "medial", 20.0, 9.0, 10.0, 30.0, 1.0) if side is Side.LEFT else None
        mask = None if line is None else line.mask(t1.volume.grid)
        neck = NeckMeasurement(side, "2025-03-01", femur, t1, fluid, line, mask, 40.0, 1.0)
        readings.append(JointReading(t1, Joint.HIP, side, neck=neck))
    return dataclasses.replace(result, readings=tuple(readings), findings=())


def test_a_line_is_drawn_and_none_is_not(broken: AnalysisResult):
    left, right = (next(r for r in broken.readings if r.side is side) for side in (Side.LEFT, Side.RIGHT))
    picture = draw_neck_line(broken, left)
    assert picture == draw_neck_line(broken, left)
    assert "fracture line: 9 mm long, from the medial cortex, 30 % of the neck's width" in picture.alt
    assert "perhaps" not in picture.alt
    assert draw_neck_line(broken, right) is None


def test_an_undetermined_line_says_so(broken: AnalysisResult):
    left = next(r for r in broken.readings if r.side is Side.LEFT)
    doubt = Finding("neck_fracture_line", Joint.HIP, Side.LEFT, State.UNDETERMINED, 0.5, None, "MR", "", None, "")
    picture = draw_neck_line(dataclasses.replace(broken, findings=(doubt,)), left)
    assert "perhaps a fracture line" in picture.alt


def test_its_mask_is_written(broken: AnalysisResult, tmp_path):
    left = next(r for r in broken.readings if r.side is Side.LEFT)
    (written,) = write_masks(broken, tmp_path)
    assert written.path.endswith("left_neck_line.nii.gz")
    assert written.sha256 == left.neck.mask.sha256
    assert left.neck.mask.array.any()
