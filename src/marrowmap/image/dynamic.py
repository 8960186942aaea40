"""Projections in time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image.grid import read_only
from marrowmap.image.plane import Plane
from marrowmap.image.plane import PlaneGrid


@dataclass(frozen=True, eq=False)
class Dynamic:
    """Frames of one view, each with its start and its duration.

    Parameters
    ----------
    grid : PlaneGrid
        The same for all frames.
    array : ndarray of float32, shape (columns, rows, frames)
        Counts.
    start_s : ndarray, shape (frames,)
        Start of each frame after the start of the acquisition; frames follow each other, pauses are allowed.
    duration_s : ndarray, shape (frames,)

    Raises
    ------
    GeometryError
        If shapes disagree, values are not finite, or frames have no duration or overlap.
    """

    grid: PlaneGrid
    array: NDArray[np.float32]
    start_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]

    def __post_init__(self) -> None:
        array = np.asarray(self.array, np.float32)
        start, duration = np.array(self.start_s, np.float64), np.array(self.duration_s, np.float64)
        if array.ndim != 3 or array.shape[:2] != self.grid.shape or array.shape[2] < 1:
            raise GeometryError(f"the frames have shape {array.shape}, their grid {self.grid.shape}")
        if start.shape != array.shape[2:] or duration.shape != start.shape:
            raise GeometryError(f"{array.shape[2]} frames have {start.size} starts and {duration.size} durations")
        if not np.isfinite(array).all():
            raise GeometryError("the frames hold values that are not finite (NaN or infinite): repair them first")
        if not (np.isfinite(start).all() and np.isfinite(duration).all() and (duration > 0).all()):
            raise GeometryError("each frame of a dynamic acquisition needs a start and a duration above 0 s")
        if (np.diff(start) < duration[:-1] - 1e-6).any():
            raise GeometryError("frames of a dynamic acquisition overlap in time: check their durations")
        for name, value in (("array", array), ("start_s", start), ("duration_s", duration)):
            object.__setattr__(self, name, read_only(value))

    @property
    def middle_s(self) -> NDArray[np.float64]:
        """Middle of each frame, where a time-activity curve has its points."""
        middle: NDArray[np.float64] = self.start_s + self.duration_s / 2
        return middle

    @property
    def rate(self) -> NDArray[np.float64]:
        """Counts per second, shape (columns, rows, frames)."""
        rate: NDArray[np.float64] = self.array / self.duration_s
        return rate

    def summed(self, first: int = 0, stop: int | None = None) -> Plane:
        """Return the counts of frames `first` up to, but without, `stop` added up."""
        return Plane(self.grid, self.array[:, :, first:stop].sum(axis=2, dtype=np.float64).astype(np.float32))
