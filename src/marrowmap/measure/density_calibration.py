"""Cross-calibration of two densitometers from people scanned on both.

Agreement: Bland and Altman, Lancet 1986;1:307. What a person's value on one machine would be on the other: linear
regression with its prediction interval, which is the least significant change between the machines: it holds the
imprecision of both and what people differ in beyond a line.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.values import DensityRecord

ENOUGH_PEOPLE = 30
LEAST_PEOPLE = 10
"""Below it no line is fitted; a choice."""


@dataclass(frozen=True)
class Agreement:
    """Differences of paired values, second less first, in their unit; each with its 95 % interval."""

    n: int
    bias: tuple[float, float, float]
    sd: float
    lower: tuple[float, float, float]
    upper: tuple[float, float, float]


def compare_methods(first: Sequence[float], second: Sequence[float]) -> Agreement:
    """Return bias and 95 % limits of agreement with their intervals (Bland and Altman 1986, standard errors as there).

    Raises
    ------
    InputError
        With fewer than three pairs.
    """
    difference = np.asarray(second, float) - np.asarray(first, float)
    n = difference.size
    if n < 3:
        raise InputError(f"{n} people scanned on both machines: at least three pairs are needed to compare them")
    mean, sd = float(difference.mean()), float(difference.std(ddof=1))
    t = float(stats.t.ppf(0.975, n - 1))
    of_mean, of_limit = t * sd / math.sqrt(n), t * sd * math.sqrt(3.0 / n)
    limits = [mean - 1.96 * sd, mean + 1.96 * sd]
    lower, upper = ((limit, limit - of_limit, limit + of_limit) for limit in limits)
    return Agreement(n, (mean, mean - of_mean, mean + of_mean), sd, lower, upper)


@dataclass(frozen=True)
class Calibration:
    """How BMD on one machine becomes BMD on another, at one region.

    Parameters
    ----------
    from_machine, to_machine, region : str
    vertebrae : tuple of int
    intercept, slope : tuple of float
        Value and 95 % interval; g/cm2 and 1.
    residual_sd, mean, spread : float
        Of the regression: residual SD (g/cm2), mean of the predictor, sum of its squared deviations.
    lowest, highest : float
        Range of the predictor, g/cm2: outside it nothing is known.
    agreement : Agreement
    """

    from_machine: str
    to_machine: str
    region: str
    vertebrae: tuple[int, ...]
    intercept: tuple[float, float, float]
    slope: tuple[float, float, float]
    residual_sd: float
    mean: float
    spread: float
    lowest: float
    highest: float
    agreement: Agreement
    notes: tuple[str, ...] = ()

    def predict(self, bmd: float) -> tuple[float, float, int]:
        """Return BMD on the other machine, the standard error of one new value there, and its degrees of freedom."""
        n = self.agreement.n
        error = self.residual_sd * math.sqrt(1 + 1 / n + (bmd - self.mean) ** 2 / self.spread)
        return self.intercept[0] + self.slope[0] * bmd, error, n - 2


def calibrate(records: Sequence[DensityRecord], from_machine: str, to_machine: str) -> tuple[Calibration, ...]:
    """Return the calibration from one machine to the other for every region scanned on both in enough people.

    Raises
    ------
    InputError
        If a machine is not in the records, too few people were scanned on both, or a person is not named.
    """
    wanted = {_plain(from_machine): 0, _plain(to_machine): 1}
    if len(wanted) != 2:
        raise InputError("cross-calibration needs two different machines: give --from and --to as in column machine")
    values: dict[tuple[str, tuple[int, ...]], dict[tuple[str, object], tuple[list[float], list[float]]]] = defaultdict(
        dict
    )
    for record in records:
        which = wanted.get(_plain(record.machine))
        if which is None or record.bmd is None:
            continue
        if not record.person:
            raise InputError(f"{record.where}: no person: who was scanned on both cannot be told, fill it in")
        pair = values[record.region, record.vertebrae].setdefault((record.person, record.side), ([], []))
        pair[which].append(record.bmd)
    found, few = [], 0
    for (region, vertebrae), people in sorted(values.items()):
        pairs = np.array([(np.mean(a), np.mean(b)) for a, b in people.values() if a and b]).reshape(-1, 2)
        # Both hips of one person are two pairs but one person.
        count = len({person for (person, _), (a, b) in people.items() if a and b})
        few = max(few, count)
        if count >= LEAST_PEOPLE:
            found.append(_fit(pairs, count, from_machine, to_machine, region, vertebrae))
    if not found:
        raise InputError(
            f"at most {few} scanned on both {from_machine!r} and {to_machine!r} at one region: at least "
            f"{LEAST_PEOPLE} are needed, ISCD asks for {ENOUGH_PEOPLE}"
        )
    return tuple(found)


def _plain(machine: str) -> str:
    return " ".join(machine.casefold().split())


def _fit(
    pairs: np.ndarray, people: int, from_machine: str, to_machine: str, region: str, vertebrae: tuple[int, ...]
) -> Calibration:
    x, y = pairs[:, 0], pairs[:, 1]
    spread = float(((x - x.mean()) ** 2).sum())
    if float(np.ptp(x)) == 0.0:
        raise InputError(f"{region}: everyone has the same BMD on {from_machine!r}: no line can be fitted")
    line = stats.linregress(x, y)
    n = len(x)
    t = float(stats.t.ppf(0.975, n - 2))
    residual = float(np.sqrt(((y - line.intercept - line.slope * x) ** 2).sum() / (n - 2)))
    if math.isclose(residual, 0.0, abs_tol=1e-9):
        raise InputError(
            f"{region}: all values lie on one line to the last digit: was one column computed, not measured?"
        )
    notes = (
        [] if people >= ENOUGH_PEOPLE else [f"{people} people: ISCD asks for {ENOUGH_PEOPLE} scanned on both machines"]
    )
    if n > people:
        notes.append(
            f"{n} pairs of {people} people: both sides of one count as two, the intervals are somewhat too narrow"
        )
    return Calibration(
        from_machine,
        to_machine,
        region,
        vertebrae,
        _interval(line.intercept, t * line.intercept_stderr),
        _interval(line.slope, t * line.stderr),
        residual,
        float(x.mean()),
        spread,
        float(x.min()),
        float(x.max()),
        compare_methods(list(x), list(y)),
        tuple(notes),
    )


def _interval(value: float, half: float) -> tuple[float, float, float]:
    return float(value), float(value - half), float(value + half)
