"""Where voxels lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.errors import GeometryError

TOLERANCE_MM = 1e-3
"""Two grids are the same where no voxel center lies further apart than this."""


def read_only(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return `array` as a C-contiguous array that cannot be written to (copied only where needed)."""
    array = np.ascontiguousarray(array)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, eq=False)
class Grid:
    """Shape and place of a voxel array, apart from its values.

    Space: index (i, j, k) of a voxel **center** to LPS millimeters of one frame of reference. In images read from
    DICOM i is the column, j the row and k the slice, in the order of rising position along the slice normal.

    Parameters
    ----------
    shape : tuple of int
        Number of voxels along i, j, k.
    affine : array_like, shape (4, 4)
        Index to LPS mm; orthogonal axes.
    frame_of_reference_uid : str
        Images share it where their coordinates mean the same points; empty only for a lone NIfTI.

    Raises
    ------
    GeometryError
        If the affine is sheared, singular or not finite.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or not np.allclose(affine[3], (0, 0, 0, 1)):
            raise GeometryError("the affine is not a finite 4 x 4 matrix ending in 0 0 0 1: check the image's header")
        spacing = np.linalg.norm(affine[:3, :3], axis=0)
        if spacing.min() < 1e-6:
            raise GeometryError("the affine gives an axis no length: check the image's voxel sizes")
        axes = affine[:3, :3] / spacing
        if not np.allclose(axes.T @ axes, np.eye(3), atol=2e-3):
            raise GeometryError("the affine is sheared (its axes are not at right angles): resample the image first")
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise GeometryError(f"a grid needs three axes with voxels on each, got shape {self.shape}")
        object.__setattr__(self, "affine", read_only(affine))
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Distance between voxel centers along i, j, k in mm."""
        spacing: NDArray[np.float64] = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing

    @property
    def axes(self) -> NDArray[np.float64]:
        """Unit vectors of i, j, k as columns, LPS."""
        axes: NDArray[np.float64] = self.affine[:3, :3] / self.spacing
        return axes

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of one voxel in mL."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def slice_axis(self) -> int:
        """Index axis (0, 1 or 2) with the widest spacing; the last one where all are alike."""
        spacing = self.spacing
        return 2 if spacing.max() - spacing.min() < 1e-3 else int(np.argmax(spacing))

    @property
    def center(self) -> NDArray[np.float64]:
        """Middle of the grid in LPS mm."""
        return self.to_world((np.array(self.shape) - 1) / 2)

    def to_world(self, index: ArrayLike) -> NDArray[np.float64]:
        """Map indices, shape (..., 3), to LPS mm."""
        result: NDArray[np.float64] = np.asarray(index, float) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return result

    def to_index(self, point: ArrayLike) -> NDArray[np.float64]:
        """Map LPS mm, shape (..., 3), to fractional indices."""
        inverse = np.linalg.inv(self.affine[:3, :3])
        result: NDArray[np.float64] = (np.asarray(point, float) - self.affine[:3, 3]) @ inverse.T
        return result

    def points(self) -> NDArray[np.float64]:
        """LPS mm of every voxel center, shape ``(*shape, 3)``."""
        return self.to_world(np.stack(np.meshgrid(*map(np.arange, self.shape), indexing="ij"), axis=-1))

    def contains(self, point: ArrayLike, margin_mm: float = 0.0) -> NDArray[np.bool_]:
        """Say for each point, shape (..., 3) LPS mm, whether it lies within the voxels, `margin_mm` from the edge."""
        index = self.to_index(point)
        margin = margin_mm / self.spacing
        inside = (index >= margin - 0.5) & (index <= np.array(self.shape) - 0.5 - margin)
        return np.asarray(inside.all(axis=-1))

    def same_as(self, other: Grid) -> bool:
        """Say whether both grids have the same voxels of the same frame of reference."""
        same_frame = self.frame_of_reference_uid == other.frame_of_reference_uid
        return same_frame and self._furthest_corner_mm(other) <= TOLERANCE_MM

    def written_alike(self, other: Grid) -> bool:
        """Say whether both grids are the same but for the rounding of a file format.

        A NIfTI qform holds a quaternion of single precision, good for some hundredths of a millimeter at the corner of
        an image, and names no frame of reference; a twentieth of the smallest voxel is allowed.
        """
        return self._furthest_corner_mm(other) <= 0.05 * float(min(self.spacing.min(), other.spacing.min()))

    def _furthest_corner_mm(self, other: Grid) -> float:
        """Return how far the same corner voxels of both grids lie apart at most; infinite if the shapes differ."""
        if self.shape != other.shape:
            return float("inf")
        corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(self.shape) - 1)
        return float(np.abs(self.to_world(corners) - other.to_world(corners)).max())

    def require_same(self, other: Grid) -> None:
        """Raise GeometryError unless both grids are the same: different ones need an explicit resample."""
        if not self.same_as(other):
            raise GeometryError(
                f"two images lie on different grids ({self.shape} at {self.spacing.round(3)} mm, {other.shape} at "
                f"{other.spacing.round(3)} mm): resample one to the other first"
            )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.same_as(other)

    __hash__ = None  # type: ignore[assignment]  # equality has a tolerance
