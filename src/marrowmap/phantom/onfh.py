"""Osteonecrosis of the femoral head before it collapses: a segment bounded by a band, at times edema around it.

The segment lies in the anterosuperior, weight-bearing head. Its band is concave toward the joint surface or serpentine
and reaches that surface at both ends (Ikemura 2010), where a fracture line is convex or parallel to it. Frequencies are
those of facts.md where it has any; what is a choice says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.lesion import Vector
from marrowmap.phantom.lesion import Wave
from marrowmap.phantom.person import Hip

BILATERAL_FREQUENCY = 0.65
"""Usual reviews say 50 to 80 %."""
DOUBLE_LINE_FREQUENCY = 0.80  # Mitchell 1987, 45 of 56
EDEMA_FREQUENCY = 0.34  # Ito 2006, 28 of 83 hips
EFFUSION_WITHOUT_EDEMA_FREQUENCY = 0.29  # Väänänen 2021; with edema all had one (Koo 1999, 8 of 8)
ACETABULAR_EDEMA_FREQUENCY = 0.14  # Väänänen 2021, hips that did not progress

INTERIORS = {"fat": 0.71, "blood": 0.09, "fluid": 0.10, "fibrous": 0.10}
"""Mitchell's classes: fat-like in 20 of 28 heads before collapse (1987); the split of the rest is a choice."""
TISSUE = {
    "fat": "yellow_marrow",
    "blood": "necrotic_blood",
    "fluid": "necrotic_fluid",
    "fibrous": "necrotic_fibrous",
}

HALF_ANGLES_DEG = ((28.0, 45.0), (45.0, 62.0), (62.0, 85.0))
"""Small, medium and large segments, one as frequent as the other, so that every Kerboul grade occurs; a choice."""

LATERAL_END_RADII = 0.58
"""A segment ends here along the neck axis: beyond lies the neck."""
CORNER_MM = 1.5
"""How softly the band turns there."""


def _direction(bone_up: Vector, bone_lateral: Vector, rng: np.random.Generator) -> Vector:
    """Draw where the middle of a segment lies: up, forward by 5 to 50 degrees, a little medial or lateral."""
    forward, aside = np.radians(np.clip(rng.normal((27.0, 4.0), (9.0, 9.0)), (5, -16), (50, 24)))
    toward = np.array(bone_up) * np.cos(forward) + np.array((0.0, 0.0, np.sin(forward)))
    toward = toward + np.tan(aside) * np.array(bone_lateral)
    toward /= np.linalg.norm(toward)
    return float(toward[0]), float(toward[1]), float(toward[2])


def upright(hip: Hip) -> tuple[Vector, Vector]:
    """Return unit vectors up the shaft and lateral to it in bone coordinates, both in the plane of neck and shaft."""
    neck, superior, _ = -(hip.axes.T @ hip.shaft)
    length = float(np.hypot(neck, superior))
    up = (float(neck) / length, float(superior) / length, 0.0)
    return up, (up[1], -up[0], 0.0)


def _sample_waves(rng: np.random.Generator) -> tuple[Wave, ...]:
    """Draw ripples of 14 to 32 mm length that together move the band by one or two millimeters."""
    spread = float(rng.uniform(0.7, 1.8))
    waves = []
    for _ in range(5):
        way = rng.normal(size=3)
        way *= 2 * np.pi / (float(rng.uniform(14, 32)) * np.linalg.norm(way))
        height = spread * float(np.sqrt(2 / 5))
        waves.append(Wave((float(way[0]), float(way[1]), float(way[2])), float(rng.uniform(0, 2 * np.pi)), height))
    return tuple(waves)


def sample_necrosis(hip: Hip, rng: np.random.Generator) -> Necrosis:
    """Draw a segment of one head."""
    low, high = HALF_ANGLES_DEG[int(rng.integers(len(HALF_ANGLES_DEG)))]
    angle = float(rng.uniform(low, high))
    # Deeper than a plane through its edge: the band is concave toward the joint surface.
    depth = 1 - float(np.cos(np.radians(angle))) + float(rng.uniform(0.20, 0.45))
    return Necrosis(
        toward=_direction(*upright(hip), rng),
        half_angle_deg=angle,
        depth_radii=min(depth, 1.35),
        interior=str(rng.choice(list(INTERIORS), p=list(INTERIORS.values()))),
        granulation_mm=float(rng.uniform(1.0, 1.6)),
        sclerosis_mm=float(rng.uniform(0.9, 1.5)),
        double_line=bool(rng.random() < DOUBLE_LINE_FREQUENCY),
        edema_reach_mm=float(rng.uniform(8.0, 40.0)),
        waves=_sample_waves(rng),
    )


def sample_onfh(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw osteonecrosis of one hip."""
    necrosis = sample_necrosis(hip, rng)
    edema = bool(rng.random() < EDEMA_FREQUENCY)
    amount, width, height = float(rng.uniform(0.4, 0.7)), float(rng.uniform(6.0, 14.0)), float(rng.uniform(3.5, 9.0))
    drawn = rng.random(2)
    return Lesion(
        width_mm=width,
        amount=amount if edema else 0.0,
        effusion_mm=height if edema or drawn[0] < EFFUSION_WITHOUT_EDEMA_FREQUENCY else 0.0,
        acetabular_edema=edema and bool(drawn[1] < ACETABULAR_EDEMA_FREQUENCY),
        necrosis=necrosis,
    )


def sample_other_hip(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw what the other hip of the same person has: osteonecrosis too, or nothing."""
    return sample_onfh(hip, rng) if rng.random() < BILATERAL_FREQUENCY else WELL


def segment_distance(necrosis: Necrosis, radius_mm: float, bone: NDArray[np.floating]) -> Array:
    """Return the distance (mm) of points from the band's outer border, negative inside the segment.

    The border is a sphere whose center lies outward of the segment, rippled near the head; where it would run into the
    neck, a plane across it ends the segment. The joint surface is no border: what lies beyond it counts as inside.

    Parameters
    ----------
    necrosis : Necrosis
    radius_mm : float
        Of the head.
    bone : array, shape (..., 3)
        Bone coordinates, mm.

    Returns
    -------
    array of float32, shape (...)
    """
    toward = np.array(necrosis.toward, np.float32)
    cosine = float(np.cos(np.radians(necrosis.half_angle_deg)))
    deepest = 1 - necrosis.depth_radii
    # The sphere through the deepest point and the circle where the band meets the joint surface.
    middle = (1 - deepest**2) / (2 * (cosine - deepest)) * radius_mm
    size = middle - deepest * radius_mm
    away = np.asarray(bone, np.float32) - np.float32(middle) * toward
    length = np.maximum(np.sqrt((away**2).sum(axis=-1)), np.float32(1e-3))
    distance = length - np.float32(size)
    if necrosis.waves:
        from_center = np.sqrt((np.asarray(bone, np.float32) ** 2).sum(axis=-1)) / np.float32(radius_mm)
        near = from_center < 1.4
        fade = 1 - smoothstep(np.asarray(from_center[near], np.float32), 1.15, 1.4)
        slope = away[near] / length[near][:, None]
        ripple = np.zeros(fade.shape, np.float32)
        for wave in necrosis.waves:
            per_mm = np.array(wave.per_mm, np.float32)
            angle = np.asarray(bone[near], np.float32) @ per_mm + np.float32(wave.phase)
            ripple += np.float32(wave.height_mm) * np.sin(angle)
            slope += (np.float32(wave.height_mm) * fade * np.cos(angle))[:, None] * per_mm
        # Divided by its slope, the rippled field is again a distance close to the border.
        steep = np.maximum(np.sqrt((slope**2).sum(axis=-1)), np.float32(0.4))
        distance[near] = (distance[near] + ripple * fade) / (fade * steep + 1 - fade)
    neck_end = np.asarray(bone[..., 0], np.float32) - np.float32(LATERAL_END_RADII * radius_mm)
    # The larger of the two, its corner rounded.
    rounding = np.float32(CORNER_MM)
    return np.asarray(rounding * np.logaddexp(distance / rounding, neck_end / rounding), np.float32)


@dataclass(frozen=True, eq=False)
class Segment:
    """Shares of each voxel, whether bone or not.

    Parameters
    ----------
    whole : array
        Within the band's outer border.
    core : array
        Within its inner border: the necrotic marrow itself.
    granulation : array
        The band's inner part, 0 where there is no double line.
    distance : array
        From the outer border, mm, negative inside.
    """

    whole: Array
    core: Array
    granulation: Array
    distance: Array


def paint_segment(necrosis: Necrosis, radius_mm: float, bone: Array, voxel_mm: float) -> Segment:
    """Lay a segment out on points in bone coordinates (..., 3); the rest of its band is sclerosis."""
    distance = segment_distance(necrosis, radius_mm, bone)
    whole = occupancy(distance, voxel_mm)
    within_sclerosis = occupancy(distance + np.float32(necrosis.sclerosis_mm), voxel_mm)
    core = occupancy(distance + np.float32(necrosis.band_mm), voxel_mm)
    granulation = (within_sclerosis - core) * np.float32(necrosis.double_line)
    return Segment(whole, core, granulation, distance)


def edema_around(lesion: Lesion, segment: Segment, unevenness: Array) -> Array:
    """Return membership (0 to 1) of the edema around a segment, of which the segment and its band have none."""
    if lesion.necrosis is None or lesion.amount <= 0:
        return np.zeros(segment.distance.shape, np.float32)
    past = segment.distance - np.float32(lesion.necrosis.edema_reach_mm) + 1.5 * unevenness
    membership = ndtr(-past / np.float32(lesion.width_mm / 2.563))
    return np.asarray(membership * (1 - segment.whole), np.float32)


def necrotic_arcs_deg(hip: Hip, necrosis: Necrosis, step_deg: float = 0.1) -> tuple[float, float]:
    """Return the arcs of the head's sphere that the segment takes in the bone's mid-coronal and mid-sagittal planes.

    Both planes hold the head center and the direction of the shaft; the coronal one is that of neck and shaft axes, the
    sagittal one stands perpendicular on it. An arc ends at the band's outer border.
    """
    angle = np.radians(np.arange(0, 360, step_deg))
    up, lateral = (np.array(v) for v in upright(hip))
    arcs = []
    for other in (lateral, np.array((0.0, 0.0, 1.0))):
        circle = hip.radius * (np.cos(angle)[:, None] * up + np.sin(angle)[:, None] * other)
        arcs.append(float((segment_distance(necrosis, hip.radius, circle) < 0).mean()) * 360)
    return arcs[0], arcs[1]


def band_depth_ratio(hip: Hip, necrosis: Necrosis, anterior_mm: float = 0.0, step_mm: float = 0.25) -> float | None:
    """Return the band's depth over the head's diameter in one coronal plane of the bone; None where it is not there.

    Depth is that of the middle of the band's thickness at its deepest: its distance, in the plane, from the nearest
    point of the joint surface that the segment underlies.

    Parameters
    ----------
    hip : Hip
    necrosis : Necrosis
    anterior_mm : float
        How far in front of the head center the plane lies.
    step_mm : float
        Of the points that are tried.
    """
    across = hip.radius**2 - anterior_mm**2
    if across <= 4:
        return None
    radius = float(np.sqrt(across))
    angle = np.arange(0, 2 * np.pi, step_mm / radius)
    arc = np.stack([radius * np.cos(angle), radius * np.sin(angle), np.full(len(angle), anterior_mm)], axis=-1)
    half_band = necrosis.band_mm / 2
    arc = arc[segment_distance(necrosis, hip.radius, arc) < -half_band]
    axis = np.arange(-radius, radius, step_mm)
    plane = np.stack(np.meshgrid(axis, axis, [anterior_mm], indexing="ij"), axis=-1).reshape(-1, 3)
    plane = plane[(plane[:, :2] ** 2).sum(axis=1) < across]
    middle = np.abs(segment_distance(necrosis, hip.radius, plane) + half_band) < step_mm
    if not len(arc) or not middle.any():
        return None
    away = np.linalg.norm(plane[middle][:, None, :2] - arc[None, :, :2], axis=-1).min(axis=1)
    return float(away.max()) / (2 * hip.radius)


def deepest_band_ratio(hip: Hip, necrosis: Necrosis) -> float | None:
    """Return the largest :func:`band_depth_ratio` of all coronal planes, a millimeter apart; None without a band."""
    reach = np.arange(-np.floor(hip.radius), hip.radius, 1.0)
    found = [band_depth_ratio(hip, necrosis, float(at), 0.5) for at in reach]
    return max((ratio for ratio in found if ratio is not None), default=None)
