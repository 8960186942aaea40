from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy.bone_cloud import frames_cloud
from marrowmap.anatomy.bone_cloud import model_cloud
from marrowmap.anatomy.planar_hips import find_planar_hips
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.values import Side
from tests.anatomy.planar_scans import COLUMNS
from tests.anatomy.planar_scans import ROWS
from tests.anatomy.planar_scans import grid
from tests.anatomy.planar_scans import planes
from tests.anatomy.planar_scans import posed


def off(hips, side):
    cloud, pose = posed()
    return (hips.femur(side).head_center_mm - cloud.center(pose, side))[[0, 2]]


def test_hips_are_found_though_one_head_is_hot():
    hips = find_planar_hips(planes(raised=Side.RIGHT), "uid")
    assert hips.doubt == ""
    for side in Side:
        assert np.abs(off(hips, side)).max() < 4
    assert hips.femur(Side.LEFT).head_center_mm[0] > hips.femur(Side.RIGHT).head_center_mm[0]
    assert hips.fit.levels["right head"] > 2 * hips.fit.levels["left head"]


def test_a_persons_own_bones_are_laid_onto_the_image():
    cloud = model_cloud()
    turned = np.zeros(cloud.size)
    turned[:2] = 40, -80
    own = cloud.frames(turned, "mr", "mr", 1.0, "fitted in MR")
    hips = find_planar_hips(planes(), "uid", known=own)
    assert "own bones" in hips.frames[0].reason
    assert hips.doubt == ""
    for side in Side:
        assert np.abs(off(hips, side)).max() < 4


def test_own_bones_need_both_femora():
    frames = model_cloud().frames(np.zeros(model_cloud().size), "mr", "mr", 1.0, "")
    with pytest.raises(ValueError, match="both femora"):
        frames_cloud([frame for frame in frames if frame.side is Side.LEFT])


@pytest.mark.parametrize("what", ["even", "kidneys", "noise"])
def test_an_image_without_hips_is_not_trusted(what):
    x, z = np.meshgrid(np.linspace(-1, 1, COLUMNS), np.linspace(-1, 1, ROWS), indexing="ij")
    image = np.full((COLUMNS, ROWS), 20.0)
    if what == "kidneys":
        image += 300 * sum(np.exp(-(((x - at) / 0.12) ** 2) - (z / 0.25) ** 2) for at in (-0.3, 0.3))
    if what == "noise":
        image = np.full((COLUMNS, ROWS), 0.2)
    counts = np.random.default_rng(2).poisson(image).astype(np.float32)
    hips = find_planar_hips([Plane(grid(View.ANTERIOR), counts)], "uid")
    assert hips is None or hips.doubt


def test_points_move_the_start():
    cloud, pose = posed()
    marks = cloud.marks(pose, Side.LEFT)
    clicked = np.stack([marks[n] for n in ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")])
    hips = find_planar_hips(planes(), "uid", points=(Side.LEFT, clicked))
    assert "three points" in hips.frames[0].reason
    assert np.abs(off(hips, Side.LEFT)).max() < 4
