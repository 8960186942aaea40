"""How a study is laid out in an empty database."""

from __future__ import annotations

import json
import secrets

from sqlalchemy import insert
from sqlalchemy import inspect
from sqlalchemy.engine import Engine

from marrowmap.errors import UsageError
from marrowmap.readers import storage_tables as tables
from marrowmap.readers.order import reads_of
from marrowmap.readers.protocol import Protocol
from marrowmap.readers.storage import Clock
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_engine import writing
from marrowmap.readers.storage_rows import GENESIS
from marrowmap.readers.storage_rows import note
from marrowmap.readers.storage_rows import read_row
from marrowmap.readers.storage_rows import time_text
from marrowmap.readers.storage_rows import utc_now


def create_study(engine: Engine, protocol: Protocol, forms: dict[str, str], clock: Clock = utc_now) -> Store:
    """Lay out a study: its protocol, forms, secret and every reader's order, all or nothing.

    Parameters
    ----------
    engine : Engine
    protocol : Protocol
        Sound (see `protocol_checks.require_sound`).
    forms : dict of str to str
        Text of each form, by the name sessions call it.
    clock : callable

    Raises
    ------
    UsageError
        If the database holds a study already.
    """
    now = time_text(clock())
    secret = secrets.token_hex(32)
    digest = protocol.digest(forms)
    with writing(engine) as connection:
        if inspect(connection).has_table("study"):
            raise UsageError("the database holds a study already: choose another folder or database")
        tables.create_tables(connection)
        row = {
            "id": 1,
            "name": protocol.name,
            "digest": digest,
            "protocol": protocol.model_dump_json(by_alias=True),
            "forms": json.dumps(forms),
            "secret": secret,
            "state": "open",
            "last_at": now,
            "chain": GENESIS,
        }
        connection.execute(insert(tables.study), row)
        rows = [
            read_row(secret, read, position, ())
            for reader in protocol.readers
            for session in protocol.sessions
            for position, read in enumerate(reads_of(protocol, reader, session))
        ]
        connection.execute(insert(tables.reads), rows)
        note(connection, now, "created", "", f"protocol {digest}, seed {protocol.seed}")
    return Store(engine, clock)
