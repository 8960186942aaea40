"""A course is of one person, and holds each examination once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from datetime import timedelta

from marrowmap.errors import GeometryError
from marrowmap.errors import UsageError
from marrowmap.values import Subject
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.course import Statements

DAYS_PER_YEAR = 365.25
AGE_DOUBT_YEARS = 1.1
"""An age is often given in whole years: it places the birth within a year, with room for a rounded day."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
"""A series; a file of records may have the same name and other content."""

Claim = tuple[str, date | None, Subject]


def _plain(text: str) -> str:
    # Signs within stay: 1-23 and 12-3 are two persons.
    return " ".join(text.casefold().split())


def _birth_window(day: date | None, person: Subject) -> tuple[date, date] | None:
    """Return the first and last day this person can have been born on, by birth date or by age."""
    if person.birth_date:
        born = date.fromisoformat(person.birth_date)
        return born, born
    if person.age_years is None or day is None:
        return None
    latest = day - timedelta(days=person.age_years * DAYS_PER_YEAR - 1)
    return latest - timedelta(days=AGE_DOUBT_YEARS * DAYS_PER_YEAR), latest


def _require_same(claims: Sequence[Claim], field: str, words: str) -> None:
    first: Claim | None = None
    for claim in claims:
        value = getattr(claim[2], field)
        if not _plain(value) or (field == "sex" and value not in ("M", "F")):
            continue
        if first is None:
            first = claim
        elif _plain(getattr(first[2], field)) != _plain(value):
            raise GeometryError(
                f"exams of two persons: {words} is {getattr(first[2], field)!r} in {first[0]} and {value!r} in "
                f"{claim[0]}: follow one person's exams"
            )


def _born_by(claims: Sequence[Claim]) -> tuple[date, str] | None:
    """Return the last day the person can have been born on and who says so; raise where claims exclude each other."""
    windows = [(window, claim[0]) for claim in claims if (window := _birth_window(claim[1], claim[2])) is not None]
    if not windows:
        return None
    (start, _), late = max(windows, key=lambda w: w[0][0])
    (_, end), early = min(windows, key=lambda w: w[0][1])
    if start > end:
        raise GeometryError(
            f"exams of two persons: by birth date or age one was born by {end} ({early}), the other not before {start} "
            f"({late}): follow one person's exams"
        )
    return end, early


def require_one_person(exams: Sequence[AnalyzedExam], said: Statements) -> tuple[Subject, list[str]]:
    """Return the one person all exams, the events file and clinical forms speak of, and notes on what they leave out.

    Raises
    ------
    GeometryError
        If identifier, sex or birth (by date or by age at the exam) differ, or something is dated before birth.
    """
    claims: list[Claim] = [(exam.label, exam.day, exam.person) for exam in exams]
    claims.append(("the events file", None, said.person))
    # Their ages are compared by course.clinical_forms, as leniently as for a single exam.
    claims += [(one.file, None, Subject(one.form.person, one.form.sex)) for one in said.forms]
    for field, words in (("person_id", "the identifier"), ("birth_date", "the birth date"), ("sex", "sex")):
        _require_same(claims, field, words)
    born = _born_by(claims)
    if born is not None:
        for what, day in _dated(exams, said):
            if day < born[0] - timedelta(days=AGE_DOUBT_YEARS * DAYS_PER_YEAR):
                raise GeometryError(f"{what} is dated {day}, before birth (by {born[0]}, {born[1]}): correct the date")
    without = [exam.label for exam in exams if not exam.person.person_id]
    notes = []
    if without:
        labels = ", ".join(dict.fromkeys(without))
        notes.append(f"{labels}: names no person: taken for the same one")
    known = [claim[2] for claim in claims]
    written = list(dict.fromkeys(p.person_id for p in known if p.person_id))
    if len(written) > 1:
        names = " and ".join(repr(name) for name in written)
        notes.append(f"the identifier is written {names}: taken for one person, as only case and spaces differ")
    return (
        Subject(
            person_id=next((p.person_id for p in known if p.person_id), ""),
            sex=next((p.sex for p in known if p.sex), ""),
            birth_date=next((p.birth_date for p in known if p.birth_date), ""),
            age_years=next((p.age_years for p in known if p.age_years is not None), None),
        ),
        notes,
    )


def _dated(exams: Sequence[AnalyzedExam], said: Statements) -> list[tuple[str, date]]:
    return [
        *((exam.label, exam.day) for exam in exams),
        *((f"event {event.kind.value}", event.day) for event in said.events),
        *((f"the episode of the {episode.place}", episode.start) for episode in said.episodes),
    ]


def in_order(exams: Sequence[AnalyzedExam]) -> tuple[tuple[AnalyzedExam, ...], list[str]]:
    """Sort exams by day and say where that changed the order; refuse one that is there twice.

    Raises
    ------
    UsageError
        If two exams share a series, or hold the same row of the same day.
    """
    for number, exam in enumerate(exams):
        for earlier in exams[:number]:
            if exam.day != earlier.day:
                continue
            shared = {uid for uid in exam.series & earlier.series if _UID.fullmatch(uid)}
            same = {row for row in exam.rows if row.place} & set(earlier.rows)
            if shared or same:
                why = f"series {min(shared)}" if shared else f"the row {min(row.quantity for row in same)}"
                raise UsageError(
                    f"{earlier.label} and {exam.label} hold the same exam of {exam.day} ({why}): give it once"
                )
    ordered = tuple(sorted(exams, key=lambda exam: (exam.day, exam.label)))
    days = [exam.day for exam in exams]
    return ordered, (
        [] if days == sorted(days) else ["the exams were not given in order of time: they were sorted by date"]
    )
