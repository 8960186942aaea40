"""Edema of the medial part of the femoral head beside that of the rest of the head.

In transient osteoporosis the medial head often stays free while the rest is edematous (Klontzas 2015). The paper as
known to us gives no border of "medial" (facts.md 2.1): the one here is a choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image.crop import box_around
from marrowmap.measure.edema import EdemaResult
from marrowmap.values import Quantity

MEDIAL_FROM_RADII = 0.6
"""The medial sector begins this far from the head's center. The head's outermost third medially begins at 0.46 radii
(it ends at 0.62 laterally); the rest of that third is left to the edge between free and edematous marrow."""

REST_TO_RADII = 0.3
"""What lies less far medially is the rest of the head."""

SURFACE_MM = 2.0
"""Depth below the head's sphere that is left out: joint fluid and cartilage shine in."""

LEAST_ERROR_MM = 1.0
"""Least error of the sectors' place along the medial direction."""

LEAST_VOXELS = 30
SAMPLE_MM = 2.0


@dataclass(frozen=True, eq=False)
class MedialHead:
    """Edema on both sides of the head.

    Parameters
    ----------
    medial, rest : Quantity
        Edema over marrow of the medial sector and of the rest of the head, %, with their 95 % intervals.
    medial_ml : float
        Marrow of the medial sector that was searched.
    seen : float
        Share (0 to 1) of the medial sector that lies within the images.
    smallest_detectable : Quantity
        mL: least edema that would have been drawn.
    """

    medial: Quantity
    rest: Quantity
    medial_ml: float
    seen: float
    smallest_detectable: Quantity


def medial_direction(femur: BoneFrame) -> NDArray[np.float64]:
    """Return the unit vector, in bone coordinates, from the head's center to the middle of its medial surface.

    It lies midway between the head's pole, opposite the neck, and what faces straight medially, at right angles to the
    shaft: below the weight-bearing dome, about where the fovea is.
    """
    down = femur.landmarks["shaft_distal"] - femur.landmarks["neck_shaft_corner"]
    shaft = np.asarray(down, np.float64) @ femur.axes
    shaft[2] = 0.0
    shaft /= np.linalg.norm(shaft)
    pole = np.array([-1.0, 0.0, 0.0])
    straight = pole - (pole @ shaft) * shaft
    middle = pole + straight / np.linalg.norm(straight)
    result: NDArray[np.float64] = middle / np.linalg.norm(middle)
    return result


def measure_medial_head(edema: EdemaResult, femur: BoneFrame) -> MedialHead:
    """Compare the medial part of a femoral head with the rest of it.

    Parameters
    ----------
    edema : EdemaResult
        Of the femur's marrow.
    femur : BoneFrame
        In the frame of reference of the edema.

    Raises
    ------
    InputError
        If either part of the head has too few voxels in view.
    """
    grid, radius = edema.within.grid, femur.head_radius_mm
    box = box_around(grid, femur.head_center_mm, 1.25 * radius)
    if box is None:
        raise InputError("the femoral head lies outside the images: its medial part cannot be measured")
    inside = edema.within.array[box.slices]
    bone = femur.to_bone(box.crop_grid(grid).to_world(np.argwhere(inside)))
    head = (np.linalg.norm(bone, axis=1) < radius - SURFACE_MM) & (bone[:, 0] < HEAD_ENDS_AT_RADII * radius)
    medially = (bone @ medial_direction(femur))[head]
    membership = edema.membership.array[box.slices][inside][head]
    rest = medially < REST_TO_RADII * radius
    if np.sum(medially > MEDIAL_FROM_RADII * radius) < LEAST_VOXELS or rest.sum() < LEAST_VOXELS:
        raise InputError("too little of the femoral head lies within the images to compare its medial part")
    error = max(LEAST_ERROR_MM, femur.fit_rms_mm)
    at, further, nearer = (
        float(membership[medially > MEDIAL_FROM_RADII * radius + shift].mean()) for shift in (0.0, error, -error)
    )
    return MedialHead(
        medial=_percent(at, edema.edema_volume, further, nearer),
        rest=_percent(float(membership[rest].mean()), edema.edema_volume),
        medial_ml=float(np.sum(medially > MEDIAL_FROM_RADII * radius)) * grid.voxel_volume_ml,
        seen=_seen(femur, grid),
        smallest_detectable=edema.smallest_detectable,
    )


def _percent(share: float, whole: Quantity, *others: float) -> Quantity:
    """Return a share as a percentage; its interval holds the whole's relative one and the shares elsewhere."""
    share = min(share, 1.0)
    relative = [1.0 if bound is None or whole.value == 0 else bound / whole.value for bound in (whole.low, whole.high)]
    values = [share, *others, *(share * r for r in relative)]
    values = [float(v) if np.isfinite(v) else share for v in values]
    return Quantity(100 * share, "%", 100 * max(0.0, min(values)), 100 * min(1.0, max(values)))


def _seen(femur: BoneFrame, grid: Grid) -> float:
    """Return the share of the medial sector that lies within a grid's voxels."""
    radius = femur.head_radius_mm
    steps = np.arange(-radius, radius + SAMPLE_MM, SAMPLE_MM)
    bone = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    sector = (np.linalg.norm(bone, axis=1) < radius) & (bone @ medial_direction(femur) > MEDIAL_FROM_RADII * radius)
    return float(grid.contains(femur.to_world(bone[sector])).mean())
