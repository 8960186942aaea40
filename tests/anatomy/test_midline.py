"""The midline measures true arc length from the intertrochanteric plane."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.anatomy import Midline
from marrowmap.anatomy.bone_frame import BoneFrame


@pytest.fixture(scope="module")
def line(left_frames: list[BoneFrame]) -> Midline:
    return Midline.of(left_frames[0])


def test_it_runs_from_the_head_center_to_the_shaft(line: Midline, left_frames: list[BoneFrame]) -> None:
    femur = left_frames[0]
    assert line.curve_mm[0] == pytest.approx(femur.head_center_mm, abs=1e-6)
    assert line.curve_mm[-1] == pytest.approx(femur.landmarks["shaft_distal"], abs=1e-6)
    neck = line.curve_mm[10] - line.curve_mm[0]
    assert neck @ femur.axes[:, 0] / np.linalg.norm(neck) > 0.99
    point, normal = femur.intertrochanteric_plane
    assert abs((line.positions(0.0) - point) @ normal) < 0.05
    assert line.arc_mm[0] < 0 < line.arc_mm[-1]


def test_positions_are_arc_length(line: Midline) -> None:
    s = np.linspace(line.arc_mm[0], line.arc_mm[-1], 400)
    steps = np.linalg.norm(np.diff(line.positions(s), axis=0), axis=1)
    assert steps.sum() == pytest.approx(s[-1] - s[0], rel=2e-3)
    assert steps == pytest.approx(np.diff(s), rel=0.02)


def test_there_and_back(line: Midline) -> None:
    @given(st.floats(-80, 220))
    def check(s: float) -> None:
        assert line.arc_length(line.positions(s)) == pytest.approx(s, abs=0.05)

    check()
