"""Scalar images, masks and label maps: three types, as they obey different rules."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image.grid import Grid
from marrowmap.image.grid import read_only


def _require_shape(grid: Grid, array: NDArray[np.generic]) -> None:
    if array.shape != grid.shape:
        raise GeometryError(f"the array has shape {array.shape}, its grid {grid.shape}: they must be the same")


@dataclass(frozen=True, eq=False)
class Mask:
    """A yes or no for each voxel, shape of the grid."""

    grid: Grid
    array: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.array.dtype != np.bool_:
            raise TypeError(f"a mask holds booleans, not {self.array.dtype}: compare with a threshold first")
        _require_shape(self.grid, self.array)
        object.__setattr__(self, "array", read_only(self.array))

    def __and__(self, other: Mask) -> Mask:
        self.grid.require_same(other.grid)
        return Mask(self.grid, self.array & other.array)

    def __or__(self, other: Mask) -> Mask:
        self.grid.require_same(other.grid)
        return Mask(self.grid, self.array | other.array)

    def __sub__(self, other: Mask) -> Mask:
        """Voxels of this mask that are not in the other."""
        self.grid.require_same(other.grid)
        return Mask(self.grid, self.array & ~other.array)

    @property
    def volume_ml(self) -> float:
        """Volume of the set voxels in mL."""
        return int(self.array.sum()) * self.grid.voxel_volume_ml

    @property
    def sha256(self) -> str:
        """Digest of the voxels (one byte each, C order) for Evidence."""
        return hashlib.sha256(self.array.astype(np.uint8).tobytes()).hexdigest()


@dataclass(frozen=True, eq=False)
class Volume:
    """A scalar image.

    Parameters
    ----------
    grid : Grid
    array : ndarray of float32, shape of the grid
        Values after rescaling, finite.
    unit : str
        What the values are: ``signal`` (MR, arbitrary), ``HU``, or a UCUM code.
    """

    grid: Grid
    array: NDArray[np.float32]
    unit: str = "signal"

    def __post_init__(self) -> None:
        array = np.asarray(self.array, dtype=np.float32)
        _require_shape(self.grid, array)
        if not np.isfinite(array).all():
            raise GeometryError("the image holds values that are not finite (NaN or infinite): repair it first")
        object.__setattr__(self, "array", read_only(array))

    def within(self, mask: Mask) -> NDArray[np.float32]:
        """Values inside a mask on the same grid, shape (n,)."""
        self.grid.require_same(mask.grid)
        return self.array[mask.array]

    def with_array(self, array: NDArray[np.float32]) -> Volume:
        """Return the same grid and unit with other values."""
        return Volume(self.grid, array, self.unit)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """A whole number for each voxel, each number with its name; 0 is background.

    Parameters
    ----------
    grid : Grid
    array : ndarray of uint8 or uint16, shape of the grid
    names : dict of int to str
        Name of every number but 0.
    """

    grid: Grid
    array: NDArray[np.uint16]
    names: dict[int, str]

    def __post_init__(self) -> None:
        array = np.asarray(self.array, dtype=np.uint16)
        _require_shape(self.grid, array)
        unnamed = set(np.unique(array).tolist()) - set(self.names) - {0}
        if unnamed:
            raise ValueError(f"labels {sorted(unnamed)} have no name")
        object.__setattr__(self, "array", read_only(array))

    def mask(self, *names: str) -> Mask:
        """Return the mask of one or several labels by name; KeyError if a name is not in the map."""
        by_name = {name: number for number, name in self.names.items()}
        return Mask(self.grid, np.isin(self.array, [by_name[name] for name in names]))
