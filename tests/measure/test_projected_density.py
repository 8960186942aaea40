from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Plane
from marrowmap.ingest import read_exam
from marrowmap.measure.projected_density import REGIONS
from marrowmap.measure.projected_density import RegionSum
from marrowmap.measure.projected_density import areal_rows
from marrowmap.measure.projected_density import measure_map
from marrowmap.measure.projected_density import side_difference
from marrowmap.values import Side
from tests.phantom.densitometry import write_small_dxa


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return write_small_dxa(tmp_path_factory.mktemp("dxa"))


@pytest.fixture(scope="module")
def images(done):
    return read_exam([done.folder]).densities


@pytest.fixture(scope="module")
def hips(images):
    return [measure_map(image) for image in images]


def test_density_of_every_region_holds_the_truth(done, hips):
    assert [hip.doubt for hip in hips] == ["", ""]
    for hip in hips:
        assert set(hip.regions) == set(REGIONS)
        for name in ("femoral_neck", "total_hip"):
            # The flesh is even and leaner than what the machine was calibrated in.
            assert hip.regions[name].bmd == pytest.approx(done.true(hip.side, name), rel=0.10)
            assert hip.regions[name].area_cm2 == pytest.approx(done.true(hip.side, name, "area"), rel=0.06)


def test_loss_of_one_side_shows_as_side_difference(done, hips):
    rows = {(r.side, r.region, r.name): r for r in areal_rows(hips)}
    row = rows[Side.LEFT, "femoral_neck", "bmd_side_difference"]
    assert row.quantity.low < done.true(Side.LEFT, "femoral_neck", "bmd_side_difference") < row.quantity.high
    assert row.quantity.high < -15
    assert row.modality == "DXA"
    assert "regions/1" in row.method
    assert not any("score" in r.name for r in rows.values())


def test_density_follows_the_map(images, hips):
    image = images[0]
    less = replace(image, plane=Plane(image.plane.grid, 0.8 * image.plane.array, "g/cm2"))
    for name, found in measure_map(less).regions.items():
        assert found.bmd / hips[0].regions[name].bmd == pytest.approx(0.8, abs=0.012)


def test_a_region_that_the_image_cuts_is_left_out(images):
    image = images[0]
    grid = image.plane.grid
    rows = round(105 / grid.spacing_mm[1])
    short = replace(grid, shape=(grid.shape[0], rows))
    found = measure_map(replace(image, plane=Plane(short, image.plane.array[:, :rows], "g/cm2")))
    assert "total_hip" not in found.regions
    assert "intertrochanteric" not in found.regions


def test_noise_alone_is_not_measured(images):
    image = images[0]
    noise = np.random.default_rng(0).normal(0, 0.03, image.plane.grid.shape).astype(np.float32)
    found = measure_map(replace(image, plane=Plane(image.plane.grid, noise, "g/cm2")))
    assert found.doubt
    assert found.regions == {}
    assert areal_rows([found]) == ()


def test_what_both_sides_have_in_common_cancels_in_their_difference():
    mine, other = RegionSum(8.0, 10.0, 0.02, 0.10), RegionSum(10.0, 10.0, 0.02, 0.10)
    found = side_difference(mine, other)
    assert found.value == pytest.approx(-20)
    assert found.high - found.low < 100 * 0.8 * 2 * 1.96 * 0.1
    low, high = mine.interval()
    assert high - low > 2 * 1.96 * 0.10


def test_marrow_of_another_kind_widens_one_end_only():
    low, high = RegionSum(8.0, 10.0, 0.01, 0.0, (0.8, 1.0)).interval()
    assert 1 - low > 0.2
    assert high - 1 == pytest.approx(1.96 * 0.01)
