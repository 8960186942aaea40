"""Shapes with known borders."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.measure.closed_region import bounds
from marrowmap.measure.closed_region import close_in_plane
from marrowmap.measure.closed_region import grow
from marrowmap.measure.closed_region import redraw_border

SHAPE = (80, 70, 5)
GRID = Grid(SHAPE, np.diag([0.6, 0.6, 4.0, 1.0]), "1.2.3")
OFFSET = GRID.points() - GRID.center
RADIUS = np.hypot(OFFSET[..., 0], OFFSET[..., 1])
WITHIN = np.hypot(*np.moveaxis(OFFSET[..., :2], -1, 0)) < 20
BALL = (RADIUS <= 6) & (np.abs(OFFSET[..., 2]) < 6)


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


@pytest.mark.parametrize("peak", [1.8, 4.0])
@pytest.mark.parametrize("found_radius", [4.8, 7.5])
def test_the_border_does_not_depend_on_brightness_or_threshold(peak: float, found_radius: float) -> None:
    signal = ndimage.gaussian_filter(np.where(BALL, peak, 1.0), (1.5, 1.5, 0))
    found = (found_radius >= RADIUS) & (np.abs(OFFSET[..., 2]) < 6)
    drawn = redraw_border(signal, found, WITHIN, 1.0, GRID)
    assert _dice(drawn, BALL) > 0.93
    assert _dice(drawn, BALL) > _dice(found, BALL)


def test_without_marrow_beside_it_normal_marrow_serves() -> None:
    signal = np.where(BALL, 3.0, 1.0)
    assert (redraw_border(signal, BALL, BALL, 1.0, GRID) == BALL).all()
    assert not redraw_border(signal, np.zeros(SHAPE, bool), WITHIN, 1.0, GRID).any()


def test_nothing_apart_from_what_was_found_is_added() -> None:
    signal = np.where(BALL | (RADIUS > 8.4), 3.0, 1.0)
    assert (redraw_border(signal, BALL, WITHIN, 1.0, GRID) == BALL).all()


def test_gaps_are_closed_at_the_rim_of_the_image_too() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[0:6, 0:6, 2] = True
    ring = mask.copy()
    ring[2:4, 2:4, 2] = False
    assert (close_in_plane(ring, GRID, 1.2) == mask).all()


def test_only_seeded_parts_are_kept() -> None:
    into = np.zeros(SHAPE, bool)
    into[5:9, 5:9, 1] = into[30:34, 5:9, 1] = True
    seeds = np.zeros(SHAPE, bool)
    seeds[6, 6, 1] = seeds[50, 50, 1] = True
    kept = grow(seeds, into)
    assert kept.sum() == 16
    assert kept[6, 6, 1]
    assert not grow(np.zeros(SHAPE, bool), into).any()
    assert bounds(into, [1, 1, 1]) == (slice(4, 35), slice(4, 10), slice(0, 3))
