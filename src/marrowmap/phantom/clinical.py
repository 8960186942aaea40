"""What a virtual person would answer on a clinical form, by the frequencies of ``data/clinical.toml``.

Nothing here is seen in any image. Answers come from a random stream of their own, so that images, truth and masks of a
seed are what they were without a form, and from a file of their own: not from the evidence that weighs them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import date
from datetime import timedelta
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from marrowmap.phantom.lesion import Lesion
from marrowmap.values import Side
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import Pregnancy

EXAM_DAY = date(2026, 1, 5)
"""On which virtual people are examined."""
CLINICAL_FILE = "clinical.toml"
ANY = "any"
STREAM = 106
"""Of a seed's random streams."""

Row = Mapping[str, Any]


@cache
def load_frequencies() -> Mapping[str, Any]:
    """Return the tables of ``data/clinical.toml``: ``frequency``, ``pregnancy``, ``onset`` and ``source``."""
    file = resources.files("marrowmap.phantom").joinpath("data", CLINICAL_FILE)
    return tomllib.loads(file.read_text(encoding="utf-8"))


@cache
def find_row(table: str, kind: str, *, question: str = "", sex: str = "") -> Row:
    """Return the row of a table that holds for a person: one of their kind, else that of any.

    Parameters
    ----------
    table : str
        ``frequency``, ``pregnancy`` or ``onset``.
    kind : str
        What the person has.
    question : str
        Of ``frequency``.
    sex : str
        ``M`` or ``F``.
    """
    rows = [row for row in load_frequencies()[table] if row.get("question", "") == question]
    for wanted in (kind, ANY):
        for row in rows:
            if wanted in row["kinds"] and row.get("sex", sex) == sex:
                return MappingProxyType(row)
    raise ValueError(f"{CLINICAL_FILE}: {table} {question} has no row for any kind: add one")


def share_of(row: Row) -> float:
    """Return how often a row's question is answered with yes, 0 to 1."""
    if "share" in row:
        return float(row["share"])
    return float(sum(said for said, _ in row["counts"]) / sum(asked for _, asked in row["counts"]))


def known_weeks(lesions: Mapping[Side, Lesion], weeks: float | None = None) -> float | None:
    """Return the weeks since onset that the pictures show, else those that were asked for; None if neither is known."""
    return next((lesion.weeks for lesion in lesions.values() if lesion.weeks is not None), weeks)


def draw_form(
    kind: str, seed: int, *, sex: str, age_years: int, weeks: float | None = None, person_id: str = ""
) -> ClinicalForm:
    """Draw a clinical form. Every question is answered; answers do not hang on each other where no row says so.

    Parameters
    ----------
    kind : str
        One of :data:`~marrowmap.phantom.kinds.KINDS`.
    seed : int
        The same seed gives the same form.
    sex : str
        ``M`` or ``F``.
    age_years : int
    weeks : float, optional
        Since onset; drawn if not given. Pain older than the person has an unknown onset.
    person_id : str
        Identifier of the images.
    """
    rng = np.random.default_rng([seed, STREAM])
    # One number each, used or not: an answer never moves the next.
    drawn = dict(zip((*ANSWERS, "pregnancy", "postpartum", "trimester", "weeks"), rng.random(10), strict=True))
    answers: dict[str, Answer] = {}
    for question in ANSWERS:
        row = find_row("frequency", kind, question=question, sex=sex)
        share = share_of(row)
        if "never_with" in row:
            other = row["never_with"]
            share /= 1 - share_of(find_row("frequency", kind, question=other, sex=sex))
            share *= answers[other] is Answer.NO
        answers[question] = Answer.YES if drawn[question] < share else Answer.NO
    pregnancy, trimester = _draw_pregnancy(find_row("pregnancy", kind), drawn, sex, age_years)
    low, high = np.log(find_row("onset", kind)["weeks"])
    usual = float(np.exp(low + drawn["weeks"] * (high - low)))
    days = round(7 * (usual if weeks is None else weeks))
    onset = EXAM_DAY - timedelta(days=days) if days <= 365 * age_years else None
    return ClinicalForm(person_id, float(age_years), sex, pregnancy, trimester, answers, onset, day=EXAM_DAY)


def _draw_pregnancy(row: Row, drawn: Mapping[str, float], sex: str, age_years: int) -> tuple[Pregnancy, int | None]:
    youngest, oldest = row["ages"]
    if sex != "F" or not youngest <= age_years <= oldest or drawn["pregnancy"] >= share_of(row):
        return Pregnancy.NO, None
    if drawn["postpartum"] < row["postpartum"]:
        return Pregnancy.POSTPARTUM, None
    trimesters = row["trimesters"]
    return Pregnancy.YES, int(trimesters[int(drawn["trimester"] * len(trimesters))])


def form_as_toml(form: ClinicalForm) -> str:
    """Return a form as the TOML that ``--clinical`` reads."""
    lines = [
        "# What this virtual person would answer: marrowmap analyze --clinical reads it. Drawn, like all of them.",
        f"person = {json.dumps(form.person)}",
        f"date = {form.day}",
        f"age = {form.age_years:g}",
        f'sex = "{form.sex}"',
        f'pregnancy = "{form.pregnancy.value}"',
        *([f"trimester = {form.trimester}"] if form.trimester is not None else []),
        *(f'{question} = "{answer.value}"' for question, answer in form.answers.items()),
        f"onset = {form.onset}" if form.onset is not None else 'onset = "unknown"',
    ]
    return "\n".join(lines) + "\n"
