"""A fracture line under the femoral head's joint surface: depth, length and thickness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.image import Grid
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.head_map import upright
from marrowmap.measure.head_trace import Trace
from marrowmap.measure.head_trace import trace
from marrowmap.measure.ray_surface import RAY_SPACING
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import group_rays
from marrowmap.measure.ray_surface import spread_rays

SLAB_MM = 2.5
"""Half the thickness of the coronal slab in which a line's length is measured."""
WIDEST_DEG = 85.0
"""Lines are looked for this far around the direction up the shaft."""
PROFILE_MM = 5.0
"""How far above and below its middle a line's darkness is summed."""
NONE_COST = 2.0
"""Against finding nothing on a ray: what is too much has little evidence."""
SEEN_EVIDENCE, SURE_EVIDENCE = 4.0, 16.0
"""A sheet with at least this much evidence is seen, and seen for sure (tuning seeds)."""
SHARPEST_BLUR_MM = 2.0
SMALLEST_LENGTH_MM = 14.0
"""Length of a line at least 1 mm thick that was always found on the training heads where the joint surface is blurred
less than this; benchmarks/femoral_heads.py says how far it holds."""
BESIDE_MM = (2.5, 5.0)
"""Marrow this far below a line is what it is darker than."""


@dataclass(frozen=True, eq=False)
class FractureSheet:
    """One dark sheet under the joint surface.

    Parameters
    ----------
    femur : BoneFrame
    points : array, shape (n, 3)
        Its middle along each ray from the head center that meets it, bone coordinates, mm.
    depth_mm : array, shape (n,)
        Below the head's sphere.
    chance : array, shape (n,)
        Probability that the images give it at that place.
    length_mm : float
        Longest extent in a coronal plane of the bone, along the line.
    longest_mm : float
        Longest extent in any direction, along the line.
    thickness_mm : float
        Full thickness that its darkness in T1 adds up to.
    bow_mm : float
        How much deeper its ends lie than its middle: 0 is parallel to the joint surface, more is convex toward it.
    """

    femur: BoneFrame
    points: NDArray[np.float64]
    depth_mm: NDArray[np.float64]
    chance: NDArray[np.float64]
    length_mm: float
    longest_mm: float
    thickness_mm: float
    bow_mm: float

    @property
    def depth_middle_mm(self) -> float:
        """Median depth below the joint surface."""
        return float(np.median(self.depth_mm))

    @property
    def evidence(self) -> float:
        """Sum of the chances: about how many independent rays (1.6 mm apart at the surface) show it."""
        return float(self.chance.sum())


def smallest_length_mm(blur_mm: float) -> float | None:
    """Return the length of the shortest line that is found for sure; None where slices blur the joint surface."""
    return SMALLEST_LENGTH_MM if blur_mm <= SHARPEST_BLUR_MM else None


def blur_across_surface_mm(femur: BoneFrame, grid: Grid) -> float:
    """Return how far a voxel reaches across the joint surface where the head bears weight, mm."""
    up, _ = upright(femur)
    along = grid.axes.T @ (femur.axes @ up)
    return float(np.sqrt(((along * grid.spacing) ** 2).sum()))


def trace_line(images: HeadImages, model: LineModel) -> Trace:
    """Trace dark sheets along all rays from the head center to the joint surface that can bear weight.

    Under the head, at ligament and neck, cortex folds inward and looks like a line.
    """
    even = spread_rays(RAYS)
    up, _ = upright(images.femur)
    loaded = even.directions @ up > np.cos(np.radians(WIDEST_DEG))
    rays = even.within(loaded & (even.directions[:, 0] < HEAD_ENDS_AT_RADII))
    return trace("fracture", images, model, np.zeros(3), rays, outward=True, none_cost=NONE_COST)


def find_sheets(images: HeadImages, model: LineModel) -> list[FractureSheet]:
    """Find dark sheets under the joint surface, the one with most evidence first."""
    traced = trace_line(images, model)
    sheets = [_measure(images, traced, group) for group in group_rays(traced.found, traced.rays.edges)]
    return sorted((sheet for sheet in sheets if sheet is not None), key=lambda sheet: -sheet.evidence)


def _measure(images: HeadImages, traced: Trace, group: NDArray[np.int64]) -> FractureSheet | None:
    if len(group) < 3:
        return None
    directions = traced.rays.directions[group]
    points = traced.points(traced.distance_mm)[group]
    depth = traced.leave_mm[group] - traced.distance_mm[group]
    spacing = RAY_SPACING * float(np.median(traced.distance_mm[group]))
    middle = int(np.argmin(np.linalg.norm(directions - directions.mean(axis=0), axis=1)))
    length = max(_coronal_length(points, points[middle, 2] + shift) for shift in (-SLAB_MM, 0.0, SLAB_MM))
    longest = _longest(points)
    away = np.linalg.norm(points - points[middle], axis=1)
    far = away > 0.6 * away.max()
    near = away < 0.4 * away.max()
    bow = float(np.median(depth[far]) - np.median(depth[near])) if far.any() and near.any() else 0.0
    return FractureSheet(
        images.femur,
        points,
        depth,
        traced.chance[group],
        length + spacing / 2,
        max(longest, length) + spacing / 2,
        _thickness(images, directions, traced.distance_mm[group]),
        bow,
    )


def _coronal_length(points: NDArray[np.float64], anterior_mm: float) -> float:
    """Longest way along the points of one coronal slab, from medial to lateral."""
    slab = points[np.abs(points[:, 2] - anterior_mm) < SLAB_MM]
    if len(slab) < 2:
        return 0.0
    radius = float(np.median(np.linalg.norm(slab[:, :2], axis=1)))
    angle = np.unwrap(np.sort(np.arctan2(slab[:, 0], slab[:, 1])))
    return float(angle[-1] - angle[0]) * radius


def _longest(points: NDArray[np.float64]) -> float:
    """Longest way along the sheet, as arcs around the head center."""
    away = np.linalg.norm(points, axis=1)
    cosine = (points / away[:, None]) @ (points / away[:, None]).T
    return float(np.arccos(np.clip(cosine.min(), -1, 1)) * np.median(away))


def _thickness(images: HeadImages, directions: NDArray[np.float64], distance_mm: NDArray[np.float64]) -> float:
    """Sum the T1 darkness through the sheet against the marrow below it, averaged over its rays."""
    at = np.arange(-BESIDE_MM[1], PROFILE_MM, 0.25)
    local = directions[:, None, :] * (distance_mm[:, None] + at)[..., None]
    signal = sample_at(images.t1, images.femur.to_world(local))
    below = (at > -BESIDE_MM[1]) & (at < -BESIDE_MM[0])
    level = np.nanmedian(signal[:, below], axis=1, keepdims=True)
    mean = np.nanmean(signal / level, axis=0)
    # Upward the sum ends where the signal is highest between the line and the joint's own dark plate.
    upward = (at >= 0) & (at < 2.5)
    top = at[upward][int(np.argmax(mean[upward]))]
    within = (at >= -BESIDE_MM[0]) & (at <= top)
    return float(np.clip(1 - mean[within], 0, 1).sum() * 0.25)
