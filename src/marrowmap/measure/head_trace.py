"""One surface traced along all rays through a femoral head: a band's border, the bone's surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.measure.head_lines import STEP_MM
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.head_lines import possible_steps
from marrowmap.measure.ray_surface import Rays
from marrowmap.measure.ray_surface import find_surface

SLOPE_COST, MOST_COST = 0.35, 4.0
HIGHEST_COST = 30.0


@dataclass(frozen=True, eq=False)
class Trace:
    """What was found along rays.

    Parameters
    ----------
    origin : array, shape (3,)
        Bone coordinates, mm.
    rays : Rays
        Directions in bone coordinates.
    distance_mm : array, shape (n,)
        Where the surface crosses each ray; without meaning where it was not found.
    found : array of bool, shape (n,)
    chance : array, shape (n,)
        Probability that the images give it at that place.
    leave_mm : array, shape (n,)
        Where each ray leaves the head's sphere.
    """

    origin: NDArray[np.float64]
    rays: Rays
    distance_mm: NDArray[np.float64]
    found: NDArray[np.bool_]
    chance: NDArray[np.float64]
    leave_mm: NDArray[np.float64]

    def points(self, distance_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places (n, 3) at a distance along each ray, bone coordinates."""
        return np.asarray(self.origin + self.rays.directions * distance_mm[:, None], np.float64)


def trace(
    target: str,
    images: HeadImages,
    model: LineModel,
    origin: NDArray[np.float64],
    rays: Rays,
    *,
    outward: bool,
    none_cost: NDArray[np.float32] | float = 0.0,
    nearest_mm: NDArray[np.float64] | None = None,
) -> Trace:
    """Find one surface along all rays together.

    Parameters
    ----------
    target : str
        ``band`` or ``surface``.
    images : HeadImages
    model : LineModel
        For that target.
    origin : array, shape (3,)
    rays : Rays
    outward : bool
        Whether rays lead out of what is looked for; see :meth:`LineModel.cost`.
    none_cost : array, shape (n,), or float
        What it costs besides if there is nothing on a ray.
    nearest_mm : array, shape (n,), optional
        It lies no closer to the origin than this along each ray.
    """
    leave = leave_head(origin, rays.directions, images.femur.head_radius_mm)
    steps = int(np.ceil((float(leave.max()) + 8.0) / STEP_MM))
    possible, beyond = possible_steps(target, images.femur, origin, rays.directions, steps)
    if nearest_mm is not None:
        possible &= np.arange(steps) * STEP_MM >= nearest_mm[:, None]
    cost, none = model.cost(images.describe(origin, rays.directions, steps), possible, outward)
    cost = np.minimum(cost, HIGHEST_COST)
    cost = np.where(beyond, (none + none_cost)[:, None], cost).astype(np.float32)
    chosen = find_surface(cost, rays.edges, SLOPE_COST, MOST_COST)
    row = np.arange(len(chosen))
    found = possible[row, chosen]
    chance = np.where(found, np.exp(-cost[row, chosen].astype(np.float64)), 0.0)
    return Trace(origin, rays, _refine(cost, chosen) * STEP_MM, found, chance, leave)


def _refine(cost: NDArray[np.float32], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Place each chosen step between its neighbors by a parabola through their costs."""
    row = np.arange(len(chosen))
    inner = np.clip(chosen, 1, cost.shape[1] - 2)
    low, mid, high = (cost[row, inner + n].astype(np.float64) for n in (-1, 0, 1))
    bend = low - 2 * mid + high
    shift = np.where(bend > 1e-3, 0.5 * (low - high) / np.maximum(bend, 1e-3), 0.0)
    return np.asarray(chosen + np.where(inner == chosen, np.clip(shift, -0.5, 0.5), 0.0), np.float64)
