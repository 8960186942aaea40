"""The acetabulum on painted bone: what is searched, and how much edema is found in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.acetabulum import acetabular_marrow
from marrowmap.measure.acetabulum import measure_acetabulum
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.values import Side
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip
from tests.anatomy.conftest import true_frames


@pytest.fixture(scope="module")
def grid() -> Grid:
    return coronal_grid(pose_hip(Side.LEFT))


@pytest.fixture(scope="module")
def hip_bone(grid) -> BoneFrame:
    pose = pose_hip(Side.LEFT)
    return next(frame for frame in true_frames(pose, paint_hip(pose, grid)) if frame.bone == "hip_bone")


def roof(hip_bone: BoneFrame, grid: Grid, reach_mm: float) -> Mask:
    """The hip bone above the head, up to a distance from it."""
    away = grid.points() - hip_bone.head_center_mm
    distance = np.linalg.norm(away, axis=-1)
    above = away[..., 2] > 0.7 * distance
    return bone_mask(hip_bone, grid) & Mask(grid, above & (distance < hip_bone.head_radius_mm + reach_mm))


def signal(grid: Grid, ill: Mask | None = None, noise: float = 8.0) -> Volume:
    values = 100 + np.random.default_rng(1).normal(0, noise, grid.shape)
    if ill is not None:
        values[ill.array] += 150
    return Volume(grid, values.astype(np.float32))


def measure(volume: Volume, hip_bone: BoneFrame):
    return measure_acetabulum(volume, Side.LEFT, {Side.LEFT: acetabular_marrow(hip_bone, volume.grid)}, k=DEFAULT_K)


def test_marrow_lies_in_the_bone_and_keeps_away_from_the_joint(hip_bone, grid):
    marrow = acetabular_marrow(hip_bone, grid)
    bone = bone_mask(hip_bone, grid).array
    away = np.linalg.norm(grid.points() - hip_bone.head_center_mm, axis=-1) - hip_bone.head_radius_mm
    near = marrow.near.array
    assert near.any()
    assert not (near & ~bone).any()
    assert away[near].max() < 20
    assert away[bone].min() < away[near].min() - 1.5
    assert not (near & marrow.further.array).any()
    assert 10 < marrow.near.volume_ml < 90


def test_edema_of_the_roof_is_found_whole(hip_bone, grid):
    ill = roof(hip_bone, grid, 12.0)
    found = measure(signal(grid, ill), hip_bone)
    true = (ill & found.within).volume_ml
    assert true > 2
    assert found.volume.value == pytest.approx(true, rel=0.15)
    assert found.closed_volume.value == pytest.approx(true, rel=0.2)
    assert found.fraction.value == pytest.approx(100 * found.volume.value / found.within.volume_ml)
    assert found.signal_ratio == pytest.approx(2.5, abs=0.2)
    assert not (found.closed - found.within).array.any()


@pytest.mark.parametrize("noise", [5.0, 25.0])
def test_well_marrow_holds_none(hip_bone, grid, noise):
    found = measure(signal(grid, noise=noise), hip_bone)
    assert found.volume.value == found.closed_volume.value == 0
    assert found.signal_ratio is None
    assert found.smallest_detectable.value < 0.3


def test_bright_fluid_in_the_joint_is_not_edema(hip_bone, grid):
    away = np.linalg.norm(grid.points() - hip_bone.head_center_mm, axis=-1) - hip_bone.head_radius_mm
    joint = Mask(grid, (np.abs(away) < 3) & ~bone_mask(hip_bone, grid).array)
    assert measure(signal(grid, joint), hip_bone).closed_volume.value == 0


def test_a_reference_that_holds_edema_is_passed_over(hip_bone, grid):
    own = acetabular_marrow(hip_bone, grid)
    ill = roof(hip_bone, grid, 12.0)
    # The other acetabulum is as edematous as this one.
    found = measure_acetabulum(signal(grid, ill), Side.LEFT, {Side.LEFT: own, Side.RIGHT: own}, k=DEFAULT_K)
    assert "further from the joint" in found.method
    assert found.closed_volume.value > 2


def test_bones_out_of_view_are_refused(hip_bone, grid):
    affine = np.array(grid.affine)
    affine[:3, 3] += 1000
    with pytest.raises(InputError, match="outside the images"):
        acetabular_marrow(hip_bone, Grid(grid.shape, affine, grid.frame_of_reference_uid))
    with pytest.raises(GeometryError, match="register"):
        acetabular_marrow(replace(hip_bone, frame_of_reference_uid="1.8"), grid)
    empty = replace(acetabular_marrow(hip_bone, grid), near=Mask(grid, np.zeros(grid.shape, bool)))
    with pytest.raises(InputError, match="too little marrow of the acetabulum"):
        measure_acetabulum(signal(grid), Side.LEFT, {Side.LEFT: empty}, k=DEFAULT_K)
