import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from tests.image.strategies import grids


@given(grids())
def test_index_and_world_are_inverse(grid):
    index = np.array([[0, 0, 0], [1.5, 2.25, -3]])
    assert np.allclose(grid.to_index(grid.to_world(index)), index, atol=1e-6)


@given(grids())
def test_a_grid_contains_its_voxels_and_nothing_beyond(grid):
    assert grid.contains(grid.points()).all()
    beyond = grid.to_world(np.array(grid.shape) - 0.5 + 0.01)
    assert not grid.contains(beyond)


@given(grids(), st.floats(0.01, 50.0), st.integers(0, 2))
def test_a_shifted_grid_is_another(grid, shift, axis):
    affine = grid.affine.copy()
    affine[axis, 3] += shift
    other = Grid(grid.shape, affine, grid.frame_of_reference_uid)
    assert grid != other
    with pytest.raises(GeometryError, match="resample"):
        grid.require_same(other)


def test_another_frame_of_reference_is_another_grid():
    assert Grid((2, 2, 2), np.eye(4), "1.2") != Grid((2, 2, 2), np.eye(4), "1.3")


@pytest.mark.parametrize(
    ("affine", "word"),
    [
        (np.array([[1, 0.3, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]), "sheared"),
        (np.diag([1, 1, 0, 1.0]), "no length"),
        (np.full((4, 4), np.nan), "finite"),
        (np.eye(3), "4 x 4"),
    ],
)
def test_a_broken_affine_is_refused(affine, word):
    with pytest.raises(GeometryError, match=word):
        Grid((2, 2, 2), affine)


def test_arrays_are_read_only_and_keep_their_shape():
    grid = Grid((2, 3, 4), np.eye(4))
    volume = Volume(grid, np.zeros((2, 3, 4), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1
    with pytest.raises(GeometryError, match="shape"):
        Volume(grid, np.zeros((4, 3, 2), np.float32))
    with pytest.raises(GeometryError, match="finite"):
        Volume(grid, np.full((2, 3, 4), np.nan, np.float32))
    with pytest.raises(TypeError, match="booleans"):
        Mask(grid, np.zeros((2, 3, 4), np.uint8))


def test_masks_of_two_grids_cannot_be_combined():
    grid, other = Grid((2, 2, 2), np.eye(4)), Grid((2, 2, 2), np.diag([2, 1, 1, 1.0]))
    a, b = (Mask(g, np.ones((2, 2, 2), bool)) for g in (grid, other))
    for combine in (lambda: a & b, lambda: a | b, lambda: a - b):
        with pytest.raises(GeometryError, match="resample"):
            combine()
    with pytest.raises(GeometryError, match="resample"):
        Volume(grid, np.zeros((2, 2, 2), np.float32)).within(b)
    assert (a - a).volume_ml == 0
    assert b.volume_ml == pytest.approx(0.016)


@given(grids(), st.sampled_from([0.01, 0.2]), st.integers(0, 2))
def test_the_rounding_of_a_file_format_is_forgiven_and_no_more(grid, share, axis):
    affine = grid.affine.copy()
    affine[axis, 3] += share * grid.spacing.min()
    other = Grid(grid.shape, affine, "")
    assert grid.written_alike(other) == (share < 0.05)
    assert not grid.written_alike(Grid((*grid.shape[:2], grid.shape[2] + 1), grid.affine))
