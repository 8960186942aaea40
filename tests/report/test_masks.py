from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np

from marrowmap.report import AnalysisResult
from marrowmap.report.masks import join_regions
from marrowmap.report.masks import write_masks
from marrowmap.values import Side


def test_masks_lie_where_they_belong(result: AnalysisResult, tmp_path: Path) -> None:
    written = write_masks(result, tmp_path)
    reading = next(r for r in result.readings if r.side is Side.LEFT)
    path = next(m.path for m in written if m.path.endswith("hip_left_femur.nii.gz"))
    image = nibabel.load(tmp_path / path)
    assert np.array_equal(np.asarray(image.dataobj), reading.bones[0].mask.array)
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-4)
    # The left femur's voxels lie left in RAS: x below zero.
    inside = np.argwhere(np.asarray(image.dataobj) > 0)
    assert nibabel.affines.apply_affine(image.affine, inside)[:, 0].max() < 0


def test_region_numbers_mean_the_same_everywhere(result: AnalysisResult, tmp_path: Path) -> None:
    written = write_masks(result, tmp_path)
    names = json.loads((tmp_path / "masks" / "regions.json").read_text())
    path = next(m.path for m in written if m.path.endswith("hip_left_regions.nii.gz"))
    array = np.asarray(nibabel.load(tmp_path / path).dataobj)
    reading = next(r for r in result.readings if r.side is Side.LEFT)
    regions = join_regions(reading)
    assert regions is not None
    for bone in reading.bones:
        for name in bone.regions.names.values():
            number = next(int(n) for n, other in names.items() if other == name)
            assert np.array_equal(array == number, bone.regions.mask(name).array)


def test_names_take_nothing_from_descriptions(result: AnalysisResult, tmp_path: Path) -> None:
    write_masks(result, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"masks"}
    assert all(p.name.startswith("02-fluid_hip_") or p.name == "regions.json" for p in (tmp_path / "masks").iterdir())


def test_same_bytes_twice(result: AnalysisResult, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_masks(result, tmp_path / name)
    for file in (tmp_path / "a" / "masks").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "masks" / file.name).read_bytes()


def test_the_necrotic_segment_is_a_mask_of_its_own(heads: AnalysisResult, tmp_path: Path) -> None:
    written = [m.path for m in write_masks(heads, tmp_path) if "necrotic" in m.path]
    assert written == ["masks/01-t1_hip_left_necrotic_segment.nii.gz"]
    reading = next(r for r in heads.readings if r.head is not None and r.head.segment is not None)
    assert reading.head is not None
    expected = reading.head.segment_mask(reading.series.volume.grid).array
    assert expected.sum() > 100
    assert np.array_equal(np.asarray(nibabel.load(tmp_path / written[0]).dataobj) > 0, expected)
