"""Episodes by joint: when they begin, when they end, what the events file adds."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from marrowmap.values.analyzed import Place
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import Outcome
from tests.course import analyzed_folders as made

LEFT, RIGHT = Place("hip", "left"), Place("hip", "right")


def _course(tmp_path, exams, events=""):
    tmp_path.mkdir(exist_ok=True)
    folders = [
        made.write_hip_exam(tmp_path / f"exam-{n}", day, left, right, age=None)
        for n, (day, left, right) in enumerate(exams)
    ]
    path = tmp_path / "events.toml"
    path.write_text(events)
    return build_course([exam for folder in folders for exam in read_analyzed(folder)], read_events(path))


def test_an_episode_runs_from_the_first_active_to_the_first_quiet_exam(tmp_path):
    (episode,) = _course(
        tmp_path, [("2019-06-01", 0, 0), ("2020-01-10", 60, 0), ("2020-03-10", 30, 0), ("2020-09-10", 0, 0)]
    ).episodes
    assert episode.place == LEFT
    assert episode.active == (date(2020, 1, 10), date(2020, 3, 10))
    assert (episode.not_before, episode.end) == (date(2019, 6, 1), date(2020, 9, 10))
    assert episode.outcome is Outcome.RECOVERED
    assert episode.onset.kind is OnsetKind.UNKNOWN


def test_what_is_still_active_is_ongoing(tmp_path):
    (episode,) = _course(tmp_path, [("2020-01-10", 60, 0), ("2020-03-10", 30, 0)]).episodes
    assert episode.outcome is Outcome.ONGOING
    assert episode.end is None


def test_activity_after_a_quiet_exam_is_another_episode(tmp_path):
    episodes = _course(tmp_path, [("2020-01-10", 60, 0), ("2020-09-10", 0, 0), ("2021-06-10", 20, 0)]).episodes
    assert [e.active for e in episodes] == [(date(2020, 1, 10),), (date(2021, 6, 10),)]


def test_a_long_gap_without_exam_parts_episodes_and_a_short_one_does_not(tmp_path):
    assert len(_course(tmp_path / "a", [("2020-01-10", 60, 0), ("2021-06-10", 20, 0)]).episodes) == 1
    assert len(_course(tmp_path / "b", [("2020-01-10", 60, 0), ("2022-01-10", 20, 0)]).episodes) == 2


def test_each_joint_has_its_own_episodes_in_order_of_time(tmp_path):
    course = _course(tmp_path, [("2020-01-10", 0, 60), ("2020-09-10", 0, 0), ("2023-02-10", 40, 0)])
    assert [(e.number, e.place) for e in course.episodes] == [(1, RIGHT), (2, LEFT)]


def test_an_exam_that_cannot_tell_neither_begins_nor_ends_an_episode(tmp_path):
    rows = [made.measurement("2020-01-10", "left", "edema_volume", 0.8, "mL", half=0.6)]
    findings = [made.finding("2020-01-10", "left", "diffuse_edema", "undetermined")]
    folder = made.write_folder(tmp_path / "one", rows, findings)
    assert build_course(read_analyzed(folder)).episodes == ()


def test_a_raised_bone_scan_after_mri_is_quiet_begins_no_new_episode(tmp_path):
    folders = [
        made.write_hip_exam(tmp_path / "a", "2020-01-10", 60),
        made.write_hip_exam(tmp_path / "b", "2020-06-10", 0),
        made.write_folder(
            tmp_path / "c", [], [made.finding("2020-08-10", "left", "diffuse_hyperemia", "present", modality="NM")]
        ),
    ]
    (episode,) = build_course([exam for folder in folders for exam in read_analyzed(folder)]).episodes
    assert episode.active == (date(2020, 1, 10),)


STATED = """
[[episode]]
joint = "hip"
side = "left"
onset = "about"
onset_date = 2019-12-20
within_days = 10
[[event]]
kind = "pregnancy"
date = 2019-09-01
end = 2020-05-20
"""


def test_a_stated_onset_joins_the_exams_that_follow(tmp_path):
    course = _course(tmp_path, [("2020-01-10", 60, 0), ("2020-09-10", 0, 0)], STATED)
    (episode,) = course.episodes
    assert (episode.start, episode.stated) == (date(2019, 12, 20), True)
    assert episode.active == (date(2020, 1, 10),)
    assert course.events[0].end == date(2020, 5, 20)


def test_a_stated_recovery_that_an_exam_contradicts_is_named(tmp_path):
    text = '[[episode]]\njoint="hip"\nside="left"\nseen=2020-01-10\noutcome="recovered"\noutcome_date=2020-02-01\n'
    course = _course(tmp_path, [("2020-01-10", 60, 0), ("2020-03-10", 40, 0)], text)
    assert any("stated recovered 2020-02-01, but the exam of 2020-03-10" in w for w in course.warnings)


@pytest.mark.parametrize("volume", [2.0, 60.0])
def test_more_than_a_milliliter_is_active_without_the_sign(tmp_path, volume):
    rows, _ = made.edema("2020-01-10", "left", volume)
    assert len(build_course(read_analyzed(made.write_folder(tmp_path / "one", rows))).episodes) == 1


def test_a_relapse_is_another_episode_also_after_a_stated_one(tmp_path):
    course = _course(tmp_path, [("2020-01-10", 60, 0), ("2020-09-10", 0, 0), ("2021-02-10", 20, 0)], STATED)
    assert [(e.stated, e.active) for e in course.episodes] == [
        (True, (date(2020, 1, 10),)),
        (False, (date(2021, 2, 10),)),
    ]


def test_a_scan_without_homogeneous_uptake_is_no_recovery(tmp_path):
    # Raised uptake that holds a cold area is not homogeneous: osteonecrosis, not a quiet joint.
    scan = [
        made.finding("2020-06-10", "left", "homogeneous_uptake", "absent", modality="NM"),
        made.finding("2020-06-10", "left", "cold_area", "present", modality="NM"),
    ]
    folders = [
        made.write_hip_exam(tmp_path / "a", "2020-01-10", 60),
        made.write_folder(tmp_path / "b", [], scan),
    ]
    (episode,) = build_course([exam for folder in folders for exam in read_analyzed(folder)]).episodes
    assert episode.outcome is Outcome.ONGOING


def test_a_head_that_was_not_seen_is_not_quiet(tmp_path):
    folders = [made.write_hip_exam(tmp_path / "a", "2020-01-10", 60)]
    rows, _ = made.edema("2020-06-10", "left", 0.5)
    signs = [made.finding("2020-06-10", "left", "diffuse_edema", "not_assessable")]
    folders.append(made.write_folder(tmp_path / "b", rows, signs))
    (episode,) = build_course([exam for folder in folders for exam in read_analyzed(folder)]).episodes
    assert episode.outcome is Outcome.ONGOING


def test_ongoing_holds_until_a_later_exam_shows_otherwise(tmp_path):
    exams = [("2020-01-10", 60, 0), ("2020-09-10", 0, 0)]
    text = '[[episode]]\njoint="hip"\nside="left"\nseen=2020-01-10\noutcome="ongoing"\n'
    (open_end,) = _course(tmp_path / "a", exams, text).episodes
    dated = _course(tmp_path / "b", exams, text + "outcome_date=2020-03-01\n")
    assert (open_end.outcome, open_end.end) == (Outcome.ONGOING, None)
    assert any("stated ongoing" in w for w in _course(tmp_path / "c", exams, text).warnings)
    assert (dated.episodes[0].outcome, dated.episodes[0].end) == (Outcome.RECOVERED, date(2020, 9, 10))
    assert dated.warnings == ()


def test_a_small_volume_whose_interval_reaches_above_normal_is_not_quiet(tmp_path):
    """0.9 ± 0.05 mL is quiet, 0.9 ± 0.4 mL may be 1.3: it ends no episode."""
    outcomes = []
    for relative in (0.05, 0.4):
        folder = tmp_path / str(relative)
        first = made.write_hip_exam(folder / "one", "2020-01-10", 60, age=None)
        rows, findings = made.edema("2020-06-10", "left", 0.9, relative=relative)
        second = made.write_folder(folder / "two", rows, findings, age=None)
        exams = [exam for one in (first, second) for exam in read_analyzed(one)]
        (episode,) = build_course(exams).episodes
        outcomes.append((episode.outcome, episode.quiet_day))
    assert outcomes == [(Outcome.RECOVERED, date(2020, 6, 10)), (Outcome.ONGOING, None)]
