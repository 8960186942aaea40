"""Where raised uptake ends along the neck-shaft midline: the edge of edema's, in SPECT."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import Midline
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.boundary import WIDTH_PER_SD
from marrowmap.measure.boundary import BoundaryProfile
from marrowmap.measure.boundary import measure_boundary
from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Array
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import blurred
from marrowmap.measure.spect_parts import fit_even
from marrowmap.measure.spect_parts import sharpness
from marrowmap.values import Quantity

METHOD = (
    "cumulative-normal edge/1 of the excess over the usual uptake, image blur taken out; halfway between the neck's "
    "plateau and the bone beyond, plane by saddle and lesser trochanter's upper edge"
)
LEAST_EXCESS = 0.3
"""Neck over usual, less 1: below it nothing is raised that could end."""
WIDTH_SHARE = 0.24
"""Standard deviation of the seen width of an edge beyond the fit's, over the width of the blur;
``benchmarks/spect_scans.py --tune``."""
PROFILE_MM = 3.0
REACH_MM = 12.0
SHAFT_SHARE = 0.66
"""Usual uptake of the shaft over that of the neck; a choice."""


def lone_bone(parts: Parts, sd_mm: float) -> tuple[Array, NDArray[np.bool_]]:
    """Return the femur's uptake as if it lay alone and without an edge, and where that can be said.

    What hip bone and soft tissue blur into it is taken off, and the rest divided by how much of it is femur.
    """
    femur = np.asarray(sum(parts.shares[name] for name in FEMUR_REGIONS), np.float32)
    solid = femur > 0.5
    near: NDArray[np.bool_] = ndimage.distance_transform_edt(~solid) * VOXEL_MM < 9.0
    values, _ = fit_even(parts, sd_mm, near)
    around = sum(
        np.float32(max(values.get(name, 0.0), 0.0)) * blurred(parts.shares[name], sd_mm)
        for name in ("hip_bone", "rest")
    )
    seen = blurred(femur, sd_mm)
    return np.asarray((parts.uptake.array - around) / np.maximum(seen, 0.3), np.float32), solid & (seen > 0.4)


def _profile(parts: Parts, line: Midline, image: Array, where: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return positions and smooth mean uptake along the midline."""
    points = parts.grid.to_world(np.argwhere(where))
    arc = line.arc_length(points)
    away = np.linalg.norm(points - line.positions(arc), axis=1)
    near = away < REACH_MM
    edges = np.arange(-60.0, 90.0, PROFILE_MM)
    count = np.histogram(arc[near], edges)[0].astype(np.float64)
    total = np.histogram(arc[near], edges, weights=image[where][near].astype(np.float64))[0]
    smooth = ndimage.gaussian_filter1d(total, 2.0) / np.maximum(ndimage.gaussian_filter1d(count, 2.0), 1e-6)
    middle = (edges[:-1] + edges[1:]) / 2
    kept = count > 3
    return middle[kept].astype(np.float32), smooth[kept].astype(np.float32)


def uptake_profile(parts: Parts, sd_mm: float) -> tuple[Array, Array]:
    """Return positions along the neck-shaft midline in mm, and the smooth uptake of bone around it."""
    return _profile(parts, Midline.of(parts.femur), *lone_bone(parts, sd_mm))


def measure_uptake_boundary(
    parts: Parts, other: Parts | None, sd_mm: float, *, frame_error_mm: float
) -> BoundaryProfile:
    """Fit the end of raised uptake.

    Parameters
    ----------
    parts : Parts
    other : Parts or None
        The other hip, where it is well: its uptake along its own midline is the usual one. Else the usual is even in
        the neck and falls to a set share of it at the shaft.
    sd_mm : float
        Standard deviation of the image's blur.
    frame_error_mm : float
    """
    line = Midline.of(parts.femur)
    image, where = lone_bone(parts, sd_mm)
    arc = np.zeros(parts.grid.shape)
    arc[where] = line.arc_length(parts.grid.to_world(np.argwhere(where)))
    if other is not None:
        at, usual = _profile(other, Midline.of(other.femur), *lone_bone(other, sd_mm))
        expected = np.interp(arc, at, usual)
    else:
        at, own = _profile(parts, line, image, where)
        shaft = float(np.median(own[at > min(40.0, float(at.max()) - 9.0)]))
        expected = np.interp(arc, (0.0, 45.0), (shaft / SHAFT_SHARE, shaft))
    ratio = np.where(where, image / np.maximum(expected, 1e-6), 0.0)
    neck = where & (arc > -25) & (arc < -8)
    if neck.sum() < 20:
        return _without("too little of the neck lies in view along the midline")
    excess = float(np.median(ratio[neck])) - 1
    if excess < LEAST_EXCESS:
        return _without(f"uptake of the neck is {excess + 1:.2f} times the usual: nothing raised that could end")
    sharp = sharpness(1 + excess, sd_mm)
    membership = Volume(parts.grid, np.asarray((ratio - 1) / excess * where, np.float32), "1")
    found = measure_boundary(
        membership,
        Mask(parts.grid, where),
        line.curve_mm,
        line.arc_mm,
        slice_thickness_mm=VOXEL_MM,
        frame_error_mm=frame_error_mm,
        image_sd_mm=sharp,
    )
    if found.width_mm is None or found.position_mm is None:
        return found
    return replace(found, width_mm=_resolvable(found.width_mm, found.slice_blur_mm))


def _resolvable(width: Quantity, blur_sd_mm: float) -> Quantity:
    """Bound a width through what was seen, edge and blur together; one not told from none is given as the least told.

    The seen width is the root of the squares of edge and blur: near no width, a small error of it is a large one of the
    edge's.
    """
    blur = WIDTH_PER_SD * blur_sd_mm
    seen = float(np.hypot(width.value, blur))
    fitted = 0.0 if width.high is None else (width.high - width.value) / 1.96 * width.value / seen
    reach = 1.96 * float(np.hypot(fitted, WIDTH_SHARE * blur))
    least = float(np.sqrt((blur + 1.96 * WIDTH_SHARE * blur) ** 2 - blur**2))
    low = float(np.sqrt(max(max(seen - reach, 0.0) ** 2 - blur**2, 0.0)))
    high = float(np.sqrt((seen + reach) ** 2 - blur**2))
    return Quantity(max(width.value, least), width.unit, low, max(high, least))


def _without(note: str) -> BoundaryProfile:
    nothing = np.empty(0)
    return BoundaryProfile(nothing, nothing, nothing, 0.0, None, None, 0.0, note)
