"""Which way trabeculae run: the fabric ellipsoid, by mean intercept length and by the gradient structure tensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image.compiled import compiled

DIRECTIONS = 400
LINES = 600
"""Lines in each direction."""
STEP_VOXELS = 0.5
"""Sampling along a line, in the smallest voxel spacing."""
BLUR_VOXELS = 1.0
"""SD of the blur that takes the steps off a voxel surface, in the smallest voxel spacing."""


@dataclass(frozen=True)
class Fabric:
    """The fabric ellipsoid.

    Space: directions are LPS.

    Parameters
    ----------
    lengths : array, shape (3,)
        Longest first. By intercepts: mean intercept lengths in mm; by gradients: relative, their mean is 1.
    directions : array, shape (3, 3)
        Unit vectors as columns, in the order of `lengths`; their signs mean nothing.
    """

    lengths: NDArray[np.float64]
    directions: NDArray[np.float64]

    @property
    def degree_of_anisotropy(self) -> float:
        """Longest over shortest length; 1 for no preference."""
        return float(self.lengths[0] / self.lengths[2])


def even_directions(count: int) -> NDArray[np.float64]:
    """Return `count` unit vectors spread evenly over a half sphere (Fibonacci lattice), shape (count, 3)."""
    height = (np.arange(count) + 0.5) / count
    turn = np.pi * (1 + np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - height**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=-1)


@compiled
def _intercepts(
    field: NDArray[np.float32],
    region: NDArray[np.bool_],
    spacing: NDArray[np.float64],
    starts: NDArray[np.float64],
    directions: NDArray[np.float64],
    half_mm: float,
    step_mm: float,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return for each direction how many steps of its lines lie in the region and how often those cross 0.5."""
    nx, ny, nz = field.shape
    steps, crossings = np.zeros(len(directions), np.int64), np.zeros(len(directions), np.int64)
    many = int(2 * half_mm / step_mm)
    for d in range(len(directions)):
        for line in range(starts.shape[1]):
            before, known = False, False
            for n in range(many):
                t = n * step_mm - half_mm
                x = (starts[d, line, 0] + t * directions[d, 0]) / spacing[0]
                y = (starts[d, line, 1] + t * directions[d, 1]) / spacing[1]
                z = (starts[d, line, 2] + t * directions[d, 2]) / spacing[2]
                i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
                if i < 0 or j < 0 or k < 0 or i >= nx - 1 or j >= ny - 1 or k >= nz - 1:
                    known = False
                    continue
                if not region[int(x + 0.5), int(y + 0.5), int(z + 0.5)]:
                    known = False
                    continue
                u, v, w = x - i, y - j, z - k
                near = (field[i, j, k] * (1 - u) + field[i + 1, j, k] * u) * (1 - v)
                near += (field[i, j + 1, k] * (1 - u) + field[i + 1, j + 1, k] * u) * v
                far = (field[i, j, k + 1] * (1 - u) + field[i + 1, j, k + 1] * u) * (1 - v)
                far += (field[i, j + 1, k + 1] * (1 - u) + field[i + 1, j + 1, k + 1] * u) * v
                now = near * (1 - w) + far * w > 0.5
                if known:
                    steps[d] += 1
                    crossings[d] += now != before
                before, known = now, True
    return steps, crossings


def _within(bone: Mask, region: Mask | None) -> NDArray[np.bool_]:
    """Return where to measure, once it is known to hold both bone and marrow."""
    if region is not None:
        bone.grid.require_same(region.grid)
    within = np.ones(bone.array.shape, bool) if region is None else region.array
    held = bone.array[within]
    if held.size == 0:
        raise InputError("the region of interest is empty: give a mask with at least one voxel set")
    if held.all() or not held.any():
        raise InputError("the region is all bone or holds none: it has no direction; check the threshold")
    return within


def _smooth(bone: Mask) -> NDArray[np.float32]:
    """Return bone as a smooth field, blurred alike in all directions: a line along a wall would cross its steps."""
    sigma = BLUR_VOXELS * float(bone.grid.spacing.min()) / bone.grid.spacing
    return np.asarray(ndimage.gaussian_filter(bone.array.astype(np.float32), sigma, mode="nearest"))


def intercept_fabric(bone: Mask, region: Mask | None = None, seed: int = 0) -> Fabric:
    """Return the fabric by mean intercept length (Whitehouse 1974; Harrigan and Mann 1984, J Mater Sci 19:761-767).

    Random lines in evenly spread directions are followed across the region; the mean intercept
    length in a direction is their length over the number of walls they cross. One over its square is fitted by a
    quadratic form, each direction weighed by how well it is known; its ellipsoid is the fabric.

    Parameters
    ----------
    bone : Mask
        Voxels of any shape.
    region : Mask, optional
        The whole image if not given.
    seed : int
        Of the lines.

    Raises
    ------
    InputError
        If the region is empty, all bone or none, or so small that no line crosses a wall.
    """
    within = _within(bone, region)
    spacing = bone.grid.spacing
    rng = np.random.default_rng(seed)
    directions = even_directions(DIRECTIONS)
    seen = [np.flatnonzero(within.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    low, high = (np.array([each[end] for each in seen]) * spacing for end in (0, -1))
    half = float(np.linalg.norm(high - low + spacing)) / 2
    # Even over the disc that the region's ball shows in each direction; lines through random voxels would favor long
    # ones.
    aside = np.cross(directions, directions[:, [2, 0, 1]] * (1.0, -1.0, 1.0))
    aside /= np.linalg.norm(aside, axis=1)[:, None]
    up = np.cross(directions, aside)
    out, turn = half * np.sqrt(rng.random((DIRECTIONS, LINES))), rng.uniform(0, 2 * np.pi, (DIRECTIONS, LINES))
    points = (out * np.cos(turn))[..., None] * aside[:, None] + (out * np.sin(turn))[..., None] * up[:, None]
    points += (low + high) / 2
    step = STEP_VOXELS * float(spacing.min())
    field = _smooth(bone)
    steps, crossings = _intercepts(field, within, spacing, points, directions, half, step)
    if (crossings < 10).any():
        raise InputError("too few trabeculae in the region for its fabric: give a larger region")
    rate = crossings / (steps * step)
    forms = np.stack([a * b for a, b in _pairs(directions)], axis=1)
    # The variance of a squared count goes with its cube.
    weight = np.sqrt(crossings.astype(float)) / rate**2
    xx, yy, zz, xy, yz, zx = np.linalg.lstsq(forms * weight[:, None], rate**2 * weight, rcond=None)[0]
    form = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
    values, vectors = np.linalg.eigh(form)
    if values[0] <= 0:
        raise InputError("the intercepts in this region form no ellipsoid: give a larger region")
    return Fabric(1 / np.sqrt(values), bone.grid.axes @ vectors)


def _pairs(directions: NDArray[np.float64]) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    x, y, z = directions.T
    return [(x, x), (y, y), (z, z), (2 * x, y), (2 * y, z), (2 * z, x)]


def gradient_fabric(bone: Mask, region: Mask | None = None) -> Fabric:
    """Return the fabric by the gradient structure tensor: the mean outer product of the smoothed bone's gradient.

    Gradients stand on the walls, all about as steep, so the tensor is that of the walls' normals over their area. The
    fabric is the ellipsoid whose own surface has this tensor: that of any isotropic structure stretched alike.

    Raises
    ------
    InputError
        If the region is empty, all bone or none, or its walls all look one way.
    """
    within = _within(bone, region)
    field = _smooth(bone)
    slopes = [np.gradient(field, h, axis=axis)[within] for axis, h in enumerate(bone.grid.spacing)]
    tensor = np.array([[float((a * b).mean(dtype=np.float64)) for b in slopes] for a in slopes])
    values, vectors = np.linalg.eigh(tensor / np.trace(tensor))
    if values[0] < 1e-3:
        raise InputError("all walls in this region look one way: its fabric has no ends; give a larger region")
    lengths = _ellipsoid_of_normals(values)
    return Fabric(lengths / lengths.mean(), bone.grid.axes @ vectors)


def _ellipsoid_of_normals(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the half axes, up to scale, of the ellipsoid over whose surface squared normals have these means."""
    sphere = even_directions(4000)
    lengths = 1 / np.sqrt(shares)
    for _ in range(200):
        normals = sphere / lengths
        # An ellipsoid's area over that of the sphere it is stretched from is as long as its normal before scaling.
        area = np.linalg.norm(normals, axis=1)
        found = (normals**2 / area[:, None]).mean(axis=0) / area.mean()
        lengths = lengths * np.sqrt(found / shares)
        if np.abs(found - shares).max() < 1e-9:
            break
    return np.asarray(lengths / lengths.mean())
