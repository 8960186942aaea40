"""``marrowmap study read``: answer in the terminal, with the images in a viewer of one's own."""

from __future__ import annotations

import sys
import time
from typing import Annotated
from typing import Any

import typer

from marrowmap.cli.console import BANNER
from marrowmap.cli.console import say
from marrowmap.cli.study_options import Database
from marrowmap.cli.study_options import StudyFolder
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers.forms import STATES
from marrowmap.readers.forms import ChoiceItem
from marrowmap.readers.forms import GridItem
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import OrdinalItem
from marrowmap.readers.forms import RegionItem
from marrowmap.readers.forms import StateItem
from marrowmap.readers.forms import check_answers


def _hint(item: Item) -> str:
    match item:
        case StateItem():
            return "p, a, u or n, then confidence 0 to 100, as: p 80"
        case OrdinalItem():
            return ", ".join(f"{number} {words}" for number, words in enumerate(item.levels))
        case ChoiceItem():
            return ", ".join(f"{number} {words}" for number, words in enumerate(item.options))
        case NumberItem():
            return f"{item.low:g} to {item.high:g} {item.unit}"
        case _:
            return "text"


def _state(text: str) -> dict[str, Any]:
    letter, _, confidence = text.partition(" ")
    named = [state for state in STATES if letter and state.startswith(letter.lower())]
    if len(named) != 1:
        raise ValueError(letter)
    return {"state": named[0], "confidence": float(confidence) if confidence.strip() else None}


def _parse(item: Item, text: str) -> Any:
    """Return what a line says of an item.

    Raises
    ------
    InputError
        If it does not fit.
    """
    try:
        match item:
            case StateItem():
                value: Any = _state(text)
            case OrdinalItem():
                value = int(text)
            case ChoiceItem():
                value = item.options[int(text)] if text.isdigit() else text
            case NumberItem():
                value = float(text)
            case _:
                value = text
    except (ValueError, IndexError) as error:
        raise InputError(f"item {item.name!r}: {text!r} does not fit: give {_hint(item)}") from error
    return check_answers([item], {item.name: value})[item.name]


def _ask(item: Item) -> Any:
    while True:
        say(f"{item.label}? [{_hint(item)}{'; empty: none' if item.optional else ''}]")
        line = sys.stdin.readline()
        if not line:
            raise UsageError("the input ended before the read was answered: this read was not kept, earlier ones were")
        text = line.strip()
        if not text and item.optional:
            return None
        try:
            return _parse(item, text)
        except InputError as error:
            say(str(error))


def command(
    study: StudyFolder,
    reader: Annotated[str, typer.Option("--reader", help="Who reads: the id in the protocol.", show_default=False)],
    database: Database = None,
) -> None:
    """Ask item by item what comes next for a reader; each read is kept before the next one is asked."""
    from marrowmap.workflow.study import open_study

    opened = open_study(study, database=database)
    store = opened.store
    people = [one.id for one in store.protocol.readers if one.role != "software"]
    if reader not in people:
        raise UsageError(f"--reader {reader}: the study has {', '.join(people)}")
    say(BANNER)
    while (turn := store.turn(reader)).task is not None:
        task = turn.task
        items = store.items(task)
        drawn = [item.name for item in items if isinstance(item, GridItem | RegionItem) and not item.optional]
        if drawn:
            raise UsageError(f"item {drawn[0]!r} is drawn: read on the page (marrowmap study serve)")
        case = store.protocol.case(task.read.case)
        elsewhere = "" if opened.images(task) else f", shown elsewhere as {case.id}"
        shown = "+".join(task.read.modalities)
        say(f"\n{turn.done + 1} of {turn.total}: case {task.code}{elsewhere}, {case.side} {case.joint}, {shown}")
        began = time.monotonic()
        values = {
            item.name: value
            for item in items
            if not isinstance(item, GridItem | RegionItem) and (value := _ask(item)) is not None
        }
        store.save(reader, task.code, values, seconds=time.monotonic() - began, origin="terminal")
        if store.protocol.session(task.read.session).kind == "training":
            for name, value in case.truth.items():
                say(f"  the answer is: {name} {value}")
    say(turn.reason)
