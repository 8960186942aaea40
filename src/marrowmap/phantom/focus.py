"""Edema in balls, and masses that take the place of marrow."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr

from marrowmap.image import Grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Box
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Mass
from marrowmap.phantom.lesion import Vector
from marrowmap.phantom.person import Hip

WIDTH_PER_SD = 2.563
"""10-90 % width of a cumulative normal edge over its standard deviation."""


def as_vector(point: ArrayLike) -> Vector:
    """Return three numbers as a tuple."""
    x, y, z = (float(v) for v in np.asarray(point, float))
    return x, y, z


def _from_center(center: Vector, hip: Hip, grid: Grid, reach_mm: float) -> tuple[Box, Array] | None:
    """Return distance (mm) from a point in bone coordinates, in the part of a grid within reach; None if outside."""
    place = hip.center + hip.axes @ np.array(center)
    box = box_around(grid, np.stack([place - reach_mm, place + reach_mm]), 0.0)
    if box is None:
        return None
    x, y, z = (a - np.float32(c) for a, c in zip(coordinates(sub_grid(grid, box)), place, strict=True))
    return box, np.sqrt(x**2 + y**2 + z**2)


def blob_membership(blobs: Iterable[Blob], hip: Hip, grid: Grid, unevenness: Array) -> Array:
    """Return how much each point of a grid belongs to the edema of balls, 0 to 1, whether marrow or not.

    Parameters
    ----------
    blobs : iterable of Blob
    hip : Hip
    grid : Grid
        Axis-aligned.
    unevenness : array, shape of the grid
        Smooth noise of unit variance.
    """
    without = np.ones(grid.shape, np.float32)
    for blob in blobs:
        found = _from_center(blob.center, hip, grid, blob.radius_mm + blob.edge_mm + 3 * blob.ripple_mm)
        if found is not None:
            past = found[1] - np.float32(blob.radius_mm) + np.float32(blob.ripple_mm) * unevenness[found[0]]
            without[found[0]] *= 1 - ndtr(-past / np.float32(blob.edge_mm / WIDTH_PER_SD)).astype(np.float32)
    return np.asarray(1 - without, np.float32)


def mass_shares(mass: Mass, hip: Hip, grid: Grid, unevenness: Array) -> tuple[Array, Array]:
    """Return the share of each voxel of a grid within a mass, and within its rim; whether bone or not."""
    distance = np.full(grid.shape, 99.0, np.float32)
    for center, radius in mass.balls:
        found = _from_center(center, hip, grid, radius + 3 * mass.ripple_mm + 2.0)
        if found is not None:
            inside = found[1] - np.float32(radius) + np.float32(mass.ripple_mm) * unevenness[found[0]]
            np.minimum(distance[found[0]], inside, out=distance[found[0]])
    voxel = float(grid.spacing[0])
    return occupancy(distance, voxel), occupancy(distance + np.float32(mass.rim_mm), voxel)
