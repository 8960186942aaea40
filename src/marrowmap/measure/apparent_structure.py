"""Apparent spacing and topology of trabeculae that MRI does not resolve, from the map of bone volume fraction.

Number: how often the fraction rises through its mean along rows and columns of the slice plane, per mm. Of a smooth
random signal that rate follows from the correlation of neighboring samples (Kedem 1986, Proc IEEE 74:1477-1493, after
Rice 1944), and white noise, which would feign crossings, drops out: it adds to the variance alone. Separation follows
by the plate model, marrow per crossing (Parfitt 1983, J Clin Invest 72:1396-1409).

Plates and rods: digital topological analysis (Gomberg 2000, IEEE Trans Med Imaging 19:166-174) of the map brought to
small cubic voxels, as many of them bone as the mean fraction says, so that bone is conserved (the rule of subvoxel
processing, Hwang and Wehrli 2002, Magn Reson Med 47:948-957).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.apparent_fraction import ApparentFraction
from marrowmap.measure.skeleton_topology import SkeletonTopology
from marrowmap.measure.skeleton_topology import count_kinds
from marrowmap.measure.skeleton_topology import name_voxels
from marrowmap.measure.skeleton_topology import skeleton
from marrowmap.values import Quantity

SUBVOXELS = 2
"""Cubic voxels are this many times smaller than the smallest side of the image's."""
LARGEST_SUBVOXELS = 60_000_000
PARTS = 3
"""The region is cut into this many parts along each axis to see how much a number changes without one of them."""
VOXELS_PER_THICKNESS = 2.0
"""A thickness is given where the largest side of a voxel goes into it this many times."""


@dataclass(frozen=True)
class ApparentStructure:
    """Spacing and topology of a region as its voxels show them; intervals hold what another such region would give.

    They do not hold what the voxels hide: apparent numbers compare within one protocol (see
    docs/benchmarks/apparent_trabeculae.md for how far they lie from what is there).

    Parameters
    ----------
    separation : Quantity
        mm.
    number : Quantity
        1/mm.
    plate_rod_ratio, erosion_index : Quantity or None
        Unit ``1``; None where there are no rods, or no plates, to divide by.
    thickness : Quantity or None
        mm, by the plate model; None where the voxels forbid it.
    thickness_refused : str
        Why; empty where it is given.
    topology_refused : str
        Why neither ratio nor index is given; empty where they are, or only one has nothing to be divided by.
    """

    separation: Quantity
    number: Quantity
    plate_rod_ratio: Quantity | None
    erosion_index: Quantity | None
    thickness: Quantity | None
    thickness_refused: str
    topology_refused: str = ""


def apparent_structure(
    fraction: ApparentFraction, region: Mask, topology_voxel_mm: float = np.inf
) -> ApparentStructure:
    """Measure apparent spacing and topology of trabeculae.

    Parameters
    ----------
    fraction : ApparentFraction
    region : Mask
        Where to measure; must lie within what the fraction was mapped in.
    topology_voxel_mm : float
        Largest side of a voxel up to which plates and rods are told apart; no limit if not given.

    Raises
    ------
    InputError
        If the region is empty, reaches beyond the map, is too thin to hold neighbors, or shows nothing but noise.
    GeometryError
        If it lies on another grid.
    """
    grid = fraction.image.grid
    grid.require_same(region.grid)
    inside = region.array
    if not inside.any():
        raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    if np.isnan(fraction.map[inside]).any():
        raise InputError("the region reaches beyond the map of bone fraction: map a region that holds it")
    mean = float(fraction.map[inside].mean(dtype=np.float64))
    if not 0 < mean < 1:
        raise InputError(f"the mean fraction in the region is {mean:.3f}: there is no structure of bone and marrow")
    parts = _parts(inside)
    number = _with_spread(lambda keep: _number(fraction, inside & keep), parts, "1/mm")
    separation = _with_spread(
        lambda keep: (1 - float(fraction.map[inside & keep].mean())) / _number(fraction, inside & keep), parts, "mm"
    )
    ratio = index = None
    topology_refused = ""
    largest = float(grid.spacing.max())
    if largest > topology_voxel_mm:
        topology_refused = (
            f"voxels of {largest:.3g} mm: above {topology_voxel_mm:g} mm it is not known that plates and rods are told "
            "apart (virtual bone that had lost plates seemed at times to have gained some)"
        )
    else:
        try:
            ratio, index = _plates_and_rods(fraction, inside, mean, parts)
        except InputError as error:
            topology_refused = str(error)
    thickness = mean / number.value
    refused = ""
    if largest * VOXELS_PER_THICKNESS > thickness:
        refused = (
            f"no trabecular thickness: voxels of {largest:.3g} mm are larger than half of what it would be "
            f"({thickness:.2g} mm); it would show the voxel, not the bone"
        )
    shown = None if refused else Quantity(thickness, "mm")
    return ApparentStructure(separation, number, ratio, index, shown, refused, topology_refused)


def _parts(inside: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return masks that each leave out one part of the region: its box cut in `PARTS` along each axis."""
    found = np.argwhere(inside)
    low, high = found.min(axis=0), found.max(axis=0) + 1
    edges = [np.linspace(a, b, min(PARTS, b - a) + 1).round().astype(int) for a, b in zip(low, high, strict=True)]
    kept = []
    for corner in product(*(range(len(e) - 1) for e in edges)):
        box = tuple(slice(e[c], e[c + 1]) for e, c in zip(edges, corner, strict=True))
        if inside[box].any():
            keep = np.ones(inside.shape, bool)
            keep[box] = False
            kept.append(keep)
    return kept


def _with_spread(measure: Callable[[NDArray[np.bool_]], float], kept: list[NDArray[np.bool_]], unit: str) -> Quantity:
    """Return a measure of the whole with its 95 % interval by leaving out one part at a time (jackknife)."""
    value = measure(np.ones_like(kept[0]))
    if len(kept) < 3:
        return Quantity(value, unit)
    others = np.array([measure(keep) for keep in kept])
    others = others[np.isfinite(others)]
    if len(others) < 3:
        return Quantity(value, unit)
    sd = float(np.sqrt((len(others) - 1) / len(others) * ((others - others.mean()) ** 2).sum()))
    return Quantity(value, unit, max(value - 1.96 * sd, 0.0), value + 1.96 * sd)


def _number(fraction: ApparentFraction, inside: NDArray[np.bool_]) -> float:
    """Return how often per mm the fraction rises through its mean, along the two axes of the slice plane."""
    grid = fraction.image.grid
    values = np.where(inside, fraction.map, 0.0).astype(np.float64)
    mean = float(values[inside].mean())
    rates = []
    for axis in (a for a in range(3) if a != grid.slice_axis):
        first = tuple(slice(0, -1) if a == axis else slice(None) for a in range(3))
        second = tuple(slice(1, None) if a == axis else slice(None) for a in range(3))
        pairs = inside[first] & inside[second]
        if not pairs.any():
            raise InputError("the region is too thin in the slice plane to hold neighboring voxels: give a larger one")
        one, other = values[first][pairs] - mean, values[second][pairs] - mean
        variance = float((one**2 + other**2).mean()) / 2 - fraction.noise**2
        if variance <= 0:
            raise InputError("the region shows nothing but noise: no trabeculae to count")
        correlation = float((one * other).mean()) / variance
        rates.append(float(np.arccos(np.clip(correlation, -1, 1))) / (2 * np.pi * float(grid.spacing[axis])))
    if max(rates) <= 0:
        raise InputError("neighboring voxels of the region are all alike: no trabeculae to count")
    return float(np.mean(rates))


def _plates_and_rods(
    fraction: ApparentFraction, inside: NDArray[np.bool_], mean: float, parts: list[NDArray[np.bool_]]
) -> tuple[Quantity | None, Quantity | None]:
    """Return plate-to-rod ratio and erosion index, each None where it has nothing to be divided by."""
    kinds, part_of = _topology(fraction, inside, mean, parts)
    without = [np.arange(len(parts)) != part for part in range(len(parts))]
    counts = _counted(kinds, part_of, np.ones(len(parts), bool))
    ratio = index = None
    if np.isfinite(counts.plate_rod_ratio):
        ratio = _with_spread(lambda keep: _counted(kinds, part_of, keep).plate_rod_ratio, without, "1")
    if np.isfinite(counts.erosion_index):
        index = _with_spread(lambda keep: _counted(kinds, part_of, keep).erosion_index, without, "1")
    return ratio, index


def _topology(
    fraction: ApparentFraction, inside: NDArray[np.bool_], mean: float, parts: list[NDArray[np.bool_]]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the kind of each subvoxel of the skeleton in the region, and which part it lies in."""
    grid = fraction.image.grid
    found = np.argwhere(inside)
    box = tuple(slice(a, b) for a, b in zip(found.min(axis=0), found.max(axis=0) + 1, strict=True))
    side = float(grid.spacing.min()) / SUBVOXELS
    shape = [max(1, round((s.stop - s.start) * step / side)) for s, step in zip(box, grid.spacing, strict=True)]
    if np.prod(shape, dtype=float) > LARGEST_SUBVOXELS:
        count = np.prod(shape, dtype=float)
        raise InputError(f"the region gives {count:.2g} subvoxels, too many for plates and rods: give a smaller one")
    # Beyond the region there is nothing known; its mean makes no bone and no hole.
    held = np.where(inside, fraction.map, np.float32(mean))[box]
    fine = _subvoxels(held, shape, order=3)
    counted = _subvoxels(inside[box].astype(np.float32), shape, order=0) > 0.5
    level = float(np.quantile(fine[counted], 1 - mean))
    bone = (fine > level) & counted
    if not bone.any() or bone.all():
        raise InputError("the region holds no bone, or nothing else, once cut at its mean fraction")
    number = np.full(inside.shape, -1)
    for n, keep in enumerate(parts):
        number[~keep] = n
    kinds = name_voxels(skeleton(Mask(Grid(bone.shape, np.diag([side, side, side, 1.0])), bone)))
    part = _subvoxels(number[box].astype(np.float32), shape, order=0).round().astype(np.int64)
    return kinds[counted], part[counted]


def _subvoxels(values: NDArray[np.float32], shape: list[int], order: int) -> NDArray[np.float32]:
    """Return values on a finer lattice over the same box; cubic B-splines over the samples smooth noise a little."""
    step = np.array(values.shape) / np.array(shape)
    return np.asarray(
        ndimage.affine_transform(
            values, step, 0.5 * step - 0.5, tuple(shape), order=order, mode="nearest", prefilter=False
        )
    )


def _counted(kinds: NDArray[np.uint8], part_of: NDArray[np.int64], keep: NDArray[np.bool_]) -> SkeletonTopology:
    return count_kinds(kinds[keep[part_of]])
