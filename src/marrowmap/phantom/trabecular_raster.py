"""Plates and rods drawn into voxels of any shape, slab by slab: millions of them in seconds.

The model is asked, point by point of a lattice inside each voxel, whether it is bone; a voxel's value is the share of
its points that are. An element is asked only at the points of its own box.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image.compiled import compiled

if TYPE_CHECKING:
    from marrowmap.phantom.trabecular import TrabecularBlock

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SLAB_BYTES = 48_000_000
"""About how many lattice points are drawn at a time, one byte each."""
LOOSE_MM = 1e-6
"""How much further than reckoned a column is asked, so that rounding loses no point."""


@dataclass(frozen=True, eq=False)
class Elements:
    """Plates and rods as arrays, mm.

    Parameters
    ----------
    rod_ends : array, shape (rods, 2, 3)
        Where the middle line of each round-ended cylinder begins and ends.
    rod_mm : array, shape (rods,)
        Diameters.
    corners : array, shape (corners, 3)
        Of all plates, one plate after the other, each in order around its flat, convex polygon.
    first : array of int, shape (plates + 1,)
        Plate n has the corners from `first[n]` to `first[n + 1]`.
    plate_mm, hole_mm : array, shape (plates,)
        Thickness of each plate, whose rim is half round, and the radius of the hole about the mean of its corners.
    """

    rod_ends: Floats
    rod_mm: Floats
    corners: Floats
    first: Ints
    plate_mm: Floats
    hole_mm: Floats

    @property
    def count(self) -> int:
        """How many plates and rods there are."""
        return len(self.rod_mm) + len(self.plate_mm)

    def moved(self, turn: Floats, shift: Floats) -> Elements:
        """Return the elements with every point p at `turn` @ p + `shift`; `turn`, shape (3, 3), keeps lengths."""
        return replace(self, rod_ends=self.rod_ends @ turn.T + shift, corners=self.corners @ turn.T + shift)


def elements_of(block: TrabecularBlock) -> Elements:
    """Return a block's plates and rods as arrays, in the block's own mm."""
    sizes = [len(plate.corners) for plate in block.plates]
    return Elements(
        rod_ends=np.array([rod.ends for rod in block.rods], float).reshape(-1, 2, 3),
        rod_mm=np.array([rod.diameter_mm for rod in block.rods], float),
        corners=np.concatenate([plate.corners for plate in block.plates] or [np.zeros((0, 3))]).astype(float),
        first=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        plate_mm=np.array([plate.thickness_mm for plate in block.plates], float),
        hole_mm=np.array([plate.hole_mm for plate in block.plates], float),
    )


@compiled
def _from_segment(x: float, y: float, z: float, u: float, v: float, w: float) -> float:
    """Return the squared distance of (x, y, z) from the segment that reaches from 0 to (u, v, w)."""
    length = u * u + v * v + w * w
    share = (x * u + y * v + z * w) / length if length > 0 else 0.0
    share = min(max(share, 0.0), 1.0)
    x, y, z = x - share * u, y - share * v, z - share * w
    return x * x + y * y + z * z


@compiled
def _span(low: float, high: float, step: float, count: int) -> tuple[int, int]:
    """Return which lattice points, at (n + 1/2) times the step, lie from `low` to `high`."""
    return max(int(np.ceil(low / step - 0.5)), 0), min(int(np.floor(high / step - 0.5)) + 1, count)


@compiled
def _rod_heights(x: float, y: float, u: float, v: float, w: float, reach: float) -> tuple[float, float]:
    """Return from where to where the column at (x, y) lies in the endless cylinder about (u, v, w); up > low if not."""
    flat = u * u + v * v
    length = flat + w * w
    # Of a rod along the column its direction says nothing.
    if flat <= 1e-6 * length:
        return -np.inf, np.inf
    away = (x * v - y * u) ** 2 / flat
    if away > reach * reach:
        return 1.0, -1.0
    along, half = (x * u + y * v) * w / flat, np.sqrt((reach * reach - away) * length / flat)
    return along - half, along + half


@compiled
def _draw_rods(
    points: NDArray[np.uint8], start: float, step: Floats, ends: Floats, across: Floats, which: Ints
) -> None:
    """Mark the lattice points in the rods named; the lattice begins at (0, 0, start) mm."""
    for n in which:
        reach = across[n] / 2
        x, y, z = ends[n, 0, 0], ends[n, 0, 1], ends[n, 0, 2]
        u, v, w = ends[n, 1, 0] - x, ends[n, 1, 1] - y, ends[n, 1, 2] - z
        low, high = z + min(w, 0.0) - reach, z + max(w, 0.0) + reach
        i0, i1 = _span(x + min(u, 0.0) - reach, x + max(u, 0.0) + reach, step[0], points.shape[0])
        j0, j1 = _span(y + min(v, 0.0) - reach, y + max(v, 0.0) + reach, step[1], points.shape[1])
        for i in range(i0, i1):
            p = (i + 0.5) * step[0] - x
            for j in range(j0, j1):
                q = (j + 0.5) * step[1] - y
                bottom, top = _rod_heights(p, q, u, v, w, reach)
                bottom, top = max(low, z + bottom) - start, min(high, z + top) - start
                k0, k1 = _span(bottom - LOOSE_MM, top + LOOSE_MM, step[2], points.shape[2])
                for k in range(k0, k1):
                    r = (k + 0.5) * step[2] + start - z
                    if points[i, j, k] == 0 and _from_segment(p, q, r, u, v, w) <= reach * reach:
                        points[i, j, k] = 1


@compiled
def _lay_out(own: Floats, middle: Floats, normal: Floats, sides: Floats) -> bool:
    """Write a polygon's middle, unit normal and sides; say whether it has an area.

    Row n of `sides`: corner n from the middle (0-2), the way to the next corner (3-5), the unit vector inward (6-8).
    """
    count = len(own)
    for axis in range(3):
        middle[axis] = own[:, axis].mean()
    for n in range(count):
        following = (n + 1) % count
        for axis in range(3):
            sides[n, axis] = own[n, axis] - middle[axis]
            sides[n, 3 + axis] = own[following, axis] - own[n, axis]
    # Newell's normal: the polygon turns to the left about it.
    normal[:] = 0
    for n in range(count):
        x, y, z, u, v, w = sides[n, 0], sides[n, 1], sides[n, 2], sides[n, 3], sides[n, 4], sides[n, 5]
        normal[0] += y * w - z * v
        normal[1] += z * u - x * w
        normal[2] += x * v - y * u
    size = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    if size == 0:
        return False
    normal /= size
    for n in range(count):
        u, v, w = sides[n, 3], sides[n, 4], sides[n, 5]
        length = max(np.sqrt(u * u + v * v + w * w), 1e-300)
        sides[n, 6] = (normal[1] * w - normal[2] * v) / length
        sides[n, 7] = (normal[2] * u - normal[0] * w) / length
        sides[n, 8] = (normal[0] * v - normal[1] * u) / length
    return True


@compiled
def _in_plate(
    x: float, y: float, z: float, sides: Floats, count: int, height: float, normal: Floats, reach: float, hole: float
) -> bool:
    """Say whether a point, from the plate's middle and between its faces, lies in the plate or its half-round rim."""
    p, q, r = x - height * normal[0], y - height * normal[1], z - height * normal[2]
    inward = np.inf
    for n in range(count):
        depth = (p - sides[n, 0]) * sides[n, 6] + (q - sides[n, 1]) * sides[n, 7] + (r - sides[n, 2]) * sides[n, 8]
        inward = min(inward, depth)
    if inward >= 0 and (hole <= 0 or p * p + q * q + r * r > hole * hole):
        return True
    if abs(inward) > reach:
        return False
    for n in range(count):
        u, v, w = sides[n, 3], sides[n, 4], sides[n, 5]
        if _from_segment(x - sides[n, 0], y - sides[n, 1], z - sides[n, 2], u, v, w) <= reach * reach:
            return True
    return False


@compiled
def _draw_plates(
    points: NDArray[np.uint8],
    start: float,
    step: Floats,
    corners: Floats,
    first: Ints,
    thick: Floats,
    hole: Floats,
    which: Ints,
) -> None:
    """Mark the lattice points in the plates named; the lattice begins at (0, 0, start) mm."""
    middle, normal, sides = np.zeros(3), np.zeros(3), np.zeros((np.diff(first).max(), 9))
    for n in which:
        own, reach = corners[first[n] : first[n + 1]], thick[n] / 2
        if not _lay_out(own, middle, normal, sides):
            continue
        low, high = own[:, 2].min() - reach, own[:, 2].max() + reach
        i0, i1 = _span(own[:, 0].min() - reach, own[:, 0].max() + reach, step[0], points.shape[0])
        j0, j1 = _span(own[:, 1].min() - reach, own[:, 1].max() + reach, step[1], points.shape[1])
        steep = abs(normal[2]) <= 1e-3
        for i in range(i0, i1):
            x = (i + 0.5) * step[0] - middle[0]
            for j in range(j0, j1):
                y = (j + 0.5) * step[1] - middle[1]
                bottom, top = low, high
                if not steep:
                    # Where the column lies between the plate's two endless faces.
                    at = middle[2] - (x * normal[0] + y * normal[1]) / normal[2]
                    half = reach / abs(normal[2])
                    bottom, top = max(low, at - half), min(high, at + half)
                k0, k1 = _span(bottom - start - LOOSE_MM, top - start + LOOSE_MM, step[2], points.shape[2])
                for k in range(k0, k1):
                    if points[i, j, k]:
                        continue
                    z = (k + 0.5) * step[2] + start - middle[2]
                    height = x * normal[0] + y * normal[1] + z * normal[2]
                    if abs(height) <= reach and _in_plate(x, y, z, sides, len(own), height, normal, reach, hole[n]):
                        points[i, j, k] = 1


@compiled
def _count(points: NDArray[np.uint8], finer: Ints, out: NDArray[np.float32]) -> None:
    """Write the share of marked points of each voxel."""
    whole = np.float32(finer[0] * finer[1] * finer[2])
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                marked = 0
                for a in range(i * finer[0], (i + 1) * finer[0]):
                    for b in range(j * finer[1], (j + 1) * finer[1]):
                        for c in range(k * finer[2], (k + 1) * finer[2]):
                            marked += points[a, b, c]
                out[i, j, k] = np.float32(marked) / whole


def _heights(elements: Elements) -> tuple[Floats, Floats]:
    """Return from where to where rods, then plates, reach along the last axis, shape (2, rods) and (2, plates)."""
    z = elements.rod_ends[:, :, 2]
    rods = np.stack([z.min(axis=1), z.max(axis=1)]) + np.array([[-0.5], [0.5]]) * elements.rod_mm
    if not len(elements.plate_mm):
        return rods, np.zeros((2, 0))
    z = elements.corners[:, 2]
    ends = np.stack([np.minimum.reduceat(z, elements.first[:-1]), np.maximum.reduceat(z, elements.first[:-1])])
    return rods, ends + np.array([[-0.5], [0.5]]) * elements.plate_mm


def rasterize_slabs(
    elements: Elements,
    shape: tuple[int, int, int],
    voxel_mm: tuple[float, float, float],
    finer: int | Sequence[int] = 3,
    slab: int | None = None,
) -> Iterator[tuple[slice, NDArray[np.float32]]]:
    """Yield the share of bone in every voxel, some slices of the last axis at a time.

    Space: voxel (i, j, k) reaches from (i, j, k) to (i + 1, j + 1, k + 1) times `voxel_mm`, in the elements' own mm;
    for a grid that is turned or shifted, move the elements (:meth:`Elements.moved`).

    Parameters
    ----------
    elements : Elements
    shape : tuple of int
    voxel_mm : tuple of float
        Any shape: 0.0607 for HR-pQCT, 0.234 by 0.234 by 1 for 7 T MRI.
    finer : int or three of them
        How many points each voxel has along each axis; oblong voxels want more along their long side.
    slab : int, optional
        Slices at a time; by default as many as some 50 MB hold.

    Yields
    ------
    slices : slice
        Along the last axis.
    share : array of float32, shape (shape[0], shape[1], slices)
        0 to 1.

    Raises
    ------
    InputError
        If shape, voxels or points are not all more than 0.
    """
    per = np.asarray([finer] * 3 if isinstance(finer, int) else finer, np.int64)
    if min(shape) < 1 or per.min() < 1 or not min(voxel_mm) > 0:
        raise InputError("virtual trabecular bone: shape, voxel sizes and points in each voxel must be more than 0")
    step = np.asarray(voxel_mm, float) / per
    columns = (shape[0] * int(per[0]), shape[1] * int(per[1]))
    slab = slab or max(1, SLAB_BYTES // (columns[0] * columns[1] * int(per[2])))
    rods, plates = _heights(elements)
    for begin in range(0, shape[2], slab):
        slices = slice(begin, min(begin + slab, shape[2]))
        points = np.zeros((*columns, (slices.stop - slices.start) * int(per[2])), np.uint8)
        start, stop = slices.start * float(voxel_mm[2]), slices.stop * float(voxel_mm[2])
        here = np.flatnonzero((rods[0] < stop) & (rods[1] > start))
        _draw_rods(points, start, step, elements.rod_ends, elements.rod_mm, here)
        here = np.flatnonzero((plates[0] < stop) & (plates[1] > start))
        of_plates = (elements.corners, elements.first, elements.plate_mm, elements.hole_mm)
        if len(here):
            _draw_plates(points, start, step, *of_plates, here)
        share = np.empty((shape[0], shape[1], slices.stop - slices.start), np.float32)
        _count(points, per, share)
        yield slices, share


def rasterize(
    elements: Elements,
    shape: tuple[int, int, int],
    voxel_mm: tuple[float, float, float],
    finer: int | Sequence[int] = 3,
) -> NDArray[np.float32]:
    """Return the share of bone in every voxel of a grid, 0 to 1; see :func:`rasterize_slabs`."""
    out = np.empty(shape, np.float32)
    for slices, share in rasterize_slabs(elements, shape, voxel_mm, finer):
        out[:, :, slices] = share
    return out
