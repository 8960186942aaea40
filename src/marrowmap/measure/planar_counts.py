"""Counts in bone regions of planar images, ratios of one side to the other, and time-activity curves.

Counts are Poisson: their intervals are exact (Garwood 1936). A ratio's interval also holds how well the regions are
placed: how much the counts change where a region is moved by its own error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.stats import chi2

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.projection import project_regions
from marrowmap.image import PlaneGrid
from marrowmap.image.grid import read_only
from marrowmap.measure.planar_images import PhaseImage
from marrowmap.values import Quantity
from marrowmap.values import Side

REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
LEAST_MM2 = 90.0
"""A region of which less is in view is not counted."""
STEP_MM = 2.0
SHARED = 0.8
"""Of the variance of place: a pelvis found too wide or too high lays both heads outward or up alike (tuning seeds)."""
LEAST_RATIO_SD = 0.01
"""Least relative error of a ratio that placing and counting leave: depth, form of the outline (tuning seeds)."""
DRAWS = 200
RISE_S = 8.0
"""Over so long the slope of a curve is taken; half of it its peak is averaged over."""


@dataclass(frozen=True, eq=False)
class RegionCounts:
    """Counts of one region in one phase.

    Parameters
    ----------
    views : tuple of Quantity
        Counts in each view within the outline, with their exact 95 % Poisson intervals.
    pixels : float
        Of the region, parts of pixels included.
    density : float
        Counts a pixel: geometric mean of the views.
    counting : float
        Relative variance of `density` by counting.
    slopes, bends : array, shape (2,)
        How the logarithm of `density` changes, by mm and mm2, where the region is laid further outward and further to
        the feet.
    error_mm : float
        Standard deviation of the region's place along an axis.
    """

    views: tuple[Quantity, ...]
    pixels: float
    density: float
    counting: float
    slopes: NDArray[np.float64]
    bends: NDArray[np.float64]
    error_mm: float


def poisson_interval(counts: float) -> Quantity:
    """Return counts with their exact 95 % interval (Garwood 1936)."""
    low = float(chi2.ppf(0.025, 2 * counts) / 2) if counts > 0 else 0.0
    return Quantity(counts, "1", low, float(chi2.ppf(0.975, 2 * counts + 2) / 2))


def region_shares(femur: BoneFrame, grid: PlaneGrid, moved_mm: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return the outlines of :data:`REGIONS` where the patient lies further to the left and to the feet."""
    shares = project_regions(femur, grid, (float(moved_mm[0]), float(moved_mm[1])))
    return {name: shares[name] for name in REGIONS}


def _density(image: PhaseImage, share: NDArray[np.float64]) -> float:
    """Return counts a pixel, the geometric mean of the views; 0 where a view has none."""
    means = [float((view.array * share).sum()) / max(float(share.sum()), 1e-9) for view in image.views]
    return float(np.prod(means) ** (1 / len(means)))


def count_region(
    image: PhaseImage, share: NDArray[np.float64], side: Side, head_error_mm: float
) -> RegionCounts | None:
    """Count one region; None where it lies outside the view or a view holds no count in it."""
    density = _density(image, share)
    # By area: on the large pixels of a flow a whole neck is four of them.
    if share.sum() * image.views[0].grid.pixel_area_mm2 < LEAST_MM2 or density <= 0:
        return None
    counts = [float((view.array * share).sum()) for view in image.views]
    counting = sum(1 / one for one in counts) / len(counts) ** 2
    slopes, bends = np.zeros(2), np.zeros(2)
    spacing = image.views[0].grid.spacing_mm
    for axis in (0, 1):
        step = np.zeros(2)
        step[axis] = STEP_MM / spacing[axis] * (side.sign if axis == 0 else 1)
        ahead, behind = (_density(image, ndimage.shift(share, sign * step, order=1)) for sign in (1, -1))
        if min(ahead, behind) > 0:
            slopes[axis] = np.log(ahead / behind) / (2 * STEP_MM)
            bends[axis] = (np.log(ahead) + np.log(behind) - 2 * np.log(density)) / STEP_MM**2
    return RegionCounts(
        tuple(poisson_interval(one) for one in counts),
        float(share.sum()),
        density,
        counting,
        slopes,
        bends,
        float(np.hypot(head_error_mm, image.moved_sd_mm)),
    )


def _placed_variance(slopes: NDArray[np.float64], bends: NDArray[np.float64], error_mm: float) -> float:
    """Return the relative variance of counts by a region's place.

    A region on a summit loses counts whichever way it is moved: the bend counts as well.
    """
    return float(((slopes * error_mm) ** 2).sum() + ((bends * error_mm**2) ** 2).sum() / 2)


def placing_variance(this: RegionCounts, other: RegionCounts) -> float:
    """Return the relative variance of a ratio of both sides by where their regions were laid."""
    error = float(np.hypot(this.error_mm, other.error_mm)) / 2**0.5
    together = _placed_variance(this.slopes - other.slopes, this.bends - other.bends, error)
    apart = sum(_placed_variance(one.slopes, one.bends, one.error_mm) for one in (this, other))
    return SHARED * together + (1 - SHARED) * apart


def side_ratio(this: RegionCounts, other: RegionCounts) -> Quantity:
    """Return this side's counts a pixel over the other's, with the 95 % interval of counting and placing."""
    ratio = this.density / other.density
    sd = float(np.sqrt(this.counting + other.counting + placing_variance(this, other) + LEAST_RATIO_SD**2))
    return Quantity(ratio, "1", ratio * float(np.exp(-1.96 * sd)), ratio * float(np.exp(1.96 * sd)))


@dataclass(frozen=True, eq=False)
class TimeActivity:
    """One region's counts in time.

    Parameters
    ----------
    middle_s, duration_s : array, shape (frames,)
        From the start of the flow.
    rate : array, shape (frames,)
        Counts/s a pixel, geometric mean of the views.
    counts : array, shape (views, frames)
        In the whole region.
    pixels : float
    """

    middle_s: NDArray[np.float64]
    duration_s: NDArray[np.float64]
    rate: NDArray[np.float64]
    counts: NDArray[np.float64]
    pixels: float

    def __post_init__(self) -> None:
        for name in ("middle_s", "duration_s", "rate", "counts"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name), np.float64)))


def time_activity(image: PhaseImage, share: NDArray[np.float64]) -> TimeActivity | None:
    """Follow a region through the frames of a flow; None where there is one frame only."""
    if image.dynamic is None:
        return None
    views = [view for view in (image.dynamic.view(plane.grid.view) for plane in image.views) if view is not None]
    if views[0].array.shape[2] < 3:
        return None
    counts = np.stack([np.tensordot(share, view.array, axes=2) for view in views])
    pixels = float(share.sum())
    rate = np.prod(counts, axis=0) ** (1 / len(views)) / pixels / views[0].duration_s
    return TimeActivity(views[0].middle_s, views[0].duration_s, rate, counts, pixels)


def _smooth(rate: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    return np.asarray(np.convolve(rate, np.ones(frames) / frames, mode="valid"), np.float64)


def peak_and_slope(rate: NDArray[np.float64], frame_s: float) -> tuple[float, float]:
    """Return the greatest running mean of a curve, and its steepest rise a second."""
    short, long = max(round(RISE_S / 2 / frame_s), 2), max(round(RISE_S / frame_s), 3)
    at = (np.arange(long) - (long - 1) / 2) * frame_s
    slopes = np.convolve(rate, at[::-1] / (at**2).sum(), mode="valid")
    return float(_smooth(rate, short).max()), float(slopes.max())


def curve_ratios(
    this: TimeActivity, other: TimeActivity, placing_sd: float, rng: np.random.Generator
) -> dict[str, Quantity]:
    """Return ratios of peak and slope; intervals by drawing the counts anew, and the placing of the regions.

    Parameters
    ----------
    this, other : TimeActivity
    placing_sd : float
        Relative standard deviation of the area's ratio by placing.
    rng : Generator

    Returns
    -------
    dict of str to Quantity
        ``peak`` and ``slope``; left out where a curve does not rise.
    """
    frame_s = float(this.duration_s[0])

    def ratios(curves: list[NDArray[np.float64]]) -> NDArray[np.float64]:
        a, b = (np.array(peak_and_slope(curve, frame_s)) for curve in curves)
        return np.asarray(a / np.maximum(b, 1e-12), np.float64)

    def drawn(curve: TimeActivity) -> NDArray[np.float64]:
        counts = rng.poisson(curve.counts)
        return np.asarray(np.prod(counts, axis=0) ** (1 / len(counts)) / curve.pixels / curve.duration_s, np.float64)

    value = ratios([this.rate, other.rate])
    tried = np.log(np.maximum([ratios([drawn(this), drawn(other)]) for _ in range(DRAWS)], 1e-6))
    sd = np.hypot(tried.std(axis=0), placing_sd)
    return {
        name: Quantity(float(v), "1", float(v * np.exp(-1.96 * s)), float(v * np.exp(1.96 * s)))
        for name, v, s in zip(("peak", "slope"), value, sd, strict=True)
        if np.isfinite(v) and v > 0 and s < 1.5
    }
