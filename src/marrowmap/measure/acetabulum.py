"""Marrow edema of the acetabulum: 62 % of hips with transient osteoporosis show it (Gulati 2024).

The hip bone is thin, holds more red marrow than the femur and lies against the joint's fluid. Its edema is therefore
looked for apart from the femur's: against marrow of hip bone, in what is left once cortex and joint side are taken off.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.regions import ACETABULUM_REACH_MM
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.crop import box_around
from marrowmap.image.voxelize import voxelize
from marrowmap.measure.closed_region import CLOSING_RADIUS_MM
from marrowmap.measure.closed_region import SURE_FACTOR
from marrowmap.measure.closed_region import bounds
from marrowmap.measure.closed_region import close_in_plane
from marrowmap.measure.closed_region import dilate_in_plane
from marrowmap.measure.closed_region import erode_in_plane
from marrowmap.measure.closed_region import grow
from marrowmap.measure.closed_region import open_in_plane
from marrowmap.measure.closed_region import plane_sigma
from marrowmap.measure.closed_region import redraw_border
from marrowmap.measure.closed_region import smooth_within
from marrowmap.measure.edema import K_DOUBT
from marrowmap.measure.reference import ReferenceLevel
from marrowmap.measure.reference import level_of
from marrowmap.values import Quantity
from marrowmap.values import Side

CORTEX_MM = 1.5
"""Cortex of the hip bone away from the joint; with the fit's error it is left out."""

JOINT_SIDE_MM = 2.2
"""The same over the joint, where the plate is thicker."""

JOINT_REACH_MM = 9.0
"""Surface this close to the head's sphere faces the joint."""

FURTHER_FROM_MM, FURTHER_TO_MM = 26.0, 60.0
"""Distances from the head's sphere between which marrow of the same hip bone serves as reference."""

SIGMA_MM = 1.0
"""In-plane smoothing (standard deviation) before areas are looked for."""

RADIUS_MM = 2.0
"""Edema holds a disc of this radius in a slice: marrow over the joint is often less than 8 mm thick."""

BORDER_MM = 1.5
"""How far beyond a drawn area membership may reach."""

RELATIVE_SD = 0.12
"""Relative standard deviation of the volume on virtual hips (tuning seeds): where a soft edge ends, and what the bone's
fit takes off."""

LEAST_VOXELS = 30
LEAST_REFERENCE_VOXELS = 200
MARGIN_MM = 4.0
METHOD = "acetabular edema/1: hip bone within 20 mm of the head, cortex and joint side left out"


@dataclass(frozen=True, eq=False)
class AcetabularMarrow:
    """Marrow of one hip bone on an image's grid.

    Parameters
    ----------
    near, further : Mask
        Within reach of the joint, and further from it; on the whole grid.
    seen : float
        Share (0 to 1) of the acetabulum that lies within the images.
    """

    near: Mask
    further: Mask
    seen: float


@dataclass(frozen=True, eq=False)
class AcetabularEdema:
    """Edema of one acetabulum.

    Parameters
    ----------
    within : Mask
        Marrow that was searched.
    closed : Mask
        Coherent areas, gaps closed.
    volume, fraction : Quantity
        Integral of edema membership, mL, and that over the marrow searched, %, with their 95 % intervals.
    closed_volume : Quantity
        mL, with its interval.
    seen : float
        Share (0 to 1) of the acetabulum that lies within the images.
    signal_ratio : float or None
        Signal of the closed areas over the reference; None without edema.
    smallest_detectable : Quantity
        mL: least edema that would have been drawn.
    least_rise : float
        Edema is drawn where the signal rises by this much above the reference.
    method : str
    """

    within: Mask
    closed: Mask
    volume: Quantity
    fraction: Quantity
    closed_volume: Quantity
    seen: float
    signal_ratio: float | None
    smallest_detectable: Quantity
    least_rise: float
    method: str


def acetabular_marrow(hip_bone: BoneFrame, grid: Grid) -> AcetabularMarrow:
    """Find marrow of a hip bone near and further from the joint.

    Parameters
    ----------
    hip_bone : BoneFrame
    grid : Grid
        Of the same frame of reference.

    Raises
    ------
    GeometryError
        If bone and grid have different frames of reference.
    InputError
        If the hip bone lies outside the grid.
    """
    if hip_bone.frame_of_reference_uid != grid.frame_of_reference_uid:
        raise GeometryError("the hip bone and the image have different frames of reference: register them first")
    center, radius = hip_bone.head_center_mm, hip_bone.head_radius_mm
    box = box_around(grid, center, radius + FURTHER_TO_MM)
    if box is None:
        raise InputError("the acetabulum lies outside the images")
    part = box.crop_grid(grid)
    at_joint = np.linalg.norm(hip_bone.vertices - center, axis=1) < radius + JOINT_REACH_MM
    depth = np.where(at_joint, JOINT_SIDE_MM, CORTEX_MM) + hip_bone.fit_rms_mm
    inward = hip_bone.vertices - depth[:, None] * vertex_normals(hip_bone.vertices, hip_bone.faces)
    # Where the bone is thinner than two cortices the shrunk surface turns inside out and leaves the bone.
    marrow = (voxelize(inward, hip_bone.faces, part) & voxelize(hip_bone.vertices, hip_bone.faces, part)).array
    away = np.full(part.shape, np.inf)
    away[marrow] = np.linalg.norm(part.to_world(np.argwhere(marrow)) - center, axis=1) - radius
    near = Mask(part, marrow & (away < ACETABULUM_REACH_MM))
    further = Mask(part, marrow & (away > FURTHER_FROM_MM) & (away < FURTHER_TO_MM))
    return AcetabularMarrow(box.paste(near, grid), box.paste(further, grid), _seen(hip_bone, grid))


def _seen(hip_bone: BoneFrame, grid: Grid) -> float:
    """Return the share of the acetabulum's surface that lies within a grid's voxels."""
    away = np.linalg.norm(hip_bone.vertices - hip_bone.head_center_mm, axis=1) - hip_bone.head_radius_mm
    near = hip_bone.vertices[away < ACETABULUM_REACH_MM]
    return float(grid.contains(near).mean()) if len(near) else 0.0


def measure_acetabulum(
    signal: Volume, side: Side, marrows: Mapping[Side, AcetabularMarrow], *, k: float
) -> AcetabularEdema:
    """Measure edema of one acetabulum against marrow of hip bone.

    Parameters
    ----------
    signal : Volume
        Fluid-sensitive, fat-suppressed image without its shading.
    side : Side
    marrows : mapping of Side to AcetabularMarrow
        Of every hip bone that is trusted; must hold `side`.
    k : float
        Edema starts this many robust standard deviations above reference marrow.

    Raises
    ------
    InputError
        If too little marrow of the acetabulum or of reference lies within the images.
    """
    own = marrows[side]
    if own.near.array.sum() < LEAST_VOXELS:
        raise InputError("too little marrow of the acetabulum lies within the images to look for edema in it")
    level = _reference_level(signal, side, marrows)
    box = bounds(own.near.array, [int(np.ceil(MARGIN_MM / s)) for s in signal.grid.spacing])
    within = own.near.array[box]
    corner = signal.grid.affine.copy()
    corner[:3, 3] = signal.grid.to_world([s.start for s in box])
    grid = Grid(within.shape, corner, signal.grid.frame_of_reference_uid)
    smooth = _smoothed(signal, own.near.array)[box]

    def draw(at_k: float, median: float) -> NDArray[np.bool_]:
        excess = (smooth - median) / (at_k * level.sd)
        wide = open_in_plane(within & (excess > 1), grid, RADIUS_MM)
        drawn = redraw_border(smooth, grow(excess > SURE_FACTOR, wide), within, median, grid)
        return close_in_plane(drawn, grid, CLOSING_RADIUS_MM) & within

    def fill(drawn: NDArray[np.bool_], median: float) -> float:
        if not drawn.any():
            return 0.0
        inside = erode_in_plane(drawn, grid, RADIUS_MM)
        values = smooth[inside] if inside.sum() >= 20 else smooth[drawn]
        plateau = max(float(np.percentile(values, 25)), 1.05 * median)
        reach = dilate_in_plane(drawn, grid, BORDER_MM) & within
        share = np.clip((smooth[reach] - median) / (plateau - median), 0, 1)
        return float(share.sum()) * grid.voxel_volume_ml

    doubt = 2 * level.standard_error
    levels = [(k, level.median), (k * (1 - K_DOUBT), level.median - doubt), (k * (1 + K_DOUBT), level.median + doubt)]
    drawings = [draw(at_k, median) for at_k, median in levels]
    volumes = [fill(drawn, median) for drawn, (_, median) in zip(drawings, levels, strict=True)]
    closed = [float(drawn.sum()) * grid.voxel_volume_ml for drawn in drawings]
    whole = np.zeros(signal.grid.shape, np.bool_)
    whole[box] = drawings[0]
    marrow_ml = float(within.sum()) * grid.voxel_volume_ml
    return AcetabularEdema(
        within=own.near,
        closed=Mask(signal.grid, whole),
        volume=_with_error(volumes, "mL"),
        fraction=_with_error([min(100.0, 100 * volume / marrow_ml) for volume in volumes], "%"),
        closed_volume=_with_error(closed, "mL"),
        seen=own.seen,
        signal_ratio=float(smooth[drawings[0]].mean()) / level.median if drawings[0].any() else None,
        smallest_detectable=_smallest_detectable(signal.grid),
        least_rise=SURE_FACTOR * k * level.sd,
        method=_method(k, level),
    )


def _with_error(values: Sequence[float], unit: str) -> Quantity:
    """Return the first value; its interval holds the others, and the error of :data:`RELATIVE_SD`."""
    value = values[0]
    reach = 1.96 * RELATIVE_SD * value
    low = value - float(np.hypot(value - min(values), reach))
    high = value + float(np.hypot(max(values) - value, reach))
    return Quantity(value, unit, max(0.0, low), min(100.0, high) if unit == "%" else high)


def _reference_level(signal: Volume, side: Side, marrows: Mapping[Side, AcetabularMarrow]) -> ReferenceLevel:
    """Take the marrow that is most alike in itself: one that holds edema, or a bone fitted less well, varies.

    Its spread is that of the smoothed signal, as areas are looked for in it.
    """
    candidates = [(marrows[side].further.array, "marrow of the same hip bone further from the joint")]
    if side.opposite in marrows:
        candidates.append((marrows[side.opposite].near.array, "the other acetabulum"))
    levels = [
        level_of(_smoothed(signal, marrow), Mask(signal.grid, marrow), signal.grid, name)
        for marrow, name in candidates
        if marrow.sum() >= LEAST_REFERENCE_VOXELS
    ]
    if not levels:
        raise InputError("too little marrow of the hip bones lies within the images to compare the acetabulum with")
    return min(levels, key=lambda level: level.sd / level.median)


def _smoothed(signal: Volume, marrow: NDArray[np.bool_]) -> NDArray[np.floating]:
    """Average the signal in the plane, over marrow only."""
    grid = signal.grid
    box = bounds(marrow, [int(np.ceil(MARGIN_MM / s)) for s in grid.spacing])
    result = np.zeros(grid.shape, np.float32)
    result[box] = smooth_within(signal.array[box], marrow[box], plane_sigma(grid, SIGMA_MM))
    return result


def _smallest_detectable(grid: Grid) -> Quantity:
    """Return the volume of a disc that stays wide enough when smoothing has taken its rim.

    Two slices thick, so that it fills one wherever it lies.
    """
    radius = RADIUS_MM + SIGMA_MM
    return Quantity(2 * np.pi * radius**2 * float(grid.spacing[grid.slice_axis]) / 1000, "mL")


def _method(k: float, level: ReferenceLevel) -> str:
    return (
        f"{METHOD}; reference {level.median:.4g} SD {level.sd:.3g} ({level.chosen}); k={k:g} SD, "
        f"{SURE_FACTOR:g} thresholds somewhere; radius {RADIUS_MM:g} mm"
    )
