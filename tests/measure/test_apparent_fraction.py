from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.apparent_fraction import apparent_fraction
from tests.measure.trabecular_scans import drawn
from tests.measure.trabecular_scans import region
from tests.measure.trabecular_scans import spared
from tests.measure.trabecular_scans import truth


@pytest.mark.parametrize("snr", [8.0, 15.0, 40.0])
def test_beside_marrow_without_bone_the_mean_is_the_models(snr):
    scan = drawn(snr=snr)
    answer = apparent_fraction(scan.image, region(scan), spared=spared(scan))
    assert answer.bone_free
    assert answer.mean.value == pytest.approx(truth(scan), abs=0.025)
    assert answer.mean.low < truth(scan) < answer.mean.high
    inside = region(scan).array
    assert np.isnan(answer.map[~inside]).all()
    assert answer.map[inside].mean() == pytest.approx(answer.mean.value, abs=1e-4)
    if snr == 40:
        assert np.corrcoef(answer.map[inside], scan.fraction[inside])[0, 1] > 0.8


def test_without_such_marrow_the_note_says_that_the_level_is_assumed():
    scan = drawn()
    answer = apparent_fraction(scan.image, region(scan))
    assert not answer.bone_free
    assert "assumption" in answer.note
    measured = apparent_fraction(scan.image, region(scan), spared=spared(scan)).mean
    assert answer.mean.high - answer.mean.low > 2 * (measured.high - measured.low)


def test_texture_feels_neither_the_level_nor_the_calibration():
    scan = drawn()
    dim = scan.image.with_array(np.float32(0.3) * scan.image.array)
    one, other = (apparent_fraction(i, region(scan)).from_texture.value for i in (scan.image, dim))
    assert one == pytest.approx(other, rel=1e-4)
    # Another calibration sees other noise, as the bone-free part of it has no texture to take for noise.
    beside = apparent_fraction(scan.image, region(scan), spared=spared(scan)).from_texture.value
    assert beside == pytest.approx(one, rel=0.06)


def test_thinner_trabeculae_give_less_bone_by_both_ways():
    well, thin = drawn(), drawn(0.14)
    one, other = (apparent_fraction(s.image, region(s), spared=spared(s)) for s in (well, thin))
    assert other.mean < one.mean
    assert other.from_texture < one.from_texture


@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_edema_is_taken_out_where_marked_and_the_change_is_told(factor):
    scan = drawn(edema=factor)
    marked = apparent_fraction(scan.image, region(scan), spared=spared(scan), edema=scan.edema)
    assert marked.mean.value == pytest.approx(truth(scan), abs=0.03)
    assert abs(marked.mean_ignoring_edema.value - truth(scan)) > 0.04
    assert (marked.mean_ignoring_edema.value > truth(scan)) == (factor < 1)
    assert "Marrow in edema" in marked.note


def test_the_image_may_come_in_any_unit():
    scan = drawn()
    mean = apparent_fraction(scan.image, region(scan), spared=spared(scan)).mean.value
    large = scan.image.with_array(scan.image.array * np.float32(50.0))
    assert apparent_fraction(large, region(scan), spared=spared(scan)).mean.value == pytest.approx(mean, abs=1e-3)


def test_bad_masks_are_refused():
    scan = drawn()
    grid, inside = scan.image.grid, region(scan)
    empty = Mask(grid, np.zeros(grid.shape, bool))
    with pytest.raises(InputError, match="empty"):
        apparent_fraction(scan.image, empty)
    with pytest.raises(InputError, match="spared bone is empty"):
        apparent_fraction(scan.image, inside, spared=empty)
    with pytest.raises(InputError, match="give a mask of spared bone"):
        apparent_fraction(scan.image, inside, edema=Mask(grid, np.ones(grid.shape, bool)))
    bigger = Grid((*grid.shape[:2], grid.shape[2] + 5), grid.affine)
    with pytest.raises(InputError, match="beyond the image"):
        apparent_fraction(scan.image, Mask(bigger, np.ones(bigger.shape, bool)))
    moved = Grid(grid.shape, grid.affine + np.diag([0.1, 0, 0, 0]))
    with pytest.raises(GeometryError):
        apparent_fraction(scan.image, inside, spared=Mask(moved, inside.array))
    speck = np.zeros(grid.shape, bool)
    speck[20:23, 20:23, 5:7] = True
    with pytest.raises(InputError, match="too small for a level"):
        apparent_fraction(scan.image, inside, spared=spared(scan), edema=Mask(grid, speck))


def test_images_without_marrow_or_bone_and_clipped_ones_are_refused():
    scan = drawn()
    rng = np.random.default_rng(3)
    shape, inside = scan.image.grid.shape, region(scan)
    air = np.hypot(*rng.normal(0, 20, (2, *shape)))
    with pytest.raises(InputError, match="bright marrow"):
        apparent_fraction(scan.image.with_array(air.astype(np.float32)), inside)
    fat = rng.normal(900, 30, shape).astype(np.float32)
    with pytest.raises(InputError, match="no trabeculae"):
        apparent_fraction(scan.image.with_array(fat), inside)
    clipped = np.clip(np.rint(scan.image.array / 1000 * 260), 0, 255)
    with pytest.raises(InputError, match="8 bits"):
        apparent_fraction(scan.image.with_array(clipped.astype(np.float32)), inside)
    with pytest.raises(InputError, match="brighter than the cortex"):
        apparent_fraction(scan.image, inside, cortex=spared(scan))
    with pytest.raises(GeometryError, match="not finite"):
        Volume(scan.image.grid, np.full(shape, np.nan, np.float32))


@pytest.mark.parametrize("factor", [0.75, 1.3])
def test_edema_is_compared_with_bone_even_where_only_a_canal_is_named_spared(factor):
    scan = drawn(edema=factor)
    both = apparent_fraction(scan.image, region(scan), spared=spared(scan), edema=scan.edema)
    alone = apparent_fraction(scan.image, region(scan), spared=scan.canal, edema=scan.edema)
    found = [float(answer.note.split("edema has ")[1].split(" ")[0]) for answer in (both, alone)]
    assert found[0] == pytest.approx(factor, abs=0.05)
    assert found[1] == pytest.approx(factor, abs=0.05)
    # Shading is known beside the region only, which the interval says.
    assert alone.mean.high - alone.mean.low > 1.2 * (both.mean.high - both.mean.low)


def test_edema_of_the_whole_region_beside_a_canal_cannot_be_told_from_bone():
    scan = drawn()
    with pytest.raises(InputError, match="edema covers the region"):
        apparent_fraction(scan.image, region(scan), spared=scan.canal, edema=region(scan))


def test_a_flat_image_is_refused():
    scan = drawn()
    flat = scan.image.with_array(np.full(scan.image.grid.shape, 500.0, np.float32))
    with pytest.raises(InputError, match="no trabeculae"):
        apparent_fraction(flat, region(scan))
