"""The medial head on painted bone: where it lies, and what is measured in it."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy import marrow_mask
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.edema import EdemaResult
from marrowmap.measure.edema import measure_edema
from marrowmap.measure.medial_head import measure_medial_head
from marrowmap.measure.medial_head import medial_direction
from marrowmap.values import Side
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip
from tests.anatomy.conftest import true_frames


def femur_of(side: Side) -> tuple[BoneFrame, Grid]:
    pose = pose_hip(side)
    grid = coronal_grid(pose)
    return next(f for f in true_frames(pose, paint_hip(pose, grid)) if f.bone == "femur"), grid


def edema_where(femur: BoneFrame, grid: Grid, toward: tuple[float, float, float], from_radii: float) -> EdemaResult:
    """Marrow of 100, and of 300 in the head less far than `from_radii` along a direction of bone coordinates."""
    bone = femur.to_bone(grid.points()) / femur.head_radius_mm
    ill = (np.linalg.norm(bone, axis=-1) < 1.3) & (bone @ np.array(toward) < from_radii)
    signal = 100 + 200 * ill + np.random.default_rng(0).normal(0, 5, grid.shape)
    marrow = marrow_mask(femur, grid)
    return measure_edema(
        Volume(grid, signal.astype(np.float32)), marrow, marrow & Mask(grid, np.linalg.norm(bone, axis=-1) > 1.6)
    )


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_medial_is_toward_the_body_s_middle_and_below_the_dome(side):
    femur, _ = femur_of(side)
    toward = medial_direction(femur)
    assert np.linalg.norm(toward) == pytest.approx(1.0)
    assert toward[0] < -0.9  # near the pole, away from the neck
    assert -0.6 < toward[1] < -0.1  # a little inferior
    assert toward[2] == pytest.approx(0.0)
    world = femur.axes @ toward
    assert world[0] * side.sign < -0.6
    assert world[2] < (-femur.axes[:, 0])[2] - 0.2  # lower than the pole


@pytest.mark.parametrize("side", [Side.LEFT, Side.RIGHT])
def test_a_free_medial_head_beside_an_ill_rest(side):
    femur, grid = femur_of(side)
    parts = measure_medial_head(edema_where(femur, grid, (-0.93, -0.36, 0.0), 0.5), femur)
    assert parts.medial.value < 10
    assert parts.rest.value > 85
    assert parts.seen == pytest.approx(1.0)
    assert 1 < parts.medial_ml < 8


def test_an_ill_head_and_a_well_one():
    femur, grid = femur_of(Side.LEFT)
    ill = measure_medial_head(edema_where(femur, grid, (-1.0, 0.0, 0.0), 9.0), femur)
    well = measure_medial_head(edema_where(femur, grid, (-1.0, 0.0, 0.0), -9.0), femur)
    assert min(ill.medial.value, ill.rest.value) > 80
    assert max(well.medial.value, well.rest.value) == 0


def test_free_marrow_under_the_dome_is_not_medial():
    femur, grid = femur_of(Side.LEFT)
    parts = measure_medial_head(edema_where(femur, grid, (-0.3, 0.95, 0.0), 0.5), femur)
    assert parts.medial.value > 60


def test_a_head_out_of_view_is_not_measured():
    femur, grid = femur_of(Side.LEFT)
    bone = femur.to_bone(grid.points())
    marrow = marrow_mask(femur, grid)
    below = Mask(grid, bone[..., 0] > 1.5 * femur.head_radius_mm) & marrow
    signal = Volume(grid, np.full(grid.shape, 100, np.float32))
    with pytest.raises(InputError, match="too little of the femoral head"):
        measure_medial_head(measure_edema(signal, below, below), femur)
