"""What in densitometry records cannot be, or is hardly so: caught before anything is computed from it."""

from __future__ import annotations

import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.values import DensityRecord
from marrowmap.values import Menopause
from marrowmap.values import Side

WIDER = (0.5, 1.5)
"""Impossible: below half the least or above one and a half times the greatest value seen in NHANES (a choice: machines
differ by a fifth, and transient osteoporosis takes up to three quarters of the bone)."""
ANY_BMD = (0.05, 3.0)
"""g/cm2, for regions without observed ranges; a choice."""
ANY_SCORE = 10.0
"""Beyond this no T- or Z-score lies; a choice."""
OLDEST_YEARS = 120.0


@cache
def load_ranges() -> dict[str, dict[str, Any]]:
    """Return the observed ranges by region."""
    text = resources.files("marrowmap.ingest").joinpath("data", "dxa_ranges.toml").read_text(encoding="utf-8")
    return {name: table for name, table in tomllib.loads(text).items() if isinstance(table, dict)}


def check_records(records: Sequence[DensityRecord], today: date) -> tuple[str, ...]:
    """Refuse impossible records and tell of unlikely ones.

    Parameters
    ----------
    records : sequence of DensityRecord
    today : datetime.date
        No exam is later.

    Returns
    -------
    tuple of str
        What is unlikely but possible.

    Raises
    ------
    InputError
        If a record is impossible, contradicts itself or stands twice.
    GeometryError
        If records of one person contradict each other on who it is, or left and right are one set of numbers.
    """
    warnings = check_each(records, today)
    _check_duplicates(records)
    warnings += _check_same_sides(records)
    warnings += _check_crossed_sides(records)
    return tuple(warnings)


def check_each(records: Sequence[DensityRecord], today: date) -> list[str]:
    """Check every record by itself, and who it is of; repeated scans may stand beside each other.

    Raises
    ------
    InputError, GeometryError
        As :func:`check_records`.
    """
    warnings: list[str] = []
    for record in records:
        _check_dates(record, today)
        _check_scores(record)
        warnings += _check_ranges(record)
        _check_consistent(record)
    _check_persons(records)
    return warnings + _doubtful_persons(records)


def _check_dates(record: DensityRecord, today: date) -> None:
    if record.date and record.date > today:
        raise InputError(f"{record.where}: the exam of {record.iso_date} lies in the future: correct the date")
    if record.birth_date and record.birth_date > today:
        raise InputError(f"{record.where}: born on {record.birth_date}, in the future: correct birth_date")
    age = record.age_years
    if age is not None and age < 0:
        raise InputError(
            f"{record.where}: the exam of {record.iso_date} is before the birth on {record.birth_date}: correct one"
        )
    if age is not None and age > OLDEST_YEARS:
        raise InputError(f"{record.where}: {age:.0f} years old at the exam: correct birth_date or date")


def _check_scores(record: DensityRecord) -> None:
    for name, value in (("t_score", record.t_score), ("z_score", record.z_score)):
        if value is not None and abs(value) > ANY_SCORE:
            raise InputError(f"{record.where}: {name} {value:g} is beyond ±{ANY_SCORE:g}: correct it")
        # Scores are printed with one decimal: a score of 0.783 is none.
        if value is not None and value == record.bmd and round(value, 1) != value:
            raise InputError(f"{record.where}: {name} and bmd are both {value:g}: one was typed into the other's field")


def _check_ranges(record: DensityRecord) -> list[str]:
    ranges = load_ranges().get(record.region, {"bmd": ANY_BMD})
    widen = WIDER if record.region in load_ranges() else (1.0, 1.0)
    warnings = []
    for name, unit in (("bmd", "g/cm2"), ("bmc", "g"), ("area", "cm2")):
        value = getattr(record, name)
        if value is None:
            continue
        if value <= 0:
            hint = ": a T- or Z-score typed as bmd?" if name == "bmd" else ""
            raise InputError(f"{record.where}: {name} {value:g} {unit} cannot be{hint}: correct it")
        if name not in ranges:
            continue
        least, greatest = ranges[name]
        if not least * widen[0] <= value <= greatest * widen[1]:
            raise InputError(f"{record.where}: {_beyond(record, name, value, unit, widen)}")
        if not least <= value <= greatest:
            warnings.append(
                f"{record.where}: {name} {value:g} {unit} of the {record.region} is outside {least:g} to {greatest:g}, "
                "all that 3126 adults showed (NHANES 2013-2014): check it"
            )
    return warnings


def _beyond(record: DensityRecord, name: str, value: float, unit: str, widen: tuple[float, float]) -> str:
    least, greatest = load_ranges().get(record.region, {"bmd": ANY_BMD})[name]
    text = (
        f"{name} {value:g} {unit} of the {record.region} is impossible "
        f"(possible: {least * widen[0]:.3g} to {greatest * widen[1]:.3g})"
    )
    if name == "bmd" and least <= value / 1000.0 <= greatest:
        return f"{text}: if it is in mg/cm2, write the unit: {value:g} mg/cm2"
    return f"{text}: a score, another unit or another region typed as {name}? Correct it"


def _check_consistent(record: DensityRecord) -> None:
    if record.bmd is None or record.bmc is None or record.area is None:
        return
    # Each number may be rounded or cut off: it is off by less than one of its last digit.
    bmd, bmc, area = (record.last_digit(name) for name in ("bmd", "bmc", "area"))
    least = max(record.bmc - bmc, 0.0) / (record.area + area)
    greatest = (record.bmc + bmc) / (record.area - area) if record.area > area else float("inf")
    if not least - bmd <= record.bmd <= greatest + bmd:
        raise InputError(
            f"{record.where}: bmd {record.bmd:g} g/cm2, but bmc over area is {record.bmc / record.area:.3f}, with the "
            f"digits given between {least:.3f} and {greatest:.3f}: one of the three is mistyped"
        )


def _check_persons(records: Sequence[DensityRecord]) -> None:
    if len({bool(record.person) for record in records}) > 1:
        empty = next(record for record in records if not record.person)
        raise InputError(f"{empty.where}: no person, while other lines name one: fill it in")
    seen: dict[tuple[str, str], tuple[str, DensityRecord]] = {}
    for record in records:
        for name, value in (("birth_date", str(record.birth_date or "")), ("sex", record.sex)):
            if not value:
                continue
            first, where = seen.setdefault((record.person, name), (value, record))
            if first != value:
                raise GeometryError(
                    f"{record.where}: {name} of person {record.person!r} is not that of {where.place}: this is "
                    "another person, or one of the two is mistyped"
                )
    _check_menopause(records)


def _doubtful_persons(records: Sequence[DensityRecord]) -> list[str]:
    """Tell where nobody is named, and of names that differ in writing only: neither is decided here."""
    warnings = []
    if len(records) > 1 and not any(record.person for record in records):
        sources = ", ".join(dict.fromkeys(record.source for record in records))
        warnings.append(
            f"{sources}: no line names a person, so all {len(records)} are taken for one: if they are of several "
            "people, fill in the column person"
        )
    written: dict[str, dict[str, DensityRecord]] = defaultdict(dict)
    for record in records:
        if record.person:
            plain = "".join(unicodedata.normalize("NFKC", record.person).casefold().split())
            written[plain].setdefault(record.person, record)
    for names in written.values():
        if len(names) > 1:
            told = ", ".join(f"{name!r} ({record.where})" for name, record in names.items())
            warnings.append(
                f"persons {told} differ in case, spaces or form of letters only and are kept apart: "
                "if they are one person, write one name"
            )
    return warnings


def _check_menopause(records: Sequence[DensityRecord]) -> None:
    """Refuse a woman who is after menopause at one exam and before it then or later, and a man with any."""
    after: dict[str, DensityRecord] = {}
    for record in sorted(records, key=lambda r: r.iso_date):
        if record.menopause is not Menopause.UNKNOWN and record.sex == "M":
            raise InputError(f"{record.where}: menopause of a man: correct sex or menopause")
        if record.menopause is Menopause.AFTER and record.date:
            after.setdefault(record.person, record)
    for record in records:
        first = after.get(record.person)
        if first and record.menopause is Menopause.BEFORE and record.iso_date >= first.iso_date:
            raise InputError(
                f"{record.where}: before menopause on {record.iso_date}, but {first.place} says after it on "
                f"{first.iso_date}: correct one, it decides between T and Z"
            )


def _check_duplicates(records: Sequence[DensityRecord]) -> None:
    seen: dict[tuple[object, ...], DensityRecord] = {}
    for record in records:
        if record.date is None:
            continue
        key = (record.person, record.date, record.site, record.machine.strip().lower())
        first = seen.setdefault(key, record)
        if first is record:
            continue
        same = _numbers(first) == _numbers(record)
        what = "repeats" if same else "gives other numbers for the region, side and date of"
        raise InputError(
            f"{record.where}: {what} {first.where}: keep one (repeated scans belong into marrowmap density-precision)"
        )


def _numbers(record: DensityRecord) -> tuple[float | None, ...]:
    return record.bmd, record.bmc, record.area, record.t_score, record.z_score


def _by_exam(records: Sequence[DensityRecord], key: Callable[[DensityRecord], Any]) -> dict[Any, list[DensityRecord]]:
    groups: dict[Any, list[DensityRecord]] = defaultdict(list)
    for record in records:
        if record.side is not None and record.bmd is not None:
            groups[key(record)].append(record)
    return groups


def _check_same_sides(records: Sequence[DensityRecord]) -> list[str]:
    """Left and right with the same numbers: one side typed twice."""
    warnings = []
    for group in _by_exam(records, lambda r: (r.person, r.date, r.joint)).values():
        sides = {side: {r.region: r for r in group if r.side is side} for side in Side}
        both = [region for region in sides[Side.LEFT] if region in sides[Side.RIGHT]]
        same = [r for r in both if _numbers(sides[Side.LEFT][r]) == _numbers(sides[Side.RIGHT][r])]
        if not same:
            continue
        left, right = sides[Side.LEFT][same[0]], sides[Side.RIGHT][same[0]]
        many = len(same) > 1 or sum(number is not None for number in _numbers(left)) > 2
        text = f"{right.where}: {', '.join(same)} of the right side holds the very numbers of the left ({left.place})"
        if many:
            raise GeometryError(f"{text}: one side was typed twice: correct it")
        warnings.append(f"{text}: check that one side was not typed twice")
    return warnings


def _check_crossed_sides(records: Sequence[DensityRecord]) -> list[str]:
    """Left and right that changed places between two exams: swapped, or a disease that did just that."""
    warnings = []
    for group in _by_exam(records, lambda r: (r.person, r.region, r.machine)).values():
        exams: dict[date, dict[Side, tuple[float, DensityRecord]]] = defaultdict(dict)
        for record in group:
            if record.date and record.side and record.bmd is not None:
                exams[record.date][record.side] = record.bmd, record
        pairs = [exams[day] for day in sorted(exams) if len(exams[day]) == 2]
        for first, second in pairwise(pairs):
            (a, b), (c, d) = ((pair[Side.LEFT][0], pair[Side.RIGHT][0]) for pair in (first, second))
            straight, crossed = max(abs(c - a), abs(d - b)), max(abs(c - b), abs(d - a))
            if straight > 0.1 * max(a, b) and crossed < 0.25 * straight:
                warnings.append(
                    f"{second[Side.LEFT][1].where}: {group[0].region}, left and right changed places "
                    f"since {first[Side.LEFT][1].iso_date}: swapped at one exam, or one recovered as the other fell ill"
                )
    return warnings
