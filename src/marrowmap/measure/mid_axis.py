"""Voxels halfway between two walls that face each other, and those of them that are in a plate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.image.compiled import compiled
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.nearest_outside import steps_of
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter
from marrowmap.measure.wall_distance import seen_around
from marrowmap.measure.wall_distance import wall_distance

ALMOST = 1e-6
"""Lengths that differ by less than this share are the same: spacings read from a file are no more exact."""
FACING = 0.5
"""Cosine of 60 degrees: what is less than that from opposite faces each other."""
ASIDE = np.array([1.0, np.sqrt(3) - 1, np.sqrt(2) - 1])
"""A direction along no plane of voxels, so that of two opposite ways always one goes with it."""


@compiled
def _walls_around(ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, walls: NDArray[np.int64]) -> int:
    """Write the steps to the nearest outer voxels of the 27 around one; return how many; an outer one is its own.

    Of several equally near only one is known to each voxel; its neighbors know the others.
    """
    nx, ny, nz = ways.shape
    known = 0
    for a in range(max(0, x - 1), min(nx, x + 2)):
        for b in range(max(0, y - 1), min(ny, y + 2)):
            for c in range(max(0, z - 1), min(nz, z + 2)):
                i, j, k = steps_of(ways[a, b, c], by) if ways[a, b, c] >= 0 else (0, 0, 0)
                walls[known, 0], walls[known, 1], walls[known, 2] = i + a - x, j + b - y, k + c - z
                known += 1
    return known


@compiled
def _normal(
    ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, wall: NDArray[np.int64]
) -> tuple[float, float, float]:
    """Return the outward normal of a wall, steps from a voxel."""
    i, j, k = wall[0], wall[1], wall[2]
    seen = seen_around(x + i, y + j, z + k, ways.shape)
    _, u, v, w = wall_distance(-1 - ways[x + i, y + j, z + k], seen, i, j, k, by.spacing)
    return u, v, w


@compiled
def _in_the_middle(
    ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, walls: NDArray[np.int64]
) -> bool:
    """Say whether a voxel with these walls around lies halfway between two of them, as :func:`mark_middle` says."""
    spacing = by.spacing
    away = walls * spacing
    length = np.sqrt((away**2).sum(axis=1))
    radius = length.min()
    aside = 0.0
    for p in range(len(walls)):
        if length[p] <= radius * (1 + ALMOST):
            aside += away[p, 0] * ASIDE[0] + away[p, 1] * ASIDE[1] + away[p, 2] * ASIDE[2]
    for p in range(len(walls)):
        if length[p] > radius * (1 + ALMOST):
            continue
        ux, uy, uz = away[p, 0] / radius, away[p, 1] / radius, away[p, 2] / radius
        voxel = np.sqrt((ux * spacing[0]) ** 2 + (uy * spacing[1]) ** 2 + (uz * spacing[2]) ** 2)
        limit = radius + voxel * (1 + ALMOST if aside > 0 else 1 - ALMOST)
        for q in range(len(walls)):
            along = away[q, 0] * ux + away[q, 1] * uy + away[q, 2] * uz
            if length[q] > limit or along >= -(FACING + ALMOST) * length[q]:
                continue
            a, b, c = _normal(ways, by, x, y, z, walls[p])
            d, e, f = _normal(ways, by, x, y, z, walls[q])
            if a * d + b * e + c * f < -FACING:
                return True
    return False


@compiled
def mark_middle(ways: NDArray[np.signedinteger], by: Ruler, low: int, middle: NDArray[np.bool_]) -> None:
    """Set voxels no more than half a voxel from the middle between two walls that face each other.

    Facing is an angle of more than 120 degrees between the ways to both and between both walls' normals, so that
    neither corners of a body nor the steps of an oblique wall send out branches. Of two voxels equally far from a
    middle between them one is set. Which of several equally near walls was kept does not matter, nor does the last
    digit of a spacing.

    Parameters
    ----------
    ways : array, 3-D
        Of :func:`~marrowmap.measure.nearest_outside.ways_out`.
    by : Ruler
    low : int
        Index of the first axis where `middle` begins.
    middle : array of bool, as wide as `ways` but for the first axis
    """
    _, ny, nz = ways.shape
    walls = np.empty((27, 3), np.int64)
    for x in range(low, low + middle.shape[0]):
        for y in range(ny):
            for z in range(nz):
                if ways[x, y, z] >= 0:
                    known = _walls_around(ways, by, x, y, z, walls)
                    middle[x - low, y, z] = _in_the_middle(ways, by, x, y, z, walls[:known])


@compiled
def mark_plates(
    ways: NDArray[np.signedinteger],
    by: Ruler,
    painted: NDArray[np.float32],
    alike: float,
    share: float,
    middle: NDArray[np.bool_],
) -> None:
    """Leave in `middle` only the middles of plates.

    Those are voxels whose walls are at least so much alike and whose own ball is as large as the one painted there,
    but for a share: the middle of a rod's rim or of a rough spot is not one.
    """
    nx, ny, nz = ways.shape
    walls = np.empty(27 + PLACES, np.int64)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if not middle[x, y, z]:
                    continue
                diameter, flat = ball_diameter(ways, by, x, y, z, walls)
                middle[x, y, z] = flat >= alike and diameter >= share * painted[x, y, z]
