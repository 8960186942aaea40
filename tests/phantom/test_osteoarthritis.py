from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.phantom import draw_exam
from marrowmap.phantom.hip import JOINT_GAP_MM
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Wear
from marrowmap.phantom.osteoarthritis import osteophyte_mm
from marrowmap.phantom.osteoarthritis import sample_osteoarthritis
from marrowmap.phantom.osteoarthritis import worn_share
from marrowmap.values import Side
from tests.phantom.conftest import paint_hip
from tests.phantom.conftest import still_hip


@pytest.fixture(scope="module")
def worn():
    person, lesions, _ = draw_exam("osteoarthritis", 2)
    side = next(side for side in Side if lesions[side].amount > 0)
    return paint_hip(person, side, lesions[side]), paint_hip(person, side, WELL), lesions[side]


def test_cysts_lie_under_the_joint_surface_and_are_fluid(worn):
    painted, _, lesion = worn
    cysts = next(mass for mass in lesion.masses if mass.bone == "femur")
    for center, radius in cysts.balls:
        assert painted.hip.radius - np.linalg.norm(center) - radius > 0.5
        assert painted.hip.radius - np.linalg.norm(center) - radius < 2.1
    truth = painted.truth
    inside = truth.lesion > 0.99
    near = (truth.lesion == 0) & (truth.marrow > 0.99) & (truth.membership > 0.8)
    assert inside.sum() > 5
    assert np.median(painted.stir[inside]) > 1.3 * np.median(painted.stir[near])
    assert np.median(painted.t1[inside]) < 0.8 * np.median(painted.t1[near])
    assert truth.membership[inside].max() < 0.02


def test_bone_grows_at_the_margin_and_nowhere_else(worn):
    painted, well, _ = worn
    grown = painted.truth.bone - well.truth.bone
    along = painted.bone()[..., 0] / painted.hip.radius
    assert grown.min() > -0.05
    assert grown.sum() * painted.truth.grid.voxel_volume_ml > 0.4
    assert grown[(along > 0.1) & (along < 0.8)].sum() > 0.95 * grown.sum()
    angle = np.linspace(0, np.pi, 181)
    ring = 23.0 * np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1).astype(np.float32)
    height = osteophyte_mm(Wear((0.0, 1.0, 0.0), 1.0, 5.0), 23.0, ring)
    assert height.max() == pytest.approx(5.0, abs=0.2)
    assert height[ring[:, 0] < -2].max() < 0.1


def test_the_joint_space_is_narrow_where_it_is_worn(worn):
    painted, well, lesion = worn
    gaps = [_gap_mm(each, lesion.wear.toward) for each in (painted, well)]
    assert gaps[0] < gaps[1] - 0.5
    assert gaps[0] == pytest.approx(JOINT_GAP_MM - lesion.wear.narrowing_mm, abs=1.0)


def _gap_mm(painted, toward):
    """Between the dark plates of head and roof on T1, along the radius."""
    reach = np.arange(painted.hip.radius - 1.5, painted.hip.radius + 9, 0.1)
    points = painted.hip.center + reach[:, None] * (painted.hip.axes @ np.array(toward))
    index = np.rint(painted.truth.grid.to_index(points)).astype(int)
    bright = painted.t1[tuple(index.T)] > 0.12
    head_plate = int(np.argmin(bright))
    start = head_plate + int(np.argmax(bright[head_plate:]))
    return int(np.argmin(bright[start:])) * 0.1


def test_wear_is_where_it_was_set_on_both_sides():
    wear = Wear((0.0, 1.0, 0.0), 1.0, 3.0)
    points = np.array([(0.0, 20.0, 0.0), (20.0, 0.0, 0.0), (0.0, -20.0, 0.0)], np.float32)
    assert np.allclose(worn_share(wear, points), (1, 0, 0))
    one, two = (sample_osteoarthritis(still_hip(side), np.random.default_rng(2)) for side in Side)
    assert np.allclose(one.wear.toward, two.wear.toward, atol=1e-5)
    assert len(one.blobs) == len(two.blobs) == sum(len(mass.balls) for mass in one.masses)
    assert replace(one, wear=None).wear is None
