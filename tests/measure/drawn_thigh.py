"""A femur in even marrow, muscle around it and fat around that, on T1: what lies in the marrow each test draws."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.phantom.person import pose_hip
from marrowmap.values import Joint
from marrowmap.values import Side
from tests.measure.conftest import series_of

FRAME = "1.9"
MUSCLE, FAT, MARROW, CORTEX = 100.0, 290.0, 260.0, 5.0
NOISE = 5.0


@lru_cache(maxsize=2)
def femur(side: Side) -> BoneFrame:
    """The mean femur."""
    still = Rotation.identity()
    hip = pose_hip(np.zeros(26), side, still, still)
    names = ("femur", Joint.HIP, side, "1", FRAME)
    surface = (hip.femur, hip.femur_faces, 0.3, True, "drawn")
    return BoneFrame(*names, hip.center, hip.radius, hip.axes, dict(hip.landmarks), *surface)


def grid_around(bone: BoneFrame, pixel_mm: float = 1.4, apart_mm: float = 4.4) -> Grid:
    """Coronal slices around a femur's upper part."""
    # Columns to the left, rows to the feet, slices to the back.
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) * (pixel_mm, pixel_mm, apart_mm)
    affine[:3, 3] = bone.head_center_mm + np.array([-75.0, -55.0, 50.0])
    shape = (round(150 / pixel_mm), round(125 / pixel_mm), round(110 / apart_mm))
    return Grid(shape, affine, FRAME)


@lru_cache(maxsize=2)
def _tissue(side: Side) -> tuple[Grid, NDArray[np.float32]]:
    bone = femur(side)
    grid = grid_around(bone)
    points = grid.points()
    away = np.abs(points - bone.head_center_mm).max(axis=-1)
    signal = np.where(away < 60, MUSCLE, FAT).astype(np.float32)
    # Fat planes between muscles.
    signal[(points[..., 0] % 18) < 2.5] = FAT
    signal[voxelize(bone.vertices, bone.faces, grid).array] = MARROW
    return grid, signal


def draw(
    side: Side = Side.LEFT,
    balls: tuple[tuple[tuple[float, float, float], float, float], ...] = (),
    shading: float = 0.0,
    scale: float = 1.0,
) -> Series:
    """Return a T1 series with balls (center in bone coordinates, radius mm, signal) in the marrow."""
    bone = femur(side)
    grid, plain = _tissue(side)
    signal = plain.copy()
    points = grid.points()
    inside = voxelize(bone.vertices, bone.faces, grid).array
    for center, radius, value in balls:
        away = np.linalg.norm(bone.to_bone(points) - np.array(center), axis=-1) - radius
        share = np.clip(0.5 - away / 3.0, 0, 1) * inside
        signal += (share * (value - signal)).astype(np.float32)
    signal *= np.exp(shading * (points[..., 2] - bone.head_center_mm[2]) / 50).astype(np.float32)
    signal += np.random.default_rng(5).normal(0, NOISE, grid.shape).astype(np.float32)
    return series_of(Volume(grid, (scale * np.maximum(signal, 0)).astype(np.float32)), Sequence.T1)
