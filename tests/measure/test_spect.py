from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.measure.boundary import WIDTH_PER_SD
from marrowmap.measure.cold_area import ColdSearch
from marrowmap.measure.spect import measure_spect
from marrowmap.measure.spect_rows import spect_rows
from marrowmap.measure.uptake_boundary import _resolvable
from marrowmap.values import Quantity
from marrowmap.values import Side
from tests.measure import spect_hips as made


def _rows(hips):
    return {(row.side, row.region, row.name): row.quantity for row in spect_rows(tuple(hips.values()))}


def test_suv_is_that_of_the_bone_and_not_of_its_surroundings():
    hips = made.hips("hot")
    rows = _rows(hips)
    assert hips[Side.LEFT].resolution_mm == pytest.approx(made.BLUR_MM, abs=0.9)
    assert rows[Side.LEFT, "femoral_head", "suv_mean"].value == pytest.approx(7.0, rel=0.04)
    assert rows[Side.RIGHT, "femoral_head", "suv_mean"].value == pytest.approx(2.2, rel=0.05)
    assert rows[Side.LEFT, "femoral_head", "delayed_ratio"].value == pytest.approx(7.0 / 2.2, rel=0.05)
    assert hips[Side.LEFT].regions["femoral_head"].recovery < 0.93
    for name in ("femoral_head", "femoral_neck"):
        low, mean, high = (rows[Side.LEFT, name, f"suv_{which}"].value for which in ("min", "mean", "max"))
        assert low <= mean <= high
    mean = rows[Side.LEFT, "femoral_head", "suv_mean"]
    assert mean.low < 7.0 < mean.high


def test_hot_over_well_is_not_more_than_it_is_and_its_interval_the_same_both_ways():
    rows = _rows(made.hips("hot"))
    for name in ("femoral_head", "femoral_neck"):
        hot, well = (rows[side, name, "delayed_ratio"] for side in (Side.LEFT, Side.RIGHT))
        assert hot.value == pytest.approx(7.0 / made.WELL[name], rel=0.05)
        assert hot.low < 7.0 / made.WELL[name] < hot.high
        assert hot.value * well.value == pytest.approx(1)
        assert hot.low * well.high == pytest.approx(1)


def test_where_hot_bone_is_as_blurred_as_the_rest_it_is_read_too_low_but_within_its_interval():
    hips = made.measured(made.spect(made.HOT, made.WELL, hot_blur_mm=made.BLUR_MM))
    mean = _rows(hips)[Side.LEFT, "femoral_head", "suv_mean"]
    assert 0.91 * 7.0 < mean.value < 7.0 < mean.high


def test_a_least_suv_has_an_interval_that_is_wide_against_the_mean_and_not_against_itself():
    rows = _rows(made.hips("cold"))
    least, mean = (rows[Side.LEFT, "femoral_head", f"suv_{which}"] for which in ("min", "mean"))
    assert least.value < mean.value
    assert least.low < 0.1 * made.WELL["femoral_head"] < least.high


def test_an_edge_sharper_than_the_blur_is_given_as_the_least_that_could_be_told():
    blur_sd = 4.6
    sharp = _resolvable(Quantity(0.2, "mm", 0.0, 900.0), blur_sd)
    assert sharp.low == 0
    assert 0.5 * WIDTH_PER_SD * blur_sd < sharp.value < 1.5 * WIDTH_PER_SD * blur_sd
    assert sharp.high < 30
    wide = _resolvable(Quantity(30.0, "mm", 24.0, 36.0), blur_sd)
    assert wide.value == 30
    assert wide.low > 0


def test_raised_uptake_ends_at_the_plane():
    boundary = made.hips("hot")[Side.LEFT].boundary
    assert boundary.position_mm.value == pytest.approx(0, abs=4)
    assert boundary.width_mm.low == 0
    assert 8 < boundary.width_mm.value < boundary.width_mm.high < 30
    well = made.hips("hot")[Side.RIGHT].boundary
    assert well.position_mm is None
    assert "nothing raised" in well.note


def test_a_cold_area_is_found_where_it_is():
    cold = made.hips("cold")[Side.LEFT].cold
    assert cold.present
    true = 4 / 3 * np.pi * 1.4**3
    assert cold.volume.value == pytest.approx(true, rel=0.5)
    assert cold.contrast.value > 0.6
    assert np.linalg.norm(cold.center_mm - made.femur(Side.LEFT).to_world((-3.0, 9.0, 3.0))) < 9
    other = made.hips("cold")[Side.RIGHT].cold
    assert not other.present
    sizes = [other.smallest_mm[contrast] for contrast in (0.9, 0.7)]
    assert sizes == sorted(sizes)
    # Dead bone stands out more the hotter the head is.
    hot = made.hips("hot")[Side.LEFT].cold
    assert hot.smallest_mm[0.9] <= hot.dead_mm * 1.1 < hot.smallest_mm[0.7] * 1.1


def test_a_cold_area_is_less_certain_where_the_bone_s_place_is():
    hip = made.hips("cold")[Side.LEFT]
    near, far = (ColdSearch(hip.parts, hip.resolution_mm, frame_error_mm=error).find().contrast for error in (0.5, 4.0))
    assert far.high - far.low > near.high - near.low


def test_without_suv_uptake_stands_over_the_shaft_and_says_why():
    source = replace(made.SOURCE, suv_factor=None, suv_reason="no SUV: (0010,1030) Patient's Weight is absent")
    hips = made.measured(made.spect(made.HOT, made.WELL), source)
    rows = [row for row in spect_rows(tuple(hips.values())) if row.name == "uptake_ratio"]
    head = next(row for row in rows if (row.side, row.region) == (Side.LEFT, "femoral_head"))
    assert head.quantity.value == pytest.approx(7.0 / 1.6, rel=0.15)
    assert "Weight" in head.method
    assert not any(row.name.startswith("suv") for row in spect_rows(tuple(hips.values())))


def test_no_counts_and_a_bone_outside_are_said():
    volume = made.spect(made.WELL, made.WELL)
    empty = Volume(volume.grid, np.zeros_like(volume.array), volume.unit)
    with pytest.raises(InputError, match="no counts"):
        measure_spect(made.frames(), empty, made.SOURCE, date="", frame_error_mm=1.0)
    untrusted = tuple(replace(frame, trusted=False, reason="too little seen") for frame in made.frames())
    hips = measure_spect(untrusted, volume, made.SOURCE, date="", frame_error_mm=1.0)
    assert all("too little seen" in hip.obstacle for hip in hips)
    assert spect_rows(hips) == ()
