from __future__ import annotations

import numpy as np
import pytest
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.connectivity import connectivity_density
from marrowmap.measure.connectivity import euler_number
from marrowmap.measure.connectivity import purified


def mask(array, spacing=1.0) -> Mask:
    return Mask(Grid(array.shape, np.diag([spacing, spacing, spacing, 1.0])), array)


def torus():
    x, y, z = np.indices((40, 40, 20)) - np.array([20, 20, 10])[:, None, None, None]
    return (np.hypot(x, y) - 12) ** 2 + z**2 < 16


def lattice(cells=3, pitch=8, bar=2):
    size = cells * pitch + bar
    at = np.indices((size,) * 3) % pitch < bar
    return np.pad(at.sum(axis=0) >= 2, 2)


def test_known_bodies_are_exact():
    ball = np.linalg.norm(np.indices((20, 20, 20)) - 9.5, axis=0) < 7
    hollow = ball & (np.linalg.norm(np.indices((20, 20, 20)) - 9.5, axis=0) > 4)
    assert euler_number(mask(ball)) == 1
    assert euler_number(mask(hollow)) == 2
    assert euler_number(mask(torus())) == 0
    two = np.concatenate([torus(), ball[:, :, :].repeat(2, axis=1)[:, :40]], axis=0)
    chain = np.pad(two, 1)
    assert euler_number(mask(chain)) == measure.euler_number(chain, 3)


@pytest.mark.parametrize("cells", [1, 2, 3])
def test_lattice_of_bars_has_vertices_less_edges(cells):
    nodes, bars = (cells + 1) ** 3, 3 * cells * (cells + 1) ** 2
    grid = lattice(cells)
    assert euler_number(mask(grid)) == nodes - bars
    expected = (1 - (nodes - bars)) / (grid.size * 0.05**3)
    assert connectivity_density(mask(grid, 0.05)) == pytest.approx(expected)


def test_agrees_with_another_implementation_on_noise():
    noise = np.pad(np.random.default_rng(0).random((20, 35, 18)) < 0.3, 1)
    assert euler_number(mask(noise)) == measure.euler_number(noise, 3)


def test_parts_of_a_region_sum_to_the_whole():
    rng = np.random.default_rng(1)
    noise = np.pad(rng.random((18, 20, 22)) < 0.25, 1)
    label = rng.integers(0, 4, noise.shape)
    parts = sum(euler_number(mask(noise), mask(label == n)) for n in range(4))
    assert parts == pytest.approx(euler_number(mask(noise)), abs=1e-9)


def test_a_cut_period_counts_as_in_an_endless_lattice():
    """In a box of whole periods the border correction leaves exactly one node and three bars a cell."""
    grid = (np.indices((32, 32, 32)) % 8 < 2).sum(axis=0) >= 2
    region = np.zeros(grid.shape, bool)
    region[8:24, 8:24, 8:24] = True
    assert euler_number(mask(grid), mask(region)) == pytest.approx(8 * (1 - 3))


def test_a_bar_through_the_image_counts_nothing_of_its_cut_ends():
    bar = np.zeros((20, 20, 20), bool)
    bar[8:12, 8:12] = True
    assert euler_number(mask(bar)) == pytest.approx(0)


def test_purified_keeps_the_largest_piece_and_fills_it():
    x = np.linalg.norm(np.indices((20, 20, 20)) - 9.5, axis=0)
    body = (x < 7) & (x > 3)
    body[0, 0, 0] = True
    pure = purified(mask(body))
    assert euler_number(pure) == 1
    assert not pure.array[0, 0, 0]
    with pytest.raises(InputError, match="no bone"):
        purified(mask(np.zeros((4, 4, 4), bool)))
    with pytest.raises(InputError, match="region of interest is empty"):
        euler_number(mask(body), mask(np.zeros(body.shape, bool)))
