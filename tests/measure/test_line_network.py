"""The dome of a head laid out as a block, and the network that reads it."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import ModelError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure import line_network
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import upright
from marrowmap.measure.line_network import DEPTHS_MM
from marrowmap.measure.line_network import DOME_DEG
from marrowmap.measure.line_network import PIXELS
from marrowmap.measure.line_network import describe_dome
from marrowmap.measure.line_network import line_chance
from marrowmap.measure.line_network import unroll_dome
from marrowmap.values import Side
from tests.measure.ball import CENTER_MM
from tests.measure.ball import FRAME
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur

BALL = ball_femur()


def ball_images() -> HeadImages:
    """An image whose signal is how far a point lies from the middle of the ball."""
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = np.array(CENTER_MM) - 45
    grid = Grid((91, 91, 91), affine, FRAME)
    away = np.linalg.norm(grid.points() - BALL.head_center_mm, axis=-1).astype(np.float32)
    return HeadImages(BALL, Volume(grid, away), Volume(grid, 2 * away), 40.0, 80.0)


def test_the_block_lies_under_the_surface_about_the_direction_up_the_shaft():
    dome = unroll_dome(BALL)
    up, lateral = upright(BALL)
    middle = dome.directions[PIXELS // 2 - 1 : PIXELS // 2 + 1, PIXELS // 2 - 1 : PIXELS // 2 + 1].mean(axis=(0, 1))
    assert middle @ up == pytest.approx(1.0, abs=1e-3)
    assert np.degrees(np.arccos(dome.directions[0, PIXELS // 2] @ up)) == pytest.approx(DOME_DEG, abs=0.1)
    assert dome.directions[-1, PIXELS // 2] @ lateral > 0.9
    assert dome.directions[PIXELS // 2, -1, 2] > 0.9
    depth = RADIUS_MM - np.linalg.norm(dome.points(), axis=-1)
    assert depth == pytest.approx(np.broadcast_to(DEPTHS_MM, depth.shape), abs=1e-6)
    neck = dome.directions[..., 0] > HEAD_ENDS_AT_RADII
    assert (dome.shown == ~neck).all()


def test_neighbors_are_as_far_apart_as_said():
    dome = unroll_dome(BALL)
    i = PIXELS // 2
    step = np.arccos(np.clip(dome.directions[i, i] @ dome.directions[i + 1, i], -1, 1))
    assert step == pytest.approx(dome.pixel_rad, rel=0.01)


def test_signal_is_read_at_its_depth():
    described = describe_dome(unroll_dome(BALL), ball_images())
    expected = np.broadcast_to((RADIUS_MM - DEPTHS_MM) / 40.0, described.shape[1:])
    assert described[0] == pytest.approx(expected, abs=0.01)
    assert described[1] == pytest.approx(expected, abs=0.01)
    assert described[2] == pytest.approx(np.broadcast_to(DEPTHS_MM / 10, described.shape[1:]))


def test_a_right_head_is_laid_out_like_a_left_one():
    left, right = unroll_dome(BALL), unroll_dome(ball_femur(Side.RIGHT))
    assert right.directions == pytest.approx(left.directions)
    assert (right.shown == left.shown).all()


def test_chances_lie_between_0_and_1_and_the_neck_has_none(broken_head):
    dome = unroll_dome(broken_head.femur)
    chance = line_chance(dome, broken_head.images)
    assert chance.shape == (PIXELS, PIXELS, len(DEPTHS_MM))
    assert ((chance >= 0) & (chance <= 1)).all()
    assert chance.max() > 0.9
    assert (chance[~dome.shown] == 0).all()


def test_without_its_file_the_network_is_missed_in_one_line(monkeypatch, broken_head):
    line_network._session.cache_clear()
    monkeypatch.setattr(line_network, "NETWORK", "elsewhere.onnx")
    with pytest.raises(ModelError, match=r"elsewhere\.onnx is missing"):
        line_chance(unroll_dome(broken_head.femur), broken_head.images)
    line_network._session.cache_clear()
