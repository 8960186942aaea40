"""A tumor: marrow replaced by a round or lobulated mass with a sharp edge, at times through the cortex.

It is darker than muscle on T1. The signs are those of facts.md 2.4; sizes, sites and frequencies are choices.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Mass
from marrowmap.phantom.person import Hip

AGES = (35, 83)
WOMEN = 0.5
SITES = ("head", "neck", "intertrochanteric")
SITE_SHARES = (0.2, 0.4, 0.4)
BREAK_FREQUENCY = 0.3
LOBULATED_FREQUENCY = 0.6
EDEMA_FREQUENCY = 0.4
EFFUSION_FREQUENCY = 0.15


def sample_tumor(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw a tumor of one proximal femur."""
    site = str(rng.choice(SITES, p=SITE_SHARES))
    corner = hip.bone_coordinates(hip.landmarks["neck_shaft_corner"].astype(np.float32))
    middle = {"head": np.zeros(3), "neck": np.array((1.05 * hip.radius, 0.0, 0.0)), "intertrochanteric": corner}[site]
    center = middle + rng.normal(0, 3.5, 3)
    drawn = rng.random(4)
    radius = float(rng.uniform(8.0, 15.0))
    surface = hip.bone_coordinates(hip.femur.astype(np.float32)).astype(float)
    nearest = surface[int(np.argmin(np.linalg.norm(surface - center, axis=1)))]
    depth = float(np.linalg.norm(nearest - center))
    # A head's tumor does not grow into the joint.
    breaks = bool(drawn[0] < BREAK_FREQUENCY) and site != "head"
    if breaks:
        center = nearest + (center - nearest) * min(0.5 * radius / depth, 1.0)
    else:
        radius = max(min(radius, depth - 2.0), 6.0)
    balls = [(as_vector(center), radius)]
    for _ in range(int(rng.integers(2, 6)) if drawn[1] < LOBULATED_FREQUENCY else 0):
        way = rng.normal(size=3)
        way *= 0.75 * radius / np.linalg.norm(way)
        balls.append((as_vector(center + way), radius * float(rng.uniform(0.45, 0.7))))
    edema, height = float(rng.uniform(4.0, 10.0)), float(rng.uniform(2.0, 5.0))
    amount = float(rng.uniform(0.4, 0.65))
    return Lesion(
        amount=amount if drawn[2] < EDEMA_FREQUENCY else 0.0,
        effusion_mm=height if drawn[3] < EFFUSION_FREQUENCY else 0.0,
        blobs=(Blob(as_vector(center), 1.2 * radius + edema, 8.0),),
        masses=(Mass(tuple(balls), "tumor", breaks_cortex=breaks, ripple_mm=0.8),),
    )
