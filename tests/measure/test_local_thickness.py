from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image.compiled import compiled
from marrowmap.measure.local_thickness import local_thickness
from marrowmap.measure.local_thickness import paint_middle
from marrowmap.measure.local_thickness import paint_thickness
from marrowmap.measure.local_thickness import trabecular_number
from marrowmap.measure.local_thickness import trabecular_separation
from marrowmap.measure.local_thickness import trabecular_thickness
from marrowmap.measure.maximal_balls import ball_number
from marrowmap.measure.nearest_outside import ruler
from marrowmap.measure.nearest_outside import steps_of
from marrowmap.measure.nearest_outside import ways_out
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter

OBLONG = np.array([0.1, 0.06, 0.08])


def mask(array, spacing=(1.0, 1.0, 1.0)) -> Mask:
    return Mask(Grid(array.shape, np.diag([*spacing, 1.0])), array)


def sponge(shape=(40, 34, 46), seed=1, share=0.7):
    field = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return field > np.quantile(field, share)


def places(rotation, size, shift=(0.2, -0.3, 0.1)):
    return (np.stack(np.indices((size,) * 3), axis=-1) - size // 2 + np.array(shift)) @ rotation


def middle_region(size, margin):
    region = np.zeros((size,) * 3, bool)
    region[margin:-margin, margin:-margin, margin:-margin] = True
    return region


@compiled
def all_steps(ways, by, steps):
    nx, ny, nz = ways.shape
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if ways[x, y, z] >= 0:
                    steps[x, y, z, 0], steps[x, y, z, 1], steps[x, y, z, 2] = steps_of(ways[x, y, z], by)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), OBLONG])
@pytest.mark.parametrize("radius", [30.0, 90.0])
def test_nearest_voxel_outside_is_the_exact_one(spacing, radius):
    body, spacing = sponge(), np.array(spacing) / np.min(spacing)
    by = ruler(spacing, radius)
    steps = np.zeros((*body.shape, 3), np.int64)
    all_steps(ways_out(body, by, radius), by, steps)
    places = np.stack(np.indices(body.shape), axis=-1) + steps
    assert not body[tuple(places.transpose(3, 0, 1, 2))].any()
    expected = ndimage.distance_transform_edt(body, sampling=spacing)
    # Squares of oblong voxels are rounded to 1/2048.
    allowed = 0 if by.fraction == 0 else 3 / 2048
    np.testing.assert_allclose((steps * spacing) ** 2 @ np.ones(3), expected**2, rtol=1e-12, atol=allowed)


def test_voxels_outside_tell_which_of_the_voxels_around_them_are_inside():
    body = sponge()
    ways = ways_out(body, ruler(np.ones(3), 30.0), 30.0)
    bits = (1 << np.arange(27)).reshape(3, 3, 3)
    around = ndimage.correlate(body.astype(np.int64), bits, mode="constant")
    assert (ways[body] > 0).all()
    assert (ways[~body] == -1 - around[~body]).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), OBLONG])
def test_each_voxel_is_given_the_largest_ball_that_holds_it(spacing):
    spacing = np.array(spacing) / np.min(spacing)
    body = sponge((22, 20, 24))
    painted = np.zeros(body.shape, np.float32)
    paint_thickness(body, spacing, painted)
    # Every ball of the body, one by one, from the smallest on and, of equally large ones, from the least central on.
    by = ruler(spacing, 20.0)
    ways = ways_out(body, by, 20.0)
    squares = ways >> (2 * by.bits + 1)
    index = np.stack(np.indices(body.shape), axis=-1)
    brute, walls = np.zeros(body.shape, np.float32), np.empty(27 + PLACES, np.int64)
    for x, y, z in sorted(np.argwhere(body), key=lambda center: ball_number(ways, by, *center)):
        steps = np.abs(index - (x, y, z))
        away = sum(by.squares[axis][steps[..., axis]] for axis in range(3))
        brute[away < squares[x, y, z]] = ball_diameter(ways, by, x, y, z, walls)[0]
    assert (brute == painted).all()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), OBLONG])
def test_slabs_give_the_whole_bit_for_bit(spacing, tmp_path):
    body = sponge((64, 40, 44), seed=3)
    whole, slabs = np.zeros(body.shape, np.float32), np.zeros(body.shape, np.float32)
    paint_thickness(body, np.array(spacing), whole)
    mapped = np.memmap(tmp_path / "body", bool, "w+", shape=body.shape)
    mapped[:] = body
    paint_thickness(mapped, np.array(spacing), slabs, memory_bytes=1)
    assert (whole == slabs).all()
    both = [np.zeros(body.shape, bool) for _ in range(2)]
    paint_middle(body, np.array(spacing), both[0])
    paint_middle(body, np.array(spacing), both[1], memory_bytes=1)
    assert both[0].any()
    assert (both[0] == both[1]).all()


def test_two_threads_give_what_one_gives(monkeypatch):
    body = sponge((50, 40, 44), seed=4)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(numba.config, "NUMBA_NUM_THREADS", threads)
        painted, middle = np.zeros(body.shape, np.float32), np.zeros(body.shape, bool)
        paint_thickness(body, np.ones(3), painted)
        paint_middle(body, np.ones(3), middle)
        found.append((painted, middle))
    assert found[0][0].any()
    assert (found[0][0] == found[1][0]).all()
    assert (found[0][1] == found[1][1]).all()


@pytest.mark.parametrize("thick", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_plates_along_the_grid_are_exact(thick, axis):
    period = 3 * thick + 5
    line = np.arange(4 * period) % period < thick
    shape = [26, 26, 26]
    shape[axis] = len(line)
    body = np.broadcast_to(np.expand_dims(line, [a for a in range(3) if a != axis]), shape).copy()
    region = np.zeros(shape, bool)
    # Corners of the image show a wall in part only.
    region[tuple(slice(period, 3 * period) if a == axis else slice(10, -10) for a in range(3))] = True
    bone, within = mask(body, (0.06, 0.06, 0.06)), mask(region, (0.06, 0.06, 0.06))
    assert trabecular_thickness(bone, within).mean_mm == pytest.approx(thick * 0.06, rel=1e-3)
    # A wall one voxel thin is seen through a little.
    near = 1e-3 * period * 0.06 if thick > 1 else 0.3 * 0.06
    assert trabecular_separation(bone, within).mean_mm == pytest.approx((period - thick) * 0.06, abs=near)
    # Oblong voxels: walls further aside are taken for the nearest ones, which tells by part of a voxel.
    bone, within = mask(body, OBLONG), mask(region, OBLONG)
    allowed = (0.4 if thick > 1 else 1.5) * OBLONG[axis]
    assert trabecular_thickness(bone, within).mean_mm == pytest.approx(thick * OBLONG[axis], abs=allowed)
    assert trabecular_separation(bone, within).mean_mm == pytest.approx((period - thick) * OBLONG[axis], abs=allowed)


def test_number_of_plates_along_the_grid():
    for period in (9, 12, 13):
        body = np.broadcast_to((np.arange(6 * period) % period < 4)[:, None, None], (6 * period, 30, 30)).copy()
        region = np.zeros(body.shape, bool)
        region[2 * period : 4 * period] = True
        assert trabecular_number(mask(body), mask(region)) == pytest.approx(1 / period, rel=0.02)


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize(("thick", "of_plate", "of_rod"), [(3.0, 0.35, 0.55), (6.0, 0.45, 0.35), (10.0, 0.45, 0.35)])
def test_oblique_plates_and_rods_within_part_of_a_voxel(turn, thick, of_plate, of_rod):
    size = int(thick * 2 + 20)
    at = places(Rotation.random(random_state=turn).as_matrix(), size)
    within = mask(middle_region(size, int(thick / 2 + 3)))
    plate = trabecular_thickness(mask(np.abs(at[..., 0]) < thick / 2), within).mean_mm
    rod = trabecular_thickness(mask(np.hypot(at[..., 0], at[..., 1]) < thick / 2), within).mean_mm
    assert plate == pytest.approx(thick, abs=of_plate)
    assert rod == pytest.approx(thick, abs=of_rod)


def test_a_voxels_thickness_does_not_depend_on_the_region():
    bone = mask(sponge())
    thickness = local_thickness(bone)
    halves = np.zeros(bone.array.shape, bool)
    halves[:20] = True
    first, second = (trabecular_thickness(bone, mask(part)) for part in (halves, ~halves))
    whole = trabecular_thickness(bone)
    mean = (first.mean_mm * first.voxels + second.mean_mm * second.voxels) / whole.voxels
    assert mean == pytest.approx(whole.mean_mm, rel=1e-9)
    assert whole.mean_mm == pytest.approx(float(thickness[bone.array].mean(dtype=float)))


def test_thickness_scales_with_the_voxel_and_turns_with_the_axes():
    body = sponge()
    plain = local_thickness(mask(body))
    np.testing.assert_allclose(local_thickness(mask(body, (0.06, 0.06, 0.06))), 0.06 * plain, rtol=1e-5)
    turned = local_thickness(mask(np.ascontiguousarray(body.transpose(2, 0, 1))))
    # Which of equally near walls is named changes with the axes, so single voxels may, by part of a voxel.
    assert turned.transpose(1, 2, 0)[body].mean() == pytest.approx(plain[body].mean(), rel=0.005)


def test_what_cannot_be_measured_is_refused():
    body = sponge((12, 12, 12))
    empty = mask(np.zeros(body.shape, bool))
    with pytest.raises(InputError, match="region of interest is empty"):
        trabecular_thickness(mask(body), empty)
    with pytest.raises(InputError, match="no voxel of this phase"):
        trabecular_thickness(empty)
    with pytest.raises(InputError, match="no voxel of this phase"):
        trabecular_separation(mask(np.ones(body.shape, bool)))
    with pytest.raises(InputError, match="all one phase"):
        trabecular_thickness(mask(np.ones(body.shape, bool)))
