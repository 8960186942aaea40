from pathlib import Path

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence
from marrowmap.values import Side
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import locate_bones

GRID = Grid((30, 30, 10), np.diag([2.0, 2.0, 5.0, 1.0]))
POINTS = np.array([[20.0, 20, 40], [70, 20, 35], [55, 30, -10]])


def series(side: Side | None = None) -> Series:
    volume = Volume(GRID, np.random.default_rng(0).uniform(0, 100, GRID.shape))
    return Series("1.2.3", "1.2", 1, "T1", "MR", "", volume, Sequence.T1, "", side, "", ())


def drawn(path: Path, grid: Grid = GRID, filled: slice = slice(10, 20)) -> Path:
    array = np.zeros(grid.shape, bool)
    array[filled, filled, 2:8] = True
    write_nifti(Mask(grid, array), path)
    return path


def test_mask_and_points_exclude_each_other():
    with pytest.raises(UsageError, match="--bone and --points"):
        BoneHint(Path("bone.nii.gz"), POINTS)


def test_a_side_alone_is_no_hint():
    with pytest.raises(UsageError, match="--side belongs to"):
        BoneHint(side=Side.LEFT)


def test_a_mask_of_another_image(tmp_path):
    other = Grid((30, 30, 9), GRID.affine)
    with pytest.raises(GeometryError, match=r"bone\.nii\.gz: .*\(30, 30, 9\) is not that of any image"):
        locate_bones([series()], BoneHint(drawn(tmp_path / "bone.nii.gz", other)))


def test_a_mask_at_another_place(tmp_path):
    affine = np.array(GRID.affine)
    affine[0, 3] += 3.0
    with pytest.raises(GeometryError, match="not that of any image"):
        locate_bones([series()], BoneHint(drawn(tmp_path / "bone.nii.gz", Grid(GRID.shape, affine))))


def test_an_empty_mask(tmp_path):
    with pytest.raises(InputError, match=r"bone\.nii\.gz: the mask is empty"):
        locate_bones([series()], BoneHint(drawn(tmp_path / "bone.nii.gz", filled=slice(0, 0))))


def test_a_mask_too_small_for_a_femur_is_named(tmp_path):
    with pytest.raises(InputError, match=r"bone\.nii\.gz: .*a proximal femur 20–900 mL"):
        locate_bones([series()], BoneHint(drawn(tmp_path / "bone.nii.gz", filled=slice(10, 12))))


def test_points_of_the_other_side_than_said():
    with pytest.raises(GeometryError, match="right is asked for, but the points are those of a left hip"):
        locate_bones([series()], BoneHint(points=POINTS, side=Side.RIGHT))


def test_points_against_the_tags():
    with pytest.raises(GeometryError, match="right is asked for"):
        locate_bones([series(Side.RIGHT)], BoneHint(points=POINTS))


def test_points_outside_the_image():
    with pytest.raises(GeometryError, match="outside"):
        locate_bones([series()], BoneHint(points=POINTS + 500))
