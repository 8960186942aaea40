"""What each command leaves and says, as whoever calls it sees it."""

from __future__ import annotations

import csv
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pydicom
import pytest

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.phantom import KINDS
from marrowmap.report.differential_rows import DIFFERENTIAL_COLUMNS
from marrowmap.signs import REGISTRY
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from tests.cli.command_line import Run
from tests.cli.command_line import marrowmap
from tests.cli.command_line import marrowmap_here
from tests.cli.conftest import STIR
from tests.cli.conftest import T1
from tests.cli.conftest import copy_series
from tests.dciodvfy import assert_conforms

TOP = {
    "report.html",
    "report.pdf",
    "measurements.json",
    "measurements.csv",
    "findings.json",
    "differential.json",
    "fhir",
    "frames.json",
    "manifest.json",
    "masks",
    "dicom",
}
MEASUREMENT = [
    "date",
    "joint",
    "side",
    "region",
    "quantity",
    "value",
    "unit",
    "low",
    "high",
    "modality",
    "method",
    "evidence",
]
FINDING = [
    "date",
    "joint",
    "side",
    "sign",
    "state",
    "certainty",
    "smallest_detectable",
    "modality",
    "evidence",
    "note",
]
FRAME = {"joint", "side", "series", "head_center_mm", "head_radius_mm", "axes", "fit_rms_mm"}
STATES = {"present", "absent", "undetermined", "not_assessable"}


def rows(path: Path) -> list[dict[str, Any]]:
    document = json.loads(path.read_text())
    assert document["schema"] == "marrowmap/1"
    assert isinstance(document["rows"], list)
    return document["rows"]


def femur(frames: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = (row for row in frames if row["bone"] == "femur")
    return row


# analyze -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def analyzed(patient: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """The patient's top folder analyzed: ``truth.json`` and the truth's masks lie there too and must not disturb."""
    out = tmp_path_factory.mktemp("Ergebnis – größer") / "mit Leerzeichen" / "out"
    run = marrowmap("analyze", patient, "--out", out, "--json")
    assert run.code == 0, run.stderr
    return out, run


def test_analyze_leaves_the_contracts_files(analyzed):
    out, _ = analyzed
    assert {path.name for path in out.iterdir()} == TOP
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    objects = sorted((out / "dicom").iterdir())
    assert [path.name for path in objects] == ["02-fluid_edema.dcm", "02-fluid_seg.dcm", "report_sr.dcm"]
    for path in objects:
        assert_conforms(path)
    masks = {path.name for path in (out / "masks").glob("*.nii.gz")}
    for word in ("femur", "hip_bone", "regions", "edema-closed", "edema-membership", "effusion"):
        assert f"02-fluid_hip_left_{word}.nii.gz" in masks
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")


def test_measurements_have_the_contracts_columns(analyzed):
    out, _ = analyzed
    found = rows(out / "measurements.json")
    assert all(list(row) == MEASUREMENT for row in found)
    for row in found:
        assert (row["joint"], row["side"], row["modality"], row["date"]) == ("hip", "left", "MR", "2026-01-05")
        assert row["region"] in REGIONS
        assert row["unit"] == QUANTITIES[row["quantity"]].unit
        assert row["low"] is None or row["low"] <= row["value"] <= row["high"]
        assert row["evidence"]["mask_file"] is None or (out / row["evidence"]["mask_file"]).is_file()
    assert {"edema_volume", "edema_closed_volume", "edema_fraction"} <= {row["quantity"] for row in found}
    with (out / "measurements.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["region"], row["quantity"], float(row["value"])) for row in table] == [
        (row["region"], row["quantity"], row["value"]) for row in found
    ]


def test_findings_have_the_contracts_columns_and_the_edema_is_found(analyzed):
    out, _ = analyzed
    found = rows(out / "findings.json")
    assert all(list(row) == FINDING for row in found)
    states = {row["sign"]: row["state"] for row in found}
    assert set(states) == set(REGISTRY)
    assert set(states.values()) <= STATES
    assert states["diffuse_edema"] == "present"
    assert states["trochanter_sparing"] == "present"
    assert states["subchondral_band"] == "absent"


def test_the_volume_is_near_the_truth(analyzed, patient):
    def volume(path: Path) -> float:
        return next(
            row["value"]
            for row in rows(path)
            if (row["side"], row["region"], row["quantity"]) == ("left", "proximal_femur", "edema_volume")
        )

    truth = json.loads((patient / "truth.json").read_text())
    true = next(
        row["value"]
        for row in truth["measurements"]
        if (row["side"], row["region"], row["quantity"]) == ("left", "proximal_femur", "edema_volume")
    )
    assert volume(analyzed[0] / "measurements.json") == pytest.approx(true, rel=0.3)


def test_frames_have_the_contracts_keys_and_lie_near_the_truth(analyzed, patient):
    found = rows(analyzed[0] / "frames.json")
    assert all(set(row) >= FRAME for row in found)
    truth = next(row for row in json.loads((patient / "truth.json").read_text())["frames"] if row["side"] == "left")
    assert np.linalg.norm(np.subtract(femur(found)["head_center_mm"], truth["head_center_mm"])) < 3
    assert femur(found)["head_radius_mm"] == pytest.approx(truth["head_radius_mm"], abs=2)


def test_the_segmentation_conforms(analyzed):
    path = analyzed[0] / "dicom" / "02-fluid_seg.dcm"
    assert_conforms(path)
    assert pydicom.dcmread(path).PatientID == "VIRTUAL-TOH-7"


def test_the_report_asks_for_nothing_outside(analyzed):
    text = (analyzed[0] / "report.html").read_text()
    for found in re.findall(r"""(?:src|href|srcset|action|data|poster)\s*=\s*["']([^"']*)""", text):
        assert found.startswith(("#", "data:")), found[:80]
    assert "@import" not in text
    assert not re.search(r"url\(\s*['\"]?(?!data:)", text)
    assert "esearch use only" in text


def test_the_manifest_names_every_file_with_its_hash(analyzed, patient):
    out, _ = analyzed
    manifest = json.loads((out / "manifest.json").read_text())
    written = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    assert {row["path"] for row in manifest["outputs"]} == set(written) - {"manifest.json"}
    for row in manifest["outputs"]:
        assert hashlib.sha256(written[row["path"]].read_bytes()).hexdigest() == row["sha256"]
    assert len(manifest["inputs"]) == 44
    for row in manifest["inputs"]:
        assert hashlib.sha256((patient / row["path"]).read_bytes()).hexdigest() == row["sha256"]
    assert {"reading images", "finding bones", "measuring edema"} <= set(manifest["seconds"])
    assert str(patient) not in json.dumps(manifest)


def test_the_differential_has_the_contracts_columns_and_never_claims_more(analyzed):
    out, run = analyzed
    found = rows(out / "differential.json")
    assert [row["entity"] for row in found] == list(ENTITIES)
    assert all(list(row) == list(DIFFERENTIAL_COLUMNS) for row in found)
    assert all((row["joint"], row["side"], row["date"]) == ("hip", "left", "2026-01-05") for row in found)
    assert sum(row["probability"] for row in found) == pytest.approx(1.0, abs=1e-3)
    assert max(found, key=lambda row: row["probability"])["entity"] == "transient_osteoporosis"
    assert run.document["differential"] == found
    assert "diagnos" not in run.stderr


def test_analyze_answers_in_one_json_document(analyzed):
    out, run = analyzed
    assert run.document["schema"] == "marrowmap/1"
    assert Path(run.document["report"]) == out / "report.html"
    assert run.document["findings"][0]["state"] in STATES
    assert len(run.document["measurements"]) == len(rows(out / "measurements.json"))


def test_file_names_and_order_mean_nothing(analyzed, patient, tmp_path):
    rng = np.random.default_rng(0)
    for place, series in (("z", T1), ("a/b c", STIR)):
        names = rng.permutation(22)
        copy_series(patient, series, tmp_path / "exam" / place, name=lambda n, names=names: f"{names[n - 1]}")
    out = tmp_path / "out"
    out.mkdir()
    (out / "measurements.json").write_text('{"schema": "marrowmap/1", "rows": []}')  # an earlier result is replaced
    assert marrowmap("analyze", tmp_path / "exam", "--out", out).code == 0
    assert {path.name for path in out.iterdir()} == TOP
    for name in ("measurements.json", "findings.json", "frames.json"):
        assert (out / name).read_bytes() == (analyzed[0] / name).read_bytes()


# segment -------------------------------------------------------------------------------------------------------------


def test_segment_writes_labels_and_frames(patient, analyzed, tmp_path):
    """Twice into one folder; both series give the frames of the whole exam."""
    for _ in range(2):
        run = marrowmap_here("segment", patient / "dicom", "--out", tmp_path / "out", "--json")
        assert run.code == 0, run.stderr
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {"labels.nii.gz", "labels.json", "frames.json"}
    assert run.document == json.loads((out / "frames.json").read_text())
    assert femur(run.document["rows"]) == femur(rows(analyzed[0] / "frames.json"))
    labels = nib.load(out / "labels.nii.gz")
    names = json.loads((out / "labels.json").read_text())
    assert labels.shape == (200, 200, 22)
    painted = {names[str(n)] for n in np.unique(np.asarray(labels.dataobj)) if n}
    assert {"femoral_head_left", "femoral_neck_left", "acetabulum_left"} <= painted


def test_segment_finds_a_real_knee(shared_data, tmp_path):
    """Eight echoes of one knee, of which the first is used."""
    run = marrowmap_here("segment", shared_data / "knee-mese-t2", "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.stderr
    bones = {row["bone"]: row for row in run.document["rows"]}
    assert set(bones) == {"femur", "tibia", "fibula", "patella"}
    assert {(row["joint"], row["side"]) for row in bones.values()} == {("knee", "right")}
    assert bones["femur"]["fit_rms_mm"] < 1.0
    labels = nib.load(tmp_path / "out" / "labels.nii.gz")
    names = json.loads((tmp_path / "out" / "labels.json").read_text())
    seen = {names[str(n)] for n in np.unique(np.asarray(labels.dataobj)) if n}
    assert {"medial_condyle_right", "proximal_tibia_right", "fibula_right", "patella_right"} <= seen


def test_three_points_start_the_fit(patient, analyzed, tmp_path):
    truth = next(row for row in json.loads((patient / "truth.json").read_text())["frames"] if row["side"] == "left")
    marks = [truth["landmarks"][name] for name in ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")]
    points = " ".join(",".join(f"{x + 2:.0f}" for x in mark) for mark in marks)
    near_automatic(analyzed, tmp_path, patient, "--points", points)


def test_a_drawn_bone_starts_the_fit(patient, analyzed, tmp_path):
    share = nib.load(patient / "truth" / "femur_left.nii.gz")
    drawn = (np.asarray(share.dataobj) >= 0.5).astype(np.uint8)
    nib.save(nib.Nifti1Image(drawn, share.affine), tmp_path / "femur.nii.gz")
    near_automatic(analyzed, tmp_path, patient, "--bone", tmp_path / "femur.nii.gz", "--side", "left")


def near_automatic(analyzed: tuple[Path, Run], tmp_path: Path, patient: Path, *hint: str | Path) -> None:
    run = marrowmap_here("segment", patient / "dicom", "--out", tmp_path / "out", "--json", *hint)
    assert run.code == 0, run.stderr
    found, automatic = femur(run.document["rows"]), femur(rows(analyzed[0] / "frames.json"))
    assert found["trusted"]
    assert found["reason"] != automatic["reason"]
    assert np.linalg.norm(np.subtract(found["head_center_mm"], automatic["head_center_mm"])) < 2.5
    assert found["head_radius_mm"] == pytest.approx(automatic["head_radius_mm"], abs=2)
    assert np.dot(found["axes"]["neck"], automatic["axes"]["neck"]) > np.cos(np.radians(10))


# edema ---------------------------------------------------------------------------------------------------------------


def test_edema_in_a_given_region(tmp_path, monkeypatch):
    """A box of edema in a noisy box of marrow; paths relative, with a space."""
    grid = Grid((40, 40, 8), np.diag([1.0, 1, 4, 1]))
    signal = np.random.default_rng(0).normal(100, 5, grid.shape)
    signal[12:28, 12:28, 2:6] += 200
    bone, normal = np.zeros(grid.shape, bool), np.zeros(grid.shape, bool)
    bone[4:36, 4:36, 1:7], normal[4:10, 4:36, 1:7] = True, True
    write_nifti(Volume(grid, np.asarray(signal, np.float32)), tmp_path / "the stir.nii.gz")
    write_nifti(Mask(grid, bone), tmp_path / "bone.nii.gz")
    write_nifti(Mask(grid, normal), tmp_path / "normal.nii.gz")
    monkeypatch.chdir(tmp_path)
    given = ("the stir.nii.gz", "--within", "bone.nii.gz", "--reference", "normal.nii.gz", "--out", "out", "--json")
    run = marrowmap_here("edema", *given)
    assert run.code == 0, run.stderr
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} >= {"edema.nii.gz", "measurements.json"}
    assert run.document == json.loads((out / "measurements.json").read_text())
    values = {row["quantity"]: row["value"] for row in run.document["rows"] if row["region"] == "given_region"}
    true = 16 * 16 * 4 * 4 / 1000
    assert values["edema_volume"] == pytest.approx(true, rel=0.1)
    assert values["edema_closed_volume"] == pytest.approx(true, rel=0.15)
    mask = nib.load(out / "edema.nii.gz")
    assert mask.shape == grid.shape
    assert np.asarray(mask.dataobj)[20, 20, 4] == 1
    assert np.allclose(mask.affine, nib.load("the stir.nii.gz").affine)


# The small ones ------------------------------------------------------------------------------------------------------


def test_phantom_lists_its_kinds():
    run = marrowmap_here("phantom", "--list")
    assert run.code == 0
    assert run.stdout.split() == list(KINDS)
    assert "transient osteoporosis" in run.stderr
    assert marrowmap_here("phantom", "--list", "--json").document["kinds"] == KINDS


def test_phantom_truth_has_the_contracts_rows(patient):
    truth = json.loads((patient / "truth.json").read_text())
    assert all(set(row) >= set(MEASUREMENT) for row in truth["measurements"])
    assert all(set(row) >= set(FINDING) for row in truth["findings"])
    assert all(set(row) >= FRAME for row in truth["frames"])


def test_doctor_says_what_is_installed():
    document = marrowmap_here("doctor", "--json").document
    assert {row["name"]: row["installed"] for row in document["packages"]}["pydicom"] is True
    assert all(row["license"] for row in document["packages"] if row["installed"])
    assert document["models"]


def test_help_names_every_command():
    run = marrowmap_here("--help")
    assert run.code == 0
    for name in ("demo", "analyze", "edema", "segment", "phantom", "doctor"):
        assert name in run.stdout
