from pathlib import Path

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.segmentation import name_labels
from marrowmap.values import Side
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import Finder
from marrowmap.workflow.bones import choose_femora
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.bones import split_femora
from tests.anatomy.conftest import coronal_grid
from tests.anatomy.conftest import make_series
from tests.anatomy.conftest import paint_hip
from tests.anatomy.conftest import pose_hip

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


def test_another_program_excludes_a_mask():
    with pytest.raises(UsageError, match="--bone and --with"):
        BoneHint(Path("bone.nii.gz"), finder=Finder.TOTALSEGMENTATOR)


def test_a_label_alone_is_no_hint():
    with pytest.raises(UsageError, match="--bone-label says which segment of --bone"):
        BoneHint(label="3")


# Which segment is the femur ------------------------------------------------------------------------------------------


def labeled(*names: str):
    """Segments 1, 2, ... with these names; an empty one is none."""
    array = np.zeros((len(names) + 1, 2, 2), np.uint16)
    array += np.arange(len(names) + 1, dtype=np.uint16)[:, None, None]
    names_by_number = {n: name or str(n) for n, name in enumerate(names, start=1)}
    return name_labels(LabelMap(Grid(array.shape, np.eye(4)), array, names_by_number), "map.nii.gz")


def chosen(drawn, label: str | None = None, side: Side | None = None):
    return [(f.side, [s.number for s in f.segments]) for f in choose_femora(drawn, label, side)]


def test_femora_by_name_each_to_its_side():
    drawn = labeled("liver", "femur_right", "femur_left", "hip_left")
    assert chosen(drawn) == [(Side.RIGHT, [2]), (Side.LEFT, [3])]
    assert chosen(drawn, side=Side.LEFT) == [(Side.LEFT, [3])]
    assert chosen(drawn, "Femur_Right") == [(Side.RIGHT, [2])]
    assert chosen(drawn, "2, 3") == [(Side.LEFT, [3]), (Side.RIGHT, [2])]


def test_a_whole_femur_comes_before_its_parts():
    assert chosen(labeled("left femoral head", "left femoral neck", "left femur")) == [(Side.LEFT, [3])]


def test_parts_of_a_side_make_a_femur():
    parts = ("femoral head", "femoral neck", "femoral shaft", "acetabulum")
    drawn = labeled(*(f"{side} {part}" for side in ("left", "right") for part in parts))
    assert chosen(drawn) == [(Side.LEFT, [1, 2, 3]), (Side.RIGHT, [5, 6, 7])]


def test_a_head_alone_is_no_femur():
    with pytest.raises(InputError, match=r"no segment is named or coded as a femur.*1 'left femoral head'"):
        choose_femora(labeled("left femoral head"), None, None)


def test_a_plain_mask_is_the_femur():
    assert chosen(labeled("")) == [(None, [1])]
    assert chosen(labeled(""), side=Side.RIGHT) == [(Side.RIGHT, [1])]


@pytest.mark.parametrize("names", [("left femur", "femur left"), ("femur", "right femur"), ("femur", "whole femur")])
def test_two_that_may_be_it(names):
    with pytest.raises(
        InputError, match=rf"2 segments may be the femur \(1 '{names[0]}', 2 '{names[1]}'\): .*--bone-l"
    ):
        choose_femora(labeled(*names), None, None)


def test_numbers_without_names():
    with pytest.raises(InputError, match=r"no segment is named .*--bone-label .*it holds 1, 2\)"):
        choose_femora(labeled("", ""), None, None)
    assert chosen(labeled("", ""), "2") == [(None, [2])]


def test_a_label_that_is_not_there():
    with pytest.raises(InputError, match=r"no segment is called '7' \(--bone-label\): it holds 1 'femur', 2 'liver'"):
        choose_femora(labeled("femur", "liver"), "7", None)


def test_only_the_other_side():
    with pytest.raises(GeometryError, match="right is asked for, but it holds a left femur only"):
        choose_femora(labeled("left femur"), None, Side.RIGHT)


def test_both_femora_in_one_mask_are_parted():
    grid = Grid((60, 20, 20), np.diag([5.0, 5.0, 5.0, 1.0]))
    array = np.zeros(grid.shape, bool)
    array[5:12, 5:12, 5:12] = array[40:47, 5:12, 5:12] = True
    (first, left), (second, right) = split_femora(Mask(grid, array))
    assert (first, second) == (Side.LEFT, Side.RIGHT)
    assert left.array[40:].sum() == left.array.sum() == right.array.sum()
    array[40:47] = False
    array[5:12, 5:12, 14:20] = True  # two pieces of one bone, as around metal
    assert split_femora(Mask(grid, array))[0][0] is None


# Sides and places ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hip() -> tuple[Series, np.ndarray]:
    """A painted left hip and its femur's voxels."""
    pose = pose_hip(Side.LEFT, 7)
    grid = coronal_grid(pose, 5.0)
    return make_series(paint_hip(pose, grid)), voxelize(pose.vertices("femur"), pose.faces("femur"), grid).array


def write_labels(path: Path, grid: Grid, femur: np.ndarray, name: str) -> Path:
    array = np.zeros(grid.shape, np.uint16)
    array[:4, :4, :2] = 1
    array[femur] = 75
    write_nifti(LabelMap(grid, array, {1: "spleen", 75: name}), path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(f'{{"1": "spleen", "75": "{name}"}}')
    return path


def test_a_label_map_gives_the_frames(tmp_path, hip):
    base, femur = hip
    path = write_labels(tmp_path / "map.nii.gz", base.volume.grid, femur, "femur_left")
    frames = locate_bones([base], BoneHint(path))
    assert [(frame.bone, frame.side) for frame in frames] == [("femur", Side.LEFT), ("hip_bone", Side.LEFT)]
    assert all(frame.trusted for frame in frames)
    assert frames[0].reason.endswith("(map.nii.gz, segment 75 'femur_left')")


def test_a_label_of_the_other_side_than_the_shape(tmp_path, hip):
    base, femur = hip
    path = write_labels(tmp_path / "map.nii.gz", base.volume.grid, femur, "femur_right")
    with pytest.raises(GeometryError, match=r"map\.nii\.gz: segment 75 'femur_right': .* shape of a left femur"):
        locate_bones([base], BoneHint(path))


def test_a_label_of_the_other_side_than_the_tags(tmp_path, hip):
    base, femur = hip
    path = write_labels(tmp_path / "map.nii.gz", base.volume.grid, femur, "femur_left")
    tagged = make_series(base.volume, Side.RIGHT)
    with pytest.raises(GeometryError, match=r"is a left femur, but the tags of series 'COR T1' say right"):
        locate_bones([tagged], BoneHint(path))


def test_an_image_laid_out_left_for_right(tmp_path, hip):
    """An affine that mirrors the patient turns the labels' sides against the shape."""
    base, femur = hip
    affine = np.diag([-1.0, 1, 1, 1]) @ base.volume.grid.affine
    grid = Grid(base.volume.grid.shape, affine, "1.9")
    path = write_labels(tmp_path / "map.nii.gz", grid, femur, "femur_left")
    with pytest.raises(GeometryError, match="shape of a right femur"):
        locate_bones([make_series(Volume(grid, base.volume.array))], BoneHint(path))
