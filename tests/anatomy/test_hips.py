"""Hips are found, named by their own side, and not invented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import find_hips
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.mirror import mirror
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.values import Side
from tests.anatomy.conftest import make_series


@pytest.fixture(scope="module")
def found(left_volume: Volume) -> tuple[BoneFrame, ...]:
    return find_hips([make_series(left_volume)])


def test_a_painted_hip_is_found_where_it_is(
    found: tuple[BoneFrame, ...], left_pose: HipPose, left_volume: Volume
) -> None:
    assert [(frame.bone, frame.side) for frame in found] == [("femur", Side.LEFT), ("hip_bone", Side.LEFT)]
    center, radius = head_sphere(left_pose.vertices("femur"))
    assert np.linalg.norm(found[0].head_center_mm - center) < 1.5
    assert found[0].head_radius_mm == pytest.approx(radius, abs=1.0)
    assert found[0].trusted
    assert found[0].fit_rms_mm < 1.5
    for frame in found:
        true = voxelize(left_pose.vertices(frame.bone), left_pose.faces(frame.bone), left_volume.grid).array
        mine = bone_mask(frame, left_volume.grid).array
        assert 2 * (true & mine).sum() / (true.sum() + mine.sum()) > 0.92


def test_errors_are_told_by_region(found: tuple[BoneFrame, ...]) -> None:
    assert {"femoral_head", "femoral_neck"} <= set(found[0].region_rms_mm)
    assert set(found[1].region_rms_mm) == {"acetabulum"}


def test_mirrored_exam_gives_mirrored_frames_of_the_other_side(
    found: tuple[BoneFrame, ...], left_volume: Volume
) -> None:
    mirrored = find_hips([make_series(mirror(left_volume))])
    assert [frame.side for frame in mirrored] == [Side.RIGHT, Side.RIGHT]
    flip = np.array([-1.0, 1.0, 1.0])
    assert mirrored[0].head_center_mm == pytest.approx(found[0].head_center_mm * flip, abs=0.5)
    assert mirrored[0].head_radius_mm == pytest.approx(found[0].head_radius_mm, abs=0.3)
    for name, place in found[0].landmarks.items():
        assert found[0].to_bone(place) == pytest.approx(mirrored[0].to_bone(mirrored[0].landmarks[name]), abs=2.0)


def test_progress_runs_from_start_to_end(left_volume: Volume) -> None:
    shares: list[float] = []
    find_hips([make_series(left_volume)], progress=lambda step, share: shares.append(share))
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0


def test_a_tag_of_the_other_side_stops_the_run(left_volume: Volume) -> None:
    with pytest.raises(GeometryError, match=r"tags say right .*Laterality.* image shows a left hip"):
        find_hips([make_series(left_volume, Side.RIGHT)])


def test_a_tag_of_this_side_agrees(left_volume: Volume) -> None:
    assert find_hips([make_series(left_volume, Side.LEFT)])[0].side is Side.LEFT


@pytest.mark.parametrize("blur", [0.0, 6.0])
def test_noise_shows_no_hip(blur: float) -> None:
    noise = np.random.default_rng(0).normal(size=(160, 160, 24))
    noise = ndimage.gaussian_filter(noise, (blur, blur, blur / 4))
    grid = Grid(noise.shape, np.diag([1.2, 1.2, 4.0, 1.0]))
    volume = Volume(grid, (100 + 20 * noise / noise.std()).astype(np.float32))
    assert not any(frame.trusted for frame in find_hips([make_series(volume)]))


def test_one_slice_shows_no_hip(left_volume: Volume) -> None:
    grid = left_volume.grid
    middle = grid.shape[2] // 2
    affine = np.array(grid.affine)
    affine[:3, 3] += affine[:3, 2] * middle
    slab = Volume(Grid((*grid.shape[:2], 1), affine, "1.9"), left_volume.array[:, :, middle : middle + 1])
    assert find_hips([make_series(slab)]) == ()


def test_an_empty_image_shows_no_hip(left_volume: Volume) -> None:
    blank = left_volume.with_array(np.zeros(left_volume.grid.shape, np.float32))
    assert find_hips([make_series(blank)]) == ()


def test_a_knee_is_no_hip(shared_data: Path) -> None:
    exam = read_exam([shared_data / "knee-mese-t2"])
    assert not any(frame.trusted for frame in find_hips(exam.series[:2]))


def test_a_head_is_no_hip(shared_data: Path) -> None:
    exam = read_exam([shared_data / "dicom-enh-classic-dcmqa" / "sag_xa30" / "classic"])
    assert not any(frame.trusted for frame in find_hips(exam.series))


def test_both_hips_of_a_real_ct(shared_data: Path) -> None:
    exam = read_exam([shared_data / "hip-ct-totalseg" / "example_ct.nii.gz"])
    assert exam.series[0].sequence is Sequence.CT
    femora = {frame.side: frame for frame in find_hips(exam.series) if frame.bone == "femur"}
    # Sphere fits of the label map, see benchmarks/real_ct_frames.py; the left femur has an implant.
    for side, center in ((Side.LEFT, (83.7, -142.4, 127.6)), (Side.RIGHT, (-82.2, -144.2, 124.4))):
        assert femora[side].trusted
        assert np.linalg.norm(femora[side].head_center_mm - center) < 3.0
