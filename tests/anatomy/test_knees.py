from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy import find_bones
from marrowmap.anatomy.active_shape import FitImage
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.knee_landmarks import knee_landmarks
from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.knee_pose import measure_gap
from marrowmap.anatomy.knee_start import knee_frames_from_mask
from marrowmap.anatomy.knee_start import knee_frames_from_points
from marrowmap.anatomy.knees import KneePlace
from marrowmap.anatomy.knees import build_knee_frames
from marrowmap.anatomy.knees import find_knees
from marrowmap.anatomy.knees import search_starts
from marrowmap.anatomy.regions import bone_mask
from marrowmap.anatomy.regions import region_labels
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Joint
from marrowmap.values import Side

from .conftest import make_series


def pose_knee(side: Side, seed: int = 8) -> KneePose:
    """A knee bent a little more than usual, of a shape of its own; drawn as a left one."""
    rng = np.random.default_rng(seed)
    rest = KneePose.at(Side.LEFT, np.array([92.0, 3.0, -7.0]))
    pose = KneePose(Side.LEFT, rng.normal(0, 0.6, 26), rest.turns, rest.pivots)
    bend = Rotation.from_euler("x", 4, degrees=True)
    for bone in ("tibia", "fibula"):
        pose = pose.turned(bone, bend, pose.pivots[0])
    return pose if side is Side.LEFT else pose.mirrored()


def paint_knee(pose: KneePose, seed: int = 0, bones: Sequence[str] = BONES) -> Volume:
    """Bright marrow, thin dark cortex, textured soft tissue, 3.5 mm sagittal slices."""
    return paint_knees([pose], (pose.pivots[0][0] - 54.0, 31), seed, bones)


def paint_knees(
    poses: Sequence[KneePose], slices: tuple[float, int], seed: int = 0, bones: Sequence[str] = BONES
) -> Volume:
    """Paint knees on sagittal slices that begin at an x in mm."""
    rng = np.random.default_rng(seed)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0, 0, 3.5], [1.0, 0, 0], [0, -1.0, 0]])
    affine[:3, 3] = poses[0].pivots[0] + (0.0, -72.0, 72.0)
    affine[0, 3] = slices[0]
    grid = Grid((140, 145, slices[1]), affine, "1.9")
    texture = ndimage.gaussian_filter(rng.normal(size=grid.shape), (5, 5, 1.5))
    image = np.where(np.abs(texture / texture.std()) < 0.3, 220.0, 90.0)
    drawn = [(pose.vertices(bone), pose.faces(bone)) for pose in poses for bone in bones]
    for vertices, faces in drawn:
        image[voxelize(vertices + 1.5 * vertex_normals(vertices, faces), faces, grid).array] = 100
    for vertices, faces in drawn:
        normals = vertex_normals(vertices, faces)
        image[voxelize(vertices, faces, grid).array] = 15
        image[voxelize(vertices - 1.2 * normals, faces, grid).array] = 190
    image = ndimage.gaussian_filter(image, (0.4, 0.4, 0.3)) + rng.normal(0, 6, grid.shape)
    return Volume(grid, np.abs(image).astype(np.float32))


def dice(frame: BoneFrame, pose: KneePose, grid: Grid) -> float:
    true = voxelize(pose.vertices(frame.bone), pose.faces(frame.bone), grid).array
    found = voxelize(frame.vertices, frame.faces, grid).array
    return float(2 * (true & found).sum() / (true.sum() + found.sum()))


@pytest.fixture(scope="module")
def pose() -> KneePose:
    return pose_knee(Side.RIGHT)


@pytest.fixture(scope="module")
def volume(pose: KneePose) -> Volume:
    return paint_knee(pose)


@pytest.fixture(scope="module")
def frames(pose: KneePose, volume: Volume) -> tuple[BoneFrame, ...]:
    return find_knees([make_series(volume)], [KneePlace(None, pose.pivots[0] + (8.0, -10.0, 12.0))])


def test_finds_all_bones_and_the_side_by_shape(frames, pose, volume):
    assert [frame.bone for frame in frames] == list(BONES)
    assert {frame.side for frame in frames} == {Side.RIGHT}
    assert all(frame.trusted for frame in frames), frames[0].reason
    least = {"femur": 0.93, "tibia": 0.92, "fibula": 0.6, "patella": 0.85}
    assert {frame.bone: dice(frame, pose, volume.grid) > least[frame.bone] for frame in frames} == dict.fromkeys(
        BONES, True
    )
    femur = frames[0]
    assert femur.joint is Joint.KNEE
    assert np.linalg.norm(femur.head_center_mm - pose.pivots[0]) < 2.5
    assert femur.fit_rms_mm < 1.5
    assert femur.region_rms_mm["medial_condyle"] < 1.5


def test_a_bone_that_is_not_seen_is_not_trusted(pose):
    """Whatever the femur's fit is worth: no fibula was drawn."""
    volume = paint_knee(pose, bones=("femur", "tibia", "patella"))
    found = {frame.bone: frame for frame in find_bones([make_series(volume)])}
    assert {bone: frame.trusted for bone, frame in found.items()} == {
        "femur": True,
        "tibia": True,
        "fibula": False,
        "patella": True,
    }
    assert "label network" in found["fibula"].reason or "its surface is clearly seen" in found["fibula"].reason


def beside(pose: KneePose, x: float) -> KneePose:
    """The same knee with its center at another x."""
    shift = np.array([x - pose.pivots[0][0], 0.0, 0.0])
    return KneePose(pose.side, pose.weights, pose.turns, pose.pivots + shift)


def find_pair(at_left: Side, at_right: Side) -> list[BoneFrame]:
    """Find the femora of two knees, painted as of these sides on the patient's left and on the right."""
    poses = [beside(pose_knee(at_left), 92.0), beside(pose_knee(at_right), -92.0)]
    volume = paint_knees(poses, (-143.5, 83))
    found = find_knees([make_series(volume)], [KneePlace(None, pose.pivots[0]) for pose in poses])
    return [frame for frame in found if frame.bone == "femur"]


def test_two_knees_of_one_person():
    left, right = find_pair(Side.LEFT, Side.RIGHT)
    assert (left.side, right.side) == (Side.LEFT, Side.RIGHT)
    assert left.trusted, left.reason
    assert right.trusted, right.reason
    assert left.head_center_mm[0] == pytest.approx(92.0, abs=3.0)
    assert right.head_center_mm[0] == pytest.approx(-92.0, abs=3.0)


@pytest.mark.parametrize(
    ("sides", "words"), [((Side.LEFT, Side.LEFT), "the left one"), ((Side.RIGHT, Side.LEFT), "crosswise")]
)
def test_nobody_has_two_left_knees_or_knees_that_lie_crosswise(sides, words):
    found = find_pair(*sides)
    assert sum(frame.trusted for frame in found) == 1
    assert [words in frame.reason for frame in found if not frame.trusted] == [True]


def test_frame_is_natural_on_both_sides():
    for side in Side:
        truth = pose_knee(side)
        found = build_knee_frames(truth, [FitImage.of(paint_knee(truth))], make_series(paint_knee(truth)), 2.0)
        femur = found[0]
        lateral, superior, anterior = femur.axes.T
        assert lateral[0] * side.sign > 0.8
        assert superior[2] > 0.8
        assert anterior[1] < -0.8
        local = {name: femur.to_bone(place) for name, place in femur.landmarks.items()}
        assert local["lateral_epicondyle"][0] > 25 > -25 > local["medial_epicondyle"][0]
        assert local["fibular_head"][0] > 10
        assert local["tibial_tuberosity"][1] < local["medial_plateau"][1] < -15
        assert local["superior_pole"][1] > local["inferior_pole"][1] + 20
        assert np.allclose(femur.to_world(local["superior_pole"]), femur.landmarks["superior_pole"])


def test_regions_lie_on_their_sides(frames, volume):
    by_bone = {frame.bone: frame for frame in frames}
    labels = region_labels(by_bone["femur"], volume.grid)
    assert set(labels.names.values()) == {"medial_condyle", "lateral_condyle", "distal_femur"}
    middle = {
        name: by_bone["femur"].to_bone(volume.grid.to_world(np.argwhere(labels.array == number))).mean(axis=0)
        for number, name in labels.names.items()
    }
    assert middle["medial_condyle"][0] < -10 < 10 < middle["lateral_condyle"][0]
    assert middle["distal_femur"][1] > 25
    tibia = region_labels(by_bone["tibia"], volume.grid)
    sizes = np.bincount(tibia.array.ravel())[1:]
    assert 0.5 < sizes[0] / sizes[1] < 2.0
    for bone in BONES:
        painted = region_labels(by_bone[bone], volume.grid)
        assert np.array_equal(painted.array > 0, bone_mask(by_bone[bone], volume.grid).array), bone


def test_no_knee_in_noise(volume):
    rng = np.random.default_rng(1)
    noise = ndimage.gaussian_filter(rng.normal(size=volume.grid.shape), 3)
    picture = Volume(volume.grid, (100 + 400 * noise).astype(np.float32))
    assert find_knees([make_series(picture)], [KneePlace(None, volume.grid.center)]) == ()
    assert find_knees([make_series(Volume(volume.grid, np.full(volume.grid.shape, 7.0, np.float32)))]) == ()


def test_tags_of_the_other_side_are_a_conflict(pose, volume):
    with pytest.raises(GeometryError, match="right knee"):
        find_knees([make_series(volume, Side.LEFT)], [KneePlace(Side.RIGHT, pose.pivots[0])])


def test_search_without_a_start_comes_near(pose, volume):
    places = search_starts([make_series(volume)])
    assert min(np.linalg.norm(place.center_mm - pose.pivots[0]) for place in places) < 20


def test_starts_from_three_points(pose, volume):
    marks = knee_landmarks({bone: pose.vertices(bone) for bone in BONES})
    plateau = (marks["medial_plateau"] + marks["lateral_plateau"]) / 2
    points = np.stack([marks["medial_epicondyle"], marks["lateral_epicondyle"], plateau]) + 2.0
    found = knee_frames_from_points(points, make_series(volume))
    assert found[0].side is Side.RIGHT
    assert dice(found[0], pose, volume.grid) > 0.93
    with pytest.raises(GeometryError, match="right knee"):
        knee_frames_from_points(points, make_series(volume), Side.LEFT)
    with pytest.raises(InputError, match="mm apart"):
        knee_frames_from_points(points[[0, 2, 1]], make_series(volume))


def test_starts_from_a_mask(pose, volume):
    mask = voxelize(pose.vertices("femur"), pose.faces("femur"), volume.grid)
    found = knee_frames_from_mask(mask, make_series(volume), Side.RIGHT)
    assert found[0].trusted, found[0].reason
    assert dice(found[0], pose, volume.grid) > 0.93
    with pytest.raises(InputError, match="empty"):
        knee_frames_from_mask(Mask(volume.grid, np.zeros(volume.grid.shape, bool)), make_series(volume))


def test_rest_keeps_the_bones_apart():
    rest = pose_knee(Side.LEFT)
    assert measure_gap(rest, "femur", "patella") > 1
    assert measure_gap(rest, "tibia", "fibula") > 0
