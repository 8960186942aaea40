from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.dxa_regions import BELOW_TIP_MM
from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.anatomy.dxa_regions import dxa_frame
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.values import Side


def posed(side, turn=(0.0, 0.0, 0.0)):
    vertices = side_shape("femur", side).mean @ Rotation.from_euler("xyz", turn, degrees=True).as_matrix().T
    marks = landmarks(vertices)
    return vertices, marks, dxa_frame(marks["head_center"], axes(vertices), marks)


@pytest.mark.parametrize("side", list(Side))
def test_landmarks_lie_in_their_regions(side):
    _, marks, frame = posed(side, (12.0, -6.0, 15.0))

    def region(point):
        number = int(frame.name_regions(frame.to_plane(point)))
        return DXA_REGIONS[number - 1] if number else ""

    tip = marks["lesser_trochanter_tip"]
    assert region(marks["head_center"]) == ""
    assert region(marks["neck_center"]) == "femoral_neck"
    assert region(marks["greater_trochanter_tip"]) == "greater_trochanter"
    assert region(tip) == "intertrochanteric"
    assert region(tip + (BELOW_TIP_MM - 1) * frame.distal) == "intertrochanteric"
    assert region(tip + (BELOW_TIP_MM + 1) * frame.distal) == ""
    assert region(marks["shaft_distal"]) == ""


def test_neck_box_is_fifteen_millimeters_long():
    _, _, frame = posed(Side.LEFT)
    along = np.arange(0, 60, 0.05)
    label = frame.name_regions(along[:, None] * frame.neck)
    assert (label == 1).sum() * 0.05 == pytest.approx(15.0, abs=0.1)
    moved = frame.name_regions(along[:, None] * frame.neck, 3.0)
    assert along[np.argmax(moved == 1)] - along[np.argmax(label == 1)] == pytest.approx(3.0, abs=0.1)


def test_both_sides_are_mirrored():
    (left, _, a), (right, _, b) = posed(Side.LEFT), posed(Side.RIGHT)
    assert np.allclose(a.to_plane(left), b.to_plane(right), atol=1e-6)
    assert (a.name_regions(a.to_plane(left)) == b.name_regions(b.to_plane(right))).all()


def test_turning_the_leg_changes_nothing_in_bone_coordinates():
    (still, _, a), (turned, _, b) = posed(Side.LEFT), posed(Side.LEFT, (20.0, 5.0, -25.0))
    assert np.allclose(a.to_plane(still), b.to_plane(turned), atol=1e-6)
