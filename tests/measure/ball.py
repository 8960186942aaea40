"""A femoral head that is a ball, and necrotic segments in it made by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import spread_rays
from marrowmap.values import Joint
from marrowmap.values import Side

RADIUS_MM = 24.0
NECK_SHAFT_DEG = 128.0
CENTER_MM = (90.0, -12.0, 30.0)
FRAME = "1.9"


def ball_femur(side: Side = Side.LEFT, *, trusted: bool = True) -> BoneFrame:
    """A ball on a neck at 128 degrees to the shaft, turned a little against the patient; the right one is a mirror."""
    flip = np.array([float(side.sign), 1.0, 1.0])
    neck = np.array([0.72, 0.25, -0.65])
    neck /= np.linalg.norm(neck)
    anterior = np.cross(np.cross(neck, (0.1, -1.0, 0.0)), neck)
    anterior /= np.linalg.norm(anterior)
    axes = np.stack([neck, np.cross(anterior, neck), anterior], axis=1)
    axes[:, 1] *= np.sign(axes[2, 1])  # superior points up
    angle = np.radians(NECK_SHAFT_DEG)
    up = axes @ np.array([np.cos(angle), np.sin(angle), 0.0])
    center = np.array(CENTER_MM)
    corner = center + 48 * neck
    landmarks = {"neck_shaft_corner": corner * flip, "shaft_distal": (corner - 90 * up) * flip}
    ball = spread_rays(4000).directions * RADIUS_MM
    return BoneFrame(
        "femur",
        Joint.HIP,
        side,
        "1.2",
        FRAME,
        center * flip,
        RADIUS_MM,
        axes * flip[:, None],
        landmarks,
        (center + ball @ axes.T) * flip,
        np.zeros((1, 3), np.int64),
        0.3,
        trusted,
        "by hand" if trusted else "the bone is out of sight",
    )


def segment_of(
    femur: BoneFrame, origin: np.ndarray, inside: Callable[[np.ndarray], np.ndarray], step_mm: float = 0.05
) -> NecroticSegment:
    """Lay rays through a part of a head: `inside` says which points (..., 3) in bone coordinates belong to it."""
    rays = spread_rays(RAYS)
    leave = leave_head(origin, rays.directions, femur.head_radius_mm)
    at = np.arange(0, float(leave.max()), step_mm)
    out = np.empty(len(leave))
    for first in range(0, len(leave), 200):
        some = slice(first, first + 200)
        within = inside(origin + rays.directions[some, None, :] * at[:, None])
        out[some] = np.where(within.all(axis=1), np.inf, at[np.argmin(within, axis=1)])
    return NecroticSegment(femur, origin, rays, np.minimum(out, leave), out < leave, 0.9)
