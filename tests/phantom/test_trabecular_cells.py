from __future__ import annotations

import numpy as np
import pytest
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular_cells import fill_cells
from marrowmap.phantom.trabecular_cells import find_cells
from marrowmap.phantom.trabecular_cells import seed_points
from marrowmap.phantom.trabecular_raster import rasterize

SIZE = np.array([5.0, 5.0, 6.0])
EVEN = Recipe(plate_mm=0.15, rod_mm=0.15, spacing_mm=1.0, stretch=1.2, plate_share=0.4, rod_share=0.8, hole_share=0.1)


def level(value):
    return lambda points: np.full(len(points), float(value))


def grown(recipe, seed=1):
    rng = np.random.default_rng(seed)
    points = seed_points(np.full(3, -3.0), SIZE + 3, recipe, rng)
    return find_cells(points, lambda v: ((v > 0.1) & (v < SIZE - 0.1)).all(axis=1), rng)


@pytest.fixture(scope="module")
def cells():
    return grown(EVEN)


def image(network, step, finer=1):
    shape = tuple(int(n) for n in np.round(SIZE / step))
    return rasterize(network.elements, shape, (step,) * 3, finer)


def test_faces_are_flat_closed_and_in_order(cells):
    network = fill_cells(cells, EVEN, level(1), level(0))
    own = network.elements
    for n in range(len(own.plate_mm)):
        corners = own.corners[own.first[n] : own.first[n + 1]]
        assert np.abs((corners - network.plate_middle[n]) @ network.plate_normal[n]).max() < 1e-6
        sides = np.roll(corners, -1, axis=0) - corners
        turns = np.cross(sides, np.roll(sides, -1, axis=0)) @ network.plate_normal[n]
        assert (turns > -1e-9).all() or (turns < 1e-9).all()


def test_every_corner_s_side_is_an_edge_of_its_face(cells):
    following = np.arange(1, len(cells.corners) + 1)
    following[cells.first[1:] - 1] = cells.first[:-1]
    ends = np.sort(np.stack([cells.corners, cells.corners[following]], axis=1), axis=1)
    assert np.array_equal(ends, cells.edges[cells.sides])


def test_counted_euler_number_is_that_of_the_image(cells):
    network = fill_cells(cells, EVEN, level(1), level(0))
    holes = (network.elements.hole_mm > 0).sum()
    counted = len(network.knots) - len(network.bars) + len(network.plate_area) - holes
    found = measure.euler_number(image(network, 0.03) > 0, 3)
    # Rods that run close by each other touch here and there.
    assert found == pytest.approx(counted, rel=0.05)


@pytest.mark.parametrize("lost", [0.1, 0.3])
def test_a_loss_takes_about_as_much_and_only_what_was_there(cells, lost):
    before = image(fill_cells(cells, EVEN, level(1), level(0)), 0.06, 3)
    after = image(fill_cells(cells, EVEN, level(1), level(lost)), 0.06, 3)
    assert (after <= before + 1e-6).all()
    assert 1 - after.sum() / before.sum() == pytest.approx(lost, rel=0.2)


def test_density_and_loss_change_from_place_to_place(cells):
    half = lambda points: (points[:, 0] < SIZE[0] / 2).astype(float)  # noqa: E731
    before = image(fill_cells(cells, EVEN, level(1), level(0)), 0.1, 3)
    sparse = image(fill_cells(cells, EVEN, lambda points: 0.2 + 0.8 * half(points), level(0)), 0.1, 3)
    assert np.array_equal(sparse[:20], before[:20])
    assert sparse[30:].sum() < 0.6 * before[30:].sum()


def test_other_luck_gives_other_bone_of_like_density():
    one, other = (image(fill_cells(grown(EVEN, seed), EVEN, level(1), level(0)), 0.1, 3) for seed in (1, 2))
    assert not np.array_equal(one, other)
    assert one.sum() == pytest.approx(other.sum(), rel=0.1)


def test_where_no_face_fits_is_refused():
    rng = np.random.default_rng(1)
    points = seed_points(np.zeros(3), np.full(3, 4.0), EVEN, rng)
    with pytest.raises(InputError, match="no whole cell face"):
        find_cells(points, lambda v: np.zeros(len(v), bool), rng)
