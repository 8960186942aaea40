from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.wall_likeness import wall_likeness


def mask(array, spacing=(1.0, 1.0, 1.0)) -> Mask:
    return Mask(Grid(array.shape, np.diag([*spacing, 1.0])), array)


def bodies(seed, spacing, thick_mm=0.4, size_mm=2.4):
    """Return a turned plate, rod and ball of one thickness in voxels of one size, and the region without cut ends."""
    spacing = np.asarray(spacing)
    shape = np.rint(size_mm / spacing).astype(int)
    at = (np.stack(np.indices(shape), axis=-1) - shape / 2) * spacing @ Rotation.random(random_state=seed).as_matrix()
    inner = np.zeros(shape, bool)
    inner[tuple(slice(n // 4, -(n // 4)) for n in shape)] = True
    away = np.abs(at[..., 0]), np.hypot(at[..., 0], at[..., 1]), np.linalg.norm(at, axis=-1)
    return [mask(each < thick_mm / 2, spacing) for each in away], mask(inner, spacing)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("spacing", [(0.1, 0.1, 0.1), (0.07, 0.07, 0.07), (0.05, 0.05, 0.05), (0.06, 0.06, 0.09)])
def test_turned_plates_rods_and_balls_at_any_voxel_size(seed, spacing):
    (plate, rod, ball), inner = bodies(seed, spacing)
    found = wall_likeness(plate, inner), wall_likeness(rod, inner), wall_likeness(ball)
    assert found[0] == pytest.approx(1.0, abs=0.1)
    assert found[1] == pytest.approx(1 / 2, abs=0.1)
    assert found[2] == pytest.approx(1 / 3, abs=0.1)


def test_a_region_counts_what_is_in_it_only():
    (plate, rod, _), _ = bodies(3, (0.06, 0.06, 0.06))
    size = plate.array.shape[0]
    both = mask(np.concatenate([plate.array, np.zeros((4, size, size), bool), rod.array]))
    region = np.zeros(both.array.shape, bool)
    region[10 : size - 10, 10:-10, 10:-10] = True
    assert wall_likeness(both, mask(region)) > 0.9
    assert wall_likeness(both, mask(np.ascontiguousarray(region[::-1]))) < 0.6


def test_what_has_no_two_walls_is_refused():
    body = np.zeros((6, 6, 6), bool)
    body[1:4, 1:4, 1:4] = True
    with pytest.raises(InputError, match="no bone between two walls"):
        wall_likeness(mask(body), mask(np.zeros(body.shape, bool)))
    with pytest.raises(InputError, match="all one phase"):
        wall_likeness(mask(np.ones(body.shape, bool)))
