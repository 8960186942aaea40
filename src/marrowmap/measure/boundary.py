"""Where edema ends along the neck-shaft midline, and how sharply.

Gemmel 2012 describes "sharp demarcation at the intertrochanteric region" by eye. Here the end of edema is a position
(half of the neck's plateau) and a width (90 to 10 % of it), both in mm along the neck-shaft midline of contract.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.spatial import cKDTree
from scipy.special import ndtr
from scipy.special import ndtri
from scipy.special import stdtrit

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.grid import read_only
from marrowmap.values import Quantity

DISC_RADIUS_MM = 6.0
"""Voxels further from the midline than this are not looked at (the "small disc" of contract.md)."""

LEAST_PLATEAU = 0.35
"""Below this mean membership the neck holds too little edema for its end to mean anything."""

LEAST_VIEW_MM = 8.0
"""The view must reach this far beyond the end of edema, else the end is the view's, not the edema's."""

BIN_MM = 2.0
"""Bin length of the drawn profile; the fit uses the voxels themselves."""

WIDTH_PER_SD = float(ndtri(0.9) - ndtri(0.1))
"""10-90 % width of a cumulative normal edge over its standard deviation, 2.563."""

METHOD = (
    "cumulative-normal edge/1: halfway between the neck's plateau and the marrow beyond, plane by saddle and lesser "
    "trochanter's upper edge"
)


@dataclass(frozen=True, eq=False)
class BoundaryProfile:
    """Edema membership along the neck-shaft midline with the edge fitted to it.

    Parameters
    ----------
    positions_mm : array, shape (n,)
        Arc length along the midline from the intertrochanteric plane, + is distal.
    membership : array, shape (n,)
        Mean membership in bins of :data:`BIN_MM` within :data:`DISC_RADIUS_MM` of the midline; NaN where no marrow
        was seen.
    fitted : array, shape (n,)
        The fitted edge as the image shows it, slice blur included; empty if nothing was fitted.
    plateau : float
        Fitted membership of the neck.
    position_mm, width_mm : Quantity or None
        None where it could not be measured; `note` says why.
    slice_blur_mm : float
        Standard deviation of the slice profile along the midline at the edge, taken out of the width.
    note : str
    """

    positions_mm: NDArray[np.float64]
    membership: NDArray[np.float64]
    fitted: NDArray[np.float64]
    plateau: float
    position_mm: Quantity | None
    width_mm: Quantity | None
    slice_blur_mm: float
    note: str

    def __post_init__(self) -> None:
        for name in ("positions_mm", "membership", "fitted"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), np.float64)))


def measure_boundary(
    membership: Volume,
    marrow: Mask,
    curve_mm: NDArray[np.float64],
    arc_mm: NDArray[np.float64],
    *,
    slice_thickness_mm: float,
    frame_error_mm: float,
    image_sd_mm: float = 0.0,
) -> BoundaryProfile:
    """Fit the end of edema along the neck-shaft midline.

    The edge is a cumulative normal between the plateau of the neck and the level of the marrow beyond, which red marrow
    lifts above 0. Each voxel blurs it by its own extent along the midline (a box as wide as the
    slice is thick, and the pixel), so the fitted width is that of the edema and not of the slice.

    Parameters
    ----------
    membership : Volume
        Share of edema, 0 in reference marrow and about 1 in edema, unit ``1``. Not clipped and not cut to the drawn
        region: both would sharpen the edge.
    marrow : Mask
        Marrow on the same grid; other voxels are not looked at.
    curve_mm : array, shape (m, 3)
        Points of the midline, LPS mm, from the head center distally, not more than 1 mm apart.
    arc_mm : array, shape (m,)
        Their arc length from the intertrochanteric plane, rising, + is distal.
    slice_thickness_mm : float
        Extent of the slice profile; not the distance of slices.
    frame_error_mm : float
        Standard deviation of the bone frame along the midline; carried into the position's interval.
    image_sd_mm : float
        Standard deviation of the image's own blur, the same in all directions, beyond that of its voxels: SPECT.

    Returns
    -------
    BoundaryProfile

    Raises
    ------
    GeometryError
        If membership and marrow lie on different grids.
    """
    membership.grid.require_same(marrow.grid)
    points, values = _voxels_near(curve_mm, membership, marrow)
    nearest, distance = _project(points, curve_mm)
    # Beyond the ends of the curve the nearest point piles up: leave those voxels out.
    keep = (distance <= DISC_RADIUS_MM) & (nearest > 0) & (nearest < len(curve_mm) - 1)
    nearest, values = nearest[keep], values[keep]
    arc = arc_mm[nearest]
    edges = np.arange(np.floor(arc_mm[0]), np.ceil(arc_mm[-1]) + BIN_MM, BIN_MM)
    positions = (edges[:-1] + edges[1:]) / 2
    profile = _bin_means(arc, values, edges)

    def without(note: str, plateau: float = 0.0) -> BoundaryProfile:
        return BoundaryProfile(positions, profile, np.empty(0), plateau, None, None, 0.0, note)

    neck = (arc < -5.0) & (arc > arc_mm[0] + 5.0)
    if neck.sum() < 20 or arc.size < 60:
        return without("too little marrow of the neck lies in view along the midline")
    plateau = float(np.median(values[neck]))
    if plateau < LEAST_PLATEAU:
        return without(f"the neck holds too little edema for its end to be measured (mean membership {plateau:.2f})")
    tangent = np.gradient(curve_mm, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    blur = np.hypot(_voxel_blur(tangent, membership, slice_thickness_mm), image_sd_mm)[nearest]
    solution = _fit_edge(arc, values, blur, plateau)
    plateau, floor, position, sd = (float(value) for value in solution.x)
    blur_at_edge = float(np.interp(position, arc[np.argsort(arc)], blur[np.argsort(arc)]))
    fitted = _edge(positions, plateau, floor, position, float(np.hypot(sd, blur_at_edge)))
    if floor > plateau / 2:
        return without("the marrow beyond the neck stays above half of the neck's plateau", plateau)
    if position + WIDTH_PER_SD / 2 * sd + LEAST_VIEW_MM > arc.max():
        return without("edema reaches the end of the view: where it ends cannot be seen", plateau)
    position_sd, sd_sd = _standard_errors(solution, membership, arc.size, image_sd_mm)
    interval = float(stdtrit(20, 0.975))
    reach = interval * float(np.hypot(position_sd, frame_error_mm))
    width = WIDTH_PER_SD * sd
    width_reach = interval * WIDTH_PER_SD * sd_sd
    return BoundaryProfile(
        positions,
        profile,
        fitted,
        plateau,
        Quantity(position, "mm", position - reach, position + reach),
        Quantity(width, "mm", max(0.0, width - width_reach), width + width_reach),
        blur_at_edge,
        "",
    )


def _voxels_near(
    curve_mm: NDArray[np.float64], membership: Volume, marrow: Mask
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Marrow voxels in the box around the curve: their centers (n, 3) LPS mm and membership (n,)."""
    grid = membership.grid
    reach = DISC_RADIUS_MM / grid.spacing + 1
    index = grid.to_index(curve_mm)
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    inside = np.argwhere(marrow.array[box])
    values = membership.array[box][tuple(inside.T)]
    return grid.to_world(inside + low), np.asarray(values, np.float64)


def _project(points: NDArray[np.float64], curve: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Nearest curve point of each point: its number (n,) and distance in mm (n,)."""
    distance, nearest = cKDTree(curve).query(points) if len(points) else (np.empty(0), np.empty(0, int))
    return np.asarray(nearest, np.intp), np.asarray(distance, np.float64)


def _voxel_blur(tangent: NDArray[np.float64], membership: Volume, slice_thickness_mm: float) -> NDArray[np.float64]:
    """Standard deviation (m,) of a voxel's box extent along the midline's direction at each of its points."""
    extent = membership.grid.spacing.copy()
    extent[membership.grid.slice_axis] = slice_thickness_mm
    along = tangent @ membership.grid.axes * extent
    return np.asarray(np.sqrt((along**2).sum(axis=1) / 12.0), np.float64)


def _bin_means(
    arc: NDArray[np.float64], values: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.float64]:
    counts, _ = np.histogram(arc, edges)
    sums, _ = np.histogram(arc, edges, weights=values)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def _edge(
    arc: NDArray[np.float64], plateau: float, floor: float, position: float, sd: float | NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.asarray(floor + (plateau - floor) * ndtr((position - arc) / sd), np.float64)


def _fit_edge(
    arc: NDArray[np.float64], values: NDArray[np.float64], blur: NDArray[np.float64], plateau: float
) -> Any:  # SciPy's OptimizeResult has no types
    """Robust least squares for plateau, floor, position, sd; the start is the best of a coarse search."""
    starts = np.linspace(arc.min() + 5, arc.max() - 5, 25)
    cost = [np.abs(values - _edge(arc, plateau, 0.0, start, np.hypot(3.0, blur))).sum() for start in starts]
    start = starts[int(np.argmin(cost))]
    # The head may be spared in part: only the neck and beyond shape the edge.
    use = arc > max(arc.min(), start - 30.0)

    def residual(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        top, floor, position, sd = parameters
        return np.asarray(values[use] - _edge(arc[use], top, floor, position, np.hypot(sd, blur[use])))

    return least_squares(
        residual,
        (plateau, 0.02, start, 3.0),
        bounds=((0.0, -0.5, arc.min() - 10, 0.05), (5.0, 1.0, arc.max() + 10, 40.0)),
        loss="soft_l1",
        f_scale=0.1,
    )


def _standard_errors(solution: Any, membership: Volume, count: int, image_sd_mm: float) -> tuple[float, float]:
    """Standard errors of position and sd; neighboring voxels share noise and texture, so few count as independent."""
    inverse = np.linalg.pinv(solution.jac.T @ solution.jac)
    in_plane = np.sort(membership.grid.spacing)[0]
    dependent = max(1.0, (3.0 / in_plane) ** 2, (2 * np.sqrt(np.pi) * image_sd_mm / in_plane) ** 3 / 4)
    variance = 2 * solution.cost / max(count - 4, 1) * dependent
    errors = np.sqrt(np.maximum(np.diag(inverse) * variance, 0.0))
    return float(errors[2]), float(errors[3])
