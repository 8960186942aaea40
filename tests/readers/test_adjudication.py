"""Disagreement goes to the adjudicator, item by item, and its trail stays."""

from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.readers.adjudication import consensus
from marrowmap.readers.adjudication import open_adjudication
from marrowmap.readers.adjudication import reads_to_settle
from tests.readers import study_example as example


@pytest.fixture
def store(tmp_path):
    made = example.make_store(tmp_path)
    example.read_all(made, "r1", "train")
    example.read_all(made, "r2", "train")
    example.read_all(made, "r1", "first", "present")
    while (task := made.turn("r2").task).read.session == "first":
        disputed = (task.read.case, task.read.modalities) == ("e2", ("mr",))
        made.save("r2", task.code, example.say("absent" if disputed else "present", 60))
    return made


def test_only_what_is_in_dispute_is_opened_and_once(store):
    assert open_adjudication(store) == 1
    assert open_adjudication(store) == 0
    task = store.turn("judge").task
    assert (task.read.case, task.read.modalities, task.items) == ("e2", ("mr",), ("edema",))
    assert [item.name for item in store.items(task)] == ["edema"]
    said = [row["edema"]["state"] for row in reads_to_settle(store, task)]
    assert sorted(said) == ["absent", "present"]


def test_a_dispute_is_open_until_it_is_settled(store):
    open_adjudication(store)
    row = {(r["case"], r["modalities"], r["item"]): r for r in consensus(store)}
    assert row["e1", "mr", "edema"]["how"] == "unanimous"
    assert (row["e2", "mr", "edema"]["how"], row["e2", "mr", "edema"]["value"]) == ("open", "")
    store.save("judge", store.turn("judge").task.code, example.say("absent", 90))
    settled = next(r for r in consensus(store) if (r["case"], r["modalities"]) == ("e2", "mr"))
    assert (settled["how"], settled["value"]) == ("adjudicated", "absent")
    assert settled["trail"] == "r1: present; r2: absent; adjudicator judge: absent"


def test_a_session_that_is_not_finished_is_not_adjudicated(tmp_path):
    store = example.make_store(tmp_path)
    with pytest.raises(InputError, match="session 'first' has 12 reads without answer"):
        open_adjudication(store)
