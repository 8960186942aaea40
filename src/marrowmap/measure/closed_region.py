"""From bright voxels to the coherent areas a reader would draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid

COHERENT_RADIUS_MM = 4.0
"""Edema shown by brightness alone holds a disc of this radius: vessels and sheets of fluid do not."""

SURE_FACTOR = 1.5
"""A wide area reaches this many times the threshold's excess somewhere: red marrow brightens less."""

SEED_FACTOR = 2.7
"""A small lesion starts where the excess is this many times the threshold's, and grows down to the threshold."""

SEED_DEPTH_MM = 5.0
"""Depth from the border of the region at which a small lesion may start: fluid and ligaments shine in from outside."""

EDGE_MM = 0.6
"""Rim of the region that no small lesion grows into."""

CLOSING_RADIUS_MM = 1.2
"""Gaps that a reader's pencil passes over."""

BORDER_LEVEL = 0.55
"""The border lies where the signal is about halfway between the lesion's and that of the marrow beside it: a little
above, as the lesion's mean holds its own blurred border."""

BORDER_REACH_MM = 2.5
"""How far outside the area that was found its border may lie."""

BESIDE_MM = 1.2
"""Marrow beside a lesion starts at this distance from it."""

LESION_SIGMA_MM = 3.0
BESIDE_SIGMA_MM = 5.0
"""In-plane neighborhood over which the lesion's and the surrounding marrow's signals are averaged."""

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]


def plane_sigma(grid: Grid, sigma_mm: float) -> list[float]:
    """Turn a length in mm into a standard deviation in voxels along each axis; 0 across slices."""
    return [0.0 if axis == grid.slice_axis else sigma_mm / grid.spacing[axis] for axis in range(3)]


def smooth_within(array: FloatArray, within: BoolArray, sigma: list[float]) -> FloatArray:
    """Gaussian mean over the voxels of a mask only: nothing outside it bleeds in. Zero far outside."""
    weight = ndimage.gaussian_filter(within.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(within, array, 0).astype(np.float32), sigma)
    smoothed: FloatArray = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), 0)
    return smoothed


def disc(grid: Grid, radius_mm: float) -> BoolArray:
    """Return an in-plane disc as a structuring element, one voxel thick across slices."""
    reach = [0 if axis == grid.slice_axis else int(radius_mm / grid.spacing[axis] + 1e-6) for axis in range(3)]
    steps = np.meshgrid(*[np.arange(-n, n + 1) * s for n, s in zip(reach, grid.spacing, strict=True)], indexing="ij")
    return np.asarray(sum(s**2 for s in steps) <= radius_mm**2 * (1 + 1e-6))


def bounds(mask: BoolArray, margin: list[int]) -> tuple[slice, ...]:
    """Index range of a mask that is not empty, and a margin along each axis around it."""
    hits = [np.flatnonzero(mask.any(axis=tuple(b for b in range(mask.ndim) if b != a))) for a in range(mask.ndim)]
    return tuple(slice(max(int(h[0]) - m, 0), int(h[-1]) + m + 1) for h, m in zip(hits, margin, strict=True))


def in_plane_depth(mask: BoolArray, grid: Grid) -> FloatArray:
    """Distance in mm, within its slice, of every voxel of the mask to the nearest voxel center outside it."""
    result = np.zeros(mask.shape, np.float32)
    axis = grid.slice_axis
    spacing = [s for a, s in enumerate(grid.spacing) if a != axis]
    for k in range(mask.shape[axis]):
        index = tuple(k if a == axis else slice(None) for a in range(3))
        if mask[index].any():
            part = bounds(mask[index], [0, 0])
            # A border of the image counts as a border of the region.
            padded = np.pad(mask[index][part], 1)
            result[index][part] = ndimage.distance_transform_edt(padded, sampling=spacing)[1:-1, 1:-1]
    return result


def erode_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Keep what lies further than a radius from the border, slice by slice."""
    return np.asarray(in_plane_depth(mask, grid) > radius_mm)


def dilate_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Add what lies within a radius of the mask, slice by slice."""
    result = mask.copy()
    axis = grid.slice_axis
    spacing = [s for a, s in enumerate(grid.spacing) if a != axis]
    for k in range(mask.shape[axis]):
        index = tuple(k if a == axis else slice(None) for a in range(3))
        if mask[index].any():
            part = bounds(mask[index], [int(radius_mm / s) + 1 for s in spacing])
            result[index][part] = ndimage.distance_transform_edt(~mask[index][part], sampling=spacing) <= radius_mm
    return result


def open_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Keep only what a disc of the radius can sweep without leaving the mask."""
    return np.asarray(dilate_in_plane(erode_in_plane(mask, grid, radius_mm), grid, radius_mm) & mask)


def close_in_plane(mask: BoolArray, grid: Grid, radius_mm: float) -> BoolArray:
    """Close gaps and fill holes slice by slice."""
    if not mask.any():
        return mask
    element = disc(grid, radius_mm)
    box = bounds(mask, [0, 0, 0])
    margin = [(n // 2, n // 2) for n in element.shape]
    closed = ndimage.binary_closing(np.pad(mask[box], margin), element)
    closed = closed[tuple(slice(b, n - a) for (b, a), n in zip(margin, closed.shape, strict=True))]
    axis = grid.slice_axis
    for k in range(closed.shape[axis]):
        index = tuple(k if a == axis else slice(None) for a in range(3))
        if closed[index].any():
            closed[index] = ndimage.binary_fill_holes(closed[index])
    result = mask.copy()
    result[box] |= closed
    return result


def grow(seeds: BoolArray, into: BoolArray) -> BoolArray:
    """Keep the connected parts (26 neighbors) of `into` that hold a seed."""
    if not (seeds & into).any():
        return np.zeros(into.shape, bool)
    labels, count = ndimage.label(into, np.ones((3, 3, 3)))
    kept = np.zeros(count + 1, bool)
    kept[labels[seeds & into]] = True
    return np.asarray(kept[labels])


def redraw_border(signal: FloatArray, found: BoolArray, within: BoolArray, normal: float, grid: Grid) -> BoolArray:
    """Put the border of each area about halfway between its own signal and that of the marrow beside it.

    Readers follow the edge they see, whose level differs from lesion to lesion; one threshold draws bright lesions too
    large and faint ones too small. This is one step of the region-based contour of Lankton 2008 (IEEE Trans Image
    Process, doi 10.1109/TIP.2008.2004611), with Gaussian neighborhoods.

    Parameters
    ----------
    signal : ndarray, shape of the grid
    found : ndarray of bool
        Areas to redraw.
    within : ndarray of bool
        The region.
    normal : float
        Signal of normal marrow, for areas with no other marrow near by.
    grid : Grid

    Returns
    -------
    ndarray of bool
        At most BORDER_REACH_MM larger than `found`; nothing that does not touch it.
    """
    if not found.any():
        return found
    reach = max(BORDER_REACH_MM, 3 * BESIDE_SIGMA_MM)
    box = bounds(found, [0 if a == grid.slice_axis else int(reach / s) + 1 for a, s in enumerate(grid.spacing)])
    area, region, values = found[box], within[box], signal[box]
    lesion = smooth_within(values, area, plane_sigma(grid, LESION_SIGMA_MM))
    marrow = region & ~dilate_in_plane(area, grid, BESIDE_MM)
    beside = smooth_within(values, marrow, plane_sigma(grid, BESIDE_SIGMA_MM))
    beside = np.where(beside > 0, beside, normal)
    near = dilate_in_plane(area, grid, BORDER_REACH_MM) & region & (lesion > 0)
    inside = near & (values > beside + BORDER_LEVEL * (lesion - beside))
    result = np.zeros(found.shape, bool)
    result[box] = grow(inside & area, inside)
    return result


def find_areas(
    excess: FloatArray,
    focal_excess: FloatArray | None,
    within: BoolArray,
    depth_mm: FloatArray,
    fatty: BoolArray | None,
    grid: Grid,
) -> BoolArray:
    """Find what a reader would draw.

    Parameters
    ----------
    excess : ndarray, shape of the grid
        Smoothed signal above the reference over the threshold's distance from it: 1 at the threshold.
    focal_excess : ndarray or None
        The same with T1 weighed in: higher where T1 is low, lower where it is high. A vessel in fatty marrow is as
        bright as a small lesion, but its surroundings stay bright on T1. Without it small lesions are left out.
    within : ndarray of bool
        The region.
    depth_mm : ndarray
        :func:`in_plane_depth` of the region.
    fatty : ndarray of bool or None
        Marrow brighter on T1 than usual: what shines there is a vessel, no small lesion starts in it.
    grid : Grid

    Returns
    -------
    ndarray of bool
        Wide bright areas, and small ones confirmed by T1, with gaps closed; inside the region.
    """
    wide = open_in_plane(within & (excess > 1), grid, COHERENT_RADIUS_MM)
    drawn = grow((excess if focal_excess is None else focal_excess) > SURE_FACTOR, wide)
    if focal_excess is not None:
        seeds = (depth_mm > SEED_DEPTH_MM) & (focal_excess > SEED_FACTOR)
        if fatty is not None:
            seeds &= ~fatty
        inner = (depth_mm > EDGE_MM) & (focal_excess > 1)
        drawn = drawn | grow(seeds, inner)
    return close_in_plane(drawn, grid, CLOSING_RADIUS_MM) & within
