"""A knee shown by the user: three points, or the distal femur drawn; a hip pointed at in a knee is refused."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from marrowmap.anatomy.knee_landmarks import knee_landmarks
from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.image.nifti import write_nifti
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Side
from tests.anatomy.conftest import pose_hip
from tests.anatomy.test_knees import paint_knee
from tests.anatomy.test_knees import pose_knee
from tests.cli.command_line import Run
from tests.cli.command_line import marrowmap_here

T1 = {"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 0.6, "EchoTime": 0.012}


@pytest.fixture(scope="module")
def knee(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, KneePose]:
    """A painted right knee on disk, beside it a mask of its femur."""
    folder = tmp_path_factory.mktemp("knee")
    pose = pose_knee(Side.RIGHT)
    volume = paint_knee(pose)
    write_nifti(volume, folder / "t1.nii.gz")
    (folder / "t1.json").write_text(json.dumps(T1))
    write_nifti(voxelize(pose.vertices("femur"), pose.faces("femur"), volume.grid), folder / "femur.nii.gz")
    return folder, pose


def segment(folder: Path, out: Path, *hint: str | Path) -> Run:
    return marrowmap_here("segment", folder / "t1.nii.gz", "--out", out, "--json", *hint)


def written(points: np.ndarray) -> str:
    return " ".join(",".join(f"{x:.1f}" for x in point) for point in points)


def knee_points(pose: KneePose) -> np.ndarray:
    marks = knee_landmarks({bone: pose.vertices(bone) for bone in BONES})
    plateau = (marks["medial_plateau"] + marks["lateral_plateau"]) / 2
    return np.stack([marks["medial_epicondyle"], marks["lateral_epicondyle"], plateau]) + 2.0


def require_knee(run: Run, out: Path, pose: KneePose) -> None:
    assert run.code == 0, run.stderr
    bones = {row["bone"]: row for row in run.document["rows"]}
    assert {(row["joint"], row["side"]) for row in bones.values()} == {("knee", "right")}
    assert bones["femur"]["trusted"]
    assert bones["tibia"]["trusted"]
    assert np.linalg.norm(np.subtract(bones["femur"]["head_center_mm"], pose.pivots[0])) < 2.5
    labels = np.asarray(nib.load(out / "labels.nii.gz").dataobj)
    names = json.loads((out / "labels.json").read_text())
    assert {"medial_condyle_right", "medial_plateau_right"} <= {names[str(n)] for n in np.unique(labels) if n}


def test_three_points(knee, tmp_path):
    folder, pose = knee
    run = segment(folder, tmp_path / "out", "--points", written(knee_points(pose)), "--joint", "knee")
    require_knee(run, tmp_path / "out", pose)


def test_a_drawn_femur(knee, tmp_path):
    folder, pose = knee
    run = segment(folder, tmp_path / "out", "--bone", folder / "femur.nii.gz", "--joint", "knee", "--side", "right")
    require_knee(run, tmp_path / "out", pose)


def test_points_of_the_other_knee(knee, tmp_path):
    folder, pose = knee
    points = written(knee_points(pose))
    run = segment(folder, tmp_path / "out", "--points", points, "--joint", "knee", "--side", "left")
    assert run.code == 4
    assert "left is asked for, but the points are those of a right knee" in run.complaint


@pytest.mark.parametrize("hint", ["points", "bone"])
def test_no_hip_is_drawn_into_a_knee(knee, tmp_path, hint):
    folder, pose = knee
    marks = landmarks(pose_hip(Side.RIGHT).vertices("femur"))
    points = np.stack([marks[n] for n in ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")])
    points += pose.pivots[0] - points[0]
    given = {"points": written(points), "bone": folder / "femur.nii.gz"}[hint]
    run = segment(folder, tmp_path / "out", f"--{hint}", given)
    assert run.code in (3, 4), run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("hint", "words"),
    [(("--joint", "knee"), "--joint belongs to --bone or --points"), (("--joint", "elbow"), "use hip or knee")],
)
def test_joints_that_cannot_be_meant(knee, tmp_path, hint, words):
    run = segment(knee[0], tmp_path / "out", *hint)
    assert run.code == 2
    assert words in run.complaint
