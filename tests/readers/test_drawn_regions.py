from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.readers.drawn_regions import dice
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
