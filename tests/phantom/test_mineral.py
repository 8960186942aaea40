from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.image import Grid
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.mineral import hip_frame
from marrowmap.phantom.mineral import mineral_of
from marrowmap.phantom.mineral import paint_mineral
from marrowmap.phantom.mineral import sum_regions
from marrowmap.phantom.mineral import true_density
from marrowmap.phantom.person import pose_hip
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import HIP_REACH_MM
from marrowmap.phantom.scene import Part
from marrowmap.values import Side


def person_with(weights, side=Side.LEFT):
    person = sample_person(np.random.default_rng(3))
    still = Rotation.identity()
    hips = {one: pose_hip(weights, one, still, still) for one in Side}
    return replace(person, hips=hips)


def part_of(person, side, lesion=WELL, spacing=1.6):
    reach = HIP_REACH_MM if side is Side.LEFT else HIP_REACH_MM[::-1] * (-1, 1, 1)
    center = person.hips[side].center
    grid = make_grid(reach.min(axis=0) + center, reach.max(axis=0) + center, spacing)
    scene = bone_layers(person, {side: lesion}, grid, np.random.default_rng(1), sides=(side,))
    return Part(grid, scene.layers, scene.truths)


@pytest.fixture(scope="module")
def person():
    return person_with(np.zeros(26))


@pytest.fixture(scope="module")
def left(person):
    return part_of(person, Side.LEFT)


def test_a_slab_has_its_areal_density_in_every_region():
    # 20 mm of 500 mg/mL along the rays make 1 g/cm2.
    neck = np.array([np.cos(0.6), np.sin(0.6)])
    frame = DxaFrame(
        *(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), np.array([0, -1.0, 0])),
        *(neck, np.array([30.0, 0.0]), np.array([20.0, 60.0])),
    )
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = (-40.0, -30.0, -100.0)
    grid = Grid((120, 60, 140), affine)
    bone = np.zeros(grid.shape, np.float32)
    bone[10:110, 20:40, 10:130] = 1
    found = sum_regions(frame, 500 * bone, bone, grid)
    for name, region in found.items():
        assert region.bmd == pytest.approx(1.0, rel=0.02), name
    # No longer than the slab's diagonal.
    assert 5 < found["femoral_neck"].area_cm2 < 15 * np.hypot(100, 120) / 100
    assert found["total_hip"].bmc_g == pytest.approx(sum(r.bmc_g for n, r in found.items() if n != "total_hip"))


def test_tilted_rays_carry_the_same_mineral(person, left):
    density = true_density(person.hips[Side.LEFT], left)
    mineral = paint_mineral(left, Side.LEFT)
    grams = float(mineral.sum(dtype=float)) * left.truths[Side.LEFT].grid.voxel_volume_ml / 1000
    assert 0.2 * grams < density["total_hip"].bmc_g < grams


def test_both_sides_are_mirrored(person, left):
    mine = true_density(person.hips[Side.LEFT], left)
    theirs = true_density(person.hips[Side.RIGHT], part_of(person, Side.RIGHT))
    for name in mine:
        # The pattern of trabeculae is drawn anew on each side.
        assert theirs[name].bmd == pytest.approx(mine[name].bmd, rel=0.02), name
        assert theirs[name].area_cm2 == pytest.approx(mine[name].area_cm2, rel=0.02), name


def test_loss_of_a_fifth_lowers_density_by_a_fifth(person, left):
    sick = replace(WELL, bone_loss=0.2, boundary_mm=80.0, width_mm=2.0)
    lost = true_density(person.hips[Side.LEFT], part_of(person, Side.LEFT, sick))
    well = true_density(person.hips[Side.LEFT], left)
    for name in well:
        assert lost[name].bmd / well[name].bmd == pytest.approx(0.8, abs=0.005), name
        assert lost[name].area_cm2 == well[name].area_cm2


def test_density_is_that_of_people(person, left):
    found = true_density(person.hips[Side.LEFT], left)
    # Within two standard deviations of young men and women (NHANES III).
    assert 0.62 < found["femoral_neck"].bmd < 1.21
    assert 0.70 < found["total_hip"].bmd < 1.33


def test_only_bone_has_mineral():
    assert mineral_of("cortical_bone") > 0
    assert mineral_of("resorbed_bone") == mineral_of("muscle") == mineral_of("edema") == 0


def test_rays_run_across_neck_and_shaft(person):
    hip = person.hips[Side.LEFT]
    frame = hip_frame(hip)
    assert frame.anterior @ hip.axes[:, 0] == pytest.approx(0, abs=1e-9)
    assert abs(frame.anterior @ hip.shaft) < 0.05
