"""Limits of agreement of two readers' measurements, with intervals of the limits themselves.

Bland and Altman 1986, Lancet 1:307. Intervals of the limits: exact for one difference a person (Carkeet 2015, Optom Vis
Sci 92:e71); by recovered variances where people have several (Zou 2013, Stat Methods Med Res 22:630).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TAIL = (1 + CONFIDENCE) / 2
Z = float(stats.norm.ppf(TAIL))
EQUAL = "no interval: all differences are equal"
TOO_FEW = "not defined: one difference has no spread"
NO_READ = "not defined: no case was measured by both"


@dataclass(frozen=True)
class LimitsOfAgreement:
    """Mean difference (first minus second) and the limits within which 95 % of differences lie.

    Parameters
    ----------
    bias, lower, upper : Estimate
        In the measurements' unit.
    sd : float or None
        Standard deviation of the differences, within and between people.
    cases, people : int
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float | None
    cases: int
    people: int


def limits_of_agreement(first: Floats, second: Floats, people: Ints) -> LimitsOfAgreement:
    """Return the limits of agreement of two sets of measurements of the same cases.

    Parameters
    ----------
    first, second : (cases,) array
        Not a number where missing: such cases are left out.
    people : (cases,) array of int
        Person of each case.
    """
    difference = first - second
    kept = np.isfinite(difference)
    difference, who = difference[kept], people[kept]
    n = len(difference)
    if n < 2:
        bias = Estimate(float(difference[0]), note="no interval: one case only") if n else undefined(NO_READ)
        nothing = undefined(TOO_FEW if n else NO_READ)
        return LimitsOfAgreement(bias, nothing, nothing, None, n, n)
    persons, numbers = np.unique(who, return_inverse=True)
    if len(persons) == n:
        bias, lower, upper, sd = _independent(difference)
    elif len(persons) == 1:
        mean, sd = float(difference.mean()), float(difference.std(ddof=1))
        note = "no interval: one person only"
        bias, lower, upper = (Estimate(mean + z * sd, note=note) for z in (0, -Z, Z))
    else:
        bias, lower, upper, sd = _clustered(difference, numbers)
    return LimitsOfAgreement(bias, lower, upper, sd, n, len(persons))


def _independent(difference: Floats) -> tuple[Estimate, Estimate, Estimate, float]:
    n, mean, sd = len(difference), float(difference.mean()), float(difference.std(ddof=1))
    if sd == 0:
        flat = Estimate(mean, note=EQUAL)
        return flat, flat, flat, 0.0
    reach = float(stats.t.ppf(TAIL, n - 1)) * sd / math.sqrt(n)
    # The limit's pivot (mean + z sd - limit) is noncentral t: exact at every number of cases.
    near, far = (float(stats.nct.ppf(p, n - 1, Z * math.sqrt(n))) * sd / math.sqrt(n) for p in (1 - TAIL, TAIL))
    return (
        Estimate(mean, mean - reach, mean + reach),
        Estimate(mean - Z * sd, mean - far, mean - near),
        Estimate(mean + Z * sd, mean + near, mean + far),
        sd,
    )


def _clustered(difference: Floats, people: Ints) -> tuple[Estimate, Estimate, Estimate, float]:
    """Return bias and limits where people have several cases, by the method of variance estimates recovery."""
    sizes = np.bincount(people).astype(float)
    means = np.bincount(people, difference) / sizes
    n, total = len(sizes), len(difference)
    between = float(means.var(ddof=1))
    within = float(((difference - means[people]) ** 2).sum() / (total - n))
    share = 1 - float((1 / sizes).mean())
    sd = math.sqrt(between + share * within)
    mean = float(means.mean())
    if sd == 0:
        flat = Estimate(mean, note=EQUAL)
        return flat, flat, flat, 0.0

    def recovered(tail: float, sign: float) -> float:
        parts = (
            between * (1 - (n - 1) / float(stats.chi2.ppf(tail, n - 1))),
            share * within * (1 - (total - n) / float(stats.chi2.ppf(tail, total - n))),
        )
        return math.sqrt(max(sd**2 + sign * math.hypot(*parts), 0.0))

    least, most = recovered(TAIL, -1), recovered(1 - TAIL, 1)
    error = Z * math.sqrt(between / n)
    out, inward = math.hypot(error, Z * (most - sd)), math.hypot(error, Z * (sd - least))
    reach = float(stats.t.ppf(TAIL, n - 1)) * math.sqrt(between / n)
    note = "interval by recovered variances: some people have several cases"
    return (
        Estimate(mean, mean - reach, mean + reach, note),
        Estimate(mean - Z * sd, mean - Z * sd - out, mean - Z * sd + inward, note),
        Estimate(mean + Z * sd, mean + Z * sd - inward, mean + Z * sd + out, note),
        sd,
    )
