"""Stress fracture of the femoral neck: a dark line perpendicular to its medial, compressed side, edema centered on it.

Where it lies and how it looks is in facts.md 2.4 (from memory there); all sizes and frequencies are choices.
"""

from __future__ import annotations

import numpy as np

from marrowmap.phantom.focus import as_vector
from marrowmap.phantom.fracture import EDGE_MM
from marrowmap.phantom.fracture import sample_ripples
from marrowmap.phantom.layers import Array
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import CrossLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip

AGES = (18, 46)
WOMEN = 0.5
ALONG_NECK_RADII = (1.0, 1.35)
"""From the head center along the neck axis."""
EFFUSION_FREQUENCY = 0.3


def sample_stress_fracture(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw a stress fracture of one neck."""
    along = float(rng.uniform(*ALONG_NECK_RADII)) * hip.radius
    tilt, aside = np.radians(rng.normal(0, (7.0, 8.0)))
    bone = hip.bone_coordinates(hip.femur.astype(np.float32))
    medial = (np.abs(bone[:, 0] - along) < 4.5) & (np.abs(bone[:, 2]) < 7) & (bone[:, 1] < 0)
    start = np.array((along, float(bone[medial, 1].min()), float(rng.normal(0, 1.5))))
    way = np.array((np.sin(tilt), np.cos(tilt) * np.cos(aside), np.sin(aside)))
    way /= np.linalg.norm(way)
    normal = np.array((1.0, 0.0, 0.0)) - way[0] * way
    normal /= np.linalg.norm(normal)
    length, breadth = float(rng.uniform(7, 18)), float(rng.uniform(10, 22))
    line = CrossLine(
        as_vector(start),
        as_vector(way),
        as_vector(normal),
        length,
        breadth,
        float(rng.uniform(0.9, 2.6)),
        sample_ripples(rng, float(rng.uniform(0.3, 0.7))),
    )
    middle = start + way * length * float(rng.uniform(0.45, 0.6))
    blob = Blob(as_vector(middle), length * 0.5 + float(rng.uniform(5, 9)), float(rng.uniform(5, 10)))
    drawn, height = rng.random(), float(rng.uniform(1.5, 4.0))
    return Lesion(
        amount=float(rng.uniform(0.5, 0.8)),
        effusion_mm=height if drawn < EFFUSION_FREQUENCY else 0.0,
        blobs=(blob,),
        cross_line=line,
    )


def cross_line_share(line: CrossLine, bone: Array, voxel_mm: float) -> Array:
    """Return the share of each voxel at points (..., 3) in bone coordinates that a line takes, bone or not.

    As in :func:`marrowmap.phantom.fracture.line_share`, darkness adds up to the thickness at any voxel size.
    """
    result = np.zeros(bone.shape[:-1], np.float32)
    start, way, normal = (np.array(v, np.float32) for v in (line.start, line.way, line.normal))
    across = np.cross(way, normal)
    away = bone - start
    reach = line.length_mm + line.breadth_mm + 4.0
    place = (np.abs(away) < reach).all(axis=-1)
    points, local = bone[place], away[place]
    off = local @ normal
    for wave in line.waves:
        angle = points @ np.array(wave.per_mm, np.float32) + np.float32(wave.phase)
        off = off + np.float32(wave.height_mm) * np.sin(angle)
    off = np.abs(off)
    half, voxel = np.float32(line.thickness_mm / 2), np.float32(voxel_mm)
    through = np.clip((np.minimum(off + voxel / 2, half) - np.maximum(off - voxel / 2, -half)) / voxel, 0, 1)
    # Half an ellipse: broad at the cortex, narrow at its tip.
    inward, sideways = local @ way, local @ across
    relative = np.sqrt((inward / np.float32(line.length_mm)) ** 2 + (sideways / np.float32(line.breadth_mm / 2)) ** 2)
    edge = (1 - relative) * np.float32(min(line.length_mm, line.breadth_mm / 2) / EDGE_MM)
    result[place] = through * np.clip(0.5 + edge, 0, 1) * (inward > -3)
    return result
