from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import resample
from marrowmap.image.nifti import read_nifti
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.phantom import KINDS
from marrowmap.phantom import draw_exam
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.exam import truth_modality
from marrowmap.phantom.exam import write_scan
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Contrast
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms
from tests.phantom.conftest import SMALL


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


@pytest.mark.slow
def test_same_seed_gives_the_same_files(small_exam, tmp_path):
    again = write_virtual_exam("toh", tmp_path / "again", seed=3, side=Side.LEFT, acquisition=SMALL)
    assert _digest(again) == _digest(small_exam)


def test_seeds_differ():
    one, two = draw_exam("toh", 1), draw_exam("toh", 2)
    assert not np.allclose(one[0].hips[Side.LEFT].femur, two[0].hips[Side.LEFT].femur)


def test_dciodvfy_finds_no_errors(small_exam):
    for series in sorted((small_exam / "dicom").iterdir()):
        assert_conforms(series / "0001.dcm")


def test_ingest_recognizes_the_series_and_the_truth_lies_on_them(small_exam):
    exam = read_exam([small_exam / "dicom"])
    sequences = {series.sequence: series for series in exam.series}
    assert set(sequences) == {Sequence.T1, Sequence.FLUID_FAT_SUPPRESSED}
    stir, t1 = sequences[Sequence.FLUID_FAT_SUPPRESSED], sequences[Sequence.T1]
    assert stir.volume.grid.same_as(t1.volume.grid)
    shares = {}
    for name in ("femur_left", "edema_left", "marrow_right"):
        volume = read_nifti(small_exam / "truth" / f"{name}.nii.gz")
        assert volume.grid.shape == stir.volume.grid.shape
        assert np.allclose(volume.grid.affine, stir.volume.grid.affine, atol=1e-3)
        shares[name] = volume.array
    edema, normal = shares["edema_left"] > 0.9, shares["marrow_right"] > 0.95
    assert edema.sum() > 50
    assert np.median(stir.volume.array[edema]) > 2 * np.median(stir.volume.array[normal])
    assert np.median(t1.volume.array[edema]) < 0.7 * np.median(t1.volume.array[normal])
    # The marrow lies where the picture says: moved by one centimeter, it hits other tissue.
    assert t1.volume.array[normal].std() < t1.volume.array[np.roll(normal, 7, axis=0)].std()


def test_truth_names_the_frame_and_the_side(small_exam):
    truth = json.loads((small_exam / "truth.json").read_text())
    assert truth["schema"] == "marrowmap/1"
    frames = {row["side"]: row for row in truth["frames"]}
    assert frames["left"]["head_center_mm"][0] > frames["right"]["head_center_mm"][0]
    volumes = {
        (row["side"], row["region"]): row["value"] for row in truth["measurements"] if row["quantity"] == "edema_volume"
    }
    assert volumes["left", "femoral_head"] > 5
    assert volumes["right", "proximal_femur"] == 0
    regions = [v for (side, region), v in volumes.items() if side == "left" and region != "proximal_femur"]
    assert sum(regions) == pytest.approx(volumes["left", "proximal_femur"], abs=0.01)
    states = {(row["side"], row["sign"]): row["state"] for row in truth["findings"]}
    assert states["left", "diffuse_edema"] == "present"
    assert states["right", "diffuse_edema"] == "absent"


def test_mask_volume_agrees_with_the_model(small_exam):
    truth = json.loads((small_exam / "truth.json").read_text())
    model = next(
        row["value"]
        for row in truth["measurements"]
        if (row["side"], row["region"], row["quantity"]) == ("left", "proximal_femur", "edema_volume")
    )
    share = read_nifti(small_exam / "truth" / "edema_left.nii.gz")
    # Slices 8 mm apart sample the volume coarsely.
    assert share.array.sum() * share.grid.voxel_volume_ml == pytest.approx(model, rel=0.08)
    assert resample(share, share.grid) is share


def test_affected_side_can_be_chosen():
    for side in Side:
        _, lesions, acquisition = draw_exam("toh", 11, side)
        assert lesions[side].amount > 0
        assert lesions[side.opposite].amount == 0
        assert side in acquisition.sides


def test_well_people_have_no_edema():
    for kind in ("normal", "red_marrow"):
        assert all(lesion.amount == 0 for lesion in draw_exam(kind, 4)[1].values())
    assert draw_exam("red_marrow", 4)[0].red_marrow > draw_exam("normal", 4)[0].red_marrow


def test_bad_requests_are_refused(tmp_path):
    with pytest.raises(UsageError, match="kind"):
        write_virtual_exam("gout", tmp_path / "a", seed=1)
    with pytest.raises(UsageError, match="pet"):
        write_virtual_exam("toh", tmp_path / "a", seed=1, modalities=("mr", "pet"))
    with pytest.raises(UsageError, match="seed"):
        write_virtual_exam("toh", tmp_path / "a", seed=-1)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with pytest.raises(InputError, match="something"):
        write_virtual_exam("toh", tmp_path / "full", seed=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["full"]
    names = "normal red_marrow toh toh_fracture onfh sif stress_fracture osteoarthritis tumor infection crps"
    assert list(KINDS) == names.split()


@pytest.mark.slow
def test_a_pair_differs_by_its_lesions_alone(tmp_path):
    plan = replace(SMALL, contrasts=(Contrast.STIR,), sides=(Side.LEFT,), slice_count=8)
    ill = {Side.LEFT: Lesion(amount=0.8)}
    volumes = []
    for kind, lesions in (("toh", ill), ("normal", {})):
        folder = write_scan(kind, tmp_path / kind, seed=3, side=Side.LEFT, acquisition=plan, lesions=lesions)
        volumes.append(read_exam([folder]).series[0].volume)
    a, b = (volume.array for volume in volumes)
    away = volumes[0].grid.points()[..., 0] < 0
    scale = a[away].sum() / b[away].sum()
    # The same noise: what is left is the rounding to whole numbers.
    assert np.abs(a - scale * b)[away].max() <= 1.5
    assert np.abs(a - scale * b)[~away].max() > 50


@pytest.mark.slow
@pytest.mark.slow
def test_mr_and_ct_of_one_person_share_their_frame_of_reference(tmp_path):
    out = write_virtual_exam("sif", tmp_path / "both", seed=4, acquisition=SMALL, modalities=("mr", "ct"))
    series = read_exam([out / "dicom"]).series
    assert sorted(found.modality for found in series) == ["CT", "MR", "MR"]
    assert len({found.volume.grid.frame_of_reference_uid for found in series}) == 1
    truth = json.loads((out / "truth.json").read_text())
    assert truth["ct"]["pixel_mm"] == 0.6
    assert list(out.glob("truth/line_*.nii.gz"))
    ct = next(found.volume for found in series if found.modality == "CT")
    for frame in truth["frames"]:
        center = np.rint(ct.grid.to_index(frame["head_center_mm"])).astype(int)
        around = ct.array[tuple(slice(n - 8, n + 8) for n in center)]
        assert 50 < np.median(around) < 400


def test_truth_rows_name_a_modality_that_was_taken():
    edema, bone, space = {"quantity": "edema_volume"}, {"quantity": "bone_volume"}, {"quantity": "joint_space_width"}

    def named(*modalities):
        return [truth_modality(row, modalities) for row in (edema, bone, space, {"sign": "crescent"})]

    assert named("mr") == ["MR"] * 4
    assert named("mr", "ct", "scan") == ["MR", "MR", "CT", "CT"]
    assert named("ct") == ["CT"] * 4
    assert named("scan") == ["model"] * 4
    assert named("spect", "scan") == ["model", "CT", "CT", "CT"]
