from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize


def _sphere(center, radius, n=40):
    theta = np.linspace(0, np.pi, n + 1)[1:-1]
    phi = np.linspace(0, 2 * np.pi, 2 * n, endpoint=False)
    t, p = np.meshgrid(theta, phi, indexing="ij")
    ring = np.stack([np.sin(t) * np.cos(p), np.sin(t) * np.sin(p), np.cos(t)], -1).reshape(-1, 3)
    points = np.vstack([ring, [[0, 0, 1], [0, 0, -1]]])
    m = 2 * n
    top, bottom = len(ring), len(ring) + 1
    faces = []
    for a in range(m):
        b = (a + 1) % m
        faces.append((top, a, b))
        faces.append((bottom, (n - 2) * m + b, (n - 2) * m + a))
        for r in range(n - 2):
            faces += [(r * m + a, (r + 1) * m + a, (r + 1) * m + b), (r * m + a, (r + 1) * m + b, r * m + b)]
    return points * radius + center, np.array(faces)


def _grid(shape, spacing, rotation, center):
    affine = np.eye(4)
    affine[:3, :3] = rotation.as_matrix() * spacing
    affine[:3, 3] = np.array(center) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_sphere_in_any_orientation(seed):
    rng = np.random.default_rng(seed)
    center = rng.uniform(-50, 50, 3)
    grid = _grid((40, 36, 30), [1.5, 1.7, 2.0], Rotation.random(random_state=seed), center)
    vertices, faces = _sphere(center + rng.uniform(-1, 1, 3), 20.0)
    mask = voxelize(vertices, faces, grid)
    exact = np.linalg.norm(grid.points() - vertices[-2:].mean(axis=0), axis=-1)
    assert mask.array[exact < 19.9].all()
    assert not mask.array[exact > 20.001].any()


def test_turning_faces_around_changes_nothing():
    grid = _grid((30, 30, 30), [1.0, 1.0, 1.0], Rotation.identity(), (0, 0, 0))
    vertices, faces = _sphere(np.zeros(3), 10.0)
    assert (voxelize(vertices, faces, grid).array == voxelize(vertices, faces[:, ::-1], grid).array).all()


def test_box_on_voxel_centers_and_cut_by_the_grid():
    corners = np.array([[x, y, z] for x in (2, 7) for y in (2, 7) for z in (-30, 30)], float)
    sides = [(0, 1, 3), (0, 3, 2), (4, 6, 7), (4, 7, 5), (0, 4, 5), (0, 5, 1)]
    others = [(2, 3, 7), (2, 7, 6), (0, 2, 6), (0, 6, 4), (1, 5, 7), (1, 7, 3)]
    faces = np.array([*sides, *others])
    mask = voxelize(corners, faces, Grid((10, 10, 10), np.eye(4)))
    assert mask.array.sum() == 5 * 5 * 10


def test_surface_outside_the_grid_sets_nothing():
    vertices, faces = _sphere(np.array([500.0, 0, 0]), 10.0)
    assert not voxelize(vertices, faces, Grid((10, 10, 10), np.eye(4))).array.any()


def test_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="faces"):
        voxelize(np.zeros((4, 3)), np.zeros((4, 4)), Grid((2, 2, 2), np.eye(4)))
