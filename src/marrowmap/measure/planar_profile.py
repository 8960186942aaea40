"""Where uptake ends along the neck-shaft midline in a planar image.

As in MRI (:mod:`marrowmap.measure.boundary`) the end is half of the neck's plateau. How sharply it ends is not
measured: on virtual patients the width erred by more than widths differ, as the camera's own edge is 13 mm wide. The
edge is fitted in the image: uptake beyond the femur's own even level is a cumulative normal along the midline within
the bone, projected and blurred as the camera does, so that neither the bone's thickness nor the blur shifts it.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize
from scipy.special import ndtr

from marrowmap.anatomy import Midline
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.planar_fit import PIXEL_MM
from marrowmap.anatomy.planar_fit import PlanarFit
from marrowmap.image.grid import read_only
from marrowmap.values import Quantity
from marrowmap.values import Side

METHOD = (
    "planar/1: cumulative-normal edge along the midline within the bone, projected and blurred onto the delayed image; "
    "halfway between the neck's plateau and the bone beyond, plane by saddle and lesser trochanter's upper edge"
)
LEAST_RAISED = 1.4
"""Neck over the same femur's bone beyond the edge: less has no end to be measured."""
BAND_MM = 8.0
BIN_MM = 4.0
PLACE_SD_MM = 3.3
"""Of the intertrochanteric plane along the midline, standard deviation on virtual patients (tuning seeds)."""
UNEVEN = 0.06
"""What one level for all raised bone cannot explain, as a share of the counts."""
LOCAL_DEPENDENT = 4.0
"""Of the pixels about one midline so many err as one."""
_POSITIONS = np.arange(-24.0, 49.0, 4.0)
_SPREADS = (2.0, 5.0, 9.0)
_USUAL = {"head": 1.0, "neck": 1.06, "intertrochanteric": 1.0, "greater_trochanter": 0.95, "shaft": 0.75}
"""Well uptake of the femur's parts over that of the head (Xiong 2015, Ryoo 2019; the shaft a choice)."""


@dataclass(frozen=True, eq=False)
class UptakeProfile:
    """Uptake along the neck-shaft midline.

    Parameters
    ----------
    positions_mm : array, shape (n,)
        From the intertrochanteric plane, + is distal.
    counts, fitted, other : array, shape (n,)
        Mean counts in pixels of the fit within a narrow band: of the image, of what was fitted, and of the other hip's
        image; NaN where nothing was seen.
    position_mm : Quantity or None
        None where there is no end to be measured; `note` says why.
    note : str
    """

    positions_mm: NDArray[np.float64]
    counts: NDArray[np.float64]
    fitted: NDArray[np.float64]
    other: NDArray[np.float64]
    position_mm: Quantity | None
    note: str

    def __post_init__(self) -> None:
        for name in ("positions_mm", "counts", "fitted", "other"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), np.float64)))


def measure_uptake_profiles(fit: PlanarFit, femora: Mapping[Side, BoneFrame]) -> dict[Side, UptakeProfile]:
    """Measure both hips' profiles in the delayed image that bones were fitted to."""
    midlines = {side: Midline.of(femur) for side, femur in femora.items()}
    edges = {side: _fit_edge(fit, side, midlines[side]) for side in femora}
    positions = np.arange(-44.0, 61.0, BIN_MM)
    drawn = {side: _along(fit, fit.explainer.image, midlines[side], positions) for side in femora}
    return {
        side: UptakeProfile(
            positions,
            drawn[side],
            _along(fit, edge.model, midlines[side], positions),
            drawn.get(side.opposite, np.full(len(positions), np.nan)),
            edge.position_mm,
            edge.note,
        )
        for side, edge in edges.items()
    }


def _along(
    fit: PlanarFit, image: NDArray[np.float64], midline: Midline, positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the mean of an image across a band along the projected midline."""
    middle = midline.positions(positions)[:, [0, 2]]
    along = np.gradient(middle, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    offsets = np.arange(-BAND_MM, BAND_MM + 1, 2.0)
    where = middle[:, None] + offsets[:, None] * across[:, None]
    corner = fit.explainer.projector.corner_mm
    index = np.stack([where[..., 0] - corner[0], corner[1] - where[..., 1]]) / PIXEL_MM
    return np.asarray(ndimage.map_coordinates(image, index, order=1, cval=np.nan).mean(axis=1), np.float64)


@dataclass(frozen=True, eq=False)
class _Edge:
    model: NDArray[np.float64]
    position_mm: Quantity | None
    note: str


def _fit_edge(fit: PlanarFit, side: Side, midline: Midline) -> _Edge:
    projector, soft = fit.explainer.projector, fit.explainer.soft
    points = fit.cloud.points(fit.pose)
    names = np.array(fit.cloud.part_names())
    own = np.char.startswith(names, f"{side.value} ")
    part = np.char.partition(names, " ")[:, 2]
    femur = own & np.isin(part, list(_USUAL))
    usual = np.where(femur, [_USUAL.get(one, 0.0) for one in part.tolist()], 0.0)
    arc = midline.arc_length(points)
    elsewhere = projector.thickness(fit.pose)[~np.isin(projector.names, [f"{side.value} {one}" for one in _USUAL])]
    head = projector.thickness(fit.pose, (femur & (part == "head")).astype(float)).sum(axis=0)
    even = projector.thickness(fit.pose, usual).sum(axis=0)
    weight = _near(fit, midline)

    def columns(position: float, sd: float) -> NDArray[np.float64]:
        share = np.where(femur, ndtr((position - arc) / sd), 0.0)
        raised = projector.thickness(fit.pose, share).sum(axis=0)
        # The head has a level of its own: it may be hotter or colder than the neck.
        return np.concatenate([elsewhere, [even, head, raised], soft])

    def misfit(values: NDArray[np.float64]) -> float:
        _, left = fit.explainer.solve(columns(values[0], abs(values[1]) + 0.5), weight)
        return float((left**2).sum()) / LOCAL_DEPENDENT

    tried = [(misfit(np.array([p, s])), p, s) for p in _POSITIONS for s in _SPREADS]
    _, position, sd = min(tried)
    around = np.array([(position, sd), (position + 2.5, sd), (position, sd + 2.5)])
    how = {"initial_simplex": around, "xatol": 0.2, "fatol": 0.01, "maxiter": 60}
    best = minimize(misfit, around[0], method="Nelder-Mead", options=how)
    position, sd = float(best.x[0]), float(abs(best.x[1]) + 0.5)
    chosen = columns(position, sd)
    levels, left = fit.explainer.solve(chosen, weight)
    model = np.tensordot(levels, chosen, axes=1)
    base, raised = float(levels[len(elsewhere)]), float(levels[len(elsewhere) + 2])
    ratio = (base + raised) / max(base, 1e-9)
    if ratio < LEAST_RAISED:
        return _Edge(model, None, f"the neck's uptake is {ratio:.1f} times that beyond it: it has no end to measure")
    if not _POSITIONS[0] < position < _POSITIONS[-1]:
        return _Edge(model, None, "uptake does not end within head, neck and intertrochanteric region")
    scale = max(float((left**2).sum()) / max(float((weight > 0).sum()), 1.0), 1.0)
    reach = 1.96 * float(np.hypot(_error(misfit, best.x, float(best.fun), scale), PLACE_SD_MM))
    return _Edge(model, Quantity(position, "mm", position - reach, position + reach), "")


def _near(fit: PlanarFit, midline: Midline) -> NDArray[np.float64]:
    """Return one over the counts' standard deviation within 45 mm of the midline, 0 elsewhere and in the bladder."""
    window = fit.explainer
    columns, rows = window.projector.shape
    x = window.projector.corner_mm[0] + np.arange(columns) * PIXEL_MM
    z = window.projector.corner_mm[1] - np.arange(rows) * PIXEL_MM
    middle = midline.positions(np.arange(-60.0, 71.0, 4.0))
    away = np.min(np.hypot(x[:, None, None] - middle[:, 0], z[None, :, None] - middle[:, 2]), axis=2)
    # Not the fit's own weights: those let go of what its even parts cannot explain, which is the edge looked for here.
    even = ndimage.gaussian_filter(window.image, 1.0)
    own = 1 / np.sqrt(even + (UNEVEN * even) ** 2 + 1.0)
    return np.where((away < 45.0) & (window.weight > 0), own, 0.0)


def _error(
    misfit: Callable[[NDArray[np.float64]], float], at: NDArray[np.float64], least: float, scale: float
) -> float:
    """Return the position's standard deviation from how the misfit rises 3 mm to each side."""
    step = np.array([3.0, 0.0])
    rise = (misfit(at + step) + misfit(at - step)) / 2 - least
    return float(3.0 * np.sqrt(scale / rise)) if rise > 1e-2 else 30.0
