"""Answers that were given elsewhere: taken in from a table of ratings, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError
from marrowmap.ingest.reads_csv import Rating
from marrowmap.ingest.reads_csv import read_ratings_csv
from marrowmap.readers.forms import GridItem
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import OrdinalItem
from marrowmap.readers.forms import RegionItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.storage_rows import Given
from marrowmap.readers.storage_rows import Task
from marrowmap.readers.truth import item_label
from marrowmap.workflow.study import Study
from marrowmap.workflow.study_tables import session_label

_CONFIDENCE = ".confidence"


def _number(item: Item, text: str) -> float | int:
    try:
        return int(text) if isinstance(item, OrdinalItem) else float(text)
    except ValueError as error:
        raise InputError(f"item {item.name!r}: {text!r} is no number") from error


def _value(item: Item, cells: Mapping[str, str]) -> Any:
    """Return an item's answer from the cells of one read, None where it has none."""
    text = cells.get(item.name, "")
    if not text:
        return None
    if isinstance(item, StateItem):
        confidence = cells.get(item.name + _CONFIDENCE, "")
        return {"state": text, "confidence": _number(item, confidence) if confidence else None}
    if isinstance(item, NumberItem | OrdinalItem):
        return _number(item, text)
    if isinstance(item, GridItem | RegionItem):
        raise InputError(f"item {item.name!r}: cells and outlines do not fit a table: read it on the page")
    return text


def _tasks(study: Study) -> dict[tuple[str, str, str, str], tuple[Task, str]]:
    """Return where the answer to an item belongs: by reader, session, case and the item's label in tables."""
    found = {}
    for task in study.store.tasks():
        read = task.read
        sessions = {read.session, session_label(study.store, read.session)}
        for item in study.store.items(task):
            names = [item.name, item.name + _CONFIDENCE] if isinstance(item, StateItem) else [item.name]
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
    """Take in a table of ratings as ``study export`` writes it; returns how many reads it held.

    Parameters
    ----------
    study : Study
    path : Path
        CSV with case, person, reader, session, item, value; items as ``MODALITY.ITEM``, the confidence of a sign as
        ``MODALITY.ITEM.confidence``.
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


def _with_case(message: str, given: list[Given], study: Study) -> str:
    """Say the case's own name where a message says the code readers know it by."""
    codes = {task.code: task for task in study.store.tasks()}
    for one in given:
        if one.code in message:
            read = codes[one.code].read
            return message.replace(one.code, f"{read.case} ({read.reader}, {read.session})")
    return message
