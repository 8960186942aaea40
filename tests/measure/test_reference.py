"""Which marrow is taken as normal."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.reference import ReferenceCandidate
from marrowmap.measure.reference import choose_reference
from marrowmap.measure.reference import level_of

GRID = Grid((20, 20, 6), np.eye(4))


def _slab(first: int, last: int) -> Mask:
    array = np.zeros(GRID.shape, bool)
    array[first:last] = True
    return Mask(GRID, array)


OTHER = ReferenceCandidate(_slab(0, 5), "other hip")
SHAFT = ReferenceCandidate(_slab(5, 10), "shaft")


def _image(other: float, shaft: float) -> Volume:
    array = np.full(GRID.shape, 50, np.float32)
    array[0:5], array[5:10] = other, shaft
    return Volume(GRID, array)


def test_the_preferred_candidate_is_taken_while_normal() -> None:
    mask, why = choose_reference(_image(130, 100), [OTHER, SHAFT])
    assert mask is OTHER.mask
    assert "other hip" in why


def test_an_abnormal_candidate_is_passed_over_and_named() -> None:
    mask, why = choose_reference(_image(300, 100), [OTHER, SHAFT])
    assert mask is SHAFT.mask
    assert "passed over: other hip is 3.0 times" in why


def test_nothing_to_compare_with_is_refused() -> None:
    with pytest.raises(InputError, match="--reference"):
        choose_reference(_image(1, 1), [])
    with pytest.raises(InputError, match="out of view has 0 voxels"):
        choose_reference(_image(1, 1), [ReferenceCandidate(_slab(0, 0), "out of view")])


def test_another_grid_is_refused() -> None:
    moved = Mask(Grid(GRID.shape, np.diag([2.0, 1.0, 1.0, 1.0])), OTHER.mask.array)
    with pytest.raises(GeometryError):
        choose_reference(_image(1, 1), [ReferenceCandidate(moved, "moved")])


def test_spread_has_a_floor_and_outliers_do_not_count() -> None:
    array = np.full(GRID.shape, 100, np.float32)
    array[0, 0, 0] = 10000
    level = level_of(array, OTHER.mask, GRID, "given")
    assert level.median == 100
    assert level.sd == pytest.approx(15)
