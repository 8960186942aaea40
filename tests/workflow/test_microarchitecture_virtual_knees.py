"""Virtual knees at 7 T and in HR-pQCT, from the phantom to the report."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.cli.command_line import marrowmap_here

# Both knees are grown and scanned at 0.08 mm: minutes on a busy machine.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def knees(tmp_path_factory) -> Path:
    """Both knees of one person; the left one has transient osteoporosis."""
    folder = tmp_path_factory.mktemp("knees") / "exam"
    run = marrowmap_here(
        "phantom", "toh", "--modalities", "hr", "--joint", "knee", "--side", "left", "--seed", "7", "--out", folder
    )
    assert run.code == 0, run.stderr
    share = nib.load(folder / "truth" / "hr_mr_edema_left.nii.gz")
    nib.save(nib.Nifti1Image((np.asarray(share.dataobj) > 0.5).astype(np.uint8), share.affine), folder / "edema.nii.gz")
    return folder


@pytest.mark.parametrize(
    ("kind", "modality", "more"),
    [("mr", "MR", ("--edema", "edema.nii.gz")), ("ct", "CT", ("--motion-score", "1"))],
)
def test_the_loss_is_found_in_both_kinds_of_image(kind, modality, more, knees, tmp_path):
    def side(name: str) -> tuple[Path, Path]:
        return (
            knees / "dicom" / f"HR_{kind.upper()}_{name}",
            knees / "truth" / f"hr_{kind}_within_{name}.nii.gz",
        )

    image, within = side("left")
    options = [knees / word if word.endswith(".gz") else word for word in more]
    run = marrowmap_here(
        "microarchitecture", image, "--within", within, "--contralateral", *side("right"), *options,
        "--region", "distal_femur", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert run.code == 0, run.stderr
    (finding,) = run.document["findings"]
    assert (finding["state"], finding["side"], finding["joint"]) == ("present", "left", "knee")
    rows = json.loads((knees / "truth.json").read_text())["measurements"]
    here, there = (
        next(
            r["value"]
            for r in rows
            if (r["quantity"], r["modality"], r["side"]) == ("bone_volume_fraction", modality, name)
        )
        for name in ("left", "right")
    )
    one = next(d for d in run.document["differences"] if d["quantity"] == "bone_volume_fraction")
    assert one["part"] == "whole region"
    assert one["low"] < 100 * (here / there - 1) < one["high"]
    assert ("texture" in one["method"]) == (kind == "mr")
    assert (tmp_path / "out" / "report.html").stat().st_size > 100_000
