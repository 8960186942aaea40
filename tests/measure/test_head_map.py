"""The head unrolled: where its places lie, and what is sampled there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.head_map import MOST_DEG
from marrowmap.measure.head_map import PIXELS
from marrowmap.measure.head_map import WEIGHT_BEARING_DEG
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import unroll
from marrowmap.measure.head_map import upright
from marrowmap.values import Side
from tests.measure.ball import CENTER_MM
from tests.measure.ball import FRAME
from tests.measure.ball import NECK_SHAFT_DEG
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur

BALL = ball_femur()
MAP = unroll(BALL)


def grid_around_head(spacing_mm: float = 1.0, half_mm: float = 32.0, frame: str = FRAME) -> Grid:
    affine = np.diag([spacing_mm] * 3 + [1.0])
    affine[:3, 3] = np.array(CENTER_MM) - half_mm
    count = int(2 * half_mm / spacing_mm) + 1
    return Grid((count, count, count), affine, frame)


def test_the_middle_is_the_direction_up_the_shaft():
    up, lateral = upright(BALL)
    assert up @ np.array([1.0, 0.0, 0.0]) == pytest.approx(np.cos(np.radians(NECK_SHAFT_DEG)))
    assert lateral @ up == pytest.approx(0.0, abs=1e-12)
    index, _ = MAP.place(BALL.to_world(10.0 * up))
    assert index == pytest.approx([(PIXELS - 1) / 2] * 2)


@pytest.mark.parametrize("side", list(Side))
def test_first_axis_runs_to_lateral_and_second_to_front(side):
    femur = ball_femur(side)
    middle = (PIXELS - 1) / 2
    outward = np.array([float(side.sign), 0.0, 0.0])
    lateral, _ = unroll(femur).place(femur.head_center_mm + 10 * outward)
    front, _ = unroll(femur).place(femur.head_center_mm + np.array([0.0, -10.0, 0.0]))
    assert lateral[0] > middle + 15
    assert front[1] > middle + 15


def test_left_and_right_unroll_to_the_same_map():
    right = unroll(ball_femur(Side.RIGHT))
    assert np.allclose(MAP.directions, right.directions)
    assert (MAP.shown == right.shown).all()
    assert np.allclose(MAP.radius_mm, right.radius_mm)
    mirrored = right.points([0.0, 3.0]) * np.array([-1.0, 1.0, 1.0])
    assert np.allclose(MAP.points([0.0, 3.0]), mirrored)


def test_place_undoes_points():
    depth = np.array([-2.0, 0.0, 4.0, 15.0])
    index, found = MAP.place(MAP.points(depth))
    pixel = np.stack(np.meshgrid(np.arange(PIXELS), np.arange(PIXELS), indexing="ij"), axis=-1)
    r = np.linalg.norm(pixel - (PIXELS - 1) / 2, axis=-1)
    within = r < (PIXELS - 1) / 2 - 0.5
    assert np.allclose(index[within], pixel[within][:, None, :], atol=1e-5)
    assert np.allclose(found[within], depth, atol=1e-5)


@settings(max_examples=40)
@given(st.floats(0, np.radians(MOST_DEG - 3)), st.floats(0, 2 * np.pi), st.floats(-3, 20))
def test_any_point_of_the_ball_is_placed_at_its_depth(polar, turn, depth):
    up, lateral = upright(BALL)
    across = np.cos(turn) * lateral + np.sin(turn) * np.array([0.0, 0.0, 1.0])
    direction = np.cos(polar) * up + np.sin(polar) * across
    index, found = MAP.place(BALL.to_world((RADIUS_MM - depth) * direction))
    assert found == pytest.approx(depth, abs=0.02)
    away = np.linalg.norm(index - (PIXELS - 1) / 2) / ((PIXELS - 1) / 2)
    assert away == pytest.approx(np.sin(polar / 2) / np.sin(np.radians(MOST_DEG / 2)), abs=1e-9)


def test_equal_areas_of_the_map_are_equal_areas_of_the_surface():
    up, _ = upright(BALL)
    for angle in (20.0, 40.0, 70.0):
        pixels = (MAP.directions @ up > np.cos(np.radians(angle))).sum()
        cap_mm2 = 2 * np.pi * RADIUS_MM**2 * (1 - np.cos(np.radians(angle)))
        assert pixels * MAP.pixel_mm2 == pytest.approx(cap_mm2, rel=0.02)


def test_the_weight_bearing_sector_is_a_cap_around_the_middle():
    angle = np.degrees(np.arccos(np.clip(MAP.directions @ MAP.up, -1, 1)))
    assert (MAP.weight_bearing == (MAP.shown & (angle < WEIGHT_BEARING_DEG))).all()
    assert MAP.weight_bearing.sum() == (angle < WEIGHT_BEARING_DEG).sum()  # no neck reaches into it


def test_the_neck_is_not_shown():
    along = MAP.directions[..., 0] * MAP.radius_mm
    assert along[MAP.shown].max() < HEAD_ENDS_AT_RADII * RADIUS_MM
    assert 0.4 < MAP.shown.mean() < 0.8
    assert not MAP.shown[0, 0]


def test_a_ball_s_surface_is_its_radius_away():
    assert np.allclose(surface_radius(BALL, MAP.directions), RADIUS_MM)


def test_a_flattened_head_has_its_own_surface():
    up, _ = upright(BALL)
    local = BALL.to_bone(BALL.vertices)
    flat = np.where((local @ up > 20.0)[:, None], local * (20.0 / np.maximum(local @ up, 1.0))[:, None], local)
    femur = replace(BALL, vertices=BALL.to_world(flat))
    assert surface_radius(femur, up) == pytest.approx(20.0, abs=0.3)
    _, depth = unroll(femur).place(femur.to_world(18.0 * up))
    assert depth == pytest.approx(2.0, abs=0.4)


def test_sampling_a_volume_of_depth_gives_the_depth():
    grid = grid_around_head()
    depth = RADIUS_MM - np.linalg.norm(BALL.to_bone(grid.points()), axis=-1)
    sampled = MAP.sample(Volume(grid, depth.astype(np.float32)), [-1.0, 0.0, 2.5, 8.0])
    assert sampled.shape == (PIXELS, PIXELS, 4)
    assert np.isnan(sampled[~MAP.shown]).all()
    assert sampled[MAP.shown] == pytest.approx(np.tile([-1.0, 0.0, 2.5, 8.0], (int(MAP.shown.sum()), 1)), abs=0.05)


def test_what_lies_outside_the_image_is_not_a_number():
    grid = grid_around_head(half_mm=20.0)
    sampled = MAP.sample(Volume(grid, np.ones(grid.shape, np.float32)), [0.0])[..., 0]
    inside = grid.contains(MAP.points([0.0])[..., 0, :])
    assert (np.isfinite(sampled) == (inside & MAP.shown)).all()
    assert 0 < np.isfinite(sampled).sum() < MAP.shown.sum()


def test_half_a_voxel_past_the_last_center_is_still_in_the_image():
    grid = Grid((2, 2, 2), np.eye(4), FRAME)
    volume = Volume(grid, np.arange(8, dtype=np.float32).reshape(2, 2, 2))
    points = np.array([[1.49, 0, 0], [1.51, 0, 0], [-0.51, 0, 0], [0.5, 0, 0]])
    assert sample_at(volume, points) == pytest.approx([4.0, np.nan, np.nan, 2.0], nan_ok=True)


def test_an_image_of_another_frame_of_reference_is_refused():
    grid = grid_around_head(4.0, frame="1.10")
    with pytest.raises(GeometryError, match="different frames of reference"):
        MAP.sample(Volume(grid, np.zeros(grid.shape, np.float32)), [0.0])


def test_only_a_hip_s_femur_is_unrolled():
    with pytest.raises(ValueError, match="femoral head of a hip"):
        unroll(replace(BALL, bone="hip_bone"))
    of_knee = {name: point for name, point in BALL.landmarks.items() if name != "neck_shaft_corner"}
    with pytest.raises(ValueError, match="femoral head of a hip"):
        unroll(replace(BALL, landmarks=of_knee))
