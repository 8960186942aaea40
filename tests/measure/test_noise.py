import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.measure.noise import noise_sd

RNG = np.random.default_rng(5)


def grid_of(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Grid:
    return Grid(shape, np.diag([*spacing, 1.0]), "1.9")


@pytest.mark.parametrize("spacing", [(0.6, 0.6, 3.0), (3.0, 0.6, 0.6)])
def test_noise_is_told_from_slow_change(spacing):
    grid = grid_of((40, 50, 40), spacing)
    slope = np.linspace(0, 400, 50)[None, :, None]
    assert noise_sd(slope + RNG.normal(0, 12.0, grid.shape), grid) == pytest.approx(12.0, rel=0.03)


def test_only_what_is_inside_counts():
    grid = grid_of((40, 40, 20), (0.6, 0.6, 3.0))
    inside = np.zeros(grid.shape, bool)
    inside[:20] = True
    signal = np.where(inside, RNG.normal(0, 3.0, grid.shape), RNG.normal(0, 30.0, grid.shape))
    assert noise_sd(signal, grid, inside) == pytest.approx(3.0, rel=0.05)


def test_an_edge_is_no_noise():
    grid = grid_of((40, 40, 20), (0.6, 0.6, 3.0))
    signal = RNG.normal(0, 3.0, grid.shape)
    signal[20:] += 500
    assert noise_sd(signal, grid) == pytest.approx(3.0, rel=0.1)


def test_nothing_to_measure_on_is_no_noise():
    grid = grid_of((2, 2, 2), (0.6, 0.6, 0.6))
    assert noise_sd(np.ones(grid.shape), grid) == 0.0
    wide = grid_of((9, 9, 9), (0.6, 0.6, 0.6))
    assert noise_sd(np.ones(wide.shape), wide, np.zeros(wide.shape, bool)) == 0.0
