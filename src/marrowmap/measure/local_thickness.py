"""Thickness of trabeculae, separation between them and their number, by maximal balls.

Exact means: of the voxel body, every ball is there that could be the largest for some voxel (its center on a voxel),
and slabs give what the whole would. What it is not: the body's wall is known to a voxel only; see docs/measuring.md
for what that leaves of plates, rods and balls of known thickness.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image.compiled import in_parts
from marrowmap.measure.maximal_balls import containment_table
from marrowmap.measure.maximal_balls import label_balls
from marrowmap.measure.maximal_balls import write_diameters
from marrowmap.measure.mid_axis import ALMOST
from marrowmap.measure.mid_axis import mark_middle
from marrowmap.measure.nearest_outside import Ruler
from marrowmap.measure.nearest_outside import ruler
from marrowmap.measure.nearest_outside import unknown
from marrowmap.measure.nearest_outside import ways_out

MEMORY_BYTES = 1_000_000_000
"""Working memory of a slab, beside the arrays that go in and come out."""
FIRST_RADIUS = 12
"""Greatest radius tried first, in voxels; doubled where a ball proves larger."""
REACH = 3
"""How far beyond a ball's center its walls are looked at, in voxels."""


@dataclass(frozen=True)
class Thickness:
    """Mean over voxels of the diameter of the largest ball that holds each, mm.

    Parameters
    ----------
    mean_mm, sd_mm, largest_mm : float
        Over the voxels of the phase in the region; SD is the spread of the structure, not an error.
    voxels : int
    """

    mean_mm: float
    sd_mm: float
    largest_mm: float
    voxels: int


@dataclass(frozen=True)
class Slab:
    """Planes `low` to `high` of the first axis; what is known of planes from `first` on; lengths in voxels."""

    low: int
    high: int
    first: int
    ways: NDArray[np.signedinteger]
    by: Ruler
    radius: float


def _slabs(phase: NDArray[np.bool_], spacing: NDArray[np.float64], memory_bytes: int) -> Iterator[Slab]:
    """Cut the volume into slabs, each with as much around it as its balls need.

    A slab is right where no ball within R of it is larger than R and 2 R around it were seen: a larger ball further
    away that reached into it would make those between larger than R, too.
    """
    if phase.all():
        raise InputError("the region is all one phase: there is no wall to measure to; check the threshold")
    planes = phase.shape[0]
    radius, low = float(FIRST_RADIUS), 0
    while low < planes:
        by = ruler(spacing, radius + 2)
        most = max(1, int(memory_bytes / (_bytes_per_voxel(by) * phase.shape[1] * phase.shape[2])))
        halo = int(np.ceil(2 * radius / spacing[0])) + REACH
        high = min(planes, low + max(1, most - 2 * halo))
        if most >= planes:
            high = planes
        first, last = max(0, low - halo), min(planes, high + halo)
        ways = ways_out(phase[first:last], by, radius)
        near = int(np.ceil(radius / spacing[0])) + REACH
        farthest = int(ways[max(0, low - near - first) : high + near - first].max())
        if farthest >= unknown(by):
            radius *= 2
            continue
        found = float(np.sqrt((farthest >> (2 * by.bits + 1)) / 2**by.fraction))
        if found > radius:
            radius = max(1.25 * found, radius + 1)
            continue
        yield Slab(low, high, first, ways, by, max(found, 1.0))
        low = high


def _bytes_per_voxel(by: Ruler) -> int:
    """Return what a slab takes a voxel: ways, body, ball, diameters of balls and of voxels."""
    return (4 if by.bits == 7 else 8) + 1 + 8 + 4 + 4


def _in_voxels(spacing_mm: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Return spacings over the smallest one, and that one: squared distances of cubes are whole numbers, ties ties.

    Spacings that are the same but for rounding become the same.
    """
    unit = float(np.min(spacing_mm))
    voxels = np.ascontiguousarray(spacing_mm, np.float64) / unit
    return np.where(voxels < 1 + ALMOST, 1.0, voxels), unit


def whole(phase: Mask) -> Slab:
    """Return the ways out of a phase of the whole image at once.

    Raises
    ------
    InputError
        If the phase fills the image.
    """
    spacing, _ = _in_voxels(phase.grid.spacing)
    return next(_slabs(phase.array, spacing, sys.maxsize))


def labeled_slabs(
    phase: NDArray[np.bool_], spacing_mm: NDArray[np.float64], memory_bytes: int
) -> Iterator[tuple[Slab, NDArray[np.int64]]]:
    """Yield slabs of a phase with the number of the largest ball that holds each voxel of their planes."""
    spacing, _ = _in_voxels(spacing_mm)
    for slab in _slabs(phase, spacing, memory_bytes):
        table = containment_table(slab.radius, slab.by)
        first, last = slab.low - slab.first, slab.high - slab.first
        balls = np.empty((slab.high - slab.low, *phase.shape[1:]), np.int64)
        in_parts(partial(label_balls, slab.ways, slab.by, table, first, balls=balls), first, last)
        yield slab, balls


def paint_thickness(
    phase: NDArray[np.bool_],
    spacing_mm: NDArray[np.float64],
    painted: NDArray[np.float32],
    memory_bytes: int = MEMORY_BYTES,
) -> None:
    """Write the local thickness of `phase` into `painted`, slab by slab.

    Both may be memory-mapped (``numpy.memmap``): no more than a slab of either is held at a time. The answer does not
    depend on `memory_bytes`. What lies beyond the array is unknown: no wall is assumed there.

    Parameters
    ----------
    phase : array of bool, 3-D
    spacing_mm : array, shape (3,)
        Distance between voxel centers along each axis.
    painted : array of float32, same shape
        Receives the diameter in mm of the largest ball that holds each voxel, 0 outside the phase.
    memory_bytes : int
        Working memory, roughly.

    Raises
    ------
    InputError
        If the phase fills the whole array.
    """
    _, unit = _in_voxels(spacing_mm)
    for slab, balls in labeled_slabs(phase, spacing_mm, memory_bytes):
        known = np.zeros(slab.ways.shape, np.float32)
        core = np.empty(balls.shape, np.float32)
        in_parts(partial(write_diameters, slab.ways, slab.by, balls, known, painted=core), 0, len(core))
        core *= np.float32(unit)
        painted[slab.low : slab.high] = core


def paint_middle(
    phase: NDArray[np.bool_],
    spacing_mm: NDArray[np.float64],
    middle: NDArray[np.bool_],
    memory_bytes: int = MEMORY_BYTES,
) -> None:
    """Write the mid-axes of `phase`, voxels halfway between walls that face each other; as :func:`paint_thickness`."""
    spacing, _ = _in_voxels(spacing_mm)
    for slab in _slabs(phase, spacing, memory_bytes):
        core = np.zeros((slab.high - slab.low, *phase.shape[1:]), np.bool_)
        mark_middle(slab.ways, slab.by, slab.low - slab.first, core)
        middle[slab.low : slab.high] = core


def _array(phase: Mask, region: Mask | None) -> NDArray[np.bool_]:
    if region is not None:
        phase.grid.require_same(region.grid)
        if not region.array.any():
            raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    if not (phase.array if region is None else phase.array & region.array).any():
        raise InputError("the region holds no voxel of this phase (no bone, or all bone): check the threshold")
    return phase.array


def local_thickness(phase: Mask) -> NDArray[np.float32]:
    """Return for each voxel of a phase the diameter of the largest ball within the phase that holds it.

    Balls may reach beyond any region of interest, as bone there is known too, so that a voxel's thickness does not
    depend on the region it is counted in. Where a structure must end at a region's border (trabecular bone against
    the cortex), give their intersection as the phase.

    Parameters
    ----------
    phase : Mask
        Bone for trabecular thickness, marrow for separation; voxels of any shape.

    Returns
    -------
    array of float32, shape of the grid
        mm; 0 outside the phase.

    Raises
    ------
    InputError
        If the phase is empty or fills the image.
    """
    painted = np.zeros(phase.array.shape, np.float32)
    paint_thickness(_array(phase, None), phase.grid.spacing, painted)
    return painted


def summarize_thickness(thickness_mm: NDArray[np.float32], phase: Mask, region: Mask | None = None) -> Thickness:
    """Return mean, spread and maximum of a thickness map over the phase in the region.

    Raises
    ------
    InputError
        If the region is empty or holds nothing of the phase.
    GeometryError
        If both masks lie on different grids.
    """
    array = _array(phase, region)
    values = thickness_mm[array if region is None else array & region.array]
    return Thickness(
        float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)), float(values.max()), len(values)
    )


def trabecular_thickness(bone: Mask, region: Mask | None = None) -> Thickness:
    """Return Tb.Th, the mean local thickness of bone in the region (the whole image if not given)."""
    _array(bone, region)
    return summarize_thickness(local_thickness(bone), bone, region)


def trabecular_separation(bone: Mask, region: Mask | None = None) -> Thickness:
    """Return Tb.Sp, the mean local thickness of what is not bone in the region."""
    marrow = Mask(bone.grid, ~bone.array)
    _array(marrow, region)
    return summarize_thickness(local_thickness(marrow), marrow, region)


def mid_axis_thickness(bone: Mask, region: Mask | None = None) -> Thickness:
    """Return the mean local thickness over the mid-axes of bone, not over all its voxels.

    The smaller balls in the ends and corners of a body do not count. It is not Tb.Th, and is to be named so.
    """
    _array(bone, region)
    return summarize_thickness(local_thickness(bone), _middle(bone), region)


def _middle(bone: Mask) -> Mask:
    middle = np.zeros(bone.array.shape, np.bool_)
    paint_middle(bone.array, bone.grid.spacing, middle)
    if not middle.any():
        raise InputError("bone in this image has no middle between two walls: it is cut by the image on all sides")
    return Mask(bone.grid, middle)


def trabecular_number(bone: Mask, region: Mask | None = None) -> float:
    """Return Tb.N in 1/mm: one over the mean distance between the mid-axes of bone.

    Hildebrand and others 1999, J Bone Miner Res 14:1167-1174. The distance is the local thickness of what lies between
    mid-axes, and the thickness of those, one voxel, added; the mean is over all voxels of the region.
    """
    _array(bone, region)
    between = Mask(bone.grid, ~_middle(bone).array)
    mean = summarize_thickness(local_thickness(between), between, region).mean_mm
    return float(1.0 / (mean + np.cbrt(np.prod(bone.grid.spacing))))
