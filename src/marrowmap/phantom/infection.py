"""Infection of the joint and both its bones: confluent, geographic low T1 with a sharp end, and much joint fluid.

Confluent medullary low T1 marks osteomyelitis, hazy or subcortical change reaction (facts.md 2.4, from memory there);
that it lies on both sides of the joint is what septic arthritis does. Sizes and frequencies are choices.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip

AGES = (20, 83)
WOMEN = 0.45
INTERTROCHANTERIC_FREQUENCY = 0.35


def sample_infection(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw an infected hip."""
    up, lateral = (np.array(v) for v in upright(hip))
    ripple, edge = float(rng.uniform(2.0, 3.5)), float(rng.uniform(0.8, 2.0))
    blobs = []
    for _ in range(int(rng.integers(3, 6))):
        # Most of them reach the joint surface.
        way = up + float(rng.uniform(-0.9, 0.6)) * lateral + np.array((0.0, 0.0, float(rng.uniform(-0.7, 0.7))))
        center = way / np.linalg.norm(way) * float(rng.uniform(2.0, 14.0))
        blobs.append(Blob(as_vector(center), float(rng.uniform(10, 16)), edge, ripple))
    center = np.array((float(rng.uniform(0.7, 1.1)) * hip.radius, 0.0, 0.0)) + rng.normal(0, 3.0, 3)
    blobs.append(Blob(as_vector(center), float(rng.uniform(10, 17)), edge, ripple))
    corner = hip.bone_coordinates(hip.landmarks["neck_shaft_corner"].astype(np.float32))
    far = Blob(as_vector(corner + rng.normal(0, 5.0, 3)), float(rng.uniform(12, 20)), edge, ripple)
    if rng.random() < INTERTROCHANTERIC_FREQUENCY:
        blobs.append(far)
    for _ in range(int(rng.integers(2, 5))):
        way = up + float(rng.uniform(-1.0, 0.5)) * lateral + np.array((0.0, 0.0, float(rng.uniform(-0.9, 0.9))))
        away = way / np.linalg.norm(way) * (hip.radius + float(rng.uniform(7, 13)))
        blobs.append(Blob(as_vector(away), float(rng.uniform(9, 16)), edge, ripple, "hip_bone"))
    return Lesion(
        amount=float(rng.uniform(0.9, 1.0)),
        effusion_mm=float(rng.uniform(6.0, 11.0)),
        blobs=tuple(blobs),
    )
