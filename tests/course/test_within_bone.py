"""Edema that moved, spread or receded within a bone, on drawn balls."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from marrowmap.course.within_bone import EdemaCenter
from marrowmap.course.within_bone import Move
from marrowmap.course.within_bone import find_center
from marrowmap.course.within_bone import shift_between
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import Place
from tests.course.edema_balls import CENTER
from tests.course.edema_balls import TURN
from tests.course.edema_balls import draw_balls

FRAME = FrameRow(Place("hip", "left"), "femur", tuple(CENTER), 25.0, tuple(tuple(row) for row in TURN), 0.3, True)  # type: ignore[arg-type]


def test_the_center_of_edema_is_found_in_bone_coordinates():
    found = find_center(*draw_balls(((3.0, 10.0, -6.0), 7.0)), FRAME, "femoral_head", date(2020, 1, 1))
    assert found.center_mm == pytest.approx((3.0, 10.0, -6.0), abs=0.1)
    assert found.volume_ml == pytest.approx(4 / 3 * np.pi * 7**3 / 1000, rel=0.05)


def test_little_edema_has_no_center():
    assert find_center(*draw_balls(((0, 0, 0), 4.0)), FRAME, "femoral_head", date(2020, 1, 1)) is None


def test_a_move_from_front_to_back_is_beyond_error_and_a_small_one_is_not():
    start, near, far = (
        find_center(*draw_balls((place, 7.0)), FRAME, "femoral_head", date(2020, month, 1))
        for month, place in ((1, (0.0, 10.0, 8.0)), (3, (0.5, 10.5, 7.0)), (5, (0.0, 10.0, -8.0)))
    )
    small, large = shift_between(start, near), shift_between(start, far)
    assert small.distance_mm < small.repeatability_mm
    assert large.distance_mm == pytest.approx(16, abs=0.2)
    assert large.p < 0.001
    assert large.words == "posterior"


def test_errors_alone_exceed_the_repeatability_in_5_percent():
    rng = np.random.default_rng(5)
    one = find_center(*draw_balls(((0.0, 0.0, 0.0), 7.0)), FRAME, "femoral_head", date(2020, 1, 1))
    error = one.error_mm * np.sqrt(2)
    beyond = np.linalg.norm(rng.normal(0, error, (20000, 3)), axis=1) > shift_between(one, one).repeatability_mm
    assert np.mean(beyond) == pytest.approx(0.05, abs=0.005)


def _seen(*balls: tuple[tuple[float, float, float], float], month: int = 1) -> EdemaCenter:
    return find_center(*draw_balls(*balls), FRAME, "femoral_head", date(2020, month, 1))


def _move(earlier: EdemaCenter, later: EdemaCenter) -> Move:
    shift = shift_between(earlier, later)
    return replace(shift, beyond=shift.p < 0.01).move


FRONT, BACK = ((0.0, 8.0, 11.0), 7.0), ((0.0, 8.0, -11.0), 7.0)


@pytest.mark.parametrize(
    ("earlier", "later", "move"),
    [
        ((FRONT,), (BACK,), Move.MOVED),
        ((FRONT, BACK), (BACK,), Move.RECEDED),
        ((FRONT,), (FRONT, BACK), Move.SPREAD),
        ((FRONT,), (FRONT,), Move.STAYED),
        # One large area that shrinks to its upper end, as edema of head and neck does in recovery.
        ((((0.0, 0.0, 0.0), 20.0),), (((0.0, 12.0, 0.0), 7.0),), Move.RECEDED),
        ((((0.0, 0.0, 0.0), 14.0),), (((0.0, 0.0, 0.0), 9.0),), Move.STAYED),
    ],
)
def test_only_edema_that_came_and_went_has_moved(earlier, later, move):
    assert _move(_seen(*earlier), _seen(*later, month=5)) is move


def test_what_came_and_went_is_in_ml():
    shift = shift_between(_seen(FRONT, BACK), _seen(BACK, month=5))
    assert shift.come_ml == 0
    # A ball of 7 mm, of which nothing is near the other.
    assert shift.gone_ml == pytest.approx(4 / 3 * np.pi * 7**3 / 1000, rel=0.05)
