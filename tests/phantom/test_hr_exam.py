from __future__ import annotations

import nibabel as nib
import numpy as np
import pydicom
import pytest

from marrowmap.errors import UsageError
from marrowmap.ingest import read_exam
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.hr_ct import HrCt
from marrowmap.phantom.hr_exam import HR_KINDS
from marrowmap.phantom.hr_exam import write_hr
from marrowmap.phantom.hr_hip import hip_site
from marrowmap.phantom.hr_mr import HrMr
from marrowmap.phantom.hr_mr import scan_hr_mr
from marrowmap.phantom.hr_site import grow_site
from marrowmap.phantom.kinds import draw_exam
from marrowmap.values import Side
from tests.dciodvfy import assert_conforms

SMALL = HrMr(matrix=72, slices=5, shading=0.1)
FIELD = HrCt(field_mm=(5.0, 5.0, 3.0))
SEED = 3
UNITS = {
    "bone_volume_fraction": "1",
    "trabecular_thickness": "mm",
    "trabecular_separation": "mm",
    "trabecular_number": "1/mm",
    "connectivity_density": "1/mm3",
    "degree_of_anisotropy": "1",
}


def written(folder, kind, joint):
    person, lesions, _ = draw_exam(kind, SEED, Side.LEFT, 10.0)
    study = StudyTags("P", make_uid("s"), make_uid("f"), "20260105", person)
    (folder / "truth").mkdir(parents=True)
    settings = {"mr": SMALL, "ct": FIELD, "cubes": 1}
    return folder, write_hr(folder, joint, person, lesions, study, SEED, "2026-01-05", **settings), lesions


@pytest.fixture(scope="module")
def knees(tmp_path_factory):
    return written(tmp_path_factory.mktemp("hr") / "knee", "toh", "knee")


@pytest.fixture(scope="module")
def hips(tmp_path_factory):
    return written(tmp_path_factory.mktemp("hr") / "hip", "toh", "hip")


def value(rows, quantity, side, modality="MR"):
    (row,) = [r for r in rows if (r["quantity"], r["side"], r["modality"]) == (quantity, side, modality)]
    return row["value"]


def test_each_side_is_a_series_that_says_whose_it_is_and_how_it_was_scanned(knees):
    series = read_exam([knees[0] / "dicom"]).series
    assert {(one.modality, one.side) for one in series} == {(m, side) for m in ("MR", "CT") for side in Side}
    for one in series:
        assert one.body_part == "KNEE"
        spacing = one.volume.grid.spacing
        wanted = (0.234, 0.234, 1.0) if one.modality == "MR" else (0.0607,) * 3
        assert spacing == pytest.approx(wanted, abs=1e-4)
    flash = [one for one in series if one.modality == "MR"]
    assert {(one.field_strength_t, one.repetition_time_ms, one.echo_time_ms) for one in flash} == {(7.0, 20.0, 5.02)}
    # The person is laid anew for each side.
    assert len({one.volume.grid.frame_of_reference_uid for one in series}) == 4


def test_values_of_hr_pqct_are_densities_and_say_so(knees):
    file = pydicom.dcmread(knees[0] / "dicom" / "HR_CT_left" / "0010.dcm")
    assert (file.RescaleType, file.ImageType[0], file.Modality) == ("MGML", "DERIVED", "CT")
    density = file.pixel_array * float(file.RescaleSlope) + float(file.RescaleIntercept)
    assert -150 < np.percentile(density, 20) < 150
    assert 500 < density.max() < 1500


@pytest.mark.parametrize("series", ["HR_MR_left", "HR_MR_right", "HR_CT_left"])
def test_dciodvfy_finds_no_errors(knees, series):
    assert_conforms(knees[0] / "dicom" / series / "0003.dcm")


def test_masks_lie_on_their_series(knees):
    folder = knees[0]
    for series in read_exam([folder / "dicom"]).series:
        name = f"hr_{series.modality.lower()}_within_{series.side.value}.nii.gz"
        mask = nib.load(folder / "truth" / name)
        lps = np.diag([-1.0, -1, 1, 1]) @ mask.affine
        assert mask.shape == series.volume.grid.shape
        assert lps == pytest.approx(series.volume.grid.affine, abs=1e-3)
        assert set(np.unique(mask.get_fdata())) <= {0.0, 1.0}
        assert mask.get_fdata().mean() > 0.1


def test_marrow_is_bright_and_bone_is_dark(knees):
    folder = knees[0]
    (image,) = [s for s in read_exam([folder / "dicom"]).series if s.modality == "MR" and s.side is Side.RIGHT]
    share = nib.load(folder / "truth" / "hr_mr_bone_right.nii.gz").get_fdata()
    within = nib.load(folder / "truth" / "hr_mr_within_right.nii.gz").get_fdata() > 0
    assert np.corrcoef(share[within], image.volume.array[within])[0, 1] < -0.7


def test_the_sick_side_has_thinner_bone_and_edema(knees):
    folder, (settings, rows, findings), lesions = knees
    assert lesions[Side.LEFT].bone_loss > 0.1
    assert value(rows, "trabecular_thickness", "left") < 0.97 * value(rows, "trabecular_thickness", "right")
    states = {row["side"]: row["state"] for row in findings}
    assert states == {"left": "present", "right": "absent"}
    edema = [nib.load(folder / "truth" / f"hr_mr_edema_{side}.nii.gz").get_fdata().max() for side in ("left", "right")]
    assert edema[0] > 0.3
    assert edema[1] == 0
    assert abs(settings["side_difference"]) < 0.15


def test_truth_is_that_of_human_trabeculae_and_in_the_contract_s_words(knees):
    _, (_, rows, _), _ = knees
    assert {(row["modality"], row["side"]) for row in rows} == {(m, s) for m in ("MR", "CT") for s in ("left", "right")}
    for row in rows:
        assert row["unit"] == UNITS[row["quantity"]]
        assert (row["region"], row["joint"]) == ("distal_femur", "knee")
    assert 0.12 < value(rows, "trabecular_thickness", "right") < 0.25
    assert 0.4 < value(rows, "trabecular_separation", "right") < 1.1
    assert 0.9 < value(rows, "trabecular_number", "right") < 2.0
    assert 1.0 < value(rows, "connectivity_density", "right") < 8.0
    assert 1.05 < value(rows, "degree_of_anisotropy", "right") < 2.0


def test_hips_have_seven_tesla_alone(hips):
    folder, (settings, rows, _), _ = hips
    series = read_exam([folder / "dicom"]).series
    assert {(one.modality, one.body_part) for one in series} == {("MR", "HIP")}
    assert "ct" not in settings
    assert {row["region"] for row in rows} == {"proximal_femur"}
    assert value(rows, "bone_volume_fraction", "left") < value(rows, "bone_volume_fraction", "right")


def test_left_is_not_a_mirror_of_right_in_the_well(tmp_path):
    folder, (_, rows, findings), _ = written(tmp_path / "well", "normal", "hip")
    assert {row["state"] for row in findings} == {"absent"}
    one, other = (nib.load(folder / "truth" / f"hr_mr_bone_{s}.nii.gz").get_fdata() for s in ("left", "right"))
    assert abs(np.corrcoef(one[::-1].ravel(), other.ravel())[0, 1]) < 0.3
    left, right = (value(rows, "bone_volume_fraction", side) for side in ("left", "right"))
    assert left == pytest.approx(right, rel=0.25)


def test_the_same_seed_gives_the_same_pixels():
    person, lesions, _ = draw_exam("toh", SEED, Side.LEFT, 10.0)
    tiny = HrMr(matrix=24, slices=2)

    def pixels():
        site = hip_site(person, Side.LEFT, lesions[Side.LEFT], tiny.half_mm, SEED)
        return scan_hr_mr(site, grow_site(site, [SEED, 1])[0], tiny, SEED)[0]

    assert np.array_equal(pixels(), pixels())


def test_kinds_and_joints_that_are_not_made_are_refused(tmp_path):
    with pytest.raises(UsageError, match=HR_KINDS[0]):
        write_virtual_exam("onfh", tmp_path / "a", seed=1, modalities=("hr",))
    with pytest.raises(UsageError, match="knees in hr alone"):
        write_virtual_exam("toh", tmp_path / "b", seed=1, modalities=("mr",), joint="knee")
    assert not list(tmp_path.iterdir())
