"""From SPECT projections to a volume: OSEM with attenuation, resolution recovery and a scatter estimate.

Geometry and conventions are those of :mod:`marrowmap.image.spect_projector`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image.attenuation import WATER_PER_MM
from marrowmap.image.spect_projector import FWHM_PER_SD
from marrowmap.image.spect_projector import LEHR
from marrowmap.image.spect_projector import Array
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_projector import Projector
from marrowmap.image.spect_projector import Response

LEAST = np.float32(1e-6)
DUAL_WINDOW_SHARE = 0.5
"""Scatter within the photopeak window over the counts of a window just below it (Jaszczak 1984, J Nucl Med 25:893)."""
SCATTER_SD_MM = 32.0
"""How far a photon scatters before it leaves, as a Gaussian: chosen with `SCATTER_STRENGTH`."""
SCATTER_STRENGTH = 0.30
"""Scattered photons accepted by a 20 % window for each one emitted, in water without end and before attenuation.

Chosen so that a point amid a cylinder of water 20 cm wide has 0.37 times as many scattered as unscattered counts, as is
usual for Tc-99m (from memory)."""


@dataclass(frozen=True)
class Osem:
    """How to reconstruct.

    Parameters
    ----------
    iterations, subsets : int
        The guideline says 3 to 5 iterations and 8 to 10 subsets (EANM 2016); concentration and resolution converge only
        beyond 10 iterations (Fukami 2021), so store these numbers with every SUV.
    response : Response or None
        What is recovered; None: no resolution recovery.
    post_filter_fwhm_mm : float
        Gaussian after the last iteration; 0: none.
    """

    iterations: int = 4
    subsets: int = 10
    response: Response | None = LEHR
    post_filter_fwhm_mm: float = 0.0

    def __post_init__(self) -> None:
        if self.iterations < 1 or self.subsets < 1 or self.post_filter_fwhm_mm < 0:
            raise InputError("OSEM needs at least 1 iteration and 1 subset, and a filter of 0 mm or more")


def _require_counts(name: str, counts: NDArray[np.floating], orbit: Orbit) -> Array:
    counts = np.asarray(counts, np.float32)
    if counts.ndim != 3 or len(counts) != len(orbit.angles_deg):
        raise GeometryError(
            f"{name} of shape {counts.shape} for {len(orbit.angles_deg)} view angles: give (views, rows, columns)"
        )
    if not np.isfinite(counts).all() or counts.min() < 0:
        raise InputError(f"{name} hold negative or not finite counts: a projection counts photons")
    return counts


def reconstruct(
    projections: NDArray[np.floating],
    orbit: Orbit,
    options: Osem | None = None,
    *,
    attenuation: NDArray[np.floating] | None = None,
    scatter: NDArray[np.floating] | None = None,
    progress: Callable[[float], None] | None = None,
) -> Array:
    """Reconstruct a volume by ordered-subset expectation maximization (Hudson and Larkin 1994).

    Scatter is added to what the model expects and never taken from the counts, which keeps them Poisson. Views are put
    in the order of their angle first: the order in which they come makes no difference.

    Parameters
    ----------
    projections : array, shape (views, rows, columns)
        Counts of the photopeak window.
    orbit : Orbit
        One angle and radius a view; pixels are square.
    options : Osem, optional
    attenuation : array, shape (rows, columns, columns), optional
        1/mm on the volume's own grid (see Returns); without it deep activity comes out too low.
    scatter : array, shape of the projections, optional
        Expected scattered counts, see :func:`scatter_from_windows` and :func:`effective_scatter`.
    progress : callable, optional
        Called with the share done.

    Returns
    -------
    array of float32, shape (rows, columns, columns)
        Volume (slices, rows to the back, columns to the left), slices in the order of the projections' rows, voxels of
        ``pixel_mm``, the axis of rotation in the middle. A voxel's value is the counts it would give in one view, if
        nothing were attenuated: divide by sensitivity (counts/s for 1 Bq), seconds a view and voxel volume in mL for
        Bq/mL. 0 outside the circle that every view sees.

    Raises
    ------
    GeometryError
        If shapes and numbers of views disagree.
    InputError
        If there are negative counts, or none at all.
    """
    options = options or Osem()
    counts = _require_counts("projections", projections, orbit)
    expected = np.zeros((1, 1, 1), np.float32) if scatter is None else _require_counts("scatter", scatter, orbit)
    if scatter is not None and expected.shape != counts.shape:
        raise GeometryError(f"scatter of shape {expected.shape} for projections of shape {counts.shape}")
    expected = np.broadcast_to(expected, counts.shape)
    views, rows, columns = counts.shape
    if not counts.any():
        raise InputError("the projections hold no counts: nothing to reconstruct")
    if attenuation is not None and attenuation.shape != (rows, columns, columns):
        raise GeometryError(
            f"the attenuation map has shape {attenuation.shape}, the volume {(rows, columns, columns)}: resample it"
        )
    order = np.argsort(np.mod(orbit.angles_deg, 360.0), kind="stable")
    # Rows that no detector covered stay empty and cost nothing; one more on each side takes what blurs over.
    used = np.flatnonzero(counts.any(axis=(0, 2)))
    low, high = max(int(used[0]) - 1, 0), min(int(used[-1]) + 2, rows)
    counts, expected = counts[order, low:high], expected[order, low:high]
    turned = Orbit(orbit.angles_deg[order], orbit.radius_mm[order], orbit.pixel_mm)
    mu = None if attenuation is None else attenuation[low:high]
    projector = Projector(turned, (high - low, columns, columns), attenuation=mu, response=options.response)

    subsets = [list(range(n, views, options.subsets)) for n in range(min(options.subsets, views))]
    middle = (columns - 1) / 2
    step = np.arange(columns) - middle
    circle = (step[:, None] ** 2 + step[None] ** 2 <= (middle + 0.5) ** 2).reshape(-1, 1)
    ones = np.ones((high - low, columns), np.float32)
    sensitivity = []
    for subset in subsets:
        total = np.zeros((columns * columns, high - low), np.float32)
        for view in subset:
            total += projector.back_flat(ones, view)
        sensitivity.append(total)
    start = float(counts.sum()) / (views * float(circle.sum()) * (high - low))
    volume = (circle * np.full((columns * columns, high - low), start)).astype(np.float32)
    for number in range(options.iterations):
        for subset, seen in zip(subsets, sensitivity, strict=True):
            update = np.zeros_like(volume)
            for view in subset:
                model = projector.forward_flat(volume, view) + expected[view]
                update += projector.back_flat(counts[view] / np.maximum(model, LEAST), view)
            volume *= update
            volume *= circle
            volume /= np.maximum(seen, LEAST)
        if progress is not None:
            progress((number + 1) / options.iterations)
    result = np.zeros((rows, columns, columns), np.float32)
    result[low:high] = projector.unflat(volume)
    if options.post_filter_fwhm_mm > 0:
        result = ndimage.gaussian_filter(result, options.post_filter_fwhm_mm / FWHM_PER_SD / orbit.pixel_mm)
    return result


def scatter_from_windows(
    lower: NDArray[np.floating],
    *,
    share: float = DUAL_WINDOW_SHARE,
    upper: NDArray[np.floating] | None = None,
    widths_kev: tuple[float, float, float] | None = None,
    smooth_pixels: float = 1.5,
) -> Array:
    """Estimate scatter in the photopeak window from windows beside it.

    Dual window: `share` times the lower window's counts (Jaszczak 1984). Triple window, with `upper` and `widths_kev`:
    the trapezoid under the photopeak between both windows' counts per keV (Ogawa 1991); for Tc-99m `upper` may be 0.

    Parameters
    ----------
    lower, upper : array, shape (views, rows, columns)
        Counts.
    share : float
        For the dual window.
    widths_kev : tuple of float
        Of the lower, upper and photopeak windows.
    smooth_pixels : float
        Standard deviation of a Gaussian over rows and columns: scatter is smooth, its counts are few.
    """
    lower = np.asarray(lower, np.float32)
    if upper is None:
        found = np.float32(share) * lower
    else:
        if widths_kev is None or min(widths_kev) <= 0:
            raise InputError("the triple-window estimate needs the widths of its three windows in keV, above 0")
        below, above, peak = (np.float32(width) for width in widths_kev)
        found = (lower / below + np.asarray(upper, np.float32) / above) * peak / 2
    return np.asarray(ndimage.gaussian_filter(found, (0, smooth_pixels, smooth_pixels)), np.float32)


def scatter_source(
    activity: NDArray[np.floating], attenuation: NDArray[np.floating], voxel_mm: float, strength: float
) -> Array:
    """Return where photons seem to come from that have scattered once or more: an effective source.

    Activity spread by a broad Gaussian, and weighted by how dense the tissue is there: nothing scatters in air. A
    coarse form of the effective source of Frey and Tsui 1996 (IEEE NSS/MIC), whose kernels come from Monte Carlo.

    Parameters
    ----------
    activity, attenuation : array, shape (a, b, c)
        Any unit; 1/mm.
    voxel_mm : float
    strength : float
        See :data:`SCATTER_STRENGTH`.
    """
    spread = ndimage.gaussian_filter(
        np.asarray(activity, np.float32), SCATTER_SD_MM / voxel_mm, mode="constant", truncate=3.0
    )
    return np.asarray(spread * (attenuation / WATER_PER_MM) * np.float32(strength), np.float32)


def effective_scatter(
    volume: NDArray[np.floating],
    orbit: Orbit,
    attenuation: NDArray[np.floating],
    *,
    response: Response | None = None,
    strength: float = SCATTER_STRENGTH,
) -> Array:
    """Estimate scattered counts from a first reconstruction, where no scatter window was recorded.

    Parameters
    ----------
    volume, attenuation : array, shape (slices, rows, columns)
        As :func:`reconstruct` returns and takes them.
    orbit : Orbit
    response : Response, optional
    strength : float

    Returns
    -------
    array of float32, shape (views, slices, columns)
        To give to :func:`reconstruct` as `scatter`.
    """
    slices, rows, columns = volume.shape
    source = scatter_source(volume, attenuation, orbit.pixel_mm, strength)
    shape = (slices, rows, columns)
    return Projector(orbit, shape, attenuation=attenuation, response=response).project(source)
