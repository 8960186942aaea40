"""What may be compared, and with which error."""

from __future__ import annotations

import pytest

from marrowmap.course.trajectory import LSC_FACTOR
from marrowmap.course.trajectory import build_trajectories
from marrowmap.course.trajectory import method_family
from marrowmap.ingest.analyzed import read_analyzed
from tests.course import analyzed_folders as made


def _read(tmp_path, *days_rows):
    exams = []
    for number, (rows, findings) in enumerate(days_rows):
        exams += read_analyzed(made.write_folder(tmp_path / f"e{number}", rows, findings))
    return build_trajectories(exams)


def test_measured_values_in_a_method_do_not_part_it_but_its_choices_do():
    one, other = made.EDEMA.format(level=180.4, k=3), made.EDEMA.format(level=99.1, k=3)
    assert method_family(one) == method_family(other)
    assert method_family(one) != method_family(made.EDEMA.format(level=180.4, k=2))


def test_rows_of_two_thresholds_are_not_compared_and_that_is_said(tmp_path):
    trajectories, notes = _read(
        tmp_path, made.edema("2020-01-10", "left", 60), made.edema("2020-03-10", "left", 30, k=2)
    )
    assert [len(one.points) for one in trajectories] == [1, 1]
    assert any("edema_volume: not compared across methods" in note and "k=2" in note for note in notes)


def test_two_machines_are_not_compared(tmp_path):
    trajectories, notes = _read(
        tmp_path, (made.bmd("2020-01-10", "left", 1.0), []), (made.bmd("2021-01-10", "left", 0.8, machine="B"), [])
    )
    assert all(len(one.points) == 1 for one in trajectories)
    assert any("bmd: not compared across methods" in note for note in notes)


def test_two_methods_of_each_exam_are_two_trajectories_without_complaint(tmp_path):
    days = []
    for day in ("2020-01-10", "2020-03-10"):
        rows = [
            made.measurement(day, "left", "band_depth_ratio", 0.2, "1", half=0.05, method=f"head lines/1: {how}")
            for how in ("mid-coronal", "maximum")
        ]
        days.append((rows, []))
    trajectories, notes = _read(tmp_path, *days)
    assert [len(one.points) for one in trajectories] == [2, 2]
    assert notes == ()


def test_the_error_of_bmd_is_its_least_significant_change(tmp_path):
    (one,), _ = _read(tmp_path, (made.bmd("2020-01-10", "left", 1.0, lsc=0.05), []))
    assert one.quantity == "bmd"
    assert one.points[0].error == pytest.approx(0.05 / LSC_FACTOR)


def test_the_wider_half_of_a_cut_interval_is_the_error(tmp_path):
    row = made.measurement("2020-01-10", "left", "edema_fraction", 98.0, "%", half=1.0)
    row |= {"low": 90.16, "high": 100.0}
    (one,), _ = _read(tmp_path, ([row], []))
    assert one.points[0].error == pytest.approx(4.0, rel=1e-3)


def test_no_edema_is_a_limit_not_a_certain_zero(tmp_path):
    (one,), _ = _read(tmp_path, made.edema("2020-01-10", "left", 0.0))
    assert one.points[0].below
    assert one.points[0].value == pytest.approx(made.SMALLEST_ML)


def test_an_interval_too_narrow_to_be_true_is_widened_to_the_floor(tmp_path):
    (one,), _ = _read(tmp_path, made.edema("2020-01-10", "left", 60.0, relative=0.001))
    assert one.points[0].error == pytest.approx(0.022 * 60)
    assert "virtual_hips" in one.error_source


def test_a_number_without_interval_has_no_error(tmp_path):
    row = made.measurement("2020-01-10", "left", "edema_signal_ratio", 3.0, "1")
    (one,), _ = _read(tmp_path, ([row], []))
    assert one.points[0].error is None
