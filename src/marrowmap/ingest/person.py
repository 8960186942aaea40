"""One exam is one person at one date. Patient's names are compared, but never shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from marrowmap.errors import GeometryError
from marrowmap.errors import UsageError
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import iso_date
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.nifti import Sidecar
from marrowmap.values import Subject
from marrowmap.values.subject import OLDEST_YEARS

_YEARS_PER_AGE_UNIT = {"Y": 1.0, "M": 1 / 12, "W": 7 / 365.25, "D": 1 / 365.25}


@dataclass(frozen=True)
class Identity:
    """Whom one file is of, as far as it says; `name` is for comparing only."""

    file: str
    person_id: str
    name: str
    birth_date: str
    sex: str
    age: str
    date: str


def identity_of(header: Header) -> Identity:
    """Return whom a DICOM file is of."""
    return Identity(
        file=header.name,
        person_id=header.text("PatientID"),
        name=header.text("PatientName"),
        birth_date=iso_date(header.text("PatientBirthDate")),
        sex=header.text("PatientSex").upper(),
        age=header.text("PatientAge").upper(),
        date=header.date,
    )


def identity_in(sidecar: Sidecar, file: str) -> Identity:
    """Return whom a NIfTI file is of, by its sidecar; BIDS has the age as a number of years."""
    age = sidecar.text("PatientAge").upper()
    return Identity(
        file=file,
        person_id=sidecar.text("PatientID"),
        name=sidecar.text("PatientName"),
        birth_date=iso_date(sidecar.text("PatientBirthDate")),
        sex=sidecar.text("PatientSex").upper()[:1],
        age=f"{age}Y" if re.fullmatch(r"\d+(\.\d+)?", age) else age,
        date=sidecar.date,
    )


def _plain(text: str) -> str:
    """Return a name or identifier as it is compared: case, spaces and component marks do not matter."""
    return "".join(c for c in text.casefold() if c.isalnum())


def _first_clash(people: Sequence[Identity], field: str) -> tuple[Identity, Identity] | None:
    first: Identity | None = None
    for person in people:
        if not _plain(getattr(person, field)):
            continue
        if first is None:
            first = person
        elif _plain(getattr(person, field)) != _plain(getattr(first, field)):
            return first, person
    return None


def require_one_person(people: Iterable[Identity]) -> None:
    """Raise unless all files can be of one person.

    Raises
    ------
    GeometryError
        If identifier, birth date or sex differ, or names where an identifier is missing; names two files.
    """
    ordered = sorted(people, key=lambda person: (person.person_id, person.birth_date, person.sex, person.file))
    for field, tag in (("person_id", "PatientID"), ("birth_date", "PatientBirthDate"), ("sex", "PatientSex")):
        compared = [person for person in ordered if field != "sex" or person.sex in ("M", "F")]
        clash = _first_clash(compared, field)
        if clash is not None:
            one, other = clash
            raise GeometryError(
                f"files of two persons: {tag_label(tag)} is {getattr(one, field)!r} in {one.file} and "
                f"{getattr(other, field)!r} in {other.file}: pass one person's files"
            )
    if any(not person.person_id for person in ordered):
        clash = _first_clash(ordered, "name")
        if clash is not None:
            raise GeometryError(
                f"files of two persons: {tag_label('PatientName')} differs between {clash[0].file} and "
                f"{clash[1].file}, and {tag_label('PatientID')} is missing: pass one person's files"
            )


def note_missing_ids(people: Sequence[Identity]) -> list[LeftOut]:
    """Say where some files name the person and others do not."""
    without = sorted(person.file for person in people if not person.person_id)
    if not without or len(without) == len(people):
        return []
    text = f"{without[0]}: {tag_label('PatientID')} is absent here but not in other files: taken for the same person"
    return [LeftOut(Weight.OTHER, text if len(without) == 1 else f"{text} ({len(without)} such files)")]


def note_impossible_ages(people: Sequence[Identity]) -> list[LeftOut]:
    """Say where a file states an age that nobody has: it is not used."""
    ages = {person.age: person.file for person in sorted(people, key=lambda person: person.file, reverse=True)}
    return [
        LeftOut(Weight.OTHER, f"{file}: {tag_label('PatientAge')} is {age}: no person's age, not used")
        for age, file in sorted(ages.items())
        if (_stated_years(age) or 0.0) > OLDEST_YEARS
    ]


def require_one_date(people: Sequence[Identity]) -> str:
    """Return the one date of the exam, ISO 8601, empty where no file has one.

    Raises
    ------
    UsageError
        If there are several; lists them.
    """
    dates: dict[str, list[str]] = {}
    for person in people:
        if person.date:
            dates.setdefault(person.date, []).append(person.file)
    if len(dates) > 1:
        listed = ", ".join(f"{day} ({len(files)} files, first {min(files)})" for day, files in sorted(dates.items()))
        raise UsageError(f"exams of {len(dates)} dates, one exam at a time: pass the files of one of {listed}")
    return next(iter(dates), "")


def _stated_years(age: str) -> float | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([DWMY])", age)
    # Zero is how some scanners write that they do not know.
    if match is None or not float(match.group(1)) > 0:
        return None
    return float(match.group(1)) * _YEARS_PER_AGE_UNIT[match.group(2)]


def _age_years(age: str, birth_date: str, exam_date: str) -> float | None:
    stated = _stated_years(age)
    if stated is not None and stated <= OLDEST_YEARS:
        return stated
    try:
        days = (date.fromisoformat(exam_date) - date.fromisoformat(birth_date)).days
    except ValueError:
        return None
    return round(days / 365.25, 2) if 0 <= days < OLDEST_YEARS * 365.25 else None


def subject_of(people: Sequence[Identity], exam_date: str) -> Subject:
    """Return the person that all files speak of: from each field the first statement in a fixed order."""

    def stated(field: str) -> str:
        return min((getattr(person, field) for person in people if getattr(person, field)), default="")

    sexes = sorted({person.sex for person in people if person.sex in ("M", "F", "O")})
    return Subject(
        person_id=stated("person_id"),
        sex=sexes[0] if sexes else "",
        birth_date=stated("birth_date"),
        age_years=_age_years(stated("age"), stated("birth_date"), exam_date),
    )
