"""Statistics that are functions of sums over cases, and their intervals when people, not cases, were sampled.

Two hips of one person are not two people. Every interval here leaves out, or draws again, whole people.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

CONFIDENCE = 0.95
ROUNDING = 1e-12
"""Below this a standard error is nothing but rounding."""


@dataclass(frozen=True)
class Additive:
    """A statistic of sums over cases.

    Parameters
    ----------
    features : (cases, d) array
        What each case adds.
    finish : callable
        Turns sums, (..., d), into values, (...); not a number where they are not defined.
    why_not : str
        The reason if it is not defined.
    """

    features: Floats
    finish: Callable[[Floats], Floats]
    why_not: str

    def of(self, sums: Floats) -> Floats:
        """Return the statistic of sums, (..., d); not a number where it is not defined."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.asarray(self.finish(sums), float)
        return np.where(np.isfinite(values), values, np.nan)

    def value(self) -> float | None:
        """Return the statistic of all cases, or None."""
        value = float(self.of(self.features.sum(axis=0)))
        return None if math.isnan(value) else value

    def of_people(self, people: Ints) -> Floats:
        """Return the sums of each person's cases, (people, d), of those who have any."""
        persons, numbers = np.unique(people, return_inverse=True)
        sums = np.zeros((len(persons), self.features.shape[1]))
        np.add.at(sums, numbers, self.features)
        return sums


@dataclass(frozen=True)
class Scale:
    """A scale on which an interval is symmetrical: there, its slope, and back."""

    there: Callable[[float], float]
    slope: Callable[[float], float]
    back: Callable[[float], float]


PLAIN = Scale(lambda value: value, lambda value: 1.0, lambda value: value)
LOG_DISAGREEMENT = Scale(lambda v: -math.log(1 - v), lambda v: 1 / (1 - v), lambda z: 1 - math.exp(-z))
"""For agreement, whose estimates are skewed: a ratio of observed to chance disagreement becomes a difference."""


def jackknife_interval(
    statistic: Additive, people: Ints, *, scale: Scale = PLAIN, lowest: float = -1.0, more_variance: float = 0.0
) -> Estimate:
    """Estimate a statistic, at most 1, with its interval from leaving out one person at a time.

    The standard error is the jackknife's over people, the interval Student's with one degree less than people (Efron
    and Tibshirani 1993, chapter 11), symmetrical on `scale`. There is none, and the note says so, where the statistic
    is not defined without one of the people or all people are alike.

    Parameters
    ----------
    statistic : Additive
    people : (cases,) array of int
        Person of each case.
    scale : Scale
    lowest : float
        The least value the statistic can take.
    more_variance : float
        Variance of the statistic from other sources than the choice of people.
    """
    value = statistic.value()
    if value is None:
        return undefined(statistic.why_not)
    sums = statistic.of_people(people)
    count = len(sums)
    if count < 2:
        return Estimate(value, note="no interval: one person only")
    without = statistic.of(sums.sum(axis=0) - sums)
    if np.isnan(without).any():
        return Estimate(value, note="no interval: without one of the people it is not defined")
    error = math.sqrt((count - 1) / count * float(((without - without.mean()) ** 2).sum()) + more_variance)
    if error < ROUNDING or value > 1 - ROUNDING:
        return Estimate(value, note="no interval: all people are alike in it")
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, count - 1)) * error * scale.slope(value)
    low, high = (scale.back(scale.there(value) + side * reach) for side in (-1, 1))
    # Alpha of very few reads can itself lie below the least value it has in large samples.
    return Estimate(value, max(low, min(lowest, value)), min(high, 1.0))
