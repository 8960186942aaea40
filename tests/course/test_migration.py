"""Steps between joints."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.migration import Step
from marrowmap.course.migration import migration_graph
from marrowmap.course.migration import step_between
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from marrowmap.values.analyzed import Place
from tests.course import analyzed_folders as made

HIP_L, HIP_R, KNEE_L, KNEE_R = (Place(joint, side) for joint in ("hip", "knee") for side in ("left", "right"))


@pytest.mark.parametrize(
    ("earlier", "later", "step"),
    [
        (HIP_L, HIP_R, Step.CONTRALATERAL),
        (HIP_L, KNEE_L, Step.JOINT_TO_JOINT),
        (HIP_L, KNEE_R, Step.JOINT_TO_JOINT_CROSSED),
        (KNEE_R, KNEE_R, Step.RECURRENCE),
    ],
)
def test_a_step_is_named(earlier, later, step):
    assert step_between(earlier, later) is step


def _stated(tmp_path: Path, *episodes: tuple[str, str, str]):
    folder = made.write_hip_exam(tmp_path / "exam", "2030-01-01", 0)
    text = "".join(
        f'[[episode]]\njoint="{joint}"\nside="{side}"\nonset="known"\nonset_date={day}\n'
        for joint, side, day in episodes
    )
    (tmp_path / "events.toml").write_text(text)
    return build_course(read_analyzed(folder), read_events(tmp_path / "events.toml")).episodes


def test_each_episode_follows_the_one_before(tmp_path):
    episodes = _stated(
        tmp_path, ("hip", "left", "2020-01-01"), ("hip", "right", "2023-01-01"), ("knee", "right", "2023-07-01")
    )
    first, second = migration_graph(episodes)
    assert (first.earlier, first.later, first.step) == (1, 2, Step.CONTRALATERAL)
    assert first.months == pytest.approx(36, abs=0.1)
    assert (second.earlier, second.later, second.step, second.distal) == (2, 3, Step.JOINT_TO_JOINT, True)


def test_episodes_of_one_day_are_simultaneous_and_both_are_followed(tmp_path):
    episodes = _stated(
        tmp_path, ("hip", "left", "2020-01-01"), ("hip", "right", "2020-01-01"), ("knee", "left", "2020-07-01")
    )
    edges = {(edge.earlier, edge.later): edge.step for edge in migration_graph(episodes)}
    assert edges == {
        (1, 2): Step.SIMULTANEOUS,
        (1, 3): Step.JOINT_TO_JOINT,
        (2, 3): Step.JOINT_TO_JOINT_CROSSED,
    }


def test_an_unknown_onset_lies_between_the_last_quiet_and_the_first_active_exam(tmp_path):
    days = (("2020-01-01", 60, 0), ("2020-09-01", 0, 0), ("2022-09-01", 0, 0), ("2023-01-01", 0, 60))
    exams = []
    for number, (day, left, right) in enumerate(days):
        exams += read_analyzed(made.write_hip_exam(tmp_path / f"e{number}", day, left, right, age=None))
    (edge,) = migration_graph(build_course(exams).episodes)
    assert edge.months == pytest.approx(36, abs=0.1)
    assert edge.low == pytest.approx(32, abs=0.1)
    assert edge.high == float("inf")
