"""Recovery of one quantity: a decline to a residual, and when it reaches normal, each with a 95 % interval.

Two curves are fitted by maximum likelihood with the error of each measurement:

    y(t) = R + A e^(-t / tau)                exponential fall; half-life tau ln 2
    y(t) = R + A / (1 + e^((t - m) / s))     logistic fall; half of it is gone at m

R >= 0 is the residual: recovery need not be complete (Trevisan 2002, 1 of 6). A measurement below what could be seen
enters as such (left-censored); an episode that has not ended simply has no late measurement. Intervals are those of
the profile likelihood: the range of a figure over all curves whose deviance is within 3.84 of the best one's. Time to
normal has no upper bound where a residual above normal explains the data as well, and is held within what the exams
show without any curve: after the last that is surely above normal, before the first that is surely below.

The likelihood is looked at whole, on a grid of time constants and residuals that closes in on the region that counts;
the amplitude, in which the curve is linear, is solved for at each node.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from marrowmap.course.likelihood import CHI2_95
from marrowmap.course.likelihood import Array
from marrowmap.course.likelihood import Likelihood
from marrowmap.course.likelihood import Nodes
from marrowmap.course.likelihood import Observation
from marrowmap.course.likelihood import Shape
from marrowmap.course.likelihood import basis_of

MISFIT_P = 0.05
SURE_SD = 3.0
"""By so many standard errors an exam is surely above or below normal."""
LOGISTIC_LEAST_EXAMS = 5
LOGISTIC_LEAST_SEEN = 3
LOGISTIC_COST, LOGISTIC_SURE = 2.0, 6.0
"""Deviance by which the logistic curve must be better to be heard beside the exponential (AIC), and to replace it."""
BAND_CURVES = 300


@dataclass(frozen=True)
class Bounded:
    """An estimate with its 95 % interval; infinite where there is no bound."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Recovery:
    """A fitted recovery.

    Parameters
    ----------
    shape : Shape
    normal : float
        Level that counts as normal.
    time_to_normal : Bounded
        Months from the start of the fit; infinite where the residual stays above normal.
    half_life : Bounded
        Months from the start of the fit until half of what lay above the residual is gone.
    residual : Bounded
        Where the curve ends.
    residual_fixed : bool
        Two measurements cannot show a residual: it is taken as none.
    amplitude : float
        Above the residual, at the start.
    scale : float
        By which errors were widened because the curve does not follow the measurements within them; 1 if it does.
    misfit_p : float or None
        Of the chi-square test of fit; None where nothing is left to test.
    parameters : tuple of float
        Residual, amplitude, tau or m, s; for `value_at`.
    likely : tuple of tuples of float
        Curves within the 95 % region; for `band_at`.
    notes : tuple of str
    """

    shape: Shape
    normal: float
    time_to_normal: Bounded
    half_life: Bounded
    residual: Bounded
    residual_fixed: bool
    amplitude: float
    scale: float
    misfit_p: float | None
    parameters: tuple[float, ...]
    likely: tuple[tuple[float, ...], ...] = ()
    notes: tuple[str, ...] = ()

    def value_at(self, months: Array) -> Array:
        """Return the curve at `months`, shape (n,), from the start of the fit."""
        residual, amplitude, first, second = self.parameters
        return np.asarray(residual + amplitude * basis_of(self.shape, first, second, months), np.float64)

    def band_at(self, months: Array) -> tuple[Array, Array]:
        """Return the least and the greatest likely value at `months`, shape (n,) each."""
        curves = [
            residual + amplitude * basis_of(self.shape, first, second, months)
            for residual, amplitude, first, second in (self.parameters, *self.likely)
        ]
        return np.min(curves, axis=0), np.max(curves, axis=0)


@dataclass(frozen=True)
class _Best:
    """The most likely curve of one shape, its deviance, and the likelihood about it."""

    likelihood: Likelihood
    nodes: Nodes
    parameters: tuple[float, ...]
    deviance: float


def _find_best(observed: Sequence[Observation], shape: Shape, scale: float = 1.0) -> _Best:
    likelihood = Likelihood(observed, shape, scale)
    nodes = likelihood.closing_in()
    finer = nodes
    outer = likelihood.outer_box()
    for _ in range(5):
        box = []
        for axis, index, (least, most) in zip(finer.axes, finer.best, outer, strict=True):
            cell = float(axis[1] - axis[0]) if len(axis) > 1 else 0.0
            box.append((max(float(axis[index]) - 2 * cell, least), min(float(axis[index]) + 2 * cell, most)))
        finer = likelihood.on(box)
    at = finer.best
    found = tuple(float(x[at]) for x in (finer.residual, finer.amplitude, finer.first, finer.second))
    return _Best(likelihood, nodes, found, min(float(finer.deviance[at]), float(nodes.deviance.min())))


def _crossings(axis: Array, profile: Array, limit: float) -> tuple[float | None, float | None]:
    """Return where a profile falls below and rises above `limit`; None where it does not within the axis."""
    inside = np.flatnonzero(profile <= limit)
    if len(axis) == 1 or not len(inside):
        return None, None

    def between(outside: int, within: int) -> float:
        share = (limit - profile[within]) / (profile[outside] - profile[within])
        return float(axis[within] + share * (axis[outside] - axis[within]))

    low = between(inside[0] - 1, inside[0]) if inside[0] > 0 else None
    high = between(inside[-1] + 1, inside[-1]) if inside[-1] < len(axis) - 1 else None
    return low, high


def _profile(nodes: Nodes, number: int) -> Array:
    return np.asarray(nodes.deviance.min(axis=tuple(n for n in range(nodes.deviance.ndim) if n != number)))


def _half_of(shape: Shape, first: Array, second: Array) -> Array:
    """Return when half of what lay above the residual at the start is gone."""
    if shape is Shape.EXPONENTIAL:
        return first * math.log(2)
    half = 0.5 * expit(first / second)
    return np.asarray(np.maximum(first - second * (np.log(half) - np.log1p(-half)), 0.0))


def _half_life(best: _Best) -> Bounded:
    """Return the time in which half is gone; from 0 where the fall may have been as fast as can be."""
    shape, nodes = best.likelihood.shape, best.nodes
    first, second = (np.array(x) for x in best.parameters[2:])
    value = float(_half_of(shape, first, second))
    low, high = _crossings(nodes.axes[0], _profile(nodes, 0), best.deviance + CHI2_95)
    if shape is Shape.EXPONENTIAL:
        per = math.log(2)
        return Bounded(
            value, 0.0 if low is None else per * math.exp(low), math.inf if high is None else per * math.exp(high)
        )
    inside = nodes.deviance <= best.deviance + CHI2_95
    halves = _half_of(shape, nodes.first[inside], nodes.second[inside])
    return Bounded(
        value, min(value, float(halves.min())), math.inf if high is None else max(value, float(halves.max()))
    )


def _level(best: _Best) -> Bounded:
    """Return the residual."""
    if best.likelihood.fixed:
        return Bounded(0.0, 0.0, 0.0)
    axis = best.nodes.axes[-1]
    last = best.nodes.deviance.ndim - 1
    low, high = _crossings(axis, _profile(best.nodes, last), best.deviance + CHI2_95)
    top = best.likelihood.top
    value = best.parameters[0]
    return Bounded(
        value,
        min(value, top * low**2) if low is not None else 0.0,
        max(value, top * high**2) if high is not None else math.inf,
    )


def _time_of(shape: Shape, first: Array, second: Array, ratio: Array) -> Array:
    """Return when a fall has come down to its `ratio`-th part; 0 where it starts below."""
    with np.errstate(all="ignore"):
        time = first * np.log(ratio) if shape is Shape.EXPONENTIAL else first + second * np.log(ratio - 1)
    return np.where(ratio > 1, np.maximum(np.nan_to_num(time, nan=0.0), 0.0), 0.0)


def _time(best: _Best, normal: float) -> Bounded:
    """Return the time to normal: infinite for residuals at or above it."""
    shape, nodes = best.likelihood.shape, best.nodes
    residual, amplitude, first, second = (np.array(x) for x in best.parameters)
    value = math.inf
    if residual < normal:
        value = float(_time_of(shape, first, second, amplitude / (normal - residual)))
    room = best.deviance + CHI2_95 - nodes.deviance
    inside = room >= 0
    reached = inside & (nodes.residual < normal)
    if not reached.any():
        return Bounded(value, value, math.inf)
    # At each node the amplitude may leave its best by as much as the deviance has room for.
    sway = np.sqrt(np.maximum(room, 0.0) / nodes.curvature)[reached]
    gap = (normal - nodes.residual)[reached]
    low, high = (
        _time_of(shape, nodes.first[reached], nodes.second[reached], (nodes.amplitude[reached] + sign * sway) / gap)
        for sign in (-1.0, 1.0)
    )
    never = bool((inside & (nodes.residual >= normal)).any())
    half = _half_life(best)
    most = math.inf if never or half.high == math.inf else float(high.max())
    # A fall as fast as can be has no earliest day.
    least = 0.0 if half.low == 0 else float(low.min())
    return Bounded(value, min(value, least), max(value, most))


def _likely(best: _Best) -> tuple[tuple[float, ...], ...]:
    """Return some of the curves within the 95 % region, evenly over its nodes."""
    nodes = best.nodes
    room = best.deviance + CHI2_95 - nodes.deviance
    at = np.argwhere(room >= 0)
    at = at[:: max(1, len(at) // BAND_CURVES)]
    curves = []
    for number, index in enumerate(map(tuple, at)):
        sway = math.copysign(math.sqrt(float(room[index] / nodes.curvature[index])), (-1) ** number)
        amplitude = max(float(nodes.amplitude[index]) + sway, 0.0)
        curves.append((float(nodes.residual[index]), amplitude, float(nodes.first[index]), float(nodes.second[index])))
    return tuple(curves)


def _choose(observed: Sequence[Observation]) -> tuple[_Best, _Best | None]:
    """Return the curve that explains the measurements, and the other where it does so about as well."""
    best = _find_best(observed, Shape.EXPONENTIAL)
    if len(observed) < LOGISTIC_LEAST_EXAMS or sum(not o.below for o in observed) < LOGISTIC_LEAST_SEEN:
        return best, None
    if best.deviance < LOGISTIC_COST:
        # No curve can be better by as much.
        return best, None
    logistic = _find_best(observed, Shape.LOGISTIC)
    gain = best.deviance - logistic.deviance
    if gain < LOGISTIC_COST:
        return best, None
    return (logistic, None) if gain >= LOGISTIC_SURE else (logistic, best)


def _both(one: Bounded, other: Bounded | None) -> Bounded:
    """Return an estimate with an interval that holds another's, too."""
    return one if other is None else Bounded(one.value, min(one.low, other.low), max(one.high, other.high))


def _bracket(observed: Sequence[Observation], normal: float) -> tuple[float, float]:
    """Return the last exam surely above normal, and the first after it surely at or below: no curve is needed."""
    above = [o.months for o in observed if not o.below and o.value - SURE_SD * o.error > normal]
    last = max(above, default=0.0)
    below = [
        o.months
        for o in observed
        if o.months > last and (o.value <= normal if o.below else o.value + SURE_SD * o.error <= normal)
    ]
    return last, min(below, default=math.inf)


def _within(time: Bounded, bracket: tuple[float, float]) -> Bounded:
    """Return a time to normal held within what the exams themselves show."""
    low, high = bracket

    def held(value: float) -> float:
        return min(max(value, low), high)

    return Bounded(held(time.value), held(time.low), held(time.high))


def _misfit(best: _Best, count: int) -> tuple[float | None, int]:
    """Return p of the chi-square test of fit and its degrees of freedom; None where the curve meets every exam.

    A limit counts like a measurement, and a residual of none is no parameter: that errs on the side of a good fit, so
    that what fails here does not fit.
    """
    residual = best.parameters[0] > 1e-3 * best.likelihood.top
    free = count - 2 - residual - (best.likelihood.shape is Shape.LOGISTIC)
    return (float(chi2.sf(best.deviance, free)), free) if free > 0 else (None, 0)


def fit_recovery(observed: Sequence[Observation], normal: float) -> Recovery | None:
    """Fit the fall of a quantity toward normal.

    Parameters
    ----------
    observed : sequence of Observation
        In order of time, from the exam where the fall begins (months 0).
    normal : float
        Level, above 0, that counts as normal.

    Returns
    -------
    Recovery or None
        None with fewer than two measurements, or where the first is below what could be seen.

    Notes
    -----
    With two measurements the residual is taken as none (said in `notes`), and only an exam bounds the time to normal.
    The logistic curve needs five exams, three of which see something; it is preferred where its AIC is better, and
    where that is by less than 4, intervals hold both curves'. Where the chosen curve misses the measurements by more
    than their errors (p < 0.05), errors are widened by the square root of chi-square over its degrees of freedom.
    Whatever the curve, time to normal lies between the last exam surely above normal and the first after it surely
    below.
    """
    observed = tuple(observed)
    if len(observed) < 2 or not normal > 0 or observed[0].below:
        return None
    best, other = _choose(observed)
    shape, fixed = best.likelihood.shape, best.likelihood.fixed
    misfit, free = _misfit(best, len(observed))
    scale, notes = 1.0, []
    if fixed:
        notes.append(
            "two measurements cannot show a residual: recovery is taken as complete; only an exam bounds its time"
        )
    if misfit is not None and misfit < MISFIT_P:
        scale = math.sqrt(best.deviance / free)
        notes.append(f"the curve misses the measurements by more than their errors: these were taken {scale:.1f} times")
        best = _find_best(observed, shape, scale)
        other = None if other is None else _find_best(observed, other.likelihood.shape, scale)
    if other is not None:
        notes.append(f"a {other.likelihood.shape.value} fall explains the measurements, too: intervals hold both")
    time = _both(_time(best, normal), _time(other, normal) if other else None)
    if fixed:
        # That recovery is complete was assumed, not seen: only a later exam bounds its time.
        time = Bounded(time.value, time.low, math.inf)
    _, amplitude, first, second = best.parameters
    return Recovery(
        shape=shape,
        normal=normal,
        time_to_normal=_within(time, _bracket(observed, normal)),
        half_life=_both(_half_life(best), _half_life(other) if other else None),
        residual=_both(_level(best), _level(other) if other else None),
        residual_fixed=fixed,
        amplitude=float(amplitude * basis_of(shape, first, second, np.zeros(1))[0]),
        scale=scale,
        misfit_p=misfit,
        parameters=best.parameters,
        likely=_likely(best),
        notes=tuple(notes),
    )
