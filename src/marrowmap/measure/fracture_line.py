"""A fracture line under the femoral head's joint surface: depth, length and thickness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.head_map import upright
from marrowmap.measure.line_network import DEPTHS_MM
from marrowmap.measure.line_network import Dome
from marrowmap.measure.line_network import line_chance
from marrowmap.measure.line_network import unroll_dome

HINT_EVIDENCE, SEEN_EVIDENCE, SURE_EVIDENCE = 0.05, 0.3, 0.8
"""With less evidence than this there is no line; a line may be there; it is drawn and measured; it is seen for sure
(benchmarks/line_detection.py, tuning seeds)."""
DETECTION = (-14.34, 10.15, -2.34)
"""Logit of seeing a line 1 mm thick for sure: constant, per log length in mm, per mm of blur
(benchmarks/line_detection.py, tuning seeds)."""
SURELY = 0.95
LENGTHS_MM = (4.0, 25.0)
"""Of the lines that the curve was fitted to: no shorter length is stated, and where a longer one is needed, none."""
LEAST_SNR = 20.0
"""Of fatty marrow in T1, in the images that the curve was fitted to, where noise hardly mattered."""
SLAB_MM = 2.5
"""Half the thickness of the coronal slab in which a line's length is measured."""
LEAST_PIXELS = 4
EDGE = 0.7
"""A sheet ends where its chance falls below this share of its greatest."""
NEAREST_MM = 0.5
"""What lies closer to the joint surface is the bone's own plate, or not bone."""
AROUND_MM = 1.5
"""A sheet's depth is averaged this far around where it is likeliest."""
PROFILE_MM = 5.0
"""How far above and below its middle a line's darkness is summed."""
BESIDE_MM = (2.5, 5.0)
"""Marrow this far below a line is what it is darker than."""
DARKNESS = (0.35, 0.25)
"""How much darker than that marrow a line is, as a share of it: constant, and per share of fatty marrow's signal that
it has (benchmarks/line_detection.py, tuning seeds)."""


@dataclass(frozen=True, eq=False)
class FractureSheet:
    """One dark sheet under the joint surface.

    Parameters
    ----------
    femur : BoneFrame
    points : array, shape (n, 3)
        Its middle along each line from the head center that meets it, bone coordinates, mm.
    depth_mm : array, shape (n,)
        Below the bone's fitted surface.
    chance : array, shape (n,)
        Probability that the images give it there.
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
        """How surely it is seen: mean chance of the likeliest :data:`LEAST_PIXELS` points, 0 to 1."""
        return float(np.sort(self.chance)[-LEAST_PIXELS:].mean())


def smallest_length_mm(blur_mm: float, snr: float) -> float | None:
    """Return the length at which 95 of 100 lines 1 mm thick are seen for sure; None where none is long enough.

    Parameters
    ----------
    blur_mm : float
        How far a voxel reaches across the joint surface; see :func:`blur_across_surface_mm`.
    snr : float
        T1 signal of fatty marrow over noise.
    """
    if snr < LEAST_SNR:
        return None
    constant, per_length, per_blur = DETECTION
    length = float(np.exp((np.log(SURELY / (1 - SURELY)) - constant - per_blur * blur_mm) / per_length))
    shortest, longest = LENGTHS_MM
    return max(length, shortest) if length <= longest else None


def blur_across_surface_mm(femur: BoneFrame, grid: Grid) -> float:
    """Return how far a voxel reaches across the joint surface where the head bears weight, mm."""
    up, _ = upright(femur)
    along = grid.axes.T @ (femur.axes @ up)
    return float(np.sqrt(((along * grid.spacing) ** 2).sum()))


def find_sheets(images: HeadImages) -> list[FractureSheet]:
    """Find dark sheets under the joint surface that bears weight, the one with most evidence first.

    Raises
    ------
    ModelError
        If the installation lacks the network.
    """
    dome = unroll_dome(images.femur)
    chance = line_chance(dome, images)
    pieces, count = ndimage.label(chance > HINT_EVIDENCE, np.ones((3, 3, 3)))
    boxes = ndimage.find_objects(pieces)
    sheets = [_measure(images, dome, np.where(pieces == n + 1, chance, 0.0), boxes[n]) for n in range(count)]
    return sorted((sheet for sheet in sheets if sheet is not None), key=lambda sheet: -sheet.evidence)


def _measure(
    images: HeadImages, dome: Dome, chance: NDArray[np.floating], box: tuple[slice, ...]
) -> FractureSheet | None:
    part = chance[box[:2]]
    top = part.max(axis=2)
    if (top > HINT_EVIDENCE).sum() < LEAST_PIXELS:
        return None
    met = top >= min(EDGE * float(top.max()), np.sort(top, axis=None)[-LEAST_PIXELS])
    near = np.abs(DEPTHS_MM - DEPTHS_MM[part.argmax(axis=2)][..., None]) <= AROUND_MM
    weight = (part * near)[met]
    depth = (weight * DEPTHS_MM).sum(axis=1) / weight.sum(axis=1)
    if np.median(depth) < NEAREST_MM:
        return None
    directions, radius, sure = dome.directions[box[:2]][met], dome.radius_mm[box[:2]][met], top[met]
    away = radius - depth
    points = directions * away[:, None]
    pixel_mm = dome.pixel_rad * images.femur.head_radius_mm
    middle = int(np.argmin(np.linalg.norm(points - points.mean(axis=0), axis=1)))
    length = max(_coronal_length(points, points[middle, 2] + shift) for shift in (-SLAB_MM, 0.0, SLAB_MM))
    apart = np.linalg.norm(points - points[middle], axis=1)
    far, close = apart >= 0.6 * apart.max(), apart <= 0.4 * apart.max()
    bow = float(np.median(depth[far]) - np.median(depth[close]))
    return FractureSheet(
        images.femur,
        points,
        depth,
        np.asarray(sure, np.float64),
        length + pixel_mm,
        max(_longest(points), length) + pixel_mm,
        _thickness(images, directions, away),
        bow,
    )


def _coronal_length(points: NDArray[np.float64], anterior_mm: float) -> float:
    """Longest way along the points of one coronal slab, from medial to lateral."""
    slab = points[np.abs(points[:, 2] - anterior_mm) < SLAB_MM][:, :2]
    if len(slab) < 2:
        return 0.0
    toward = slab.mean(axis=0) / np.linalg.norm(slab.mean(axis=0))
    # Against the slab's own middle no angle comes near half a turn.
    angle = np.arctan2(slab @ np.array([-toward[1], toward[0]]), slab @ toward)
    return float(np.ptp(angle) * np.median(np.linalg.norm(slab, axis=1)))


def _longest(points: NDArray[np.float64]) -> float:
    """Longest way along the sheet, as arcs around the head center."""
    away = np.linalg.norm(points, axis=1)
    cosine = (points / away[:, None]) @ (points / away[:, None]).T
    return float(np.arccos(np.clip(cosine.min(), -1, 1)) * np.median(away))


def _thickness(images: HeadImages, directions: NDArray[np.float64], distance_mm: NDArray[np.float64]) -> float:
    """Sum the T1 darkness through the sheet against the marrow below it, and divide by how dark a line is."""
    at = np.arange(-BESIDE_MM[1], PROFILE_MM, 0.25)
    local = directions[:, None, :] * (distance_mm[:, None] + at)[..., None]
    signal = sample_at(images.t1, images.femur.to_world(local))
    below = (at > -BESIDE_MM[1]) & (at < -BESIDE_MM[0])
    level = np.nanmedian(signal[:, below], axis=1, keepdims=True)
    mean = np.nanmean(signal / level, axis=0)
    darkness = DARKNESS[0] + DARKNESS[1] * float(np.nanmedian(level)) / images.marrow_level
    # Upward the sum ends where the signal is highest between the line and the joint's own dark plate.
    upward = (at >= 0) & (at < 2.5)
    top = at[upward][int(np.argmax(mean[upward]))]
    within = (at >= -BESIDE_MM[0]) & (at <= top)
    return float(np.clip(1 - mean[within], 0, 1).sum() * 0.25 / darkness)
