"""Intraclass correlation: the share of variance that lies between cases, in six forms.

McGraw and Wong 1996, Psychol Methods 1:30. ICC(1): every case has readers of its own; ICC(A): the same readers, their
differences in level count (agreement); ICC(C): they do not (consistency). ``k`` is the mean of all readers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.readers.additive import CONFIDENCE
from marrowmap.readers.additive import Additive
from marrowmap.readers.additive import Scale
from marrowmap.readers.additive import jackknife_interval
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

TOO_FEW = "not defined: at least two readers and two cases that all of them have read are needed"
NO_SPREAD = "not defined: all values are equal, or all that differs averages out (0/0)"
TAIL = (1 + CONFIDENCE) / 2


@dataclass(frozen=True)
class MeanSquares:
    """Mean squares of cases, readers, residual and within cases, each (...), with their numbers."""

    cases: Floats
    readers: Floats
    residual: Floats
    within: Floats
    n: Floats
    k: int


def _features(values: Floats) -> Floats:
    """Return what each case adds: 1, the reads, their squares' sum, their sum's square; (cases, readers + 3)."""
    centered = values - values.mean()
    return np.column_stack([np.ones(len(values)), centered, (centered**2).sum(axis=1), centered.sum(axis=1) ** 2])


def _mean_squares(sums: Floats) -> MeanSquares:
    n, totals, squares, case_squares = sums[..., 0], sums[..., 1:-2], sums[..., -2], sums[..., -1]
    k = totals.shape[-1]
    grand = totals.sum(axis=-1) ** 2 / (n * k)
    between = np.maximum(case_squares / k - grand, 0.0)
    between = np.where(between < 1e-12 * squares, 0.0, between)
    columns = np.maximum((totals**2).sum(axis=-1) / n - grand, 0.0)
    # Sums of squares that are nothing but rounding are 0: else 0/0 would look like an answer.
    within = squares - case_squares / k
    within = np.where(within < 1e-12 * squares, 0.0, within)
    residual = within - columns
    residual = np.where(residual < 1e-12 * squares, 0.0, residual)
    return MeanSquares(
        cases=between / (n - 1),
        readers=columns / (k - 1),
        residual=residual / ((n - 1) * (k - 1)),
        within=within / (n * (k - 1)),
        n=n,
        k=k,
    )


def _one_way(m: MeanSquares) -> Floats:
    return (m.cases - m.within) / (m.cases + (m.k - 1) * m.within)


def _absolute(m: MeanSquares) -> Floats:
    return (m.cases - m.residual) / (m.cases + (m.k - 1) * m.residual + m.k * (m.readers - m.residual) / m.n)


def _consistency(m: MeanSquares) -> Floats:
    return (m.cases - m.residual) / (m.cases + (m.k - 1) * m.residual)


def _bounds_of_f(ratio: float, first: float, second: float, k: int) -> tuple[float, float]:
    low = ratio / float(stats.f.ppf(TAIL, first, second))
    high = ratio * float(stats.f.ppf(TAIL, second, first))
    return (low - 1) / (low + k - 1), (high - 1) / (high + k - 1)


def _one_way_bounds(m: MeanSquares) -> tuple[float, float]:
    n = float(m.n)
    return _bounds_of_f(float(m.cases / m.within), n - 1, n * (m.k - 1), m.k)


def _consistency_bounds(m: MeanSquares) -> tuple[float, float]:
    n = float(m.n)
    return _bounds_of_f(float(m.cases / m.residual), n - 1, (n - 1) * (m.k - 1), m.k)


def _absolute_bounds(m: MeanSquares) -> tuple[float, float]:
    """Return the bounds with Satterthwaite's degrees of freedom (McGraw and Wong 1996, table 7)."""
    n, k = float(m.n), m.k
    cases, readers, residual = float(m.cases), float(m.readers), float(m.residual)
    value = float(_absolute(m))
    a = k * value / (n * (1 - value))
    b = 1 + k * value * (n - 1) / (n * (1 - value))
    df = (a * readers + b * residual) ** 2 / ((a * readers) ** 2 / (k - 1) + (b * residual) ** 2 / ((n - 1) * (k - 1)))
    rest = k * readers + (k * n - k - n) * residual
    lower, upper = float(stats.f.ppf(TAIL, n - 1, df)), float(stats.f.ppf(TAIL, df, n - 1))
    return (
        n * (cases - lower * residual) / (lower * rest + n * cases),
        n * (upper * cases - residual) / (rest + n * upper * cases),
    )


def icc_1(values: Floats, people: Ints) -> Estimate:
    """Return ICC(1) of (cases, readers) values without gaps; `people` is each case's person."""
    return _estimate(values, people, _one_way, _one_way_bounds)


def icc_a1(values: Floats, people: Ints) -> Estimate:
    """Return ICC(A,1) of (cases, readers) values without gaps; `people` is each case's person."""
    return _estimate(values, people, _absolute, _absolute_bounds)


def icc_c1(values: Floats, people: Ints) -> Estimate:
    """Return ICC(C,1) of (cases, readers) values without gaps; `people` is each case's person."""
    return _estimate(values, people, _consistency, _consistency_bounds)


def mean_of_readers(single: Estimate, readers: int) -> Estimate:
    """Return the correlation of the mean of `readers` from that of one (Spearman and Brown)."""
    if single.value is None:
        return single

    def of_mean(value: float | None) -> float | None:
        if value is None or 1 + (readers - 1) * value <= 0:
            return None
        return readers * value / (1 + (readers - 1) * value)

    value = of_mean(single.value)
    if value is None:
        return undefined(
            "not defined: readers agree less than by chance, so that their mean has no variance to explain"
        )
    return Estimate(value, of_mean(single.low), of_mean(single.high), single.note)


def _estimate(
    values: Floats,
    people: Ints,
    form: Callable[[MeanSquares], Floats],
    bounds: Callable[[MeanSquares], tuple[float, float]],
) -> Estimate:
    """Estimate one form: F intervals where each case is a person, leaving out people where some have several cases."""
    if len(values) < 2 or values.shape[1] < 2:
        return undefined(TOO_FEW)
    statistic = Additive(_features(values), lambda sums: form(_mean_squares(sums)), NO_SPREAD)
    value = statistic.value()
    if value is None:
        return undefined(NO_SPREAD)
    squares = _mean_squares(statistic.features.sum(axis=0))
    why_not = _why_no_interval(squares, value, form)
    if why_not:
        return Estimate(value, note=why_not)
    if len(np.unique(people)) == len(values):
        low, high = bounds(squares)
        return Estimate(value, low, high)
    variance = _variance_from_readers(squares) if form is _absolute else 0.0
    estimate = jackknife_interval(statistic, people, scale=_fisher(values.shape[1]), more_variance=variance)
    return estimate.with_note(
        "" if estimate.low is None else "interval from leaving out people: some have several cases"
    )


def _why_no_interval(m: MeanSquares, value: float, form: Callable[[MeanSquares], Floats]) -> str:
    if float(m.within) == 0:
        return "no interval: all readers gave the same values"
    if float(m.residual) == 0 and form is not _one_way:
        return "no interval: readers differ by a constant only"
    if float(m.cases) == 0 or 1 + (m.k - 1) * value <= 0:
        return "no interval: cases do not differ from each other at all"
    return ""


def _variance_from_readers(m: MeanSquares) -> float:
    """Return the variance of ICC(A,1) from the choice of readers, whose mean square has k - 1 degrees of freedom."""
    value, readers = float(_absolute(m)), float(m.readers)
    total = float(m.cases) + (m.k - 1) * float(m.residual) + m.k * (readers - float(m.residual)) / float(m.n)
    slope = value * m.k / (float(m.n) * total)
    return slope**2 * 2 * readers**2 / (m.k - 1)


def _fisher(k: int) -> Scale:
    """Return Fisher's scale, on which the spread depends less on the correlation (Fisher 1925, section 39)."""

    def back(z: float) -> float:
        # Beyond this the answer is 1 to all digits, and the exponential overflows.
        power = math.exp(min(2 * z, 700.0))
        return (power - 1) / (power + k - 1)

    return Scale(
        lambda r: math.log((1 + (k - 1) * r) / (1 - r)) / 2,
        lambda r: k / (2 * (1 - r) * (1 + (k - 1) * r)),
        back,
    )
