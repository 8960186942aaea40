from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.plate_fraction import plate_fraction
from marrowmap.measure.skeleton_topology import name_voxels
from marrowmap.measure.skeleton_topology import skeleton

APART_MM = 0.8
THICK_MM = 0.24
BETWEEN_MM = 0.6
SIZE_MM = 2.4


def mask(array, spacing) -> Mask:
    return Mask(Grid(array.shape, np.diag([*spacing, 1.0])), array)


def places(spacing, seed=None):
    """Return positions in mm, turned and shifted by the seed, and the region where no cut end tells."""
    spacing = np.asarray(spacing, float)
    shape = np.rint(SIZE_MM / spacing).astype(int)
    at = (np.stack(np.indices(shape), axis=-1) + 0.5 - shape / 2) * spacing
    if seed is not None:
        shift = np.random.default_rng(seed).uniform(0, APART_MM, 3)
        at = at @ Rotation.random(random_state=seed).as_matrix() + shift
    inner = np.zeros(shape, bool)
    skip = np.rint(APART_MM / 2 / spacing).astype(int)
    inner[tuple(slice(s, n - s) for s, n in zip(skip, shape, strict=True))] = True
    return at, mask(inner, spacing)


def off(at, axis, period=APART_MM):
    """Distance from the nearest of parallel planes."""
    return np.abs((at[..., axis] + period / 2) % period - period / 2)


def bodies(at):
    """Return walls, a grating of rods, and walls held apart by rods, whose plate shares are 1, 0 and known."""
    walls = off(at, 0) < THICK_MM / 2
    along = [np.hypot(off(at, (axis + 1) % 3), off(at, (axis + 2) % 3)) < THICK_MM / 2 for axis in range(3)]
    between = np.hypot(off(at, 1, BETWEEN_MM), off(at, 2, BETWEEN_MM)) < THICK_MM / 2
    return walls, np.any(along, axis=0), walls | between


def share(bone, region=None):
    return plate_fraction(bone, name_voxels(skeleton(bone)), region)


@pytest.mark.parametrize(
    ("seed", "spacing"), [(2, (0.06, 0.06, 0.06)), (3, (0.05, 0.05, 0.05)), (2, (0.05, 0.05, 0.08))]
)
def test_turned_walls_rods_and_walls_with_rods_between(seed, spacing):
    at, inner = places(spacing, seed)
    walls, rods, both = (mask(body, spacing) for body in bodies(at))
    assert share(walls, inner) > 0.97
    assert share(rods, inner) < 0.06
    known = walls.array[inner.array].sum() / both.array[inner.array].sum()
    assert 0.7 < known < 0.85
    assert share(both, inner) == pytest.approx(known, abs=0.08)


def test_a_mirrored_or_turned_image_gives_the_same():
    spacing = (0.06, 0.06, 0.06)
    at, inner = places(spacing, 3)
    body = bodies(at)[2]
    found = share(mask(body, spacing), inner)
    for other in (body[::-1], np.rot90(body, axes=(1, 2))):
        assert share(mask(np.ascontiguousarray(other), spacing), inner) == pytest.approx(found, abs=0.03)


def test_the_unit_does_not_matter():
    at, inner = places((0.06, 0.06, 0.06), 4)
    body = bodies(at)[2]
    found = share(mask(body, (0.06,) * 3), inner)
    assert share(mask(body, (6.0,) * 3), mask(inner.array, (6.0,) * 3)) == pytest.approx(found, abs=0.01)


def test_a_region_counts_what_is_in_it_only():
    spacing = (0.06, 0.06, 0.06)
    at, _ = places(spacing)
    walls, rods, *_ = bodies(at)
    size = walls.shape[0]
    both = mask(np.concatenate([walls, np.zeros((6, size, size), bool), rods]), spacing)
    first = np.zeros(both.array.shape, bool)
    first[: size - 8, 8:-8, 8:-8] = True
    kinds = name_voxels(skeleton(both))
    assert plate_fraction(both, kinds, mask(first, spacing)) > 0.97
    last = np.zeros(both.array.shape, bool)
    last[size + 14 : -8, 8:-8, 8:-8] = True
    assert plate_fraction(both, kinds, mask(last, spacing)) < 0.06


def test_what_has_neither_plates_nor_rods_is_refused():
    body = np.zeros((8, 8, 8), bool)
    body[2:5, 2:5, 2:5] = True
    ball = mask(body, (1.0, 1.0, 1.0))
    with pytest.raises(InputError, match="neither plates nor rods"):
        share(ball)
    kinds = name_voxels(skeleton(ball))
    with pytest.raises(InputError, match="holds no bone"):
        plate_fraction(ball, kinds, mask(~body, (1.0, 1.0, 1.0)))
    with pytest.raises(GeometryError):
        plate_fraction(ball, kinds, mask(body, (1.0, 1.0, 2.0)))
