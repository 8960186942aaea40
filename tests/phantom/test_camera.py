from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.camera import Bench
from marrowmap.phantom.camera import Camera
from marrowmap.phantom.camera import Detector
from marrowmap.phantom.camera import halved
from marrowmap.phantom.camera import halved_grid
from marrowmap.phantom.camera import padded
from marrowmap.phantom.camera import padded_grid
from marrowmap.phantom.camera import poisson
from marrowmap.phantom.layers import make_grid

GRID = make_grid(np.array([-79.0, -59, -51]), np.array([79.0, 59, 51]), 2.0)
VIEWS, RADII = [180.0, 0.0, 90.0], [100.0, 100.0, 130.0]
SCREEN = Detector(64, 4.8, 0.0)


def _source(place, becquerel=1e6):
    image = np.zeros(GRID.shape, np.float32)
    image[tuple(np.rint(GRID.to_index(place)).astype(int))] = becquerel
    return image


def _bench(mu=0.0, camera=None, views=VIEWS, radii=RADII):
    return Bench(camera or Camera(), GRID, np.full(GRID.shape, mu, np.float32), views, radii, SCREEN)


def _center(image):
    rows, columns = np.indices(image.shape)
    return float((image * rows).sum() / image.sum()), float((image * columns).sum() / image.sum())


def test_sensitivity_is_that_of_such_a_collimator():
    # 160 counts a minute for 1 microcurie: 72 counts/s for 1 MBq.
    assert Camera().counts_per_s_bq * 1e6 == pytest.approx(72, rel=0.05)


def test_a_point_in_air_gives_its_counts_where_it_is():
    bench = _bench()
    # Where two voxels meet: activity is halved to larger ones.
    x, z = 42.0, 22.0
    sources = bench.sources(_source((x, 10.0, z)))
    for view, sign in ((0, 1), (1, -1)):
        peak, below = bench.rates(sources, view)
        assert peak.sum() == pytest.approx(Camera().counts_per_s_bq * 1e6, rel=0.01)
        row, column = _center(peak)
        assert row == pytest.approx(31.5 - z / 4.8, abs=0.25)
        assert column == pytest.approx(31.5 + sign * x / 4.8, abs=0.25)
        assert below.sum() < 0.05 * peak.sum()
    side, _ = bench.rates(sources, 2)
    assert _center(side)[1] == pytest.approx(31.5 + 10 / 4.8, abs=0.25)


def test_water_takes_away_and_scatters():
    bench, mu = _bench(0.0154), 0.0154
    source = _source((0.0, 0.0, 0.0))
    without = _bench(0.0154, Camera(scatter=0.0))
    peak = bench.rates(bench.sources(source), 0)[0].sum()
    alone = without.rates(without.sources(source), 0)[0].sum()
    assert alone / (Camera().counts_per_s_bq * 1e6) == pytest.approx(np.exp(-mu * 60), rel=0.05)
    assert 0.2 < peak / alone - 1 < 0.6
    lower = bench.rates(bench.sources(source), 0)[1].sum()
    assert lower == pytest.approx(2 * (peak - alone), rel=0.2)


def test_mirrored_body_gives_the_mirrored_picture():
    rng = np.random.default_rng(3)
    image = rng.random(GRID.shape, np.float32) ** 4
    mu = (rng.random(GRID.shape, np.float32) * 0.02).astype(np.float32)
    pictures = []
    for a, m in ((image, mu), (image[::-1], mu[::-1])):
        bench = Bench(Camera(), GRID, np.ascontiguousarray(m), [180.0], [100.0], SCREEN)
        pictures.append(bench.rates(bench.sources(np.ascontiguousarray(a)), 0)[0])
    assert np.allclose(pictures[0][:, ::-1], pictures[1], rtol=1e-3, atol=1e-5 * pictures[0].max())


def test_the_detector_ends():
    bench = _bench(camera=Camera(width_mm=60.0))
    assert bench.rates(bench.sources(_source((50.0, 0.0, 0.0))), 0)[0].sum() < 0.02 * 72


def test_halving_keeps_activity_and_place():
    image = np.random.default_rng(1).random((7, 8, 5), np.float32)
    grid = padded_grid(make_grid(np.zeros(3), np.array([6.0, 7, 4]), 1.0))
    small, smaller = halved(padded(image)), halved(halved(padded(image)))
    assert (small.shape, smaller.shape) == (halved_grid(grid).shape, (2, 2, 2))
    assert small.sum() == pytest.approx(smaller.sum()) == pytest.approx(image.sum(), rel=1e-5)
    assert np.allclose(halved_grid(grid).center, grid.center)
    assert np.allclose(halved_grid(GRID).to_world((0, 0, 0)), GRID.to_world((0.5, 0.5, 0.5)))


@pytest.mark.parametrize("size", [(78.0, 58.0), (81.0, 61.0), (84.0, 55.0)])
def test_the_axis_is_where_it_says_whatever_the_grid(size):
    grid = make_grid(np.array([-79.0, -59, -51]), np.array([*size, 47.0]), 2.0)
    place = (33.0, -21.0, 5.0)
    image = np.zeros(grid.shape, np.float32)
    image[tuple(np.rint(grid.to_index(place)).astype(int))] = 1e6
    mu = np.full(grid.shape, 0.0154, np.float32)
    bench = Bench(Camera(), grid, mu, [180.0, 90.0], [120.0, 120.0], SCREEN)
    for camera_part in range(2):
        only = bench.sources(image)
        only = (only[0], 0 * only[1]) if camera_part == 0 else (0 * only[0], only[1])
        front, side = (_center(bench.rates(only, view)[0])[1] for view in range(2))
        # Scatter's center leans to where there is more water.
        slack = 0.25 if camera_part == 0 else 3.0
        assert front == pytest.approx(31.5 + (33 - bench.axis_mm[0]) / 4.8, abs=slack)
        assert side == pytest.approx(31.5 + (-21 - bench.axis_mm[1]) / 4.8, abs=slack)


def test_counts_are_poisson():
    counts = poisson(np.full((200, 200), 9.0), np.random.default_rng(0))
    assert counts.dtype == np.uint16
    assert counts.mean() == pytest.approx(9, rel=0.02)
    assert counts.var() == pytest.approx(9, rel=0.03)
    assert poisson(np.full(3, 1e7), np.random.default_rng(0)).max() == 65535
