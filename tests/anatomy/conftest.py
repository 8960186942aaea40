"""A plainly painted hip: bright marrow, dark cortex, textured soft tissue. Quick, and truth is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_fit import FitImage
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.hips import build_frames
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.values import Side

MakeSeries = Callable[..., Series]


def make_series(volume: Volume, side: Side | None = None, sequence: Sequence = Sequence.T1) -> Series:
    reason = "(0020,0060) Laterality" if side else ""
    modality = "CT" if sequence is Sequence.CT else "MR"
    return Series("1.2.3", "1.2", 1, "COR T1", modality, "2026-01-05", volume, sequence, "TR and TE", side, reason, ())


def pose_hip(side: Side, seed: int = 5) -> HipPose:
    rng = np.random.default_rng(seed)
    turns = np.stack(
        [
            Rotation.from_euler("xyz", (6, 3 * side.sign, 8 * side.sign), degrees=True).as_rotvec(),
            Rotation.from_euler("x", 4, degrees=True).as_rotvec(),
        ]
    )
    return HipPose(side, rng.normal(0, 0.7, 26), turns, np.tile([88.0 * side.sign, -4.0, 10.0], (2, 1)))


def coronal_grid(pose: HipPose, thickness_mm: float = 4.0) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1.2, 0, 0], [0, 0, thickness_mm], [0, -1.2, 0]])
    affine[:3, 3] = pose.pivots[0] + (-85.0, -60.0, 85.0)
    return Grid((142, 150, int(120 / thickness_mm)), affine, "1.9")


def paint_hip(pose: HipPose, grid: Grid, seed: int = 0) -> Volume:
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.normal(size=grid.shape), (5, 5, 1.5))
    image = np.where(np.abs(texture / texture.std()) < 0.3, 220.0, 90.0)
    for bone in ("hip_bone", "femur"):
        vertices, faces = pose.vertices(bone), pose.faces(bone)
        image[voxelize(vertices + 1.0 * vertex_normals(vertices, faces), faces, grid).array] = 80
        image[voxelize(vertices, faces, grid).array] = 15
        image[voxelize(vertices - 1.6 * vertex_normals(vertices, faces), faces, grid).array] = 190
    image = ndimage.gaussian_filter(image, (0.4, 0.4, 0.3)) + rng.normal(0, 6, grid.shape)
    return Volume(grid, np.abs(image).astype(np.float32))


def true_frames(pose: HipPose, volume: Volume) -> list[BoneFrame]:
    return build_frames(pose, [FitImage.of(volume)], make_series(volume), 2.0)


@pytest.fixture(scope="session")
def left_pose() -> HipPose:
    return pose_hip(Side.LEFT)


@pytest.fixture(scope="session")
def left_volume(left_pose: HipPose) -> Volume:
    return paint_hip(left_pose, coronal_grid(left_pose))


@pytest.fixture(scope="session")
def left_frames(left_pose: HipPose, left_volume: Volume) -> list[BoneFrame]:
    return true_frames(left_pose, left_volume)
