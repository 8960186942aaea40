"""Sensitivity and specificity at a threshold, exact or, where people have several cases, by drawing people again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.course.proportions import exact_proportion
from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]

TAIL = (1 + CONFIDENCE) / 2


def proportion_of_people(right: Bools, people: Ints, *, samples: int, seed: int) -> Estimate:
    """Estimate the share of cases that are `right`.

    One case a person: the interval of Clopper and Pearson. Several: the percentile interval of people drawn again; if
    all cases are right, or none, the exact one with people counted.

    Parameters
    ----------
    right : (cases,) array of bool
    people : (cases,) array of int
    samples, seed : int
        Bootstrap samples and their seed.
    """
    if not len(right):
        return undefined("not defined: no such case")
    persons, numbers = np.unique(people, return_inverse=True)
    value = float(right.mean())
    if len(persons) == len(right):
        exact = exact_proportion(int(right.sum()), len(right), CONFIDENCE)
        return Estimate(value, exact.low, exact.high)
    if value in (0.0, 1.0):
        exact = exact_proportion(int(value) * len(persons), len(persons), CONFIDENCE)
        return Estimate(value, exact.low, exact.high, "exact interval, people counted: all their cases are alike")
    hits, sizes = np.bincount(numbers, right), np.bincount(numbers)
    count = len(persons)
    times = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=samples)
    low, high = np.quantile((times @ hits) / (times @ sizes), [1 - TAIL, TAIL])
    return Estimate(value, float(low), float(high), f"interval of {samples} bootstrap samples of people, seed {seed}")


def sensitivity(called: Bools, truth: Bools, people: Ints, *, samples: int, seed: int) -> Estimate:
    """Estimate the share of positive cases called positive; all arrays (cases,)."""
    return proportion_of_people(called[truth], people[truth], samples=samples, seed=seed)


def specificity(called: Bools, truth: Bools, people: Ints, *, samples: int, seed: int) -> Estimate:
    """Estimate the share of negative cases called negative; all arrays (cases,)."""
    return proportion_of_people(~called[~truth], people[~truth], samples=samples, seed=seed)
