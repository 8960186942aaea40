import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image import Transform
from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.image import resample_labels
from marrowmap.image import resample_mask
from tests.image.strategies import grids


@given(grids(), st.integers(0, 2**32 - 1), st.sampled_from([1, 3]))
def test_the_same_grid_is_identity_also_through_the_interpolation(grid, seed, order):
    volume = Volume(grid, np.random.default_rng(seed).normal(size=grid.shape).astype(np.float32))
    assert resample(volume, grid) is volume
    through = resample(volume, grid, Transform.identity("1.2.3"), order=order)
    assert np.allclose(through.array, volume.array, atol=1e-3)


@given(grids(), st.integers(0, 2**32 - 1))
def test_masks_and_labels_keep_their_values_on_the_same_grid(grid, seed):
    array = np.random.default_rng(seed).integers(0, 3, grid.shape).astype(np.uint16)
    labels = LabelMap(grid, array, {1: "one", 2: "two"})
    same = Transform.identity("1.2.3")
    assert (resample_labels(labels, grid, same).array == array).all()
    assert (resample_mask(Mask(grid, array > 1), grid, same).array == (array > 1)).all()


def test_a_linear_ramp_survives_a_finer_grid():
    coarse = Grid((10, 10, 10), np.diag([2, 2, 2, 1.0]))
    ramp = Volume(coarse, (coarse.points() @ [1.0, 2.0, 3.0]).astype(np.float32))
    fine = Grid((12, 12, 12), np.array([[0.7, 0, 0, 3], [0, 0.7, 0, 3], [0, 0, 0.7, 3], [0, 0, 0, 1.0]]))
    assert np.allclose(resample(ramp, fine).array, fine.points() @ [1.0, 2.0, 3.0], atol=1e-3)


def test_another_frame_of_reference_needs_a_transform_of_the_right_frames():
    volume = Volume(Grid((3, 3, 3), np.eye(4), "a"), np.ones((3, 3, 3), np.float32))
    target = Grid((3, 3, 3), np.eye(4), "b")
    with pytest.raises(GeometryError, match="register"):
        resample(volume, target)
    with pytest.raises(GeometryError, match="does not lead"):
        resample(volume, target, Transform(np.eye(4), "b", "a"))
    shift = np.eye(4)
    shift[0, 3] = 1.0
    moved = resample(volume, target, Transform(shift, "a", "b"))
    assert (moved.array[0] == 0).all()
    assert (moved.array[1:] == 1).all()
