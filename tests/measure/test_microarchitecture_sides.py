from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.mirror import mirror_grid
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_sides import WHOLE
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.values import Quantity
from tests.ingest.micro_files import grid
from tests.measure.test_microarchitecture_match import wedge

SHAPE = (40, 36, 30)


def side(fraction: np.ndarray, mirrored: bool, interval: float = 0.0) -> Microarchitecture:
    place = grid(SHAPE, 0.1)
    place = mirror_grid(place) if mirrored else place
    region = Mask(place, wedge())
    mean = float(fraction[region.array].mean())
    low, high = (mean - interval, mean + interval) if interval else (None, None)
    values = {"bone_volume_fraction": Quantity(mean, "1", low, high), "structure_model_index": Quantity(1.0, "1")}
    mapped = np.where(region.array, fraction, np.nan).astype(np.float32)
    volume = Volume(place, fraction.astype(np.float32))
    return Microarchitecture(Regime.APPARENT, "", values, {}, {}, (), volume, region, mapped, {})


def test_a_loss_in_one_part_is_found_in_that_part_and_nowhere_else():
    even = np.full(SHAPE, 0.3)
    lost = even.copy()
    # Left knee: lateral is +x, anterior -y, upper +z; the region's middle is near (18, 17, 14).
    lost[20:, :14, :9] = 0.15
    this, other = side(lost, False), side(even, True)
    comparison = compare_sides(
        this, other, match_by_masks(this.region, other.region, 1), load_precision("MR"), "lateral"
    )
    parts = {
        d.part: d.percent for d in comparison.differences if d.quantity == "bone_volume_fraction" and d.part != WHOLE
    }
    assert min(parts, key=parts.__getitem__) == "lower, anterior lateral"
    assert parts["lower, anterior lateral"] < -15
    assert parts["upper, posterior medial"] == pytest.approx(0.0, abs=0.5)
    values = comparison.map.array[comparison.map_region.array]
    assert values.min() == pytest.approx(-0.15, abs=0.02)
    assert float(np.median(values)) == pytest.approx(0.0, abs=1e-3)
    place = comparison.map.grid.to_world(np.unravel_index(np.argmin(comparison.map.array), comparison.map.grid.shape))
    assert wedge()[tuple(np.rint(place / 0.1).astype(int))]
    assert lost[tuple(np.rint(place / 0.1).astype(int))] == 0.15


def test_error_and_well_sides_widen_the_limits():
    even = np.full(SHAPE, 0.3)
    this, other = side(even, False), side(even * 1.1, True)
    match = match_by_masks(this.region, other.region, 1)
    whole = compare_sides(this, other, match, load_precision("MR"), "lateral").of("bone_volume_fraction")
    assert whole.percent == pytest.approx(100 * (1 / 1.1 - 1))
    assert whole.repeat_limit == pytest.approx(1.96 * 2**0.5 * 3.6)
    assert whole.side_limit == pytest.approx(1.96 * (2 * 3.6**2 + 25) ** 0.5)
    doubtful = side(even, False, interval=0.1)
    whole = compare_sides(doubtful, other, match, load_precision("MR"), "lateral").of("bone_volume_fraction")
    assert whole.repeat_limit == pytest.approx(2**0.5 * 100 * 0.1 / 0.3)


def test_no_percentage_of_an_index_whose_zero_is_not_nothing():
    even = np.full(SHAPE, 0.3)
    this, other = side(even, False), side(even, True)
    comparison = compare_sides(
        this, other, match_by_masks(this.region, other.region, 1), load_precision("MR"), "lateral"
    )
    assert comparison.of("structure_model_index") is None


def test_parts_of_few_trabeculae_are_left_out_with_the_reason():
    even = np.full(SHAPE, 0.3)
    this, other = side(even, False), side(even, True)
    sparse = [replace(one, values={**one.values, "trabecular_number": Quantity(0.8, "1/mm")}) for one in (this, other)]
    match = match_by_masks(this.region, other.region, 1)
    comparison = compare_sides(sparse[0], sparse[1], match, load_precision("MR"), "lateral")
    assert {d.part for d in comparison.differences} == {WHOLE}
    assert any("trabeculae wide, less than 3" in text for text in comparison.left_out)
