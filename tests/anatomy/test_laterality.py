"""Tags against what is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy import image_side
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.values import Side
from tests.anatomy.conftest import make_series


@pytest.fixture
def pair(left_frames: list[BoneFrame]) -> tuple[BoneFrame, BoneFrame]:
    """Left and right femur, both in view of `wide`."""
    left = replace(left_frames[0], trusted=True)
    return left, replace(left, side=Side.RIGHT, head_center_mm=left.head_center_mm * (-1.0, 1.0, 1.0))


@pytest.fixture
def wide(pair: tuple[BoneFrame, BoneFrame]) -> Volume:
    affine = np.diag([10.0, 10.0, 10.0, 1.0])
    affine[:3, 3] = -195.0
    return Volume(Grid((40, 40, 40), affine, "1.9"), np.zeros((40, 40, 40), np.float32))


def test_a_doubtful_hip_of_the_tagged_side_is_no_conflict(pair, wide):
    """A hip with an implant is tagged; the other one, sound and in view, is what can be trusted."""
    left, right = pair
    doubtful = replace(left, trusted=False)
    assert image_side(make_series(wide, Side.LEFT), [doubtful, right]) is None
    assert image_side(make_series(wide), [doubtful, right]) is Side.RIGHT


def test_only_the_other_side_in_view_is_a_conflict(pair, wide):
    with pytest.raises(GeometryError, match="image shows a right hip"):
        image_side(make_series(wide, Side.LEFT), [pair[1]])
    assert image_side(make_series(wide, Side.LEFT), pair) is None
    assert image_side(make_series(wide, Side.LEFT), pair[:1]) is Side.LEFT
