"""What is refused, with which exit code and in which words; nothing is left behind, whatever happens."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pydicom.dataset import Dataset

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.signs import REGISTRY
from tests.cli.command_line import PROGRAM
from tests.cli.command_line import Run
from tests.cli.command_line import marrowmap
from tests.cli.command_line import marrowmap_here
from tests.cli.conftest import STIR
from tests.cli.conftest import T1
from tests.cli.conftest import copy_series
from tests.ingest.dicom_files import STIR as STIR_TAGS
from tests.ingest.dicom_files import common
from tests.ingest.dicom_files import pixels
from tests.ingest.dicom_files import save
from tests.ingest.dicom_files import write_series


def refused(run: Run, code: int, *words: str, out: Path | None = None) -> None:
    """Require the exit code, one line on stderr with all the words, and no result nor anything beside it."""
    assert run.code == code, run
    assert "Traceback" not in run.stderr
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    assert lines[0].startswith("marrowmap: ")
    for word in words:
        assert word in lines[0]
    if out is not None:
        assert not out.exists()
        assert beside(out) == []


def beside(out: Path) -> list[str]:
    """What a command left next to its output folder."""
    return [path.name for path in out.parent.iterdir() if path.name.startswith(f".{out.name}")]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder / "out"


# Folders and files ---------------------------------------------------------------------------------------------------


def test_an_empty_folder(tmp_path, out):
    (tmp_path / "empty").mkdir()
    refused(marrowmap_here("analyze", tmp_path / "empty", "--out", out), 3, "empty: no file found", out=out)


def test_json_tells_of_a_failure_in_one_document(tmp_path, out):
    run = marrowmap("analyze", tmp_path / "nowhere", "--out", out, "--json")
    refused(run, 3, "nowhere: no such file or folder", out=out)
    assert run.document["schema"] == "marrowmap/1"
    assert run.document["error"]["exit_code"] == 3
    assert f"marrowmap: {run.document['error']['message']}" == run.complaint


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("analyze", "--no-such-option"), "No such option: --no-such-option"),
        (("phantom", "gout", "--out", "x"), "normal, red_marrow, toh"),
        (("phantom", "toh", "--modalities", "xray", "--out", "x"), "--modalities xray"),
        (("phantom", "toh", "--weeks", "-3", "--out", "x"), "--weeks -3"),
        (("segment", "x", "--out", "y", "--points", "1,2,3"), "give three points"),
        (("segment", "x", "--out", "y", "--side", "left"), "--side belongs to --bone or --points"),
    ],
)
def test_a_command_called_wrongly(arguments, words):
    refused(marrowmap_here(*arguments), 2, words)
    assert not Path("x").exists()


# DICOM ---------------------------------------------------------------------------------------------------------------


def drop_pixels(path: Path) -> str:
    save(common("MR", "cor STIR", ImagePositionPatient=[0.0, 0.0, 0.0], SOPInstanceUID="1.2.3.4"), path / "a.dcm", None)
    return "a.dcm: (7FE0,0010) Pixel Data is absent"


def cut_short(path: Path) -> str:
    file = write_series(path, **STIR_TAGS)[2]
    file.write_bytes(file.read_bytes()[:-20])
    return "IM0002.dcm: (7FE0,0010) Pixel Data"


def lose_slices(path: Path) -> str:
    write_series(path, count=9, skip=(4, 5), **STIR_TAGS)
    return "2 slices are missing, the first after slice 4"


def space_unevenly(path: Path) -> str:
    write_series(path, count=6, positions=[0, 3, 7, 9, 14, 16], **STIR_TAGS)
    return "slice spacing is uneven"


def overflow(path: Path) -> str:
    bright = pixels(5, 0, 60000)
    write_series(path, stored=bright, PixelRepresentation=1, **STIR_TAGS)
    return "overflowed (0028,0103) Pixel Representation"


def keep_one_slice(path: Path) -> str:
    write_series(path, count=1, **STIR_TAGS)
    return "only one slice"


def mix_two_people(path: Path) -> str:
    write_series(path / "a", **STIR_TAGS)
    write_series(path / "b", series="other", PatientID="P2", **STIR_TAGS)
    return "files of two persons: (0010,0020) Patient ID is 'P1' in IM0000.dcm and 'P2' in IM0000.dcm"


def contradict_sides(path: Path) -> str:
    write_series(path, series="STIR left hip", Laterality="R", **STIR_TAGS)
    return "sides contradict each other: (0020,0060) Laterality says right"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (drop_pixels, 3),
        (cut_short, 3),
        (lose_slices, 3),
        (space_unevenly, 3),
        (overflow, 3),
        (keep_one_slice, 3),
        (mix_two_people, 4),
        (contradict_sides, 4),
    ],
)
def test_broken_dicom(tmp_path, out, spoil, code):
    words = spoil(tmp_path / "exam")
    refused(marrowmap_here("analyze", tmp_path / "exam", "--out", out), code, words, ".dcm", out=out)


def paint_body(path: Path, inside: np.ndarray, **tags) -> Path:
    """A T1 series, 2 mm pixels and 5 mm coronal slices, of whatever is bright inside."""
    rng = np.random.default_rng(0)
    slices, rows, columns = inside.shape
    stored = np.abs(np.where(inside, 700, 5) + rng.normal(0, 15, inside.shape)).astype(np.int32)
    more = {"Rows": rows, "Columns": columns, "PixelSpacing": [2.0, 2.0], **tags}
    write_series(path, count=slices, step=5.0, stored=stored, series="T1", **more)
    return path


def test_a_head(tmp_path, out):
    y, z, x = np.mgrid[-50:50:5, -128:128:2, -96:96:2]
    head = (x / 75) ** 2 + (y / 95) ** 2 + (z / 110) ** 2 < 1
    run = marrowmap_here("analyze", paint_body(tmp_path / "head", head), "--out", out)
    refused(run, 3, "no hip was found", "series 3 (T1)", out=out)


def test_a_knee(tmp_path, out):
    y, z, x = np.mgrid[-50:50:5, -96:96:2, -80:80:2]
    shaft = (x**2 + y**2 < 15**2) & (z < 0)
    condyles = (np.hypot(np.hypot(np.abs(x) - 22, y * 0.8), z + 18) < 22) | ((np.hypot(x * 0.5, y) < 22) & (z > 5))
    tibia = (x**2 + y**2 < 15**2) & (z > 20)
    run = marrowmap_here("analyze", paint_body(tmp_path / "knee", shaft | condyles | tibia), "--out", out)
    refused(run, 3, "no hip was found", out=out)


def test_a_real_head(shared_data, out):
    run = marrowmap_here("analyze", shared_data / "dicom-enh-classic-dcmqa" / "decubitus" / "HFS", "--out", out)
    refused(run, 3, "no hip was found", out=out)


def test_a_real_knee(shared_data, out):
    run = marrowmap_here("analyze", shared_data / "knee-mese-t2", "--out", out)
    refused(run, 3, "found: series 8 (multi-echo spin echo)): give a hip MRI or CT", out=out)


def test_tags_that_name_the_other_side_than_the_image(patient, tmp_path, out):
    def turn(dataset: Dataset) -> None:
        dataset.Laterality = "R"
        dataset.SeriesDescription = dataset.ProtocolName = "COR STIR HIP RT"

    exam = copy_series(patient, STIR, tmp_path / "exam", turn)
    words = "its tags say right", "(0020,0060) Laterality", "the image shows a left hip"
    refused(marrowmap_here("analyze", exam, "--out", out), 4, *words, out=out)


# What is read, but cannot be judged ----------------------------------------------------------------------------------


def not_assessable(run: Run, out: Path, reason: str) -> None:
    assert run.code == 0, run.stderr
    findings = json.loads((out / "findings.json").read_text())["rows"]
    assert {(row["side"], row["sign"]) for row in findings} == {("left", sign) for sign in REGISTRY}
    assert {row["state"] for row in findings} == {"not_assessable"}
    # A crescent, uptake and osteopenia are never read from MRI.
    assert all(reason in row["note"] for row in findings if row["sign"] != "crescent" and row["modality"] == "MR")
    assert json.loads((out / "measurements.json").read_text())["rows"] == []
    assert reason in (out / "report.html").read_text()
    assert reason in run.stderr


def test_no_fat_suppressed_series_and_a_description_that_climbs(patient, tmp_path, out):
    def climb(dataset: Dataset) -> None:
        dataset.SeriesDescription = dataset.ProtocolName = "../../../climbed"

    exam = copy_series(patient, T1, tmp_path / "exam", climb)
    before = sorted(tmp_path.rglob("*"))
    run = marrowmap("analyze", exam, "--out", out)
    not_assessable(run, out, "there is no fat-suppressed fluid-sensitive series")
    new = set(tmp_path.rglob("*")) - set(before)
    assert all(path.is_relative_to(out) for path in new)
    assert not [path for path in new if ".." in path.name or "climbed" in path.name]


def test_a_gradient_echo_offered_for_edema(patient, tmp_path, out):
    def refocus_by_gradient(dataset: Dataset) -> None:
        dataset.ScanningSequence = "GR"
        dataset.FlipAngle = 30
        dataset.SeriesDescription = dataset.ProtocolName = "COR T2* HIP LT"
        del dataset.InversionTime

    copy_series(patient, STIR, tmp_path / "exam" / "gre", refocus_by_gradient)
    run = marrowmap_here("analyze", tmp_path / "exam", "--out", out)
    not_assessable(run, out, "series 2 (gradient echo): trabecular bone dephases a gradient echo and hides edema")


def test_points_where_no_hip_is(patient, tmp_path, out):
    """No bone is drawn, and nothing measured, where the images do not support what was pointed at."""
    exam = copy_series(patient, STIR, tmp_path / "exam")
    run = marrowmap_here("analyze", exam, "--out", out, "--points", "5,0,0 65,0,0 45,0,-50")
    assert run.code == 3, run.stderr
    assert "no hip was found that the images support (left: " in run.complaint
    assert run.complaint.endswith("check that --points are those of this image, LPS mm")
    assert not out.exists()


# NIfTI ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def image(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).uniform(50, 150, (12, 12, 6))
    write_nifti(Volume(Grid(values.shape, np.diag([1.0, 1, 4, 1])), values), tmp_path / "stir.nii.gz")
    return tmp_path / "stir.nii.gz"


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    array = np.zeros((12, 12, 6), bool)
    array[3:9, 3:9, 1:5] = True
    write_nifti(Mask(Grid(array.shape, np.diag([1.0, 1, 4, 1])), array), tmp_path / "bone.nii.gz")
    return tmp_path / "bone.nii.gz"


@pytest.mark.parametrize("command", ["analyze", "segment"])
def test_a_nifti_of_zero_bytes(tmp_path, out, command):
    (tmp_path / "stir.nii.gz").touch()
    refused(marrowmap(command, tmp_path / "stir.nii.gz", "--out", out), 3, "stir.nii.gz: zero bytes long", out=out)


def test_a_sheared_nifti(tmp_path, mask, out):
    affine = np.diag([1.0, 1, 4, 1])
    affine[0, 2] = 2.0
    sheared = nib.Nifti1Image(np.random.default_rng(0).uniform(0, 99, (12, 12, 6)).astype(np.float32), affine)
    sheared.header.set_qform(None, code=0)
    nib.save(sheared, tmp_path / "stir.nii.gz")
    (tmp_path / "stir.json").write_text(json.dumps({"Modality": "MR"}))
    for command in (("edema", tmp_path / "stir.nii.gz", "--within", mask), ("analyze", tmp_path / "stir.nii.gz")):
        refused(marrowmap_here(*command, "--out", out), 4, "stir.nii.gz: ", "shear", out=out)


def test_an_mr_nifti_without_sidecar(image, out):
    words = "stir.nii.gz: nothing says what this NIfTI image shows", "stir.json"
    refused(marrowmap_here("analyze", image, "--out", out), 3, *words, out=out)


def test_a_mask_on_another_grid(image, tmp_path, out):
    write_nifti(Mask(Grid((12, 12, 5), np.diag([1.0, 1, 4, 1])), np.ones((12, 12, 5), bool)), tmp_path / "bone.nii.gz")
    run = marrowmap_here("edema", image, "--within", tmp_path / "bone.nii.gz", "--out", out)
    refused(run, 4, "bone.nii.gz: the mask's grid (12 x 12 x 5", "stir.nii.gz (12 x 12 x 6", out=out)


def test_an_empty_mask(image, tmp_path, out):
    write_nifti(Mask(Grid((12, 12, 6), np.diag([1.0, 1, 4, 1])), np.zeros((12, 12, 6), bool)), tmp_path / "no.nii.gz")
    refused(marrowmap_here("edema", image, "--within", tmp_path / "no.nii.gz", "--out", out), 3, "no.nii.gz", out=out)


def test_an_image_given_as_mask(tmp_path, out):
    values = np.random.default_rng(0).integers(0, 900, (12, 12, 6)).astype(np.float32)
    write_nifti(Volume(Grid(values.shape, np.diag([1.0, 1, 4, 1])), values), tmp_path / "stir.nii.gz")
    run = marrowmap_here("edema", tmp_path / "stir.nii.gz", "--within", tmp_path / "stir.nii.gz", "--out", out)
    refused(run, 3, "stir.nii.gz: holds ", "an image, not a mask", out=out)


@pytest.mark.parametrize("k", ["nan", "-1", "0"])
def test_a_threshold_that_is_none(image, mask, out, k):
    refused(marrowmap_here("edema", image, "--within", mask, "--out", out, "--k", k), 2, "--k", out=out)


# Where results cannot go ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["analyze", "segment", "edema", "phantom", "demo"])
def test_a_folder_with_other_files_stays_as_it_is(image, mask, tmp_path, command):
    own = tmp_path / "mine"
    target = own / "patient" if command == "demo" else own
    target.mkdir(parents=True)
    (target / "thesis.txt").write_text("years of work")
    given = {"edema": [image, "--within", mask], "phantom": ["toh"], "demo": []}.get(command, [image])
    refused(marrowmap_here(command, *given, "--out", own), 2, "choose", "--out")
    assert [path.name for path in own.rglob("*") if path.is_file()] == ["thesis.txt"]
    assert (target / "thesis.txt").read_text() == "years of work"
    assert beside(own) == []


@pytest.mark.parametrize("command", ["analyze", "phantom"])
def test_an_output_that_cannot_be_written(image, tmp_path, command):
    (tmp_path / "file").touch()
    given = ["toh"] if command == "phantom" else [image]
    refused(
        marrowmap_here(command, *given, "--out", tmp_path / "file" / "out"), 2, "cannot be written", "choose another"
    )
    refused(marrowmap_here(command, *given, "--out", tmp_path / "file"), 2, "is a file, not a folder")


def test_a_tilde_is_the_home_folder(image, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").touch()
    refused(marrowmap_here("analyze", image, "--out=~/out"), 2, f"{tmp_path / 'home' / 'out'}: cannot be written")
    assert not (tmp_path / "~").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_place(image, tmp_path):
    place = tmp_path / "place"
    place.mkdir(mode=0o555)
    refused(marrowmap_here("analyze", image, "--out", place / "out"), 2, "cannot be written (permission denied)")


@pytest.mark.parametrize("command", ["phantom", "analyze"])
def test_stopped_in_the_middle(patient, tmp_path, out, command):
    given = ["toh", "--seed", "1"] if command == "phantom" else [patient / "dicom"]
    process = subprocess.Popen(
        [PROGRAM, command, *given, "--out", out], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 200
    while not half_written(out):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=100)
    assert process.returncode == 1
    assert stdout == ""
    assert stderr == "marrowmap: stopped; no result was written\n"
    assert list(out.parent.iterdir()) == []


def half_written(out: Path) -> bool:
    """Say whether work has begun; the check of the place beforehand makes an empty ``.part`` folder for a moment."""
    begun = [path for path in out.parent.iterdir() if path.name.startswith(f".{out.name}")]
    return any(not path.name.endswith(".part") or (path / "new").is_dir() for path in begun)
