import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.crop import box_around
from tests.image.strategies import grids


@given(grids(), st.integers(0, 2**16), st.floats(0.0, 20.0))
def test_a_box_keeps_values_in_their_place(grid, seed, margin):
    rng = np.random.default_rng(seed)
    volume = Volume(grid, rng.normal(size=grid.shape).astype(np.float32))
    index = np.array([rng.integers(0, n) for n in grid.shape])
    point = grid.to_world(index)
    box = box_around(grid, point, margin)
    small = box.crop(volume)
    assert small.grid.contains(point)
    inner = np.rint(small.grid.to_index(point)).astype(int)
    assert small.array[tuple(inner)] == volume.array[tuple(index)]
    back = box.paste(Mask(small.grid, np.ones(small.grid.shape, bool)), grid)
    assert back.array.sum() == small.array.size
    assert back.array[tuple(index)]


@given(grids())
def test_a_box_beyond_the_grid_is_none(grid):
    far = grid.to_world(np.array(grid.shape) + 50)
    assert box_around(grid, far, 1.0) is None
