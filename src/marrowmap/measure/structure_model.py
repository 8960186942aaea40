"""Whether trabeculae are plates or rods: the structure model index, and the surface it is taken from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.image import Mask

BLUR_VOXELS = 0.8
"""SD of the blur before the surface is drawn, along each axis in its own voxels; it takes the steps off."""
DILATION_VOXELS = 0.05
"""How far the surface is moved either way, in the smallest voxel spacing, to see how its area changes."""


@dataclass(frozen=True)
class Surface:
    """Triangles of the bone's surface.

    Space: mm along the array's axes from the center of its first voxel.

    Parameters
    ----------
    vertices : array, shape (n, 3)
    faces : array of int, shape (m, 3)
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]

    def face_vectors(self, vertices: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return half the cross product of two sides of each triangle: its normal, as long as its area."""
        a, b, c = (self.vertices if vertices is None else vertices)[self.faces].transpose(1, 0, 2)
        return 0.5 * np.cross(b - a, c - a)

    def area_mm2(self) -> float:
        """Return the area of all triangles."""
        return float(np.linalg.norm(self.face_vectors(), axis=1).sum())


def bone_surface(bone: Mask) -> Surface:
    """Return the surface of bone; open where bone leaves the image.

    Raises
    ------
    InputError
        If the image is all bone or holds none.
    """
    if bone.array.all() or not bone.array.any():
        raise InputError("the image is all bone or holds none: it has no surface; check the threshold")
    field = ndimage.gaussian_filter(bone.array.astype(np.float32), BLUR_VOXELS, mode="nearest")
    if not field.min() < 0.5 < field.max():
        raise InputError("bone is thinner than the voxels can show: it has no smooth surface")
    vertices, faces, _, _ = measure.marching_cubes(  # type: ignore[no-untyped-call]
        field, 0.5, spacing=tuple(bone.grid.spacing), gradient_direction="ascent"
    )
    return Surface(vertices.astype(float), faces.astype(np.int64))


def structure_model_index(bone: Mask, region: Mask | None = None) -> float:
    """Return SMI = 6 BV BS' / BS2 (Hildebrand and Ruegsegger 1997, Comput Methods Biomech Biomed Engin 1:15-23).

    BS' is the change of the surface's area as it is moved outward along its normals. 0 for plates, 3 for rods, 4 for
    balls; hollow surfaces make it too low, even negative (Salmon 2015), so that it says little of dense bone.

    Parameters
    ----------
    bone : Mask
        Voxels of any shape.
    region : Mask, optional
        Triangles with their middle in it, and the volume in it, count; the whole image if not given.

    Raises
    ------
    InputError
        If the region is empty or holds no surface.
    """
    if region is not None:
        bone.grid.require_same(region.grid)
        if not region.array.any():
            raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    surface = bone_surface(bone)
    spacing = bone.grid.spacing
    middle = surface.vertices[surface.faces].mean(axis=1) / spacing
    index = tuple(np.clip(np.rint(middle).astype(int), 0, np.array(bone.array.shape) - 1).T)
    counted = np.ones(len(middle), bool) if region is None else region.array[index]
    if not counted.any():
        raise InputError("the region holds no surface of bone: check the threshold or give a larger region")
    normal = np.zeros_like(surface.vertices)
    vectors = surface.face_vectors()
    for corner in range(3):
        np.add.at(normal, surface.faces[:, corner], vectors)
    normal /= np.maximum(np.linalg.norm(normal, axis=1), 1e-30)[:, None]
    shift = DILATION_VOXELS * float(spacing.min())
    outward = _outward(surface, vectors, bone)
    areas = [
        float(np.linalg.norm(surface.face_vectors(surface.vertices + sign * shift * normal)[counted], axis=1).sum())
        for sign in (-outward, outward)
    ]
    area = float(np.linalg.norm(vectors[counted], axis=1).sum())
    volume = _volume_mm3(bone, region)
    return 6 * volume * (areas[1] - areas[0]) / (2 * shift) / area**2


def _volume_mm3(bone: Mask, region: Mask | None) -> float:
    """Return the volume within the smooth surface; a voxel's share is from how steeply the field passes 1/2 there."""
    field = ndimage.gaussian_filter(bone.array.astype(np.float32), BLUR_VOXELS, mode="nearest")
    slope = np.zeros_like(field)
    for axis in range(3):
        slope += np.abs(np.gradient(field, axis=axis))
    share = np.clip(0.5 + (field - 0.5) / np.maximum(slope, 1e-6), 0, 1)
    counted = share if region is None else share[region.array]
    return float(counted.sum(dtype=np.float64) * np.prod(bone.grid.spacing))


def _outward(surface: Surface, vectors: NDArray[np.float64], bone: Mask) -> int:
    """Return 1 if the triangles' normals point away from bone, else -1: a step along them is less bone."""
    step = vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-30)[:, None] * float(bone.grid.spacing.max())
    middle = surface.vertices[surface.faces].mean(axis=1)
    values = [
        ndimage.map_coordinates(
            bone.array.astype(np.float32), ((middle + s * step) / bone.grid.spacing).T, order=1
        ).mean()
        for s in (1, -1)
    ]
    return 1 if values[0] < values[1] else -1
