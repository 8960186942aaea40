"""One person, each exam once, in order of time."""

from __future__ import annotations

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from tests.course import analyzed_folders as made


def _course(*folders, events=None):
    exams = [exam for folder in folders for exam in read_analyzed(folder)]
    return build_course(exams, read_events(events) if events else None)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"person": "P2"}, "the identifier is 'P1' in one and 'P2' in two"),
        ({"sex": "F"}, "sex is 'M' in one and 'F' in two"),
        ({"age": 60.0}, "by birth date or age"),
        ({"birth_date": "1950-01-01"}, "by birth date or age"),
    ],
)
def test_another_persons_exam_is_refused(tmp_path, other, words):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    two = made.write_hip_exam(tmp_path / "two", "2020-06-10", 10, **other)
    with pytest.raises(GeometryError, match=words):
        _course(one, two)


def test_a_person_grows_older_and_stays_the_same(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50, age=45.0)
    two = made.write_hip_exam(tmp_path / "two", "2023-12-10", 10, age=48.0, birth_date="1975-01-05")
    assert _course(one, two).person.person_id == "P1"


def test_who_is_not_named_is_said_to_be_taken_for_the_same(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    two = made.write_hip_exam(tmp_path / "two", "2020-06-10", 10, person="")
    assert any("two: names no person" in warning for warning in _course(one, two).warnings)


def test_an_exam_given_twice_is_refused(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    two = made.write_hip_exam(tmp_path / "copy", "2020-01-10", 50)
    with pytest.raises(UsageError, match=r"one and copy hold the same exam of 2020-01-10"):
        _course(one, two)


def test_a_record_given_twice_is_refused(tmp_path):
    # Of files with one name, another row is another record.
    other = made.write_folder(tmp_path / "other", made.bmd("2020-01-10", "right", 0.9))
    one = made.write_folder(tmp_path / "one", made.bmd("2020-01-10", "left", 0.9))
    two = made.write_folder(tmp_path / "two", made.bmd("2020-01-10", "left", 0.9))
    assert len(_course(one, other).exams) == 2
    with pytest.raises(UsageError, match="the row bmd"):
        _course(one, two)


def test_two_kinds_of_exam_on_one_day_are_two_exams(tmp_path):
    one = made.write_hip_exam(tmp_path / "mr", "2020-01-10", 50)
    two = made.write_folder(tmp_path / "dxa", made.bmd("2020-01-10", "left", 0.9))
    assert len(_course(one, two).exams) == 2


def test_exams_are_sorted_and_that_is_said(tmp_path):
    late = made.write_hip_exam(tmp_path / "late", "2020-06-10", 10)
    early = made.write_hip_exam(tmp_path / "early", "2020-01-10", 50)
    course = _course(late, early)
    assert [exam.label for exam in course.exams] == ["early", "late"]
    assert any("sorted by date" in warning for warning in course.warnings)


def test_a_date_before_birth_is_refused(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    events = tmp_path / "events.toml"
    events.write_text('birth_date = 1974-06-01\n[[event]]\nkind = "injury"\ndate = 1970-01-01\n')
    with pytest.raises(GeometryError, match=r"event injury is dated 1970-01-01, before birth"):
        _course(one, events=events)


def test_identifiers_that_differ_by_a_sign_within_are_two_persons(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50, person="1-23")
    two = made.write_hip_exam(tmp_path / "two", "2020-06-10", 10, person="12-3")
    with pytest.raises(GeometryError, match="identifier"):
        _course(one, two)


def test_a_stated_sex_that_could_not_be_compared_is_refused(tmp_path):
    events = tmp_path / "events.toml"
    events.write_text('sex = "female"\n')
    with pytest.raises(InputError, match="none of M, F, O"):
        read_events(events)


def test_one_identifier_written_in_two_ways_is_told(tmp_path):
    one = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50, person="P1")
    two = made.write_hip_exam(tmp_path / "two", "2020-06-10", 10, person="p1")
    assert any("'P1' and 'p1'" in warning for warning in _course(one, two).warnings)
