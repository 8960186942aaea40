"""The bone's surface of a femoral head in CT: where density falls steepest toward the joint, ray by ray."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Volume
from marrowmap.measure.head_map import HeadMap
from marrowmap.measure.ray_surface import find_surface

STEP_MM = 0.25
INWARD_MM, OUTWARD_MM = 7.0, 1.25
"""The edge is looked for this far within and beyond the fitted surface: a collapsed one lies within it, and in a worn
joint the socket begins half a millimeter beyond it. So osteophytes are not followed."""
EDGE_COST, SLOPE_COST, MOST_COST = 10.0, 1.5, 20.0
AWAY_COST = 0.5
"""For each mm from the fitted surface, so that the socket's far side is not taken for the head's."""
SMOOTH_PIXELS, SMOOTH_STEPS = 0.8, 1.2


def trace_edge(head_map: HeadMap, ct: Volume) -> HeadMap:
    """Lay a head's map on the edge of the bone that a CT shows.

    Along each ray the edge is where density falls steepest on the way out; all rays are solved together, so that
    neighbors agree (:func:`~marrowmap.measure.ray_surface.find_surface`).

    Parameters
    ----------
    head_map : HeadMap
        On the fitted bone surface.
    ct : Volume
        HU, in the femur's frame of reference.

    Returns
    -------
    HeadMap
        The same map with `radius_mm` on the edge where it is shown.

    Raises
    ------
    GeometryError
        If bone and image have different frames of reference.
    """
    depth = np.arange(-OUTWARD_MM, INWARD_MM + STEP_MM / 2, STEP_MM)
    density = smooth_map(head_map.sample(ct, depth), SMOOTH_PIXELS)[head_map.shown]
    rise = ndimage.gaussian_filter1d(np.nan_to_num(density), SMOOTH_STEPS, axis=1, order=1, mode="nearest")
    steepest = max(float(np.median(rise.max(axis=1))), 1e-6)
    cost = EDGE_COST * (1 - np.clip(rise / steepest, 0, 1)) + AWAY_COST * np.abs(depth)
    chosen = find_surface(cost.astype(np.float32), neighbors(head_map.shown), SLOPE_COST, MOST_COST)
    radius = np.array(head_map.radius_mm)
    radius[head_map.shown] -= depth[0] + STEP_MM * _peak(rise, chosen)
    return replace(head_map, radius_mm=radius)


def _peak(rise: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Place each chosen step at the top of a parabola through its neighbors."""
    row = np.arange(len(chosen))
    inner = np.clip(chosen, 1, rise.shape[1] - 2)
    low, mid, high = (rise[row, inner + n] for n in (-1, 0, 1))
    bend = low - 2 * mid + high
    shift = np.where(bend < 0, 0.5 * (low - high) / np.minimum(bend, -1e-9), 0.0)
    return np.asarray(chosen + np.where(inner == chosen, np.clip(shift, -0.5, 0.5), 0.0), np.float64)


def neighbors(shown: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pairs (m, 2) of pixels of a mask that lie side by side, numbered in the mask's order."""
    number = np.where(shown, np.cumsum(shown.ravel()).reshape(shown.shape) - 1, -1)
    pairs = np.concatenate(
        [
            np.stack([number[:-1].ravel(), number[1:].ravel()], axis=1),
            np.stack([number[:, :-1].ravel(), number[:, 1:].ravel()], axis=1),
        ]
    )
    return np.asarray(pairs[(pairs >= 0).all(axis=1)], np.int64)


def smooth_map(values: NDArray[np.float32], pixels: float) -> NDArray[np.float32]:
    """Smooth maps (PIXELS, PIXELS, k) along the surface by a Gaussian; what is not a number has no weight and stays."""
    known = np.isfinite(values)
    spread = (pixels, pixels, 0)
    weight = ndimage.gaussian_filter(known.astype(np.float32), spread)
    total = ndimage.gaussian_filter(np.where(known, values, np.float32(0)), spread)
    return np.asarray(np.where(known, total / np.maximum(weight, np.float32(1e-6)), np.nan), np.float32)
