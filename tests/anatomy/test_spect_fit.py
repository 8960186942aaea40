"""Bones laid on a SPECT without a CT."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_activity import fill_bones
from marrowmap.anatomy.registration import carry_bone
from marrowmap.anatomy.registration import register_to_spect
from marrowmap.errors import GeometryError
from marrowmap.image import Volume
from marrowmap.image.transform import Transform
from marrowmap.values import Side
from tests.measure import spect_hips as made

TURN = Rotation.from_rotvec((0.08, -0.04, 0.06)).as_matrix()
SHIFT = np.array((25.0, -60.0, 140.0))
FEMUR_TURN = Rotation.from_rotvec((0.05, 0.0, 0.12)).as_matrix()


def _elsewhere(frame):
    """The bone as another examination has it: the body lies otherwise, the left femur is turned in its socket."""
    if frame.bone == "femur" and frame.side is Side.LEFT:
        own = np.eye(4)
        own[:3, :3], own[:3, 3] = FEMUR_TURN, frame.head_center_mm - FEMUR_TURN @ frame.head_center_mm
        frame = carry_bone(frame, Transform(own, "1.9", "1.9"), 0.0, "turned")
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = TURN, SHIFT
    return carry_bone(frame, Transform(matrix, "1.9", "1.3"), 0.0, "moved")


@lru_cache(maxsize=1)
def _registered():
    # A hot left hip with a cold area must not move the bones.
    center = made.femur(Side.LEFT).to_world((-3.0, 9.0, 3.0))
    image = made.spect(made.HOT, made.WELL, [(Side.LEFT, center, 11.0, 0.2)])
    return register_to_spect([_elsewhere(frame) for frame in made.frames()], image)


def test_bones_that_lay_otherwise_are_brought_back():
    found, carried = _registered()
    assert [one.bone.side for one in found] == [Side.LEFT, Side.RIGHT]
    for one in found:
        there = made.femur(one.bone.side)
        off = np.linalg.norm(one.transform(one.bone.head_center_mm) - there.head_center_mm)
        assert off < 2.5
        assert off < 2.8 * one.error_mm
        tip = one.transform(one.bone.landmarks["greater_trochanter_tip"]) - there.landmarks["greater_trochanter_tip"]
        assert np.linalg.norm(tip) < 4
    assert {(f.bone, f.side) for f in carried} == {(f.bone, f.side) for f in made.frames()}
    assert {f.frame_of_reference_uid for f in carried} == {"1.9"}


def test_a_carried_bone_lies_where_its_map_says_and_knows_the_maps_error():
    found, carried = _registered()
    bone = next(f for f in carried if f.bone == "femur" and f.side is Side.LEFT)
    one = next(f for f in found if f.bone.side is Side.LEFT)
    assert np.allclose(bone.vertices, one.transform(one.bone.vertices))
    assert np.allclose(bone.axes.T @ bone.axes, np.eye(3))
    assert bone.fit_rms_mm == pytest.approx(np.hypot(0.4, one.error_mm))


def test_an_image_without_hips_is_refused():
    grid = made.spect(made.WELL, made.WELL).grid
    rough = np.abs(np.random.default_rng(4).normal(1.0, 0.3, grid.shape)).astype(np.float32)
    with pytest.raises(GeometryError, match="add the CT"):
        register_to_spect([_elsewhere(frame) for frame in made.frames()], Volume(grid, rough, "g/mL"))


def test_a_spect_upside_down_is_refused():
    image = made.spect(made.HOT, made.WELL)
    turned = Volume(image.grid, np.ascontiguousarray(image.array[:, :, ::-1]), image.unit)
    with pytest.raises(GeometryError, match="add the CT"):
        register_to_spect([_elsewhere(frame) for frame in made.frames()], turned)


def test_bones_nobody_trusts_are_refused():
    doubtful = [replace(frame, trusted=False) for frame in made.frames()]
    with pytest.raises(GeometryError, match="no hip"):
        fill_bones(doubtful)


def test_a_pose_moves_bodies_rigidly_about_their_pivots():
    bones = fill_bones(made.frames())
    pose = np.array([0.1, 0, 0, 5.0, -3.0, 2.0, 0, 0, 0.2, 0, 0, 0])
    moved = bones.moved(pose)
    mine = bones.body == 1
    away = np.linalg.norm(bones.points[mine] - bones.centers[0], axis=1)
    assert np.allclose(np.linalg.norm(moved[mine] - bones.heads(pose)[0], axis=1), away)
    assert np.allclose(bones.moved(np.zeros(bones.size)), bones.points)
