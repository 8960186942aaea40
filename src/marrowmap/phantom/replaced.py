"""Marrow that the model shows as dark as muscle on T1: the truth of the sign ``marrow_replacement``.

It follows from the tissue table and the layers alone, before slices, shading and noise. A mass of the tissue ``tumor``
is darker than muscle. So is edema that leaves next to no fat between dense trabeculae, as in infection: its water has
1.18 times the signal of pure muscle, muscle as it is painted (with its fat) 1.09 times. Cysts of joint fluid are
darker, too, but too small; a necrotic segment is told by its band and left out here, whatever fills it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import tissue_signal
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.soft_tissue import FAT_IN_MUSCLE
from marrowmap.values import Side

LEAST_ML = 1.0
THICK_MM = 7.0
"""So much of it, and so thick, is what a reader would call replaced and not a line or a cyst. Choices."""
SMOOTH_MM = 1.5
"""Standard deviation of the mean over trabeculae and marrow between them."""
EDGE_MM = 2.5
"""How far that mean moves a sharp edge at most."""
INSIDE = 0.99
"""Share of a voxel that must be marrow: the cortex is dark, too."""


@dataclass(frozen=True)
class Replaced:
    """Volume of marrow as dark as muscle, mL, and its mean T1 signal over muscle's (None where there is none)."""

    volume_ml: float
    ratio: float | None


NONE = Replaced(0.0, None)


def muscle_signal(field_t: float) -> float:
    """Return the mean T1 signal of muscle as it is painted, with the fat between its fibers."""
    lean, fat = (tissue_signal(tissue, Contrast.T1, field_t) for tissue in ("muscle", "fat"))
    return lean + FAT_IN_MUSCLE * (fat - lean)


def replaced_marrow(scene: Scene, side: Side, seen: Grid, field_t: float) -> Replaced:
    """Return what of one femur's marrow is as dark as muscle over the least thickness, within the slices."""
    part = scene.fine.get(side, scene.coarse)
    truth = part.truths.get(side)
    if truth is None or scene.lesions[side] == WELL:
        return NONE
    start = np.rint(part.grid.to_index(truth.grid.affine[:3, 3])).astype(int)
    box = tuple(slice(int(a), int(a) + n) for a, n in zip(start, truth.grid.shape, strict=True))
    ratio = paint(part.layers, part.grid.shape, Contrast.T1, field_t)[box] / np.float32(muscle_signal(field_t))
    spacing = float(truth.grid.spacing[0])
    inside = truth.marrow > INSIDE
    if scene.lesions[side].necrosis is not None:
        inside &= truth.lesion < 0.5
    weight = ndimage.gaussian_filter(inside.astype(np.float32), SMOOTH_MM / spacing)
    mean = ndimage.gaussian_filter(np.where(inside, ratio, 0), SMOOTH_MM / spacing) / np.maximum(weight, 1e-3)
    dark = inside & (mean <= 1) & seen.contains(points_of(truth.grid))
    if not dark.any():
        return NONE
    margin = int(EDGE_MM / spacing) + 2
    places = np.argwhere(dark)
    where = tuple(
        slice(max(int(a) - margin, 0), int(b) + margin + 1)
        for a, b in zip(places.min(axis=0), places.max(axis=0), strict=True)
    )
    dark, ratio, inside = dark[where], ratio[where], inside[where]
    # Where the marrow ends the ball ends, too: beyond the box there is none.
    balls = ndimage.distance_transform_edt(np.pad(dark, 1))[1:-1, 1:-1, 1:-1] * spacing >= THICK_MM / 2 - SMOOTH_MM
    if not balls.any():
        return NONE
    core = dark & (ndimage.distance_transform_edt(~balls) * spacing <= THICK_MM / 2 - SMOOTH_MM)
    # The mean over trabeculae blurs a sharp edge inward: out to there the model's own signal decides.
    found = core | (inside & (ratio <= 1) & (ndimage.distance_transform_edt(~core) * spacing <= EDGE_MM))
    return Replaced(float(found.sum()) * truth.grid.voxel_volume_ml, float(ratio[found].mean()))
