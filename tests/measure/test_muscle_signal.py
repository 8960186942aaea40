from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.muscle_signal import measure_muscle

GRID = Grid((80, 80, 10), np.diag([1.0, 1.0, 4.0, 1.0]))
ALL = Mask(GRID, np.ones(GRID.shape, bool))


def _thigh(shading: float = 0.0, fat_every: int = 12) -> np.ndarray:
    signal = np.full(GRID.shape, 100.0)
    signal[np.arange(80) % fat_every < fat_every // 3] = 290.0
    signal *= np.exp(shading * np.linspace(-1, 1, 80))[None, :, None]
    return (signal + np.random.default_rng(1).normal(0, 5, GRID.shape)).astype(np.float32)


@pytest.mark.parametrize("shading", [0.0, 0.2])
def test_muscle_between_fat_is_read_where_it_lies(shading):
    found = measure_muscle(Volume(GRID, _thigh(shading)), ALL, 5.0)
    truth = 100 * np.exp(shading * np.linspace(-1, 1, 80))
    assert found.level.array[40, 10:-10, 5] == pytest.approx(truth[10:-10], rel=0.06)
    assert found.mask.array[(np.arange(80) % 12) < 3].mean() < 0.01


def test_scale_changes_nothing():
    one = measure_muscle(Volume(GRID, _thigh()), ALL, 5.0)
    seven = measure_muscle(Volume(GRID, 7 * _thigh()), ALL, 35.0)
    assert (one.mask.array == seven.mask.array).mean() > 0.999
    assert seven.level.array == pytest.approx(7 * one.level.array, rel=1e-3)


def test_fat_alone_is_no_muscle():
    fat = np.full(GRID.shape, 290.0) + np.random.default_rng(1).normal(0, 5, GRID.shape)
    with pytest.raises(InputError, match="no muscle was found beside the femur on T1"):
        measure_muscle(Volume(GRID, fat.astype(np.float32)), ALL, 5.0)


def test_too_little_of_it_is_said():
    few = np.zeros(GRID.shape, bool)
    few[:5] = True
    with pytest.raises(InputError, match="too little soft tissue"):
        measure_muscle(Volume(GRID, _thigh()), Mask(GRID, few & (np.arange(80) < 40)[None, :, None]), 5.0)
