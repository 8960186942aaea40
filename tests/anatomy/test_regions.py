"""Regions divide the bone, and mean the same on any grid and either side."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.spatial import cKDTree

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import joint_capsule_mask
from marrowmap.anatomy import marrow_mask
from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import name_regions
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Side
from tests.anatomy.conftest import pose_hip
from tests.anatomy.conftest import true_frames


@pytest.fixture(scope="module")
def fine(left_frames: list[BoneFrame]) -> Grid:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = left_frames[0].head_center_mm + np.array([-60, -60, -140])
    return Grid((80, 70, 100), affine, "1.9")


def test_regions_divide_the_femur(left_frames: list[BoneFrame], fine: Grid) -> None:
    labels = region_labels(left_frames[0], fine)
    assert tuple(labels.names.values()) == FEMUR_REGIONS
    assert set(FEMUR_REGIONS) <= set(REGIONS)
    assert np.array_equal(labels.array > 0, bone_mask(left_frames[0], fine).array)
    volumes = {name: labels.mask(name).volume_ml for name in FEMUR_REGIONS}
    assert 30 < volumes["femoral_head"] < 70
    assert 8 < volumes["femoral_neck"] < 45
    assert 25 < volumes["intertrochanteric"] < 90
    assert 8 < volumes["greater_trochanter"] < 40
    assert 0.5 < volumes["lesser_trochanter"] < 10


def test_regions_lie_in_order(left_frames: list[BoneFrame]) -> None:
    femur = left_frames[0]
    marks = femur.landmarks
    places = np.stack(
        [
            femur.head_center_mm,
            femur.head_center_mm + 0.9 * femur.head_radius_mm * femur.axes[:, 0],
            marks["neck_shaft_corner"] + 6 * femur.axes[:, 0],
            marks["greater_trochanter_tip"],
            marks["lesser_trochanter_tip"],
            marks["shaft_proximal"],
        ]
    )
    assert [FEMUR_REGIONS[n - 1] for n in name_regions(femur, places)] == list(FEMUR_REGIONS)


def test_the_plane_holds_saddle_and_lesser_trochanter(left_frames: list[BoneFrame]) -> None:
    femur = left_frames[0]
    point, normal = femur.intertrochanteric_plane
    assert abs((femur.landmarks["lesser_trochanter_upper"] - point) @ normal) < 1e-9
    assert abs((femur.landmarks["saddle"] - point) @ normal) < 1e-9
    assert abs(normal @ femur.axes[:, 2]) < 1e-9
    assert normal @ femur.axes[:, 0] > 0


def test_both_sides_have_the_same_regions(left_frames: list[BoneFrame], left_volume: Volume) -> None:
    right = true_frames(pose_hip(Side.RIGHT), left_volume)[0]
    left = left_frames[0]
    local = np.random.default_rng(0).uniform((-25, -80, -30), (70, 40, 30), (2000, 3))
    same = name_regions(left, left.to_world(local)) == name_regions(right, right.to_world(local))
    assert same.mean() > 0.99


def test_marrow_lies_a_cortex_below_the_surface(left_frames: list[BoneFrame], fine: Grid) -> None:
    femur = left_frames[0]
    whole, marrow = bone_mask(femur, fine), marrow_mask(femur, fine)
    assert not (marrow - whole).array.any()
    depth = cKDTree(femur.vertices).query(fine.to_world(np.argwhere(marrow.array)))[0]
    assert np.percentile(depth, 1) > 0.8
    labels = region_labels(femur, fine)
    share = {name: (marrow & labels.mask(name)).volume_ml / labels.mask(name).volume_ml for name in FEMUR_REGIONS}
    assert share["femoral_head"] > 0.75
    assert share["femoral_shaft"] < share["femoral_head"]


def test_the_acetabulum_lies_around_the_head(left_frames: list[BoneFrame], fine: Grid) -> None:
    labels = region_labels(left_frames[1], fine)
    assert labels.names == {1: "acetabulum"}
    assert 30 < labels.mask("acetabulum").volume_ml < 120


def test_the_capsule_lies_outside_the_bones(left_frames: list[BoneFrame], fine: Grid) -> None:
    femur, hip_bone = left_frames
    capsule = joint_capsule_mask(femur, hip_bone, fine)
    assert 20 < capsule.volume_ml < 110
    assert not (capsule & bone_mask(femur, fine)).array.any()
    assert not (capsule & bone_mask(hip_bone, fine)).array.any()
    point, normal = femur.intertrochanteric_plane
    assert ((fine.to_world(np.argwhere(capsule.array)) - point) @ normal).max() < 0


def test_another_frame_of_reference_is_refused(left_frames: list[BoneFrame], fine: Grid) -> None:
    elsewhere = dataclasses.replace(left_frames[0], frame_of_reference_uid="7")
    with pytest.raises(GeometryError, match="frames of reference"):
        region_labels(elsewhere, fine)
