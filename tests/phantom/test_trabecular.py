from __future__ import annotations

import numpy as np
import pytest
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular import Plate
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import Rod
from marrowmap.phantom.trabecular import TrabecularBlock
from marrowmap.phantom.trabecular import bone_fraction_map
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular import resorbed

BOX = (2.6, 2.6, 2.6)


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(plate_share=1.0, hole_share=1.0, hole_size=0.5),
        Recipe(plate_share=0.2, rod_share=0.7),
        Recipe(stretch=1.6, plate_mm=0.12),
        resorbed(Recipe(plate_share=0.6), thinning=0.15, perforation=0.5, lost_rods=0.2),
    ],
)
@pytest.mark.parametrize("seed", [1, 2])
def test_euler_number_counted_on_the_model_is_that_of_its_image(recipe, seed):
    size = (2.6, 2.6, 2.6 * recipe.stretch)
    block = grow(size, recipe, seed)
    image = bone_fraction_map(block, (0.03, 0.03, 0.03), 1) > 0.5
    assert measure.euler_number(image, 3) == block.euler


def test_partial_volume_keeps_the_amount_of_bone_at_any_voxel_size():
    block = grow(BOX, Recipe(), 3)
    volumes = []
    for voxel, finer in (((0.02, 0.02, 0.02), 1), ((0.065, 0.065, 0.065), 3), ((0.1, 0.1, 0.26), 5)):
        share = bone_fraction_map(block, voxel, finer)
        assert 0 <= share.min() <= share.max() <= 1
        volumes.append(float(share.sum()) * np.prod(voxel))
    assert volumes[1] == pytest.approx(volumes[0], rel=0.02)
    assert volumes[2] == pytest.approx(volumes[0], rel=0.03)


def test_one_rod_and_one_plate_have_their_volume():
    rod = Rod(np.array([[0.503, 0.511, 0.4], [0.503, 0.511, 1.6]]), 0.2)
    plate = Plate(np.array([[0.3, 0.3, 1.0], [1.7, 0.3, 1.0], [1.7, 1.7, 1.0], [0.3, 1.7, 1.0]]) + 0.003, 0.2, 0.4)
    image = bone_fraction_map(TrabecularBlock((2.0, 2.0, 2.0), (), (rod,), 1), (0.05,) * 3, 4)
    capsule = np.pi * 0.01 * 1.2 + 4 / 3 * np.pi * 0.001
    assert float(image.sum()) * 0.05**3 == pytest.approx(capsule, rel=0.01)
    image = bone_fraction_map(TrabecularBlock((2.0, 2.0, 2.0), (plate,), (), 0), (0.05,) * 3, 4)
    rim = 4 * 1.4 * np.pi * 0.01 / 2 + 4 / 3 * np.pi * 0.001
    assert float(image.sum()) * 0.05**3 == pytest.approx(1.4**2 * 0.2 - np.pi * 0.16 * 0.2 + rim, rel=0.01)


def test_resorption_takes_away_what_was_there():
    before, after = Recipe(plate_share=0.5), resorbed(Recipe(plate_share=0.5), 0.2, 0.6, 0.3)
    full, worn = (bone_fraction_map(grow(BOX, recipe, 5), (0.05,) * 3, 2) for recipe in (before, after))
    assert worn.sum() < 0.85 * full.sum()
    # Thinner bone fits a little closer to the box.
    assert (worn <= full + 1e-6).mean() > 0.995
    assert any(plate.hole_mm > 0 for plate in grow(BOX, after, 5).plates)
    assert grow(BOX, after, 5).euler != grow(BOX, before, 5).euler


def test_recipes_that_cannot_be_built_are_refused():
    with pytest.raises(InputError, match="more than 0"):
        Recipe(plate_mm=0)
    with pytest.raises(InputError, match="thinner"):
        Recipe(rod_mm=0.5)
    with pytest.raises(InputError, match="between 0 and 1"):
        Recipe(plate_share=1.2)
    with pytest.raises(InputError, match="no whole cell face"):
        grow((0.3, 0.3, 0.3), Recipe(), 1)
