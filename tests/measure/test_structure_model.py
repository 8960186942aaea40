from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.structure_model import bone_surface
from marrowmap.measure.structure_model import structure_model_index

SIZE = 40


def mask(array, spacing=(1.0, 1.0, 1.0)) -> Mask:
    return Mask(Grid(array.shape, np.diag([*spacing, 1.0])), array)


def inner():
    region = np.zeros((SIZE,) * 3, bool)
    region[8:-8, 8:-8, 8:-8] = True
    return mask(region)


@pytest.mark.parametrize("turn", [0, 3])
def test_plate_rod_and_ball(turn):
    rotation = Rotation.random(random_state=turn).as_matrix() if turn else np.eye(3)
    at = (np.stack(np.indices((SIZE,) * 3), axis=-1) - SIZE / 2 + 0.2) @ rotation
    assert structure_model_index(mask(np.abs(at[..., 0]) < 4), inner()) == pytest.approx(0, abs=0.05)
    assert structure_model_index(mask(np.hypot(at[..., 0], at[..., 1]) < 5), inner()) == pytest.approx(3, abs=0.15)
    assert structure_model_index(mask(np.linalg.norm(at, axis=-1) < 8)) == pytest.approx(4, abs=0.15)


def test_a_hole_in_bone_is_negative_and_scale_does_not_matter():
    at = np.linalg.norm(np.indices((SIZE,) * 3) - SIZE / 2, axis=0)
    assert structure_model_index(mask(at > 8)) < 0
    fine = structure_model_index(mask(at < 8, (0.06, 0.06, 0.06)))
    assert fine == pytest.approx(structure_model_index(mask(at < 8)), rel=1e-3)


def test_area_of_a_ball_in_voxels_of_any_shape():
    spacing = np.array([1.0, 0.7, 1.2])
    at = np.linalg.norm((np.stack(np.indices((40, 56, 34)), axis=-1)) * spacing - np.array([20, 20, 20]), axis=-1)
    assert bone_surface(mask(at < 12, spacing)).area_mm2() == pytest.approx(4 * np.pi * 144, rel=0.02)


def test_what_has_no_surface_is_refused():
    full, empty = mask(np.ones((8, 8, 8), bool)), mask(np.zeros((8, 8, 8), bool))
    for bone in (full, empty):
        with pytest.raises(InputError, match="no surface"):
            structure_model_index(bone)
    half = mask(np.indices((8, 8, 8))[0] < 3)
    with pytest.raises(InputError, match="region of interest is empty"):
        structure_model_index(half, empty)
    far = np.zeros((8, 8, 8), bool)
    far[7] = True
    with pytest.raises(InputError, match="holds no surface"):
        structure_model_index(half, mask(far))
