from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from skimage import measure

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.skeleton_topology import KINDS
from marrowmap.measure.skeleton_topology import name_voxels
from marrowmap.measure.skeleton_topology import skeleton
from marrowmap.measure.skeleton_topology import skeleton_topology
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import bone_fraction_map
from marrowmap.phantom.trabecular import grow


def mask(array, spacing=1.0) -> Mask:
    return Mask(Grid(array.shape, np.diag([spacing, spacing, spacing, 1.0])), array)


def test_voxels_of_drawn_skeletons_have_their_names():
    thin = np.zeros((15, 15, 15), bool)
    thin[7, 2:13, 2:13] = True
    kinds = name_voxels(thin)
    assert (kinds[7, 3:12, 3:12] == KINDS.index("surface")).all()
    assert (kinds[7, 2, 2:13] == KINDS.index("edge")).all()
    line = np.zeros((9, 9, 15), bool)
    line[4, 4, 2:13] = True
    kinds = name_voxels(line)
    assert (kinds[4, 4, 3:12] == KINDS.index("curve")).all()
    assert kinds[4, 4, 2] == KINDS.index("edge")
    line[4, 2:7, 7] = True
    assert KINDS.index("curve_junction") in name_voxels(line)
    thin[2:13, 7, 2:13] = True
    assert (name_voxels(thin)[7, 7, 3:12] == KINDS.index("surface_junction")).all()
    assert name_voxels(np.pad(np.ones((1, 1, 1), bool), 2))[2, 2, 2] == KINDS.index("isolated")


@pytest.mark.parametrize("turn", [0, 3, 4])
@pytest.mark.parametrize("thick", [3.0, 5.0])
def test_a_plate_becomes_a_sheet_without_branches(turn, thick):
    rotation = Rotation.random(random_state=turn).as_matrix() if turn else np.eye(3)
    at = (np.stack(np.indices((48,) * 3), axis=-1) - 24 + 0.2) @ rotation
    plate = (np.abs(at[..., 0]) < thick / 2) & (np.abs(at[..., 1]) < 16) & (np.abs(at[..., 2]) < 16)
    counts = skeleton_topology(mask(plate)).counts
    total = sum(counts[kind] for kind in KINDS[1:])
    assert counts["surface"] > 0.8 * total
    assert counts["curve"] + counts["curve_junction"] + counts["isolated"] < 0.02 * total


def test_thinning_keeps_parts_tunnels_and_cavities():
    noise = np.pad(np.random.default_rng(2).random((16, 16, 16)) < 0.4, 1)
    assert measure.euler_number(skeleton(mask(noise)), 3) == measure.euler_number(noise, 3)
    assert measure.label(skeleton(mask(noise)), connectivity=3).max() == measure.label(noise, connectivity=3).max()


def test_plates_taken_away_and_holed_lower_the_plate_rod_ratio_and_raise_erosion():
    found = []
    for recipe in (Recipe(plate_share=0.8), Recipe(plate_share=0.4), Recipe(plate_share=0.05)):
        fraction = bone_fraction_map(grow((2.8, 2.8, 2.8), recipe, seed=4), (0.05, 0.05, 0.05), 2)
        found.append(skeleton_topology(mask(fraction > 0.5, 0.05)))
    ratios = [each.plate_rod_ratio for each in found]
    assert ratios[0] > 2 * ratios[1] > 4 * ratios[2]
    assert found[0].erosion_index < found[1].erosion_index < found[2].erosion_index


def test_what_has_no_skeleton_is_refused():
    with pytest.raises(InputError, match="no skeleton"):
        skeleton(mask(np.ones((5, 5, 5), bool)))
    bone = mask(np.pad(np.ones((3, 3, 3), bool), 2))
    with pytest.raises(InputError, match="region of interest is empty"):
        skeleton_topology(bone, mask(np.zeros((7, 7, 7), bool)))
