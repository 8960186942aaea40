"""Where a study is kept: a SQLite file in its folder, or PostgreSQL for several machines at once.

A commit is on the disk when it returns: SQLite syncs its log at every commit, PostgreSQL does so unless it was told not
to. Writers wait for each other rather than fail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL
from sqlalchemy import create_engine
from sqlalchemy import event
from sqlalchemy import make_url
from sqlalchemy.engine import Connection
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError
from sqlalchemy.exc import DatabaseError
from sqlalchemy.exc import InterfaceError
from sqlalchemy.exc import NoSuchModuleError

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers.storage_place import DATABASE_VARIABLE
from marrowmap.readers.storage_place import SQLITE_FILE

WAIT_S = 30


def _postgresql_url(text: str) -> URL:
    try:
        url = make_url(text)
    except ArgumentError as error:
        raise UsageError("the database is no URL: write postgresql://user:password@host:5432/name") from error
    if url.get_backend_name() != "postgresql":
        raise UsageError(
            f"a study is kept in SQLite (give no database) or PostgreSQL, not in {url.get_backend_name()!r}: write "
            "postgresql://user:password@host:5432/name"
        )
    return url.set(drivername="postgresql+pg8000") if url.drivername == "postgresql" else url


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _record: Any) -> None:
        # SQLAlchemy, not the driver, is to say when a transaction begins.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={WAIT_S * 1000}"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A writer must hold the lock before it reads, or two would number the same version.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def open_engine(folder: Path, database: str | None = None) -> Engine:
    """Return the engine of a study's database; nothing is connected yet.

    Parameters
    ----------
    folder : Path
        The study's folder.
    database : str, optional
        URL of a PostgreSQL database; else that of the environment variable, else SQLite in the folder.

    Raises
    ------
    UsageError
        If the URL is of another database, or its driver is missing.
    """
    given = database or os.environ.get(DATABASE_VARIABLE)
    if not given:
        engine = create_engine(
            URL.create("sqlite", database=str(folder / SQLITE_FILE)), pool_size=8, max_overflow=40, pool_timeout=WAIT_S
        )
        _prepare_sqlite(engine)
        return engine
    url = _postgresql_url(given)
    try:
        return create_engine(url, pool_size=8, max_overflow=40, pool_timeout=WAIT_S, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(f"the driver {url.drivername!r} is not installed: write postgresql://…") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to read from."""
    with _told(), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Yield a connection whose changes are on the disk when the block ends, or not at all."""
    with _told(), engine.connect().execution_options(writes=True) as connection, connection.begin():
        yield connection


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a database complains of into one line."""
    try:
        yield
    except (DatabaseError, InterfaceError) as error:
        reason = " ".join(str(error.orig).split())[:200]
        raise InputError(f"the study's database refused: {reason}: check that it runs and holds this study") from error
