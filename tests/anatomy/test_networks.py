import numpy as np
import pytest

from marrowmap.anatomy import networks
from marrowmap.anatomy.label_witness import label_log_likelihood
from marrowmap.anatomy.label_witness import label_overlap
from marrowmap.anatomy.networks import LABEL_MM
from marrowmap.anatomy.networks import LABEL_VOXELS
from marrowmap.anatomy.networks import LABELS
from marrowmap.anatomy.networks import BoneLabels
from marrowmap.anatomy.networks import JointPlace
from marrowmap.anatomy.networks import find_joints
from marrowmap.anatomy.networks import label_bones
from marrowmap.anatomy.networks import prepare
from marrowmap.anatomy.profiles import SAMPLES
from marrowmap.errors import ModelError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.values import Joint
from marrowmap.values import Side


def _box() -> Grid:
    affine = np.diag([LABEL_MM] * 3 + [1.0])
    affine[:3, 3] = -LABEL_MM * (LABEL_VOXELS - 1) / 2
    return Grid((LABEL_VOXELS,) * 3, affine)


def _ball(radius: float, soft_mm: float = 1.0) -> BoneLabels:
    """A ball of ``patella`` around the origin, as sure as the distance from its surface says."""
    grid = _box()
    chance = 1 / (1 + np.exp((np.linalg.norm(grid.points(), axis=-1) - radius) / soft_mm))
    chances = np.zeros((len(LABELS), *grid.shape), np.float32)
    chances[0], chances[9] = 1 - chance, chance
    return BoneLabels(grid, chances, np.ones(grid.shape, bool), np.zeros(3))


@pytest.mark.parametrize("off", [-6.0, 0.0, 6.0])
def test_a_line_through_a_ball_finds_its_surface(off):
    normals = np.random.default_rng(0).normal(size=(50, 3))
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    told, usable = label_log_likelihood(_ball(20.0), (9,), (20.0 + off) * normals, normals, 1.0)
    assert usable.all()
    np.testing.assert_allclose(np.exp(told).sum(axis=1), 1, rtol=1e-4)
    place = told.argmax(axis=1) - SAMPLES // 2
    assert np.abs(place + off).max() <= 1


def test_what_is_not_in_view_is_not_usable():
    ball = _ball(20.0)
    view = np.array(ball.view)
    view[:, :, :32] = False
    half = BoneLabels(ball.grid, ball.chances, view, np.zeros(3))
    points = np.array([[0.0, 0, 20], [0, 0, -20]])
    _, usable = label_log_likelihood(half, (9,), points, points / 20, 1.0)
    assert usable.tolist() == [True, False]


def test_overlap_of_the_same_ball_is_high_and_of_another_low():
    from skimage.measure import marching_cubes  # noqa: PLC0415

    grid = _box()
    away = np.linalg.norm(grid.points(), axis=-1)
    vertices, faces, *_ = marching_cubes((20.0 - away).astype(np.float32), 0.0)
    surface = grid.to_world(vertices)
    same = label_overlap(_ball(20.0, soft_mm=0.5), (9,), surface, faces)
    other = label_overlap(_ball(20.0), (9,), surface + np.array([38.0, 0, 0]), faces)
    assert same > 0.9
    assert other < 0.1


@pytest.mark.parametrize("unit", ["signal", "HU"])
def test_scale_does_not_matter_and_nothing_is_seen_outside(unit):
    rng = np.random.default_rng(1)
    source = Grid((30, 30, 8), np.diag([2.0, 2, 5, 1]))
    values = rng.uniform(0, 700, source.shape).astype(np.float32)
    image, view = prepare(Volume(source, values, unit), _box())
    if unit == "signal":
        again, _ = prepare(Volume(source, 3 * values + 50, unit), _box())
        np.testing.assert_allclose(image, again, atol=1e-3)
    assert (image[~view] == 0).all()
    assert 0 < view.mean() < 1
    assert image.max() <= 1.5


def test_a_right_joint_is_a_mirrored_left_one():
    rng = np.random.default_rng(2)
    coarse = rng.uniform(0, 500, (20, 16, 16))
    values = np.kron(coarse, np.ones((4, 4, 4))).astype(np.float32)
    affine = np.diag([2.0, 2, 2, 1])
    affine[:3, 3] = -2.0 * (np.array(values.shape) - 1) / 2
    volume = Volume(Grid(values.shape, affine), values)
    mirrored = Volume(volume.grid, np.ascontiguousarray(values[::-1]))
    for joint in Joint.HIP, Joint.KNEE:
        left = label_bones(volume, JointPlace(joint, Side.LEFT, np.array([8.0, 2, 4]), 1.0))
        right = label_bones(mirrored, JointPlace(joint, Side.RIGHT, np.array([-8.0, 2, 4]), 1.0))
        np.testing.assert_allclose(left.chances, right.chances[:, ::-1], atol=2e-3)
        np.testing.assert_allclose(left.chances.sum(axis=0), 1, rtol=1e-4)


def test_no_joint_in_an_empty_image():
    volume = Volume(Grid((40, 40, 12), np.diag([3.0, 3, 5, 1])), np.zeros((40, 40, 12), np.float32))
    assert find_joints([volume]) == []


def test_a_network_that_is_missing(monkeypatch, tmp_path):
    networks._session.cache_clear()
    monkeypatch.setattr(networks, "files", lambda _: tmp_path)
    with pytest.raises(ModelError, match=r"locate\.onnx is missing"):
        networks._session("locate")
    networks._session.cache_clear()
