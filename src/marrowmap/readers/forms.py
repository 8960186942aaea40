"""Reading forms: which items a reader fills in, as data; and whether an answer fits its form."""

from __future__ import annotations

import json
import math
import tomllib
import unicodedata
from collections.abc import Mapping
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import Literal

from pydantic import Field

from marrowmap.errors import InputError
from marrowmap.readers.protocol import Frozen
from marrowmap.readers.protocol import Modality
from marrowmap.readers.protocol import Name
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import parse_as
from marrowmap.readers.protocol import read_toml
from marrowmap.values import State

STATES = tuple(state.value for state in State)
MAX_POINTS = 20_000
MAX_TEXT = 4_000


class _Item(Frozen):
    """What all items share: `modalities` it is asked for (none: all), and whether it may be left open."""

    name: Name
    label: str
    help: str = ""
    modalities: tuple[Modality, ...] = ()
    optional: bool = False


class StateItem(_Item):
    """A sign in four states with confidence 0 to 100; not assessable has none, as there was nothing to judge."""

    kind: Literal["state"]


class OrdinalItem(_Item):
    """A score: the level's number, 0 first."""

    kind: Literal["ordinal"]
    levels: tuple[str, ...] = Field(min_length=2)


class ChoiceItem(_Item):
    """One of several categories without order."""

    kind: Literal["choice"]
    options: tuple[str, ...] = Field(min_length=2)


class NumberItem(_Item):
    """A number within limits, such as a suspicion of 0 to 100 for ROC analysis."""

    kind: Literal["number"]
    low: float
    high: float
    unit: str = "1"


class GridItem(_Item):
    """Cells to tick on a number of slices, 0 or 1 each; the score is their sum.

    Parameters
    ----------
    slices, rows, columns : int
    left_out : tuple of (row, column)
        Cells that are not of the bone.
    """

    kind: Literal["grid"]
    slices: int = Field(ge=1, le=60)
    rows: int = Field(ge=1, le=12)
    columns: int = Field(ge=1, le=12)
    left_out: tuple[tuple[int, int], ...] = ()

    @property
    def highest(self) -> int:
        """The highest score."""
        return self.slices * (self.rows * self.columns - len(set(self.left_out)))


class RegionItem(_Item):
    """Closed outlines drawn on slices of one image."""

    kind: Literal["region"]


class TextItem(_Item):
    """A remark in the reader's words, kept without blanks around it."""

    kind: Literal["text"]


Item = StateItem | OrdinalItem | ChoiceItem | NumberItem | GridItem | RegionItem | TextItem


class Form(Frozen):
    """A reading form.

    Parameters
    ----------
    name, title, source : str
        `source` cites where its items come from, and says what is not verified.
    """

    schema_: Literal["marrowmap-form/1"] = Field(alias="schema")
    name: Name
    title: str
    source: str
    items: tuple[Annotated[Item, Field(discriminator="kind")], ...] = Field(min_length=1)

    def items_for(self, modalities: Sequence[str]) -> tuple[Item, ...]:
        """Return the items that are asked where these modalities are shown."""
        return tuple(item for item in self.items if not item.modalities or set(item.modalities) & set(modalities))


def shipped_forms() -> tuple[str, ...]:
    """Name the forms that come with marrowmap."""
    folder = resources.files("marrowmap.readers").joinpath("forms")
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


KEPT = "shipped-forms"
"""Folder of a study with the shipped forms as they were when it began: a later version may ship others."""


def form_text(name: str, beside: Path) -> str:
    """Return the text of a form: a shipped one by its name, else a TOML file relative to folder `beside`.

    A shipped form that `beside` keeps (see `KEPT`) is read from there.

    Raises
    ------
    InputError
        If there is no such form.
    """
    kept = beside / KEPT / f"{name}.toml"
    if name in shipped_forms() and not kept.is_file():
        return resources.files("marrowmap.readers").joinpath("forms", f"{name}.toml").read_text(encoding="utf-8")
    path = kept if kept.is_file() else beside / name
    if path != kept and not (name.endswith(".toml") and path.is_file()):
        raise InputError(f"form {name!r}: is no file beside the protocol and not shipped: use one of {shipped_forms()}")
    read_toml(path)
    return path.read_text(encoding="utf-8-sig")


def parse_form(text: str, where: str) -> Form:
    """Read a form from its text.

    Raises
    ------
    InputError
        If a key is unknown, missing or of the wrong kind, an item is there twice or a limit is none.
    """
    form = parse_as(Form, tomllib.loads(text), f"form {where}")
    names = [item.name for item in form.items]
    for item in form.items:
        if names.count(item.name) > 1:
            raise InputError(f"form {where}: item {item.name!r} is there twice: give each its own name")
        if isinstance(item, NumberItem) and not (math.isfinite(item.high - item.low) and item.low < item.high):
            raise InputError(f"form {where}: item {item.name!r} needs finite limits, low below high")
        if isinstance(item, GridItem) and any(r >= item.rows or c >= item.columns for r, c in item.left_out):
            raise InputError(f"form {where}: item {item.name!r} leaves out a cell it does not have")
    return form


def forms_of(protocol: Protocol, beside: Path) -> dict[str, str]:
    """Return the text of each form a protocol's sessions use, by the name they call it."""
    return {session.form: form_text(session.form, beside) for session in protocol.sessions}


def _bad(item: Item, what: str) -> InputError:
    return InputError(f"item {item.name!r}: {what}")


def _number(item: Item, value: Any, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(item, f"needs a number, got {value!r:.40}")
    if not low <= value <= high:  # not a number compares as outside; a whole number may be too large for a float
        raise _bad(item, f"{value!r:.40} is not within {low:g} to {high:g}")
    return value


def _check_state(item: StateItem, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or value.get("state") not in STATES or set(value) - {"state", "confidence"}:
        raise _bad(item, f"needs a state of {', '.join(STATES)} and a confidence")
    if value["state"] == State.NOT_ASSESSABLE.value:
        if value.get("confidence") is not None:
            raise _bad(item, "what is not assessable has no confidence")
        return {"state": value["state"], "confidence": None}
    return {"state": value["state"], "confidence": _number(item, value.get("confidence"), 0, 100)}


def _check_grid(item: GridItem, value: Any) -> list[list[int]]:
    if not isinstance(value, list):
        raise _bad(item, "needs a list of [slice, row, column]")
    cells = set()
    for cell in value:
        if not (isinstance(cell, list) and len(cell) == 3 and all(type(n) is int for n in cell)):
            raise _bad(item, f"needs cells as [slice, row, column], got {cell!r:.40}")
        inside = all(0 <= n < size for n, size in zip(cell, (item.slices, item.rows, item.columns), strict=True))
        if not inside or (cell[1], cell[2]) in item.left_out:
            raise _bad(item, f"there is no cell {cell}")
        cells.add(tuple(cell))
    return [list(cell) for cell in sorted(cells)]


def _check_region(item: RegionItem, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _bad(item, "needs a list of outlines")
    outlines = []
    points = 0
    for outline in value:
        if not isinstance(outline, Mapping) or set(outline) != {"image", "slice", "points"}:
            raise _bad(item, "an outline needs image, slice and points")
        for key in ("image", "slice"):
            if type(outline[key]) is not int or outline[key] < 0:
                raise _bad(item, f"an outline's {key} is a whole number of 0 or more, got {outline[key]!r:.40}")
        corners = outline["points"]
        if not isinstance(corners, list) or len(corners) < 3:
            raise _bad(item, "an outline needs three points or more")
        for corner in corners:
            if not isinstance(corner, list) or len(corner) != 2:
                raise _bad(item, f"a point is [column, row], got {corner!r:.40}")
        points += len(corners)
        if points > MAX_POINTS:
            raise _bad(item, f"more than {MAX_POINTS} points: draw with fewer")
        checked = [[float(_number(item, number, -1e5, 1e5)) for number in corner] for corner in corners]
        outlines.append({"image": outline["image"], "slice": outline["slice"], "points": checked})
    return outlines


def _check(item: Item, value: Any) -> Any:  # noqa: PLR0911
    match item:
        case StateItem():
            return _check_state(item, value)
        case OrdinalItem():
            if type(value) is not int or not 0 <= value < len(item.levels):
                raise _bad(item, f"needs a level of 0 to {len(item.levels) - 1}, got {value!r:.40}")
            return value
        case ChoiceItem():
            if value not in item.options:
                raise _bad(item, f"{value!r:.40} is none of {', '.join(item.options)}")
            return value
        case NumberItem():
            return _number(item, value, item.low, item.high)
        case GridItem():
            return _check_grid(item, value)
        case RegionItem():
            return _check_region(item, value)
        case TextItem():
            if not isinstance(value, str) or len(value) > MAX_TEXT:
                raise _bad(item, f"needs text of at most {MAX_TEXT} characters")
            if any(unicodedata.category(letter) in ("Cs", "Cc") and letter not in "\n\r\t" for letter in value):
                raise _bad(item, "holds control characters, which no table can carry: remove them")
            return value


def check_answers(items: Sequence[Item], answers: Any) -> dict[str, Any]:
    """Return the answers in their one plain form.

    Parameters
    ----------
    items : sequence of Item
        Those that were asked.
    answers : mapping of item name to value
        A state as ``{"state", "confidence"}``, a grid as cells, a region as outlines in pixels (column, row) where
        pixel centers are whole numbers.

    Raises
    ------
    InputError
        If an item is missing, unknown, or its value is not of the form.
    """
    if not isinstance(answers, Mapping):
        raise InputError("answers: need one value for each item")
    names = {item.name for item in items}
    unknown = sorted(set(answers) - names)
    if unknown:
        raise InputError(f"item {unknown[0]!r}: was not asked here: use {', '.join(sorted(names))}")
    checked = {}
    for item in items:
        value = answers.get(item.name)
        if isinstance(item, TextItem) and isinstance(value, str):
            value = value.strip() or None
        if value is None:
            if not item.optional:
                raise _bad(item, "has no answer: fill it in")
            continue
        checked[item.name] = _check(item, value)
    return checked


CONFIDENCE, CELLS, OUTLINES = ".confidence", ".cells", ".outlines"
"""What stands behind an item's name where its answer needs a line of its own."""


def rating_rows(items: Sequence[Item], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return answers as (item, value) for a table of ratings: one number or category each.

    A state gives its confidence as ``NAME.confidence``; a grid its sum; a region its number of outlines, as its pixels
    need the image's shape.
    """
    return _rows(items, answers, exact=False)


def exact_rows(items: Sequence[Item], answers: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return answers as (item, value) without loss: cells and outlines as JSON, numbers with all their digits."""
    return _rows(items, answers, exact=True)


def _rows(items: Sequence[Item], answers: Mapping[str, Any], *, exact: bool) -> list[tuple[str, str]]:
    rows = []
    for item in items:
        if item.name not in answers:
            continue
        value = answers[item.name]
        match item:
            case StateItem():
                rows.append((item.name, value["state"]))
                if (sure := value["confidence"]) is not None:
                    rows.append((item.name + CONFIDENCE, json.dumps(sure) if exact else f"{sure:g}"))
            case GridItem() if exact:
                rows.append((item.name + CELLS, json.dumps(value)))
            case GridItem():
                rows.append((item.name, str(len(value))))
            case RegionItem():
                rows.append((item.name + OUTLINES, json.dumps(value) if exact else str(len(value))))
            case NumberItem():
                rows.append((item.name, json.dumps(value) if exact else f"{value:.10g}"))
            case _:
                rows.append((item.name, str(value)))
    return rows
