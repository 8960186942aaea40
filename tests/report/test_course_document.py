"""The report of a course: what it says, draws and leaves to others."""

from __future__ import annotations

import math

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.recovery import Bounded
from marrowmap.course.review import review_course
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from marrowmap.report.course_document import build_course_document
from marrowmap.report.course_figures import draw_timeline
from marrowmap.report.course_figures import draw_trajectories
from marrowmap.report.course_figures import state_on
from marrowmap.report.course_figures import time_shown
from marrowmap.report.course_rows import rows_csv
from marrowmap.report.html import render_html
from marrowmap.values.analyzed import Place
from tests.course import analyzed_folders as made

EVENTS = """
[[episode]]
joint = "hip"
side = "left"
onset = "known"
onset_date = 2020-01-01
note = "<b>stated</b>"
[[event]]
kind = "treatment"
date = 2020-02-01
joint = "hip"
side = "left"
note = "rest"
"""


@pytest.fixture
def review(tmp_path):
    days = (
        ("2020-01-20", 62, 0),
        ("2020-03-15", 33, 0),
        ("2020-06-10", 9, 0),
        ("2020-12-01", 0, 0),
        ("2023-02-01", 0, 55),
    )
    exams = []
    for number, (day, left, right) in enumerate(days):
        exams += read_analyzed(made.write_hip_exam(tmp_path / f"e{number}", day, left, right, age=None))
    (tmp_path / "events.toml").write_text(EVENTS)
    return review_course(build_course(exams, read_events(tmp_path / "events.toml")))


def test_the_report_says_episodes_recovery_migration_and_published_times(review):
    timeline = draw_timeline(review)
    curves = draw_trajectories(review, Place("hip", "left"))
    page = render_html(build_course_document(review, (timeline, curves)))
    for words in (
        "2020-01-01",
        "contralateral",
        "Kotwal",
        "Published times",
        "months from onset",
        "treatment: 2020-02-01, left hip; rest",
        "onset is unknown; its times count from 2023-02-01",
        "This report makes no diagnosis",
    ):
        assert words.casefold() in page.casefold(), words
    assert "<b>stated</b>" not in page
    assert "&lt;b&gt;stated" in page


def test_a_time_beyond_the_picture_is_not_drawn_within_it():
    assert time_shown(Bounded(15.8, 14.1, 17.2), 12.0) == (None, None)
    assert time_shown(Bounded(15.8, 10.0, math.inf), 12.0) == ((10.0, 12.0), None)
    assert time_shown(Bounded(8.0, 6.0, 9.0), 12.0) == ((6.0, 9.0), 8.0)


def test_the_time_to_normal_lies_between_the_exams_that_bracket_it(review):
    found = review.recovery_of(review.course.episodes[0])
    low, high = 5.3, 11.0  # active on June 10, nothing on December 1, counted from January 1
    assert low < found.from_onset.value < high
    assert found.from_onset.low < found.from_onset.value < found.from_onset.high


def test_the_picture_says_in_words_what_it_shows(review):
    alt = draw_timeline(review).alt
    assert "2020-01-20: right hip quiet, left hip active" in alt
    assert "2023-02-01: right hip active, left hip quiet" in alt


def test_a_joint_without_exam_is_not_called_quiet(review):
    day = review.course.exams[0].day
    assert state_on(review.course, Place("knee", "left"), day).value == "unknown"


def test_a_joint_with_one_exam_has_no_curve(tmp_path):
    exams = read_analyzed(made.write_hip_exam(tmp_path / "one", "2020-01-20", 62))
    review = review_course(build_course(exams))
    assert draw_trajectories(review, Place("hip", "left")) is None
    page = render_html(build_course_document(review, (draw_timeline(review),)))
    assert "a fall needs two" in page


def test_csv_holds_the_rows_and_their_evidence():
    rows, _ = made.edema("2020-01-20", "left", 62)
    header, line = rows_csv(rows).splitlines()
    assert header.startswith("date,joint,side,region,quantity,value,unit,low,high,modality,method,evidence")
    assert line.startswith("2020-01-20,hip,left,proximal_femur,edema_volume,62,mL")
    assert "series_uid" in line
