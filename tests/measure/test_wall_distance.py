from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.measure.nearest_outside import ruler
from marrowmap.measure.nearest_outside import ways_out
from marrowmap.measure.wall_distance import EVERYWHERE
from marrowmap.measure.wall_distance import PLACES
from marrowmap.measure.wall_distance import ball_diameter
from marrowmap.measure.wall_distance import packed
from marrowmap.measure.wall_distance import touched_walls
from marrowmap.measure.wall_distance import unpacked
from marrowmap.measure.wall_distance import wall_distance

CUBE = np.stack(np.indices((3, 3, 3)), axis=-1) - 1
BITS = 1 << np.arange(27).reshape(3, 3, 3)


def around_wall(normal, offset, spacing, steps):
    """Return which of the 27 voxels around the outer one lie before a flat wall."""
    return int(BITS[((CUBE + steps) * spacing) @ normal < offset].sum())


@pytest.mark.parametrize("spacing", [np.ones(3), np.array([1.0, 1.0, 1.6])])
def test_a_flat_wall_is_found_within_part_of_a_voxel(spacing):
    rng = np.random.default_rng(3)
    off, angles = [], []
    for _ in range(400):
        normal = rng.normal(size=3)
        normal /= np.linalg.norm(normal)
        offset = rng.uniform(4, 6)
        # The outer voxel nearest to the start is the first behind the wall.
        at = np.stack(np.indices((21,) * 3), axis=-1).reshape(-1, 3) - 10
        outer = at[(at * spacing) @ normal >= offset]
        steps = outer[np.argmin(((outer * spacing) ** 2).sum(axis=1))]
        found, *direction = wall_distance(
            around_wall(normal, offset, spacing, steps), EVERYWHERE, *(int(step) for step in steps), spacing
        )
        off.append(found - offset)
        angles.append(np.degrees(np.arccos(np.clip(np.dot(direction, normal), -1, 1))))
    assert abs(np.mean(off)) < 0.1
    assert np.std(off) < 0.25
    assert np.median(angles) < 8


def test_a_wall_along_the_grid_is_exact():
    for axis, sign in ((0, 1), (1, -1), (2, 1)):
        normal = sign * np.eye(3)[axis]
        steps = 4 * normal.astype(int)
        distance, *direction = wall_distance(
            around_wall(normal, 3.5, np.ones(3), steps), EVERYWHERE, *(int(step) for step in steps), np.ones(3)
        )
        assert distance == pytest.approx(3.5)
        assert np.allclose(direction, normal)


def test_steps_are_packed_and_unpacked():
    for steps in ((0, 0, 0), (1, -2, 3), (-1023, 1023, -1), (2047, -2047, 2047)):
        assert unpacked(packed(*steps)) == steps


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_walls_say_plate_rod_or_ball(seed):
    at = (np.stack(np.indices((36,) * 3), axis=-1) - 18) @ Rotation.random(random_state=seed).as_matrix()
    bodies = {1.0: np.abs(at[..., 0]), 0.5: np.hypot(at[..., 0], at[..., 1]), 1 / 3: np.linalg.norm(at, axis=-1)}
    by, walls = ruler(np.ones(3), 12.0), np.empty(27 + PLACES, np.int64)
    for alike, away in bodies.items():
        ways = ways_out(away < 5.2, by, 10.0)
        known, opposite = touched_walls(ways, by, 18, 18, 18, walls)
        assert known >= 2
        assert opposite
        assert len({unpacked(int(wall)) for wall in walls[:known]}) == known
        diameter, found = ball_diameter(ways, by, 18, 18, 18, walls)
        assert diameter == pytest.approx(10.4, abs=0.7)
        assert found == pytest.approx(alike, abs=0.12)


def test_a_ball_that_touches_on_one_side_only_is_not_called_alike():
    body = np.zeros((20, 9, 9), bool)
    body[3:17] = True
    by = ruler(np.ones(3), 12.0)
    ways = ways_out(body, by, 10.0)
    diameter, alike = ball_diameter(ways, by, 5, 4, 4, np.empty(27 + PLACES, np.int64))
    assert alike == 0.0
    assert diameter == pytest.approx(5.0)
