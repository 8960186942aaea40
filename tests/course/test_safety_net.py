"""What is flagged for reconsideration, and what is not."""

from __future__ import annotations

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.review import review_course
from marrowmap.course.safety_net import load_rules
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from tests.course import analyzed_folders as made


def _review(tmp_path, exams, *, signs=(), events=""):
    """Review a course; `signs` are (day, sign, state) of the left hip."""
    read = []
    for number, (day, volume) in enumerate(exams):
        rows, findings = made.edema(day, "left", volume)
        findings += [made.finding(day, "left", sign, state) for on, sign, state in signs if on == day]
        read += read_analyzed(made.write_folder(tmp_path / f"e{number}", rows, findings, age=None))
    (tmp_path / "events.toml").write_text(events)
    review = review_course(build_course(read, read_events(tmp_path / "events.toml")))
    for flag in review.flags:
        assert "diagnos" not in flag.text
        assert flag.source
    return review


def _rules(tmp_path, exams, *, signs=(), events=""):
    """Return the rules that fire."""
    return {flag.rule for flag in _review(tmp_path, exams, signs=signs, events=events).flags}


USUAL = [("2020-01-10", 60), ("2020-03-10", 30), ("2020-09-10", 0)]


def test_the_usual_course_is_not_flagged(tmp_path):
    assert _rules(tmp_path, USUAL) == set()


def test_a_fracture_line_from_the_first_is_not_flagged(tmp_path):
    signs = [(day, "subchondral_fracture_line", "present") for day, _ in USUAL[:2]]
    assert _rules(tmp_path, USUAL, signs=signs) == set()


@pytest.mark.parametrize("sign", ["cold_area", "head_collapse", "subchondral_band", "double_line", "crescent"])
def test_a_sign_that_does_not_belong_is_flagged(tmp_path, sign):
    assert _rules(tmp_path / "a", USUAL, signs=[("2020-03-10", sign, "present")]) == {sign}
    assert _rules(tmp_path / "b", USUAL, signs=[("2020-03-10", sign, "undetermined")]) == set()


def test_edema_that_does_not_fall(tmp_path):
    assert _rules(tmp_path, [("2020-01-10", 60), ("2020-04-10", 60), ("2020-08-10", 61)]) == {"not_falling"}


def test_edema_beyond_a_year(tmp_path):
    days = [("2020-01-10", 60), ("2020-06-10", 30), ("2021-02-10", 15)]
    assert _rules(tmp_path, days) == {"active_beyond_a_year"}


def test_edema_that_grows_late(tmp_path):
    assert _rules(tmp_path / "late", [("2020-01-10", 60), ("2020-05-10", 30), ("2020-06-20", 50)]) == {"edema_growing"}
    assert _rules(tmp_path / "early", [("2020-01-10", 30), ("2020-02-10", 60), ("2020-06-20", 5)]) == set()


def test_a_fracture_line_that_comes_late(tmp_path):
    days = [("2020-01-10", 60), ("2020-08-10", 20)]
    line = "subchondral_fracture_line"
    new = [("2020-01-10", line, "absent"), ("2020-08-10", line, "present")]
    open_before = [("2020-01-10", line, "not_assessable"), ("2020-08-10", line, "present")]
    assert _rules(tmp_path / "new", days, signs=new) == {"new_fracture_line"}
    assert _rules(tmp_path / "open", days, signs=open_before) == set()


def test_pain_beyond_a_year(tmp_path):
    pain = '[[event]]\nkind="pain"\ndate=2020-01-01\nend={end}\n'
    assert _rules(tmp_path / "long", USUAL, events=pain.format(end="2021-03-01")) == {"pain_beyond_a_year"}
    assert _rules(tmp_path / "short", USUAL, events=pain.format(end="2020-06-01")) == set()


def test_every_rule_has_its_source():
    for rule in load_rules():
        assert rule["source"]
        assert rule["confidence"]
        assert "diagnos" not in rule["text"]


def test_edema_that_does_not_fall_in_a_second_episode_of_the_joint(tmp_path):
    second = [("2022-01-10", 60), ("2022-04-10", 60), ("2022-08-10", 61)]
    assert _rules(tmp_path, [*USUAL, *second]) == {"not_falling"}


def test_a_collapse_long_after_recovery_is_flagged(tmp_path):
    late = ("2023-06-10", 0)
    assert _rules(tmp_path, [*USUAL, late], signs=[(late[0], "head_collapse", "present")]) == {"head_collapse"}


@pytest.mark.parametrize(("day", "rules"), [("2021-02-20", set()), ("2021-06-10", {"active_beyond_a_year"})])
def test_a_bone_scan_may_stay_raised_for_fifteen_months(tmp_path, day, rules):
    exams = read_analyzed(made.write_hip_exam(tmp_path / "mr", "2020-01-10", 60))
    scan = [made.finding(day, "left", "homogeneous_uptake", "present", modality="NM")]
    exams += read_analyzed(made.write_folder(tmp_path / "nm", [], scan, age=None))
    assert {flag.rule for flag in review_course(build_course(exams)).flags} == rules


def test_pain_without_a_joint_is_that_of_the_later_episode(tmp_path):
    (tmp_path / "events.toml").write_text('[[event]]\nkind = "pain"\ndate = 2023-02-10\n')
    exams = []
    for number, (day, left, right) in enumerate((("2020-01-10", 60, 0), ("2020-06-10", 0, 0), ("2023-02-01", 0, 50))):
        exams += read_analyzed(made.write_hip_exam(tmp_path / f"e{number}", day, left, right, age=None))
    review = review_course(build_course(exams, read_events(tmp_path / "events.toml")))
    assert review.flags == ()


def test_what_could_not_be_judged_is_said(tmp_path):
    one = _review(tmp_path / "one", USUAL[:1])
    assert one.flags == ()
    (text,) = one.unjudged
    assert "whether edema falls (no two comparable measurements)" in text
    assert "cold area" in text
    two = _review(tmp_path / "two", USUAL, signs=[("2020-03-10", "cold_area", "absent")])
    assert "whether edema falls" not in two.unjudged[0]
    assert "cold area" not in two.unjudged[0]


def test_a_cold_area_in_a_joint_without_an_episode_is_flagged(tmp_path):
    (flag,) = _review(tmp_path, [("2020-01-10", 0)], signs=[("2020-01-10", "cold_area", "present")]).flags
    assert (flag.rule, flag.episode) == ("cold_area", 0)
