"""Collapse: the head's joint surface sinks over a necrotic segment, or at times over a fracture line.

The bone's surface really moves, along the radius: its signed distance changes, so that cartilage and all that is laid
out by depth follow, and joint fluid fills what is left. The top is flattened, and the edge smooth.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.fracture import sample_ripples
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.lesion import Vector
from marrowmap.phantom.person import Hip

FREQUENCY = ((45.0, 0.15), (62.0, 0.35), (180.0, 0.55))
"""By half angle of the segment; a third of all. That large ones collapse more often is in Ha 2006 and Kuroda 2019; how
often in a cross-section of patients is a choice."""
DEPRESSION_MM = (0.5, 5.0)
"""On both sides of ARCO's 2 mm."""
CRESCENT_FREQUENCY = 0.6
FLUID_CRESCENT_FREQUENCY = 0.5
"""Of collapsed segments that have a crescent, and of crescents that are open and hold fluid; choices."""


@dataclass(frozen=True)
class Depression:
    """Where and how far a joint surface has sunk.

    Parameters
    ----------
    toward : tuple of float
        Unit vector in bone coordinates, where it is deepest.
    half_angle_deg : float
        From there to its edge, seen from the head center.
    depth_mm : float
    """

    toward: Vector
    half_angle_deg: float
    depth_mm: float


def depression_of(lesion: Lesion, radius_mm: float) -> Depression | None:
    """Return where the head of a hip has sunk; None where it has not."""
    necrosis, line = lesion.necrosis, lesion.fracture_line
    if necrosis is not None and necrosis.depression_mm > 0:
        return Depression(necrosis.toward, necrotic_edge_deg(necrosis), necrosis.depression_mm)
    if line is not None and line.depression_mm > 0:
        return Depression(line.toward, line_edge_deg(line, radius_mm), line.depression_mm)
    return None


def necrotic_edge_deg(necrosis: Necrosis) -> float:
    """Return how far from a segment's middle its surface may sink: within the segment, over the dome at most."""
    return min(0.85 * necrosis.half_angle_deg, 50.0)


def line_edge_deg(line: FractureLine, radius_mm: float) -> float:
    """Return how far from a line's middle the surface over it may sink: a little past its longest half."""
    half = max(line.length_mm, line.breadth_mm) / 2
    return float(np.clip(1.3 * np.degrees(half / radius_mm), 12.0, 50.0))


def deepest_mm(edge_deg: float, radius_mm: float) -> float:
    """Return how far a surface may sink without becoming a pit: most of the way to a flat top."""
    return float(min(DEPRESSION_MM[1], 0.8 * radius_mm * (1 - np.cos(np.radians(edge_deg)))))


def sink(depression: Depression, radius_mm: float, bone: Array) -> Array:
    """Return how far (mm) the surface at points (..., 3) in bone coordinates moves inward, toward the head center."""
    far = np.maximum(np.sqrt((bone**2).sum(axis=-1)), np.float32(1e-3))
    cosine = (bone @ np.array(depression.toward, np.float32)) / far
    angle = np.degrees(np.arccos(np.clip(cosine, -1, 1))).astype(np.float32)
    fall = 1 - smoothstep(angle, 0.15 * depression.half_angle_deg, depression.half_angle_deg)
    # Only around the surface: the center of the head stays where it is.
    near = smoothstep(far, 0.25 * radius_mm, 0.55 * radius_mm)
    return np.asarray(np.float32(depression.depth_mm) * fall * near, np.float32)


def move_surface(distance: Array, sunken: Array, points: Array, center: ArrayLike, grid: Grid) -> Array:
    """Move a bone's surface inward along the radius.

    Parameters
    ----------
    distance : array, shape (...)
        Signed distance from the surface on `grid`, mm, negative inside.
    sunken : array, shape (...)
        How far to move it, mm; see :func:`sink`.
    points : array, shape (..., 3)
        LPS mm of the grid.
    center : array_like, shape (3,)
        Of the head, LPS mm.
    grid : Grid
        Axis-aligned.

    Returns
    -------
    array of float32, shape (...)
    """
    result = np.array(distance)
    place = sunken > 0
    outward = points[place] - np.array(center, np.float32)
    outward /= np.maximum(np.sqrt((outward**2).sum(axis=-1)), np.float32(1e-3))[:, None]
    # What lay further out by the depression lies here now.
    index = grid.to_index(points[place] + sunken[place][:, None] * outward)
    result[place] = ndimage.map_coordinates(distance, index.T, order=1, mode="nearest")
    return result


def sample_necrotic_collapse(lesion: Lesion, hip: Hip, rng: np.random.Generator) -> Lesion:
    """Let a necrotic segment collapse, or not; a collapsed one may have a crescent."""
    necrosis = lesion.necrosis
    if necrosis is None:
        return lesion
    chance = next(share for angle, share in FREQUENCY if necrosis.half_angle_deg <= angle)
    drawn = rng.random(3)
    depth = float(rng.uniform(DEPRESSION_MM[0], deepest_mm(necrotic_edge_deg(necrosis), hip.radius)))
    crescent = _sample_crescent(necrosis, hip, rng, "fluid" if drawn[2] < FLUID_CRESCENT_FREQUENCY else "bone")
    if drawn[0] >= chance:
        return lesion
    return replace(
        lesion,
        necrosis=replace(necrosis, depression_mm=depth),
        fracture_line=crescent if drawn[1] < CRESCENT_FREQUENCY else None,
    )


def _sample_crescent(necrosis: Necrosis, hip: Hip, rng: np.random.Generator, filling: str) -> FractureLine:
    """Draw a cleft close under the joint surface of a segment, about as wide as what sinks; sizes are choices."""
    thickness = float(rng.uniform(0.8, 2.4))
    depth = thickness / 2 + float(rng.uniform(1.0, 1.8))
    arc = 2 * np.radians(necrotic_edge_deg(necrosis)) * (hip.radius - depth)
    length, breadth = (float(np.clip(share * arc, 6.0, 32.0)) for share in rng.uniform(0.6, 0.95, 2))
    ripples = sample_ripples(rng, 0.15)
    return FractureLine(necrosis.toward, length, breadth, depth, thickness, 0.0, filling, ripples)
