"""Of several masks and bone frames the right one is read, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.values.analyzed import Place
from marrowmap.workflow.follow import FoundEdema
from marrowmap.workflow.follow import find_edema
from tests.course import analyzed_folders as made
from tests.course.edema_balls import CENTER
from tests.course.edema_balls import frame_row
from tests.course.edema_balls import write_balls

HIP = Place("hip", "left")
FLUID, OTHER = "1.2.20200110.3", "1.2.99"  # the first is the series of the folder's edema volume
BALL = ((3.0, 10.0, -6.0), 7.0)


def _find(
    folder: Path, frames: list[dict], masks: dict[str, tuple], *, named: dict[str, str] | None = None
) -> FoundEdema:
    rows, findings = made.edema("2020-01-10", "left", 40)
    for stem, series in (named or {}).items():
        row = made.measurement("2020-01-10", "left", "bone_volume", 90, "mL", series=series)
        row["evidence"]["mask_file"] = f"masks/{stem}_hip_left_edema-closed.nii.gz"
        rows.append(row)
    made.write_folder(folder, rows, findings, frames=frames)
    for stem, ball in masks.items():
        write_balls(folder, stem, ball)
    (exam,) = read_analyzed(folder)
    return find_edema(exam, HIP)


def test_one_mask_and_one_frame(tmp_path):
    found = _find(tmp_path / "e", [frame_row(OTHER)], {"02-fluid": BALL})
    assert found.centers[0].center_mm == pytest.approx(BALL[0], abs=0.1)
    assert [file.name for file in found.files] == [
        "02-fluid_hip_left_edema-membership.nii.gz", "02-fluid_hip_left_regions.nii.gz", "regions.json",
    ]  # fmt: skip
    (exam,) = read_analyzed(tmp_path / "e")
    assert [frame.frame_of_reference_uid for frame in exam.frames] == ["1.9"]


def test_of_two_frames_that_of_the_mask_is_taken_whatever_their_order(tmp_path):
    far = tuple(CENTER + 200)
    by_place = _find(
        tmp_path / "a", [frame_row("1.2.5", center=far, space="1.8"), frame_row(OTHER)], {"02-fluid": BALL}
    )
    assert by_place.centers[0].center_mm == pytest.approx(BALL[0], abs=0.1)
    near = tuple(CENTER + 3)
    by_series = _find(
        tmp_path / "b", [frame_row("1.2.5", center=near, space="1.8"), frame_row(FLUID)], {"02-fluid": BALL}
    )
    assert by_series.centers[0].center_mm == pytest.approx(BALL[0], abs=0.1)


def test_two_frames_that_both_fit_are_no_frame(tmp_path):
    found = _find(
        tmp_path / "e",
        [frame_row("1.2.5", center=tuple(CENTER + 3), space="1.8"), frame_row(OTHER)],
        {"02-fluid": BALL},
    )
    assert found.centers == ()
    assert "2 bone frames lie in the bone" in found.why_not


def test_a_frame_of_other_images_is_not_used(tmp_path):
    found = _find(tmp_path / "e", [frame_row(OTHER, center=tuple(CENTER + 200))], {"02-fluid": BALL})
    assert found.centers == ()
    assert "no bone frame lies" in found.why_not


def test_of_two_masks_that_of_the_volumes_series_is_taken(tmp_path):
    masks = {"01-fluid": ((0.0, -12.0, 0.0), 7.0), "02-fluid": BALL}
    found = _find(tmp_path / "a", [frame_row(OTHER)], masks, named={"01-fluid": OTHER, "02-fluid": FLUID})
    assert found.centers[0].center_mm == pytest.approx(BALL[0], abs=0.1)
    unsure = _find(tmp_path / "b", [frame_row(OTHER)], masks)
    assert unsure.centers == ()
    assert "2 masks of edema" in unsure.why_not


def test_a_frame_of_another_bone_is_not_the_femurs(tmp_path):
    found = _find(tmp_path / "e", [frame_row(OTHER, bone="acetabulum")], {"02-fluid": BALL})
    assert found.why_not == "no trusted frame of the femur, only of acetabulum"
