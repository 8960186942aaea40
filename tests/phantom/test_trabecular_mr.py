from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular_mr import MARROW_SIGNAL
from marrowmap.phantom.trabecular_mr import FlashScan
from marrowmap.phantom.trabecular_mr import MarrowEdema
from marrowmap.phantom.trabecular_mr import scan_block

CLEAN = FlashScan(voxel_mm=(0.25, 0.25, 0.5), signal_to_noise=1e6, shading=0.0, marrow_spread=0.0)


@pytest.fixture(scope="module")
def block():
    return grow((5.0, 5.0, 5.0), Recipe(), 4)


def test_signal_lost_is_the_bone_there(block):
    scan = scan_block(block, CLEAN, 1)
    lost = 1 - scan.image.array / MARROW_SIGNAL
    assert scan.image.grid.shape == scan.fraction.shape == (20, 20, 10)
    # k-space keeps its middle: the sum is exact, single voxels differ by the point spread.
    assert lost.mean() == pytest.approx(scan.fraction.mean(), abs=1e-4)
    assert np.corrcoef(lost.ravel(), scan.fraction.ravel())[0, 1] > 0.8


def test_a_bar_of_marrow_rings_as_a_cut_k_space_does(block):
    scan = scan_block(block, CLEAN, 1, canal_mm=4.0)
    canal = scan.image.array[scan.canal.array]
    assert scan.canal.array.sum() == 16 * 20 * 10
    assert scan.fraction[scan.canal.array].max() == 0
    assert canal.mean() == pytest.approx(MARROW_SIGNAL, rel=0.01)
    assert canal.max() > 1.02 * MARROW_SIGNAL


def test_noise_has_the_ratio_set(block):
    scan = scan_block(block, FlashScan(CLEAN.voxel_mm, 12.0, 0.0, 0.0), 2, canal_mm=6.0)
    far = scan.image.array[28:-6]
    assert MARROW_SIGNAL / far.std() == pytest.approx(12.0, rel=0.06)


def test_zero_filling_makes_smaller_voxels_of_the_same_place(block):
    coarse = scan_block(block, CLEAN, 1)
    filled = scan_block(block, FlashScan(CLEAN.voxel_mm, 1e6, 0.0, 0.0, zero_filling=2), 1)
    assert filled.image.grid.shape == (40, 40, 10)
    assert np.allclose(filled.image.grid.spacing, (0.125, 0.125, 0.5))
    assert np.allclose(filled.image.grid.center, coarse.image.grid.center)
    pairs = filled.image.array.reshape(20, 2, 20, 2, 10).mean(axis=(1, 3))
    assert np.corrcoef(pairs.ravel(), coarse.image.array.ravel())[0, 1] > 0.95
    assert filled.fraction.mean() == pytest.approx(coarse.fraction.mean(), abs=0.005)


def test_shading_spans_what_is_set_and_edema_changes_its_ball(block):
    shaded = scan_block(block, FlashScan(CLEAN.voxel_mm, 1e6, 0.4, 0.0), 3)
    field = np.log(shaded.image.array / scan_block(block, CLEAN, 3).image.array)
    assert np.ptp(field) == pytest.approx(0.4, abs=0.01)
    edema = MarrowEdema((2.5, 2.5, 2.5), 1.5, 0.6)
    swollen = scan_block(block, CLEAN, 3, edema)
    ratio = swollen.image.array / scan_block(block, CLEAN, 3).image.array
    assert ratio[swollen.edema.array].mean() == pytest.approx(0.65, abs=0.06)
    assert swollen.edema.volume_ml == pytest.approx(4 / 3 * np.pi * 1.5**3 / 1000, rel=0.1)


def test_the_inner_region_keeps_away_from_sides_and_canal(block):
    scan = scan_block(block, CLEAN, 1, canal_mm=2.0)
    inner = scan.inner(1.0).array
    assert inner.sum() == 12 * 12 * 6
    assert not (inner & scan.canal.array).any()


def test_what_cannot_be_imaged_is_refused(block):
    with pytest.raises(InputError, match="more than 0"):
        FlashScan(signal_to_noise=0)
    with pytest.raises(InputError, match="negative"):
        FlashScan(shading=-1)
    with pytest.raises(InputError, match="larger"):
        scan_block(block, FlashScan(voxel_mm=(2.0, 2.0, 2.0)), 1)
