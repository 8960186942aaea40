"""The signal void that metal leaves where it runs from the neck into the femoral head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at

SPACING_MM = 1.5
EMPTY = 0.15
"""Less T1 signal than this share of fatty marrow's is none."""
HALF_THICKNESS_MM = 2.5
"""A void holds a ball of this radius: bands, fracture lines and the cortex of head and neck do not."""
NECK_ENDS_AT_RADII = 1.3
NECK_RADII = 0.5
"""Half the width of the part of the neck that is looked at."""
DEEPEST_RADII = 0.9
"""Of the head, what lies beyond this is left out: plate, cartilage, edges that a slice's thickness blurs."""
LEAST_ML = 0.3
"""In head and in neck; drawn screws leave more than 1 mL in the head."""


def void_ml(images: HeadImages) -> float:
    """Return the volume of a signal void that runs through the neck into the head; 0 without one.

    A dead, dense or gas-filled part of the head is no such void: it does not reach into the neck.
    """
    radius = images.femur.head_radius_mm
    along = np.arange(-radius, NECK_ENDS_AT_RADII * radius, SPACING_MM)
    across = np.arange(-radius, radius, SPACING_MM)
    local = np.stack(np.meshgrid(along, across, across, indexing="ij"), axis=-1)
    signal = sample_at(images.t1, images.femur.to_world(local)) / np.float32(images.marrow_level)
    ball = _ball()
    empty = ndimage.binary_opening(np.nan_to_num(signal, nan=1.0) < EMPTY, ball)
    past_head = local[..., 0] > HEAD_ENDS_AT_RADII * radius
    head = ~past_head & (np.linalg.norm(local, axis=-1) < DEEPEST_RADII * radius)
    neck = past_head & (np.linalg.norm(local[..., 1:], axis=-1) < NECK_RADII * radius)
    labels, count = ndimage.label(empty & (head | neck))
    in_head, in_neck = (
        np.bincount(labels[part], minlength=count + 1)[1:] * SPACING_MM**3 / 1000 for part in (head, neck)
    )
    through = (in_head >= LEAST_ML) & (in_neck >= LEAST_ML)
    return float(in_head[through].sum())


def _ball() -> NDArray[np.bool_]:
    reach = int(np.ceil(HALF_THICKNESS_MM / SPACING_MM))
    steps = np.arange(-reach, reach + 1) * SPACING_MM
    i, j, k = np.meshgrid(steps, steps, steps, indexing="ij")
    return np.asarray(i**2 + j**2 + k**2 <= HALF_THICKNESS_MM**2, bool)
