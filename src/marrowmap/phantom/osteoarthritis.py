"""Osteoarthritis: narrowed joint space, osteophytes, subchondral cysts, and reactive edema on both sides of the joint.

These are the changes that every grading of hip osteoarthritis lists (HOAMS: Roemer 2011); sizes and frequencies are
choices.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.fracture import sample_direction
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Mass
from marrowmap.phantom.lesion import Vector
from marrowmap.phantom.lesion import Wear
from marrowmap.phantom.person import Hip

AGES = (50, 83)
WOMEN = 0.55
ACETABULAR_CYST_FREQUENCY = 0.7
ACETABULAR_EDEMA_FREQUENCY = 0.75
EFFUSION_FREQUENCY = 0.6
SOCKET_MM = 4.0
"""Bone of the roof begins about this far from the head's surface."""


def _sample_cysts(
    hip: Hip, rng: np.random.Generator, count: int, center_mm: float, sign: int
) -> tuple[tuple[Vector, float], ...]:
    """Draw balls whose near side lies about `center_mm` from the head center; `sign` is 1 outward of it, -1 inward."""
    balls = []
    for _ in range(count):
        radius = float(rng.uniform(1.6, 4.6))
        away = center_mm + sign * (radius + float(rng.uniform(0.6, 2.0)))
        balls.append((as_vector(np.array(sample_direction(hip, rng, spread_deg=16.0)) * away), radius))
    return tuple(balls)


def sample_osteoarthritis(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw osteoarthritis of one hip."""
    wear = Wear(sample_direction(hip, rng), float(rng.uniform(0.9, 2.1)), float(rng.uniform(2.0, 6.0)))
    drawn = rng.random(3)
    rim = float(rng.uniform(0.4, 1.0))
    head = _sample_cysts(hip, rng, int(rng.integers(1, 5)), hip.radius, -1)
    roof = _sample_cysts(hip, rng, int(rng.integers(1, 4)), hip.radius + SOCKET_MM, 1)
    masses = [Mass(head, "joint_fluid", rim, ripple_mm=0.3)]
    if drawn[0] < ACETABULAR_CYST_FREQUENCY:
        masses.append(Mass(roof, "joint_fluid", rim, ripple_mm=0.3, bone="hip_bone"))
    blobs = [
        Blob(center, radius + float(rng.uniform(3.0, 9.0)), float(rng.uniform(4.0, 9.0)), bone=mass.bone)
        for mass in masses
        for center, radius in mass.balls
    ]
    effusion = float(rng.uniform(2.0, 6.0))
    return Lesion(
        amount=float(rng.uniform(0.4, 0.7)),
        effusion_mm=effusion if drawn[1] < EFFUSION_FREQUENCY else 0.0,
        acetabular_edema=bool(drawn[2] < ACETABULAR_EDEMA_FREQUENCY),
        blobs=tuple(blobs),
        masses=tuple(masses),
        wear=wear,
    )


def worn_share(wear: Wear, bone: Array) -> Array:
    """Return how worn the joint is in the direction of points (..., 3) in bone coordinates, 0 to 1."""
    far = np.maximum(np.sqrt((bone**2).sum(axis=-1)), np.float32(1e-3))
    return smoothstep((bone @ np.array(wear.toward, np.float32)) / far, 0.55, 0.85)


def osteophyte_mm(wear: Wear, radius_mm: float, bone: Array) -> Array:
    """Return how far the femur's surface has grown at points (..., 3): a ridge around the head's margin.

    It is highest above and below, where the head ends at the neck, and thin in front and behind.
    """
    radius = np.sqrt((bone**2).sum(axis=-1))
    along = bone[..., 0] / np.float32(radius_mm)
    across = np.maximum(np.sqrt(bone[..., 1] ** 2 + bone[..., 2] ** 2), np.float32(1.0))
    around = 0.35 + 0.65 * (bone[..., 1] / across) ** 2
    ridge = np.exp(-(((along - 0.42) / 0.16) ** 2))
    near = smoothstep(radius, 0.5 * radius_mm, 0.75 * radius_mm) * (
        1 - smoothstep(radius, 1.4 * radius_mm, 1.6 * radius_mm)
    )
    return np.asarray(np.float32(wear.osteophyte_mm) * around * ridge * near, np.float32)
