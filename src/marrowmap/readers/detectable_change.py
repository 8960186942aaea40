"""Smallest detectable change: what two reads of one case must differ by before it is more than reading error.

1.96 times the root of 2 times the standard error of measurement (de Vet et al. 2006, J Clin Epidemiol 59:1033).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Floats = NDArray[np.float64]

TAIL = (1 + CONFIDENCE) / 2
Z = float(stats.norm.ppf(TAIL))


def smallest_detectable_change(values: Floats) -> Estimate:
    """Return the change beyond reading error if each of two reads may be any reader's, in the values' unit.

    The standard error of measurement is the one of agreement: differences in level between readers count. It is the
    root of the mean square within cases; its interval is chi-square's, in which reads of a case count as independent.

    Parameters
    ----------
    values : (cases, readers) array
        Not a number where missing; cases with fewer than two reads are left out.
    """
    read = np.isfinite(values)
    reads = read.sum(axis=1)
    kept = reads >= 2
    df = int((reads[kept] - 1).sum())
    if df == 0:
        return undefined("not defined: no case was read twice")
    rows, seen = np.where(read, values, 0.0)[kept], read[kept]
    means = rows.sum(axis=1) / reads[kept]
    squares = float((((rows - means[:, None]) ** 2) * seen).sum())
    change = Z * math.sqrt(2 * squares / df)
    if change == 0:
        return Estimate(0.0, note="no interval: all reads are equal")
    low, high = (change * math.sqrt(df / float(stats.chi2.ppf(p, df))) for p in (TAIL, 1 - TAIL))
    return Estimate(change, low, high)
