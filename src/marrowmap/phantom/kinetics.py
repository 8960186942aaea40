"""Where Tc-99m diphosphonate is after injection: a few curves that every tissue mixes by its own shares.

The activity at a place and time is ``sum over pools of share(place) * curve(time)``, with the shares of
:mod:`marrowmap.phantom.uptake`. All curves are standardized uptake values (activity per mL over injected activity per
gram of body, g/mL), decay taken away. So a dynamic series costs one projection for each pool, whatever its frames.

What has a source: the area under the first pass (Stewart and Hamilton: injected activity over cardiac output); 6 % of
the injected activity left in the circulation at 4 h (EANM 2016, read); uptake of bone at 2, 3, 4 and 5 h as 8.9 : 9.6 :
10.9 : 11.3 (facts.md 4.2). The three clearance times are set to meet both. Arrival, dispersion and mean transit times
are choices of the usual size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.integrate import cumulative_trapezoid

HALF_LIFE_S = 6.01 * 3600
REFERENCE_S = 3.0 * 3600
"""Bone's curve is 1 here."""
CLEARANCE = ((7.2, 4.0), (5.0, 30.0), (2.1, 250.0))
"""Blood after mixing: SUV and time constant in minutes of each exponential. At once 14.3 (all in 7 % of the body)."""
MOST_S = 8 * 3600.0


class Pool(Enum):
    """What a place mixes."""

    ARTERY = "artery"
    VEIN = "vein"
    CAPILLARY = "capillary"
    EXTRACELLULAR = "extracellular"
    BONE = "bone"
    URINE = "urine"


@dataclass(frozen=True)
class Kinetics:
    """One person's curves.

    Parameters
    ----------
    arrival_s : float
        From injection to the middle of the bolus' rise in the femoral arteries.
    bolus_s : float
        How wide the bolus is there (twice the standard deviation of its gamma curve).
    first_pass_suv_s : float
        Area under the first pass, g/mL s: body mass over cardiac output.
    transit_s : float
        Mean transit time through capillaries.
    exchange_min : float
        Time constant between blood and extracellular fluid.
    urine_suv : float
        Of the urine that is left after voiding at :data:`REFERENCE_S`, or is there soon after injection per hour.
    """

    arrival_s: float = 14.0
    bolus_s: float = 8.0
    first_pass_suv_s: float = 780.0
    transit_s: float = 20.0
    exchange_min: float = 8.0
    urine_suv: float = 12.0


def sample_kinetics(rng: np.random.Generator) -> Kinetics:
    """Draw one person's curves; all spreads are choices."""
    return Kinetics(
        arrival_s=float(rng.uniform(10, 20)),
        bolus_s=float(rng.uniform(6, 11)),
        first_pass_suv_s=float(rng.normal(780, 80)),
        transit_s=float(rng.uniform(14, 26)),
        exchange_min=float(rng.uniform(6, 11)),
        urine_suv=float(rng.lognormal(np.log(12), 0.6)),
    )


def decay(seconds: ArrayLike) -> NDArray[np.float64]:
    """Return the share of Tc-99m that is left after some seconds."""
    return np.asarray(np.exp2(-np.asarray(seconds, float) / HALF_LIFE_S), np.float64)


def _grid() -> NDArray[np.float64]:
    """Times (s) that are fine in the first pass and coarse later."""
    return np.concatenate([np.arange(0, 180, 0.25), np.geomspace(180, MOST_S, 600)])


def _dispersed(times: NDArray[np.float64], curve: NDArray[np.float64], constant_s: float) -> NDArray[np.float64]:
    """Return a curve after one well-mixed compartment: convolved with ``exp(-t / c) / c``, exact for straight parts."""
    result = np.zeros_like(curve)
    for n in range(1, len(times)):
        step = (times[n] - times[n - 1]) / constant_s
        kept = np.exp(-step)
        slope = (curve[n] - curve[n - 1]) / step
        result[n] = result[n - 1] * kept + curve[n - 1] * (1 - kept) + slope * (step - 1 + kept)
    return result


def blood_curve(kinetics: Kinetics, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the SUV of arterial blood at times (s): a first pass, and what has mixed since."""
    spread = kinetics.bolus_s / 2
    # A gamma curve that starts a few seconds before its mean; its shape follows from mean and spread.
    mean = 2.2 * spread
    shape, scale = (mean / spread) ** 2, spread**2 / mean
    after = np.maximum(times - kinetics.arrival_s + 0.5 * mean, 0)
    first = after ** (shape - 1) * np.exp(-after / scale)
    arrived = cumulative_trapezoid(first, times, initial=0)
    first, arrived = first / arrived[-1], arrived / arrived[-1]
    # What recirculates comes a transit later.
    mixed = _dispersed(times, arrived, kinetics.transit_s)
    minutes = times / 60
    left = sum(suv * np.exp(-minutes / constant) for suv, constant in CLEARANCE)
    return np.asarray(kinetics.first_pass_suv_s * first + mixed * left, np.float64)


def pool_curves(kinetics: Kinetics, times_s: ArrayLike) -> dict[Pool, NDArray[np.float64]]:
    """Return the curve of each pool at times after injection.

    Parameters
    ----------
    kinetics : Kinetics
    times_s : array
        0 to 8 h.

    Returns
    -------
    dict of Pool to array, shape of `times_s`
        SUV, decay taken away; bone relative to :data:`REFERENCE_S`.
    """
    grid = _grid()
    blood = blood_curve(kinetics, grid)
    capillary = _dispersed(grid, blood, kinetics.transit_s)
    bound = cumulative_trapezoid(blood, grid, initial=0)
    # The bladder fills as bone does, and is emptied before the delayed images.
    filling = bound / np.interp(REFERENCE_S, grid, bound)
    curves = {
        Pool.ARTERY: blood,
        Pool.VEIN: _dispersed(grid, capillary, kinetics.transit_s / 3),
        Pool.CAPILLARY: capillary,
        Pool.EXTRACELLULAR: _dispersed(grid, blood, kinetics.exchange_min * 60),
        Pool.BONE: filling,
        Pool.URINE: kinetics.urine_suv * filling,
    }
    times = np.asarray(times_s, float)
    return {pool: np.interp(times, grid, curve) for pool, curve in curves.items()}


def frame_means(
    kinetics: Kinetics, start_s: ArrayLike, duration_s: ArrayLike, samples: int = 9
) -> dict[Pool, NDArray[np.float64]]:
    """Return the mean of each pool's curve over frames, decay from injection on included.

    Parameters
    ----------
    kinetics : Kinetics
    start_s, duration_s : array, shape (frames,)
        From injection.

    Returns
    -------
    dict of Pool to array, shape (frames,)
        SUV times the share that has not decayed.
    """
    start, duration = np.atleast_1d(np.asarray(start_s, float)), np.atleast_1d(np.asarray(duration_s, float))
    at = start[:, None] + duration[:, None] * (np.arange(samples) + 0.5) / samples
    curves = pool_curves(kinetics, at)
    return {pool: np.asarray((curve * decay(at)).mean(axis=1), np.float64) for pool, curve in curves.items()}
