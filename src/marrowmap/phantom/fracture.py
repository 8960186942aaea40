"""A fracture line under the head's joint surface: a thin sheet, parallel to the surface or convex toward it.

It lies in the weight-bearing sector and never turns up to the surface at both its ends, as a necrotic band does
(Ikemura 2010). Half of transient osteoporosis has one (facts.md 0.2), and it heals.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.layers import Array
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Vector
from marrowmap.phantom.lesion import Wave
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip

LENGTH_MM = (4.0, 25.0)
THICKNESS_MM = (0.6, 5.0)
DEPTH_MM = (1.5, 6.0)
"""Choices that hold both sides of the published limits: 4 mm thick, 12.5 mm long (Vande Berg 1999, via facts.md 0.1);
the depth of insufficiency fractures was 1.56 mm in histology (J Hip Surg 2018)."""
UNDER_SURFACE_MM = 1.2
"""Marrow and cortex that stay between line and joint surface; a choice."""
LARGEST_THICKNESS_PER_LENGTH = 0.35
"""A line, not a lump; a choice."""
CONVEX_FREQUENCY = 0.6
"""The others run parallel; a choice (Ikemura 2010 names both shapes)."""
EDGE_MM = 1.0
"""Over this much its outline fades."""


def sample_direction(hip: Hip, rng: np.random.Generator, *, spread_deg: float = 9.0) -> Vector:
    """Draw a place in the weight-bearing sector: up, a little forward and lateral; a choice."""
    low, high = (-12.0, -14.0), (34.0, 24.0)
    forward, aside = np.radians(np.clip(rng.normal((11.0, 5.0), spread_deg), low, high))
    up, lateral = (np.array(v) for v in upright(hip))
    toward = up + np.tan(forward) * np.array((0.0, 0.0, 1.0)) + np.tan(aside) * lateral
    toward /= np.linalg.norm(toward)
    return float(toward[0]), float(toward[1]), float(toward[2])


def sample_ripples(rng: np.random.Generator, height_mm: float) -> tuple[Wave, ...]:
    """Draw ripples of 9 to 22 mm length with a standard deviation of `height_mm`."""
    waves = []
    for _ in range(3):
        way = rng.normal(size=3)
        way *= 2 * np.pi / (float(rng.uniform(9, 22)) * np.linalg.norm(way))
        phase = float(rng.uniform(0, 2 * np.pi))
        waves.append(Wave((float(way[0]), float(way[1]), float(way[2])), phase, height_mm * float(np.sqrt(2 / 3))))
    return tuple(waves)


def sample_fracture_line(
    hip: Hip, rng: np.random.Generator, *, length_mm: float = 11.0, thickness_mm: float = 1.5, deepest_mm: float = 6.0
) -> FractureLine:
    """Draw a line under the weight-bearing surface.

    Parameters
    ----------
    hip : Hip
    rng : Generator
    length_mm, thickness_mm : float
        Medians; both vary by a factor of about 1.6 within :data:`LENGTH_MM` and :data:`THICKNESS_MM`.
    deepest_mm : float
        Below the bone's surface.
    """
    toward = sample_direction(hip, rng)
    spread = rng.normal(0, 0.48, 2)
    length = float(np.clip(length_mm * np.exp(spread[0]), *LENGTH_MM))
    thickest = min(THICKNESS_MM[1], LARGEST_THICKNESS_PER_LENGTH * length)
    thickness = float(np.clip(thickness_mm * np.exp(spread[1]), THICKNESS_MM[0], thickest))
    breadth = float(np.clip(length * rng.uniform(0.6, 1.25), 4.0, 28.0))
    depth = float(max(rng.uniform(DEPTH_MM[0], deepest_mm), thickness / 2 + UNDER_SURFACE_MM))
    convex, bow = rng.random() < CONVEX_FREQUENCY, float(rng.uniform(0.06, 0.13)) * length
    ripples = sample_ripples(rng, float(rng.uniform(0.15, 0.35)))
    return FractureLine(toward, length, breadth, depth, thickness, bow if convex else 0.0, waves=ripples)


def line_extents_mm(line: FractureLine) -> tuple[float, float]:
    """Return its length in the bone's coronal plane and its longest extent in space, along the line."""
    return line.length_mm, max(line.length_mm, line.breadth_mm)


def line_share(line: FractureLine, radius_mm: float, depth: Array, bone: Array, voxel_mm: float) -> Array:
    """Return the share of each voxel that a line takes, whether bone or not.

    Through its thickness the share is that of a slab of `thickness_mm` in a voxel, so that a thin line's darkness adds
    up to its thickness at any voxel size.

    Parameters
    ----------
    line : FractureLine
    radius_mm : float
        Of the head.
    depth : array, shape (...)
        Below the bone's surface, mm, negative outside.
    bone : array, shape (..., 3)
        Bone coordinates, mm.
    voxel_mm : float

    Returns
    -------
    array of float32, shape (...)
        0 to 1.
    """
    result = np.zeros(depth.shape, np.float32)
    deepest = line.depth_mm + line.bow_mm + line.thickness_mm + 2.0
    toward = np.array(line.toward, np.float32)
    # Tangents: sideways in the bone's coronal plane, and from back to front.
    sideways = np.cross((0.0, 0.0, 1.0), line.toward)
    sideways = (sideways / np.linalg.norm(sideways)).astype(np.float32)
    forward = np.cross(toward, sideways)
    arm = radius_mm - line.depth_mm
    widest = (max(line.length_mm, line.breadth_mm) / 2 + 3.0) / arm
    place = (depth > -2.0) & (depth < deepest) & (bone @ toward > 0.35 * radius_mm * np.cos(min(widest, 1.5)))
    points, below = bone[place], depth[place]
    far = np.maximum(np.sqrt((points**2).sum(axis=-1)), np.float32(1e-3))
    outward = points / far[:, None]
    angle = np.arccos(np.clip(outward @ toward, -1, 1))
    along = np.stack([outward @ sideways, outward @ forward], axis=-1)
    along *= (angle * np.float32(arm) / np.maximum(np.sqrt((along**2).sum(axis=-1)), np.float32(1e-6)))[:, None]
    away = np.sqrt((along**2).sum(axis=-1))
    halves = np.array((line.length_mm / 2, line.breadth_mm / 2), np.float32)
    relative = np.sqrt(((along / halves) ** 2).sum(axis=-1))
    half = np.where(relative > 1e-3, away / np.maximum(relative, np.float32(1e-3)), halves.min())
    outline = np.clip(0.5 - (away - half) / np.float32(EDGE_MM), 0, 1)

    ripple = np.zeros(below.shape, np.float32)
    slope = -outward
    for wave in line.waves:
        per_mm = np.array(wave.per_mm, np.float32)
        phase = points @ per_mm + np.float32(wave.phase)
        ripple += np.float32(wave.height_mm) * np.sin(phase)
        slope = slope - (np.float32(wave.height_mm) * np.cos(phase))[:, None] * per_mm
    bent = np.minimum(relative, np.float32(1.3))
    tilt = 2 * np.float32(line.bow_mm) * bent / np.maximum(half, np.float32(1.0))
    steep = np.sqrt((slope**2).sum(axis=-1) + tilt**2)
    off = np.abs(below - np.float32(line.depth_mm) - np.float32(line.bow_mm) * bent**2 - ripple) / steep
    reach, voxel = np.float32(line.thickness_mm / 2), np.float32(voxel_mm)
    inside = np.minimum(off + voxel / 2, reach) - np.maximum(off - voxel / 2, -reach)
    result[place] = np.clip(inside / voxel, 0, 1) * outline
    return result
