"""How wide the joint space of a virtual hip really is where it bears weight, from bone to bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.layers import Array
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip

SECTOR_DEG = 45.0
"""The weight-bearing sector: this far around the direction up the shaft, from the head center."""
DISC_DEG = 10.0
"""The narrowest place is the least mean over a disc of this half angle, about 4 mm: a choice."""
WIDEST_MM = 9.0
STEP_MM = 0.1
RAYS = 1500
"""Over the sector."""


@dataclass(frozen=True)
class JointSpace:
    """Width of a joint space, mm: mean over the weight-bearing sector, and over the disc where it is least."""

    mean_mm: float
    least_mm: float


def joint_space(hip: Hip, truth: HipTruth) -> JointSpace | None:
    """Measure the model's own bones along rays from the head center; None where no socket faces the sector."""
    up, lateral = (np.array(v) for v in upright(hip))
    number = np.arange(RAYS) + 0.5
    # Evenly over the cap (a Fibonacci lattice).
    high = 1 - number / RAYS * (1 - np.cos(np.radians(SECTOR_DEG)))
    around, across = np.pi * (1 + np.sqrt(5)) * number, np.sqrt(1 - high**2)
    front = np.array((0.0, 0.0, 1.0))
    ways = (
        high[:, None] * up + (across * np.cos(around))[:, None] * lateral + (across * np.sin(around))[:, None] * front
    )
    away = np.arange(0.5 * hip.radius, 1.35 * hip.radius + WIDEST_MM, STEP_MM)
    points = hip.center + (ways[:, None, :] * away[:, None]) @ hip.axes.T

    def share(image: Array) -> Array:
        index = np.moveaxis(truth.grid.to_index(points), -1, 0)
        return np.asarray(ndimage.map_coordinates(image, index, order=1, mode="constant", output=np.float32))

    bone, socket = share(truth.bone), share(truth.socket)
    steps = bone.shape[1]
    last = steps - 1 - (bone[:, ::-1] >= 0.5).argmax(axis=1)
    beyond = (socket >= 0.5) & (np.arange(steps) > last[:, None])
    first = beyond.argmax(axis=1)
    # Both surfaces lie where half of a voxel is bone, between two points of the ray.
    width = (first - 1 + _half_way(socket, first - 1) - last - _half_way(bone, last)) * STEP_MM
    faced = (bone >= 0.5).any(axis=1) & beyond.any(axis=1) & (width <= WIDEST_MM)
    if not faced.any():
        return None
    near = ways[faced] @ ways[faced].T > np.cos(np.radians(DISC_DEG))
    discs = near @ width[faced] / near.sum(axis=1)
    return JointSpace(float(width[faced].mean()), float(discs.min()))


def _half_way(share: Array, before: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where between a point `before` (n,) of each ray and the next one the share (n, steps) crosses one half."""
    row = np.arange(len(share))
    here, there = share[row, before], share[row, np.minimum(before + 1, share.shape[1] - 1)]
    return np.asarray(np.clip((0.5 - here) / np.where(there == here, 1.0, there - here), 0, 1), np.float64)
