"""Intervals of one area under an ROC curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.auc import areas
from marrowmap.readers.auc import resampled_areas
from marrowmap.readers.auc_covariance import delong_covariance
from marrowmap.readers.estimate import Estimate

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

TAIL = (1 + CONFIDENCE) / 2
Z = float(stats.norm.ppf(TAIL))
NEARLY_ONE = 1 - 1e-9


def auc_interval(scores: Floats, truth: Bools, people: Ints) -> Estimate:
    """Estimate the area under one curve, (cases,), with its interval.

    Newcombe's score interval (2006, Stat Med 25:559, method 5), whose model of the variance holds where the area is
    near 1 and DeLong's estimate falls to 0. Where DeLong's variance over people (Obuchowski 1997, Biometrics 53:567) is
    the larger one, from cases of one person, ties or scores of unequal spread, cases count as fewer by that ratio. If
    all pairs are in order there is no such ratio and people are counted.

    Parameters
    ----------
    scores : (cases,) array
    truth : (cases,) array of bool
    people : (cases,) array of int
        Person of each case, numbered from 0.
    """
    area = float(areas(scores, truth))
    positive, negative = int(truth.sum()), int((~truth).sum())
    with_positive, with_negative = len(np.unique(people[truth])), len(np.unique(people[~truth]))
    if min(with_positive, with_negative) < 2:
        return Estimate(area, note="no interval: fewer than two people with, or without, a positive case")
    if not 0 < area < 1:
        low, high = score_interval(area, with_positive, with_negative)
        note = "people counted" if len(np.unique(people)) < len(people) else ""
        return Estimate(area, low, high, note)
    # With scores all alike, or people who balance out, DeLong's variance is 0 though the area is not known any better.
    delong = float(delong_covariance(scores[None], truth, people)[0, 0])
    share = min(1.0, _variance(area, positive, negative) / delong) if delong > 0 else 1.0
    low, high = score_interval(area, positive * share, negative * share)
    return Estimate(area, low, high)


def _variance(area: float, positive: float, negative: float) -> float:
    """Return the area's variance by Hanley and McNeil's exponential model with Newcombe's mean of both numbers."""
    half = max((positive + negative) / 2 - 1, 0.0)
    spread = 1 + half * (1 - area) / (2 - area) + half * area / (1 + area)
    return area * (1 - area) * spread / (positive * negative)


def score_interval(area: float, positive: float, negative: float) -> tuple[float, float]:
    """Return the areas whose variance puts them 1.96 standard errors away from `area` (Newcombe 2006, method 5).

    Parameters
    ----------
    area : float
    positive, negative : float
        Independent cases of either kind.
    """

    def off(candidate: float) -> float:
        return (area - candidate) ** 2 - Z**2 * _variance(candidate, positive, negative)

    # At an area of 0 or 1 its variance is 0, and so is `off`: the other root is looked for.
    low = 0.0 if area <= 0 else float(optimize.brentq(off, 0.0, min(area, NEARLY_ONE)))
    high = 1.0 if area >= 1 else float(optimize.brentq(off, max(area, 1 - NEARLY_ONE), 1.0))
    return low, high


def bootstrap_interval(scores: Floats, truth: Bools, people: Ints, *, samples: int, seed: int) -> Estimate:
    """Estimate the area under one curve, (cases,), with the percentile interval of people drawn again."""
    area = float(areas(scores, truth))
    drawn = resampled_areas(scores, truth, people, samples=samples, seed=seed)
    low, high = (float(bound) for bound in np.quantile(drawn, [1 - TAIL, TAIL]))
    return Estimate(area, low, high, f"interval of {samples} bootstrap samples of people, seed {seed}")
