"""Reflection in a sagittal plane: left becomes right."""

from __future__ import annotations

import numpy as np

from marrowmap.image.grid import Grid
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume


def mirror_grid(grid: Grid, plane_x_mm: float = 0.0) -> Grid:
    """Reflect a grid in the plane LPS x = `plane_x_mm`.

    The reflected affine has the opposite handedness: voxel (i, j, k) keeps its value and moves to the mirrored point,
    so nothing is interpolated.
    """
    reflection = np.diag([-1.0, 1.0, 1.0, 1.0])
    reflection[0, 3] = 2 * plane_x_mm
    return Grid(grid.shape, reflection @ grid.affine, grid.frame_of_reference_uid)


def mirror(volume: Volume, plane_x_mm: float = 0.0) -> Volume:
    """Reflect a volume in the plane LPS x = `plane_x_mm`; whatever was left is now right, its Side must follow."""
    return Volume(mirror_grid(volume.grid, plane_x_mm), volume.array, volume.unit)


def mirror_mask(mask: Mask, plane_x_mm: float = 0.0) -> Mask:
    """Reflect a mask in the plane LPS x = `plane_x_mm`."""
    return Mask(mirror_grid(mask.grid, plane_x_mm), mask.array)
