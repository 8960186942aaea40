from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.lesion_depth import measure_lesion

GRID = Grid((30, 30, 12), np.diag([0.5, 0.5, 2.0, 1.0]), "1")


def box(low: tuple[int, int, int], high: tuple[int, int, int]) -> Mask:
    array = np.zeros(GRID.shape, bool)
    array[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return Mask(GRID, array)


BONE = box((0, 10, 0), (30, 30, 12))
CARTILAGE = box((0, 6, 0), (30, 10, 12))


def test_depth_counts_from_where_bone_meets_cartilage():
    found = measure_lesion(box((5, 16, 3), (15, 26, 8)), BONE, CARTILAGE)
    assert found is not None
    assert found.volume_ml == pytest.approx(10 * 10 * 5 * 0.5 * 0.5 * 2.0 / 1000)
    assert (found.nearest_mm, found.deepest_mm) == (3.0, 7.5)
    assert not found.touches


def test_a_lesion_at_the_surface_touches_it():
    found = measure_lesion(box((5, 10, 3), (15, 14, 8)), BONE, CARTILAGE)
    assert found is not None
    assert found.touches
    assert found.nearest_mm == 0


def test_no_lesion_no_joint_other_grid():
    assert measure_lesion(box((0, 0, 0), (0, 0, 0)), BONE, CARTILAGE) is None
    with pytest.raises(InputError, match="nowhere meet"):
        measure_lesion(BONE, BONE, box((0, 0, 0), (1, 1, 1)))
    other = Grid((30, 30, 12), np.diag([1.0, 0.5, 2.0, 1.0]), "1")
    with pytest.raises(GeometryError):
        measure_lesion(Mask(other, BONE.array), BONE, CARTILAGE)
