"""A box of a grid: work where something is, not on the whole image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.image.grid import Grid
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume


@dataclass(frozen=True)
class Box:
    """Whole voxels of a grid, from `start` (inclusive) to `stop` (exclusive) along each index axis."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Index an array of the whole grid."""
        (a, b, c), (d, e, f) = self.start, self.stop
        return slice(a, d), slice(b, e), slice(c, f)

    def crop_grid(self, grid: Grid) -> Grid:
        """Return the grid of the box alone, in place."""
        affine = np.array(grid.affine)
        affine[:3, 3] = grid.to_world(self.start)
        i, j, k = (b - a for a, b in zip(self.start, self.stop, strict=True))
        return Grid((i, j, k), affine, grid.frame_of_reference_uid)

    def crop(self, volume: Volume) -> Volume:
        """Return the volume's values in the box."""
        return Volume(self.crop_grid(volume.grid), np.ascontiguousarray(volume.array[self.slices]), volume.unit)

    def paste(self, mask: Mask, grid: Grid) -> Mask:
        """Return a mask of the box as one of the whole grid, unset outside."""
        self.crop_grid(grid).require_same(mask.grid)
        whole = np.zeros(grid.shape, np.bool_)
        whole[self.slices] = mask.array
        return Mask(grid, whole)


def box_around(grid: Grid, points: ArrayLike, margin_mm: float) -> Box | None:
    """Return the smallest box that holds all points with a margin, as far as the grid reaches.

    Parameters
    ----------
    grid : Grid
    points : array_like, shape (n, 3)
        LPS mm.
    margin_mm : float
        Kept on every side along the grid's axes.

    Returns
    -------
    Box or None
        None where the box lies outside the grid.
    """
    index: NDArray[np.float64] = grid.to_index(np.atleast_2d(np.asarray(points, float)))
    reach = margin_mm / grid.spacing
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape).astype(int)
    if (high <= low).any():
        return None
    return Box((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
