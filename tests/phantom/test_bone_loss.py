from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.phantom import draw_exam
from marrowmap.phantom.bone_loss import LOSS
from marrowmap.phantom.bone_loss import RESIDUAL
from marrowmap.phantom.bone_loss import loss_course
from marrowmap.phantom.bone_loss import lost_share
from marrowmap.phantom.bone_loss import sample_bone_loss
from marrowmap.phantom.ct import HOUNSFIELD
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.truth import region_masks
from marrowmap.values import Side
from tests.phantom.conftest import still_hip

ILL = Lesion(amount=0.7, width_mm=4.0)
LOST = replace(ILL, bone_loss=0.3)


def _painted(person, lesion):
    center = person.hips[Side.LEFT].center
    grid = make_grid(center - np.array([40.0, 45, 100]), center + np.array([80.0, 60, 40]), 2.0)
    return grid, bone_layers(person, {Side.LEFT: lesion}, grid, np.random.default_rng(1), sides=(Side.LEFT,))


@pytest.fixture(scope="module")
def pair():
    person = sample_person(np.random.default_rng(5))
    return person, _painted(person, ILL), _painted(person, LOST)


def test_course_has_the_weeks_of_the_literature():
    assert loss_course(2.9, 10, 0.2) == 0
    assert 0 < loss_course(5, 10, 0.2) < 1
    assert loss_course(12, 10, 0.2) == loss_course(16, 10, 0.2) == 1
    assert 0.2 < loss_course(30, 10, 0.2) < 1
    assert loss_course(52, 10, 0.2) == loss_course(200, 10, 0.2) == pytest.approx(0.2)


def test_draws_lie_in_their_range_and_follow_the_weeks():
    def at(weeks):
        drawn = [sample_bone_loss(Lesion(weeks=weeks), np.random.default_rng(n)).bone_loss for n in range(40)]
        return np.array(drawn)

    assert (at(2) == 0).all()
    assert (at(14) >= LOSS[0]).all()
    assert (at(14) <= LOSS[1]).all()
    assert (at(60) <= RESIDUAL[1] * at(14)).all()
    assert np.array_equal(at(None), at(14))


def test_only_the_affected_hip_loses_bone_and_only_in_diseases_that_do():
    for kind in ("toh", "toh_fracture", "crps", "infection"):
        _, lesions, _ = draw_exam(kind, 3, Side.LEFT, 12.0)
        assert LOSS[0] <= lesions[Side.LEFT].bone_loss <= LOSS[1]
        assert lesions[Side.RIGHT].bone_loss == 0
    for kind in ("normal", "onfh", "sif", "tumor"):
        assert all(lesion.bone_loss == 0 for lesion in draw_exam(kind, 3)[1].values())


@pytest.mark.parametrize("side", list(Side))
def test_loss_ends_at_the_intertrochanteric_plane(side):
    hip = still_hip(side)
    line = hip.landmarks["neck_shaft_corner"] + np.linspace(-30, 30, 121)[:, None] * hip.plane_normal
    past = hip.past_plane(line.astype(np.float32))
    lost = lost_share(LOST, hip, line.astype(np.float32), np.zeros(121, np.float32))
    assert lost[past < -8] == pytest.approx(0.3, abs=0.01)
    assert (lost[past > 8] < 0.01).all()
    assert abs(float(past[np.argmin(np.abs(lost - 0.15))])) < 4


def test_mr_is_the_same_to_the_last_bit(pair):
    _, (grid, before), (_, after) = pair
    for contrast in (Contrast.T1, Contrast.STIR):
        one, two = (paint(scene.layers, grid.shape, contrast, 1.5) for scene in (before, after))
        assert np.array_equal(one, two)


def test_ct_and_mineral_lose_what_was_set(pair):
    person, (grid, before), (_, after) = pair
    hip = person.hips[Side.LEFT]
    full, rest = before.truths[Side.LEFT], after.truths[Side.LEFT]
    masks = region_masks(hip, points_of(full.grid))
    for region, loss in (("femoral_head", 0.3), ("femoral_neck", 0.27), ("femoral_shaft", 0.0)):
        left = rest.mineral[masks[region]].sum() / full.mineral[masks[region]].sum()
        assert 1 - left == pytest.approx(loss, abs=0.03)
    one, two = (paint_layers(s.layers, grid.shape, lambda tissue: HOUNSFIELD[tissue] + 1000.0) for s in (before, after))
    index = box_around(grid, hip.center[None], 6.0)
    # Marrow is worth what it is; of what bone adds to it, three tenths are gone.
    gone = one[index] - two[index]
    start = np.rint(full.grid.to_index(grid.to_world([s.start for s in index]))).astype(int)
    inner = tuple(slice(a, a + n) for a, n in zip(start, gone.shape, strict=True))
    expected = 0.3 * full.mineral[inner] * (HOUNSFIELD["cortical_bone"] - HOUNSFIELD["resorbed_bone"])
    assert np.allclose(gone, expected, atol=1)
    assert gone.mean() > 30


def test_well_hips_have_no_layer_of_loss(pair):
    person, (_, before), (_, after) = pair
    _, well = _painted(person, WELL)
    assert all(layer.tissue != "resorbed_bone" for layer in (*before.layers, *well.layers))
    assert sum(layer.tissue == "resorbed_bone" for layer in after.layers) == 1
