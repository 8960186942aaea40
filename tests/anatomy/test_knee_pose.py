from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.knee_pose import draw_knee_pose
from marrowmap.anatomy.knee_pose import knee_center
from marrowmap.anatomy.knee_pose import measure_gap
from marrowmap.anatomy.shape_model import load_knee_model
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.values import Side


@pytest.mark.parametrize("bone", BONES)
def test_surfaces_are_closed_and_look_outward(bone):
    shape = load_knee_model()[bone]
    edges = np.concatenate([shape.faces[:, [0, 1]], shape.faces[:, [1, 2]], shape.faces[:, [2, 0]]])
    directed, counts = np.unique(edges, axis=0, return_counts=True)
    assert (counts == 1).all()
    assert {tuple(e) for e in directed} == {(b, a) for a, b in directed}
    a, b, c = (shape.mean[shape.faces[:, n]] - shape.mean.mean(axis=0) for n in range(3))
    assert np.einsum("ij,ij->i", a, np.cross(b, c)).sum() > 0


def test_knee_hangs_below_the_hip_of_the_same_weights():
    weights = np.clip(np.random.default_rng(3).normal(size=26), -2, 2)
    knee, hip = load_knee_model().femur, load_shape_model().femur
    top = knee.vertices(weights)[knee.vertex_sets["shaft_ring_proximal"]].mean(axis=0)
    axis = hip.vertices(weights)[hip.vertex_sets["shaft_ring_distal"]].mean(axis=0)
    assert -250 < (top - axis)[2] < -80
    assert np.linalg.norm((top - axis)[:2]) < 35


@pytest.mark.parametrize("side", list(Side))
def test_drawn_knees_do_not_overlap(side):
    rng = np.random.default_rng(5)
    for _ in range(2):
        pose = draw_knee_pose(rng, side, np.array([90.0 * side.sign, 0.0, 0.0]))
        assert 2.0 < measure_gap(pose, "femur", "tibia") < 8.0
        assert 1.0 < measure_gap(pose, "femur", "patella") < 8.0
        assert measure_gap(pose, "tibia", "fibula") > 0.0
        assert np.linalg.norm(knee_center(pose.vertices("femur")) - pose.pivots[0]) < 4.0
        middle = {bone: pose.vertices(bone).mean(axis=0) for bone in BONES}
        assert (middle["fibula"] - middle["tibia"])[0] * side.sign > 5  # the fibula is lateral
        assert middle["patella"][1] < middle["femur"][1] - 15  # the patella lies in front
        assert middle["tibia"][2] < middle["femur"][2] - 40


def test_right_is_the_mirrored_left():
    left = KneePose.at(Side.LEFT, np.array([80.0, 5.0, 9.0]))
    right = KneePose.at(Side.RIGHT, np.array([-80.0, 5.0, 9.0]))
    for bone in BONES:
        assert np.allclose(left.vertices(bone) * [-1, 1, 1], right.vertices(bone), atol=1e-6)
        assert np.allclose(left.mirrored().vertices(bone), right.vertices(bone), atol=1e-6)


def test_a_step_moves_one_bone():
    pose = KneePose.at(Side.LEFT, np.zeros(3))
    step = np.zeros(50)
    step[26 + 6 * 3 + 3 :] = (1.0, 2.0, 3.0)
    moved = pose.moved(step)
    assert np.allclose(moved.vertices("patella") - pose.vertices("patella"), (1.0, 2.0, 3.0))
    assert np.allclose(moved.vertices("tibia"), pose.vertices("tibia"))
