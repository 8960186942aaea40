"""The largest ball inside a body that holds each of its voxels (Hildebrand and Ruegsegger 1997, J Microsc 185:67-75).

A ball is centered on a voxel and holds every voxel nearer than the nearest one outside the body. One whose voxels all
lie in a neighbor's larger ball is left out: what is covered is the same without it (Remy and Thiel 2005, Image Vis
Comput 23:167-175, in tables for any voxel size). Of the others only the voxels that the best neighbor's ball
leaves are looked at, as no more can be theirs; these depend on both radii and the step between only, and are listed
once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.image.compiled import compiled
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.nearest_outside import squared
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter

KINDS = np.array([(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)])
"""Neighbors but for signs."""
LINES = np.array([0, 1, 2, 1, 2, 3, 3])
"""Which of the lines of :func:`_lines_around` has each kind."""
LENGTHS = np.sqrt(KINDS.sum(axis=1))
FIRST = 2**31 - 1
"""Greatest flat index in an array; a ball's number holds how far before it its center lies."""
LISTED = 600
"""Balls of less than this squared radius, in voxels, have lists; larger ones are too few and too different."""


def containment_table(radius: float, by: Ruler) -> NDArray[np.int64]:
    """Return how large a ball a neighbor's ball holds, every voxel of it.

    Parameters
    ----------
    radius : float
        Greatest radius asked for, in the smallest voxel spacing.
    by : Ruler
        For at least 2 more.

    Returns
    -------
    array of int64, shape (7, n)
        ``table[v, b]``: the ball of squared radius ``b`` voxels around a neighbor ``KINDS[v]`` away holds every ball of
        this squared radius, as the ruler writes it, or less. Squares between are rounded so that the answer errs on the
        side of keeping a ball.
    """
    needed = np.zeros((len(KINDS), int(np.ceil(radius**2)) + 2), np.int64)
    for kind, step in zip(needed, KINDS, strict=True):
        _furthest(by, step, kind)
        np.maximum.accumulate(kind, out=kind)
    sizes = np.arange(needed.shape[1]) << by.fraction
    # A ball is held by one whose squared radius is greater than what it needs.
    return np.stack([(np.searchsorted(kind, sizes) - 1).clip(0) << by.fraction for kind in needed])


@compiled
def _furthest(by: Ruler, step: NDArray[np.int64], table: NDArray[np.int64]) -> None:
    """Raise `table`, by whole squared radius, to how far the voxels first held at it are from a neighbor."""
    largest = ((table.shape[0] - 2) << by.fraction) + 1
    squares, last = by.squares, by.squares.shape[1] - 2
    for i in range(last):
        for j in range(last):
            rest = largest - squares[0, i] - squares[1, j]
            if rest <= 0:
                break
            for k in range(last):
                if squares[2, k] >= rest:
                    break
                # A voxel belongs to balls of squared radius strictly greater than its own squared distance.
                first = ((squares[0, i] + squares[1, j] + squares[2, k]) >> by.fraction) + 1
                away = squares[0, i + step[0]] + squares[1, j + step[1]] + squares[2, k + step[2]]
                table[first] = max(table[first], away)


@compiled
def _half(by: Ruler, rest: int) -> int:
    """Return the most steps along the last axis whose square is less than `rest`; -1 if none is."""
    if rest <= 0:
        return -1
    half = int(np.sqrt(rest / by.squares[2, 1]))
    while by.squares[2, half] >= rest:
        half -= 1
    while by.squares[2, half + 1] < rest:
        half += 1
    return half


@compiled
def _left_voxels(
    by: Ruler, largest: int, step: NDArray[np.int64], other: int, left: NDArray[np.int32], begin: int
) -> tuple[NDArray[np.int32], int]:
    """Append to `left`, from row `begin` on, the voxels of a ball that a neighbor's does not hold.

    Both squared radii as the ruler writes them; `other` is 0 if there is no neighbor. A row is the steps from the
    center and its squared distance. Returns the array, a longer one if need was, and where the rows end.
    """
    squares, end = by.squares, begin
    ri, rj = 0, 0
    while squares[0, ri + 1] < largest:
        ri += 1
    while squares[1, rj + 1] < largest:
        rj += 1
    for i in range(-ri, ri + 1):
        for j in range(-rj, rj + 1):
            own = squares[0, abs(i)] + squares[1, abs(j)]
            half = _half(by, largest - own)
            if half < 0:
                continue
            first, last = half + 1, half
            if other > 0:
                held = _half(by, other - squares[0, abs(i - step[0])] - squares[1, abs(j - step[1])])
                if held >= 0:
                    first, last = step[2] - held, step[2] + held
            if end + 2 * half + 1 > left.shape[0]:
                more = np.empty((2 * left.shape[0] + 2 * half + 1, 4), left.dtype)
                more[:end] = left[:end]
                left = more
            for k in range(-half, half + 1):
                if k < first or k > last:
                    left[end, 0], left[end, 1], left[end, 2] = i, j, k
                    left[end, 3] = own + squares[2, abs(k)]
                    end += 1
    return left, end


@compiled
def _lines_around(ways: NDArray[np.signedinteger], x: int, y: int, lines: NDArray[np.signedinteger]) -> None:
    """Write a line of `ways` and the greatest of those beside it: along the middle axis, the first, and both.

    With one position more at both ends; -1 beyond the array.
    """
    nx, ny, _ = ways.shape
    lines[:] = -1
    for i in range(max(0, x - 1), min(nx, x + 2)):
        for j in range(max(0, y - 1), min(ny, y + 2)):
            line, most = ways[i, j], lines[(i != x) * 2 + (j != y), 1:]
            for k in range(line.shape[0]):
                most[k] = max(most[k], line[k])


@compiled
def _largest_held(
    lines: NDArray[np.signedinteger], by: Ruler, table: NDArray[np.int64], held: NDArray[np.int64]
) -> None:
    """Write for each position of a line the squared radius up to which a ball there is held by a neighbor's.

    Without a branch, so that many positions are done at a time.
    """
    shift = 2 * by.bits + 1 + by.fraction
    own, beside, before, both = lines[0], lines[1], lines[2], lines[3]
    for k in range(held.shape[0]):
        z = max(own[k], own[k + 2], 0) >> shift
        yz = max(beside[k], beside[k + 2], 0) >> shift
        xz = max(before[k], before[k + 2], 0) >> shift
        xyz = max(both[k], both[k + 2], 0) >> shift
        y, x, xy = max(beside[k + 1], 0) >> shift, max(before[k + 1], 0) >> shift, max(both[k + 1], 0) >> shift
        faces = max(table[0, z], table[1, y], table[2, x])
        edges = max(table[3, yz], table[4, xz], table[5, xy])
        held[k] = max(faces, edges, table[6, xyz])


@compiled
def _best_neighbor(
    ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int, number: int, lines: NDArray[np.signedinteger]
) -> tuple[int, int]:
    """Return the neighbor, 0 to 26, whose ball reaches furthest around this one, and its squared radius; else 13 and 0.

    Its number is to be greater: it then wins what both hold. Of each kind of neighbor the largest is known from
    `lines`, three positions of them around this ball; only among the best kind it is looked for.
    """
    nx, ny, nz = ways.shape
    own = squared(ways[x, y, z], by)
    best, furthest, slope = -1, -1e30, 2 * np.sqrt(float(own))
    for kind in range(7):
        line = lines[LINES[kind]]
        way = max(line[0], line[2]) if KINDS[kind, 2] else line[1]
        other = squared(way, by)
        reach = other - slope * LENGTHS[kind] * (1 << by.fraction) if other > own else -2e30
        best, furthest = (kind, reach) if reach > furthest else (best, furthest)
    if best >= 0:
        line = lines[LINES[best]]
        way = max(line[0], line[2]) if KINDS[best, 2] else line[1]
    for n in range(27):
        i, j, k = n // 9 - 1, n // 3 % 3 - 1, n % 3 - 1
        if best >= 0 and (abs(i) != KINDS[best, 0] or abs(j) != KINDS[best, 1] or abs(k) != KINDS[best, 2]):
            continue
        a, b, c = x + i, y + j, z + k
        if a < 0 or b < 0 or c < 0 or a >= nx or b >= ny or c >= nz:
            continue
        if best >= 0 and ways[a, b, c] == way:
            return n, squared(way, by)
        if best < 0 and squared(ways[a, b, c], by) == own and ball_number(ways, by, a, b, c) > number:
            return n, own
    return 13, 0


@compiled
def label_balls(
    ways: NDArray[np.signedinteger],
    by: Ruler,
    table: NDArray[np.int64],
    first: int,
    low: int,
    high: int,
    balls: NDArray[np.int64],
) -> None:
    """Write for each voxel which ball is the largest that holds it; of equal ones the most central, then the first.

    Parameters
    ----------
    ways, by
        Of :func:`~marrowmap.measure.nearest_outside.ways_out`.
    table
        Of :func:`containment_table`.
    first : int
        Index of the first axis where `balls` begins.
    low, high : int
        Write from one index of the first axis up to another only.
    balls : array of int64, as wide as `ways` but for the first axis
        Receives numbers for :func:`center_of`; 0 outside the body.
    """
    nx, ny, nz = ways.shape
    flat_balls = balls.ravel()
    # Where the list of each neighbor and both squared radii begins and ends; 0 if there is none yet.
    bins = min(table.shape[1], LISTED)
    differences = int(4 * np.sqrt(bins)) + 8
    lists = np.zeros((27, bins, differences, 2), np.int32)
    left, end = np.zeros((4096, 4), np.int32), 1
    lines, held = np.empty((4, nz + 2), ways.dtype), np.empty(nz, np.int64)
    step = np.empty(3, np.int64)
    balls[low - first : high - first] = 0
    radius = np.sqrt(table.shape[1])
    rx, ry, rz = int(radius / by.spacing[0]) + 1, int(radius / by.spacing[1]) + 1, int(radius / by.spacing[2]) + 1
    for x in range(max(0, low - rx), min(nx, high + rx)):
        beyond = by.squares[0, max(low - x, x - high + 1, 0)]
        for y in range(ny):
            _lines_around(ways, x, y, lines)
            _largest_held(lines, by, table, held)
            for z in range(nz):
                own = squared(ways[x, y, z], by)
                if own <= max(beyond, held[z]):
                    continue
                ball = ball_number(ways, by, x, y, z)
                n, other = _best_neighbor(ways, by, x, y, z, ball, lines[:, z : z + 3])
                step[0], step[1], step[2] = n // 9 - 1, n // 3 % 3 - 1, n % 3 - 1
                # Rounded so that the list has too many voxels rather than too few; each is looked at again.
                row, less = (own + (1 << by.fraction) - 1) >> by.fraction, other >> by.fraction
                apart = less - row if other > 0 else 0
                kept = row < bins and 0 <= apart < differences
                begin, stop = (lists[n, row, apart, 0], lists[n, row, apart, 1]) if kept else (end, 0)
                if stop == 0:
                    begin = end
                    left, stop = _left_voxels(by, row << by.fraction, step, less << by.fraction, left, end)
                    if kept:
                        lists[n, row, apart, 0], lists[n, row, apart, 1], end = begin, stop, stop
                center = (x * ny + y) * nz + z
                apart_from_edges = low + rx <= x < high - rx and ry <= y < ny - ry and rz <= z < nz - rz
                if by.fraction == 0 and apart_from_edges:
                    place = center - first * ny * nz
                    for e in range(begin, stop):
                        at = np.uint64(place + (left[e, 0] * ny + left[e, 1]) * nz + left[e, 2])
                        flat_balls[at] = max(flat_balls[at], ball)
                    continue
                for e in range(begin, stop):
                    i, j, k = x + left[e, 0], y + left[e, 1], z + left[e, 2]
                    if low <= i < high and 0 <= j < ny and 0 <= k < nz and left[e, 3] < own:
                        balls[i - first, j, k] = max(balls[i - first, j, k], ball)


@compiled
def ball_number(ways: NDArray[np.signedinteger], by: Ruler, x: int, y: int, z: int) -> int:
    """Return a number that is the greater the larger a ball is.

    Of equally large balls beside each other the most central has most around it, which is told by the squared radii
    across its faces where there are bits left for them (cubic voxels); it touches the walls on both sides alike. Then
    the first in the array is preferred.
    """
    nx, ny, nz = ways.shape
    number, first = squared(ways[x, y, z], by), FIRST - ((x * ny + y) * nz + z)
    if by.bits > 7:
        return int((number << 31) + first)
    around = max(squared(ways[max(x - 1, 0), y, z], by), 0) + max(squared(ways[min(x + 1, nx - 1), y, z], by), 0)
    around += max(squared(ways[x, max(y - 1, 0), z], by), 0) + max(squared(ways[x, min(y + 1, ny - 1), z], by), 0)
    around += max(squared(ways[x, y, max(z - 1, 0)], by), 0) + max(squared(ways[x, y, min(z + 1, nz - 1)], by), 0)
    return int((((number << 16) + around) << 31) + first)


@compiled
def center_of(ball: int) -> int:
    """Return the flat index of a ball's center from its number, which is the greater the larger the ball is."""
    return FIRST - (ball & FIRST)


@compiled
def write_diameters(
    ways: NDArray[np.signedinteger],
    by: Ruler,
    balls: NDArray[np.int64],
    known: NDArray[np.float32],
    low: int,
    high: int,
    painted: NDArray[np.float32],
) -> None:
    """Write the diameter of the ball of each voxel of `balls[low:high]`, 0 where there is none.

    `known`, as large as `ways`, keeps diameters found before, 0 where none is.
    """
    _, ny, nz = ways.shape
    walls = np.empty(27 + PLACES, np.int64)
    found = known.ravel()
    for x in range(low, high):
        for y in range(ny):
            for z in range(nz):
                if balls[x, y, z] == 0:
                    painted[x, y, z] = 0.0
                    continue
                ball = center_of(balls[x, y, z])
                if found[ball] == 0.0:
                    diameter, _ = ball_diameter(ways, by, ball // (ny * nz), ball // nz % ny, ball % nz, walls)
                    found[ball] = np.float32(diameter)
                painted[x, y, z] = found[ball]
