"""Plates from rods by the walls that the largest balls touch: how alike in direction they are.

The mean over touched walls of n n^T, n the unit normals, has the eigenvalues 1, 0, 0 between two flat walls, 1/2, 1/2,
0 in a round rod and three times 1/3 in a ball; the sum of their squares is 1, 1/2, 1/3. It is told by directions
alone, so that neither the size of a voxel nor that of a trabecula is in it. In the stead of the ellipsoid factor
(Doube 2015, Front Endocrinol 6:15), whose ellipsoids have to be grown one by one.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image.compiled import compiled
from marrowmap.image.compiled import in_parts
from marrowmap.measure.local_thickness import MEMORY_BYTES
from marrowmap.measure.local_thickness import labeled_slabs
from marrowmap.measure.maximal_balls import center_of
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter


@compiled
def _write_likeness(
    ways: NDArray[np.signedinteger],
    by: Ruler,
    balls: NDArray[np.int64],
    low: int,
    high: int,
    painted: NDArray[np.float32],
) -> None:
    """Write how alike the walls of the ball of each voxel of `balls[low:high]` are, 0 where there is none."""
    _, ny, nz = ways.shape
    walls = np.empty(27 + PLACES, np.int64)
    for x in range(low, high):
        for y in range(ny):
            before, likeness = -1, 0.0
            for z in range(nz):
                if balls[x, y, z] == 0:
                    painted[x, y, z] = 0.0
                    continue
                ball = center_of(balls[x, y, z])
                if ball != before:
                    _, likeness = ball_diameter(ways, by, ball // (ny * nz), ball // nz % ny, ball % nz, walls)
                    before = ball
                painted[x, y, z] = likeness


def wall_likeness(bone: Mask, region: Mask | None = None) -> float:
    """Return the mean over bone of how alike the walls of its largest ball are: 1 plates, 1/2 rods, 1/3 balls.

    Voxels whose largest ball touches on one side only (cut by the image, or in a corner) do not count.

    Parameters
    ----------
    bone : Mask
        Voxels of any shape.
    region : Mask, optional
        Where voxels count; balls may reach beyond it. The whole image if not given.

    Raises
    ------
    InputError
        If the region is empty or holds no bone between two walls, or bone fills the image.
    GeometryError
        If both masks lie on different grids.
    """
    counted = bone.array
    if region is not None:
        bone.grid.require_same(region.grid)
        counted = bone.array & region.array
    painted = np.zeros(bone.array.shape, np.float32)
    for slab, balls in labeled_slabs(bone.array, bone.grid.spacing, MEMORY_BYTES):
        core = painted[slab.low : slab.high]
        in_parts(partial(_write_likeness, slab.ways, slab.by, balls, painted=core), 0, len(core))
    found = painted[counted & (painted > 0)]
    if not len(found):
        raise InputError("the region holds no bone between two walls: check the threshold or give a larger region")
    return float(found.mean(dtype=np.float64))
