"""The tables of a study, and what the database itself refuses: no answer is ever changed or deleted, or late."""

from __future__ import annotations

from sqlalchemy import CheckConstraint
from sqlalchemy import Column
from sqlalchemy import ForeignKey
from sqlalchemy import Integer
from sqlalchemy import MetaData
from sqlalchemy import String
from sqlalchemy import Table
from sqlalchemy import Text
from sqlalchemy import UniqueConstraint
from sqlalchemy.engine import Connection

metadata = MetaData()

study = Table(
    "study",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("name", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("protocol", Text, nullable=False),
    Column("forms", Text, nullable=False),
    Column("secret", String(64), nullable=False),
    Column("state", String(8), nullable=False),
    Column("last_at", String(32), nullable=False),
    Column("chain", String(64), nullable=False),
)
"""One row. `last_at` is the latest time ever recorded, `chain` the digest of the latest answer."""

reads = Table(
    "reads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("reader", String(64), nullable=False),
    Column("session", String(64), nullable=False),
    Column("position", Integer, nullable=False),
    Column("case_id", String(64), nullable=False),
    Column("modalities", String(64), nullable=False),
    Column("items", Text, nullable=False),
    Column("code", String(16), nullable=False, unique=True),
    UniqueConstraint("reader", "session", "position"),
    UniqueConstraint("reader", "session", "case_id", "modalities"),
)
"""What is to be read, in order. `items` names those asked, as JSON; none for all of the form."""

answers = Table(
    "answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("read_id", Integer, ForeignKey("reads.id"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("clock", String(32), nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("origin", String(16), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    UniqueConstraint("read_id", "version"),
)
"""Answers with all their versions. `at` never runs backwards, `clock` is what the machine's clock said."""

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("who", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)
"""The trail: created, locked, clock gone back, adjudication opened."""

_APPEND_ONLY = ("answers", "events")

_SQLITE = [
    f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    for table in _APPEND_ONLY
    for verb in ("update", "delete")
] + [
    "CREATE TRIGGER answers_locked BEFORE INSERT ON answers WHEN (SELECT state FROM study) = 'locked' "
    "BEGIN SELECT RAISE(ABORT, 'the study is locked'); END",
    "CREATE TRIGGER study_locked BEFORE UPDATE ON study WHEN OLD.state = 'locked' "
    "BEGIN SELECT RAISE(ABORT, 'the study is locked'); END",
]

_POSTGRESQL = [
    "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION '% are append-only', TG_TABLE_NAME; END $$",
    "CREATE FUNCTION refuse_when_locked() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF (SELECT state FROM study) = 'locked' THEN RAISE EXCEPTION 'the study is locked'; END IF; "
    "RETURN NEW; END $$",
    *(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        for table in _APPEND_ONLY
    ),
    "CREATE TRIGGER answers_locked BEFORE INSERT ON answers FOR EACH ROW EXECUTE FUNCTION refuse_when_locked()",
    "CREATE TRIGGER study_locked BEFORE UPDATE ON study FOR EACH ROW EXECUTE FUNCTION refuse_when_locked()",
]


def create_tables(connection: Connection) -> None:
    """Create tables and triggers, all in the caller's transaction."""
    metadata.create_all(connection)
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement)
