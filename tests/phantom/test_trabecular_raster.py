from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular import Plate
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import Rod
from marrowmap.phantom.trabecular import TrabecularBlock
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular_raster import elements_of
from marrowmap.phantom.trabecular_raster import rasterize
from marrowmap.phantom.trabecular_raster import rasterize_slabs


def in_rod(points, rod):
    start, along = rod.ends[0], rod.ends[1] - rod.ends[0]
    share = np.clip((points - start) @ along / (along @ along), 0, 1)
    return ((points - start - share[..., None] * along) ** 2).sum(-1) <= (rod.diameter_mm / 2) ** 2


def in_plate(points, plate):
    middle = plate.corners.mean(axis=0)
    normal = np.linalg.svd(plate.corners - middle)[2][2]
    height = (points - middle) @ normal
    flat = points - height[..., None] * normal
    keep = (np.abs(height) <= plate.thickness_mm / 2) & (((flat - middle) ** 2).sum(-1) > plate.hole_mm**2)
    rim = np.zeros_like(keep)
    for a, b in zip(plate.corners, np.roll(plate.corners, -1, axis=0), strict=True):
        outward = np.cross(b - a, normal)
        keep &= (flat - a) @ outward * np.sign(outward @ (a - middle)) <= 0
        rim |= in_rod(points, Rod(np.stack([a, b]), plate.thickness_mm))
    return keep | rim


def lattice(shape, step):
    return np.stack(
        np.meshgrid(*((np.arange(n) + 0.5) * s for n, s in zip(shape, step, strict=True)), indexing="ij"), -1
    )


@pytest.mark.parametrize("recipe", [Recipe(plate_share=0.6, hole_share=0.7), Recipe(plate_mm=0.1, rod_mm=0.2)])
def test_every_point_is_bone_where_the_definition_says_so(recipe):
    block = grow((2.0, 2.0, 2.2), recipe, 7)
    step = (0.06, 0.05, 0.11)
    shape = (33, 40, 20)
    points = lattice(shape, step)
    truth = np.zeros(shape, bool)
    for rod in block.rods:
        truth |= in_rod(points, rod)
    for plate in block.plates:
        truth |= in_plate(points, plate)
    assert np.array_equal(rasterize(elements_of(block), shape, step, 1) > 0, truth)


def test_slabs_make_up_the_whole():
    elements = elements_of(grow((2.5, 2.5, 2.5), Recipe(), 2))
    shape, voxel = (10, 11, 24), (0.234, 0.234, 0.1)
    whole = rasterize(elements, shape, voxel, (3, 3, 2))
    seen = 0
    for slices, share in rasterize_slabs(elements, shape, voxel, (3, 3, 2), slab=5):
        assert np.array_equal(share, whole[:, :, slices])
        seen += share.shape[2]
    assert seen == 24
    assert 0 < whole.mean() < 1


def test_a_turned_grid_holds_as_much_bone():
    turn = Rotation.from_euler("xyz", (20, -35, 70), degrees=True).as_matrix()
    elements = elements_of(grow((2.2, 2.2, 2.2), Recipe(plate_share=0.4, hole_share=0.4), 3))
    turned = elements.moved(turn, np.array([2.2, 2.2, 2.2]))
    straight = rasterize(elements, (22, 22, 22), (0.1,) * 3, 4).sum()
    moved = rasterize(turned, (66, 66, 66), (0.1,) * 3, 4)
    assert moved.sum() == pytest.approx(straight, rel=0.003)
    # Nothing was cut off.
    assert all(moved.take((0, -1), axis).max() == 0 for axis in range(3))


def test_voxels_longer_than_trabeculae_hold_their_true_share():
    rod = Rod(np.array([[0.91, 0.93, 0.0], [1.0, 0.97, 4.0]]), 0.18)
    plate = Plate(np.array([[0.2, 0.2, 1.3], [1.8, 0.2, 1.5], [1.8, 1.8, 1.5], [0.2, 1.8, 1.3]]), 0.15)
    crossed = elements_of(TrabecularBlock((2.0, 2.0, 4.0), (plate,), (rod,), 1))
    coarse = rasterize(crossed, (8, 8, 4), (0.25, 0.25, 1.0), (12, 12, 40))
    fine = rasterize(crossed, (80, 80, 160), (0.025,) * 3, 2)
    assert np.abs(coarse - fine.reshape(8, 10, 8, 10, 4, 40).mean(axis=(1, 3, 5))).max() < 0.01


def test_what_reaches_beyond_the_grid_is_cut_and_nothing_is_nothing():
    rod = Rod(np.array([[-1.0, 0.5, 0.5], [3.0, 0.5, 0.5]]), 0.2)
    share = rasterize(elements_of(TrabecularBlock((1.0, 1.0, 1.0), (), (rod,), 1)), (5, 5, 5), (0.2,) * 3, 10)
    assert share.mean() == pytest.approx(np.pi * 0.01, rel=0.03)
    empty = elements_of(TrabecularBlock((1.0, 1.0, 1.0), (), (), 0))
    assert empty.count == 0
    assert not rasterize(empty, (5, 5, 5), (0.2,) * 3).any()


@pytest.mark.parametrize(("shape", "voxel", "finer"), [((0, 1, 1), 0.1, 1), ((1, 1, 1), 0.0, 1), ((1, 1, 1), 0.1, 0)])
def test_grids_that_hold_nothing_are_refused(shape, voxel, finer):
    elements = elements_of(TrabecularBlock((1.0, 1.0, 1.0), (), (), 0))
    with pytest.raises(InputError, match="more than 0"):
        rasterize(elements, shape, (voxel,) * 3, finer)
