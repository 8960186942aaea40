"""How much of a region is bone: BV/TV by voxels and by surface, with what makes it meaningless refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume

CLIPPED_SHARE = 0.02
"""Part of the region at the top of an 8-bit range from which it counts as clipped (a choice)."""


def require_region(image: Volume, region: Mask) -> None:
    """Refuse a region that cannot be measured in an image.

    Raises
    ------
    InputError
        If the region is empty or reaches beyond the image.
    GeometryError
        If it lies on another grid within the image.
    """
    if not region.array.any():
        raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    if not region.grid.same_as(image.grid):
        set_voxels = np.argwhere(region.array)
        corners = region.grid.to_world(np.stack([set_voxels.min(axis=0), set_voxels.max(axis=0)]))
        if not image.grid.contains(corners).all():
            raise InputError(
                f"the region ({region.grid.shape} voxels) reaches beyond the image ({image.grid.shape}): crop it"
            )
        region.grid.require_same(image.grid)


def segment_bone(image: Volume, threshold: float, region: Mask) -> Mask:
    """Return where a resolved image is bone: values of the threshold or more.

    Parameters
    ----------
    image : Volume
        HR-pQCT or micro-CT: bone is brighter than marrow.
    threshold : float
        In the image's unit.
    region : Mask
        Where the answer must make sense; bone is marked in the whole image.

    Raises
    ------
    InputError
        If the region is empty or reaches beyond the image; if it holds no bone or nothing else; if its values were
        cut off at the top of 8 bits.
    """
    require_region(image, region)
    if not np.isfinite(threshold):
        raise InputError(f"the threshold is {threshold}: give a number in the image's unit ({image.unit})")
    values = image.within(region)
    _refuse_clipped(values, threshold)
    bone = values >= threshold
    span = f"{float(values.min()):.4g} to {float(values.max()):.4g} {image.unit}"
    if bone.all():
        raise InputError(
            f"all of the region is bone at threshold {threshold:g} (values {span}): raise the "
            "threshold, or mark a region that holds marrow, too"
        )
    if not bone.any():
        raise InputError(
            f"none of the region is bone at threshold {threshold:g} (values {span}): lower the "
            "threshold, or mark a region that holds bone"
        )
    return Mask(image.grid, image.array >= threshold)


def _refuse_clipped(values: NDArray[np.float32], threshold: float) -> None:
    """Raise InputError for values of an 8-bit range, more than two of them, of which many are 255 (or 0 below bone)."""
    whole = values.min() >= 0 and values.max() == 255 and bool((values == np.rint(values)).all())
    share = float((values == 255).mean())
    if whole and share > CLIPPED_SHARE and len(np.unique(values)) > 2:
        raise InputError(
            f"{100 * share:.0f} % of the region is 255, the top of 8 bits: the image was cut off there, so "
            f"a threshold of {threshold:g} means nothing in its unit; export it with its full range"
        )


def bone_volume_fraction(bone: Mask, region: Mask) -> float:
    """Return BV/TV, bone voxels over voxels of the region, 0 to 1.

    Raises
    ------
    InputError
        If the region is empty.
    """
    bone.grid.require_same(region.grid)
    if not region.array.any():
        raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    return float(bone.array[region.array].mean())


def surface_volume_fraction(bone: Mask, region: Mask) -> float:
    """Return BV/TV from the volume within the bone's surface (marching cubes), 0 to 1.

    Corners of voxels are cut, so it is lower than by voxels where trabeculae are few voxels thick. The region ends
    the bone, with its own corners cut alike.

    Raises
    ------
    InputError
        If the region is empty or holds no bone.
    """
    bone.grid.require_same(region.grid)
    if not region.array.any():
        raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    held = bone.array & region.array
    if not held.any():
        raise InputError("the region holds no bone: check the threshold")
    return _enclosed_mm3(held, bone.grid.spacing) / _enclosed_mm3(region.array, bone.grid.spacing)


def _enclosed_mm3(body: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    field = np.pad(body, 1).astype(np.float32)
    vertices, faces, _, _ = measure.marching_cubes(field, 0.5, spacing=tuple(spacing))  # type: ignore[no-untyped-call]
    a, b, c = vertices[faces].astype(float).transpose(1, 0, 2)
    return abs(float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum())) / 6
