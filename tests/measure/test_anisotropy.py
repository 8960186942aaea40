from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.anisotropy import gradient_fabric
from marrowmap.measure.anisotropy import intercept_fabric


def ellipsoids(axes, rotation, spacing=(1.0, 1.0, 1.0), size=64.0, seed=0):
    """Aligned ellipsoids, none cut: their mean intercept lengths are those of one, an ellipsoid of the same shape."""
    rng = np.random.default_rng(seed)
    spacing = np.array(spacing)
    body = np.zeros(np.rint(size / spacing).astype(int), bool)
    reach = max(axes) + 1
    pitch = 2 * reach
    for corner in np.ndindex(*(int(size // pitch),) * 3):
        center = (np.array(corner) + 0.5) * pitch + rng.uniform(-1, 1, 3)
        low = np.maximum(np.floor((center - reach) / spacing).astype(int), 0)
        high = np.minimum(np.ceil((center + reach) / spacing).astype(int) + 1, body.shape)
        at = np.stack(np.meshgrid(*[np.arange(a, b) for a, b in zip(low, high, strict=True)], indexing="ij"), axis=-1)
        within = ((((at * spacing - center) @ rotation) / axes) ** 2).sum(axis=-1) < 1
        body[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] |= within
    return Mask(Grid(body.shape, np.diag([*spacing, 1.0])), body)


@pytest.mark.parametrize(("axes", "turn"), [((9.0, 6.0, 4.5), 1), ((9.0, 6.0, 6.0), 2)])
def test_fabric_of_aligned_ellipsoids_and_its_rotation(axes, turn):
    rotation = Rotation.random(random_state=turn).as_matrix()
    bone = ellipsoids(np.array(axes), rotation)
    for fabric in (intercept_fabric(bone), gradient_fabric(bone)):
        # Voxels round off the ends of bodies this small; benchmarks/morphometry_exactness.py has larger ones.
        assert fabric.degree_of_anisotropy == pytest.approx(axes[0] / axes[2], rel=0.035)
        assert abs(rotation[:, 0] @ fabric.directions[:, 0]) > 0.999
        np.testing.assert_allclose(fabric.directions.T @ fabric.directions, np.eye(3), atol=1e-9)


def test_voxels_need_not_be_cubes():
    bone = ellipsoids(np.array([9.0, 6.0, 6.0]), np.eye(3), spacing=(1.0, 0.7, 1.3))
    assert intercept_fabric(bone).degree_of_anisotropy == pytest.approx(1.5, rel=0.03)
    assert gradient_fabric(bone).degree_of_anisotropy == pytest.approx(1.5, rel=0.04)


def test_balls_have_no_direction():
    bone = ellipsoids(np.array([6.0, 6.0, 6.0]), np.eye(3))
    assert intercept_fabric(bone).degree_of_anisotropy < 1.035
    assert gradient_fabric(bone).degree_of_anisotropy < 1.02


def test_directions_are_lps():
    bone = ellipsoids(np.array([9.0, 5.0, 5.0]), np.eye(3), size=60)
    swap = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    affine = np.eye(4)
    affine[:3, :3] = swap
    turned = Mask(Grid(bone.array.shape, affine), bone.array)
    assert abs(gradient_fabric(turned).directions[:, 0] @ swap[:, 0]) > 0.999


def test_what_has_no_fabric_is_refused():
    bone = ellipsoids(np.array([9.0, 5.0, 5.0]), np.eye(3), size=40)
    nothing = Mask(bone.grid, np.zeros(bone.array.shape, bool))
    for fabric in (intercept_fabric, gradient_fabric):
        with pytest.raises(InputError, match="region of interest is empty"):
            fabric(bone, nothing)
        with pytest.raises(InputError, match="all bone or holds none"):
            fabric(nothing)
    corner = np.zeros(bone.array.shape, bool)
    corner[:2, :2, :2] = True
    held = bone.array.copy()
    held[0, 0, 0] = True
    with pytest.raises(InputError, match="larger region"):
        intercept_fabric(Mask(bone.grid, held), Mask(bone.grid, corner))
