"""Projection images: a flat geometry of their own, never a fake volume."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image.grid import TOLERANCE_MM
from marrowmap.image.grid import read_only


class View(Enum):
    """From where the patient is seen."""

    ANTERIOR = "anterior"
    POSTERIOR = "posterior"
    CONJUGATE = "anterior and posterior"
    LEFT_LATERAL = "left lateral"
    RIGHT_LATERAL = "right lateral"
    OTHER = "other"
    UNKNOWN = "unknown"


class SpacingSource(Enum):
    """Where a projection's pixel size comes from, and so at which depth it holds."""

    DETECTOR = "detector"
    """Size of a detector element; with parallel rays (gamma camera) it holds at any depth, with diverging ones
    (radiograph) what lies before the detector is magnified on it."""
    CALIBRATED = "calibrated"
    """Measured on an object of known size, or from known distances; holds at that depth."""
    NOMINAL = "nominal"
    """Stated without telling how: no length may be reported from it without a reserve."""
    UNKNOWN = "unknown"
    """Not stated: 1 stands for a pixel, nothing is in mm."""


@dataclass(frozen=True, eq=False)
class PlaneGrid:
    """Shape and place of a projection, apart from its values.

    Space: index (i, j) is column and row of a pixel **center**. In an anterior, posterior or conjugate view columns
    run to the patient's left and rows to the feet, whatever the file's order: one index means one place in all three.

    Parameters
    ----------
    shape : tuple of 2 int
        Columns, rows.
    spacing_mm : tuple of 2 float
        Between columns, between rows.
    spacing_source : SpacingSource
    view : View
    mirrored : bool
        True where columns are reversed against what the detector saw, as in a posterior view shown from the front; of
        a radiograph, where it is shown as in a mirror against its file.
    axes : array_like, shape (2, 3), optional
        Unit vectors, LPS, in which columns and rows run; None where the view is unknown: then left is unknown too.
    origin_mm : array_like, shape (3,), optional
        Center of the first pixel, LPS mm; None where no file says.
    frame_of_reference_uid : str

    Raises
    ------
    GeometryError
        If the shape is empty, a spacing is not a length, or the axes are no unit vectors at right angles.
    """

    shape: tuple[int, int]
    spacing_mm: tuple[float, float]
    spacing_source: SpacingSource
    view: View
    mirrored: bool = False
    axes: NDArray[np.float64] | None = None
    origin_mm: NDArray[np.float64] | None = None
    frame_of_reference_uid: str = ""

    def __post_init__(self) -> None:
        if len(self.shape) != 2 or min(self.shape) < 1:
            raise GeometryError(f"a projection needs columns and rows, got shape {self.shape}")
        if len(self.spacing_mm) != 2 or not np.isfinite(self.spacing_mm).all() or min(self.spacing_mm) <= 0:
            raise GeometryError(f"pixels of {self.spacing_mm} mm are no size: check the image's header")
        object.__setattr__(self, "shape", (int(self.shape[0]), int(self.shape[1])))
        if self.axes is not None:
            axes = np.array(self.axes, np.float64)
            if axes.shape != (2, 3) or not np.allclose(axes @ axes.T, np.eye(2), atol=2e-3):
                raise GeometryError("columns and rows of a projection must run at right angles: check its orientation")
            object.__setattr__(self, "axes", read_only(axes))
        if self.origin_mm is not None:
            origin = np.array(self.origin_mm, np.float64)
            if origin.shape != (3,) or not np.isfinite(origin).all():
                raise GeometryError("the first pixel of a projection needs three finite coordinates: check its header")
            object.__setattr__(self, "origin_mm", read_only(origin))

    @property
    def pixel_area_mm2(self) -> float:
        """Area of one pixel."""
        return float(np.prod(self.spacing_mm))

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map LPS mm, shape (..., 3), along parallel rays to fractional (column, row), shape (..., 2).

        Raises
        ------
        GeometryError
            If the view or the place of the projection is unknown.
        """
        origin, axes = self._place()
        result: NDArray[np.float64] = (np.asarray(points, float) - origin) @ axes.T / np.asarray(self.spacing_mm)
        return result

    def locate(self, index: ArrayLike) -> NDArray[np.float64]:
        """Map fractional (column, row), shape (..., 2), to LPS mm in the plane of the pixels, shape (..., 3).

        Raises
        ------
        GeometryError
            If the view or the place of the projection is unknown.
        """
        origin, axes = self._place()
        result: NDArray[np.float64] = origin + np.asarray(index, float) * np.asarray(self.spacing_mm) @ axes
        return result

    def _place(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.axes is None or self.origin_mm is None:
            raise GeometryError(f"the {self.view.value} view has no known place in the patient: nothing projects on it")
        return self.origin_mm, self.axes

    def flipped(self, axis: int) -> PlaneGrid:
        """Return the same place with its columns (axis 0) or rows (axis 1) counted from the other end.

        Either reversal alone shows the patient as in a mirror.
        """
        if self.axes is None:
            raise GeometryError("a view of unknown direction cannot be turned: say first how it lies")
        axes = self.axes.copy()
        origin = self.origin_mm
        if origin is not None:
            origin = origin + axes[axis] * (self.shape[axis] - 1) * self.spacing_mm[axis]
        axes[axis] *= -1
        return dataclasses.replace(self, axes=axes, origin_mm=origin, mirrored=not self.mirrored)

    def matches(self, other: PlaneGrid) -> bool:
        """Say whether one index means one line through the patient in both, as in opposed views of one camera."""
        alike = self.shape == other.shape and np.allclose(self.spacing_mm, other.spacing_mm, atol=TOLERANCE_MM)
        if not alike or self.axes is None or other.axes is None or not np.allclose(self.axes, other.axes, atol=2e-3):
            return False
        if self.origin_mm is None or other.origin_mm is None:
            return True
        if self.frame_of_reference_uid != other.frame_of_reference_uid:
            return False
        apart = (self.origin_mm - other.origin_mm) @ self.axes.T
        return bool((np.abs(apart) <= 0.5 * np.asarray(self.spacing_mm)).all())


@dataclass(frozen=True, eq=False)
class Plane:
    """A projection image.

    Parameters
    ----------
    grid : PlaneGrid
    array : ndarray of float32, shape (columns, rows)
        Finite values.
    unit : str
        ``counts``, ``counts/s``, or a UCUM code.
    """

    grid: PlaneGrid
    array: NDArray[np.float32]
    unit: str = "counts"

    def __post_init__(self) -> None:
        array = np.asarray(self.array, np.float32)
        if array.shape != self.grid.shape:
            raise GeometryError(f"the array has shape {array.shape}, its grid {self.grid.shape}: they must be the same")
        if not np.isfinite(array).all():
            raise GeometryError("the image holds values that are not finite (NaN or infinite): repair it first")
        object.__setattr__(self, "array", read_only(array))


def geometric_mean(anterior: Plane, posterior: Plane) -> Plane:
    """Return the geometric mean of two opposed views, nearly free of the depth at which the activity lies.

    Attenuation from depth d in a body of thickness T takes the anterior view down by exp(-mu d), the posterior one by
    exp(-mu (T - d)): the root of their product holds exp(-mu T / 2) at any depth.

    Parameters
    ----------
    anterior, posterior : Plane
        In the same unit and of the same time; both with columns to the patient's left, see `PlaneGrid`.

    Raises
    ------
    GeometryError
        If these are not an anterior and a posterior view of one place.
    """
    views = (anterior.grid.view, posterior.grid.view)
    if views != (View.ANTERIOR, View.POSTERIOR):
        words = " and ".join(view.value for view in views)
        raise GeometryError(f"a geometric mean needs an anterior and a posterior view, got {words}")
    if anterior.unit != posterior.unit:
        raise GeometryError(f"a geometric mean needs one unit, got {anterior.unit} and {posterior.unit}")
    if not anterior.grid.matches(posterior.grid):
        raise GeometryError(
            "the anterior and the posterior view do not cover each other pixel by pixel (shape, pixel size, direction "
            "or place): use views of one acquisition"
        )
    if min(anterior.array.min(), posterior.array.min()) < 0:
        raise GeometryError("a geometric mean of negative counts has no meaning: use counts as acquired")
    product = anterior.array.astype(np.float64) * posterior.array
    grid = dataclasses.replace(anterior.grid, view=View.CONJUGATE)
    return Plane(grid, np.sqrt(product).astype(np.float32), anterior.unit)
