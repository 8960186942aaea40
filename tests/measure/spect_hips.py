"""Both hips of a virtual person with uptake as each test sets it, blurred like a SPECT."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import ndimage

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.resample import resample
from marrowmap.image.voxelize import voxelize
from marrowmap.measure.spect import SpectHip
from marrowmap.measure.spect import SpectSource
from marrowmap.measure.spect import measure_spect
from marrowmap.phantom.person import sample_person
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Side

BLUR_MM = 5.6
HOT_BLUR_MM = 4.8
"""OSEM converges faster where there is more activity: hot bone comes out sharper, as on the virtual camera."""
WELL = {"femoral_head": 2.2, "femoral_neck": 2.3, "intertrochanteric": 2.3, "femoral_shaft": 1.6}
HOT = {"femoral_head": 7.0, "femoral_neck": 7.0}
FINE_MM = 2.0
SOURCE = SpectSource(Evidence("1.2.3"), 1.0, "drawn", "virtual")


@lru_cache(maxsize=1)
def frames() -> tuple[BoneFrame, ...]:
    """Four true bone frames."""
    person = sample_person(np.random.default_rng(3))
    found = []
    for side, hip in person.hips.items():
        for bone, vertices, faces in (
            ("femur", hip.femur, hip.femur_faces),
            ("hip_bone", hip.hip_bone, hip.hip_bone_faces),
        ):
            found.append(
                BoneFrame(
                    bone,
                    Joint.HIP,
                    side,
                    "1.2",
                    "1.9",
                    hip.center,
                    hip.radius,
                    hip.axes,
                    hip.landmarks,
                    vertices,
                    faces,
                    0.4,
                    True,
                    "drawn",
                )
            )
    return tuple(found)


def femur(side: Side) -> BoneFrame:
    """One femur."""
    return next(frame for frame in frames() if frame.side is side and frame.bone == "femur")


@lru_cache(maxsize=1)
def _labels() -> tuple[Grid, dict[Side, np.ndarray], np.ndarray]:
    points = np.concatenate([frame.head_center_mm[None] for frame in frames()])
    low, high = points.min(axis=0) - (85, 60, 110), points.max(axis=0) + np.array((85, 60, 60))
    affine = np.diag([FINE_MM, FINE_MM, FINE_MM, 1.0])
    affine[:3, 3] = low
    a, b, c = np.ceil((high - low) / FINE_MM).astype(int)
    grid = Grid((int(a), int(b), int(c)), affine, "1.9")
    hip_bones = np.zeros(grid.shape, bool)
    for frame in frames():
        if frame.bone == "hip_bone":
            hip_bones |= voxelize(frame.vertices, frame.faces, grid).array
    return grid, {side: region_labels(femur(side), grid).array for side in Side}, hip_bones


def spect(
    left: dict[str, float], right: dict[str, float], cold=(), noise: float = 0.03, hot_blur_mm: float = HOT_BLUR_MM
) -> Volume:
    """Return a SPECT; `cold` holds (side, LPS center, radius in mm, share of uptake that is left)."""
    grid, labels, hip_bones = _labels()
    image = np.full(grid.shape, 0.25, np.float32)
    image[hip_bones] = 1.6
    for side, uptake in ((Side.LEFT, left), (Side.RIGHT, right)):
        for number, name in enumerate(FEMUR_REGIONS, start=1):
            image[labels[side] == number] = {**WELL, **uptake}.get(name, 2.0)
    points = grid.points() if cold else None
    for side, center, radius, left_over in cold:
        ball = (np.linalg.norm(points - center, axis=-1) < radius) & (labels[side] == 1)
        image[ball] *= left_over
    hot = image > 2 * WELL["femoral_neck"]
    image = ndimage.gaussian_filter(np.where(hot, 0, image), BLUR_MM / FINE_MM) + ndimage.gaussian_filter(
        np.where(hot, image, 0), hot_blur_mm / FINE_MM
    )
    rough = ndimage.gaussian_filter(np.random.default_rng(1).standard_normal(grid.shape), 3.4 / FINE_MM)
    image = image * (1 + noise * rough / rough.std())
    step = np.array(grid.affine)
    step[:3, :3] *= 2.2
    shape = tuple(int(n / 2.2) for n in grid.shape)
    return resample(Volume(grid, image.astype(np.float32), "g/mL"), Grid(shape, step, "1.9"), order=3)


def measured(volume: Volume, source: SpectSource = SOURCE) -> dict[Side, SpectHip]:
    """Measure both hips."""
    return {hip.side: hip for hip in measure_spect(frames(), volume, source, date="2026-01-05", frame_error_mm=1.0)}


@lru_cache(maxsize=4)
def hips(kind: str) -> dict[Side, SpectHip]:
    """``well``, ``hot`` (left) or ``cold`` (left) hips, measured."""
    center = femur(Side.LEFT).to_world((-3.0, 9.0, 3.0))
    cold = [(Side.LEFT, center, 14.0, 0.1)] if kind == "cold" else []
    return measured(spect(HOT if kind == "hot" else WELL, WELL, cold))
