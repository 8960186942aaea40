"""Reads what people know of a course and no image says: onset, events, outcome. TOML or CSV, see docs/course.md."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from datetime import date
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from typing import TypeVar

from marrowmap.errors import InputError
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import Subject
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Event
from marrowmap.values.course import EventKind
from marrowmap.values.course import Onset
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import Outcome
from marrowmap.values.course import StatedEpisode
from marrowmap.values.course import Statements

HEAD = frozenset({"person", "birth_date", "sex", "note", "episode", "event"})
EPISODE = frozenset({"joint", "side", "onset", "onset_date", "within_days", "seen", "outcome", "outcome_date", "note"})
EVENT = frozenset({"kind", "date", "end", "joint", "side", "note"})
SEXES = ("", "M", "F", "O")
COLUMNS = ("record", "joint", "side", "kind", "date", "end", "within_days", "seen", "outcome", "outcome_date", "note")

Kind = TypeVar("Kind", bound=Enum)


def _only(entry: Mapping[str, Any], allowed: frozenset[str], where: str) -> None:
    unknown = sorted(set(entry) - allowed)
    if unknown:
        raise InputError(f"{where}: unknown field {unknown[0]!r}: use {', '.join(sorted(allowed))}")


def _word(entry: Mapping[str, Any], field: str, where: str) -> str:
    value = entry.get(field, "")
    if not isinstance(value, str):
        raise InputError(f"{where}: {field} is {value!r}, not text in quotes")
    return value.strip()


def _day(entry: Mapping[str, Any], field: str, where: str) -> date | None:
    value = entry.get(field)
    if value is None or value == "":
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        return date.fromisoformat(str(value).strip())
    except ValueError as error:
        raise InputError(f"{where}: {field} {value!r} is no day as YYYY-MM-DD") from error


def _kind(kinds: type[Kind], word: str, field: str, where: str) -> Kind:
    try:
        return kinds(word)
    except ValueError as error:
        raise InputError(f"{where}: {field} {word!r} is none of {', '.join(str(k.value) for k in kinds)}") from error


def _place(entry: Mapping[str, Any], where: str) -> Place | None:
    joint, side = _word(entry, "joint", where), _word(entry, "side", where)
    if not joint and not side:
        return None
    if not joint or not side:
        raise InputError(f"{where}: joint {joint!r} and side {side!r}: give both or, of the whole person, neither")
    return Place.of(_kind(Joint, joint, "joint", where), _kind(Side, side, "side", where))


def _episode(entry: Mapping[str, Any], where: str) -> StatedEpisode:
    _only(entry, EPISODE, where)
    place = _place(entry, where)
    if place is None:
        raise InputError(f"{where}: an episode needs joint and side")
    within = entry.get("within_days", 0)
    if isinstance(within, bool) or not isinstance(within, int):
        raise InputError(f"{where}: within_days is {within!r}, not a whole number of days")
    try:
        onset = Onset(
            _kind(OnsetKind, _word(entry, "onset", where) or OnsetKind.UNKNOWN.value, "onset", where),
            _day(entry, "onset_date", where),
            within,
        )
        return StatedEpisode(
            place,
            onset,
            _day(entry, "seen", where),
            _kind(Outcome, _word(entry, "outcome", where) or Outcome.UNKNOWN.value, "outcome", where),
            _day(entry, "outcome_date", where),
            _word(entry, "note", where),
        )
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _event(entry: Mapping[str, Any], where: str) -> Event:
    _only(entry, EVENT, where)
    day = _day(entry, "date", where)
    if day is None:
        raise InputError(f"{where}: an event needs its date")
    kind = _kind(EventKind, _word(entry, "kind", where), "kind", where)
    try:
        return Event(kind, day, _day(entry, "end", where), _place(entry, where), _word(entry, "note", where))
    except ValueError as error:
        raise InputError(f"{where}: {error}") from error


def _tables(document: Mapping[str, Any], name: str, where: str) -> list[Mapping[str, Any]]:
    tables = document.get(name, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError(f"{where}: write each {name} under a line [[{name}]]")
    return tables


def _from_toml(text: str, name: str) -> Statements:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{name}: is no TOML: {error}") from error
    _only(document, HEAD, name)
    birth = _day(document, "birth_date", name)
    sex = _word(document, "sex", name)
    if sex not in SEXES:
        raise InputError(f"{name}: sex {sex!r} is none of M, F, O: else it could not be compared with the exams")
    return Statements(
        Subject(_word(document, "person", name), sex, birth.isoformat() if birth else ""),
        tuple(
            _episode(entry, f"{name} episode {n}")
            for n, entry in enumerate(_tables(document, "episode", name), start=1)
        ),
        tuple(_event(entry, f"{name} event {n}") for n, entry in enumerate(_tables(document, "event", name), start=1)),
        _word(document, "note", name),
    )


def _from_csv(text: str, name: str) -> Statements:
    lines = text.splitlines()
    reader = csv.DictReader(lines)
    unknown = [column for column in reader.fieldnames or () if column not in COLUMNS]
    if unknown or "record" not in (reader.fieldnames or ()):
        wrong = f"unknown column {unknown[0]!r}" if unknown else "no column 'record'"
        raise InputError(f"{name}: {wrong}: its columns are {','.join(COLUMNS)}")
    episodes, events = [], []
    for number, line in enumerate(reader, start=2):
        where = f"{name} line {number}"
        if None in line:
            raise InputError(f"{where}: has more cells than the header: put text with commas in quotes")
        entry: dict[str, Any] = {key: value for key, value in line.items() if value not in (None, "")}
        record = entry.pop("record", "")
        if record == "episode":
            within = entry.get("within_days", "0")
            if not within.isdigit():
                raise InputError(f"{where}: within_days is {within!r}, not a whole number of days")
            renamed = {"kind": "onset", "date": "onset_date"}
            entry = {renamed.get(key, key): value for key, value in entry.items()}
            episodes.append(_episode({**entry, "within_days": int(within)}, where))
        elif record == "event":
            events.append(_event(entry, where))
        else:
            raise InputError(f"{where}: record {record!r} is neither 'episode' nor 'event'")
    return Statements(episodes=tuple(episodes), events=tuple(events))


def read_events(path: Path) -> Statements:
    """Read an events file.

    Parameters
    ----------
    path : Path
        TOML, or CSV with the columns of :data:`COLUMNS`; by its suffix.

    Raises
    ------
    InputError
        If it cannot be read, a field is unknown, a date is none, or two entries are the same.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text ({error}): give the events as TOML or CSV") from error
    if path.suffix.lower() not in (".toml", ".csv"):
        raise InputError(f"{path.name}: is neither .toml nor .csv: see docs/course.md")
    said = _from_csv(text, path.name) if path.suffix.lower() == ".csv" else _from_toml(text, path.name)
    entries: tuple[StatedEpisode | Event, ...] = (*said.episodes, *said.events)
    for number, entry in enumerate(entries):
        if entry in entries[:number]:
            raise InputError(f"{path.name}: the same entry twice ({_describe(entry)}): remove one")
    return said


def _describe(entry: StatedEpisode | Event) -> str:
    if isinstance(entry, Event):
        return f"{entry.kind.value} of {entry.day}"
    return f"{entry.place}, {entry.start}"
