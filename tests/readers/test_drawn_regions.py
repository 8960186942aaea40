from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.readers.drawn_regions import dice
from marrowmap.readers.drawn_regions import fill_outlines
from marrowmap.readers.drawn_regions import outline_distance
from marrowmap.readers.drawn_regions import staple
from marrowmap.readers.drawn_regions import surface_distance

GRID = Grid((24, 20, 8), np.diag([1.0, 2.0, 4.0, 1.0]), "1.2.3")


def box(*sides, grid=GRID):
    array = np.zeros(grid.shape, dtype=bool)
    array[tuple(slice(*side) for side in sides)] = True
    return Mask(grid, array)


def test_dice_of_two_boxes():
    assert dice(box((0, 4), (0, 4), (0, 2)), box((2, 6), (0, 4), (0, 2))).value == pytest.approx(0.5)
    assert dice(box((0, 4), (0, 4), (0, 2)), box((8, 9), (0, 4), (0, 2))).value == 0.0


def test_nothing_drawn_by_both_is_no_overlap_and_no_error():
    empty = box((0, 0), (0, 0), (0, 0))
    assert "neither" in dice(empty, empty).note
    assert "neither" in surface_distance(empty, empty).mean.note
    assert "one reader" in surface_distance(empty, box((0, 2), (0, 2), (0, 2))).largest.note


def test_two_plates_lie_apart_by_their_distance_in_mm():
    distance = surface_distance(box((2, 20), (2, 18), (2, 3)), box((2, 20), (2, 18), (5, 6)))
    assert distance.mean.value == distance.largest.value == pytest.approx(12.0)


def test_mean_and_largest_distance_of_voxels():
    """One voxel against two: from the far one 6 mm (3 voxels of 2 mm), otherwise 0."""
    one, two = box((3, 4), (3, 4), (3, 4)), box((3, 4), (3, 4), (3, 4)) | box((3, 4), (6, 7), (3, 4))
    distance = surface_distance(one, two)
    assert distance.mean.value == pytest.approx(2.0)
    assert distance.largest.value == pytest.approx(6.0)
    assert surface_distance(one, one).largest.value == 0.0


def test_other_grids_are_refused():
    other = Grid(GRID.shape, np.diag([1.0, 2.0, 4.5, 1.0]), "1.2.3")
    with pytest.raises(GeometryError):
        dice(box((0, 2), (0, 2), (0, 2)), box((0, 2), (0, 2), (0, 2), grid=other))


def test_staple_finds_the_truth_and_who_errs():
    """Three readers of known error draw at random: their sensitivity and specificity come back."""
    rng = np.random.default_rng(11)
    truth = box((4, 16), (4, 16), (1, 7))
    within = box((0, 24), (0, 20), (0, 8))
    rates = [(0.9, 0.98), (0.8, 0.95), (0.6, 0.99)]
    drawn = [
        Mask(GRID, rng.random(GRID.shape) < np.where(truth.array, sensitivity, 1 - specificity))
        for sensitivity, specificity in rates
    ]
    found = staple(drawn, within)
    assert dice(found.region, truth).value > 0.93
    assert found.sensitivity == pytest.approx([rate for rate, _ in rates], abs=0.05)
    assert found.specificity == pytest.approx([rate for _, rate in rates], abs=0.03)


def test_a_consensus_needs_two_readers_and_a_region():
    within = box((0, 24), (0, 20), (0, 8))
    region = box((4, 16), (4, 16), (1, 7))
    with pytest.raises(InputError, match="two readers"):
        staple([region], within)
    with pytest.raises(InputError, match="whole region"):
        staple([region, region], region)
    with pytest.raises(InputError, match="no reader drew"):
        staple([region, region], box((0, 2), (0, 2), (0, 2)))


def square(low, high, number=1, image=0):
    return {"image": image, "slice": number, "points": [[low, low], [high, low], [high, high], [low, high]]}


def test_an_outline_holds_the_pixels_whose_centers_it_encloses():
    filled, outside = fill_outlines([square(1.5, 5.5), square(2.5, 4.5, image=1), square(1, 3, number=9)], 0, (3, 9, 8))
    assert outside == 1
    assert filled[1].sum() == filled.sum() == 16
    assert filled[1, 2:6, 2:6].all()
    wide = {"image": 0, "slice": 0, "points": [[-5, 2.5], [50, 2.5], [50, 4.5], [-5, 4.5]]}
    tall, _ = fill_outlines([wide], 0, (1, 9, 8))
    assert tall[0, 3:5].all()  # rows are second in a point; what reaches beyond the image is cut off
    assert tall.sum() == 16


def test_outlines_lie_apart_within_slices_only():
    one, other = np.zeros((3, 30, 30), bool), np.zeros((3, 30, 30), bool)
    one[1, 5:25, 4], other[1, 5:25, 10] = True, True
    one[2, 3, 3] = True  # a slice that only one drew on has no distance
    apart = outline_distance(one, other, (0.5, 2.0))
    assert apart.largest.value == apart.mean.value == pytest.approx(12.0)
    elsewhere = np.zeros_like(one)
    elsewhere[0] = True
    assert "different slices" in outline_distance(one, elsewhere, (1, 1)).mean.note
    assert "one reader" in outline_distance(one, one & False, (1, 1)).mean.note
    assert outline_distance(one, one, (1, 1)).largest.value == 0
