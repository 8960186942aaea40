from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.bone_fraction import bone_volume_fraction
from marrowmap.measure.bone_fraction import segment_bone
from marrowmap.measure.bone_fraction import surface_volume_fraction


def grid(shape, spacing=0.082) -> Grid:
    return Grid(shape, np.diag([spacing, spacing, spacing, 1.0]))


def image(array) -> Volume:
    return Volume(grid(array.shape), array.astype(np.float32), "mg/cm3")


def everything(array) -> Mask:
    return Mask(grid(array.shape), np.ones(array.shape, bool))


VALUES = np.where(np.indices((12, 12, 12)).sum(axis=0) % 4 == 0, 700.0, -50.0)


def test_fractions_of_a_half_space_and_a_ball():
    half = np.indices((20, 20, 20))[0] < 10
    assert bone_volume_fraction(Mask(grid(half.shape), half), everything(half)) == 0.5
    assert surface_volume_fraction(Mask(grid(half.shape), half), everything(half)) == pytest.approx(0.5, abs=0.01)
    ball = np.linalg.norm(np.indices((40, 40, 40)) - 19.3, axis=0) < 15
    expected = 4 / 3 * np.pi * 15**3 / 40**3
    for fraction in (bone_volume_fraction, surface_volume_fraction):
        assert fraction(Mask(grid(ball.shape), ball), everything(ball)) == pytest.approx(expected, rel=0.015)


def test_threshold_is_inclusive_and_the_whole_image_is_marked():
    bone = segment_bone(image(VALUES), 700.0, everything(VALUES))
    assert (bone.array == (VALUES == 700)).all()


@pytest.mark.parametrize(
    ("threshold", "message"),
    [(-100.0, "all of the region is bone"), (900.0, "none of the region is bone"), (float("nan"), "give a number")],
)
def test_a_threshold_that_says_nothing_is_refused(threshold, message):
    with pytest.raises(InputError, match=message):
        segment_bone(image(VALUES), threshold, everything(VALUES))


def test_empty_and_too_large_regions_are_refused():
    empty = Mask(grid(VALUES.shape), np.zeros(VALUES.shape, bool))
    with pytest.raises(InputError, match="region of interest is empty"):
        segment_bone(image(VALUES), 300, empty)
    wide = Mask(grid((20, 12, 12)), np.ones((20, 12, 12), bool))
    with pytest.raises(InputError, match="reaches beyond the image"):
        segment_bone(image(VALUES), 300, wide)
    small = Mask(grid((6, 6, 6)), np.ones((6, 6, 6), bool))
    with pytest.raises(GeometryError, match="different grids"):
        segment_bone(image(VALUES), 300, small)
    with pytest.raises(InputError, match="holds no bone"):
        surface_volume_fraction(empty, everything(VALUES))


def test_values_cut_off_at_8_bits_are_refused_but_a_mask_is_not():
    rng = np.random.default_rng(0)
    clipped = np.rint(np.clip(rng.normal(150, 100, (20, 20, 20)), 0, 255))
    with pytest.raises(InputError, match="top of 8 bits"):
        segment_bone(image(clipped), 200, everything(clipped))
    binary = 255.0 * (clipped > 150)
    assert segment_bone(image(binary), 128, everything(binary)).array.any()
    whole = np.rint(np.clip(rng.normal(120, 30, (20, 20, 20)), 0, 255))
    assert segment_bone(image(whole), 130, everything(whole)).array.any()


def test_nan_is_refused_by_the_image_itself():
    values = VALUES.copy()
    values[0, 0, 0] = np.nan
    with pytest.raises(GeometryError, match="not finite"):
        image(values)
