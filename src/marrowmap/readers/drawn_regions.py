"""Regions that readers drew: how far two overlap, how far their surfaces lie apart, what they have in common.

Dice 1945, Ecology 26:297. Distances of surfaces: Huttenlocher et al. 1993, IEEE Trans Pattern Anal Mach Intell 15:850,
here with the mean and the 95th percentile. STAPLE: Warfield, Zou and Wells 2004, IEEE Trans Med Imaging 23:903.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray
from scipy import ndimage
from skimage.draw import polygon

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

BOTH_EMPTY = "not defined: neither reader drew anything, so both say that there is nothing"
ONE_EMPTY = "not defined: one reader drew nothing"
NO_SLICE = "not defined: the readers drew on different slices"
PERCENTILE = 95


@dataclass(frozen=True)
class SurfaceDistance:
    """Distances between the borders of two regions, mm: mean of both directions, 95th percentile, largest."""

    mean: Estimate
    percentile_95: Estimate
    largest: Estimate


@dataclass(frozen=True)
class Consensus:
    """What several readers' regions say together.

    Parameters
    ----------
    region : Mask
        Voxels that belong to the region with a probability of one half or more.
    probability : array, shape of the grid
        0 outside of where it was asked.
    sensitivity, specificity : tuple of float
        Of each reader against the consensus, voxel by voxel.
    """

    region: Mask
    probability: Floats
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]


def dice(first: Mask, second: Mask) -> Estimate:
    """Return twice the common volume over the sum of both.

    Raises
    ------
    GeometryError
        If the regions lie on different grids.
    """
    common = first & second
    total = int(first.array.sum()) + int(second.array.sum())
    return Estimate(2 * int(common.array.sum()) / total) if total else undefined(BOTH_EMPTY)


def surface_distance(first: Mask, second: Mask) -> SurfaceDistance:
    """Return how far the borders of two regions lie apart, from voxel center to voxel center, both directions together.

    Raises
    ------
    GeometryError
        If the regions lie on different grids.
    """
    either = first | second
    if not (first.array.any() and second.array.any()):
        nothing = undefined(ONE_EMPTY if either.array.any() else BOTH_EMPTY)
        return SurfaceDistance(nothing, nothing, nothing)
    (box,) = ndimage.find_objects(either.array.astype(np.uint8))
    borders = [_border(region.array[box]) for region in (first, second)]
    there, back = (
        ndimage.distance_transform_edt(~other, sampling=first.grid.spacing)[own]
        for own, other in (borders, borders[::-1])
    )
    both = np.concatenate([there, back])
    return SurfaceDistance(
        Estimate(float(both.mean())), Estimate(float(np.percentile(both, PERCENTILE))), Estimate(float(both.max()))
    )


def _border(region: Bools) -> Bools:
    """Return the voxels of a region with a neighbor across a face outside of it."""
    return np.asarray(region & ~ndimage.binary_erosion(region), bool)


def fill_outlines(outlines: Sequence[Mapping[str, Any]], image: int, shape: tuple[int, int, int]) -> tuple[Bools, int]:
    """Fill closed outlines of one image; pixel centers are whole numbers, points are [column, row].

    Parameters
    ----------
    outlines : sequence of mapping
        With ``image``, ``slice``, ``points``; those of other images are passed over.
    image : int
    shape : tuple of int
        Slices, rows, columns.

    Returns
    -------
    array of bool, shape `shape`
    int
        Outlines on slices that the image does not have.
    """
    filled = np.zeros(shape, bool)
    outside = 0
    for outline in outlines:
        if outline["image"] != image:
            continue
        if outline["slice"] >= shape[0]:
            outside += 1
            continue
        columns, rows = np.asarray(outline["points"], np.float64).T
        fill_polygon: Any = polygon  # carries no types
        filled[(outline["slice"], *fill_polygon(rows, columns, shape[1:]))] = True
    return filled, outside


def outline_distance(first: Bools, second: Bools, spacing_mm: tuple[float, float]) -> SurfaceDistance:
    """Return how far the borders of two drawn regions lie apart within slices, both directions together.

    Parameters
    ----------
    first, second : array of bool, shape (slices, rows, columns)
    spacing_mm : tuple of float
        Between rows and between columns.

    Returns
    -------
    SurfaceDistance
        Over all slices that both drew on. A slice only one drew on has no distance; it counts in Dice.
    """
    found = []
    for one, other in zip(first, second, strict=True):
        if one.any() and other.any():
            borders = (_border(one), _border(other))
            for own, far in (borders, borders[::-1]):
                found.append(ndimage.distance_transform_edt(~far, sampling=spacing_mm)[own])
    if not found:
        nothing = undefined(
            NO_SLICE if first.any() and second.any() else ONE_EMPTY if first.any() or second.any() else BOTH_EMPTY
        )
        return SurfaceDistance(nothing, nothing, nothing)
    both = np.concatenate(found)
    return SurfaceDistance(
        Estimate(float(both.mean())), Estimate(float(np.percentile(both, PERCENTILE))), Estimate(float(both.max()))
    )


def staple(regions: Sequence[Mask], within: Mask) -> Consensus:
    """Return the consensus of readers by STAPLE, which weighs each by how well they agree with it.

    Parameters
    ----------
    regions : sequence of Mask
        One a reader, on one grid.
    within : Mask
        Where readers could have drawn. A larger one makes everybody more specific: name it with the result.

    Raises
    ------
    InputError
        If there are fewer than two readers, or all drew nothing, or everything, within the region asked for.
    GeometryError
        If grids differ.
    """
    if len(regions) < 2:
        raise InputError("a consensus needs the regions of two readers or more")
    inside = [(region & within).array[within.array] for region in regions]
    if not any(region.any() for region in inside):
        raise InputError("no reader drew anything within the region asked for: there is no consensus to find")
    if all(region.all() for region in inside):
        raise InputError("all readers drew the whole region asked for: give a larger one, in which they had a choice")
    # SimpleITK's filters carry no types.
    make_estimator: Any = SimpleITK.STAPLEImageFilter
    estimator = make_estimator()
    estimator.SetForegroundValue(1)
    # Voxels do not know their neighbors in STAPLE, so the voxels asked for may stand in one row.
    row = estimator.Execute([SimpleITK.GetImageFromArray(region[None].astype(np.uint8)) for region in inside])
    probability = np.zeros(within.grid.shape)
    probability[within.array] = SimpleITK.GetArrayFromImage(row)[0]
    return Consensus(
        region=Mask(within.grid, probability >= 0.5),
        probability=probability,
        sensitivity=tuple(float(value) for value in estimator.GetSensitivity()),
        specificity=tuple(float(value) for value in estimator.GetSpecificity()),
    )
