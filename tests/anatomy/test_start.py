"""Frames from a drawn mask and from three points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from marrowmap.anatomy import frames_from_mask
from marrowmap.anatomy import frames_from_points
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Side
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import make_series
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip


def _clicks(pose: HipPose) -> np.ndarray:
    marks = landmarks(pose.vertices("femur"))
    rng = np.random.default_rng(1)
    points = np.stack([marks[n] for n in ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")])
    return points + rng.normal(0, 2.0, (3, 3))


def test_points_lead_to_the_hip(left_pose: HipPose, left_volume: Volume) -> None:
    femur, hip_bone = frames_from_points(_clicks(left_pose), make_series(left_volume))
    assert (femur.side, hip_bone.bone) == (Side.LEFT, "hip_bone")
    assert np.linalg.norm(femur.head_center_mm - head_sphere(left_pose.vertices("femur"))[0]) < 1.5
    assert femur.trusted


def test_points_of_the_other_side_are_refused(left_pose: HipPose, left_volume: Volume) -> None:
    with pytest.raises(GeometryError, match="left hip"):
        frames_from_points(_clicks(left_pose), make_series(left_volume), Side.RIGHT)


def test_points_that_are_no_hip_are_refused(left_pose: HipPose, left_volume: Volume) -> None:
    points = _clicks(left_pose)
    points[1] = points[0] + 5
    with pytest.raises(InputError, match="mm from the head center"):
        frames_from_points(points, make_series(left_volume))
    with pytest.raises(GeometryError, match="outside"):
        frames_from_points(points + 900, make_series(left_volume))


@pytest.mark.parametrize("side", list(Side))
def test_a_mask_gives_the_frame(side: Side) -> None:
    pose = pose_hip(side, 7)
    grid = coronal_grid(pose, 4.0)
    volume = paint_hip(pose, grid)
    mask = voxelize(pose.vertices("femur"), pose.faces("femur"), grid)
    femur, _ = frames_from_mask(mask, make_series(volume), None)
    assert femur.side is side
    assert femur.trusted
    assert np.linalg.norm(femur.head_center_mm - head_sphere(pose.vertices("femur"))[0]) < 2.0
    mine = voxelize(femur.vertices, femur.faces, grid).array
    assert 2 * (mine & mask.array).sum() / (mine.sum() + mask.array.sum()) > 0.92


def test_a_mask_of_the_other_side_is_refused(left_pose: HipPose, left_volume: Volume) -> None:
    mask = voxelize(left_pose.vertices("femur"), left_pose.faces("femur"), left_volume.grid)
    with pytest.raises(GeometryError, match="left femur"):
        frames_from_mask(mask, make_series(left_volume), Side.RIGHT)


def test_masks_that_are_no_femur_are_refused(left_volume: Volume) -> None:
    array = np.zeros(left_volume.grid.shape, bool)
    with pytest.raises(InputError, match="empty"):
        frames_from_mask(Mask(left_volume.grid, array), make_series(left_volume))
    array[5:9, 5:9, 5:7] = True
    with pytest.raises(InputError, match="mL"):
        frames_from_mask(Mask(left_volume.grid, array), make_series(left_volume))
    array[:] = False
    array[20:100, 30:110, 5:10] = True
    frames = frames_from_mask(Mask(left_volume.grid, array), make_series(left_volume))
    assert not frames[0].trusted


def _drawn(pose: HipPose, volume: Volume, keep: Callable[[np.ndarray], np.ndarray]) -> Mask:
    """Draw the part of the femur whose voxels' places from the head center, LPS mm, `keep` accepts."""
    grid = volume.grid
    whole = voxelize(pose.vertices("femur"), pose.faces("femur"), grid).array
    return Mask(grid, whole & keep(grid.points() - pose.pivots[0]))


def _head(away: np.ndarray) -> np.ndarray:
    return np.linalg.norm(away, axis=-1) < 27


def _head_and_neck(away: np.ndarray) -> np.ndarray:
    return np.linalg.norm(away, axis=-1) < 36


def _upper(away: np.ndarray) -> np.ndarray:
    return away[..., 2] > -60


def _shaft(away: np.ndarray) -> np.ndarray:
    return away[..., 2] < -45


@pytest.mark.parametrize("side", [None, Side.LEFT])
def test_a_head_alone_is_not_trusted(left_pose: HipPose, left_volume: Volume, side: Side | None) -> None:
    femur, hip_bone = frames_from_mask(_drawn(left_pose, left_volume, _head), make_series(left_volume), side)
    assert not femur.trusted
    assert not hip_bone.trusted
    assert (
        "name the side (--side)" in femur.reason
        if side is None
        else "does not show the intertrochanteric" in femur.reason
    )


def test_a_shaft_alone_is_not_trusted(left_pose: HipPose, left_volume: Volume) -> None:
    femur, hip_bone = frames_from_mask(_drawn(left_pose, left_volume, _shaft), make_series(left_volume), Side.LEFT)
    assert not femur.trusted
    assert not hip_bone.trusted
    assert "the mask does not" in femur.reason


def test_head_and_neck_say_nothing_of_the_shaft(left_pose: HipPose, left_volume: Volume) -> None:
    femur, _ = frames_from_mask(_drawn(left_pose, left_volume, _head_and_neck), make_series(left_volume), Side.LEFT)
    assert not femur.trusted
    assert "does not show the intertrochanteric region" in femur.reason


def test_a_femur_without_much_shaft_is_enough(left_pose: HipPose, left_volume: Volume) -> None:
    femur, _ = frames_from_mask(_drawn(left_pose, left_volume, _upper), make_series(left_volume), Side.LEFT)
    assert femur.trusted, femur.reason
    assert np.linalg.norm(femur.head_center_mm - head_sphere(left_pose.vertices("femur"))[0]) < 2.5


def test_the_hip_bone_beside_a_mask_is_fitted_to_the_image(left_pose: HipPose, left_volume: Volume) -> None:
    mask = _drawn(left_pose, left_volume, lambda away: np.ones(away.shape[:-1], bool))
    femur, hip_bone = frames_from_mask(mask, make_series(left_volume))
    assert femur.trusted, femur.reason
    assert hip_bone.trusted, hip_bone.reason
    assert hip_bone.fit_rms_mm != femur.fit_rms_mm
    true = voxelize(left_pose.vertices("hip_bone"), hip_bone.faces, left_volume.grid).array
    mine = voxelize(hip_bone.vertices, hip_bone.faces, left_volume.grid).array
    assert 2 * (mine & true).sum() / (mine.sum() + true.sum()) > 0.9


def test_a_hip_bone_the_image_does_not_show_is_not_trusted(left_pose: HipPose, left_volume: Volume) -> None:
    mask = _drawn(left_pose, left_volume, lambda away: np.ones(away.shape[:-1], bool))
    noise = np.random.default_rng(0).normal(100, 20, left_volume.grid.shape).astype(np.float32)
    femur, hip_bone = frames_from_mask(mask, make_series(left_volume.with_array(noise)))
    assert femur.trusted, femur.reason
    assert not hip_bone.trusted
