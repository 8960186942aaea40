"""Counts as proportions with exact intervals, and times to resolution with those that are not over."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import CensoredData
from scipy.stats import binomtest
from scipy.stats import ecdf


@dataclass(frozen=True)
class Proportion:
    """`count` of `total` with the bounds of the exact 95 % interval."""

    count: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """The proportion, 0 to 1."""
        return self.count / self.total


def exact_proportion(count: int, total: int, confidence: float = 0.95) -> Proportion:
    """Return a proportion with its Clopper-Pearson interval (Clopper and Pearson 1934, Biometrika 26:404).

    Raises
    ------
    ValueError
        If `count` is not within 0 to `total`, or `total` is 0.
    """
    interval = binomtest(count, total).proportion_ci(confidence, "exact")
    return Proportion(count, total, float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Resolution:
    """Share of episodes not over after each time: Kaplan-Meier with pointwise 95 % log-log intervals.

    Parameters
    ----------
    months : tuple of float
        Times at which an episode ended, ascending.
    remaining, low, high : tuple of float
        Share not yet over just after each of them.
    at_risk : tuple of int
        Episodes still followed and not over just before each.
    episodes, ended : int
    median, median_low, median_high : float
        Months; infinite where the curve, or its bound, does not fall to half.
    """

    months: tuple[float, ...]
    remaining: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    at_risk: tuple[int, ...]
    episodes: int
    ended: int
    median: float
    median_low: float
    median_high: float


def _half(months: Sequence[float], share: Sequence[float]) -> float:
    """Return the first time at which a curve is at or below one half."""
    return next((t for t, s in zip(months, share, strict=True) if s <= 0.5 + 1e-12), math.inf)


def resolution_curve(months: Sequence[float], ended: Sequence[bool]) -> Resolution:
    """Return the Kaplan-Meier curve of times to resolution (Kaplan and Meier 1958, J Am Stat Assoc 53:457).

    Computed by ``scipy.stats.ecdf``; the median's interval holds every time at which the pointwise interval holds one
    half (Brookmeyer and Crowley 1982).

    Parameters
    ----------
    months : sequence of float
        From onset to the first exam that shows the episode over, or to the last exam where it is not.
    ended : sequence of bool

    Raises
    ------
    ValueError
        If there is no episode, a time is negative or not finite, or both differ in length.
    """
    time, over = np.asarray(months, float), np.asarray(ended, bool)
    if not len(time) or time.shape != over.shape or not np.isfinite(time).all() or (time < 0).any():
        raise ValueError("each episode needs a finite time of 0 or more and whether it ended")
    if not over.any():
        return Resolution((), (), (), (), (), len(time), 0, math.inf, math.inf, math.inf)
    curve = ecdf(CensoredData.right_censored(time, ~over)).sf
    with warnings.catch_warnings():
        # It is undefined where nobody is left: below.
        warnings.simplefilter("ignore", RuntimeWarning)
        interval = curve.confidence_interval(0.95, method="log-log")
    points = np.unique(time[over])
    at = np.searchsorted(curve.quantiles, points)
    remaining = curve.probabilities[at]
    # Where nobody is left the log-log interval is not defined: it keeps its last upper bound, and no lower one.
    low = np.nan_to_num(interval.low.probabilities[at], nan=0.0)
    high = interval.high.probabilities[at]
    high = np.where(np.isnan(high), np.concatenate(([1.0], high[:-1])), high)
    return Resolution(
        months=tuple(points.tolist()),
        remaining=tuple(remaining.tolist()),
        low=tuple(np.minimum(low, remaining).tolist()),
        high=tuple(high.tolist()),
        at_risk=tuple(int((time >= t).sum()) for t in points),
        episodes=len(time),
        ended=int(over.sum()),
        median=_half(points.tolist(), remaining.tolist()),
        median_low=_half(points.tolist(), low.tolist()),
        median_high=_half(points.tolist(), high.tolist()),
    )
