"""Each way in which a protocol makes no study is refused in one line."""

from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.readers.protocol_checks import notes_on
from marrowmap.readers.protocol_checks import require_sound
from tests.readers import study_example as example


def refuse(change, message):
    changed = example.document()
    change(changed)
    with pytest.raises(InputError, match=message):
        require_sound(example.protocol(changed), example.forms())


def test_the_example_is_sound_and_says_that_people_cluster():
    require_sound(example.protocol(), example.forms())
    assert any("3 cases of 2 people" in note for note in notes_on(example.protocol()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["cases"][1]["images"].pop(), r"case 'e2' has no dx at 'baseline', which session 'first' shows"),
        (lambda d: d["sessions"][1].update(time_points=["week12"]), r"case 'e1' has no mr at 'week12'"),
        (lambda d: d["cases"][0]["images"].append({"modality": "mr"}), "mr at 'baseline' twice"),
        (lambda d: d["readers"].append({"id": "r1"}), "reader 'r1' is there twice"),
        (lambda d: d["cases"][1].update(id="e1"), "case 'e1' is there twice"),
        (lambda d: d["sessions"][1].update(id="train"), "session 'train' is there twice"),
        (lambda d: d.update(readers=d["readers"][2:]), "there is no reader"),
        (lambda d: d["readers"].pop(), "session 'settle' needs a reader with role 'adjudicator'"),
        (lambda d: d["sessions"][4].update(of="train"), "adjudicates 'train', which is no reading session"),
        (lambda d: d["sessions"][3].update(repeats="later"), "repeats 'later', which is no reading session before"),
        (lambda d: d["sessions"][3].update(modalities=["mr"]), "a repeat must show the same"),
        (lambda d: d["sessions"][1].update(cases=["e9"]), "names case 'e9', which is not there"),
        (lambda d: d["sessions"][1].update(modalities=[]), "session 'first' shows nothing"),
        (lambda d: d["cases"][3].update(truth={}), "training case 't1' has no truth"),
        (lambda d: d["cases"][3].update(truth={"edma": "present"}), "truth of case 't1' names item 'edma'"),
        (lambda d: d["cases"][3].update(training=False), "session 'train' has no training case"),
        (lambda d: d.update(design="split_plot"), "'r1' has no block"),
        (lambda d: d.update(design="partial"), "reader 'r1' has no case"),
        (lambda d: d.update(assignments=[{"reader": "r1", "cases": ["e1"]}]), "belong to design 'partial'"),
        (lambda d: d.update(sessions=d["sessions"][:1]), "no session of kind 'reading'"),
    ],
)
def test_what_makes_no_study_is_refused(change, message):
    refuse(change, message)


def test_a_partial_design_leaves_no_case_unread():
    def change(document):
        document["design"] = "partial"
        document["assignments"] = [{"reader": "r1", "cases": ["e1"]}, {"reader": "r2", "cases": ["e1", "e2"]}]

    refuse(change, "case 'e3' is read by nobody")


def test_a_block_without_readers_is_refused():
    def change(document):
        document["design"] = "split_plot"
        for one in document["readers"]:
            one["block"] = "a"
        for one in document["cases"]:
            one["block"] = "b"

    refuse(change, "block 'a' has no case")


def test_one_reader_or_one_case_is_allowed_but_said():
    changed = example.document()
    changed["readers"] = [changed["readers"][0], changed["readers"][2]]
    changed["cases"] = [changed["cases"][0], changed["cases"][3]]
    made = example.protocol(changed)
    require_sound(made, example.forms())
    notes = " ".join(notes_on(made))
    assert "one reader: agreement between readers is not defined" in notes
    assert "one case: " in notes
