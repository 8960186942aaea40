from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.focus import blob_membership
from marrowmap.phantom.focus import mass_shares
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import Blob
from marrowmap.phantom.lesion import Mass
from marrowmap.values import Side
from tests.phantom.conftest import still_hip


@pytest.mark.parametrize("side", list(Side))
def test_a_blob_lies_where_it_says_on_either_side(side):
    hip = still_hip(side)
    grid = make_grid(hip.center - 40, hip.center + 40, 1.0)
    even = np.zeros(grid.shape, np.float32)
    blob = Blob((10.0, 5.0, -8.0), 8.0, 2.0)
    found = blob_membership([blob], hip, grid, even)
    assert found.sum() * grid.voxel_volume_ml == pytest.approx(4 / 3 * np.pi * 0.8**3, rel=0.06)
    middle = (grid.points() * found[..., None]).sum(axis=(0, 1, 2)) / found.sum()
    assert np.allclose(hip.axes.T @ (middle - hip.center), blob.center, atol=0.1)
    # Two balls in one place are no more than certain.
    assert blob_membership([blob, blob], hip, grid, even).max() <= 1
    assert blob_membership([], hip, grid, even).max() == 0


def test_a_mass_has_a_sharp_edge_and_a_rim():
    hip = still_hip()
    grid = make_grid(hip.center - 20, hip.center + 20, 0.8)
    even = np.zeros(grid.shape, np.float32)
    mass = Mass((((0.0, 0.0, 0.0), 9.0), ((6.0, 0.0, 0.0), 6.0)), "tumor", rim_mm=1.0)
    whole, core = mass_shares(mass, hip, grid, even)
    assert (core <= whole).all()
    ball = 4 / 3 * np.pi * 0.9**3
    assert ball < whole.sum() * grid.voxel_volume_ml < 1.3 * ball
    away = np.linalg.norm(grid.points() - hip.center, axis=-1)
    assert core[away < 7.4].min() == 1
    rim = (away > 8.45) & (away < 8.55) & (whole == 1)
    assert rim.any()
