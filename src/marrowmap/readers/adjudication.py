"""Where readers disagree, a further reader decides on the items in dispute; who said what stays in the trail."""

from __future__ import annotations

from collections import Counter
from typing import Any

from marrowmap.errors import InputError
from marrowmap.readers.forms import GridItem
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import RegionItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.forms import TextItem
from marrowmap.readers.order import Read
from marrowmap.readers.protocol import Session
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_rows import Answer
from marrowmap.readers.storage_rows import Task

_MEASURED = (NumberItem, GridItem, RegionItem, TextItem)
"""Kinds of items that are averaged, not decided: two readers never draw the same outline."""


def category(item: Item, value: Any) -> str | None:
    """Return the category of an answer, None where it has none or the item is a measurement."""
    if value is None or isinstance(item, _MEASURED):
        return None
    return str(value["state"] if isinstance(item, StateItem) else value)


def _latest(store: Store, session: str) -> dict[tuple[str, tuple[str, ...]], list[Answer]]:
    """Return people's latest answers of a session by case and modalities: software has no voice in a dispute."""
    grouped: dict[tuple[str, tuple[str, ...]], list[Answer]] = {}
    for answer in store.answers():
        if answer.latest and answer.read.session == session and answer.read.reader not in store.protocol.software:
            grouped.setdefault((answer.read.case, answer.read.modalities), []).append(answer)
    return grouped


def _disputed(store: Store, session: Session) -> dict[tuple[str, tuple[str, ...]], tuple[str, ...]]:
    form = store.forms[session.form]
    found = {}
    for key, answers in _latest(store, session.id).items():
        items = []
        for item in form.items_for(key[1]):
            said = {category(item, answer.values.get(item.name)) for answer in answers} - {None}
            if len(said) > 1:
                items.append(item.name)
        if items:
            found[key] = tuple(items)
    return found


def open_adjudication(store: Store) -> int:
    """Give each adjudicator the reads in dispute of every session that is to be adjudicated; returns how many are new.

    Raises
    ------
    InputError
        If the protocol has no adjudication, or readers have not finished: a dispute might yet vanish.
    """
    sessions = [session for session in store.protocol.sessions if session.kind == "adjudication"]
    if not sessions:
        raise InputError("the protocol has no session of kind 'adjudication': nothing can be adjudicated")
    reads: dict[Read, tuple[str, ...]] = {}
    for session in sessions:
        open_reads = [
            task
            for task in store.tasks()
            if task.read.session == session.of and not task.version and task.read.reader not in store.protocol.software
        ]
        if open_reads:
            raise InputError(
                f"session {session.of!r} has {len(open_reads)} reads without answer, first of reader "
                f"{open_reads[0].read.reader!r}: adjudicate when it is finished"
            )
        for (case, modalities), items in _disputed(store, store.protocol.session(session.of)).items():
            for reader in store.protocol.readers:
                if reader.role == "adjudicator":
                    reads[Read(reader.id, session.id, case, modalities)] = items
    return store.add_reads(reads, "adjudication_opened", f"{len(reads)} reads in dispute")


def reads_to_settle(store: Store, task: Task) -> list[dict[str, Any]]:
    """Return what readers said of the items in dispute, without who said it."""
    session = store.protocol.session(task.read.session)
    answers = _latest(store, session.of).get((task.read.case, task.read.modalities), [])
    said = [{name: answer.values.get(name) for name in task.items} for answer in answers]
    return sorted(said, key=str)


def consensus(store: Store) -> list[dict[str, str]]:
    """Return one value for each case and item of every adjudicated session, and how it came about.

    Returns
    -------
    list of dict
        ``case, person, session, modalities, item, value, how, trail``; `how` is ``unanimous``, ``adjudicated``,
        ``open`` (in dispute, not yet decided: no value) or ``split`` (adjudicators disagree: no value).
    """
    rows = []
    for session in store.protocol.sessions:
        if session.kind != "adjudication":
            continue
        first = store.protocol.session(session.of)
        settled = _latest(store, session.id)
        for (case, modalities), answers in sorted(_latest(store, first.id).items()):
            for item in store.forms[first.form].items_for(modalities):
                said = {answer.read.reader: category(item, answer.values.get(item.name)) for answer in answers}
                judged = {
                    answer.read.reader: category(item, answer.values.get(item.name))
                    for answer in settled.get((case, modalities), [])
                }
                value, how = _decide(said, judged)
                if how:
                    trail = [*said.items(), *((f"adjudicator {who}", what) for who, what in judged.items() if what)]
                    rows.append(
                        {
                            "case": case,
                            "person": store.protocol.case(case).person,
                            "session": first.id,
                            "modalities": "+".join(modalities),
                            "item": item.name,
                            "value": value,
                            "how": how,
                            "trail": "; ".join(f"{who}: {what}" for who, what in trail if what),
                        }
                    )
    return rows


def _decide(said: dict[str, str | None], judged: dict[str, str | None]) -> tuple[str, str]:
    opinions = Counter(what for what in said.values() if what is not None)
    decisions = {what for what in judged.values() if what is not None}
    if not opinions:
        return "", ""
    if len(opinions) == 1:
        return next(iter(opinions)), "unanimous"
    if len(decisions) == 1:
        return next(iter(decisions)), "adjudicated"
    return "", "split" if decisions else "open"
