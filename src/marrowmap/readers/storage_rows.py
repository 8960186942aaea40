"""What a study's database holds, as values; and how its rows are made."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from datetime import timezone
from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection
from sqlalchemy.engine import Row

from marrowmap.errors import InputError
from marrowmap.readers import storage_tables as tables
from marrowmap.readers.blinding import pseudonym
from marrowmap.readers.order import Read

ORIGINS = ("page", "terminal", "csv", "software", "virtual")
"""Whence an answer can come."""

GENESIS = "0" * 64
"""What the first answer of a chain refers to."""


def utc_now() -> datetime:
    """Return the time by the machine's clock."""
    return datetime.now(timezone.utc)  # noqa: UP017


@dataclass(frozen=True)
class Task:
    """A read as it is kept.

    Parameters
    ----------
    id, position : int
        `position` counts from 0 within reader and session.
    read : Read
    items : tuple of str
        Those asked; empty for all of the form.
    code : str
        The case's name for this reader.
    version : int
        Of the latest answer, 0 where there is none.
    """

    id: int
    position: int
    read: Read
    items: tuple[str, ...]
    code: str
    version: int


@dataclass(frozen=True)
class Answer:
    """One version of an answer."""

    read: Read
    code: str
    version: int
    values: dict[str, Any]
    at: str
    clock: str
    seconds: int
    origin: str
    latest: bool


@dataclass(frozen=True)
class Turn:
    """What a reader is to do now: a task, or why there is none."""

    task: Task | None
    done: int
    total: int
    reason: str = ""


@dataclass(frozen=True)
class Given:
    """An answer as it is handed in; see `Store.save`."""

    reader: str
    code: str
    values: Any
    seconds: float = 0.0
    edits_version: int | None = None
    origin: str = "page"
    in_turn: bool = True


class AlreadyAnsweredError(InputError):
    """A read has an answer, and this is no explicit edit."""


def time_text(time: datetime) -> str:
    """Return a time as it is kept: its text sorts like time."""
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds")  # noqa: UP017


def link(previous: str, read_id: int, version: int, document: str, at: str) -> str:
    """Return the digest of an answer, which refers to the answer before."""
    message = json.dumps([previous, read_id, version, document, at])
    return hashlib.sha256(message.encode()).hexdigest()


def read_row(secret: str, read: Read, position: int, items: tuple[str, ...]) -> dict[str, Any]:
    """Return the row of a read."""
    return {
        "reader": read.reader,
        "session": read.session,
        "position": position,
        "case_id": read.case,
        "modalities": "+".join(read.modalities),
        "items": json.dumps(items),
        "code": pseudonym(secret, read),
    }


def task_of(row: Row[Any]) -> Task:
    """Return a read from its row."""
    read = Read(row.reader, row.session, row.case_id, tuple(row.modalities.split("+")))
    return Task(row.id, row.position, read, tuple(json.loads(row.items)), row.code, row.version)


def note(connection: Connection, at: str, kind: str, who: str, detail: str) -> None:
    """Add to the trail."""
    connection.execute(insert(tables.events), {"at": at, "kind": kind, "who": who, "detail": detail})
