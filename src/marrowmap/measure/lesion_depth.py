"""How large a lesion within a bone is and how deep it lies under the joint surface, from masks alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Mask


@dataclass(frozen=True)
class LesionDepth:
    """One lesion.

    Parameters
    ----------
    volume_ml : float
    nearest_mm, median_mm, deepest_mm : float
        Distance of the lesion's voxels from the joint surface.
    touches : bool
        Whether it reaches the joint surface, to within a voxel's diagonal.
    """

    volume_ml: float
    nearest_mm: float
    median_mm: float
    deepest_mm: float
    touches: bool


def measure_lesion(lesion: Mask, bone: Mask, cartilage: Mask) -> LesionDepth | None:
    """Measure a lesion's volume and depth under the joint surface.

    The joint surface is where the bone's voxels meet its cartilage. Depth is the shortest way from a voxel's center to
    the nearest such voxel's, so it is 0 there.

    Parameters
    ----------
    lesion, bone, cartilage : Mask
        On one grid; the bone holds the lesion.

    Returns
    -------
    LesionDepth or None
        None for an empty lesion.

    Raises
    ------
    GeometryError
        If the masks lie on different grids.
    InputError
        If bone and cartilage nowhere meet.
    """
    lesion.grid.require_same(bone.grid)
    lesion.grid.require_same(cartilage.grid)
    if not lesion.array.any():
        return None
    beside = ndimage.binary_dilation(cartilage.array, structure=ndimage.generate_binary_structure(3, 1))
    surface = bone.array & beside
    if not surface.any():
        raise InputError("bone and cartilage nowhere meet: the joint surface is unknown")
    depth: NDArray[np.float64] = ndimage.distance_transform_edt(~surface, sampling=lesion.grid.spacing)
    here = depth[lesion.array]
    nearest, deepest = float(here.min()), float(here.max())
    diagonal = float(np.linalg.norm(lesion.grid.spacing))
    volume = float(lesion.array.sum()) * lesion.grid.voxel_volume_ml
    return LesionDepth(volume, nearest, float(np.median(here)), deepest, nearest <= diagonal)
