"""The way from every voxel of a body to the nearest voxel outside it: the exact Euclidean feature transform.

One axis after the other, squared distances add (Saito and Toriwaki 1994, Pattern Recognition 27:1551-1565). Trabeculae
are a few voxels wide, so that plainly trying every step up to the greatest radius, many voxels at a time, beats the
lower envelope of parabolas; a voxel's squared distance and the way are one whole number, the least of which is kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image.compiled import compiled
from marrowmap.image.compiled import in_parts

AT_ONCE = 128
"""Voxels of the last axis worked on together: they stay in the fastest memory, and end together."""
NARROW = 63
"""Greatest radius in voxels that 32 bits hold, with cubic voxels."""
WIDEST = 1023
"""Greatest radius in voxels at all."""


class Ruler(NamedTuple):
    """How a way out is written as one number: squared distance, steps of the first two axes, sign of the third.

    Space: lengths in the smallest voxel spacing, so that squared distances of cubic voxels are whole numbers.

    Parameters
    ----------
    bits : int
        Of a step; the squared distance begins at bit ``2 * bits + 1``.
    fraction : int
        Bits of the squared distance behind the point: 0 for cubic voxels, which are exact; squared distances of others
        are rounded to 1/2048.
    squares : array of int64, shape (3, n)
        Squared length of 0, 1, 2 ... steps along each axis.
    spacing : array, shape (3,)
    unit : float
        ``2.0**-fraction``.
    """

    bits: int
    fraction: int
    squares: NDArray[np.int64]
    spacing: NDArray[np.float64]
    unit: float


def ruler(spacing: NDArray[np.float64], radius: float) -> Ruler:
    """Return the ruler for balls up to a radius, both in the smallest voxel spacing.

    Raises
    ------
    InputError
        If the radius is beyond what can be written.
    """
    if radius > WIDEST:
        raise InputError(f"a ball of more than {WIDEST} voxels' radius fits in: give a smaller region or larger voxels")
    cubic = bool(np.all(spacing == spacing[0]))
    bits, fraction = (7, 0) if cubic and radius <= NARROW else (11, 0 if cubic else 11)
    steps = np.arange(int(np.ceil(radius)) + 4)
    squares = np.rint((steps * spacing[:, None]) ** 2 * 2**fraction).astype(np.int64)
    return Ruler(bits, fraction, squares, np.ascontiguousarray(spacing, np.float64), 2.0**-fraction)


def ways_out(inside: NDArray[np.bool_], by: Ruler, radius: float) -> NDArray[np.signedinteger]:
    """Return for each voxel the way to the nearest voxel that is not `inside`, where that is no further than `radius`.

    Space: distances between voxel centers. What lies beyond the array is unknown, not outside.

    Parameters
    ----------
    inside : array of bool, 3-D
    by : Ruler
    radius : float
        In the smallest voxel spacing.

    Returns
    -------
    array of int32 or int64, shape of `inside`
        For :func:`way` and :func:`squared`. A voxel outside has -1 less a number of 27 bits, which of the voxels around
        it are inside (the first axis slowest; those beyond the array are not).
    """
    ways = np.empty(inside.shape, np.int32 if by.bits == 7 else np.int64)
    body = np.ascontiguousarray(inside).view(np.uint8)
    steps = np.minimum(np.ceil(radius / by.spacing), by.squares.shape[1] - 1).astype(np.int64)
    far = ways.dtype.type(unknown(by))
    in_parts(lambda low, high: _in_planes(body, ways, by, steps, far, low, high), 0, inside.shape[0])
    in_parts(lambda low, high: _across_planes(body, ways, by, steps, low, high), 0, inside.shape[1])
    return ways


def unknown(by: Ruler) -> int:
    """Return the least number that tells no way: no voxel outside within the radius."""
    return 1 << (30 if by.bits == 7 else 60)


@compiled
def squared(way: int, by: Ruler) -> int:
    """Return the squared distance of a way out, in ``2**-fraction`` squared voxels."""
    return way >> (2 * by.bits + 1)


@compiled
def steps_of(way: int, by: Ruler) -> tuple[int, int, int]:
    """Return the steps along each axis to the nearest voxel outside, from a voxel inside."""
    mask, half = (1 << by.bits) - 1, 1 << (by.bits - 1)
    i, j = ((way >> (by.bits + 1)) & mask) - half, ((way >> 1) & mask) - half
    rest = squared(way, by) * by.unit - (i * by.spacing[0]) ** 2 - (j * by.spacing[1]) ** 2
    k = int(np.sqrt(max(rest, 0.0)) / by.spacing[2] + 0.5)
    return i, j, -k if way & 1 else k


@compiled
def _line(inside: NDArray[np.uint8], ways: NDArray[np.signedinteger], by: Ruler, steps: int, far: int) -> None:
    """Write the ways along the last axis; of two equally far the one forward."""
    n = inside.shape[0]
    half = 1 << (by.bits - 1)
    none = (half << (by.bits + 1)) + (half << 1)
    shift = 2 * by.bits + 1
    z = 0
    while z < n:
        if not inside[z]:
            ways[z] = none
            z += 1
            continue
        first = z
        while z < n and inside[z]:
            z += 1
        for k in range(first, z):
            before = k - first + 1 if first > 0 else steps + 1
            after = z - k if z < n else steps + 1
            least = min(before, after)
            if least > steps:
                ways[k] = far + none
            else:
                ways[k] = (by.squares[2, least] << shift) + none + (1 if before < after else 0)


@compiled
def _least_over(
    lines: NDArray[np.signedinteger], at: int, low: int, best: NDArray[np.signedinteger], added: NDArray[np.int64]
) -> None:
    """Write to `best` the least of the lines around line `at`, each with what its step adds; from position `low` on."""
    n, most, many = lines.shape[0], added.shape[0] // 2, best.shape[0]
    own = lines[at, low : low + many]
    for k in range(many):
        best[k] = own[k]
    for d in range(1, most + 1):
        if d % 2 == 1:
            # What is nearer than any further line needs no look at those; an equal one might still win.
            largest = best[0]
            for k in range(many):
                largest = max(largest, best[k])
            if largest < (added[most + d] + added[most - d]) // 2:
                return
        before, after = at - d, at + d
        if before >= 0:
            more = best.dtype.type(added[most - d])
            line = lines[before, low : low + many]
            for k in range(many):
                best[k] = min(best[k], line[k] + more)
        if after < n:
            more = best.dtype.type(added[most + d])
            line = lines[after, low : low + many]
            for k in range(many):
                best[k] = min(best[k], line[k] + more)


@compiled
def _added(by: Ruler, axis: int, steps: int) -> NDArray[np.int64]:
    """Return what a step of -steps ... steps along an axis adds to a way."""
    added = np.empty(2 * steps + 1, np.int64)
    for d in range(-steps, steps + 1):
        added[steps + d] = (by.squares[axis, abs(d)] << (2 * by.bits + 1)) + (d << (by.bits + 1 if axis == 0 else 1))
    return added


@compiled
def _in_planes(
    inside: NDArray[np.uint8],
    ways: NDArray[np.signedinteger],
    by: Ruler,
    steps: NDArray[np.int64],
    far: int,
    first: int,
    last: int,
) -> None:
    """Write the ways within the planes `first` to `last` of the first axis."""
    _, ny, nz = inside.shape
    lines = np.empty((ny, nz), ways.dtype)
    added = _added(by, 1, steps[1])
    for x in range(first, last):
        for y in range(ny):
            _line(inside[x, y], lines[y], by, steps[2], far)
        for y in range(ny):
            for low in range(0, nz, AT_ONCE):
                _least_over(lines, y, low, ways[x, y, low : low + AT_ONCE], added)


@compiled
def _around_in_plane(inside: NDArray[np.uint8], y: int, around: NDArray[np.int32]) -> None:
    """Write which of the 9 voxels around each of line `y` are inside, a bit each, the middle axis slowest."""
    ny, nz = inside.shape
    around[:] = 0
    for q in range(max(0, y - 1), min(ny, y + 2)):
        line, bit = inside[q], 3 * (q - y + 1)
        for k in range(nz - 1):
            around[k + 1] |= np.int32(line[k]) << bit
        for k in range(nz):
            around[k] |= np.int32(line[k]) << (bit + 1)
        for k in range(1, nz):
            around[k - 1] |= np.int32(line[k]) << (bit + 2)


@compiled
def _across_planes(
    inside: NDArray[np.uint8], ways: NDArray[np.signedinteger], by: Ruler, steps: NDArray[np.int64], low: int, high: int
) -> None:
    """Finish the ways of lines `low` to `high` of the middle axis; write what is around voxels outside."""
    nx, _, nz = inside.shape
    lines = np.empty((nx, nz), ways.dtype)
    around = np.zeros((3, nz), np.int32)
    added = _added(by, 0, steps[0])
    for y in range(low, high):
        for x in range(nx):
            lines[x] = ways[x, y]
        around[2] = 0
        _around_in_plane(inside[0], y, around[1])
        for x in range(nx):
            before, here, after = (x + 2) % 3, x % 3, (x + 1) % 3
            # Lines of `around` turn: that of plane x lies in x % 3.
            if x == 0:
                around[here] = around[1]
                around[before] = 0
            if x + 1 < nx:
                _around_in_plane(inside[x + 1], y, around[after])
            else:
                around[after] = 0
            for z in range(0, nz, AT_ONCE):
                _least_over(lines, x, z, ways[x, y, z : z + AT_ONCE], added)
            line, body = ways[x, y], inside[x, y]
            first, second, third = around[before], around[here], around[after]
            for k in range(nz):
                code = -1 - (first[k] | (second[k] << 9) | (third[k] << 18))
                line[k] = line[k] if body[k] else code
