from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.apparent_fraction import ApparentFraction
from marrowmap.measure.apparent_structure import apparent_structure
from marrowmap.values import Quantity


def mapped(values, spacing, noise=0.0):
    grid = Grid(values.shape, np.diag([*spacing, 1.0]))
    mean = Quantity(float(values.mean()), "1")
    image = Volume(grid, np.ones(values.shape, np.float32))
    return ApparentFraction(values.astype(np.float32), mean, "", image, mean, mean, True, noise)


def plates(period_mm, spacing=(0.2, 0.2, 0.8), shape=(30, 30, 6), noise=0.0):
    """Sheets across the first axis and, of their own phase, the second: a cosine each."""
    x = (np.arange(shape[0])[:, None, None] + 0.5) * spacing[0]
    y = (np.arange(shape[1])[None, :, None] + 0.5) * spacing[1]
    wave = 0.3 + 0.14 * (np.cos(2 * np.pi * x / period_mm) + np.cos(2 * np.pi * y / period_mm + 1))
    values = np.broadcast_to(wave, shape) + np.random.default_rng(1).normal(0, noise, shape)
    return mapped(values, spacing, noise)


def whole(fraction):
    return Mask(fraction.image.grid, np.ones(fraction.map.shape, bool))


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_number_follows_the_spacing_and_not_the_noise(noise):
    period = 0.9
    fraction = plates(period, noise=noise)
    answer = apparent_structure(fraction, whole(fraction))
    # Half the variance runs along each axis and the other half stands still there.
    expected = np.arccos((1 + np.cos(2 * np.pi * 0.2 / period)) / 2) / (2 * np.pi * 0.2)
    assert answer.number.value == pytest.approx(expected, rel=0.03)
    assert answer.number.unit == "1/mm"
    assert answer.separation.value == pytest.approx(0.7 / answer.number.value, rel=0.02)


def test_thickness_is_refused_where_a_voxel_is_more_than_half_of_it():
    coarse = plates(0.9)
    answer = apparent_structure(coarse, whole(coarse))
    assert answer.thickness is None
    assert "larger than half" in answer.thickness_refused
    fine = plates(1.2, spacing=(0.06, 0.06, 0.06), shape=(30, 30, 14))
    answer = apparent_structure(fine, whole(fine))
    assert answer.thickness_refused == ""
    assert answer.thickness.value == pytest.approx(fine.mean.value / answer.number.value, rel=1e-4)


def test_a_lattice_of_bars_is_rods_and_walls_are_plates():
    shape, spacing = (30, 30, 30), (0.2, 0.2, 0.2)
    near = [np.abs(n % 10 - 4) < 2 for n in np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")]
    walls = mapped(np.where(near[0] | near[1], 0.9, 0.05), spacing)
    bars = mapped(np.where(np.sum(near, axis=0) >= 2, 0.9, 0.02), spacing)
    as_plates, as_rods = (apparent_structure(m, whole(m)) for m in (walls, bars))
    # Where walls cross, and where they end at the region's side, rods are seen, too.
    assert as_plates.plate_rod_ratio.value > 2
    assert as_rods.plate_rod_ratio.value < 0.3
    assert as_plates.erosion_index < as_rods.erosion_index


def test_intervals_shrink_with_the_region():
    fraction = plates(0.9, noise=0.1)
    small = np.zeros(fraction.map.shape, bool)
    small[:10, :10, :3] = True
    wide, narrow = (apparent_structure(fraction, m) for m in (Mask(fraction.image.grid, small), whole(fraction)))
    assert wide.number.high - wide.number.low > 2 * (narrow.number.high - narrow.number.low)


def test_bad_regions_are_refused():
    fraction = plates(0.9)
    grid = fraction.image.grid
    with pytest.raises(InputError, match="empty"):
        apparent_structure(fraction, Mask(grid, np.zeros(grid.shape, bool)))
    holed = fraction.map.copy()
    holed[0] = np.nan
    with pytest.raises(InputError, match="reaches beyond the map"):
        apparent_structure(replace(fraction, map=holed), whole(fraction))
    other = Grid(grid.shape, np.diag([0.3, 0.3, 0.8, 1.0]))
    with pytest.raises(GeometryError):
        apparent_structure(fraction, Mask(other, np.ones(grid.shape, bool)))
    line = np.zeros(grid.shape, bool)
    line[:, 0, 0] = True
    with pytest.raises(InputError, match="too thin"):
        apparent_structure(fraction, Mask(grid, line))
    with pytest.raises(InputError, match="nothing but noise"):
        apparent_structure(replace(fraction, noise=0.5), whole(fraction))
    with pytest.raises(InputError, match="no structure"):
        apparent_structure(
            mapped(np.full((9, 9, 9), -0.1), (0.2, 0.2, 0.2)),
            Mask(Grid((9, 9, 9), np.diag([0.2, 0.2, 0.2, 1.0])), np.ones((9, 9, 9), bool)),
        )
