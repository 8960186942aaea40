"""Into an image that holds no hip none is drawn: one line, the contract's exit code, and nothing left behind.

What is drawn here is drawn once; ``benchmarks/no_bone.py`` draws hundreds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import ndimage

from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import RAS_TO_LPS
from marrowmap.image.nifti import write_nifti
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Side
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip
from tests.cli.command_line import Run
from tests.cli.command_line import marrowmap
from tests.cli.command_line import marrowmap_here

T1 = {"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 0.6, "EchoTime": 0.012}
SHAPE = (96, 96, 22)
AFFINE = np.array([[2.4, 0, 0, -114], [0, 0, 4.5, -47], [0, -2.4, 0, 114], [0, 0, 0, 1]])
"""Coronal slices around the middle, LPS."""


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder / "out"


def refused(run: Run, out: Path, code: int, *words: str) -> None:
    """Require the exit code, one line with all the words, and nothing written."""
    assert run.code == code, run
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1, run.stderr
    assert run.stderr.startswith("marrowmap: ")
    for word in words:
        assert word in run.stderr
    assert list(out.parent.iterdir()) == []


def image(folder: Path, array: np.ndarray, affine: np.ndarray = AFFINE, **sidecar: object) -> Path:
    """A T1 image on disk, with its sidecar; `affine` leads to LPS."""
    nib.save(nib.Nifti1Image(array.astype(np.float32), RAS_TO_LPS @ affine), folder / "t1.nii.gz")
    (folder / "t1.json").write_text(json.dumps(T1 | sidecar))
    return folder / "t1.nii.gz"


# Images without a hip ------------------------------------------------------------------------------------------------


def points() -> np.ndarray:
    return Grid(SHAPE, AFFINE).points()


def noise(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(100, 20, SHAPE)


def gradient(rng: np.random.Generator) -> np.ndarray:
    return 300 + points() @ [1.0, 0.4, 0.7] + rng.normal(0, 4, SHAPE)


def checkerboard(rng: np.random.Generator) -> np.ndarray:
    return 60 + 100 * (np.floor(points() / 24).astype(int).sum(axis=-1) % 2) + rng.normal(0, 4, SHAPE)


def blobs(rng: np.random.Generator) -> np.ndarray:
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), (8, 8, 4))
    return 100 + 80 * (texture > 0) - 60 * (texture > texture.std()) + rng.normal(0, 4, SHAPE)


def head(rng: np.random.Generator) -> np.ndarray:
    away = np.sqrt(((points() / (75, 95, 105)) ** 2).sum(axis=-1))
    result = np.zeros(SHAPE)
    for edge, value in ((1.0, 220), (0.94, 10), (0.87, 40), (0.84, 120), (0.74, 160), (0.2, 20)):
        result[away < edge] = value
    return np.abs(result + rng.normal(0, 4, SHAPE))


def bottle(rng: np.random.Generator) -> np.ndarray:
    x, y, z = np.moveaxis(points(), -1, 0)
    across = np.hypot(x, y)
    body = (across < 60) & (np.abs(z) < 90)
    result = np.where(body | ((across < 18) & (z > 0) & (z < 110)), 20.0, 0.0)
    result[(across < 57) & (np.abs(z) < 87)] = 200
    result[np.linalg.norm(points() - (15, 0, 20), axis=-1) < 22] = 90
    return np.abs(result + rng.normal(0, 4, SHAPE))


@pytest.mark.parametrize("draw", [noise, gradient, checkerboard, blobs, head, bottle], ids=lambda draw: draw.__name__)
def test_nothing_anatomical(tmp_path, out, draw: Callable[[np.random.Generator], np.ndarray]):
    run = marrowmap_here("segment", image(tmp_path, draw(np.random.default_rng(3))), "--out", out)
    refused(run, out, 3, "marrowmap: ", "no ", " was found")


def test_a_face_of_metal(tmp_path, out):
    """A real hip is there, but all that shows is the void around the implant."""
    pose = pose_hip(Side.LEFT)
    grid = coronal_grid(pose, 5.0)
    array = np.array(paint_hip(pose, grid).array)
    away = np.linalg.norm((grid.points() - pose.pivots[0]) / (1.0, 1.0, 1.3), axis=-1)
    array[(away > 68) & (away < 74)] *= 2
    array[away <= 68] = 0
    run = marrowmap_here("segment", image(tmp_path, array, grid.affine), "--out", out)
    refused(run, out, 3, "no hip was found")


@pytest.mark.parametrize("command", ["segment", "analyze"])
def test_a_real_abdomen_in_mr(shared_data, tmp_path, out, command):
    source = nib.load(shared_data / "hip-ct-totalseg" / "example_mr_sm.nii.gz")
    path = image(tmp_path, np.abs(np.asarray(source.dataobj)), RAS_TO_LPS @ source.affine)
    refused(marrowmap_here(command, path, "--out", out), out, 3, "no hip was found")


def test_a_real_abdomen_in_ct(shared_data, out):
    run = marrowmap_here("segment", shared_data / "hip-ct-totalseg" / "example_ct_dicom", "--out", out)
    refused(run, out, 3, "no hip was found")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("cr-tibia/RG3_J2KI.dcm", "no MR or CT volume in which bones can be looked for"),
        ("nm-wholebody-bone/NM1_RLE.dcm", "no MR or CT volume"),
        ("dicom-edge-pydicom/pydicom-data/MR2_J2KI.dcm", "no usable image"),
    ],
)
def test_real_files_of_other_joints_and_machines(shared_data, out, files, words):
    refused(marrowmap_here("segment", shared_data / files, "--out", out), out, 3, words)


# Images that are no volume -------------------------------------------------------------------------------------------


def constant(array: np.ndarray) -> np.ndarray:
    return np.full_like(array, 7)


def not_a_number(array: np.ndarray) -> np.ndarray:
    array[3, 4, 5] = np.nan
    return array


def infinite(array: np.ndarray) -> np.ndarray:
    array[3, 4, 5] = np.inf
    return array


def four_axes(array: np.ndarray) -> np.ndarray:
    return np.stack([array, array], axis=-1)


def one_slice(array: np.ndarray) -> np.ndarray:
    return array[:, :, :1]


def two_axes(array: np.ndarray) -> np.ndarray:
    return array[:, :, 0]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (constant, "every voxel is 7"),
        (not_a_number, "1 voxels are NaN, infinite"),
        (infinite, "1 voxels are NaN, infinite"),
        (four_axes, "holds 2 volumes (dim (96, 96, 22, 2))"),
        (one_slice, "a volume needs 3 slices"),
        (two_axes, "a volume needs"),
    ],
    ids=lambda case: getattr(case, "__name__", ""),
)
@pytest.mark.parametrize("command", ["segment", "analyze"])
def test_what_is_no_volume(tmp_path, out, command, spoil, words):
    array = spoil(noise(np.random.default_rng(3)))
    refused(marrowmap_here(command, image(tmp_path, array), "--out", out), out, 3, "t1.nii.gz: ", words)


# Left for right ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def left_hip() -> tuple[HipPose, Volume]:
    pose = pose_hip(Side.LEFT)
    return pose, paint_hip(pose, coronal_grid(pose, 5.0))


MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


def test_one_hip_tagged_with_the_other_side(tmp_path, out, left_hip):
    path = image(tmp_path, left_hip[1].array, left_hip[1].grid.affine, Laterality="R")
    refused(marrowmap_here("segment", path, "--out", out), out, 4, "tags say right", "image shows a left hip")


def test_a_mirrored_affine_against_the_tags(tmp_path, out, left_hip):
    """The affine puts the left hip where a right one would be: it looks like a right hip, and the tag tells."""
    path = image(tmp_path, left_hip[1].array, MIRROR @ left_hip[1].grid.affine, Laterality="L")
    refused(marrowmap_here("segment", path, "--out", out), out, 4, "tags say left", "image shows a right hip")


def test_qform_and_sform_that_mirror_each_other(tmp_path, out, left_hip):
    path = image(tmp_path, left_hip[1].array, left_hip[1].grid.affine)
    nifti = nib.Nifti1Image(left_hip[1].array, nib.load(path).affine)
    nifti.set_qform(nifti.affine, code=1)
    nifti.set_sform(MIRROR @ nifti.affine, code=1)
    nib.save(nifti, path)
    refused(marrowmap_here("segment", path, "--out", out), out, 4, "qform and sform place the image up to")


def test_a_drawn_femur_against_a_mirrored_image(tmp_path, out, left_hip):
    """A mask drawn on the image as it was: the mirrored image has no such grid."""
    pose, volume = left_hip
    write_nifti(voxelize(pose.vertices("femur"), pose.faces("femur"), volume.grid), tmp_path / "bone.nii.gz")
    path = image(tmp_path, volume.array, MIRROR @ volume.grid.affine)
    run = marrowmap_here("segment", path, "--bone", tmp_path / "bone.nii.gz", "--out", out)
    refused(run, out, 4, "bone.nii.gz: the mask's grid", "is not that of any image")


# Bones from elsewhere ------------------------------------------------------------------------------------------------


def test_which_segment_is_meant_must_be_clear(tmp_path, out):
    path = image(tmp_path, noise(np.random.default_rng(3)))
    labels = np.zeros(SHAPE, np.uint8)
    labels[10:20, 10:20, 4:9], labels[30:40, 10:20, 4:9] = 1, 2
    nib.save(nib.Nifti1Image(labels, RAS_TO_LPS @ AFFINE), tmp_path / "map.nii.gz")
    (tmp_path / "map.json").write_text('{"1": "femur", "2": "left femur"}')
    words = "map.nii.gz: 2 segments may be the femur (1 'femur', 2 'left femur'): choose with --bone-label"
    run = marrowmap_here("segment", path, "--bone", tmp_path / "map.nii.gz", "--out", out)
    refused(run, out, 3, words)


@pytest.mark.parametrize("command", ["segment", "analyze"])
def test_another_program_that_is_not_there(tmp_path, out, monkeypatch, command):
    monkeypatch.setenv("PATH", str(tmp_path))
    path = image(tmp_path, noise(np.random.default_rng(3)))
    run = marrowmap_here(command, path, "--with", "totalsegmentator", "--out", out)
    refused(run, out, 5, "TotalSegmentator is not on the PATH")


def test_each_exit_code_of_a_process_of_its_own(tmp_path, out):
    path = image(tmp_path, noise(np.random.default_rng(3)))
    write_nifti(Mask(Grid((9, 9, 9), np.eye(4)), np.ones((9, 9, 9), bool)), tmp_path / "bone.nii.gz")
    bone = ("--bone", tmp_path / "bone.nii.gz")
    refused(marrowmap("segment", path, *bone, "--with", "totalsegmentator", "--out", out), out, 2, "give one of them")
    refused(marrowmap("segment", path, *bone, "--out", out), out, 4, "is not that of any image")
    path.write_bytes(path.read_bytes()[:900])
    refused(marrowmap("segment", path, "--out", out), out, 3, "t1.nii.gz: ")
