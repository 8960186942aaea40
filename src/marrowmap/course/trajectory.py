"""One quantity of one region over time, with the error of each of its measurements."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from marrowmap.course.activity import NORMAL_ML
from marrowmap.course.activity import whole_bone_edema
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Row

Z95 = 1.959964
LSC_FACTOR = Z95 * 2**0.5
"""Least significant change, or repeatability coefficient, over one standard error of measurement (2.77)."""

DERIVED = frozenset(
    {"least_significant_change", "bmd_change", "bmd_side_difference", "t_score", "z_score", "osteopenia_index"}
)
"""Made of others, or bound to a reference: what they are made of is followed instead."""
CONTROLS = frozenset({"bone_volume"})
"""Should not change: where they do, the bone was drawn differently."""
CENSORED = frozenset({"edema_volume", "edema_closed_volume"})
"""Zero means below what the image could have shown."""
DEFAULT_LIMIT_ML = 0.2
"""Smallest detectable edema where an exam does not state it: that of a usual 3 mm exam. A choice."""

_MEASURED = (
    # What was measured on the way is no choice of method; an edema method without it is the same method.
    (re.compile(r"(no|quadratic) shading (found|taken out)"), "shading"),
    (re.compile(r"reference [\d.e+]+ SD [\d.e+]+ \(.*?\)(?=; k=)"), "reference marrow"),
    (re.compile(r"T1 used[^;]*"), "T1 used"),
    (re.compile(r"T1 not used.*"), "T1 not used"),
    (re.compile(r"; interval from precision.*"), ""),
    (re.compile(r"image blur [\d.]+ mm FWHM"), "image blur"),
    (re.compile(r"[\d.]+ mL of bone of which uncorrected voxels keep [\d.]+ %"), "partial volume"),
)


def method_family(method: str) -> str:
    """Return a method without what it measured on the way: rows of one family may be compared."""
    for pattern, word in _MEASURED:
        method = pattern.sub(word, method)
    return method.strip()


@cache
def floors() -> Mapping[str, Mapping[str, Any]]:
    """Return the least error of measurement by quantity, ``data/repeatability.toml``."""
    text = resources.files("marrowmap.course").joinpath("data/repeatability.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


@dataclass(frozen=True)
class Point:
    """One measurement.

    Parameters
    ----------
    day : date
    value : float
        The limit itself where it lies below it.
    error : float or None
        One standard error of measurement; None where nothing says it.
    below : bool
        Whether nothing was found and `value` is what would have been.
    row : Row
    """

    day: date
    value: float
    error: float | None
    below: bool
    row: Row


@dataclass(frozen=True)
class Trajectory:
    """Measurements of one quantity that may be compared with each other, in order of time."""

    place: Place | None
    region: str
    quantity: str
    unit: str
    modality: str
    family: str
    points: tuple[Point, ...]
    error_source: str

    @property
    def name(self) -> str:
        """For people."""
        where = f"{self.place}, " if self.place else ""
        return f"{where}{self.region}, {self.quantity}".replace("_", " ")


def _limits(exams: Sequence[AnalyzedExam]) -> dict[tuple[date, Place], float]:
    """Return the smallest detectable edema in mL by day and joint."""
    limits: dict[tuple[date, Place], float] = {}
    for exam in exams:
        for sign in exam.signs:
            if sign.sign == "diffuse_edema" and sign.limit is not None and sign.limit[1] == "mL":
                limits[sign.day, sign.place] = sign.limit[0]
    return limits


def _lsc(rows: Sequence[Row], row: Row) -> float | None:
    """Return the least significant change stated for a BMD row: of its day if there is one, else the largest."""
    mine = [
        other
        for other in rows
        if other.quantity == "least_significant_change"
        and (other.place, other.region, other.unit) == (row.place, row.region, row.unit)
    ]
    same_day = [other.value for other in mine if other.day == row.day]
    return max(same_day or [other.value for other in mine], default=None)


def _error(row: Row, rows: Sequence[Row]) -> tuple[float | None, str]:
    """Return one standard error of measurement and where it is from."""
    if row.quantity == "bmd":
        lsc = _lsc(rows, row)
        if lsc is not None:
            return lsc / LSC_FACTOR, "least significant change as stated"
    own = None
    if row.low is not None and row.high is not None:
        # A side cut off by a physical bound says nothing: the wider one is the error.
        own = max(row.value - row.low, row.high - row.value) / Z95
    floor = floors().get(row.quantity, {})
    least = max(float(floor.get("relative", 0.0)) * abs(row.value), float(floor.get("absolute", 0.0)))
    if own is None or own <= 0:
        return None, "no interval"
    if least > own:
        return least, f"at least {least:.2g}: {floor['source']}"
    return own, "95 % interval of the row"


def _point(row: Row, rows: Sequence[Row], limits: Mapping[tuple[date, Place], float]) -> tuple[Point, str]:
    if row.quantity in CENSORED and row.place is not None:
        limit = limits.get((row.day, row.place), DEFAULT_LIMIT_ML)
        if row.value < limit:
            return Point(row.day, limit, limit / 2, True, row), "smallest detectable edema"
        error, source = _error(row, rows)
        return Point(row.day, row.value, None if error is None else max(error, limit / 2), False, row), source
    error, source = _error(row, rows)
    return Point(row.day, row.value, error, False, row), source


def build_trajectories(exams: Sequence[AnalyzedExam]) -> tuple[tuple[Trajectory, ...], tuple[str, ...]]:
    """Group rows that may be compared; say of the others why they are not.

    Rows belong together if joint, side, region, quantity, unit, modality and family of method agree: what was measured
    in another way, or by another machine where the method names it, is not compared.
    """
    rows = [row for exam in exams for row in exam.rows]
    limits = _limits(exams)
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        if row.quantity not in DERIVED:
            key = (row.place, row.region, row.quantity, row.unit, row.modality, method_family(row.method))
            groups.setdefault(key, []).append(row)
    done, notes = [], []
    for (place, region, quantity, unit, modality, family), mine in groups.items():
        by_day: dict[date, Row] = {}
        for row in sorted(mine, key=lambda row: row.day):
            if row.day in by_day and by_day[row.day].value != row.value:
                notes.append(f"{place}, {region}, {quantity}: two values of {row.day} by one method: the first is used")
            by_day.setdefault(row.day, row)
        read = [_point(row, rows, limits) for row in by_day.values()]
        sources = dict.fromkeys(source for _, source in read)
        points = tuple(point for point, _ in read)
        done.append(Trajectory(place, region, quantity, unit, modality, family, points, "; ".join(sources)))
    notes += _not_compared(done)
    return tuple(done), tuple(dict.fromkeys(notes))


def _not_compared(trajectories: Sequence[Trajectory]) -> list[str]:
    by_what: dict[tuple[Any, ...], list[Trajectory]] = {}
    for one in trajectories:
        by_what.setdefault((one.place, one.quantity, one.modality), []).append(one)
    notes = []
    for many in by_what.values():
        split = [one for one in many if sum(one.region == other.region for other in many) > 1]
        days = {point.day for one in split for point in one.points}
        # Two methods on the same days are two quantities; two on different days are one that cannot be compared.
        if len(days) < 2 or all({p.day for p in one.points} == days for one in split):
            continue
        families = list(dict.fromkeys(one.family for one in split))
        units = list(dict.fromkeys(one.unit for one in split))
        where = f"{split[0].place}, " if split[0].place else ""
        why = f"units {' and '.join(units)}" if len(units) > 1 else f"methods '{_differ(families)}'"
        notes.append(f"{where}{split[0].quantity}: not compared across {why}")
    return notes


def _differ(families: Sequence[str]) -> str:
    """Show where two methods part."""
    first, second = families[0], families[1] if len(families) > 1 else families[0]
    start = next(
        (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
    )
    start = max(0, first.rfind(" ", 0, start))
    return (
        f"{first[start : start + 60].strip() or first[:60]}' and '{second[start : start + 60].strip() or second[:60]}"
    )


def leading(trajectories: Sequence[Trajectory], place: Place) -> Trajectory | None:
    """Return what an episode at `place` is followed by: edema of the whole bone, over the most exams."""
    mine = [one for one in trajectories if one.place == place and one.quantity == "edema_volume"]
    rows = [point.row for one in mine for point in one.points]
    best = whole_bone_edema(rows, place)
    same = [one for one in mine if best is not None and one.region == best.region]
    return max(same, key=lambda one: len(one.points), default=None)


__all__ = ["NORMAL_ML", "Point", "Trajectory", "build_trajectories", "leading", "method_family"]
