"""Complex regional pain syndrome: patchy edema in small blobs, spread around the joint.

Periarticular and patchy is what facts.md 2.4 says (from memory there); sizes and frequencies are choices.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import Hip

AGES = (28, 66)
WOMEN = 0.7
EFFUSION_FREQUENCY = 0.3


def sample_crps(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw the hip of a person with complex regional pain syndrome."""
    up, lateral = (np.array(v) for v in upright(hip))
    blobs = []
    for _ in range(int(rng.integers(9, 18))):
        along = float(rng.uniform(-0.75, 2.1)) * hip.radius
        across = rng.normal(0, 0.38 * hip.radius, 2)
        radius = float(rng.uniform(3.0, 7.0))
        blobs.append(Blob((along, float(across[0]), float(across[1])), radius, float(rng.uniform(2.5, 5.0)), 1.0))
    for _ in range(int(rng.integers(3, 8))):
        way = up + float(rng.uniform(-1.2, 0.5)) * lateral + np.array((0.0, 0.0, float(rng.uniform(-1.0, 1.0))))
        away = way / np.linalg.norm(way) * (hip.radius + float(rng.uniform(7, 18)))
        blobs.append(Blob(as_vector(away), float(rng.uniform(2.5, 6.0)), float(rng.uniform(2.5, 5.0)), 1.0, "hip_bone"))
    drawn, height = rng.random(), float(rng.uniform(1.5, 4.0))
    return Lesion(
        amount=float(rng.uniform(0.5, 0.8)),
        effusion_mm=height if drawn < EFFUSION_FREQUENCY else 0.0,
        blobs=tuple(blobs),
    )
