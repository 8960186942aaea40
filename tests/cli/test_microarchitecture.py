"""``marrowmap microarchitecture``: what it leaves, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tifffile

from tests.cli.command_line import Run
from tests.cli.command_line import marrowmap_here
from tests.ingest.dicom_files import AXIAL
from tests.ingest.dicom_files import write_series
from tests.ingest.micro_files import HR
from tests.ingest.micro_files import density
from tests.ingest.micro_files import inner
from tests.ingest.micro_files import lattice
from tests.ingest.micro_files import write_image
from tests.ingest.micro_files import write_mask

SHAPE = (38, 36, 34)
SIDECAR = {"Modality": "CT", "Units": "mgHA/cm3", "BodyPartExamined": "KNEE"}
BONE = lattice(SHAPE)
THINNED = lattice(SHAPE, period=12, thick=3)


def wedge() -> np.ndarray:
    region = inner(SHAPE)
    region[20:, :16, 20:] = False
    return region


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("blocks")
    write_image(folder / "left.nii.gz", density(THINNED, 1), sidecar={**SIDECAR, "Laterality": "L"})
    write_image(folder / "right.nii.gz", density(BONE[::-1], 2), sidecar={**SIDECAR, "Laterality": "R"})
    write_mask(folder / "left_roi.nii.gz", wedge())
    write_mask(folder / "right_roi.nii.gz", wedge()[::-1])
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "place"
    folder.mkdir()
    return folder / "out"


def refused(run: Run, code: int, *words: str, out: Path) -> None:
    """Require the exit code, one line with all the words, and nothing left behind."""
    assert run.code == code, run
    lines = run.stderr.splitlines()
    assert len(lines) == 1, run.stderr
    for word in words:
        assert word in lines[0]
    assert list(out.parent.iterdir()) == []


def measure(image: Path, within: Path, out: Path, *more: str | Path) -> Run:
    return marrowmap_here("microarchitecture", image, "--within", within, "--out", out, *more)


@pytest.fixture(scope="module")
def both(files, tmp_path_factory) -> tuple[Run, Path]:
    """Both sides, the left one thinned."""
    folder = tmp_path_factory.mktemp("both") / "out"
    contralateral = ("--contralateral", files / "right.nii.gz", files / "right_roi.nii.gz")
    more = (*contralateral, "--motion-score", "2", "--region", "distal_femur", "--json")
    return measure(files / "left.nii.gz", files / "left_roi.nii.gz", folder, *more), folder


def test_both_sides_leave_rows_maps_report_and_manifest(both):
    run, folder = both
    assert run.code == 0, run.stderr
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names >= {
        "measurements.json", "measurements.csv", "findings.json", "differences.json", "manifest.json", "report.html",
        "maps/trabecular_thickness.nii.gz", "maps/other_trabecular_thickness.nii.gz", "maps/difference.nii.gz",
        "masks/region.nii.gz", "masks/other_region.nii.gz",
    }  # fmt: skip
    rows = json.loads((folder / "measurements.json").read_text())["rows"]
    assert rows == run.document["rows"]
    assert {row["side"] for row in rows} == {"left", "right"}
    assert {row["joint"] for row in rows} == {"knee"}
    assert {row["region"] for row in rows} == {"distal_femur"}
    units = {row["quantity"]: row["unit"] for row in rows}
    assert units["trabecular_number"] == "1/mm"
    assert units["connectivity_density"] == "1/mm3"
    assert all(row["method"].startswith("resolved; threshold 320 mgHA/cm3") for row in rows)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert {row["path"] for row in manifest["outputs"]} == names - {"manifest.json"}
    assert {row["path"] for row in manifest["inputs"]} >= {"left.nii.gz", "right_roi.nii.gz"}
    assert "left.nii.gz" in (folder / "report.html").read_text()


def test_the_thinned_side_is_found_worse(both):
    run, _ = both
    (finding,) = run.document["findings"]
    assert (finding["sign"], finding["side"], finding["joint"]) == ("microarchitecture_deterioration", "left", "knee")
    assert finding["state"] == "present"
    whole = {d["quantity"]: d for d in run.document["differences"] if d["part"] == "whole region"}
    truth = 100 * (THINNED[wedge()].mean() / BONE[wedge()].mean() - 1)
    assert whole["bone_volume_fraction"]["percent"] == pytest.approx(truth, abs=4)
    # So small a block is some trabeculae wide: a part of it would be one or none.
    assert {d["part"] for d in run.document["differences"]} == {"whole region"}


def test_maps_lie_on_their_region(both, files):
    _, folder = both
    region = nib.load(folder / "masks" / "region.nii.gz")
    np.testing.assert_array_equal(np.asarray(region.dataobj), wedge())
    np.testing.assert_allclose(region.affine, nib.load(files / "left.nii.gz").affine, atol=1e-6)
    thickness = nib.load(folder / "maps" / "trabecular_thickness.nii.gz")
    assert float(np.asarray(thickness.dataobj).max()) < 1.0


def test_one_side_alone_is_measured_and_no_sign_claimed(files, out):
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--json")
    assert run.code == 0, run.stderr
    (finding,) = run.document["findings"]
    assert finding["state"] == "not_assessable"
    assert "other side was not given" in finding["note"]
    assert run.document["differences"] == []


# Bad input -----------------------------------------------------------------------------------------------------------


def test_an_empty_region(files, tmp_path, out):
    mask = write_mask(tmp_path / "empty.nii.gz", np.zeros(SHAPE, bool))
    refused(measure(files / "left.nii.gz", mask, out), 3, "empty.nii.gz", "region of interest is empty", out=out)


def test_a_region_larger_than_the_image(files, tmp_path, out):
    mask = write_mask(tmp_path / "large.nii.gz", np.ones((60, 36, 34), bool))
    refused(measure(files / "left.nii.gz", mask, out), 3, "large.nii.gz", "larger than the image", out=out)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (np.full(SHAPE, 900.0) + np.arange(38)[:, None, None], "all of the region is bone"),
        (np.zeros(SHAPE) + np.arange(38)[:, None, None], "none of the region is bone"),
        (np.full(SHAPE, 7.0), "every voxel"),
    ],
)
def test_all_bone_or_none(values, words, tmp_path, out):
    image = write_image(tmp_path / "flat.nii.gz", values, sidecar=SIDECAR if values.std() else None)
    refused(measure(image, write_mask(tmp_path / "m.nii.gz", wedge()), out), 3, "flat.nii.gz", words, out=out)


def test_spacing_without_a_unit(tmp_path, out, files):
    refused(
        measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--spacing", "0.004"),
        2,
        "0.004 of what?",
        out=out,
    )
    pages = (BONE * 200).astype(np.uint8).transpose(2, 1, 0)
    tifffile.imwrite(tmp_path / "stack.tif", pages)
    refused(measure(tmp_path / "stack.tif", files / "left_roi.nii.gz", out), 3, "stack.tif", "--spacing", out=out)


def test_a_stack_with_its_spacing_given(tmp_path, out):
    pages = (BONE * 200).astype(np.uint8).transpose(2, 1, 0)
    tifffile.imwrite(tmp_path / "stack.tif", pages)
    tifffile.imwrite(tmp_path / "mask.tif", wedge().astype(np.uint8).transpose(2, 1, 0))
    run = measure(tmp_path / "stack.tif", tmp_path / "mask.tif", out, "--spacing", "60.7um", "--json")
    assert run.code == 0, run.stderr
    values = {row["quantity"]: row["value"] for row in run.document["rows"]}
    assert values["bone_volume_fraction"] == pytest.approx(BONE[wedge()].mean(), rel=1e-4)


def test_an_image_cut_off_at_8_bits(tmp_path, out):
    image = write_image(tmp_path / "clipped.nii.gz", np.clip(density(BONE) / 3, 0, 255).round())
    mask = write_mask(tmp_path / "m.nii.gz", wedge())
    refused(measure(image, mask, out), 3, "clipped.nii.gz", "top of 8 bits", out=out)


def test_nan(tmp_path, out):
    values = density(BONE)
    values[20, 20, 20] = np.nan
    path = tmp_path / "nan.nii.gz"
    image = nib.Nifti1Image(values, np.diag([-HR, -HR, HR, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    refused(measure(path, write_mask(tmp_path / "m.nii.gz", wedge()), out), 3, "nan.nii.gz", "NaN", out=out)


def test_two_sides_at_different_voxel_sizes(files, tmp_path, out):
    other = write_image(tmp_path / "other.nii.gz", density(BONE[::-1]), 0.082, {**SIDECAR, "Laterality": "R"})
    mask = write_mask(tmp_path / "m.nii.gz", wedge()[::-1], 0.082)
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--contralateral", other, mask)
    refused(run, 4, "0.0607", "0.082", "every measure here depends on the voxel", out=out)


def test_the_same_side_twice(files, out):
    left = files / "left.nii.gz", files / "left_roi.nii.gz"
    refused(measure(*left, out, "--contralateral", *left), 4, "left", out=out)
    refused(measure(*left, out, "--side", "right"), 4, "its header says left", out=out)


def test_motion_of_grade_4_is_refused(files, out):
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--motion-score", "4")
    refused(run, 3, "motion grade 4", out=out)
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--motion-score", "6")
    refused(run, 2, "1 (none) to 5", out=out)


def test_options_of_the_other_regime(files, out):
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", out, "--spared", files / "left_roi.nii.gz")
    refused(run, 2, "--spared", "for MR", out=out)


def test_two_fields(tmp_path, out):
    for name, field, side in (("a", 7.0, "L"), ("b", 3.0, "R")):
        tags = {"PixelSpacing": [0.3, 0.3], "ImageOrientationPatient": list(AXIAL), "BodyPartExamined": "KNEE"}
        stored = np.random.default_rng(ord(name)).integers(0, 900, (5, 5, 6)).astype(np.int32)
        write_series(
            tmp_path / name, series=name, step=1.0, stored=stored, MagneticFieldStrength=field, Laterality=side, **tags
        )
    image = nib.Nifti1Image(np.ones((6, 5, 5), np.uint8), np.diag([-0.3, -0.3, 1.0, 1.0]))
    image.affine[:3, 3] = (20.0, -10.0, 30.0)
    image.set_sform(image.affine, 1)
    nib.save(image, tmp_path / "m.nii.gz")
    mask = tmp_path / "m.nii.gz"
    run = measure(tmp_path / "a", mask, out, "--contralateral", tmp_path / "b", mask)
    refused(run, 3, "field strength, T 7.0 against 3.0", out=out)


def test_a_scanco_file_without_its_reader(tmp_path, out, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "py_aimio", None)
    (tmp_path / "a.aim").write_bytes(b"x" * 200)
    refused(measure(tmp_path / "a.aim", tmp_path / "a.aim", out), 5, "marrowmap[scanco]", out=out)


def test_a_result_is_not_written_over_other_things(files, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    run = measure(files / "left.nii.gz", files / "left_roi.nii.gz", tmp_path)
    assert run.code == 2
    assert (tmp_path / "mine.txt").read_text() == "mine"


# Real files ----------------------------------------------------------------------------------------------------------


def test_scancos_object_gives_one_answer_in_several_formats(shared_data, tmp_path):
    folder = shared_data / "morphometry-ipl-reference" / "tests" / "data"
    answers = []
    for name in ("test_aim.AIM", "test_nrrd.nrrd", "test_dicom"):
        image = folder / name
        loaded = nib.load(folder / "test_nii.nii")
        mask = tmp_path / "m.nii.gz"
        affine = np.array(loaded.affine)
        if name == "test_aim.AIM":
            affine = np.diag([-0.06068, -0.06068, 0.06068, 1.0])
        written = nib.Nifti1Image(np.ones(loaded.shape, np.uint8), affine)
        written.header.set_xyzt_units("mm")
        nib.save(written, mask)
        run = measure(image, mask, tmp_path / name, "--json")
        assert run.code == 0, run.stderr
        answers.append({row["quantity"]: row["value"] for row in run.document["rows"]})
    assert answers[0]["bone_volume_fraction"] == pytest.approx(81 / 15625)
    for answer in answers[1:]:
        assert answer == pytest.approx(answers[0], rel=2e-3)
