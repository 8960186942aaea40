"""Virtual readers err as often as they say, whatever the order."""

from __future__ import annotations

from collections import Counter

from marrowmap.readers.truth import cross_table
from marrowmap.readers.truth import truth_of
from marrowmap.readers.virtual_reader import VirtualReader
from marrowmap.readers.virtual_reader import read_virtually
from tests.readers import study_example as example

READER = VirtualReader(sensitivity=0.8, specificity=0.9, undetermined=0.1, separation=2.0)


def test_a_virtual_reader_errs_at_its_rates(tmp_path):
    changed = example.document()
    changed["cases"] = [
        {
            "id": f"e{n}",
            "person": f"p{n}",
            "side": "left",
            "images": [{"modality": "mr"}],
            "truth": {"edema": "present" if n % 2 else "absent"},
        }
        for n in range(300)
    ]
    changed["sessions"] = [{"id": "first", "modalities": ["mr"], "form": "short.toml"}]
    store = example.make_store(tmp_path, changed)
    assert read_virtually(store, "r1", READER, seed=1) == 300
    states = {answer.read.case: answer.values["edema"]["state"] for answer in store.answers()}
    counts = Counter((int(case[1:]) % 2, state) for case, state in states.items())
    # 150 of each: expected 108, 27 and 15 for the present ones; four standard deviations.
    assert 86 <= counts[1, "present"] <= 130
    assert 9 <= counts[1, "absent"] <= 46
    assert 1 <= counts[1, "undetermined"] <= 30
    assert 102 <= counts[0, "absent"] <= 141
    store.close()


def test_the_cross_table_counts_undecided_reads_apart():
    states = ["present", "absent", "present", "absent", "undetermined", "not_assessable"]
    table = cross_table(states, [True, True, False, False, True, False], list("abcdef"), seed=1)
    assert (table.true_positive, table.false_negative, table.false_positive, table.true_negative) == (1, 1, 1, 1)
    assert table.undecided == 2
    assert table.sensitivity.value == 0.5
    empty = cross_table(["present"], [True], ["a"], seed=1)
    assert empty.specificity.value is None
    assert empty.specificity.note


def test_the_truth_of_what_is_shown_comes_before_that_of_the_joint():
    changed = example.document()
    changed["cases"][0]["truth"] = {"mr.edema": "absent", "edema": "present"}
    case = example.protocol(changed).cases[0]
    assert truth_of(case, ("mr",), "edema") == "absent"
    assert truth_of(case, ("dx",), "edema") == "present"
    assert truth_of(case, ("dx",), "grade") is None
