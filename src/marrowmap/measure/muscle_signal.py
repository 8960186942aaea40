"""The signal of muscle beside a femur on T1, as a smooth map: what marrow is compared with where it may be replaced.

Skeletal muscle is the internal standard for infiltrated marrow on T1 (Carroll 1997, J Magn Reson Imaging 7:394-398).
The coils shade an image, so muscle is read around each place and not once for the whole image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume

FAT_QUANTILE = 0.95
"""Of the soft tissue's signal: fat between and around muscles is the brightest tissue of a T1 image."""

LEAST_OF_FAT, MOST_OF_FAT = 0.15, 0.65
"""Muscle has between these shares of fat's signal: below is cortex, tendon or void, above is fat mixed in."""

EVEN = 0.15
"""Muscle is taken where a voxel and its neighbors in the slice scatter by at most this share of their mean, noise
aside: not at its edges, not at fatty streaks."""

BIN = 0.02
MODE_SIGMA = 0.06
"""Width of a bin and smoothing of the histogram of the logarithm of the signal, whose peak is muscle."""

KEPT = 0.25
KEPT_LOCALLY = 0.12
"""Muscle lies within this of the peak, and then of the level around it (logarithm)."""

LEVEL_SIGMA_MM = 20.0
"""Neighborhood over which the level is averaged: small against a coil, wide against a muscle."""

LEAST_ML = 15.0
"""With less muscle in view nothing is compared with it."""

LEAST_SHARE = 0.15
"""Of the soft tissue: a peak with less of it may be anything."""

LEAST_SUPPORT = 0.02
"""Share of the neighborhood that must be muscle for its level to be known at a place."""

LEVEL_ERROR = 0.07
"""Standard deviation of the level's error, relative: fat within muscle, shading within the neighborhood. Root mean
square of the ratio's error in four virtual tumors (tuning seeds)."""


@dataclass(frozen=True, eq=False)
class MuscleSignal:
    """Muscle's T1 signal around one femur.

    Parameters
    ----------
    level : Volume
        Signal that muscle would have at each voxel; 0 where no muscle is near enough to tell.
    mask : Mask
        The voxels it was read from.
    of_fat : float
        Its share of fat's signal.
    relative_sd : float
        Standard deviation of the level's error over the level.
    """

    level: Volume
    mask: Mask
    of_fat: float
    relative_sd: float


def measure_muscle(t1: Volume, soft_tissue: Mask, noise: float) -> MuscleSignal:
    """Read muscle's signal from soft tissue that also holds fat, vessels, fasciae and tendons.

    Parameters
    ----------
    t1 : Volume
        T1-weighted image without fat suppression.
    soft_tissue : Mask
        Outside bones and joint, same grid.
    noise : float
        Standard deviation of the image's noise, in its own units.

    Raises
    ------
    InputError
        If there is too little soft tissue, or no peak of its signal that could be muscle's.
    GeometryError
        If the grids differ.
    """
    grid = t1.grid
    within = t1.within(soft_tissue)
    if within.size * grid.voxel_volume_ml < LEAST_ML:
        raise InputError(
            "too little soft tissue lies within the T1 images around the femur to compare marrow with muscle"
        )
    fat = float(np.quantile(within, FAT_QUANTILE))
    mean, scatter = _mean_and_scatter(t1.array, grid, noise)
    log = np.log(np.maximum(mean, 1e-3 * max(fat, 1e-6)))
    even = soft_tissue.array & (scatter <= EVEN * mean)
    even &= (mean > LEAST_OF_FAT * fat) & (mean < MOST_OF_FAT * fat)
    if not even.any():
        raise InputError("no muscle was found beside the femur on T1: is it fat-suppressed, or after contrast medium?")
    kept = even & (np.abs(log - _peak(log[even])) < KEPT)
    level, support = _local_level(log, kept, grid)
    kept &= (np.abs(log - level) < KEPT_LOCALLY) & (support > LEAST_SUPPORT)
    volume = float(kept.sum()) * grid.voxel_volume_ml
    if volume < LEAST_ML or volume < LEAST_SHARE * soft_tissue.volume_ml:
        raise InputError(
            f"only {volume:.0f} mL of even muscle lies beside the femur on T1: marrow cannot be compared with it"
        )
    level, support = _local_level(log, kept, grid)
    signal = np.where(support > LEAST_SUPPORT, np.exp(level), 0).astype(np.float32)
    of_fat = float(np.exp(np.median(log[kept]))) / fat
    return MuscleSignal(t1.with_array(signal), Mask(grid, kept), of_fat, LEVEL_ERROR)


def _mean_and_scatter(
    signal: NDArray[np.float32], grid: Grid, noise: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return mean and standard deviation of a voxel and its eight neighbors in the slice, noise taken off."""
    size = [1 if axis == grid.slice_axis else 3 for axis in range(3)]
    mean = ndimage.uniform_filter(signal, size)
    variance = ndimage.uniform_filter(np.square(signal), size) - np.square(mean) - np.float32(noise**2)
    return mean, np.sqrt(np.maximum(variance, 0))


def _peak(log: NDArray[np.float32]) -> float:
    """Return where a histogram of the logarithm of the signal is highest."""
    low, high = float(log.min()), float(log.max())
    count, edges = np.histogram(log, max(int((high - low) / BIN), 1), (low, high + 1e-6))
    top = int(np.argmax(ndimage.gaussian_filter1d(count.astype(float), MODE_SIGMA / BIN)))
    return float(edges[top] + edges[top + 1]) / 2


def _local_level(
    log: NDArray[np.float32], kept: NDArray[np.bool_], grid: Grid
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the mean of the logarithm around each voxel, and which share of the neighborhood it rests on."""
    # Every third voxel is plenty for a mean over centimeters.
    step = tuple(1 if s > 1.5 else 3 for s in grid.spacing)
    coarse = tuple(slice(None, None, n) for n in step)
    sigma = [LEVEL_SIGMA_MM / (s * n) for s, n in zip(grid.spacing, step, strict=True)]
    weight = ndimage.gaussian_filter(kept[coarse].astype(np.float32), sigma, mode="constant")
    total = ndimage.gaussian_filter(np.where(kept[coarse], log[coarse], 0), sigma, mode="constant")
    return _refine(total / np.maximum(weight, 1e-6), step, grid), _refine(weight, step, grid)


def _refine(array: NDArray[np.float32], step: tuple[int, ...], grid: Grid) -> NDArray[np.float32]:
    """Bring every `step`-th voxel back to the whole grid, smoothly."""
    whole = repeat_voxels(array, step, grid.shape)
    return np.asarray(ndimage.uniform_filter(whole, [2 * n - 1 for n in step], mode="nearest"), np.float32)


def repeat_voxels(array: NDArray[Any], step: Sequence[int], shape: tuple[int, ...]) -> NDArray[Any]:
    """Bring every `step`-th voxel back to a grid of a shape: each stands for those up to the next."""
    for axis, n in enumerate(step):
        array = np.repeat(array, n, axis=axis)
    return np.ascontiguousarray(array[tuple(slice(0, n) for n in shape)])
