"""A bone scan beside the MRI, or alone: said to be read, no reason to fail, asked about where it is silent."""

from __future__ import annotations

import json
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from marrowmap.image import View
from marrowmap.workflow import analyze as job
from marrowmap.workflow.bone_scan import measure_bone_scan
from tests.cli.command_line import marrowmap_here
from tests.cli.conftest import T1
from tests.cli.conftest import copy_series
from tests.ingest.nm_files import dynamic
from tests.ingest.nm_files import planar
from tests.ingest.nm_files import projections
from tests.ingest.nm_files import reconstruction

SILENT = ("PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence")


def forget_how_the_patient_lay(data: Dataset) -> None:
    for item in data.DetectorInformationSequence:
        del item.ImageOrientationPatient
    for keyword in SILENT:
        del data[keyword]


def forget_the_view(data: Dataset) -> None:
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "StartAngle", "ViewCodeSequence"):
        for item in data.DetectorInformationSequence:
            item.pop(keyword, None)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


def test_a_bone_scan_without_hips_is_read_and_said_not_to_be_measured(scans, out):
    for write in (planar, dynamic, projections, reconstruction):
        write(scans)
    run = marrowmap_here("analyze", scans, "--out", out)
    assert run.code == 3
    assert len(run.stderr.splitlines()) == 1
    assert "the bone scan was read (" in run.complaint
    assert "but not measured: " in run.complaint
    for part in (
        "series 2 dynamic, 12 frames, anterior and posterior (flow)",
        "series 2 dynamic, 1 frame, anterior and posterior (blood pool)",
        "series 3 planar, anterior and posterior (delayed)",
        "series 4 SPECT projections, 12 views (delayed)",
        "series 5 SPECT, 5 slices (delayed)",
    ):
        assert part in run.complaint
    assert not out.exists()


def test_a_missing_patient_position_is_asked_for_and_can_be_said(scans, out):
    planar(scans, forget_how_the_patient_lay)
    run = marrowmap_here("analyze", scans, "--out", out)
    assert (run.code, len(run.stderr.splitlines())) == (3, 1)
    assert "planar.dcm: (0018,5100) Patient Position" in run.complaint
    assert "--patient-position HFS|HFP|FFS|FFP" in run.complaint
    run = marrowmap_here("analyze", scans, "--out", out, "--patient-position", "hfs")
    assert "anterior and posterior (delayed)" in run.complaint


@pytest.mark.parametrize(("said", "code", "words"), [("up", 2, "use one of HFS, HFP"), ("FFS", 4, "contradict")])
def test_a_patient_position_must_be_one_and_not_contradict(scans, out, said, code, words):
    planar(scans)
    run = marrowmap_here("analyze", scans, "--out", out, "--patient-position", said)
    assert run.code == code
    assert words in run.complaint


def test_a_silent_view_and_phase_are_asked_for_in_one_line(scans, out):
    planar(scans, forget_the_view, views=(View.ANTERIOR,), injection=None)
    run = marrowmap_here("analyze", scans, "--out", out)
    assert (run.code, len(run.stderr.splitlines())) == (3, 1)
    assert "--view anterior|posterior" in run.complaint
    assert "--phase flow|pool|delayed" in run.complaint
    run = marrowmap_here("analyze", scans, "--out", out, "--view", "anterior", "--phase", "delayed")
    assert "(series 3 planar, anterior (delayed))" in run.complaint


@pytest.mark.parametrize(
    ("option", "said", "code", "words"),
    [
        ("--view", "left", 2, "use one of anterior, posterior"),
        ("--phase", "late", 2, "use one of flow, pool, delayed"),
        ("--view", "posterior", 4, "--view says posterior"),
    ],
)
def test_a_view_must_be_one_and_not_contradict(scans, out, option, said, code, words):
    planar(scans, views=(View.ANTERIOR,))
    run = marrowmap_here("analyze", scans, "--out", out, option, said)
    assert (run.code, len(run.stderr.splitlines())) == (code, 1)
    assert words in run.complaint


def test_a_real_whole_body_scan_from_end_to_end(shared_data, out):
    path = shared_data / "nm-wholebody-bone" / "NM1_RLE.dcm"
    run = marrowmap_here("analyze", path, "--out", out, "--view", "anterior", "--phase", "delayed")
    assert run.code == 0, run.stderr
    assert "a wrong view swaps left and right" in run.stderr
    rows = json.loads((out / "measurements.json").read_text())["rows"]
    heads = [row for row in rows if (row["quantity"], row["region"]) == ("delayed_ratio", "femoral_head")]
    assert {row["side"] for row in heads} == {"left", "right"}
    for row in heads:
        assert 0.8 < row["low"] < row["value"] < row["high"] < 1.25
        assert row["method"].endswith("view anterior by --view; phase delayed by --phase")
    assert json.loads((out / "manifest.json").read_text())["options"]["view"] == "anterior"
    assert "view anterior by --view" in (out / "report.html").read_text()


@pytest.mark.parametrize("name", ["JPEG-lossy", "JPEG2000"])
def test_a_real_scan_without_counts_fails_clearly(shared_data, out, name):
    path = shared_data / "nm-wholebody-bone" / f"{name}.dcm"
    run = marrowmap_here("analyze", path, "--out", out, "--view", "anterior", "--phase", "delayed")
    assert (run.code, len(run.stderr.splitlines())) == (3, 1)
    assert name in run.complaint
    assert not out.exists()


def test_a_mirrored_view_stops_the_run(scans, out):
    def swap(data: Dataset) -> None:
        one, other = data.DetectorInformationSequence
        one.ViewCodeSequence, other.ViewCodeSequence = other.ViewCodeSequence, one.ViewCodeSequence

    planar(scans, swap)
    run = marrowmap_here("analyze", scans, "--out", out, "--json")
    assert run.code == 4
    assert "mirrored or mislabeled" in run.document["error"]["message"]


def of_the_person_in(folder: Path, edit=lambda _: None):
    """Make a bone scan one of the person and date whose MRI lies in a folder."""
    source = pydicom.dcmread(next(folder.iterdir()), stop_before_pixels=True)

    def change(data: Dataset) -> None:
        for keyword in ("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate"):
            setattr(data, keyword, source[keyword].value)
        edit(data)

    return change


def test_beside_an_mri_the_bone_scan_is_told_of_and_the_mri_is_measured(patient, tmp_path, scans, out):
    folder = copy_series(patient, T1, tmp_path / "mri")
    planar(scans, of_the_person_in(folder))
    run = marrowmap_here("analyze", folder, scans, "--out", out)
    assert run.code == 0, run.stderr
    told = [line for line in run.stderr.splitlines() if line.startswith("note: the bone scan")]
    assert len(told) == 1
    assert "(series 3 planar, anterior and posterior (delayed))" in told[0]
    manifest = json.loads((out / "manifest.json").read_text())
    assert any(row["path"].endswith("planar.dcm") for row in manifest["inputs"])
    assert any("but not measured" in warning for warning in manifest["warnings"])
    uid = pydicom.dcmread(scans / "planar.dcm", stop_before_pixels=True).SeriesInstanceUID
    assert manifest["scans"] == [{"series": uid, "kind": "planar"}]


def told_beside_an_mri(patient: Path, tmp_path: Path, scans: Path, edit) -> list[str]:
    folder = copy_series(patient, T1, tmp_path / "mri")
    planar(scans, of_the_person_in(folder, edit))
    exam = job.read_exam([folder, scans])
    assert len(exam.series) == 1
    assert set(exam.scans_left_out) <= set(exam.notes)
    return measure_bone_scan(exam, ())[1]


def test_beside_an_mri_a_silent_bone_scan_is_still_asked_about(patient, tmp_path, scans):
    (line,) = told_beside_an_mri(patient, tmp_path, scans, forget_how_the_patient_lay)
    assert "--patient-position" in line


def test_a_bone_scan_of_another_day_does_not_stop_the_mri(patient, tmp_path, scans):
    (line,) = told_beside_an_mri(patient, tmp_path, scans, lambda data: setattr(data, "StudyDate", "20260107"))
    assert "planar.dcm" in line
    assert "a bone scan of 2026-01-07, the images are of 2026-01-05" in line
