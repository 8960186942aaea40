"""Patterns under something smooth, and two pictures laid over each other."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from marrowmap.measure.smooth_difference import find_patterns
from marrowmap.measure.smooth_difference import overlay

SHAPE = (80, 90)
PIXEL_MM = 1.5
EVERYWHERE = np.ones(SHAPE, bool)


def disc(column, row, radius):
    u, v = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return ndimage.gaussian_filter((np.hypot(u - column, v - row) < radius).astype(float), 1.0)


def smooth(seed):
    made = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 30.0)
    return made / np.abs(made).max()


def find(picture, free):
    none = np.zeros((0, *SHAPE))
    return find_patterns(picture, EVERYWHERE, free, none, np.zeros(0), pixel_mm=PIXEL_MM, smooth_sd=0.5, noise_sd=0.2)


def test_a_drawn_amount_comes_back_from_under_soft_tissue():
    free = np.stack([disc(35, 40, 14), disc(60, 60, 8)])
    noise = 0.02 * np.random.default_rng(9).normal(size=SHAPE)
    found = find(smooth(1) - 0.2 * free[0] + 0.1 * free[1] + noise, free)
    np.testing.assert_allclose(found.amount, [-0.2, 0.1], atol=0.03)
    assert (found.sd > 0).all()


def test_soft_tissue_alone_holds_no_pattern():
    found = find(smooth(2), np.stack([disc(35, 40, 14)]))
    assert abs(found.amount[0]) < 0.03


def test_a_fold_weighs_little():
    free = np.stack([disc(35, 40, 14)])
    fold = np.zeros(SHAPE)
    fold[:, 30:33] = 3.0
    found = find(smooth(1) - 0.2 * free[0] + fold, free)
    assert abs(found.amount[0] + 0.2) < 0.1


def test_a_moved_picture_is_laid_back():
    picture = disc(35, 40, 14) + disc(60, 60, 8) + 0.5 * disc(20, 70, 5)
    u, v = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    moved = ndimage.map_coordinates(picture, [u + 1.2 + 0.02 * (u - 40), v - 0.9], order=1, mode="nearest")
    at = overlay(moved, picture, EVERYWHERE, PIXEL_MM)
    again = ndimage.map_coordinates(picture, at, order=1, mode="nearest")
    assert np.abs(again - moved).mean() < 0.2 * np.abs(picture - moved).mean()
