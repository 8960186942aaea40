"""What a rotating gamma camera sees of an activity map, and the exact adjoint of that.

Conventions (LPS; those of DICOM's Start Angle, PS3.3 C.8.4.10)
----------------------------------------------------------------
A volume is an array (slices, rows, columns). Rows run to the patient's back (+y), columns to the patient's left (+x).
The axis of rotation runs through the middle of the array, ``((rows - 1) / 2, (columns - 1) / 2)``. Slices have the
order of the projections' rows, whichever that is; in a file the first is at the head.

At angle 0 the detector is at the patient's back; it turns toward the patient's left side: it stands in the direction
``(x, y) = (sin a, cos a)`` from the axis, so 90 is at the left, 180 in front. A projection is seen from the detector,
head up: columns run in the direction ``(x, y) = (-cos a, sin a)``. The patient's left is on the right in front (180)
and on the left from behind (0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import sparse

from marrowmap.errors import GeometryError

Array = NDArray[np.float32]
FWHM_PER_SD = 2.3548
MOST_PER_STEP = 0.2
"""Variance (pixels squared) that one three-tap blur spreads by; more takes several."""


@dataclass(frozen=True)
class Response:
    """How wide a point looks through a parallel-hole collimator.

    The geometric width is ``hole * (length + distance) / length`` and the detector's own is added in quadrature
    (Cherry, Sorenson and Phelps, Physics in Nuclear Medicine, chapter 14). Holes and septa are those of the low-energy
    high-resolution collimator of a GE Discovery 670 (as OpenGATE models it); the intrinsic width is a usual one.

    Parameters
    ----------
    hole_mm, length_mm : float
        Diameter and effective length (physical length less twice the mean free path in lead: 35 - 0.74 mm).
    intrinsic_fwhm_mm : float
        Of the crystal and its electronics.
    """

    hole_mm: float = 1.5
    length_mm: float = 34.26
    intrinsic_fwhm_mm: float = 3.8

    def variance_mm2(self, distance_mm: ArrayLike) -> NDArray[np.float64]:
        """Return the variance of the point response at distances from the collimator's face."""
        away = np.maximum(np.asarray(distance_mm, float), 0.0)
        geometric = self.hole_mm * (self.length_mm + away) / self.length_mm
        return np.asarray((geometric**2 + self.intrinsic_fwhm_mm**2) / FWHM_PER_SD**2, np.float64)

    def fwhm_mm(self, distance_mm: ArrayLike) -> NDArray[np.float64]:
        """Return full width at half maximum at distances from the collimator's face."""
        return np.asarray(np.sqrt(self.variance_mm2(distance_mm)) * FWHM_PER_SD, np.float64)


LEHR = Response()
"""Low energy, high resolution."""


@dataclass(frozen=True, eq=False)
class Orbit:
    """Where the detector stood.

    Parameters
    ----------
    angles_deg : array, shape (views,)
        In the convention above.
    radius_mm : array, shape (views,)
        From the axis to the collimator's face.
    pixel_mm : float
        Of the projections, and of the volume's voxels in all three directions.

    Raises
    ------
    GeometryError
        If there is no view, the lengths disagree or a number makes no sense.
    """

    angles_deg: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    pixel_mm: float

    def __post_init__(self) -> None:
        angles = np.atleast_1d(np.asarray(self.angles_deg, float))
        radius = np.atleast_1d(np.asarray(self.radius_mm, float))
        if angles.ndim != 1 or not len(angles) or angles.shape != radius.shape:
            raise GeometryError(f"{angles.size} view angles and {radius.size} radii: give one of each for every view")
        sound = np.isfinite(angles).all() and np.isfinite(radius).all() and radius.min() > 0
        if not sound or not np.isfinite(self.pixel_mm) or self.pixel_mm <= 0:
            raise GeometryError("view angles, radii and pixel size must be finite, radii and pixel size above 0")
        object.__setattr__(self, "angles_deg", angles)
        object.__setattr__(self, "radius_mm", radius)


def _turn(angle_deg: float, rows: int, columns: int, size: int) -> sparse.csr_array:
    """Return the matrix that turns a slice (rows * columns,) into the detector's frame (depth * across,).

    Depth runs away from the detector; both axes have `size` samples. Bilinear, 0 outside.
    """
    a = np.radians(angle_deg)
    step = np.arange(size) - (size - 1) / 2
    depth, across = np.meshgrid(step, step, indexing="ij")
    x = -depth * np.sin(a) - across * np.cos(a) + (columns - 1) / 2
    y = -depth * np.cos(a) + across * np.sin(a) + (rows - 1) / 2
    left, top = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    place = np.arange(size * size).reshape(size, size)
    parts = []
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - np.abs(x - left - dx)) * (1 - np.abs(y - top - dy))
            inside = (left + dx >= 0) & (left + dx < columns) & (top + dy >= 0) & (top + dy < rows) & (weight > 1e-6)
            source = (top + dy) * columns + left + dx
            parts.append((weight[inside], place[inside], source[inside]))
    weight, target, source = (np.concatenate(p) for p in zip(*parts, strict=True))
    shape = (size * size, rows * columns)
    return sparse.csr_array((weight.astype(np.float32), (target, source)), shape=shape)


def _blur(image: Array, spread: float) -> Array:
    """Spread an image (across, slices) by a variance in pixels squared, in both directions; it is its own adjoint.

    Three taps ``(s/2, 1 - s, s/2)`` have exactly that variance; what leaves the image is lost on both ways.
    """
    while spread > 1e-9:
        part = min(spread, MOST_PER_STEP)
        spread -= part
        side, middle = np.float32(part / 2), np.float32(1 - part)
        # One product for both neighbors, and the second direction in place: this is most of a projection's time.
        beside, wide = side * image, middle * image
        wide[1:] += beside[:-1]
        wide[:-1] += beside[1:]
        np.multiply(wide, side, out=beside)
        wide *= middle
        wide[:, 1:] += beside[:, :-1]
        wide[:, :-1] += beside[:, 1:]
        image = wide
    return image


class Projector:
    """Forward projection of a volume, view by view, and its adjoint.

    Each view turns the volume (bilinear), weights every voxel by its attenuation toward the detector (its own half
    included) and adds the planes up from the far side to the near one, blurring the sum by what the collimator's
    response gains from one plane to the next (McCarthy and Miller 1991, IEEE Trans Med Imaging 10:8).

    Parameters
    ----------
    orbit : Orbit
    shape : tuple of int
        Of the volume: (slices, rows, columns).
    columns : int, optional
        Of the projections; as many as the volume has if not given.
    attenuation : array, shape of the volume, optional
        Linear attenuation coefficient at the photon's energy, 1/mm.
    response : Response or None
        None: every point looks like a point.

    Raises
    ------
    GeometryError
        If the attenuation map has another shape.
    """

    def __init__(
        self,
        orbit: Orbit,
        shape: tuple[int, int, int],
        *,
        columns: int | None = None,
        attenuation: NDArray[np.floating] | None = None,
        response: Response | None = None,
    ) -> None:
        if attenuation is not None and attenuation.shape != shape:
            raise GeometryError(f"the attenuation map has shape {attenuation.shape}, the volume {shape}")
        self.orbit, self.shape, self.response = orbit, shape, response
        self.columns = columns or shape[2]
        self.size = max(self.columns, int(np.ceil(np.hypot(shape[1], shape[2]))) if columns else max(shape[1:]))
        self.attenuation = None if attenuation is None else self._flat(attenuation)
        self._turn = lru_cache(maxsize=len(orbit.angles_deg))(lambda a: _turn(a, shape[1], shape[2], self.size))
        self._factor: tuple[int, Array] | None = None

    def _flat(self, volume: NDArray[np.floating]) -> Array:
        """Return a volume as (rows * columns, slices), the layout that turning is fast in."""
        return np.ascontiguousarray(np.asarray(volume, np.float32).reshape(self.shape[0], -1).T)

    def _rotated(self, flat: Array, view: int) -> Array:
        turned = self._turn(float(self.orbit.angles_deg[view])) @ flat
        return np.asarray(turned, np.float32).reshape(self.size, self.size, -1)

    def _seen_share(self, view: int) -> Array | None:
        """Return what share of each turned voxel's photons reaches the detector; None without attenuation."""
        if self.attenuation is None:
            return None
        if self._factor is None or self._factor[0] != view:
            mu = self._rotated(self.attenuation, view)
            mu *= np.float32(-0.5 * self.orbit.pixel_mm)
            # Up to each voxel's middle; plane by plane, as a running sum along the first axis is slow.
            path = np.zeros(mu.shape[1:], np.float32)
            for plane in mu:
                path += plane
                half, plane[...] = plane.copy(), path
                path += half
            self._factor = (view, np.exp(mu, out=mu))
        return self._factor[1]

    def _spreads(self, view: int) -> tuple[NDArray[np.float64], float]:
        """Return the variance (pixels squared) gained from each plane to the next nearer one, and that of the nearest.

        A plane behind the collimator's face cannot be; its distance counts as 0.
        """
        if self.response is None:
            return np.zeros(self.size - 1), 0.0
        depth = (np.arange(self.size) - (self.size - 1) / 2) * self.orbit.pixel_mm
        variance = self.response.variance_mm2(self.orbit.radius_mm[view] + depth) / self.orbit.pixel_mm**2
        return np.diff(variance), float(variance[0])

    def _cut(self) -> slice:
        start = (self.size - self.columns) // 2
        if (self.size - self.columns) % 2:
            raise GeometryError("projections and volume must both have an even or an odd number of columns")
        return slice(start, start + self.columns)

    def forward(self, volume: NDArray[np.floating], view: int) -> Array:
        """Return one view (slices, columns) of a volume: the sum along the detector's normal."""
        return self.forward_flat(self._flat(volume), view)

    def forward_flat(self, flat: Array, view: int) -> Array:
        """Return one view of a volume given as (rows * columns, slices)."""
        planes = self._rotated(flat, view)
        seen = self._seen_share(view)
        if seen is not None:
            planes *= seen
        gains, first = self._spreads(view)
        total = planes[-1]
        for n in range(self.size - 2, -1, -1):
            total = _blur(total, float(gains[n]))
            total += planes[n]
        return np.ascontiguousarray(_blur(total, first)[self._cut()].T)

    def back_flat(self, projection: NDArray[np.floating], view: int) -> Array:
        """Return the adjoint of :meth:`forward_flat`, (rows * columns, slices), of one view (slices, columns)."""
        wide = np.zeros((self.size, self.shape[0]), np.float32)
        wide[self._cut()] = np.asarray(projection, np.float32).T
        gains, first = self._spreads(view)
        spread = _blur(wide, first)
        planes = np.empty((self.size, self.size, self.shape[0]), np.float32)
        for n in range(self.size):
            planes[n] = spread
            if n < self.size - 1:
                spread = _blur(spread, float(gains[n]))
        seen = self._seen_share(view)
        if seen is not None:
            planes *= seen
        turned = self._turn(float(self.orbit.angles_deg[view]))
        return np.asarray(turned.T @ planes.reshape(self.size * self.size, -1), np.float32)

    def back(self, projection: NDArray[np.floating], view: int) -> Array:
        """Return the adjoint of :meth:`forward` of one view (slices, columns): a volume."""
        return self.unflat(self.back_flat(projection, view))

    def unflat(self, flat: Array) -> Array:
        """Return (rows * columns, slices) as a volume."""
        return np.ascontiguousarray(flat.T).reshape(self.shape)

    def project(self, volume: NDArray[np.floating]) -> Array:
        """Return all views, shape (views, slices, columns)."""
        flat = self._flat(volume)
        return np.stack([self.forward_flat(flat, view) for view in range(len(self.orbit.angles_deg))])

    def back_project(self, projections: NDArray[np.floating]) -> Array:
        """Return the adjoint of :meth:`project`: the sum of all views' :meth:`back`."""
        flat = sum(self.back_flat(one, view) for view, one in enumerate(projections))
        return self.unflat(np.asarray(flat, np.float32))
