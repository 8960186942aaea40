from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.measure.local_thickness import paint_middle
from marrowmap.measure.local_thickness import paint_thickness
from marrowmap.measure.local_thickness import trabecular_number
from marrowmap.measure.mid_axis import mark_middle
from marrowmap.measure.mid_axis import mark_plates
from marrowmap.measure.nearest_outside import ruler
from marrowmap.measure.nearest_outside import ways_out
from tests.measure.test_local_thickness import mask
from tests.measure.test_local_thickness import sponge


def places(seed, size):
    at = np.stack(np.indices((size,) * 3), axis=-1) - size // 2
    return (at + np.random.default_rng(seed).uniform(-0.5, 0.5, 3)) @ Rotation.random(random_state=seed).as_matrix()


@pytest.mark.parametrize("thick", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_plate_along_the_grid_has_one_voxel_of_middle(thick, axis):
    body = np.zeros((14, 14, 14), bool)
    np.moveaxis(body, axis, 0)[5 : 5 + thick] = True
    middle = np.zeros(body.shape, bool)
    paint_middle(body, np.ones(3), middle)
    planes = np.flatnonzero(np.moveaxis(middle, axis, 0).any(axis=(1, 2)))
    assert len(planes) == 1
    assert abs(planes[0] - (4.5 + thick / 2)) <= 0.5
    assert np.moveaxis(middle, axis, 0)[planes[0]].all()


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("thick", [2.0, 4.0, 5.0])
def test_the_middle_of_an_oblique_plate_is_at_its_plane_and_has_no_hole(seed, thick):
    size = 40
    height = places(seed, size)[..., 0]
    body = np.abs(height) < thick / 2
    middle = np.zeros(body.shape, bool)
    paint_middle(body, np.ones(3), middle)
    inner = np.zeros(body.shape, bool)
    inner[8:-8, 8:-8, 8:-8] = True
    assert np.abs(height[middle & inner]).max() < 1.3
    away = ndimage.distance_transform_edt(~middle)
    assert away[inner & (np.abs(height) < 0.3)].max() < 2


def test_number_does_not_hang_on_the_last_digit_or_the_order_of_axes():
    body = sponge((34, 36, 32), seed=5)
    plain = trabecular_number(mask(body))
    assert trabecular_number(mask(body, (1 + 1e-8, 1.0, 1 + 4e-9))) == pytest.approx(plain, rel=1e-6)
    for axis in range(3):
        assert trabecular_number(mask(np.ascontiguousarray(np.flip(body, axis)))) == pytest.approx(plain, rel=0.01)
    for order in ((1, 2, 0), (2, 1, 0)):
        turned = np.ascontiguousarray(body.transpose(order))
        assert trabecular_number(mask(turned)) == pytest.approx(plain, rel=0.01)


@pytest.mark.parametrize("scale", [1 + 1e-8])
def test_oblong_voxels_but_for_rounding_have_the_same_middle(scale):
    body = sponge((30, 28, 26), seed=6)
    spacing = np.array([0.1, 0.1, 0.2])
    found = [np.zeros(body.shape, bool) for _ in range(2)]
    paint_middle(body, spacing, found[0])
    paint_middle(body, spacing * [scale, 1, 1], found[1])
    assert found[0].any()
    assert (found[0] != found[1]).sum() <= 0.002 * found[0].sum()


def test_the_middle_of_a_plate_is_kept_and_that_of_a_rod_is_not():
    at = places(4, 40)
    inner = np.zeros(at.shape[:3], bool)
    inner[10:-10, 10:-10, 10:-10] = True
    kept = []
    for body in (np.abs(at[..., 0]) < 3, np.hypot(at[..., 0], at[..., 1]) < 3):
        by = ruler(np.ones(3), 12.0)
        ways = ways_out(body, by, 10.0)
        middle, painted = np.zeros(body.shape, bool), np.zeros(body.shape, np.float32)
        mark_middle(ways, by, 0, middle)
        paint_thickness(body, np.ones(3), painted)
        before = (middle & inner).sum()
        mark_plates(ways, by, painted, 0.75, 0.9, middle)
        kept.append((middle & inner).sum() / before)
    assert kept[0] > 0.9
    assert kept[1] < 0.1
