"""The study as it is kept: reads in their order, answers that are never lost, changed or out of turn."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from datetime import datetime
from datetime import timedelta
from typing import Any

from sqlalchemy import func
from sqlalchemy import insert
from sqlalchemy import inspect
from sqlalchemy import select
from sqlalchemy import update
from sqlalchemy.engine import Connection
from sqlalchemy.engine import Engine
from sqlalchemy.engine import Row

from marrowmap.errors import InputError
from marrowmap.readers import storage_tables as tables
from marrowmap.readers.forms import Form
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import check_answers
from marrowmap.readers.forms import parse_form
from marrowmap.readers.order import Read
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.protocol import parse_as
from marrowmap.readers.storage_engine import reading
from marrowmap.readers.storage_engine import writing
from marrowmap.readers.storage_rows import GENESIS
from marrowmap.readers.storage_rows import AlreadyAnsweredError
from marrowmap.readers.storage_rows import Answer
from marrowmap.readers.storage_rows import Given
from marrowmap.readers.storage_rows import Task
from marrowmap.readers.storage_rows import Turn
from marrowmap.readers.storage_rows import link
from marrowmap.readers.storage_rows import note
from marrowmap.readers.storage_rows import read_row
from marrowmap.readers.storage_rows import task_of
from marrowmap.readers.storage_rows import time_text
from marrowmap.readers.storage_rows import utc_now

Clock = Callable[[], datetime]


class Store:
    """A study's database.

    Parameters
    ----------
    engine : Engine
        See `storage_engine.open_engine`.
    clock : callable
        Gives the time; for tests.

    Raises
    ------
    InputError
        If the database holds no study.
    """

    def __init__(self, engine: Engine, clock: Clock = utc_now) -> None:
        self._engine = engine
        self._clock = clock
        with reading(engine) as connection:
            if not inspect(connection).has_table("study"):
                raise InputError("the database holds no study: make one with marrowmap study init")
            row = connection.execute(select(tables.study)).one()
        self.digest: str = row.digest
        self.protocol = parse_as(Protocol, json.loads(row.protocol), "kept protocol")
        self.form_texts: dict[str, str] = json.loads(row.forms)
        self.forms: dict[str, Form] = {name: parse_form(text, name) for name, text in self.form_texts.items()}
        self._secret: str = row.secret

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @property
    def locked(self) -> bool:
        """Whether the study takes no more answers."""
        with reading(self._engine) as connection:
            return bool(connection.execute(select(tables.study.c.state)).scalar_one() == "locked")

    def require_same_protocol(self, protocol: Protocol, forms: dict[str, str]) -> None:
        """Raise unless a protocol file is the one the study was laid out from.

        Raises
        ------
        InputError
            If it was changed since: who read before would have read another study.
        """
        given = protocol.digest(forms)
        if given != self.digest:
            raise InputError(
                f"the protocol or a form was changed after the study began (digest {given[:12]}, at its beginning "
                f"{self.digest[:12]}): put it back, or begin a new study with marrowmap study init"
            )

    def token(self, reader: str) -> str:
        """Return the secret part of a reader's link."""
        return hmac.digest(self._secret.encode(), b"token\x1f" + reader.encode(), hashlib.sha256).hex()[:40]

    def reader_of(self, token: str) -> str | None:
        """Return whose token this is, None where nobody's."""
        found = None
        for reader in self.protocol.readers:  # all are compared, so that time tells nothing
            if reader.role != "software" and hmac.compare_digest(self.token(reader.id).encode(), token.encode()):
                found = reader.id
        return found

    def image_key(self, case: str, modality: str, time_point: str) -> str:
        """Return the name of the file with a case's images: it tells nothing without the secret."""
        message = "\x1f".join(("image", case, modality, time_point)).encode()
        return hmac.digest(self._secret.encode(), message, hashlib.sha256).hex()[:32]

    def items(self, task: Task) -> tuple[Item, ...]:
        """Return the items a task asks."""
        session = self.protocol.session(task.read.session)
        form = self.forms[self.protocol.session(session.of).form if session.of else session.form]
        asked = form.items_for(task.read.modalities)
        return tuple(item for item in asked if not task.items or item.name in task.items)

    def tasks(self, reader: str | None = None) -> list[Task]:
        """Return all reads, or those of a reader, in the protocol's order of sessions."""
        with reading(self._engine) as connection:
            return self._tasks(connection, reader)

    def _tasks(self, connection: Connection, reader: str | None) -> list[Task]:
        reads, answers = tables.reads.c, tables.answers.c
        version = func.coalesce(func.max(answers.version), 0).label("version")
        query = select(tables.reads, version).outerjoin(tables.answers, answers.read_id == reads.id).group_by(reads.id)
        if reader is not None:
            query = query.where(reads.reader == reader)
        order = {session.id: number for number, session in enumerate(self.protocol.sessions)}
        rows = connection.execute(query).all()
        rows = sorted(rows, key=lambda row: (row.reader, order[row.session], row.position))
        return [task_of(row) for row in rows]

    def turn(self, reader: str) -> Turn:
        """Return what a reader is to read now."""
        with reading(self._engine) as connection:
            return self._turn(connection, reader)

    def _turn(self, connection: Connection, reader: str) -> Turn:
        tasks = self._tasks(connection, reader)
        left = [task for task in tasks if not task.version]
        done, total = len(tasks) - len(left), len(tasks)
        row = connection.execute(select(tables.study.c.state, tables.study.c.last_at)).one()
        if row.state == "locked":
            return Turn(None, done, total, "the study is locked")
        if not left:
            waits = total == 0 and self.protocol.reader(reader).role == "adjudicator"
            return Turn(None, done, total, "nothing to adjudicate yet" if waits else "all is read: thank you")
        task = left[0]
        wait = self._wait_until(connection, tasks, task)
        now = max(self._clock(), datetime.fromisoformat(row.last_at))
        if wait is not None and now < wait:
            return Turn(None, done, total, f"the next session opens {wait:%Y-%m-%d %H:%M} UTC, after its washout")
        return Turn(task, done, total)

    def _wait_until(self, connection: Connection, tasks: list[Task], task: Task) -> datetime | None:
        washout = self.protocol.session(task.read.session).washout_days
        before = [other.id for other in tasks if other.read.session != task.read.session and other.version]
        begun = any(other.read.session == task.read.session and other.version for other in tasks)
        if not washout or not before or begun:
            return None
        query = select(func.max(tables.answers.c.at)).where(
            tables.answers.c.read_id.in_(before), tables.answers.c.version == 1
        )
        return datetime.fromisoformat(connection.execute(query).scalar_one()) + timedelta(days=washout)

    def save(
        self,
        reader: str,
        code: str,
        values: Any,
        *,
        seconds: float = 0.0,
        edits_version: int | None = None,
        origin: str = "page",
        in_turn: bool = True,
    ) -> int:
        """Keep an answer; when this returns it is on the disk.

        Parameters
        ----------
        reader, code : str
            Who answers what.
        values : mapping of item to value
        seconds : float
            Spent on the read.
        edits_version : int, optional
            The version this one replaces. Without it a second answer is refused, unless it is word for word the first:
            then it is the same one, sent again after its receipt was lost.
        origin : str
            ``page``, ``terminal``, ``csv``, ``software`` or ``virtual``.
        in_turn : bool
            Whether only the next read may be answered; tables read elsewhere have an order of their own.

        Returns
        -------
        int
            The version it was kept as.

        Raises
        ------
        AlreadyAnsweredError
            If it has an answer and this is no edit of its latest version.
        InputError
            If the study is locked, the read is not this reader's or not next, or the values do not fit the form.
        """
        given = Given(reader, code, values, seconds, edits_version, origin, in_turn)
        return self.save_all([given])[0]

    def save_all(self, given: Sequence[Given], event: tuple[str, str, str] | None = None) -> list[int]:
        """Keep several answers at once, all or none; see `save`.

        `event` goes to the trail with them: what kind, who, and words.
        """
        versions = []
        with writing(self._engine) as connection:
            for one in given:
                versions.append(self._save(connection, one))
            if event is not None:
                state = connection.execute(select(tables.study)).one()
                note(connection, max(time_text(self._clock()), state.last_at), *event)
        return versions

    def _save(self, connection: Connection, given: Given) -> int:
        state = connection.execute(select(tables.study).with_for_update()).one()
        if state.state == "locked":
            raise InputError("the study is locked: no answer can be given or changed")
        reader, code = given.reader, given.code
        task = next((task for task in self._tasks(connection, reader) if task.code == code), None)
        if task is None:
            raise InputError(f"case {code!r}: is none of this reader's: use the codes of their list")
        items = self.items(task)
        if reader in self.protocol.software:  # a program answers what it looks for, and leaves the rest open
            items = tuple(item.model_copy(update={"optional": True}) for item in items)
        document = json.dumps(check_answers(items, given.values), sort_keys=True)
        if task.version and given.edits_version is None:
            if document == self._latest(connection, task).document:
                return task.version
            raise AlreadyAnsweredError(f"case {code!r}: is answered already: change it by an explicit edit")
        again = task.version > 1 and given.edits_version == task.version - 1
        if again and document == self._latest(connection, task).document:
            return task.version  # the same change, sent again after its receipt was lost
        self._require_edit(task, given.edits_version)
        if given.in_turn and not task.version:
            turn = self._turn(connection, reader)
            if turn.task is None or turn.task.id != task.id:
                raise InputError(f"case {code!r}: is not the next to read{': ' if turn.reason else ''}{turn.reason}")
        return self._append(connection, state, task, document, given)

    def _require_edit(self, task: Task, edits_version: int | None) -> None:
        if edits_version is None:
            return
        if not self.protocol.edits:
            raise InputError("the protocol allows no edits: an answer stays as it was given")
        if edits_version != task.version or not task.version:
            raise AlreadyAnsweredError(
                f"case {task.code!r}: version {edits_version} is not the latest ({task.version}): load it again"
            )

    def _latest(self, connection: Connection, task: Task) -> Row[Any]:
        answers = tables.answers.c
        query = select(tables.answers).where(answers.read_id == task.id, answers.version == task.version)
        return connection.execute(query).one()

    def _append(self, connection: Connection, state: Row[Any], task: Task, document: str, given: Given) -> int:
        clock = time_text(self._clock())
        at = max(clock, state.last_at)
        if clock < state.last_at:
            note(connection, at, "clock_backwards", task.read.reader, f"the clock said {clock}: kept as {at}")
        version = task.version + 1
        digest = link(state.chain, task.id, version, document, at)
        connection.execute(
            insert(tables.answers),
            {
                "read_id": task.id,
                "version": version,
                "document": document,
                "at": at,
                "clock": clock,
                "seconds": max(0, min(round(given.seconds), 10**8)),
                "origin": given.origin,
                "previous": state.chain,
                "digest": digest,
            },
        )
        connection.execute(update(tables.study).values(last_at=at, chain=digest))
        return version

    def answer(self, task: Task) -> dict[str, Any] | None:
        """Return the latest values of a task, None where it is not answered."""
        if not task.version:
            return None
        with reading(self._engine) as connection:
            values: dict[str, Any] = json.loads(self._latest(connection, task).document)
        return values

    def answers(self) -> list[Answer]:
        """Return every version of every answer, in the order they came in."""
        with reading(self._engine) as connection:
            tasks = {task.id: task for task in self._tasks(connection, None)}
            rows = connection.execute(select(tables.answers).order_by(tables.answers.c.id)).all()
        return [
            Answer(
                read=tasks[row.read_id].read,
                code=tasks[row.read_id].code,
                version=row.version,
                values=json.loads(row.document),
                at=row.at,
                clock=row.clock,
                seconds=row.seconds,
                origin=row.origin,
                latest=row.version == tasks[row.read_id].version,
            )
            for row in rows
        ]

    def events(self) -> list[dict[str, str]]:
        """Return the trail, oldest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(tables.events).order_by(tables.events.c.id)).all()
        return [{"at": row.at, "kind": row.kind, "who": row.who, "detail": row.detail} for row in rows]

    def require_intact(self) -> int:
        """Follow the chain of digests through all answers; returns their number.

        Raises
        ------
        InputError
            If an answer was changed, removed or put in behind the program's back.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(select(tables.answers).order_by(tables.answers.c.id)).all()
            last = connection.execute(select(tables.study.c.chain)).scalar_one()
        previous = GENESIS
        for number, row in enumerate(rows, start=1):
            expected = link(previous, row.read_id, row.version, row.document, row.at)
            if row.previous != previous or row.digest != expected:
                raise InputError(f"answer {number} of {len(rows)} is not as it was given: restore the database")
            previous = row.digest
        if previous != last:
            raise InputError("the last answers of the database are missing: restore it")
        return len(rows)

    def lock(self, who: str = "") -> bool:
        """Lock the study for good; returns whether it was open."""
        with writing(self._engine) as connection:
            state = connection.execute(select(tables.study).with_for_update()).one()
            if state.state == "locked":
                return False
            at = max(time_text(self._clock()), state.last_at)
            note(connection, at, "locked", who, f"chain {state.chain}")
            connection.execute(update(tables.study).values(state="locked", last_at=at))
        return True

    def add_reads(self, reads: Mapping[Read, tuple[str, ...]], kind: str, detail: str) -> int:
        """Add reads after the last of their reader and session, each with the items it asks; returns how many are new.

        Raises
        ------
        InputError
            If the study is locked.
        """
        with writing(self._engine) as connection:
            state = connection.execute(select(tables.study).with_for_update()).one()
            if state.state == "locked":
                raise InputError("the study is locked: nothing can be added")
            there = [task.read for task in self._tasks(connection, None)]
            new = [read for read in reads if read not in there]
            for read in new:
                position = sum((one.reader, one.session) == (read.reader, read.session) for one in there)
                connection.execute(insert(tables.reads), read_row(self._secret, read, position, reads[read]))
                there.append(read)
            if new:
                note(connection, max(time_text(self._clock()), state.last_at), kind, "", detail)
        return len(new)
