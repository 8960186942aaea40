"""The edema command on a real exam, whose masks were written by another program."""

from __future__ import annotations

from pathlib import Path

import nibabel

from tests.cli.command_line import marrowmap_here


def test_masks_whose_header_another_program_rounded(shared_data: Path, tmp_path: Path):
    folder = shared_data / "bme-sij-mri"
    masks = folder / "segmentations"
    run = marrowmap_here(
        "edema",
        folder / "STIR" / "Pre_Scans" / "1007_STIR.nii.gz",
        "--within",
        masks / "Disease_region_manual_segmentation" / "1007_disease_region.nii.gz",
        "--reference",
        masks / "Normal_marrow_manual_segmentation" / "1007_normal_marrow.nii.gz",
        "--t1",
        folder / "T1W" / "Pre_Scans" / "1007_T1W.nii.gz",
        "--out",
        tmp_path / "out",
    )
    assert run.code == 0, run.stderr
    drawn = nibabel.load(tmp_path / "out" / "edema.nii.gz")
    milliliters = float(drawn.get_fdata().sum()) * float(abs(nibabel.affines.voxel_sizes(drawn.affine).prod())) / 1000
    assert 1.5 < milliliters < 5.0  # four readers drew 2.8 to 3.9 mL
