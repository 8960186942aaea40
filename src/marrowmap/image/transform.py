"""Affine maps between frames of reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image.grid import read_only


@dataclass(frozen=True, eq=False)
class Transform:
    """An affine map of points from one frame of reference to another, both LPS mm.

    Parameters
    ----------
    matrix : array_like, shape (4, 4)
    source, target : str
        Frame of Reference UIDs; a transform is only ever applied to its source.
    """

    matrix: NDArray[np.float64]
    source: str
    target: str

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
            raise GeometryError("a transform needs an invertible 4 x 4 matrix")
        object.__setattr__(self, "matrix", read_only(matrix))

    @classmethod
    def identity(cls, frame: str = "") -> Transform:
        """Return the map that leaves `frame` as it is."""
        return cls(np.eye(4), frame, frame)

    def __call__(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points, shape (..., 3), LPS mm of the source to LPS mm of the target."""
        result: NDArray[np.float64] = np.asarray(points, float) @ self.matrix[:3, :3].T + self.matrix[:3, 3]
        return result

    def __matmul__(self, first: Transform) -> Transform:
        """Return the map that applies `first`, then this one."""
        if first.target != self.source:
            raise GeometryError(f"cannot chain a transform into {first.target!r} with one out of {self.source!r}")
        return Transform(self.matrix @ first.matrix, first.source, self.target)

    @property
    def inverse(self) -> Transform:
        """The way back."""
        return Transform(np.asarray(np.linalg.inv(self.matrix), np.float64), self.target, self.source)
