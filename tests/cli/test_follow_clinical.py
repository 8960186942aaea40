"""``marrowmap follow --clinical``: what a form adds to a course, and what stops the run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.command_line import marrowmap_here
from tests.course import analyzed_folders as made

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "clinical.toml"
FORM = {
    "age": 45,
    "sex": "M",
    "pregnancy": "no",
    "corticosteroids": "no",
    "alcohol": "no",
    "fever": "no",
    "known_cancer": "no",
    "mass": "no",
    "unusual_load": "no",
    "onset": "2020-01-02",
}


@pytest.fixture
def exams(tmp_path):
    """A left hip that gets well, with the right one beside it."""
    days = (("2020-01-20", 62), ("2020-03-15", 40), ("2020-09-10", 0))
    return [made.write_hip_exam(tmp_path / f"exam-{n}", day, left) for n, (day, left) in enumerate(days)]


def write_form(tmp_path, name="form.json", **changes):
    path = tmp_path / name
    path.write_text(json.dumps({key: value for key, value in {**FORM, **changes}.items() if value is not None}))
    return path


def follow(tmp_path, exams, *arguments):
    out = tmp_path / "out"
    run = marrowmap_here("follow", *exams, *arguments, "--out", out, "--json")
    return run, out


def evidence(out, side):
    joints = json.loads((out / "differential.json").read_text())["joints"]
    (joint,) = (joint for joint in joints if joint["side"] == side)
    return {seen["sign"]: (seen["state"], seen["origin"]) for seen in joint["evidence"]}


def share(out, entity, side="left"):
    rows = json.loads((out / "differential.json").read_text())["rows"]
    return next(row["probability"] for row in rows if (row["entity"], row["side"]) == (entity, side))


def test_a_forms_answers_are_weighed_and_its_onset_dates_the_episode(exams, tmp_path):
    run, without = follow(tmp_path, exams)
    assert run.code == 0, run.stderr
    assert "fever" not in evidence(without, "left")
    assert run.document["episodes"][0]["onset"]["kind"] == "unknown"
    before = share(without, "infection")
    form = write_form(tmp_path, fever="yes")
    run, out = follow(tmp_path, exams, "--clinical", form)
    assert run.code == 0, run.stderr
    assert evidence(out, "left")["fever"] == ("present", "clinical form")
    assert evidence(out, "left")["corticosteroids"] == ("absent", "clinical form")
    assert share(out, "infection") > 2 * before
    (episode,) = run.document["episodes"]
    assert (episode["onset"]["date"], episode["note"]) == ("2020-01-02", "onset by the clinical form form.json")
    page = (out / "report.html").read_text()
    assert "form.json, of the exam of 2020-01-20" in page
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["options"]["clinical"] == ["form.json"]
    assert {"path": "form.json", "sha256": hashlib.sha256(form.read_bytes()).hexdigest()} in manifest["inputs"]


def test_the_example_of_the_docs_is_read(tmp_path):
    exam = made.write_hip_exam(tmp_path / "exam", "2020-02-20", 60)
    run, out = follow(tmp_path, [exam], "--clinical", EXAMPLE)
    assert run.code == 0, run.stderr
    assert evidence(out, "left")["known_cancer"] == ("absent", "clinical form")
    assert "mass" not in evidence(out, "left")


def test_a_hip_that_stayed_well_has_the_answers_of_the_same_time(exams, tmp_path):
    run, out = follow(tmp_path, exams, "--clinical", write_form(tmp_path, corticosteroids="yes"))
    assert run.code == 0, run.stderr
    # Weighed by the exam of 2020-09-10, up to which the other hip's illness lasted.
    assert evidence(out, "right")["corticosteroids"] == ("present", "clinical form")


def test_a_later_form_adds_what_has_come_up_since(exams, tmp_path):
    first = write_form(tmp_path, "first.json", mass="unknown")
    later = write_form(tmp_path, "later.json", date="2020-03-15", onset="unknown", fever="yes", mass="no")
    run, out = follow(tmp_path, exams, "--clinical", later, "--clinical", first)
    assert run.code == 0, run.stderr
    told = evidence(out, "left")
    assert told["fever"] == ("present", "clinical form")
    assert told["mass"] == ("absent", "clinical form")
    assert told["alcohol"] == ("absent", "clinical form")


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"fever": "no"}, 3, "fever is yes in first.json (exam of 2020-01-20) and no in later.json"),
        ({"onset": "2020-01-10"}, 3, "onset is 2020-01-02 in first.json"),
        ({"unusual_load": "yes"}, 3, "unusual_load is no in first.json"),
        ({"setting": "scintigraphy_clinic"}, 3, "ask for two priors"),
        ({"sex": "F"}, 4, "sex"),
        ({"person": "P2"}, 4, "P2"),
        ({"age": 48}, 4, "age is 48"),
        ({"date": "2020-03-16"}, 3, "is of the exam of 2020-03-16, given are those of 2020-01-20"),
        ({"date": None, "onset": "unknown"}, 3, "has neither date nor onset"),
        ({"date": None, "onset": "2020-10-01"}, 3, "lies after the last exam"),
    ],
)
def test_what_contradicts_stops_the_run(exams, tmp_path, changes, code, told):
    first = write_form(tmp_path, "first.json", fever="yes")
    later = write_form(tmp_path, "later.json", **{"date": "2020-03-15", "fever": "yes", **changes})
    run, out = follow(tmp_path, exams, "--clinical", first, "--clinical", later)
    assert run.code == code, run.stderr
    assert told in run.complaint
    assert not out.exists()


def test_an_onset_that_the_events_file_contradicts_stops_the_run(exams, tmp_path):
    events = tmp_path / "events.toml"
    head = '[[episode]]\njoint = "hip"\nside = "left"\n'
    form = write_form(tmp_path)
    events.write_text(head + 'onset = "known"\nonset_date = 2019-12-20\n')
    run, out = follow(tmp_path, exams, "--clinical", form, "--events", events)
    assert run.code == 3
    assert "onset 2020-01-02, but the onset of the left hip is stated as 2019-12-20" in run.complaint
    assert not out.exists()
    events.write_text(head + 'onset = "about"\nonset_date = 2019-12-25\nwithin_days = 14\n')
    run, _ = follow(tmp_path, exams, "--clinical", form, "--events", events)
    assert run.code == 0, run.stderr
    assert run.document["episodes"][0]["onset"]["kind"] == "about"
    # An onset that the events file leaves open is not contradicted.
    events.write_text(head + 'onset = "unknown"\nseen = 2020-01-20\nnote = "seen elsewhere"\n')
    run, _ = follow(tmp_path, exams, "--clinical", form, "--events", events)
    assert run.code == 0, run.stderr
    (episode,) = run.document["episodes"]
    assert (episode["onset"]["date"], episode["note"]) == ("2020-01-02", "seen elsewhere")


def test_an_exam_that_says_no_age_has_that_of_the_nearest(tmp_path):
    first = made.write_hip_exam(tmp_path / "first", "2020-01-20", 62, age=58.0)
    late = made.write_hip_exam(tmp_path / "late", "2023-01-20", 50, age=None)
    run, out = follow(tmp_path, [first, late])
    assert run.code == 0, run.stderr
    assert evidence(out, "left")["age_60_or_more"] == ("present", "image header")


@pytest.mark.parametrize("age", [45.0, None])
def test_sex_and_age_may_be_unknown_in_images_and_form(tmp_path, age):
    exam = made.write_hip_exam(tmp_path / "exam", "2020-01-20", 62, sex="", age=None)
    form = write_form(tmp_path, sex="unknown", age="unknown" if age is None else age)
    run, out = follow(tmp_path, [exam], "--clinical", form)
    assert run.code == 0, run.stderr
    told = evidence(out, "left")
    assert "male" not in told
    assert told.get("age_60_or_more") == (None if age is None else ("absent", "clinical form"))


def test_forms_that_cannot_be_used_are_refused_before_any_exam_is_read(tmp_path):
    form = write_form(tmp_path, fever=None)
    run, _ = follow(tmp_path, [tmp_path / "no-such-exam"], "--clinical", form)
    assert run.code == 3
    assert "half filled in (fever missing)" in run.complaint


def test_two_forms_of_one_name_are_refused(exams, tmp_path):
    (tmp_path / "b").mkdir()
    one, other = write_form(tmp_path), write_form(tmp_path / "b")
    run, _ = follow(tmp_path, exams, "--clinical", one, "--clinical", other)
    assert run.code == 2
    assert "two clinical forms have this name" in run.complaint
