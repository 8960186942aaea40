"""Femora someone else has drawn: marrowmap's own SEG, real label maps, another program's answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from marrowmap.anatomy import region_labels
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import read_exam
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import BoneReading
from marrowmap.report.result import JointReading
from marrowmap.report.seg import write_segs
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.workflow.bones import locate_bones
from tests.cli.command_line import marrowmap_here

# Sphere fits of the label map, see benchmarks/real_ct_frames.py; the left femur has an implant.
HEADS = {"left": (83.7, -142.4, 127.6), "right": (-82.2, -144.2, 124.4)}


@pytest.fixture
def real_ct(shared_data: Path) -> tuple[Path, Path]:
    folder = shared_data / "hip-ct-totalseg"
    return folder / "example_ct.nii.gz", folder / "example_seg_fast_force_split.nii.gz"


def heads(document: dict) -> dict[str, list[float]]:
    femora = [row for row in document["rows"] if row["bone"] == "femur"]
    assert all(row["trusted"] for row in femora)
    return {row["side"]: row["head_center_mm"] for row in femora}


def test_a_real_label_map(real_ct, tmp_path):
    image, labels = real_ct
    run = marrowmap_here("segment", image, "--bone", labels, "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.stderr
    found = heads(run.document)
    assert found.keys() == HEADS.keys()
    for side, center in HEADS.items():
        assert np.linalg.norm(np.subtract(found[side], center)) < 1.5
    assert {"segment 75 'femur_left'", "segment 76 'femur_right'"} == {
        row["reason"].split(", ")[-1].rstrip(")") for row in run.document["rows"]
    }


def test_totalsegmentators_own_answer(real_ct, tmp_path, monkeypatch):
    """A program on the PATH that returns what TotalSegmentator once said of this very CT."""
    image, labels = real_ct
    program = tmp_path / "bin" / "TotalSegmentator"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        f"print('2.18.0') if '--version' in sys.argv else shutil.copy({str(labels)!r}, sys.argv[4])\n"
    )
    program.chmod(0o755)
    (tmp_path / "weights").mkdir()
    monkeypatch.setenv("PATH", str(program.parent))
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "weights"))
    run = marrowmap_here("segment", image, "--with", "totalsegmentator", "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.stderr
    assert "Apache-2.0" in run.stderr
    assert "usage statistics and downloads were switched off" in run.stderr
    assert all("TotalSegmentator 2.18.0" in row["reason"] for row in run.document["rows"])
    for side, center in heads(run.document).items():
        assert np.linalg.norm(np.subtract(center, HEADS[side])) < 1.5


def test_the_hip_bone_is_no_femur(real_ct, tmp_path):
    image, labels = real_ct
    run = marrowmap_here("segment", image, "--bone", labels, "--bone-label", "hip_left", "--out", tmp_path / "out")
    assert run.code in (3, 4), run.stderr
    assert not (tmp_path / "out").exists()


def test_marrowmaps_own_seg_comes_back_as_the_same_femur(patient, tmp_path):
    truth = next(f for f in json.loads((patient / "truth.json").read_text())["frames"] if f["side"] == "left")
    seg = write_own_seg(patient, tmp_path)
    run = marrowmap_here("segment", patient / "dicom", "--bone", seg, "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.stderr
    found = heads(run.document)
    assert found.keys() == {"left"}
    assert np.linalg.norm(np.subtract(found["left"], truth["head_center_mm"])) < 2.5
    wrong = marrowmap_here(
        "segment", patient / "dicom", "--bone", seg, "--side", "right", "--out", tmp_path / "out2", "--json"
    )
    assert wrong.code == 4
    assert "right is asked for, but it holds a left femur only" in wrong.stderr


def write_own_seg(patient: Path, folder: Path) -> Path:
    """Write the SEG of bone regions as `analyze` does, without measuring anything."""
    exam = read_exam([patient / "dicom"])
    frames = locate_bones(exam.series)
    series = exam.series[0]
    grid = series.volume.grid
    bones = tuple(
        BoneReading(frame, voxelize(frame.vertices, frame.faces, grid), region_labels(frame, grid)) for frame in frames
    )
    reading = JointReading(series, Joint.HIP, Side.LEFT, bones)
    result = AnalysisResult(exam, (patient,), frames, (reading,), (), ())
    return folder / write_segs(result, folder)[0]
