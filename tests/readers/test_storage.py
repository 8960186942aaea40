"""Answers are never lost, changed, late or out of turn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_create import create_study
from marrowmap.readers.storage_engine import open_engine
from marrowmap.readers.storage_engine import writing
from marrowmap.readers.storage_rows import AlreadyAnsweredError
from tests.readers import study_example as example

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clock():
    return example.Clock()


@pytest.fixture
def store(tmp_path, clock):
    made = example.make_store(tmp_path, clock=clock)
    yield made
    made.close()


def test_a_reader_goes_through_training_then_each_session_in_order(store, clock):
    seen = []
    while (task := store.turn("r1").task) is not None:
        seen.append((task.read.session, task.read.modalities))
        store.save("r1", task.code, example.say("absent"))
    assert [name for name, _ in seen] == ["train", *["first"] * 6, *["both"] * 3]
    assert "opens 2026-03-15" in store.turn("r1").reason
    clock.now += timedelta(days=14)
    again = store.turn("r1").task
    assert again.read.session == "again"
    assert store.turn("judge").reason == "nothing to adjudicate yet"


def test_a_name_tells_nothing_of_case_reader_or_session(store):
    codes = [task.code for task in store.tasks()]
    assert len(set(codes)) == len(codes)
    assert not any(case in code.lower() for code in codes for case in ("e1", "e2", "e3") if len(code) < 3)


def test_only_the_next_case_can_be_answered(store):
    later = store.tasks("r1")[3]
    with pytest.raises(InputError, match="is not the next to read"):
        store.save("r1", later.code, example.say("present"))
    with pytest.raises(InputError, match="is none of this reader's"):
        store.save("r2", store.turn("r1").task.code, example.say("present"))


def test_a_second_answer_is_refused_unless_it_is_an_edit_and_both_are_kept(store):
    code = store.turn("r1").task.code
    assert store.save("r1", code, example.say("present")) == 1
    assert store.save("r1", code, example.say("present")) == 1  # the same, sent again
    with pytest.raises(AlreadyAnsweredError, match="is answered already"):
        store.save("r1", code, example.say("absent"))
    assert store.save("r1", code, example.say("absent"), edits_version=1) == 2
    assert store.save("r1", code, example.say("absent"), edits_version=1) == 2  # the same edit, sent again
    with pytest.raises(AlreadyAnsweredError, match=r"version 1 is not the latest \(2\)"):
        store.save("r1", code, example.say("undetermined"), edits_version=1)
    kept = [(answer.version, answer.values["edema"]["state"], answer.latest) for answer in store.answers()]
    assert kept == [(1, "present", False), (2, "absent", True)]


def test_a_protocol_without_edits_allows_none(tmp_path):
    changed = example.document() | {"edits": False}
    store = example.make_store(tmp_path, changed)
    code = store.turn("r1").task.code
    store.save("r1", code, example.say("present"))
    with pytest.raises(InputError, match="allows no edits"):
        store.save("r1", code, example.say("absent"), edits_version=1)


def test_a_locked_study_cannot_be_changed_not_even_in_the_database(store):
    code = store.turn("r1").task.code
    store.save("r1", code, example.say("present"))
    assert store.lock("lead")
    assert not store.lock("lead")
    assert store.turn("r1").reason == "the study is locked"
    with pytest.raises(InputError, match="the study is locked"):
        store.save("r1", code, example.say("absent"), edits_version=1)
    row = (
        "INSERT INTO answers SELECT 99, read_id, 9, document, at, clock, seconds, origin, previous, digest FROM answers"
    )
    for statement in (row, "UPDATE study SET state = 'open'"):
        with pytest.raises(InputError, match="the study is locked"), writing(store._engine) as connection:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    "statement", ["UPDATE answers SET document = '{}'", "DELETE FROM answers", "DELETE FROM events"]
)
def test_the_database_refuses_to_change_or_delete(store, statement):
    store.save("r1", store.turn("r1").task.code, example.say("present"))
    with pytest.raises(InputError, match="append-only"), writing(store._engine) as connection:
        connection.execute(text(statement))


def test_an_answer_changed_behind_the_programs_back_is_found(store):
    for _ in range(3):
        store.save("r1", store.turn("r1").task.code, example.say("present"))
    assert store.require_intact() == 3
    with writing(store._engine) as connection:
        connection.execute(text("DROP TRIGGER answers_no_update"))
        connection.execute(text("UPDATE answers SET document = replace(document, 'present', 'absent') WHERE id = 2"))
    with pytest.raises(InputError, match="answer 2 of 3 is not as it was given"):
        store.require_intact()


def test_a_clock_that_goes_back_is_noticed_and_time_kept_rising(store, clock):
    store.save("r1", store.turn("r1").task.code, example.say("present"))
    clock.now -= timedelta(days=400)
    store.save("r1", store.turn("r1").task.code, example.say("present"))
    first, second = store.answers()
    assert second.at >= first.at
    assert second.clock < first.clock
    assert [event["kind"] for event in store.events()] == ["created", "clock_backwards"]


def test_a_clock_that_goes_back_does_not_shorten_a_washout(store, clock):
    for session in ("train", "first", "both"):
        example.read_all(store, "r1", session)
    clock.now -= timedelta(days=30)
    assert "opens 2026-03-15" in store.turn("r1").reason


def test_a_changed_protocol_is_refused(tmp_path, store):
    texts = example.form_texts(tmp_path)
    store.require_same_protocol(example.protocol(), texts)
    changed = example.document() | {"seed": 8}
    with pytest.raises(InputError, match="changed after the study began"):
        store.require_same_protocol(example.protocol(changed), texts)


def test_a_study_is_laid_out_once(tmp_path, store):
    with pytest.raises(UsageError, match="holds a study already"):
        create_study(open_engine(tmp_path), example.protocol(), example.form_texts(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no study"):
        Store(open_engine(tmp_path / "empty"))


def test_tokens_differ_and_name_their_reader(store):
    tokens = {reader: store.token(reader) for reader in ("r1", "r2", "judge")}
    assert len(set(tokens.values())) == 3
    assert store.reader_of(tokens["r2"]) == "r2"
    assert store.reader_of("0" * 40) is None
    assert store.reader_of("é") is None


def test_two_connections_never_number_one_version_twice(tmp_path, store):
    code = store.turn("r1").task.code
    store.save("r1", code, example.say("present"))

    def edit(confidence):
        try:
            return store.save("r1", code, example.say("present", confidence), edits_version=1)
        except AlreadyAnsweredError:
            return None

    with ThreadPoolExecutor(8) as pool:
        versions = list(pool.map(edit, range(8)))
    assert sorted(versions, key=str) == [2, *[None] * 7]
    assert store.require_intact() == 2


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_engine import open_engine
from tests.readers.study_example import say
store = Store(open_engine(Path({folder!r})))
for reader in ("r1", "r2"):
    while (task := store.turn(reader).task) is not None:
        store.save(reader, task.code, say("present"))
        print(task.code, flush=True)
        sys.stdin.readline()
"""


def test_a_process_killed_in_mid_study_loses_no_receipted_answer(tmp_path, store):
    script = WRITER.format(root=str(ROOT), folder=str(tmp_path))
    receipts = []
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    ) as process:
        for _ in range(5):
            receipts.append(process.stdout.readline().strip())
            process.stdin.write("\n")
            process.stdin.flush()
        process.send_signal(signal.SIGKILL)
    found = [answer.code for answer in store.answers()]
    assert receipts == found[:5]
    assert store.require_intact() == len(found)
    assert len(found) - len(receipts) <= 1
