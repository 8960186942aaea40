"""One virtual person at two times after onset, from DICOM to course."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from marrowmap.errors import UsageError
from marrowmap.phantom import write_virtual_exam
from marrowmap.report import write_report
from marrowmap.report.course_write import write_course
from marrowmap.values import Side
from marrowmap.values.analyzed import Place
from marrowmap.workflow.analyze import analyze
from marrowmap.workflow.follow import find_edema
from marrowmap.workflow.follow import follow
from tests.cli.conftest import COARSE
from tests.course import analyzed_folders as made
from tests.course.edema_balls import frame_row
from tests.course.edema_balls import write_balls

WEEKS = {4: "20260201", 40: "20261011"}


def _redate(folder: Path, day: str) -> None:
    """The phantom knows weeks since onset, but examines everyone on one day."""
    for path in folder.rglob("*.dcm"):
        dataset = pydicom.dcmread(path)
        for tag in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
            if tag in dataset:
                setattr(dataset, tag, day)
        dataset.save_as(path)


@pytest.fixture(scope="module")
def analyzed(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    out = tmp_path_factory.mktemp("course")
    folders = []
    for weeks, day in WEEKS.items():
        exam = write_virtual_exam(
            "toh", out / f"week-{weeks}", seed=7, side=Side.LEFT, weeks=weeks, acquisition=replace(COARSE)
        )
        _redate(exam / "dicom", day)
        folders.append(write_report(analyze([exam / "dicom"]), out / f"analysis-{weeks}"))
    return folders


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_virtual_person_recovers(analyzed, tmp_path):
    events = tmp_path / "events.toml"
    events.write_text('[[episode]]\njoint = "hip"\nside = "left"\nonset = "known"\nonset_date = 2026-01-04\n')
    review = follow(analyzed, events=events).review
    (episode,) = review.course.episodes
    assert [day.isoformat() for day in episode.active] == ["2026-02-01"]
    assert episode.end.isoformat() == "2026-10-11"
    whole = [
        c for c in review.changes if (c.trajectory.quantity, c.trajectory.region) == ("edema_volume", "proximal_femur")
    ]
    assert [(change.call.name, change.difference < -10) for change in whole] == [("CHANGED", True)]
    found = review.recovery_of(episode)
    # From the exam four weeks after onset to the one that shows nothing.
    assert 0.9 < found.from_onset.value <= 9.3
    assert review.flags == ()
    center = find_edema(review.course.exams[0], Place("hip", "left")).centers
    assert [one.region for one in center] == ["femoral_head", "whole bone"]
    assert all(abs(x) < 30 for x in center[0].center_mm)
    folder = write_course(review, tmp_path / "out", events=events)
    assert json.loads((folder / "course.json").read_text())["episodes"][0]["outcome"] == "recovered"


def test_a_folder_given_by_two_names_is_given_twice(tmp_path):
    folder = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50)
    with pytest.raises(UsageError, match="given twice"):
        follow([folder, folder / ".." / "one"])


def _exam(folder: Path, day: str, volume: float, *balls: tuple[tuple[float, float, float], float]) -> Path:
    rows, findings = made.edema(day, "left", volume)
    made.write_folder(folder, rows, findings, frames=[frame_row("1.2.3")], age=None)
    write_balls(folder, "02-fluid", *balls)
    return folder


def test_edema_that_recedes_has_not_moved_and_the_masks_read_are_in_the_manifest(tmp_path):
    before = _exam(tmp_path / "one", "2020-01-10", 33, ((0.0, 0.0, 0.0), 20.0))
    after = _exam(tmp_path / "two", "2020-06-10", 5.5, ((0.0, 12.0, 0.0), 7.0))
    followed = follow([before, after])
    folder = write_course(followed.review, tmp_path / "out", masks=followed.masks)
    moves = json.loads((folder / "course.json").read_text())["migration"]["within_bone"]
    assert [(move["region"], move["move"], move["moved"]) for move in moves] == [
        ("femoral_head", "receded", False),
        ("whole bone", "receded", False),
    ]
    assert moves[0]["distance_mm"] > moves[0]["repeatability_mm"]
    read = {row["path"]: row["sha256"] for row in json.loads((folder / "manifest.json").read_text())["inputs"]}
    for number, exam in enumerate((before, after), start=1):
        for name in ("02-fluid_hip_left_edema-membership.nii.gz", "02-fluid_hip_left_regions.nii.gz", "regions.json"):
            digest = hashlib.sha256((exam / "masks" / name).read_bytes()).hexdigest()
            assert read[f"source-{number}/{exam.name}/masks/{name}"] == digest


def test_what_is_not_followed_within_a_bone_is_said(tmp_path):
    folders = [_exam(tmp_path / day, day, 33, ((0.0, 0.0, 0.0), 12.0)) for day in ("2020-01-10", "2020-03-10")]
    write_balls(folders[1], "03-fluid", ((0.0, 0.0, 0.0), 12.0))
    review = follow(folders).review
    assert review.shifts == ()
    (note,) = (note for note in review.notes if "within the bone" in note)
    assert note.startswith("left hip, 2020-03-10: moves within the bone are not followed: 2 masks")
