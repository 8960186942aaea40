"""Steps between joints and within one bone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from marrowmap.course.episodes import build_course
from marrowmap.course.migration import Step
from marrowmap.course.migration import find_center
from marrowmap.course.migration import migration_graph
from marrowmap.course.migration import shift_between
from marrowmap.course.migration import step_between
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Volume
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.events import read_events
from marrowmap.values.analyzed import FrameRow
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


# A bone's coordinates turned by 30 degrees about z and moved: neck, superior, anterior as rows.
TURN = np.array([[0.8660254, 0.5, 0.0], [0.0, 0.0, 1.0], [0.5, -0.8660254, 0.0]])
CENTER = np.array([20.0, -5.0, 8.0])
FRAME = FrameRow(HIP_L, "femur", tuple(CENTER), 25.0, tuple(tuple(row) for row in TURN), 0.3, True)  # type: ignore[arg-type]


def _ball(at_bone: tuple[float, float, float], radius: float = 7.0):
    """Edema as a ball at a place given in bone coordinates, on a grid of 1.5 mm."""
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = CENTER - 36
    grid = Grid((48, 48, 48), affine)
    world = grid.to_world(np.indices(grid.shape).reshape(3, -1).T.astype(float)).reshape((*grid.shape, 3))
    center = CENTER + np.array(at_bone) @ TURN
    share = np.clip(radius + 0.5 - np.linalg.norm(world - center, axis=-1), 0, 1)
    head = np.linalg.norm(world - CENTER, axis=-1) < 25
    return Volume(grid, share.astype(np.float32), "1"), LabelMap(grid, head.astype(np.uint16), {1: "femoral_head"})


def test_the_center_of_edema_is_found_in_bone_coordinates():
    found = find_center(*_ball((3.0, 10.0, -6.0)), FRAME, "femoral_head", date(2020, 1, 1))
    assert found.center_mm == pytest.approx((3.0, 10.0, -6.0), abs=0.1)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 7**3 / 1000, rel=0.05)


def test_little_edema_has_no_center():
    assert find_center(*_ball((0, 0, 0), radius=4.0), FRAME, "femoral_head", date(2020, 1, 1)) is None


def test_a_move_from_front_to_back_is_beyond_error_and_a_small_one_is_not():
    start, near, far = (
        find_center(*_ball(place), FRAME, "femoral_head", date(2020, month, 1))
        for month, place in ((1, (0.0, 10.0, 8.0)), (3, (0.5, 10.5, 7.0)), (5, (0.0, 10.0, -8.0)))
    )
    small, large = shift_between(start, near), shift_between(start, far)
    assert small.distance_mm < small.repeatability_mm
    assert large.distance_mm == pytest.approx(16, abs=0.2)
    assert large.p < 0.001
    assert large.words == "posterior"


def test_errors_alone_exceed_the_repeatability_in_5_percent():
    rng = np.random.default_rng(5)
    one = find_center(*_ball((0.0, 0.0, 0.0)), FRAME, "femoral_head", date(2020, 1, 1))
    error = one.error_mm * np.sqrt(2)
    beyond = np.linalg.norm(rng.normal(0, error, (20000, 3)), axis=1) > shift_between(one, one).repeatability_mm
    assert np.mean(beyond) == pytest.approx(0.05, abs=0.005)
