"""Edge of the femoral head and joint space in a radiograph: how deep the head has sunk, how wide the joint is.

Along rays from the head's center bone ends in a bright edge, the joint space is dark, and the socket's roof begins with
an edge of the other polarity. Both edges are traced as paths that run on from ray to ray. What a radiograph shows is
the outline: a dent that is seen only from the front of the head, say, leaves it whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import route_through_array

from marrowmap.anatomy.head_circle import HeadCircle
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.values import Side

STEP_MM = 0.2
BLUR_MM = 0.5
REACH_MM = (5.0, 11.0)
"""Inward and outward of the circle."""
ARC_DEG = (-60.0, 75.0)
"""From straight up: what may be seen of the head's edge, + is outward."""
RAY_DEG = 1.0
SECTOR_DEG = 45.0
"""To each side of up the head bears weight (see `joint_space`)."""
EDGE_WITHIN_MM = 3.5
"""How far the head's edge may lie from the circle: collapse of more is no circle any more."""
WIDEST_MM = 9.0
NARROWEST_MM = 0.6
CLEAR = 1.5
"""An edge this many times as steep as the noise of slopes is clear."""
LEAST_SHARE = 0.4
"""Share of a sector that must be clear."""
WINDOW_DEG = 10.0
"""The narrowest place is the least mean over this arc, about 4 mm; so is the deepest dent."""
SMOOTHNESS = 0.6
"""How hard a path bends, as a share of what a clear edge draws it by; tuning seeds."""


@dataclass(frozen=True, eq=False)
class HeadOutline:
    """Edges around one head.

    Parameters
    ----------
    side : Side
    circle : HeadCircle
    angle_deg : array, shape (n,)
        Of each ray from straight up, + outward.
    head_mm, roof_mm : array, shape (n,)
        Radius at which the head's and the socket's edge lie, mm in the plane of the hips; not a number where unclear.
    """

    side: Side
    circle: HeadCircle
    angle_deg: NDArray[np.float64]
    head_mm: NDArray[np.float64]
    roof_mm: NDArray[np.float64]

    @property
    def space_mm(self) -> NDArray[np.float64]:
        """Width of the joint space along each ray."""
        return self.roof_mm - self.head_mm

    def points(self, radius_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where radii lie, LPS x and z in the plane of the hips, shape (n, 2)."""
        angle = np.radians(self.angle_deg)
        way = np.stack([np.sin(angle) * self.side.sign, np.cos(angle)], axis=-1)
        return np.asarray(self.circle.center_mm + way * radius_mm[:, None], np.float64)


def trace_head(shown: HipPlaneImage, circle: HeadCircle, side: Side) -> HeadOutline:
    """Trace the head's and the socket's edge around a head.

    Parameters
    ----------
    shown : HipPlaneImage
    circle : HeadCircle
        See :func:`~marrowmap.anatomy.head_circle.find_head_circle`.
    side : Side
    """
    angle = np.arange(ARC_DEG[0], ARC_DEG[1] + RAY_DEG / 2, RAY_DEG)
    out = np.arange(-REACH_MM[0], REACH_MM[1], STEP_MM)
    profiles = sample_rays(shown, circle, side, angle, circle.radius_mm + out)
    # Along each ray; across them noise is averaged over about 2 mm.
    across = 2.0 / max(np.radians(RAY_DEG) * circle.radius_mm, 1e-6) / 2.355
    slope = ndimage.gaussian_filter(profiles, (across, BLUR_MM / STEP_MM), order=(0, 1))
    noise = 1.4826 * float(np.median(np.abs(slope - np.median(slope)))) + 1e-12
    steep = slope / noise
    head = _path(np.where(np.abs(out) <= EDGE_WITHIN_MM, -steep, -np.inf))
    beyond = out[None, :] - out[head][:, None]
    roof = _path(np.where((beyond >= NARROWEST_MM) & (beyond <= WIDEST_MM), steep, -np.inf))
    rays = np.arange(len(angle))
    head_at, roof_at = (
        circle.radius_mm + _refined(out, sign * steep, place) for sign, place in ((-1, head), (1, roof))
    )
    seen = -steep[rays, head] >= CLEAR
    head_at = np.where(seen, head_at, np.nan)
    roof_at = np.where(seen & (steep[rays, roof] >= CLEAR), roof_at, np.nan)
    return HeadOutline(side, circle, angle, head_at, roof_at)


def sample_rays(
    shown: HipPlaneImage,
    circle: HeadCircle,
    side: Side,
    angle_deg: NDArray[np.float64],
    radius_mm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the image along rays, shape (rays, radii), at radii (radii,) or (rays, radii)."""
    half = int(np.ceil((radius_mm.max() + 1) / STEP_MM))
    corner = np.array([circle.center_mm[0] - half * STEP_MM, circle.center_mm[1] + half * STEP_MM])
    image, _ = shown.sample(corner, (2 * half + 1, 2 * half + 1), STEP_MM)
    angle = np.radians(angle_deg)[:, None]
    column = half + side.sign * np.sin(angle) * radius_mm / STEP_MM
    row = half - np.cos(angle) * radius_mm / STEP_MM
    return np.asarray(ndimage.map_coordinates(image, np.stack([column, row]), order=1, mode="nearest"), np.float64)


def _path(draw: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the place (n,) on each ray of a path that is drawn to large values and bends little.

    Where a ray's values are all forbidden (-inf) the path still passes.
    """
    allowed = np.isfinite(draw)
    value = np.where(allowed, np.clip(draw, 0, 12), 0.0)
    cost = np.where(allowed, np.exp(-SMOOTHNESS * value) + 0.02, 4.0)
    # Free ends: the path may begin and stop anywhere.
    padded = np.vstack([np.full(draw.shape[1], 1e-3), cost, np.full(draw.shape[1], 1e-3)])
    last = padded.shape[0] - 1
    end = (last, padded.shape[1] - 1)
    way, _ = route_through_array(padded, (0, 0), end, fully_connected=True, geometric=False)  # type: ignore[no-untyped-call]
    found = np.zeros(draw.shape[0], np.int64)
    best = np.full(draw.shape[0], np.inf)
    for ray, place in way:
        if 0 < ray < last and cost[ray - 1, place] < best[ray - 1]:
            best[ray - 1], found[ray - 1] = cost[ray - 1, place], place
    return found


def _refined(out: NDArray[np.float64], value: NDArray[np.float64], place: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return where along each ray a peak near a sample lies, by a parabola through three samples."""
    middle = np.clip(place, 1, len(out) - 2)
    rays = np.arange(len(place))
    before, here, after = (value[rays, middle + step] for step in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < -1e-9, 0.5 * (before - after) / np.where(bend < -1e-9, bend, -1.0), 0.0)
    return np.asarray(out[middle] + np.clip(shift, -1, 1) * STEP_MM, np.float64)


def least_over_arc(outline: HeadOutline, values: NDArray[np.float64], within_deg: float) -> float | None:
    """Return the least mean over :data:`WINDOW_DEG` of values (n,) within a sector around straight up.

    None where too little of the sector is clear.
    """
    inside = np.abs(outline.angle_deg) <= within_deg
    known = inside & np.isfinite(values)
    if known.sum() < LEAST_SHARE * inside.sum():
        return None
    count = round(WINDOW_DEG / RAY_DEG)
    filled = np.where(known, values, 0.0)
    number = np.convolve(known, np.ones(count), mode="same")
    means = np.convolve(filled, np.ones(count), mode="same") / np.maximum(number, 1)
    enough = inside & (number >= 0.7 * count)
    return float(means[enough].min()) if enough.any() else None


def mean_space(outline: HeadOutline) -> float | None:
    """Return the mean width of the joint space over the weight-bearing sector; None where too little is clear."""
    inside = np.abs(outline.angle_deg) <= SECTOR_DEG
    known = inside & np.isfinite(outline.space_mm)
    if known.sum() < LEAST_SHARE * inside.sum():
        return None
    return float(outline.space_mm[known].mean())


def depression(outline: HeadOutline) -> float | None:
    """Return how far the head's edge lies inward of the circle, mm, where it is deepest; None where unclear."""
    deepest = least_over_arc(outline, outline.head_mm - outline.circle.radius_mm, -ARC_DEG[0] - WINDOW_DEG)
    return None if deepest is None else max(-deepest, 0.0)
