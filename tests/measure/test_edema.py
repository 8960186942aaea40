"""Edema of known volume in synthetic marrow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy import ndimage

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.mirror import mirror
from marrowmap.image.mirror import mirror_mask
from marrowmap.measure.edema import measure_edema

SHAPE = (72, 64, 12)
GRID = Grid(SHAPE, np.diag([0.8, 0.8, 4.0, 1.0]), "1.2.3")
POINTS = GRID.points()
CENTER = GRID.center
DISTANCE = np.linalg.norm((POINTS - CENTER) / [1.0, 1.0, 0.9], axis=-1)
WITHIN = Mask(GRID, np.linalg.norm((POINTS - CENTER) / [26.0, 23.0, 22.0], axis=-1) <= 1)
REFERENCE = Mask(GRID, WITHIN.array & (POINTS[..., 0] < CENTER[0] - 15))
NORMAL, EDEMA = 100.0, 300.0


def _soft_ball(radius_mm: float, center: np.ndarray) -> np.ndarray:
    """Share of a ball in each voxel, by supersampling."""
    share = np.zeros(SHAPE)
    for di in (-0.375, -0.125, 0.125, 0.375):
        for dj in (-0.375, -0.125, 0.125, 0.375):
            for dk in (-0.375, -0.125, 0.125, 0.375):
                moved = POINTS + np.array([di, dj, dk]) * GRID.spacing
                share += np.linalg.norm(moved - center, axis=-1) <= radius_mm
    return share / 64


def _image(share: np.ndarray, seed: int = 1, noise: float = 6.0) -> Volume:
    rng = np.random.default_rng(seed)
    clean = np.where(WITHIN.array, NORMAL, 60.0) + share * (EDEMA - NORMAL)
    texture = 1 + 0.05 * ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.0) / 0.2
    signal = np.hypot(clean * texture + rng.normal(0, noise, SHAPE), rng.normal(0, noise, SHAPE))
    return Volume(GRID, signal.astype(np.float32))


BALL = _soft_ball(9.0, CENTER + np.array((6.0, 0.0, 0.0)))
IMAGE = _image(BALL)
TRUE_ML = float(BALL.sum()) * GRID.voxel_volume_ml


def _dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_volume_and_place_of_a_known_lesion() -> None:
    result = measure_edema(IMAGE, WITHIN, REFERENCE)
    assert result.edema_volume_ml == pytest.approx(TRUE_ML, rel=0.10)
    assert _dice(result.closed.array, BALL >= 0.5) > 0.9
    low, high = result.edema_volume.low, result.edema_volume.high
    assert low is not None
    assert high is not None
    assert low <= result.edema_volume_ml <= high
    assert result.signal_ratio == pytest.approx(3.0, rel=0.15)


def test_no_edema_gives_none() -> None:
    result = measure_edema(_image(np.zeros(SHAPE)), WITHIN, REFERENCE)
    assert result.edema_volume_ml == 0
    assert result.closed_volume_ml == 0
    assert result.plateau is None
    assert result.signal_ratio is None


def test_without_reference_the_lower_mode_serves() -> None:
    result = measure_edema(IMAGE, WITHIN)
    assert "no reference given" in result.reference.chosen
    assert result.reference.median == pytest.approx(NORMAL, rel=0.1)
    assert result.edema_volume_ml == pytest.approx(TRUE_ML, rel=0.12)


@settings(max_examples=4, deadline=None)
@given(st.floats(0.01, 50))
def test_scale_does_not_matter(scale: float) -> None:
    once = measure_edema(IMAGE, WITHIN, REFERENCE)
    scaled = measure_edema(IMAGE.with_array(IMAGE.array * np.float32(scale)), WITHIN, REFERENCE)
    assert scaled.edema_volume_ml == pytest.approx(once.edema_volume_ml, rel=1e-3)
    assert scaled.threshold == pytest.approx(once.threshold * scale, rel=1e-3)


def test_mirrored_image_has_the_same_volume() -> None:
    once = measure_edema(IMAGE, WITHIN, REFERENCE)
    other = measure_edema(mirror(IMAGE), mirror_mask(WITHIN), mirror_mask(REFERENCE))
    assert other.edema_volume_ml == pytest.approx(once.edema_volume_ml, rel=1e-5)
    assert other.closed.sha256 == once.closed.sha256


def test_flipped_array_has_the_same_volume() -> None:
    def flip(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array[::-1])

    once = measure_edema(IMAGE, WITHIN, REFERENCE)
    other = measure_edema(
        Volume(GRID, flip(IMAGE.array)), Mask(GRID, flip(WITHIN.array)), Mask(GRID, flip(REFERENCE.array))
    )
    assert other.edema_volume_ml == pytest.approx(once.edema_volume_ml, rel=0.02)


def test_shading_is_taken_out() -> None:
    offset = (POINTS - CENTER) / 25.0
    field = np.exp(0.45 * offset[..., 0] - 0.25 * offset[..., 1])
    shaded = IMAGE.with_array((IMAGE.array * field).astype(np.float32))
    result = measure_edema(shaded, WITHIN, REFERENCE)
    assert np.ptp(result.bias_field.array) > 0.5
    assert result.edema_volume_ml == pytest.approx(TRUE_ML, rel=0.15)


def test_an_even_image_is_left_alone() -> None:
    assert np.ptp(measure_edema(IMAGE, WITHIN, REFERENCE).bias_field.array) == 0


def test_vessels_are_not_counted() -> None:
    vessels = np.zeros(SHAPE)
    for x in (20, 40, 50):
        vessels[x : x + 3, 20:44, 4:8] = 1.0
    vessels[:, :, :] *= WITHIN.array
    image = _image(vessels)
    around = ndimage.gaussian_filter(vessels, (5, 5, 1)) > 0.02
    t1 = Volume(GRID, np.where(WITHIN.array, np.where(around, 650.0, 500.0), 200.0).astype(np.float32))
    without = measure_edema(image, WITHIN, REFERENCE)
    assert without.voxel_volume_ml > 1.5
    assert without.closed_volume_ml == 0
    assert without.edema_volume_ml == 0
    assert measure_edema(image, WITHIN, REFERENCE, t1).closed_volume_ml == 0


def test_a_small_lesion_needs_t1_to_confirm_it() -> None:
    small = _soft_ball(3.0, GRID.to_world([45, 32, 6]))
    image = _image(small)
    t1 = Volume(
        GRID, (np.where(WITHIN.array, 500.0, 200.0) - 300 * ndimage.gaussian_filter(small, (2, 2, 0))).astype("f4")
    )
    assert measure_edema(image, WITHIN, REFERENCE).closed_volume_ml == 0
    found = measure_edema(image, WITHIN, REFERENCE, t1)
    assert _dice(found.closed.array, small >= 0.5) > 0.5
    assert found.t1_ratio is not None
    assert found.t1_ratio < 0.95


def test_t1_on_another_grid_is_brought_over() -> None:
    coarse = Grid((40, 36, 8), np.diag([1.5, 1.5, 6.0, 1.0]), "1.2.3")
    t1 = Volume(coarse, np.full(coarse.shape, 400, np.float32))
    result = measure_edema(IMAGE, WITHIN, REFERENCE, t1)
    assert "resampled" in result.t1_note
    assert result.edema_volume_ml == pytest.approx(TRUE_ML, rel=0.12)


def test_t1_of_another_frame_of_reference_is_not_used() -> None:
    elsewhere = Volume(Grid(SHAPE, GRID.affine, "9.9"), np.ones(SHAPE, np.float32))
    assert "frame of reference" in measure_edema(IMAGE, WITHIN, REFERENCE, elsewhere).t1_note


def test_the_curve_falls_with_k() -> None:
    result = measure_edema(IMAGE, WITHIN, REFERENCE)
    assert (np.diff(result.curve_voxel_ml) <= 0).all()
    assert (np.diff(result.curve_closed_ml) <= 1e-9).all()
    assert np.interp(result.k, result.curve_k, result.curve_closed_ml) == pytest.approx(result.closed_volume_ml)


def test_smallest_detectable_is_drawn() -> None:
    result = measure_edema(_image(np.zeros(SHAPE)), WITHIN, REFERENCE)
    area = result.smallest_detectable.value * 1000 / GRID.spacing[2]
    radius = np.sqrt(area / np.pi) + 0.8
    disc = np.zeros(SHAPE)
    disc[:, :, 6] = np.hypot(POINTS[:, :, 6, 0] - CENTER[0] - 5, POINTS[:, :, 6, 1] - CENTER[1]) <= radius
    assert measure_edema(_image(disc), WITHIN, REFERENCE).closed_volume_ml > 0


def test_edema_stays_in_the_region() -> None:
    result = measure_edema(IMAGE, WITHIN, REFERENCE)
    assert not (result.closed - WITHIN).array.any()
    assert result.membership.array[~WITHIN.array].max() == 0
    assert result.membership.array.min() >= 0
    assert result.membership.array.max() <= 1


def test_refusals() -> None:
    with pytest.raises(InputError, match="empty"):
        measure_edema(IMAGE, Mask(GRID, np.zeros(SHAPE, bool)))
    with pytest.raises(InputError, match="k must be positive"):
        measure_edema(IMAGE, WITHIN, k=0)
    with pytest.raises(GeometryError):
        measure_edema(IMAGE, Mask(Grid(SHAPE, np.eye(4)), WITHIN.array))
    few = np.zeros(SHAPE, bool)
    few[30, 30, 5] = True
    with pytest.raises(InputError, match="reference"):
        measure_edema(IMAGE, WITHIN, Mask(GRID, few))
    with pytest.raises(InputError, match="no signal"):
        measure_edema(Volume(GRID, np.zeros(SHAPE, np.float32)), WITHIN)


def test_marrow_somewhat_brighter_than_the_reference_is_not_drawn() -> None:
    share = BALL * 1.3 * 3 * 15.0 / (EDEMA - NORMAL)
    t1 = Volume(GRID, np.where(WITHIN.array, 500.0, 200.0).astype(np.float32))
    result = measure_edema(_image(share), WITHIN, REFERENCE, t1)
    assert result.voxel_volume_ml > 1
    assert result.closed_volume_ml == 0


def test_what_shines_in_at_the_rim_is_not_drawn() -> None:
    rim = _soft_ball(3.0, CENTER + np.array((0.0, 21.0, 2.0)))
    t1 = Volume(GRID, np.where(WITHIN.array, 500.0 - 200 * rim, 200.0).astype(np.float32))
    assert measure_edema(_image(rim), WITHIN, REFERENCE, t1).closed_volume_ml == 0
