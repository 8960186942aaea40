"""Reading analyzed folders back: what is taken, and one clear line for what cannot be."""

from __future__ import annotations

import json

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.values import State
from marrowmap.values.analyzed import Place
from tests.course import analyzed_folders as made


def test_rows_signs_and_person_come_back(tmp_path):
    (exam,) = read_analyzed(made.write_hip_exam(tmp_path / "one", "2020-01-10", 50))
    assert exam.day.isoformat() == "2020-01-10"
    assert exam.person.person_id == "P1"
    assert exam.places == {Place("hip", "left"), Place("hip", "right")}
    left = next(row for row in exam.rows if row.place == Place("hip", "left"))
    assert (left.value, left.low, left.high) == (50, 47, 53)
    assert {sign.state for sign in exam.signs} == {State.PRESENT, State.ABSENT}
    assert exam.signs[0].limit == (made.SMALLEST_ML, "mL")


def test_a_folder_of_several_days_is_several_exams(tmp_path):
    rows = made.bmd("2020-01-10", "left", 0.9) + made.bmd("2021-01-10", "left", 0.95)
    exams = read_analyzed(made.write_folder(tmp_path / "dxa", rows))
    assert [exam.day.year for exam in exams] == [2020, 2021]
    # An age belongs to one day: it says nothing of the others.
    assert all(exam.person.age_years is None for exam in exams)


def test_a_quantity_this_version_does_not_know_is_kept(tmp_path):
    row = made.measurement("2020-01-10", "left", "new_quantity", 1.0, "au", half=0.1)
    (exam,) = read_analyzed(made.write_folder(tmp_path / "one", [row]))
    assert exam.rows[0].quantity == "new_quantity"
    assert exam.rows[0].document == row


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"date": ""}, "row 1: has no date"),
        ({"date": "10.01.2020"}, "is no day as YYYY-MM-DD"),
        ({"date": "0202-01-10"}, "before there were X-rays"),
        ({"side": "links"}, "neither left nor right"),
        ({"joint": "elbow"}, "joint 'elbow' is none of"),
        ({"value": "12,5"}, "value is '12,5', not a finite number"),
        ({"value": None}, "has no value"),
        ({"low": 51.0}, "does not lie in its interval"),
        ({"low": None}, "does not lie in its interval"),
        ({"unit": "cm3"}, "which is measured in 'mL'"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path, change, words):
    rows, _ = made.edema("2020-01-10", "left", 50)
    folder = made.write_folder(tmp_path / "one", [{**rows[0], **change}])
    with pytest.raises(InputError, match=words) as caught:
        read_analyzed(folder)
    assert "one/measurements.json row 1" in str(caught.value)


def test_what_is_no_analyzed_folder_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for path, words in (("missing", "is no folder"), ("file", "is no folder"), ("empty", "holds no measurements.json")):
        with pytest.raises(InputError, match=words):
            read_analyzed(tmp_path / path)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "is no JSON"), ("[]", "schema"), ('{"schema": "marrowmap/1"}', "'rows' is no list"), ("{}", "schema")],
)
def test_a_broken_document_is_said(tmp_path, text, words):
    folder = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    (folder / "measurements.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_analyzed(folder)


def test_a_folder_without_any_row_is_nothing_to_follow(tmp_path):
    with pytest.raises(InputError, match="nothing to follow"):
        read_analyzed(made.write_folder(tmp_path / "one", []))


@pytest.mark.parametrize("age", [200.0, -3.0])
def test_an_age_that_nobody_has_is_refused(tmp_path, age):
    rows, findings = made.edema("2020-01-10", "left", 50)
    folder = made.write_folder(tmp_path / "exam", rows, findings, age=age)
    with pytest.raises(InputError, match="is no person's age"):
        read_analyzed(folder)


def test_an_unknown_state_is_refused(tmp_path):
    findings = [{**made.finding("2020-01-10", "left", "effusion", "present"), "state": "maybe"}]
    folder = made.write_folder(tmp_path / "one", [], findings)
    with pytest.raises(InputError, match=r"findings.json row 1: state 'maybe'"):
        read_analyzed(folder)


def test_the_written_document_is_json(tmp_path):
    folder = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    assert json.loads((folder / "findings.json").read_text())["schema"] == "marrowmap/1"
