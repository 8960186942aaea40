"""Voxels halfway between two walls that face each other, and those of them that are in a plate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.measure.compiled import compiled
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.nearest_outside import steps_of
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter


@compiled
def mark_middle(ways: NDArray[np.signedinteger], by: Ruler, low: int, middle: NDArray[np.bool_]) -> None:
    """Set voxels no more than half a voxel from the middle between two walls that face each other.

    Facing is an angle of more than 120 degrees between the ways to both, so that corners of a body send out no
    branches. Of two voxels equally far from a middle between them, one is set: the one whose nearest wall lies
    further along the axes.

    Parameters
    ----------
    ways : array, 3-D
        Of :func:`~marrowmap.measure.nearest_outside.ways_out`.
    by : Ruler
    low : int
        Index of the first axis where `middle` begins.
    middle : array of bool, as wide as `ways` but for the first axis
    """
    nx, ny, nz = ways.shape
    hx, hy, hz = by.spacing[0], by.spacing[1], by.spacing[2]
    for x in range(low, low + middle.shape[0]):
        for y in range(ny):
            for z in range(nz):
                if ways[x, y, z] < 0:
                    continue
                i, j, k = steps_of(ways[x, y, z], by)
                ux, uy, uz = i * hx, j * hy, k * hz
                radius = np.sqrt(ux * ux + uy * uy + uz * uz)
                ux, uy, uz = ux / radius, uy / radius, uz / radius
                first = ux if abs(ux) > 1e-9 else (uy if abs(uy) > 1e-9 else uz)
                voxel = np.sqrt((ux * hx) ** 2 + (uy * hy) ** 2 + (uz * hz) ** 2)
                limit = radius + voxel * (1 + 1e-9 if first > 0 else 1 - 1e-9)
                for a in range(max(0, x - 1), min(nx, x + 2)):
                    for b in range(max(0, y - 1), min(ny, y + 2)):
                        for c in range(max(0, z - 1), min(nz, z + 2)):
                            if ways[a, b, c] < 0:
                                continue
                            i, j, k = steps_of(ways[a, b, c], by)
                            dx, dy, dz = (i + a - x) * hx, (j + b - y) * hy, (k + c - z) * hz
                            reach = np.sqrt(dx * dx + dy * dy + dz * dz)
                            if reach <= limit and dx * ux + dy * uy + dz * uz < -0.5 * reach:
                                middle[x - low, y, z] = True


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
