"""The evidence files: counts by sign and entity, with population, comparison, source and how sure we read it right."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from marrowmap.errors import InputError


@dataclass(frozen=True)
class Source:
    """A paper, or why there is none; `name` is short, `read` says what of it was read."""

    key: str
    name: str
    citation: str
    read: str


@dataclass(frozen=True)
class Count:
    """How many people of one study showed a sign.

    Parameters
    ----------
    entity : str
    present, assessed : int
    joint : str
        ``hip``, ``knee``, or ``any`` where the study mixed them.
    fit : str
        ``same`` where the study's sign is ours, ``near`` where it is wider or narrower.
    otherwise : bool
        Whether these people lack the thing of which the sign is a reading.
    population, compared_with, source, confidence : str
    """

    entity: str
    present: int
    assessed: int
    joint: str
    fit: str
    otherwise: bool
    population: str
    compared_with: str
    source: str
    confidence: str


@dataclass(frozen=True)
class Stated:
    """What is believed where nobody counted; `belief` is a word of ``model.toml``."""

    entity: str
    belief: str
    otherwise: bool
    why: str
    source: str
    confidence: str


@dataclass(frozen=True)
class ItemEvidence:
    """All that is known of one sign, answer or course."""

    item: str
    group: str
    is_lead: bool
    counts: tuple[Count, ...]
    stated: tuple[Stated, ...]


@dataclass(frozen=True)
class Group:
    """One thing that several signs may be readings of; within another group's thing, or on its own."""

    name: str
    text: str
    within: str


@dataclass(frozen=True, eq=False)
class Literature:
    """Evidence files, how they are weighed, and their sources."""

    model: Mapping[str, Any]
    groups: tuple[Group, ...]
    items: Mapping[str, ItemEvidence]
    sources: Mapping[str, Source]
    unused: Mapping[str, str]

    @property
    def version(self) -> str:
        """Version of the model, as results name it."""
        return str(self.model["version"])

    @property
    def barring(self) -> frozenset[str]:
        """Quantities of which so much may be measured that some entities are not answered."""
        return frozenset(bar["quantity"] for bar in self.model["bar"])

    def lead_of(self, group: str) -> ItemEvidence:
        """Return the sign that shows a group's thing itself."""
        return next(item for item in self.items.values() if item.group == group and item.is_lead)

    def readings_of(self, group: str) -> tuple[ItemEvidence, ...]:
        """Return the other signs of a group, by name."""
        return tuple(item for _, item in sorted(self.items.items()) if item.group == group and not item.is_lead)

    def source_name(self, key: str) -> str:
        """Return a source's short name."""
        return self.sources[key].name


def read_toml(file: Traversable | Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    InputError
        If it cannot be read, or is none.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{file.name}: cannot be read as TOML ({error}): correct it") from error


def parse_item(document: Mapping[str, Any], name: str) -> ItemEvidence:
    """Return one evidence file's content; `name` is the file, for messages.

    Raises
    ------
    InputError
        If a field is missing or has the wrong type. What the fields say is checked by ``lint``.
    """
    try:
        return ItemEvidence(
            str(document["item"]),
            str(document["group"]),
            {"lead": True, "reading": False}[document["role"]],
            tuple(_count(row) for row in document.get("count", ())),
            tuple(_stated(row) for row in document.get("stated", ())),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{name}: {error} is missing or not of its kind: see docs/differential.md") from error


def _count(row: Mapping[str, Any]) -> Count:
    for field in ("present", "assessed"):
        if not isinstance(row[field], int) or isinstance(row[field], bool):
            raise TypeError(f"{field} {row[field]!r} (a whole number of people)")
    return Count(
        row.get("entity", ""),
        row["present"],
        row["assessed"],
        row.get("joint", "hip"),
        row.get("fit", "same"),
        bool(row.get("otherwise", False)),
        row["population"],
        row["compared_with"],
        row.get("source", ""),
        str(row["confidence"]),
    )


def _stated(row: Mapping[str, Any]) -> Stated:
    return Stated(
        row.get("entity", ""),
        row["belief"],
        bool(row.get("otherwise", False)),
        row["why"],
        row.get("source", ""),
        str(row["confidence"]),
    )


def parse_sources(document: Mapping[str, Mapping[str, str]]) -> dict[str, Source]:
    """Return the sources by key."""
    return {
        key: Source(key, entry.get("name", entry["citation"]), entry["citation"], entry["read"])
        for key, entry in document.items()
    }


def load(evidence: Sequence[Traversable | Path], data: Traversable | Path) -> Literature:
    """Return the literature of some evidence files and a folder with ``model.toml`` and ``sources.toml``.

    Raises
    ------
    InputError
        If a file cannot be read, or two are of the same item.
    """
    model = read_toml(data / "model.toml")
    items: dict[str, ItemEvidence] = {}
    for file in sorted(evidence, key=lambda one: one.name):
        item = parse_item(read_toml(file), file.name)
        if item.item in items:
            raise InputError(f"{file.name}: {item.item} has two evidence files: merge them")
        items[item.item] = item
    return Literature(
        model,
        tuple(Group(one["name"], one["text"], one.get("within", "")) for one in model["group"]),
        items,
        parse_sources(read_toml(data / "sources.toml")),
        {one["item"]: one["why"] for one in model["unused"]},
    )


@cache
def shipped() -> Literature:
    """Return the evidence that marrowmap ships."""
    room = resources.files("marrowmap.reasoning")
    files = [file for file in room.joinpath("evidence").iterdir() if file.name.endswith(".toml")]
    return load(files, room.joinpath("data"))
