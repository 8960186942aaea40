"""The same study in PostgreSQL; a URL that is none is refused."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import text

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_engine import open_engine
from marrowmap.readers.storage_engine import writing
from tests.readers import study_example as example

OWNER = "postgres"


def _as_owner(*command: str | Path) -> None:
    """PostgreSQL refuses to run as root: a test run as root becomes its owner."""
    prefix = ["runuser", "-u", OWNER, "--"] if os.geteuid() == 0 else []
    done = subprocess.run([*prefix, *map(str, command)], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr


def _programs() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    if on_path:
        return Path(on_path).parent
    pytest.skip("PostgreSQL is no Python package; bootstrap.py test installs it as root on Debian")


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """The URL of a database of its own on loopback."""
    programs = _programs()
    folder = tmp_path_factory.mktemp("postgresql")
    if os.geteuid() == 0:
        root = Path(tempfile.gettempdir())
        for parent in (folder, *(one for one in folder.parents if root in one.parents)):
            parent.chmod(0o755)
        shutil.chown(folder, OWNER)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    _as_owner(programs / "initdb", "-D", data, "-U", OWNER, "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    _as_owner(programs / "pg_ctl", "-D", data, "-w", "-o", options, "-l", folder / "log", "start")
    yield f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"
    _as_owner(programs / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")


def test_the_same_study_runs_in_postgresql(database, tmp_path):
    store = example.make_store(tmp_path, database=database)
    for session in ("train", "first"):
        example.read_all(store, "r1", session)
    code = store.tasks("r1")[0].code
    assert store.save("r1", code, example.say("absent"), edits_version=1) == 2
    assert store.require_intact() == 8
    for statement in ("UPDATE answers SET seconds = 1", "DELETE FROM answers", "TRUNCATE answers"):
        with pytest.raises(InputError, match="append-only"), writing(store._engine) as connection:
            connection.execute(text(statement))
    other = Store(open_engine(tmp_path, database), example.Clock())

    def read(reader):
        example.read_all(other, reader, "train")
        example.read_all(other, reader, "first", "absent")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(read, ("r2", "r1")))
    assert store.require_intact() == 15
    assert store.lock()
    with pytest.raises(InputError, match="the study is locked"):
        other.save("r1", code, example.say("present"), edits_version=2)
    with pytest.raises(InputError, match="the study is locked"), writing(other._engine) as connection:
        connection.execute(text("UPDATE study SET state = 'open'"))
    store.close()
    other.close()


def test_a_database_that_does_not_run_is_one_line(tmp_path):
    with pytest.raises(InputError, match="database"):
        Store(open_engine(tmp_path, "postgresql://nobody@127.0.0.1:9/none"))


@pytest.mark.parametrize("url", ["mysql://a/b", "not a url"])
def test_other_databases_are_refused(tmp_path, url):
    with pytest.raises(UsageError):
        open_engine(tmp_path, url)
