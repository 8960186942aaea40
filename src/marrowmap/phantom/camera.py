"""A gamma camera with a parallel-hole collimator: expected counts of any view of an activity map, and Poisson counts.

Views and columns follow :mod:`marrowmap.image.spect_projector`: at angle 0 the detector is behind the patient, at 180
in front; rows run from head to feet, columns to the viewer's right. Primary photons are followed on a grid of about
3.4 mm, scattered ones, which make only smooth shades, on one of twice that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid
from marrowmap.image.spect_projector import LEHR
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_projector import Projector
from marrowmap.image.spect_projector import Response
from marrowmap.image.spect_reconstruction import SCATTER_STRENGTH
from marrowmap.image.spect_reconstruction import scatter_source
from marrowmap.phantom.layers import Array

GAMMAS = 0.89
"""140.5 keV photons for each decay of Tc-99m."""
HEXAGON = 0.26
"""Shape factor of hexagonal holes in Anger's formula for geometric efficiency."""
PRIMARY_BELOW = 0.04
"""Unscattered photons that fall into the lower window for each in the photopeak, by poor energy resolution."""


@dataclass(frozen=True)
class Camera:
    """A detector with its collimator.

    Parameters
    ----------
    response : Response
        Low energy, high resolution; holes and length as in OpenGATE's model of a GE Discovery 670 (read).
    septa_mm : float
        The same source: 0.2 mm.
    crystal : float
        Share of photons through the collimator that end in a photopeak window of 15 to 20 % of 9.5 mm NaI. Together
        with Anger's formula it gives 72 counts/s for 1 MBq, as vendors state for such a collimator (from memory).
    width_mm, height_mm : float
        Of the field of view: across the patient, and along.
    scatter : float
        See :data:`marrowmap.image.spect_reconstruction.SCATTER_STRENGTH`.
    lower_window : float
        Counts of a window just below the photopeak (about 92-125 keV) for each scattered count within it: Jaszczak's
        0.5 turned round.
    """

    response: Response = LEHR
    septa_mm: float = 0.2
    crystal: float = 0.80
    width_mm: float = 540.0
    height_mm: float = 400.0
    scatter: float = SCATTER_STRENGTH
    lower_window: float = 2.0

    @property
    def counts_per_s_bq(self) -> float:
        """Sensitivity in air, whatever the distance, counts/s for 1 Bq.

        Geometric efficiency is ``(K d^2 / (l (d + t)))^2`` (Anger 1964; Cherry, Sorenson and Phelps, chapter 14).
        """
        hole, length = self.response.hole_mm, self.response.length_mm
        geometric = (HEXAGON * hole**2 / (length * (hole + self.septa_mm))) ** 2
        return GAMMAS * geometric * self.crystal


@dataclass(frozen=True)
class Detector:
    """Pixels of one kind of view.

    Parameters
    ----------
    matrix : int
        Rows and columns.
    pixel_mm : float
    center_z_mm : float
        LPS height of the middle between the middle rows.
    """

    matrix: int
    pixel_mm: float
    center_z_mm: float

    def row_z_mm(self) -> NDArray[np.float64]:
        """Return the LPS height of each row's middle, falling."""
        step = np.arange(self.matrix) - (self.matrix - 1) / 2
        return np.asarray(self.center_z_mm - step * self.pixel_mm, np.float64)


def _resampling(source: NDArray[np.floating], target: NDArray[np.floating], reach_mm: float) -> Array:
    """Return the matrix (target, source) from samples of a density to its integral over pixels, along one axis.

    The density runs straight between its samples and is 0 beyond them and beyond `reach_mm` from the middle of the
    target: the end of the detector.

    Parameters
    ----------
    source, target : array
        Sorted, evenly spaced middles, mm.
    """
    fine, width, step = 8, float(target[1] - target[0]), float(source[1] - source[0])
    inner = (np.arange(fine) + 0.5) / fine * width - width / 2
    place = (target[:, None] + inner).ravel()
    index = (place - source[0]) / step
    below = np.floor(index).astype(int)
    seen = (below >= 0) & (below < len(source) - 1) & (np.abs(place - target.mean()) < reach_mm)
    matrix = np.zeros((len(target), len(source)))
    row = np.repeat(np.arange(len(target)), fine)[seen]
    share = (index - below)[seen]
    # Per source sample, so that counts and not their density come in.
    np.add.at(matrix, (row, below[seen]), (1 - share) * width / fine / step)
    np.add.at(matrix, (row, below[seen] + 1), share * width / fine / step)
    return matrix.astype(np.float32)


def padded(image: Array) -> Array:
    """Return an image with zeros behind its last voxels, so that it can be halved twice about the same middle."""
    return np.pad(image, [(0, -n % 4) for n in image.shape])


def padded_grid(grid: Grid) -> Grid:
    """Return the grid of :func:`padded` images."""
    a, b, c = (n + -n % 4 for n in grid.shape)
    return Grid((a, b, c), grid.affine)


def halved(image: Array) -> Array:
    """Return sums over 2 x 2 x 2 voxels."""
    a, b, c = (n // 2 for n in image.shape)
    return np.asarray(image.reshape(a, 2, b, 2, c, 2).sum(axis=(1, 3, 5)), np.float32)


def halved_grid(grid: Grid) -> Grid:
    """Return the grid of :func:`halved` images."""
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.to_world((0.5, 0.5, 0.5))
    affine[:3, :3] *= 2
    a, b, c = (n // 2 for n in grid.shape)
    return Grid((a, b, c), affine)


def _upright(image: Array) -> Array:
    """Turn (x, y, z) of an LPS grid into (slices from the head down, rows to the back, columns to the left)."""
    return np.ascontiguousarray(image.transpose(2, 1, 0)[::-1])


class Bench:
    """A body before a camera: what any activity in it gives, view by view.

    Parameters
    ----------
    camera : Camera
    grid : Grid
        Axis-aligned, cubic voxels, LPS; the axis of rotation, `axis_mm`, runs through the middle of it :func:`padded`.
    attenuation : array, shape of the grid
        1/mm.
    angles_deg, radius_mm : array, shape (views,)
        Of the views; radii from the axis to the collimator.
    detector : Detector
    """

    def __init__(
        self,
        camera: Camera,
        grid: Grid,
        attenuation: Array,
        angles_deg: Sequence[float] | NDArray[np.float64],
        radius_mm: Sequence[float] | NDArray[np.float64],
        detector: Detector,
    ) -> None:
        self.camera, self.detector = camera, detector
        self._parts = []
        grid, mu = padded_grid(grid), padded(attenuation)
        self.axis_mm = grid.center[:2]
        for _ in range(2):
            grid, mu = halved_grid(grid), halved(mu) / np.float32(8)
            slices, rows, columns = grid.shape[2], grid.shape[1], grid.shape[0]
            voxel = float(grid.spacing[0])
            orbit = Orbit(np.asarray(angles_deg, float), np.asarray(radius_mm, float), voxel)
            # Wide enough for the body's corners at any angle.
            across = 2 * int(np.ceil(np.hypot(rows, columns) / 2))
            projector = Projector(
                orbit, (slices, rows, columns), columns=across, attenuation=_upright(mu), response=camera.response
            )
            z = np.asarray(grid.to_world((0, 0, 0))[2] + np.arange(slices) * voxel, np.float64)
            u = np.asarray((np.arange(across) - (across - 1) / 2) * voxel, np.float64)
            pixel = np.arange(detector.matrix) - (detector.matrix - 1) / 2
            down = _resampling(z, np.sort(detector.row_z_mm()), camera.height_mm / 2)[::-1, ::-1]
            self._parts.append((projector, mu, down, _resampling(u, pixel * detector.pixel_mm, camera.width_mm / 2)))
        self.views = len(self._parts[0][0].orbit.angles_deg)

    def _seen(self, level: int, image: Array, view: int) -> Array:
        projector, _, down, across = self._parts[level]
        return np.asarray(down @ projector.forward(_upright(image), view) @ across.T, np.float32)

    def sources(self, becquerel: Array) -> tuple[Array, Array]:
        """Return what shines on the fine grid, and the effective source of scatter on the coarse one, in Bq a voxel.

        Parameters
        ----------
        becquerel : array, shape of the grid
            Activity of each voxel.
        """
        primary = halved(padded(becquerel))
        mu = self._parts[1][1]
        spread = scatter_source(halved(primary), mu, self._parts[1][0].orbit.pixel_mm, self.camera.scatter)
        return primary, spread

    def rates(self, sources: tuple[Array, Array], view: int) -> tuple[Array, Array]:
        """Return expected counts/s of one view (rows, columns): in the photopeak, and in the window below it."""
        primary, scattered = self._seen(0, sources[0], view), self._seen(1, sources[1], view)
        below = self.camera.lower_window * scattered + PRIMARY_BELOW * primary
        rate = np.float32(self.camera.counts_per_s_bq)
        return rate * (primary + scattered), rate * below


def poisson(expected: NDArray[np.floating], rng: np.random.Generator) -> NDArray[np.uint16]:
    """Draw counts; a pixel holds at most 65535, as in a file."""
    return np.asarray(np.minimum(rng.poisson(np.maximum(expected, 0)), 65535), np.uint16)
