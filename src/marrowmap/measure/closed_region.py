"""From bright voxels to the coherent areas a reader would draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid

FINE_MM = 0.9
"""In-plane smoothing (standard deviation) under which a voxel is compared with a threshold."""

COHERENT_RADIUS_MM = 4.0
"""Edema shown by brightness alone is at least this wide (radius of a disc): vessels and sheets of fluid are not."""

T1_RADIUS_MM = 3.0
"""Neighborhood (standard deviation) over which T1 must be lowered for a small lesion."""

CLOSING_RADIUS_MM = 1.2
"""Gaps that a reader's pencil passes over."""

RIM_MM = 1.5
"""Depth along the border of the region in which no small lesion may start: cartilage and fluid shine in from outside."""

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]


def plane_sigma(grid: Grid, sigma_mm: float) -> list[float]:
    """Turn a length in mm into a standard deviation in voxels along each axis; 0 across slices."""
    return [0.0 if axis == grid.slice_axis else sigma_mm / grid.spacing[axis] for axis in range(3)]


def disc(grid: Grid, radius_mm: float) -> BoolArray:
    """Return an in-plane disc as a structuring element, one voxel thick across slices."""
    reach = [0 if axis == grid.slice_axis else int(radius_mm / grid.spacing[axis]) for axis in range(3)]
    steps = np.meshgrid(*[np.arange(-n, n + 1) * s for n, s in zip(reach, grid.spacing, strict=True)], indexing="ij")
    return np.asarray(sum(s**2 for s in steps) <= radius_mm**2 + 1e-9)


def smooth_within(array: FloatArray, within: BoolArray, sigma: list[float]) -> FloatArray:
    """Gaussian mean over the voxels of a mask only: nothing outside it bleeds in. Zero far outside."""
    weight = ndimage.gaussian_filter(within.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(within, array, 0).astype(np.float32), sigma)
    smoothed: FloatArray = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), 0)
    return smoothed


def grow(seeds: BoolArray, into: BoolArray) -> BoolArray:
    """Keep the connected parts (26 neighbors) of `into` that hold a seed."""
    labels, _ = ndimage.label(into, np.ones((3, 3, 3)))
    kept = np.unique(labels[seeds & into])
    return np.isin(labels, kept[kept > 0])


def close_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Close gaps and fill holes slice by slice."""
    element = disc(grid, radius_mm)
    margin = [(n // 2, n // 2) for n in element.shape]
    closed = ndimage.binary_closing(np.pad(mask, margin), element)
    closed = closed[tuple(slice(b, n - a) for (b, a), n in zip(margin, closed.shape, strict=True))]
    axis = grid.slice_axis
    for k in np.flatnonzero(closed.any(axis=tuple(a for a in range(3) if a != axis))):
        index = tuple(k if a == axis else slice(None) for a in range(3))
        closed[index] = ndimage.binary_fill_holes(closed[index])
    return np.asarray(closed | mask)


def erode_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Take off a rim slice by slice."""
    return np.asarray(ndimage.binary_erosion(mask, disc(grid, radius_mm)))


def coherent_lesions(excess: FloatArray, within: BoolArray, grid: Grid) -> BoolArray:
    """Areas that are bright by themselves and too wide for a vessel.

    Parameters
    ----------
    excess : ndarray, shape of the grid
        Smoothed signal above the reference in units of the threshold's distance: 1 at the threshold.
    within : ndarray of bool
    grid : Grid
    """
    bright = within & (excess > 1.0)
    return np.asarray(ndimage.binary_opening(bright, disc(grid, COHERENT_RADIUS_MM)))


def focal_lesions(excess: FloatArray, within: BoolArray, t1_lowered: BoolArray, grid: Grid) -> BoolArray:
    """Small bright areas in marrow whose T1 signal is lowered around them.

    A vessel in fatty marrow is as bright as a small lesion; it does not darken its surroundings on T1. Seeds stand out
    clearly (1.4 times the threshold's distance) and grow down to half of it.
    """
    inner = erode_in_plane(within, grid, RIM_MM)
    seeds = inner & t1_lowered & (excess > 1.4)
    return grow(seeds, within & t1_lowered & (excess > 0.5))
