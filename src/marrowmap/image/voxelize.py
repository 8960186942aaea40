"""From a closed surface to the voxels inside it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.image.grid import Grid
from marrowmap.image.volume import Mask

_NUDGE = np.array([1.2345e-6, 2.7183e-6])
"""Shift of the scan lines in voxels, so that none runs exactly through a vertex or an edge of a rounded mesh."""


def _crossings(
    corners: NDArray[np.float64], shape: tuple[int, int, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.int8]]:
    """Cross all scan lines (parallel to the third index axis) with triangles, shape (m, 3 corners, 3 index axes).

    Returns the line's first and second index, the place along it, and the turn (+1 or -1) of the triangle crossed.
    """
    flat = corners[:, :, :2] - _NUDGE
    low = np.maximum(np.ceil(flat.min(axis=1)).astype(np.int64), 0)
    high = np.minimum(np.floor(flat.max(axis=1)).astype(np.int64), np.array(shape[:2]) - 1)
    extent = np.maximum(high - low + 1, 0)
    count = extent[:, 0] * extent[:, 1]
    triangle = np.repeat(np.arange(len(corners)), count)
    running = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    i = low[triangle, 0] + running // np.maximum(extent[triangle, 1], 1)
    j = low[triangle, 1] + running % np.maximum(extent[triangle, 1], 1)
    a, b, c = (flat[triangle, n] for n in range(3))

    def turn(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = (q[:, 0] - p[:, 0]) * (j - p[:, 1]) - (q[:, 1] - p[:, 1]) * (i - p[:, 0])
        return result

    weights = np.stack([turn(b, c), turn(c, a), turn(a, b)], axis=1)
    area = weights.sum(axis=1)
    hit = ((weights > 0).all(axis=1) | (weights < 0).all(axis=1)) & (area != 0)
    weights, area, triangle = weights[hit], area[hit], triangle[hit]
    along = (weights * corners[triangle, :, 2]).sum(axis=1) / area
    return i[hit], j[hit], along, np.sign(area).astype(np.int8)


def voxelize(vertices: ArrayLike, faces: ArrayLike, grid: Grid) -> Mask:
    """Set the voxels whose centers lie inside a closed surface.

    Scan lines along the third index axis are crossed with the triangles; a center is inside where the crossings before
    it wind around it (so surfaces that overlap themselves stay filled).

    Parameters
    ----------
    vertices : array_like, shape (n, 3)
        LPS mm of the grid's frame of reference.
    faces : array_like, shape (m, 3)
        Vertex numbers of each triangle, all turning the same way round seen from outside.
    grid : Grid
        Any orientation; the surface may reach beyond it.

    Returns
    -------
    Mask

    Raises
    ------
    ValueError
        If `vertices` or `faces` have another shape.
    """
    points = np.asarray(vertices, np.float64)
    triangles = np.asarray(faces, np.int64)
    if points.ndim != 2 or points.shape[1] != 3 or triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"a surface needs (n, 3) vertices and (m, 3) faces, got {points.shape} and {triangles.shape}")
    inside = np.zeros(grid.shape, np.bool_)
    index = grid.to_index(points)
    # Only the box around the surface is worked on: bones are small in the pictures they lie in.
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, np.array(grid.shape) - 1)
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 1, np.array(grid.shape))
    shape = tuple(int(n) for n in np.maximum(high - low, 1))
    corners = (index - low)[triangles]
    i, j, along, sign = _crossings(corners, (shape[0], shape[1], shape[2]))
    winding = np.zeros((shape[0], shape[1], shape[2] + 1), np.int8)
    start = np.clip(np.ceil(along), 0, shape[2]).astype(np.int64)
    np.add.at(winding, (i, j, start), sign)
    np.cumsum(winding, axis=2, out=winding)
    box = tuple(slice(a, a + n) for a, n in zip(low, shape, strict=True))
    inside[box] = winding[:, :, :-1] != 0
    return Mask(grid, inside)
