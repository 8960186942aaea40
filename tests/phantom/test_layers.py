from __future__ import annotations

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import noise
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import upsample
from marrowmap.phantom.mr import feather
from marrowmap.phantom.mr import through_slices


def _sphere(grid, radius):
    x, y, z = coordinates(grid)
    return occupancy(np.sqrt(x**2 + y**2 + z**2) - radius, float(grid.spacing[0]))


def test_occupancy_sums_to_the_volume_of_a_sphere():
    grid = make_grid(np.full(3, -30.0), np.full(3, 30.0), 0.8)
    volume = _sphere(grid, 23.0).sum() * grid.voxel_volume_ml
    assert volume == pytest.approx(4 / 3 * np.pi * 2.3**3, rel=0.003)


def test_slices_keep_the_volume_of_a_sphere_and_blur_its_edge():
    source = make_grid(np.full(3, -35.0), np.full(3, 35.0), 0.8)
    image = _sphere(source, 23.0)
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn * [0.7, 0.7, 4.0]
    shape = (90, 90, 18)
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    target = Grid(shape, affine)
    out = np.zeros(shape, np.float32)
    through_slices(image, source, target, 4.0, out)
    assert out.sum() * target.voxel_volume_ml == pytest.approx(4 / 3 * np.pi * 2.3**3, rel=0.01)
    assert out.max() == pytest.approx(1.0, abs=0.01)
    assert ((out > 0.2) & (out < 0.8)).sum() > 500


def test_feathered_parts_add_up_to_the_whole():
    coarse = make_grid(np.full(3, -40.0), np.full(3, 40.0), 1.7)
    fine = make_grid(np.full(3, -20.0), np.full(3, 25.0), 0.8)
    affine = np.diag([1.0, 1.0, 4.0, 1.0])
    affine[:3, 3] = (-30, -30, -28)
    target = Grid((60, 60, 15), affine)
    out = np.zeros(target.shape, np.float32)
    through_slices(1 - feather(fine, coarse), coarse, target, 4.0, out)
    through_slices(feather(fine, fine), fine, target, 4.0, out)
    assert np.abs(out - 1).max() < 0.03
    assert abs(out.mean() - 1) < 0.005


def test_upsample_keeps_a_linear_ramp():
    source = make_grid(np.zeros(3), np.full(3, 20.0), 2.5)
    target = make_grid(np.full(3, 1.0), np.full(3, 19.0), 0.8)
    x, y, z = np.broadcast_arrays(*coordinates(source))
    ramp = upsample((x + 2 * y - z).astype(np.float32), source, target)
    a, b, c = coordinates(target)
    assert np.allclose(ramp, a + 2 * b - c, atol=1e-4)


def test_noise_has_unit_spread_and_the_given_scale():
    grid = make_grid(np.zeros(3), np.full(3, 90.0), 1.5)
    field = noise(grid, np.random.default_rng(0), 12.0)
    assert 0.6 < field.std() < 1.1
    near = np.corrcoef(field[:-1].ravel(), field[1:].ravel())[0, 1]
    far = np.corrcoef(field[:-20].ravel(), field[20:].ravel())[0, 1]
    assert near > 0.9
    assert abs(far) < 0.2
