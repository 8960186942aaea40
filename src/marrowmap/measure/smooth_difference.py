"""Find known patterns in a picture of differences where soft tissue adds something smooth that is not known.

Generalized least squares: the smooth part is a Gaussian process in cosines whose amplitudes fall with frequency, so
that a pattern is measured by what is sharper than soft tissue as well as by its size; pixels that neither explains
weigh less.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

LONGEST_MM = 150.0
"""Amplitudes of the smooth part fall from this wavelength on."""
SHORTEST_MM = 25.0
FALL = 2.0
ODD = 3.0
"""From this many standard deviations on a pixel holds something else (a fold, bowel gas) and loses weight."""
ROUNDS = 4
OVERLAY_ROUNDS = 12
OVERLAY_FROM_MM = 6.0
"""Structure finer than this is laid over each other."""
SHIFT_SD_MM = 3.0
LINEAR_SD = 0.06
"""How far the two are off beforehand: shift, and turn, size and shear as a share of the distance."""


@dataclass(frozen=True, eq=False)
class Pattern:
    """What is found.

    Parameters
    ----------
    amount : array, shape (n,)
        Of each free pattern.
    sd : array, shape (n,)
        Standard deviation, if the noise were as stated.
    left_over : float
        Standard deviation of what nothing explains.
    """

    amount: NDArray[np.float64]
    sd: NDArray[np.float64]
    left_over: float


def smooth_columns(shape: tuple[int, int], pixel_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return smooth pictures, shape (k, *shape), and the relative standard deviation of each one's amplitude."""
    waves = [
        [np.cos(np.pi * k * (np.arange(n) + 0.5) / n) for k in range(int(2 * n * pixel_mm / SHORTEST_MM) + 1)]
        for n in shape
    ]
    columns, spread = [], []
    for i, across in enumerate(waves[0]):
        for j, down in enumerate(waves[1]):
            frequency = np.hypot(i / shape[0], j / shape[1]) / (2 * pixel_mm)
            if frequency * SHORTEST_MM <= 1:
                columns.append(across[:, None] * down[None])
                spread.append((1 + (frequency * LONGEST_MM) ** 2) ** (-FALL / 2))
    return np.array(columns), np.array(spread)


def find_patterns(
    difference: NDArray[np.float64],
    use: NDArray[np.bool_],
    free: NDArray[np.float64],
    held: NDArray[np.float64],
    held_sd: NDArray[np.float64],
    *,
    pixel_mm: float,
    smooth_sd: float,
    noise_sd: float,
) -> Pattern:
    """Explain a difference by patterns of free amount, others of small amount and something smooth.

    Parameters
    ----------
    difference : array, shape (columns, rows)
    use : array of bool, shape (columns, rows)
    free : array, shape (n, columns, rows)
    held : array, shape (m, columns, rows)
    held_sd : array, shape (m,)
        How much of each there is beforehand.
    pixel_mm : float
    smooth_sd : float
        Amplitude of the smooth part at the longest wavelengths, in the picture's unit.
    noise_sd : float
        Of the mean of as many pixels as err together, in the picture's unit.
    """
    smooth, spread = smooth_columns((difference.shape[0], difference.shape[1]), pixel_mm)
    columns = np.concatenate([free, held, smooth])[:, use]
    prior = np.concatenate([np.full(len(free), 1e6), held_sd, smooth_sd * spread])
    target, weight = difference[use], np.ones(int(use.sum()))
    for _ in range(ROUNDS):
        scaled = columns * (weight / noise_sd**2)
        inverse = scaled @ columns.T + np.diag(1 / prior**2)
        amount = np.linalg.solve(inverse, scaled @ target)
        left = target - amount @ columns
        sd = max(float(np.sqrt((weight * left**2).sum() / weight.sum())), 1e-12)
        weight = 1 / (1 + (left / (ODD * sd)) ** 2)
    error = np.sqrt(np.diag(np.linalg.inv(inverse)))
    return Pattern(amount[: len(free)], error[: len(free)], sd)


def _fine(image: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    broad = ndimage.gaussian_filter(image, OVERLAY_FROM_MM / pixel_mm)
    return np.asarray(ndimage.gaussian_filter(image, 1.0 / pixel_mm) - broad, np.float64)


def overlay(
    still: NDArray[np.float64], moving: NDArray[np.float64], mask: NDArray[np.bool_], pixel_mm: float
) -> NDArray[np.float64]:
    """Return where in `moving` each pixel of `still` lies, shape (2, columns, rows): an affine map by fine structure.

    Parameters
    ----------
    still, moving : array, shape (columns, rows)
    mask : array of bool, shape (columns, rows)
        What is to be laid over each other.
    pixel_mm : float
    """
    shape = still.shape
    base = np.stack(np.meshgrid(np.arange(shape[0]), np.arange(shape[1]), indexing="ij")).astype(np.float64)
    reach = shape[0] / 3
    u, v = (base[axis] - shape[axis] / 2 for axis in (0, 1))
    terms = np.stack([np.ones(shape), u / reach, v / reach])
    spread = np.array([SHIFT_SD_MM / pixel_mm, LINEAR_SD * reach, LINEAR_SD * reach] * 2)
    fine, other = _fine(still, pixel_mm), _fine(moving, pixel_mm)
    soft = ndimage.gaussian_filter(mask.astype(np.float64), 1.5 / pixel_mm)
    moved = np.zeros(6)
    for _ in range(OVERLAY_ROUNDS):
        at = base + np.tensordot(moved.reshape(2, 3), terms, axes=1)
        here = ndimage.map_coordinates(other, at, order=1, mode="nearest")
        left = fine - here
        sd = 1.48 * float(np.median(np.abs(left[mask]))) + 1e-12
        weight = (soft / (1 + (left / (2 * sd)) ** 2)).ravel()
        slope = np.concatenate([part * terms for part in np.gradient(here)]).reshape(6, -1)
        # Neighboring pixels err together: a dozen count as one.
        scale = 12 * sd**2
        normal = (slope * weight) @ slope.T / scale + np.diag(1 / spread**2)
        step = np.linalg.solve(normal, (slope * weight) @ left.ravel() / scale - moved / spread**2)
        moved += step
        if np.abs(step).max() < 0.01:
            break
    return np.asarray(base + np.tensordot(moved.reshape(2, 3), terms, axes=1), np.float64)
