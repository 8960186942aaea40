"""Where between voxels the wall of a body lies, and how wide a ball between the walls it touches is.

A voxel is inside or not, so that a wall is known to a voxel only; the share of the body in the 27 voxels around an
outer voxel tells its place to a part of that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.image.compiled import compiled
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.nearest_outside import steps_of

ASLANT = 0.38
"""A way with more than this share along an axis goes to a voxel aside, not straight: sine of 22.5 degrees."""
BEHIND = 0.6
"""Voxels this much further along the way are behind the outer voxel."""


def _layers() -> NDArray[np.float64]:
    """Return, for each pattern of 9 voxels, how many there are and the sum of their directions from the 27's middle.

    Two tables, of an outer layer and the middle one; unit steps weigh all 26 directions alike (Zucker and Hummel 1981,
    IEEE Trans Pattern Anal Mach Intell 3:324-331): less noise of the normal.
    """
    bits = (np.arange(512)[:, None] >> np.arange(9)) & 1
    j, k = np.divmod(np.arange(9), 3) - np.array([[1], [1]])
    tables = []
    for i in (1, 0):
        length = np.maximum(1.0, np.sqrt(i + j**2 + k**2))
        tables.append(bits @ np.stack([np.ones(9), i / length, j / length, k / length], axis=1))
    return np.stack(tables)


def _not_behind() -> NDArray[np.int64]:
    """Return which of the 27 voxels are not behind the middle one, seen along each of the 27 directions, a bit each."""
    steps = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=1) - 1
    lengths = np.maximum(1.0, np.linalg.norm(steps, axis=1))
    kept = steps @ (steps / lengths[:, None]).T <= BEHIND
    return np.asarray((kept * (1 << np.arange(27))[:, None]).sum(axis=0), np.int64)


LAYERS = _layers()
NOT_BEHIND = _not_behind()
CURVED = 0.23
"""Voxels a rod's diameter is found too small without it: fitted on rods of 3 to 20 voxels, turned and shifted at random
(seeds 1 to 40 of ``benchmarks/morphometry_exactness.py --fit``)."""
PLACES = 64
"""A power of two, well above 27."""
EVERYWHERE = (1 << 27) - 1


@compiled
def seen_around(i: int, j: int, k: int, shape: tuple[int, int, int]) -> int:
    """Return which of the 27 voxels around one lie in the image, a bit each."""
    if 0 < i < shape[0] - 1 and 0 < j < shape[1] - 1 and 0 < k < shape[2] - 1:
        return EVERYWHERE
    seen = 0
    for n in range(27):
        a, b, c = i + n // 9 - 1, j + n // 3 % 3 - 1, k + n % 3 - 1
        if a >= 0 and b >= 0 and c >= 0 and a < shape[0] and b < shape[1] and c < shape[2]:
            seen |= 1 << n
    return seen


@compiled
def _sums(pattern: int) -> tuple[float, float, float, float]:
    """Return how many voxels a pattern of 27 has and the sum of their directions from its middle."""
    first, second, third = LAYERS[0, pattern & 511], LAYERS[1, (pattern >> 9) & 511], LAYERS[0, pattern >> 18]
    return (
        first[0] + second[0] + third[0],
        third[1] - first[1],
        first[2] + second[2] + third[2],
        first[3] + second[3] + third[3],
    )


@compiled
def wall_distance(
    around: int, seen: int, i: int, j: int, k: int, spacing: NDArray[np.float64]
) -> tuple[float, float, float, float]:
    """Return how far along its normal a wall lies and the outward normal, from the voxel that the steps to it start at.

    The 27 voxels around the outer voxel say where: the normal points away from the body's share of them, and the
    share is what a flat wall would cut from their box. The central cross-section of a unit cube, normal a >= b >= c,
    is 1 / a or (2 (ab + bc + ca) - 1) / 4abc.

    Parameters
    ----------
    around : int
        Which of the 27 voxels around the outer one are body, a bit each.
    seen : int
        Which of them lie in the image.
    i, j, k : int
        Steps to the outer voxel.
    spacing : array, shape (3,)
    """
    rx, ry, rz = i * spacing[0] ** 2, j * spacing[1] ** 2, k * spacing[2] ** 2
    aslant = ASLANT * ASLANT * (rx * rx + ry * ry + rz * rz)
    direction = 13
    direction += int(rx * abs(rx) > aslant) * 9 - int(-rx * abs(rx) > aslant) * 9
    direction += int(ry * abs(ry) > aslant) * 3 - int(-ry * abs(ry) > aslant) * 3
    direction += int(rz * abs(rz) > aslant) - int(-rz * abs(rz) > aslant)
    # Behind the outer voxel counts as outside: a wall may be one voxel thin.
    body, sx, sy, sz = _sums(around & NOT_BEHIND[direction])
    share = body * (1 / 27)
    if seen != EVERYWHERE:
        # Cut by the edge of the image the box is not even; its own middle is taken off.
        most, mx, my, mz = _sums(seen)
        share = body / most
        sx, sy, sz = sx - mx * share, sy - my * share, sz - mz * share
    # Normals of a plane in voxels (for the share) and in mm (for the distance) are each other's scaled. The first is
    # not made of unit length: what that takes cancels.
    sx, sy, sz = -sx, -sy, -sz
    if sx * sx + sy * sy + sz * sz < 1e-18:
        sx, sy, sz = rx, ry, rz
    a, b, c = abs(sx), abs(sy), abs(sz)
    largest, least = max(a, b, c), min(a, b, c)
    middle = a + b + c - largest - least
    section = largest
    if largest < middle + least:
        section = 4 * a * b * c / (2 * (a * b + b * c + c * a) - a * a - b * b - c * c)
    nx, ny, nz = sx / spacing[0], sy / spacing[1], sz / spacing[2]
    scale = 1 / np.sqrt(nx * nx + ny * ny + nz * nz)
    return (i * sx + j * sy + k * sz - 3 * (0.5 - share) * section) * scale, nx * scale, ny * scale, nz * scale


@compiled
def touched_walls(
    ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, walls: NDArray[np.int64]
) -> tuple[int, bool]:
    """Write the steps to the outer voxels that the largest ball centered within half a voxel touches.

    They are the nearest outer voxels of the 27 voxels around the center that are no more than a voxel further from it
    than the nearest of them, which comes first.

    Parameters
    ----------
    walls : array of int64, shape (27 + PLACES,)
        Receives the steps, for :func:`unpacked`; the rest is working memory.

    Returns
    -------
    known : int
        How many.
    opposite : bool
        Whether any lies on the other side than the first.
    """
    nx, ny, nz = ways.shape
    hx, hy, hz = by.spacing[0], by.spacing[1], by.spacing[2]
    i, j, k = steps_of(ways[x, y, z], by)
    ux, uy, uz = i * hx, j * hy, k * hz
    radius = np.sqrt(ux * ux + uy * uy + uz * uz)
    voxel = np.sqrt((ux * hx) ** 2 + (uy * hy) ** 2 + (uz * hz) ** 2) / radius
    limit = (radius + voxel * 1.001) ** 2
    walls[0] = packed(i, j, k)
    # A wall is kept at a place that follows from it, or the next one free, so that it is found again at once.
    places = walls[27:]
    places[:] = -1
    places[_place(walls[0])] = walls[0]
    known, opposite = 1, False
    for a in range(max(0, x - 1), min(nx, x + 2)):
        for b in range(max(0, y - 1), min(ny, y + 2)):
            for c in range(max(0, z - 1), min(nz, z + 2)):
                way = ways[a, b, c]
                if way < 0:
                    continue
                i, j, k = steps_of(way, by)
                i, j, k = i + a - x, j + b - y, k + c - z
                dx, dy, dz = i * hx, j * hy, k * hz
                wall = packed(i, j, k)
                place = _place(wall)
                if places[place] == wall or dx * dx + dy * dy + dz * dz > limit:
                    continue
                while places[place] >= 0 and places[place] != wall:
                    place = (place + 1) % PLACES
                if places[place] != wall:
                    places[place] = walls[known] = wall
                    known += 1
                    opposite = opposite or dx * ux + dy * uy + dz * uz <= 0
    return known, opposite


@compiled
def _place(wall: int) -> int:
    return (wall * 0x9E3779B97F4A7C1 >> 40) & (PLACES - 1)


@compiled
def packed(i: int, j: int, k: int) -> int:
    """Return steps, each of less than 2048, as one number."""
    return ((i + 2048) << 24) | ((j + 2048) << 12) | (k + 2048)


@compiled
def unpacked(wall: int) -> tuple[int, int, int]:
    """Return the steps that :func:`packed` wrote."""
    return (wall >> 24) - 2048, ((wall >> 12) & 4095) - 2048, (wall & 4095) - 2048


@compiled
def ball_diameter(
    ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, walls: NDArray[np.int64]
) -> tuple[float, float]:
    """Return the diameter of the largest ball centered within half a voxel of `x, y, z` and how alike its walls are.

    Alike is 1 between two flat walls, 1/2 in a round rod, 1/3 in a ball; 0 if the ball touches on one side only. The
    walls on one side and those on the other are averaged apart, so that a center beside the true middle does no harm.
    A ball that touches on one side only is not the largest of its place; its nearest wall is enough.
    """
    spacing = by.spacing
    known, opposite = touched_walls(ways, by, x, y, z, walls)
    i, j, k = unpacked(walls[0])
    radius = np.sqrt((i * spacing[0]) ** 2 + (j * spacing[1]) ** 2 + (k * spacing[2]) ** 2)
    seen = seen_around(x + i, y + j, z + k, ways.shape)
    near, ux, uy, uz = wall_distance(-1 - ways[x + i, y + j, z + k], seen, i, j, k, spacing)
    nears, far, fars = 1, 0.0, 0
    if not opposite:
        return max(2 * near, radius), 0.0
    xx, yy, zz, xy, yz, zx = ux * ux, uy * uy, uz * uz, ux * uy, uy * uz, uz * ux
    voxel = np.sqrt((ux * spacing[0]) ** 2 + (uy * spacing[1]) ** 2 + (uz * spacing[2]) ** 2)
    for w in range(1, known):
        i, j, k = unpacked(walls[w])
        seen = seen_around(x + i, y + j, z + k, ways.shape)
        distance, a, b, c = wall_distance(-1 - ways[x + i, y + j, z + k], seen, i, j, k, spacing)
        xx, yy, zz, xy, yz, zx = xx + a * a, yy + b * b, zz + c * c, xy + a * b, yz + b * c, zx + c * a
        if a * ux + b * uy + c * uz > 0:
            near, nears = near + distance, nears + 1
        else:
            far, fars = far + distance, fars + 1
    both = near / nears + (far / fars if fars > 0 else near / nears)
    # The sum of squares of the normals' tensor is 1 for two flat walls, 1/2 for a cylinder's, 1/3 for a sphere's; a
    # curved wall leaves 3/8 of a squared voxel over its radius less of the box it cuts, in each curved direction. Of
    # its many walls those count that roughness brings near, which takes off CURVED more.
    alike = (xx * xx + yy * yy + zz * zz + 2 * (xy * xy + yz * yz + zx * zx)) / known**2
    curved = 1 / alike - 1
    # The noise of a flat wall's normals is not to count: it is small, and smaller squared.
    both += 2 * 0.375 * voxel * voxel / radius * curved + CURVED * voxel * min(curved, curved * curved)
    # In a speck of a few voxels walls mean little: no less than half of what the voxels say.
    return max(both, radius), alike
