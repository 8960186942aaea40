"""Shading is found where there is some, and left alone where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.bias import estimate_bias

GRID = Grid((80, 80, 14), np.diag([1.2, 1.2, 4.0, 1.0]))
X = (GRID.points() - GRID.center) / 48.0
RNG = np.random.default_rng(3)
TISSUE = np.where(ndimage.gaussian_filter(RNG.standard_normal(GRID.shape), (6, 6, 2)) > 0, 100.0, 160.0)
IMAGE = TISSUE + RNG.normal(0, 4, GRID.shape)
BODY = Mask(GRID, np.hypot(X[..., 0], X[..., 1]) < 0.9)
FIELD = np.exp(0.5 * X[..., 0] - 0.3 * X[..., 1] ** 2)


def test_planted_shading_is_recovered() -> None:
    found = estimate_bias(Volume(GRID, (IMAGE * FIELD).astype(np.float32)), BODY).array
    left = np.log(found / FIELD)[BODY.array]
    assert left.std() < 0.25 * np.log(FIELD)[BODY.array].std()


def test_even_image_is_left_alone() -> None:
    assert np.ptp(estimate_bias(Volume(GRID, IMAGE.astype(np.float32)), BODY).array) == 0


def test_a_bright_lesion_is_not_taken_for_shading() -> None:
    lesion = np.hypot(X[..., 0] - 0.4, X[..., 1]) < 0.3
    shaded = IMAGE * np.where(lesion, 3.0, 1.0) * FIELD
    found = estimate_bias(Volume(GRID, shaded.astype(np.float32)), BODY).array
    even = shaded / found
    ratio = np.median(even[lesion]) / np.median(even[BODY.array & ~lesion])
    assert ratio == pytest.approx(3.0, rel=0.2)


def test_empty_image_gives_one_everywhere() -> None:
    assert (estimate_bias(Volume(GRID, np.zeros(GRID.shape, np.float32)), BODY).array == 1).all()
