"""Precision of densitometry from repeated scans, and the least significant change that follows from it.

ISCD: 30 people scanned twice or 15 scanned three times, the root mean square of their standard deviations, times 2.77.
Glüer et al., Osteoporos Int 1995;5:262: 27 degrees of freedom bound the error to within 30 % (upper 90 % limit).
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

LSC_FACTOR = 2.77
"""ISCD's 1.96 times the root of 2, as ISCD rounds it."""
ENOUGH_DF = 30
"""ISCD's design; from Glüer's 27 on the study is usable."""
USABLE_DF = 27
SHORT_TERM_DAYS = 28
"""Scans further apart hold real change; a choice."""


@dataclass(frozen=True)
class Precision:
    """What repeated measurements say of their error, in the measurements' own unit.

    Parameters
    ----------
    persons, scans, df : int
        Groups of repeats, measurements, degrees of freedom.
    rms_sd, rms_sd_low, rms_sd_high : float
        Within-person standard deviation and its 95 % interval (chi-square).
    rms_cv : float
        Within-person coefficient of variation, percent.
    """

    persons: int
    scans: int
    df: int
    rms_sd: float
    rms_sd_low: float
    rms_sd_high: float
    rms_cv: float

    @property
    def lsc(self) -> tuple[float, float, float]:
        """Least significant change (95 %) and its interval, in the measurements' unit."""
        return LSC_FACTOR * self.rms_sd, LSC_FACTOR * self.rms_sd_low, LSC_FACTOR * self.rms_sd_high

    @property
    def lsc_percent(self) -> float:
        """Least significant change from the coefficient of variation, percent."""
        return LSC_FACTOR * self.rms_cv


def precision_error(groups: Sequence[Sequence[float]]) -> Precision:
    """Return the precision error of repeated measurements.

    Each group is one person (one side). With unequal numbers of repeats, variances are weighted by their degrees of
    freedom (Glüer 1995); with equal numbers this is ISCD's root mean square.

    Raises
    ------
    InputError
        If no person was measured twice, or all repeats are the same number.
    """
    usable = [np.asarray(group, float) for group in groups if len(group) > 1]
    df = sum(len(group) - 1 for group in usable)
    if df == 0:
        raise InputError("no one was scanned twice: a precision study needs repeated scans of the same people")
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in usable)
    if math.isclose(squares, 0.0, abs_tol=1e-18):
        raise InputError("every repeat is the very number of the first scan: was one scan copied, not measured again?")
    relative = sum(float(((group - group.mean()) ** 2).sum()) / float(group.mean()) ** 2 for group in usable)
    sd = math.sqrt(squares / df)
    low, high = (math.sqrt(squares / stats.chi2.ppf(p, df)) for p in (0.975, 0.025))
    return Precision(
        len(usable), sum(len(group) for group in usable), df, sd, low, high, 100.0 * math.sqrt(relative / df)
    )


@dataclass(frozen=True)
class SitePrecision:
    """The precision of one machine at one region."""

    machine: str
    region: str
    vertebrae: tuple[int, ...]
    precision: Precision
    notes: tuple[str, ...] = ()


def study_precision(records: Sequence[DensityRecord]) -> tuple[SitePrecision, ...]:
    """Return the precision by machine, region and vertebrae; each side of each person is measured repeatedly.

    Raises
    ------
    InputError
        If no region was scanned twice in anyone, all repeats are the same, or a machine or person is not named.
    """
    groups: dict[tuple[str, str, tuple[int, ...]], dict[tuple[str, object], list[DensityRecord]]] = defaultdict(
        lambda: defaultdict(list)
    )
    names: dict[str, str] = {}
    for record in records:
        if not record.machine.strip():
            raise InputError(f"{record.where}: no machine: a least significant change belongs to one, fill it in")
        if not record.person:
            raise InputError(f"{record.where}: no person: whose repeats these are cannot be told, fill it in")
        if record.bmd is not None:
            machine = names.setdefault(record.machine.casefold(), record.machine)
            groups[machine, record.region, record.vertebrae][record.person, record.side].append(record)
    found = []
    for (machine, region, vertebrae), people in sorted(groups.items()):
        repeats = [[r.bmd for r in scans if r.bmd is not None] for scans in people.values()]
        if not any(len(values) > 1 for values in repeats):
            continue
        precision = precision_error(repeats)
        found.append(SitePrecision(machine, region, vertebrae, precision, _notes(precision, list(people.values()))))
    if not found:
        raise InputError(
            "no region was scanned twice in anyone: give one line a scan, the same person on several lines"
        )
    return tuple(found)


def _notes(precision: Precision, people: Sequence[Sequence[DensityRecord]]) -> tuple[str, ...]:
    notes = []
    if precision.df < ENOUGH_DF:
        usable = "usable" if precision.df >= USABLE_DF else "too few to rely on"
        notes.append(
            f"{precision.df} degrees of freedom: ISCD asks for 30 (30 people twice or 15 three times); {usable}"
        )
    single = sum(len(scans) == 1 for scans in people)
    if single:
        notes.append(f"{single} scanned once only, not used")
    apart = [scans for scans in people if _days_apart(scans) > SHORT_TERM_DAYS]
    if apart:
        notes.append(f"{len(apart)} with scans more than {SHORT_TERM_DAYS} days apart: real change may be within")
    return tuple(notes)


def _days_apart(scans: Sequence[DensityRecord]) -> int:
    days = sorted(scan.date for scan in scans if scan.date)
    return (days[-1] - days[0]).days if len(days) > 1 else 0
