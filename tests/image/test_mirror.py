import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.mirror import mirror
from marrowmap.image.mirror import mirror_mask
from tests.image.strategies import grids


@given(grids(), st.floats(-100, 100))
def test_twice_is_identity(grid, plane):
    volume = Volume(grid, np.arange(np.prod(grid.shape), dtype=np.float32).reshape(grid.shape))
    twice = mirror(mirror(volume, plane), plane)
    assert twice.grid == grid
    assert (twice.array == volume.array).all()


@given(grids(), st.floats(-100, 100))
def test_every_voxel_lands_on_its_mirror_point(grid, plane):
    mirrored = mirror_mask(Mask(grid, np.ones(grid.shape, bool)), plane)
    here, there = grid.points(), mirrored.grid.points()
    assert np.allclose(here[..., 0] + there[..., 0], 2 * plane, atol=1e-6)
    assert np.allclose(here[..., 1:], there[..., 1:], atol=1e-6)
