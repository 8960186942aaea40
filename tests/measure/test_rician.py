from __future__ import annotations

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.rician import finest_noise
from marrowmap.measure.rician import remove_rician_bias


@pytest.mark.parametrize("signal", [0.5, 1.5, 4.0, 11.0, 13.0, 40.0])
def test_the_mean_of_magnitudes_is_taken_back_to_the_signal(signal):
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 2.0, (2, 2_000_000))
    mean = np.hypot(2.0 * signal + noise[0], noise[1]).mean()
    assert float(remove_rician_bias(np.array([mean]), 2.0)[0]) == pytest.approx(2.0 * signal, abs=0.02)


def test_noise_alone_is_no_signal_and_no_noise_changes_nothing():
    assert (remove_rician_bias(np.array([0.0, 1.0, 1.25]), 1.0) == 0).all()
    assert (remove_rician_bias(np.array([0.0, 1.0, 5.0]), 0.0) == [0.0, 1.0, 5.0]).all()


def test_noise_is_measured_beside_slow_changes_and_nowhere_without_neighbors():
    rng = np.random.default_rng(2)
    x, y, z = np.meshgrid(*(np.linspace(0, 1, 30),) * 3, indexing="ij")
    array = (500 + 300 * x + 200 * y * z + rng.normal(0, 7, x.shape)).astype(np.float32)
    image = Volume(Grid(array.shape, np.eye(4)), array)
    assert finest_noise(image, np.ones(array.shape, bool)) == pytest.approx(7, rel=0.05)
    flat = Volume(Grid((30, 30, 2), np.eye(4)), array[:, :, :2])
    assert finest_noise(flat, np.ones((30, 30, 2), bool)) == 0
    assert finest_noise(image, np.zeros(array.shape, bool)) == 0
