"""Plates and rods of the skeleton: digital topological analysis (Saha and Chaudhuri 1996; Gomberg 2000; Wehrli 2001).

Bone is thinned from outside in, nearest voxels to a wall first, each taken away only if that changes no part, tunnel or
cavity and it is not in the middle of a plate (distance-ordered homotopic thinning, Pudney 1998, Comput Vis Image
Underst 72:404-413). What remains is sheets of plates and lines of rods; a rod with a free end shortens to where it is
held. Each of its voxels is then named by what its 26 neighbors would fall into without it (Malandain, Bertrand and
Ayache 1993, Int J Comput Vis 10:183-197).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image.compiled import compiled
from marrowmap.measure.local_thickness import local_thickness
from marrowmap.measure.local_thickness import whole
from marrowmap.measure.mid_axis import mark_middle
from marrowmap.measure.mid_axis import mark_plates

KINDS = (
    "none",
    "isolated",
    "edge",
    "curve",
    "curve_junction",
    "surface",
    "surface_curve_junction",
    "surface_junction",
)
"""What a label of :func:`name_voxels` means; an edge is the rim of a plate or the end of a rod."""
PLATE_ALIKE = 0.75
"""Walls this much alike face each other across a plate: halfway between two planes (1) and a cylinder (1/2)."""
PLATE_SHARE = 0.9
"""The middle of a plate has a ball at least this large against the largest one that holds it."""


@dataclass(frozen=True)
class SkeletonTopology:
    """How many voxels of the skeleton in a region are of each kind."""

    counts: dict[str, int]

    @property
    def plate_rod_ratio(self) -> float:
        """Surface over curve voxels, junctions with their like; infinite where there are no rods."""
        rods = self.counts["curve"] + self.counts["curve_junction"]
        return self._plates / rods if rods else float("inf")

    @property
    def erosion_index(self) -> float:
        """Voxels that resorption makes more of (curves, junctions of them, edges) over those it takes (surfaces)."""
        made = sum(self.counts[kind] for kind in ("curve", "curve_junction", "edge", "surface_curve_junction"))
        return made / self._plates if self._plates else float("inf")

    @property
    def _plates(self) -> int:
        return self.counts["surface"] + self.counts["surface_junction"]


@compiled
def _count_objects(mark: NDArray[np.int64], stack: NDArray[np.int64]) -> int:
    """Return in how many pieces the voxels marked 1 fall, joined across faces, edges and corners; unmark them."""
    objects = 0
    for first in range(27):
        if mark[first] != 1:
            continue
        objects += 1
        mark[first] = 0
        stack[0], top = first, 1
        while top > 0:
            top -= 1
            n = stack[top]
            for m in range(27):
                apart = max(abs(m // 9 - n // 9), abs(m // 3 % 3 - n // 3 % 3), abs(m % 3 - n % 3))
                if mark[m] == 1 and apart == 1:
                    mark[m] = 0
                    stack[top] = m
                    top += 1
    return objects


@compiled
def _count_holes(mark: NDArray[np.int64], stack: NDArray[np.int64]) -> int:
    """Return how many pieces of voxels marked 2, joined across faces, touch a face of the middle; unmark them."""
    holes = 0
    for first in (4, 10, 12, 14, 16, 22):
        if mark[first] != 2:
            continue
        holes += 1
        mark[first] = 0
        stack[0], top = first, 1
        while top > 0:
            top -= 1
            n = stack[top]
            for m in range(27):
                apart = abs(m // 9 - n // 9) + abs(m // 3 % 3 - n // 3 % 3) + abs(m % 3 - n % 3)
                if mark[m] == 2 and apart == 1:
                    mark[m] = 0
                    stack[top] = m
                    top += 1
    return holes


@compiled
def neighborhood_counts(
    body: NDArray[np.bool_], x: int, y: int, z: int, mark: NDArray[np.int64], stack: NDArray[np.int64]
) -> tuple[int, int]:
    """Return in how many pieces body and background fall around a voxel.

    Body: pieces of its 26 neighbors, joined across faces, edges and corners. Background: pieces of its 18 neighbors,
    joined across faces, that touch a face of the voxel. Beyond the image is background.
    """
    nx, ny, nz = body.shape
    for n in range(27):
        i, j, k = n // 9 - 1, n // 3 % 3 - 1, n % 3 - 1
        a, b, c = x + i, y + j, z + k
        inside = a >= 0 and b >= 0 and c >= 0 and a < nx and b < ny and c < nz
        if inside and body[a, b, c]:
            mark[n] = 1
        else:
            # Corners are not among the 18.
            mark[n] = 2 if abs(i) + abs(j) + abs(k) < 3 else 0
    mark[13] = 0
    objects = _count_objects(mark, stack)
    return objects, _count_holes(mark, stack)


@compiled
def _exposed_both_ways(body: NDArray[np.bool_], x: int, y: int, z: int) -> bool:
    """Say whether a voxel has background on both sides along some axis: a sheet or line is one voxel thin there."""
    nx, ny, nz = body.shape
    if not (x > 0 and body[x - 1, y, z]) and not (x < nx - 1 and body[x + 1, y, z]):
        return True
    if not (y > 0 and body[x, y - 1, z]) and not (y < ny - 1 and body[x, y + 1, z]):
        return True
    return not (z > 0 and body[x, y, z - 1]) and not (z < nz - 1 and body[x, y, z + 1])


@compiled
def _thin(body: NDArray[np.bool_], kept: NDArray[np.bool_], order: NDArray[np.int64]) -> int:
    """Take simple voxels out of `body` in the order given; return how many.

    One that is kept goes only where the sheet is still two voxels thick.
    """
    _, ny, nz = body.shape
    mark, stack = np.empty(27, np.int64), np.empty(64, np.int64)
    taken = 0
    for n in range(len(order)):
        flat = order[n]
        x, y, z = flat // (ny * nz), flat // nz % ny, flat % nz
        if not body[x, y, z] or (kept[x, y, z] and _exposed_both_ways(body, x, y, z)):
            continue
        objects, holes = neighborhood_counts(body, x, y, z, mark, stack)
        if objects == 1 and holes == 1:
            body[x, y, z] = False
            taken += 1
    return taken


def skeleton(bone: Mask) -> NDArray[np.bool_]:
    """Return the skeleton of bone, sheets and lines one voxel thin, with its parts, tunnels and cavities as they are.

    Raises
    ------
    InputError
        If the image is all bone or holds none.
    """
    if bone.array.all() or not bone.array.any():
        raise InputError("the image is all bone or holds none: it has no skeleton; check the threshold")
    slab = whole(bone)
    middle = np.zeros(bone.array.shape, np.bool_)
    mark_middle(slab.ways, slab.by, 0, middle)
    thickness = local_thickness(bone) / np.float32(bone.grid.spacing.min())
    mark_plates(slab.ways, slab.by, thickness, PLATE_ALIKE, PLATE_SHARE, middle)
    body = bone.array.copy()
    inside = np.flatnonzero(body)
    distance = slab.ways.ravel()[inside] >> (2 * slab.by.bits + 1)
    order = inside[np.argsort(distance, kind="stable")]
    del slab, distance
    outer = order[~middle.ravel()[order]]
    while _thin(body, middle, outer):
        outer = outer[body.ravel()[outer]]
    while _thin(body, middle, order):
        order = order[body.ravel()[order]]
    return body


@compiled
def _name(body: NDArray[np.bool_], kinds: NDArray[np.uint8]) -> None:
    nx, ny, nz = body.shape
    mark, stack = np.empty(27, np.int64), np.empty(64, np.int64)
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if not body[x, y, z]:
                    continue
                objects, holes = neighborhood_counts(body, x, y, z, mark, stack)
                if objects == 0:
                    kind = 1
                elif holes == 0:
                    # No face of it is open: of a skeleton one voxel thin only a crossing of sheets is like that.
                    kind = 7
                elif holes == 1:
                    kind = 2 if objects == 1 else (3 if objects == 2 else 4)
                elif holes == 2:
                    kind = 5 if objects == 1 else 6
                else:
                    kind = 7
                kinds[x, y, z] = kind


@compiled
def _find_crossings(body: NDArray[np.bool_], kinds: NDArray[np.uint8]) -> None:
    """Name as junctions of curves what only looks like an edge or sheet: around a crossing the arms touch."""
    nx, ny, nz = body.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                kind = kinds[x, y, z]
                if kind not in (2, 5):
                    continue
                neighbors, of_plate = -1, False
                for i in range(max(0, x - 1), min(nx, x + 2)):
                    for j in range(max(0, y - 1), min(ny, y + 2)):
                        for k in range(max(0, z - 1), min(nz, z + 2)):
                            neighbors += body[i, j, k]
                            itself = i == x and j == y and k == z
                            of_plate = of_plate or (not itself and kinds[i, j, k] >= 5)
                # Four arms in a plane close off both its sides as a sheet would; a sheet has more around it.
                if not of_plate and (neighbors > 2 if kind == 2 else neighbors <= 4):
                    kinds[x, y, z] = 4


def name_voxels(thin: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Return the kind of each voxel of a skeleton, an index into ``KINDS``; 0 off the skeleton."""
    kinds = np.zeros(thin.shape, np.uint8)
    body = np.ascontiguousarray(thin)
    _name(body, kinds)
    _find_crossings(body, kinds)
    return kinds


def count_kinds(kinds: NDArray[np.uint8]) -> SkeletonTopology:
    """Return how many voxels there are of each kind that :func:`name_voxels` gave."""
    counted = np.bincount(kinds.ravel(), minlength=len(KINDS))
    return SkeletonTopology({kind: int(n) for kind, n in zip(KINDS, counted, strict=True)})


def skeleton_topology(bone: Mask, region: Mask | None = None) -> SkeletonTopology:
    """Count the kinds of voxels of bone's skeleton in a region (the whole image if not given).

    Raises
    ------
    InputError
        If the region is empty, or the image all bone or none.
    """
    if region is not None:
        bone.grid.require_same(region.grid)
        if not region.array.any():
            raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    kinds = name_voxels(skeleton(bone))
    return count_kinds(kinds if region is None else kinds[region.array])
