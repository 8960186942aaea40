"""What a virtual body is made of: layers of tissue, painted one over the other, on a grid.

A layer says which share of each voxel its tissue takes. Signals of tissues add up by their shares, so partial volume is
right at every edge, and one list of layers serves every sequence.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize

Array = NDArray[np.float32]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Layer:
    """One tissue in part of a grid.

    Parameters
    ----------
    tissue : str
        A key of the tissue tables.
    box : tuple of slice
        Where `share` lies in the grid.
    share : array
        0 to 1.
    instead_of : str or None
        The tissue it replaces; None: it covers whatever lies there.
    """

    tissue: str
    box: Box
    share: Array
    instead_of: str | None = None


def paint_layers(layers: Sequence[Layer], shape: tuple[int, ...], value: Callable[[str], float]) -> Array:
    """Paint layers into an image on their grid; `value` says what each tissue is worth, nothing is worth 0."""
    image = np.zeros(shape, np.float32)
    for layer in layers:
        own = np.float32(value(layer.tissue))
        view = image[layer.box]
        if layer.instead_of is None:
            view += layer.share * (own - view)
        else:
            view += layer.share * (own - np.float32(value(layer.instead_of)))
    return image


def make_grid(low: NDArray[np.float64], high: NDArray[np.float64], spacing_mm: float) -> Grid:
    """Return an axis-aligned cubic grid (i, j, k along LPS x, y, z) that covers a box given by two corners."""
    shape = np.maximum(np.ceil((high - low) / spacing_mm).astype(int) + 1, 2)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def box_around(grid: Grid, points: NDArray[np.float64], margin_mm: float) -> Box | None:
    """Return the part of an axis-aligned grid around points (n, 3); None where they lie outside."""
    index = grid.to_index(points)
    margin = margin_mm / grid.spacing
    low = np.clip(np.floor(index.min(axis=0) - margin), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + margin) + 1, 0, grid.shape).astype(int)
    if (high - low).min() < 1:
        return None
    return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))


def sub_grid(grid: Grid, box: Box) -> Grid:
    """Return the grid of a box."""
    start = [s.start for s in box]
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.to_world(start)
    shape = tuple(s.stop - s.start for s in box)
    return Grid((shape[0], shape[1], shape[2]), affine)


def coordinates(grid: Grid) -> tuple[Array, Array, Array]:
    """Return LPS x, y, z of an axis-aligned grid, shaped to broadcast."""
    axis = [grid.affine[n, 3] + grid.affine[n, n] * np.arange(grid.shape[n]) for n in range(3)]
    return (
        axis[0].astype(np.float32)[:, None, None],
        axis[1].astype(np.float32)[None, :, None],
        axis[2].astype(np.float32)[None, None, :],
    )


def points_of(grid: Grid) -> Array:
    """Return LPS points of an axis-aligned grid, shape (*shape, 3), float32."""
    return np.stack(np.broadcast_arrays(*coordinates(grid)), axis=-1)


def occupancy(distance: NDArray[np.floating], voxel_mm: float) -> Array:
    """Return the share of a voxel below a surface at signed distance (negative inside)."""
    return np.asarray(np.clip(0.5 - np.asarray(distance, np.float32) / np.float32(voxel_mm), 0, 1), np.float32)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """Rise smoothly from 0 at `low` to 1 at `high`."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def signed_distance(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], grid: Grid, reach_mm: float
) -> tuple[Box, Array] | None:
    """Return signed distance (mm, negative inside) around a closed surface; None where it lies outside the grid."""
    box = box_around(grid, vertices, reach_mm)
    if box is None:
        return None
    part = sub_grid(grid, box)
    # One voxel more all round, so that a bone cut by the grid does not end in a false surface there.
    wide = Grid(
        tuple(n + 8 for n in part.shape),  # type: ignore[arg-type]
        np.block([[part.affine[:3, :3], part.to_world([-4, -4, -4])[:, None]], [np.eye(4)[3:]]]),
    )
    inside = voxelize(vertices, faces, wide).array
    voxel = float(part.spacing[0])
    if not inside.any():
        return box, np.full(part.shape, 99.0, np.float32)
    outward = ndimage.distance_transform_edt(~inside).astype(np.float32)
    inward = ndimage.distance_transform_edt(inside).astype(np.float32)
    distance = np.where(inside, 0.5 - inward, outward - 0.5) * np.float32(voxel)
    # Whole voxels make steps; a slight blur turns them back into a smooth surface.
    distance = ndimage.gaussian_filter(distance, 0.8)
    return box, np.ascontiguousarray(distance[4:-4, 4:-4, 4:-4])


def _stretch(field: Array, starts: Sequence[float], steps: Sequence[float], shape: tuple[int, ...]) -> Array:
    """Interpolate linearly, one axis after the other, at starts + n * steps (in voxels); the edge goes on outward."""
    result = np.asarray(field, np.float32)
    for axis in range(3):
        last = result.shape[axis] - 1
        place = np.clip(starts[axis] + steps[axis] * np.arange(shape[axis]), 0, last)
        below = np.minimum(np.floor(place).astype(np.int64), max(last - 1, 0))
        weight = (place - below).astype(np.float32).reshape([-1 if n == axis else 1 for n in range(3)])
        first = np.take(result, below, axis=axis)
        second = np.take(result, np.minimum(below + 1, last), axis=axis)
        second -= first
        second *= weight
        second += first
        result = second
    return result


def noise(grid: Grid, rng: np.random.Generator, length_mm: float) -> Array:
    """Return smooth noise of unit variance that changes over about `length_mm`, on an axis-aligned grid."""
    step = max(length_mm / 2, float(grid.spacing[0]))
    extent = (np.array(grid.shape) - 1) * grid.spacing
    coarse = rng.standard_normal(tuple(np.ceil(extent / step).astype(int) + 4), np.float32)
    coarse = ndimage.gaussian_filter(coarse, 0.9)
    coarse /= coarse.std() + 1e-9
    ratio = float(grid.spacing[0]) / step
    return _stretch(coarse, [1.0 + float(rng.random())] * 3, [ratio] * 3, grid.shape)


def upsample(field: Array, source: Grid, target: Grid) -> Array:
    """Interpolate a field linearly between two axis-aligned grids."""
    start = source.to_index(target.affine[:3, 3])
    return _stretch(field, start.tolist(), (target.spacing / source.spacing).tolist(), target.shape)


def tube_distance(
    grid_points: tuple[Array, Array, Array], path: NDArray[np.float64], radius: NDArray[np.float64]
) -> Array:
    """Return signed distance (mm) to a chain of round cones.

    Parameters
    ----------
    grid_points : tuple of arrays
        x, y, z, broadcastable.
    path : array, shape (n, 3)
    radius : array, shape (n,)
    """
    best: Array | None = None
    x, y, z = grid_points
    for a, b, ra, rb in zip(path[:-1], path[1:], radius[:-1], radius[1:], strict=True):
        way = (b - a).astype(np.float32)
        length = float(way @ way) + 1e-6
        dx, dy, dz = x - np.float32(a[0]), y - np.float32(a[1]), z - np.float32(a[2])
        t = np.clip((dx * way[0] + dy * way[1] + dz * way[2]) / np.float32(length), 0, 1)
        away = np.sqrt((dx - t * way[0]) ** 2 + (dy - t * way[1]) ** 2 + (dz - t * way[2]) ** 2)
        away -= np.float32(ra) + t * np.float32(rb - ra)
        best = away if best is None else np.minimum(best, away)
    if best is None:
        raise ValueError("a tube needs at least two points")
    return np.asarray(best, np.float32)
