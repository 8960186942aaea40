"""Reads a clinical form, TOML or JSON: see docs/differential.md. What is not known must be said to be unknown."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from typing import TypeVar

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.values import Subject
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import Pregnancy

NEEDED = ("age", "sex", "pregnancy", *ANSWERS, "onset")
"""Questions that must be answered, if only with ``unknown``."""

OPTIONAL = ("person", "date", "trimester", "setting", "prior")
UNKNOWN = "unknown"
OLDEST_PREGNANT, YOUNGEST_PREGNANT = 55.0, 12.0
"""Ages beyond which a pregnancy on the form is taken for an error."""
AGE_TOLERANCE = 1.5
"""Years by which form and images may differ in age."""

Kind = TypeVar("Kind", bound=Enum)


def _word(kinds: type[Kind], value: object, field: str, where: str) -> Kind:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    try:
        return kinds(value)
    except ValueError:
        words = ", ".join(str(kind.value) for kind in kinds)
        raise InputError(f"{where}: {field} is {value!r}: use one of {words}") from None


def _age(value: object, where: str) -> float | None:
    if value == UNKNOWN:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 120:
        raise InputError(f"{where}: age is {value!r}: give years from 0 to 120, or {UNKNOWN!r}")
    return float(value)


def _sex(value: object, where: str) -> str:
    if value not in ("M", "F", UNKNOWN):
        raise InputError(f"{where}: sex is {value!r}: use M, F or {UNKNOWN}")
    return "" if value == UNKNOWN else str(value)


def _day(value: object, field: str, where: str) -> date | None:
    if value == UNKNOWN:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        day = value
    else:
        try:
            day = date.fromisoformat(str(value))
        except ValueError:
            raise InputError(f"{where}: {field} is {value!r}: give a day as YYYY-MM-DD, or {UNKNOWN!r}") from None
    if day > date.today():
        raise InputError(f"{where}: {field} {day} lies in the future: correct the date")
    return day


def _trimester(value: object, pregnancy: Pregnancy, where: str) -> int | None:
    if value is None or value == UNKNOWN:
        return None
    if isinstance(value, bool) or value not in (1, 2, 3):
        raise InputError(f"{where}: trimester is {value!r}: use 1, 2, 3 or leave it out")
    if pregnancy is not Pregnancy.YES:
        raise InputError(f"{where}: a trimester is given but pregnancy is {pregnancy.value!r}: one of both is wrong")
    return int(str(value))


def _text(document: Mapping[str, Any], field: str, where: str) -> str:
    value = document.get(field, "")
    if not isinstance(value, str):
        raise InputError(f"{where}: {field} is {value!r}: write it as text in quotes")
    return value.strip()


def parse_form(document: Mapping[str, Any], where: str) -> ClinicalForm:
    """Return a form's content.

    Parameters
    ----------
    document : mapping
        As read from TOML or JSON.
    where : str
        The file, for messages.

    Raises
    ------
    InputError
        If a question is missing, unknown or answered with something else, or two answers contradict each other.
    """
    unknown = sorted(set(document) - set(NEEDED) - set(OPTIONAL))
    if unknown:
        raise InputError(f"{where}: unknown question {unknown[0]!r}: the form has {', '.join((*NEEDED, *OPTIONAL))}")
    missing = [field for field in NEEDED if field not in document]
    if missing:
        raise InputError(
            f"{where}: is half filled in ({', '.join(missing)} missing): answer, or write {UNKNOWN!r} where unknown"
        )
    age, sex = _age(document["age"], where), _sex(document["sex"], where)
    pregnancy = _word(Pregnancy, document["pregnancy"], "pregnancy", where)
    expecting = pregnancy in (Pregnancy.YES, Pregnancy.POSTPARTUM)
    if expecting and sex == "M":
        raise InputError(f"{where}: sex is M and pregnancy {pregnancy.value}: one of both is wrong")
    if expecting and age is not None and not YOUNGEST_PREGNANT <= age <= OLDEST_PREGNANT:
        raise InputError(f"{where}: pregnancy {pregnancy.value} at {age:g} years: one of both is wrong")
    onset, day = _day(document["onset"], "onset", where), _day(document.get("date", UNKNOWN), "date", where)
    if onset is not None and day is not None and onset > day:
        raise InputError(f"{where}: onset {onset} lies after the form's exam ({day}): correct one")
    prior = document.get("prior", {})
    if not isinstance(prior, dict):
        raise InputError(f"{where}: prior is {prior!r}: write a table [prior] with a probability for each entity")
    if prior and "setting" in document:
        raise InputError(f"{where}: gives a setting and a prior of its own: keep one")
    return ClinicalForm(
        _text(document, "person", where),
        age,
        sex,
        pregnancy,
        _trimester(document.get("trimester"), pregnancy, where),
        {field: _word(Answer, document[field], field, where) for field in ANSWERS},
        onset,
        _text(document, "setting", where),
        prior,
        day,
    )


def read_clinical(path: Path) -> ClinicalForm:
    """Read a clinical form.

    Parameters
    ----------
    path : Path
        ``.toml`` or ``.json``.

    Raises
    ------
    InputError
        If it cannot be read, or for what :func:`parse_form` refuses.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}): give the form as TOML or JSON") from error
    try:
        document = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (json.JSONDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path.name}: is neither TOML nor JSON by its ending: {error}") from error
    if not isinstance(document, dict):
        raise InputError(f"{path.name}: holds no form: see docs/differential.md")
    return parse_form(document, path.name)


def require_same_person(form: ClinicalForm, subject: Subject, exam_date: str, where: str) -> None:
    """Raise unless form and images can be of one person.

    Raises
    ------
    GeometryError
        If identifier, sex or age differ.
    InputError
        If pain began after the exam, or the form is of an exam of another day.
    """
    if form.person and subject.person_id and form.person.casefold() != subject.person_id.casefold():
        raise GeometryError(
            f"{where}: is of person {form.person!r}, the images of {subject.person_id!r}: give this person's form"
        )
    if form.sex and subject.sex in ("M", "F") and form.sex != subject.sex:
        raise GeometryError(f"{where}: sex is {form.sex}, the images say {subject.sex}: give this person's form")
    age, imaged = form.age_years, subject.age_years
    expecting = form.pregnancy in (Pregnancy.YES, Pregnancy.POSTPARTUM)
    if expecting and subject.sex == "M":
        raise GeometryError(
            f"{where}: pregnancy is {form.pregnancy.value}, the images say sex M: give this person's form"
        )
    if expecting and imaged is not None and not YOUNGEST_PREGNANT <= imaged <= OLDEST_PREGNANT:
        raise GeometryError(
            f"{where}: pregnancy is {form.pregnancy.value}, at the exam the images say {imaged:g} years: give this "
            "person's form"
        )
    if age is not None and imaged is not None and abs(age - imaged) > AGE_TOLERANCE:
        raise GeometryError(
            f"{where}: age is {age:g}, at the exam the images say {imaged:g}: give this person's form, age at exam"
        )
    if form.day is not None and exam_date and form.day != date.fromisoformat(exam_date):
        raise InputError(f"{where}: is of the exam of {form.day}, this one is of {exam_date}: give this exam's form")
    if form.onset is not None and exam_date and form.onset > date.fromisoformat(exam_date):
        raise InputError(f"{where}: onset {form.onset} lies after the exam ({exam_date}): correct the date")
