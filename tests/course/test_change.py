"""Change beyond repeatability, and not more false calls than promised."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.course.change import Call
from marrowmap.course.change import check_controls
from marrowmap.course.change import find_changes
from marrowmap.course.change import holm
from marrowmap.course.trajectory import build_trajectories
from marrowmap.ingest.analyzed import read_analyzed
from tests.course import analyzed_folders as made


def _changes(tmp_path, exams):
    read = []
    for number, (rows, findings) in enumerate(exams):
        read += read_analyzed(made.write_folder(tmp_path / f"e{number}", rows, findings))
    return find_changes(build_trajectories(read)[0])


def test_holm_against_an_example_by_hand():
    # Holm 1979: the smallest times 4, the next times 3, and never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


def test_the_repeatability_coefficient_is_2_77_sem_for_equal_errors(tmp_path):
    exams = [(made.bmd("2020-01-10", "left", 1.0), []), (made.bmd("2020-07-10", "left", 0.96), [])]
    (change,) = _changes(tmp_path, exams)
    assert change.repeatability == pytest.approx(0.05)
    assert change.call is Call.STABLE


def test_beyond_the_least_significant_change_is_a_change(tmp_path):
    exams = [(made.bmd("2020-01-10", "left", 1.111), []), (made.bmd("2023-01-10", "left", 0.836), [])]
    (change,) = _changes(tmp_path, exams)
    assert change.call is Call.CHANGED
    assert change.difference == pytest.approx(-0.275)
    assert change.against == "first and previous"


def test_one_step_over_the_limit_among_many_comparisons_is_uncertain(tmp_path):
    values = (1.0, 1.0, 0.945, 1.0, 1.0)
    exams = [(made.bmd(f"2020-0{n}-10", "left", value), []) for n, value in enumerate(values, start=1)]
    calls = {change.call for change in _changes(tmp_path, exams)}
    assert calls == {Call.STABLE, Call.UNCERTAIN}


def test_every_exam_is_compared_with_the_first_and_the_previous(tmp_path):
    exams = [(made.bmd(f"2020-0{n}-10", "left", 1.0), []) for n in (1, 2, 3, 4)]
    against = [change.against for change in _changes(tmp_path, exams)]
    assert against == ["first and previous", "first", "previous", "first", "previous"]


def test_a_fall_below_what_can_be_seen_counts_by_what_is_certain(tmp_path):
    (change,) = _changes(tmp_path, [made.edema("2020-01-10", "left", 10), made.edema("2020-07-10", "left", 0)])
    assert change.at_least
    assert change.difference == pytest.approx(made.SMALLEST_ML - 10)
    assert change.call is Call.CHANGED


def test_two_exams_that_see_nothing_are_not_compared(tmp_path):
    assert _changes(tmp_path, [made.edema("2020-01-10", "left", 0), made.edema("2020-07-10", "left", 0)]) == ()


def test_a_bone_drawn_differently_is_named_and_is_no_change(tmp_path):
    read = []
    for number, (day, volume) in enumerate((("2020-01-10", 300.0), ("2020-07-10", 380.0))):
        row = made.measurement(day, "left", "bone_volume", volume, "mL", half=18.0)
        read += read_analyzed(made.write_folder(tmp_path / f"e{number}", [row]))
    trajectories, _ = build_trajectories(read)
    assert find_changes(trajectories) == ()
    assert "the bone was not drawn" in check_controls(trajectories)[0]


def test_few_stable_people_get_any_call(tmp_path):
    rng = np.random.default_rng(3)
    called = 0
    for person in range(60):
        exams = []
        for month in (1, 3, 5, 7):
            rows = []
            for side in ("left", "right"):
                for region in ("femoral_neck", "total_hip"):
                    value = 1.0 + rng.normal(0, 0.05 / 2.772)
                    rows += made.bmd(f"2020-0{month}-10", side, value, region=region)
            exams.append((rows, []))
        changes = _changes(tmp_path / str(person), exams)
        called += any(change.call is Call.CHANGED for change in changes)
        # Uncorrected, a third of them would be called.
    assert called <= 6
