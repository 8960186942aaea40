"""Answers that were given elsewhere: taken in from a table of ratings, all or none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Rating
from marrowmap.ingest.reads_csv import read_ratings_csv
from marrowmap.readers.forms import CELLS
from marrowmap.readers.forms import CONFIDENCE
from marrowmap.readers.forms import OUTLINES
from marrowmap.readers.forms import GridItem
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import OrdinalItem
from marrowmap.readers.forms import RegionItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.storage_rows import ORIGINS
from marrowmap.readers.storage_rows import Given
from marrowmap.readers.storage_rows import Task
from marrowmap.readers.truth import item_label
from marrowmap.workflow.study import Study
from marrowmap.workflow.study_tables import session_label

_SUFFIXES = {StateItem: CONFIDENCE, GridItem: CELLS, RegionItem: OUTLINES}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _number(item: Item, text: str) -> float | int:
    if _WHOLE.fullmatch(text):
        return int(text)
    if _DECIMAL.fullmatch(text):
        return float(text)
    raise InputError(f"item {item.name!r}: {text!r:.40} is no number: write it as 12 or 12.5, with a point")


def _drawn(item: Item, text: str) -> Any:
    """Return cells or outlines from their JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"item {item.name!r}: {text!r:.40} is no JSON: take reads.csv of study export") from error


def _value(item: Item, cells: Mapping[str, str]) -> Any:
    """Return an item's answer from the cells of one read, None where it has none."""
    if isinstance(item, GridItem | RegionItem):
        drawn = cells.get(item.name + _SUFFIXES[type(item)], "")
        if cells.get(item.name):
            raise InputError(f"item {item.name!r}: a sum does not tell which cells: take reads.csv of study export")
        return _drawn(item, drawn) if drawn else None
    text = cells.get(item.name, "")
    if not text:
        return None
    if isinstance(item, StateItem):
        confidence = cells.get(item.name + CONFIDENCE, "")
        return {"state": text, "confidence": _number(item, confidence) if confidence else None}
    if isinstance(item, NumberItem | OrdinalItem):
        return _number(item, text)
    return text


def _tasks(study: Study) -> dict[tuple[str, str, str, str], tuple[Task, str]]:
    """Return where the answer to an item belongs: by reader, session, case and the item's label in tables."""
    found = {}
    for task in study.store.tasks():
        read = task.read
        sessions = {read.session, session_label(study.store, read.session)}
        for item in study.store.items(task):
            names = [item.name, *(item.name + end for kind, end in _SUFFIXES.items() if isinstance(item, kind))]
            for name in names:
                for session in sessions:
                    found[(read.reader, session, read.case, item_label(read.modalities, name))] = (task, name)
    return found


def _place(rating: Rating, known: Mapping[tuple[str, str, str, str], tuple[Task, str]], where: str) -> tuple[Task, str]:
    key = (rating.reader, rating.session, rating.case, rating.item)
    if key in known:
        return known[key]
    for index, what in ((1, "session"), (2, "case"), (3, "item")):
        allowed = sorted({one[index] for one in known if one[:index] == key[:index]})
        if key[index] not in allowed:
            shown = ", ".join(allowed[:6]) + (" …" if len(allowed) > 6 else "")
            raise InputError(f"{where}: reader {rating.reader} has no {what} {key[index]!r}: the study has {shown}")
    raise InputError(f"{where}: reader {rating.reader!r} is none of the study's")


def import_ratings(study: Study, path: Path, *, edit: bool = False) -> int:
    """Take in ``reads.csv`` (or ``ratings.csv``) as ``study export`` writes it; returns how many reads it held.

    Parameters
    ----------
    study : Study
    path : Path
        CSV with case, person, reader, session, item, value; items as ``MODALITY.ITEM``, the confidence of a sign as
        ``MODALITY.ITEM.confidence``, cells and outlines as JSON under ``.cells`` and ``.outlines``.
    edit : bool
        Whether reads that have an answer are changed; else a different second answer is refused.

    Raises
    ------
    InputError
        If a reader, session, case, item or category is unknown, an answer is missing or there already. Nothing of the
        table is kept then.
    """
    ratings, _ = read_ratings_csv(path, readers=[reader.id for reader in study.protocol.readers])
    known = _tasks(study)
    people = {case.id: case.person for case in study.protocol.cases}
    reads: dict[int, tuple[Task, dict[str, str]]] = {}
    for rating in ratings:
        task, name = _place(rating, known, path.name)
        if people[rating.case] != rating.person:
            raise InputError(
                f"{path.name}: case {rating.case} is of person {rating.person!r}, in the protocol of "
                f"{people[rating.case]!r}: correct one"
            )
        reads.setdefault(task.id, (task, {}))[1][name] = rating.value
    given = []
    for task, cells in reads.values():
        where = f"{path.name}, reader {task.read.reader}, session {task.read.session}, case {task.read.case}"
        try:
            values = {item.name: _value(item, cells) for item in study.store.items(task)}
        except InputError as error:
            raise InputError(f"{where}: {error}") from error
        version = task.version if edit and task.version else None
        given.append(Given(task.read.reader, task.code, values, 0.0, version, "csv", in_turn=False))
    try:
        study.store.save_all(given)
    except InputError as error:
        raise type(error)(f"{path.name}: {_with_case(str(error), given, study)}") from error
    return len(given)


def _document(study: Study, path: Path) -> list[dict[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
        answers = document["answers"]
        digest = document["protocol_digest"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path.name}: is no answers.json of marrowmap study export: export it again") from error
    if digest != study.store.digest:
        raise InputError(f"{path.name}: is of another protocol (digest {str(digest)[:12]}): import reads.csv instead")
    if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
        raise InputError(f"{path.name}: 'answers' is no list of answers: export it again")
    return answers


def import_document(study: Study, path: Path, *, edit: bool = False) -> int:
    """Take in the latest answers of ``answers.json``, without loss; returns how many reads.

    Answers of an adjudication are taken once its reads are open (``study adjudicate``); before they are passed over.

    Raises
    ------
    InputError
        If the file is of another protocol, or an answer does not fit. Nothing is kept then.
    """
    tasks = {
        (task.read.reader, task.read.session, task.read.case, task.read.modalities): task
        for task in study.store.tasks()
    }
    settling = {session.id for session in study.protocol.sessions if session.kind == "adjudication"}
    given = []
    for number, answer in enumerate(_document(study, path), start=1):
        try:
            key = (answer["reader"], answer["session"], answer["case"], tuple(answer["modalities"]))
            latest, values, seconds, origin = (answer[name] for name in ("latest", "values", "seconds", "origin"))
            task = tasks.get(key)
        except (KeyError, TypeError) as error:
            raise InputError(f"{path.name}, answer {number}: lacks a field: export it again") from error
        if not latest or (task is None and key[1] in settling):
            continue
        if task is None:
            raise InputError(f"{path.name}, answer {number}: the study has no such read of {key[0]!r}")
        if type(seconds) is not int or seconds < 0 or origin not in ORIGINS:
            raise InputError(f"{path.name}, answer {number}: seconds or origin cannot be right: export it again")
        version = task.version if edit and task.version else None
        given.append(Given(key[0], task.code, values, seconds, version, origin, in_turn=False))
    try:
        study.store.save_all(given)
    except InputError as error:
        raise type(error)(f"{path.name}: {_with_case(str(error), given, study)}") from error
    return len(given)


def import_answers(study: Study, path: Path, *, edit: bool = False) -> int:
    """Take in a table (CSV) or a document (JSON) of answers; returns how many reads."""
    return (import_document if path.suffix.lower() == ".json" else import_ratings)(study, path, edit=edit)


def _with_case(message: str, given: list[Given], study: Study) -> str:
    """Say the case's own name where a message says the code readers know it by."""
    codes = {task.code: task for task in study.store.tasks()}
    for one in given:
        if one.code in message:
            read = codes[one.code].read
            return message.replace(one.code, f"{read.case} ({read.reader}, {read.session})")
    return message
