from __future__ import annotations

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.measure.marrow_level import block_texture
from marrowmap.measure.marrow_level import marrow_level

GRID = Grid((80, 60, 24), np.diag([0.25, 0.25, 1.0, 1.0]))


def drawn(field: float, seed: int = 1):
    """Marrow of 100 beside a half with 20 % of its signal missing here and there, under a smooth field."""
    rng = np.random.default_rng(seed)
    x, y, _ = np.meshgrid(*(np.linspace(-1, 1, n) for n in GRID.shape), indexing="ij")
    bone = rng.beta(1.5, 6, GRID.shape) * (x < 0)
    shade = np.exp(field * (x + 0.5 * y - 0.4 * x**2))
    return 100 * shade * (1 - bone) + rng.normal(0, 3, GRID.shape), shade, x


@pytest.mark.parametrize("field", [0.0, 0.2])
def test_the_level_is_that_of_bone_free_marrow_carried_over_by_the_field(field):
    signal, shade, x = drawn(field)
    level = marrow_level(signal, 3.0, np.ones(GRID.shape, bool), GRID)
    assert level.bone_free
    assert np.abs(level.signal / (100 * shade) - 1)[x < 0].mean() < 0.02
    assert level.relative_sd < 0.02


def test_where_all_is_bone_the_upper_end_is_taken():
    signal, _, x = drawn(0.0)
    level = marrow_level(signal, 3.0, x < 0, GRID)
    assert not level.bone_free
    middle = signal[x < 0].mean()
    assert middle < np.median(level.signal) < 115


def test_blocks_across_a_border_are_left_out():
    signal = np.full(GRID.shape, 100.0)
    signal[40:] = 60.0
    blocks = block_texture(signal, 0.0, np.ones(GRID.shape, bool), GRID)
    assert set(blocks.mean.round(6)) == {60.0, 100.0}


def test_nothing_to_calibrate_on_is_told():
    inside = np.zeros(GRID.shape, bool)
    assert marrow_level(np.ones(GRID.shape), 0.1, inside, GRID) is None
