"""How much of a femoral head is dead, in the ways the literature counts it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.measure.head_map import upright
from marrowmap.measure.necrosis import LATTICE_MM
from marrowmap.measure.necrosis import NecroticSegment

HALF_BAND_MM = 1.2
"""From a band's outer border to its middle; usual bands are 2 to 3 mm thick (a choice, facts.md has no figure)."""
STEINBERG = (("A", 15.0), ("B", 30.0), ("C", 100.0))
"""Extent classes and their upper limits, % of the head (Steinberg; ARCO 1994 has the same)."""
KERBOUL = (200.0, 250.0, 300.0)
"""Limits of the grades of the modified Kerboul angle, degrees (Ha 2006)."""
RIM_RADII = 0.98
"""Arcs are counted this far out: on the joint surface itself the last voxels hold cartilage."""


def lesion_volume_ml(segment: NecroticSegment) -> tuple[float, float]:
    """Return the volumes of segment and head, mL, the band and the cortex included."""
    voxel = LATTICE_MM**3 / 1000
    return float(segment.inside.sum()) * voxel, len(segment.inside) * voxel


def necrotic_arcs_deg(segment: NecroticSegment, step_deg: float = 0.5) -> tuple[float, float]:
    """Return the necrotic arcs of the head in the bone's own mid-coronal and mid-sagittal planes, degrees.

    Both planes hold the head center and the direction of the shaft; the coronal one is that of neck and shaft axes
    (contract.md). Their sum is the modified Kerboul angle (Ha 2006).
    """
    up, lateral = upright(segment.femur)
    angle = np.radians(np.arange(0, 360, step_deg))
    arcs = []
    for across in (lateral, np.array([0.0, 0.0, 1.0])):
        circle = np.cos(angle)[:, None] * up + np.sin(angle)[:, None] * across
        inside = segment.contains(RIM_RADII * segment.femur.head_radius_mm * circle)
        arcs.append(float(inside.mean()) * 360)
    return arcs[0], arcs[1]


def koo_index(coronal_deg: float, sagittal_deg: float) -> float:
    """Return the index of necrotic extent (Koo and Kim 1995): both arcs over 180 degrees, multiplied, times 100."""
    return coronal_deg / 180 * sagittal_deg / 180 * 100


def cone_fraction(kerboul_deg: float) -> float:
    """Return the share (0 to 1) of a head that a cone with this Kerboul angle takes: 240 degrees is a quarter."""
    return (1 - float(np.cos(np.radians(kerboul_deg / 4)))) / 2


def steinberg_class(fraction_percent: float) -> str:
    """Return A, B or C: under 15, 15 to 30, over 30 % of the head."""
    (small, least), (middle, most), (large, _) = STEINBERG
    return small if fraction_percent < least else middle if fraction_percent <= most else large


def kerboul_grade(angle_deg: float) -> int:
    """Return the grade 1 to 4 of a modified Kerboul angle."""
    return 1 + sum(angle_deg >= limit for limit in KERBOUL)


def band_depth_ratio(segment: NecroticSegment, anterior_mm: float, step_mm: float = 0.5) -> float | None:
    """Return the depth of the band's middle below the joint surface over the head's diameter in one coronal plane.

    Taken where the band lies deepest under the part of the surface that the segment underlies (Ikemura 2018). None
    where the plane does not cut the band.

    Parameters
    ----------
    segment : NecroticSegment
    anterior_mm : float
        How far in front of the head center the plane lies.
    """
    radius = segment.femur.head_radius_mm
    across = radius**2 - anterior_mm**2
    if across <= 4:
        return None
    ring = float(np.sqrt(across))
    angle = np.arange(0, 2 * np.pi, step_mm / ring)
    arc = np.stack([ring * np.cos(angle), ring * np.sin(angle), np.full(len(angle), anterior_mm)], axis=-1)
    arc = arc[segment.contains(RIM_RADII * arc)]
    band = _middle_of_band(segment)
    band = band[np.abs(band[:, 2] - anterior_mm) < 1.5]
    if not len(arc) or not len(band):
        return None
    depth = np.linalg.norm(band[:, None, :2] - arc[None, :, :2], axis=-1).min(axis=1)
    return float(np.percentile(depth, 98)) / (2 * radius)


def deepest_band_ratio(segment: NecroticSegment) -> float | None:
    """Return the largest :func:`band_depth_ratio` of all coronal planes, 2 mm apart."""
    reach = np.floor(segment.femur.head_radius_mm)
    ratios = [band_depth_ratio(segment, float(at)) for at in np.arange(-reach, reach, 2.0)]
    return max((ratio for ratio in ratios if ratio is not None), default=None)


def _middle_of_band(segment: NecroticSegment) -> NDArray[np.float64]:
    """Points of the middle of the band's thickness, bone coordinates, shape (m, 3)."""
    kept = segment.bordered
    reach = np.maximum(segment.reach_mm[kept] - HALF_BAND_MM, 0.0)
    return np.asarray(segment.origin + segment.rays.directions[kept] * reach[:, None], np.float64)
