"""Subchondral insufficiency fracture: a shallow line, convex or parallel to the joint surface, edema in the head.

It is a disease of the old: the fracture lay 1.56 mm deep in histology (J Hip Surg 2018) and at 0.16 of the head's
diameter on MRI, where a band of osteonecrosis lay at 0.42 (Ikemura 2018). What has no source here is a choice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from marrowmap.phantom.collapse import DEPRESSION_MM
from marrowmap.phantom.collapse import deepest_mm
from marrowmap.phantom.collapse import line_edge_deg
from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.fracture import sample_fracture_line
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip

AGES = (58, 88)
"""Ikemura 2010: all were 60 or older."""
WOMEN = 0.7
DEEPEST_MM = 4.0
COLLAPSE_FREQUENCY = 0.3
"""A choice; of knees with a fracture 45.5 % collapsed in the end (Karantanas 2008)."""
NECK_EDEMA_FREQUENCY = 0.4
EFFUSION_FREQUENCY = 0.5
ACETABULAR_EDEMA_FREQUENCY = 0.3


def sample_sif(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw a subchondral insufficiency fracture of one hip."""
    line = sample_fracture_line(hip, rng, length_mm=14.0, thickness_mm=1.8, deepest_mm=DEEPEST_MM)
    drawn = rng.random(4)
    depth = float(rng.uniform(DEPRESSION_MM[0], max(deepest_mm(line_edge_deg(line, hip.radius), hip.radius), 0.6)))
    if drawn[0] < COLLAPSE_FREQUENCY:
        line = replace(line, depression_mm=depth)
    middle = np.array(line.toward) * hip.radius * float(rng.uniform(0.5, 0.7))
    blobs = [Blob(as_vector(middle), float(rng.uniform(12, 20)), float(rng.uniform(6, 12)))]
    aside, radius = rng.normal(0, 2.5, 3), float(rng.uniform(9, 15))
    if drawn[1] < NECK_EDEMA_FREQUENCY:
        blobs.append(Blob(as_vector(np.array((0.75 * hip.radius, 0.0, 0.0)) + aside), radius, 12.0))
    return Lesion(
        amount=float(rng.uniform(0.55, 0.85)),
        fracture_line=line,
        effusion_mm=float(rng.uniform(2.5, 7.0)) if drawn[2] < EFFUSION_FREQUENCY else 0.0,
        acetabular_edema=bool(drawn[3] < ACETABULAR_EDEMA_FREQUENCY),
        blobs=tuple(blobs),
    )
