"""How much is dead, on shapes whose extent is known: cones and caps of a ball."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.measure import necrosis_extent as extent
from marrowmap.measure.head_map import upright
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.values import Side
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur
from tests.measure.ball import segment_of

BALL_ML = 4 / 3 * np.pi * RADIUS_MM**3 / 1000


@lru_cache
def cone(half_angle_deg: float, side: Side = Side.LEFT, forward_deg: float = 0.0) -> NecroticSegment:
    """A cone from the head center around the direction up the shaft, turned forward."""
    femur = ball_femur(side)
    up, _ = upright(femur)
    turn = np.radians(forward_deg)
    axis = np.cos(turn) * up + np.sin(turn) * np.array([0.0, 0.0, 1.0])
    least = np.cos(np.radians(half_angle_deg))
    return segment_of(femur, 12.0 * axis, lambda p: p @ axis >= least * np.linalg.norm(p, axis=-1))


def cap(height_mm: float, forward_deg: float = 0.0) -> NecroticSegment:
    """What a plane cuts off the ball."""
    femur = ball_femur()
    up, _ = upright(femur)
    turn = np.radians(forward_deg)
    axis = np.cos(turn) * up + np.sin(turn) * np.array([0.0, 0.0, 1.0])
    return segment_of(femur, (RADIUS_MM - height_mm / 2) * axis, lambda p: p @ axis > RADIUS_MM - height_mm)


@pytest.mark.parametrize("half_angle_deg", [30.0, 45.0, 60.0])
def test_a_cone_has_four_half_angles_and_its_share_of_the_ball(half_angle_deg):
    segment = cone(half_angle_deg)
    coronal, sagittal = extent.necrotic_arcs_deg(segment)
    assert coronal == pytest.approx(2 * half_angle_deg, abs=3)
    assert sagittal == pytest.approx(2 * half_angle_deg, abs=3)
    dead, _ = extent.lesion_volume_ml(segment)
    share = (1 - np.cos(np.radians(half_angle_deg))) / 2
    assert dead / BALL_ML == pytest.approx(share, abs=0.012)
    assert extent.cone_fraction(4 * half_angle_deg) == pytest.approx(share)


def test_the_head_ends_at_its_neck():
    _, whole = extent.lesion_volume_ml(cone(45.0))
    neck = (2 + HEAD_ENDS_AT_RADII) * (1 - HEAD_ENDS_AT_RADII) ** 2 / 4
    assert whole == pytest.approx((1 - neck) * BALL_ML, rel=0.01)


def test_both_sides_count_alike():
    left, right = (cone(50.0, side, forward_deg=20.0) for side in Side)
    assert extent.necrotic_arcs_deg(left) == pytest.approx(extent.necrotic_arcs_deg(right))
    assert left.reach_mm == pytest.approx(right.reach_mm)


def test_a_cone_turned_forward_keeps_its_sagittal_arc_and_loses_coronal():
    # Spherical right triangle: the arc left in the coronal plane is 2 arccos(cos a / cos turn).
    coronal, sagittal = extent.necrotic_arcs_deg(cone(50.0, forward_deg=30.0))
    left = 2 * np.degrees(np.arccos(np.cos(np.radians(50)) / np.cos(np.radians(30))))
    assert sagittal == pytest.approx(100, abs=3)
    assert coronal == pytest.approx(left, abs=3)


@pytest.mark.parametrize("height_mm", [8.0, 16.0])
def test_arcs_are_those_of_the_joint_surface(height_mm):
    arc = 2 * np.degrees(np.arccos((RADIUS_MM - height_mm) / RADIUS_MM))
    assert extent.necrotic_arcs_deg(cap(height_mm)) == pytest.approx((arc, arc), abs=5)


def test_240_degrees_are_exactly_a_quarter():
    assert extent.cone_fraction(240.0) == pytest.approx(0.25, abs=1e-12)
    assert extent.cone_fraction(0.0) == 0.0
    assert extent.cone_fraction(720.0) == pytest.approx(1.0)


@given(st.floats(0, 719), st.floats(0.5, 1))
def test_a_larger_angle_is_a_larger_share(angle, more):
    assert extent.cone_fraction(angle) < extent.cone_fraction(angle + more)


def test_koo_index_is_both_arcs_over_half_a_circle():
    assert extent.koo_index(90.0, 90.0) == pytest.approx(25.0)
    assert extent.koo_index(180.0, 180.0) == pytest.approx(100.0)
    assert extent.koo_index(0.0, 150.0) == 0.0
    assert extent.koo_index(60.0, 120.0) == pytest.approx(100 * 2 / 9)


@pytest.mark.parametrize(
    ("percent", "name"), [(0.5, "A"), (14.9, "A"), (15.1, "B"), (29.9, "B"), (30.1, "C"), (99.0, "C"), (100.0, "C")]
)
def test_steinberg_s_limits_are_15_and_30_percent(percent, name):
    assert extent.steinberg_class(percent) == name


def test_the_limits_themselves_belong_to_the_middle_class():
    assert extent.steinberg_class(15.0) == "B"
    assert extent.steinberg_class(30.0) == "B"


def test_rounding_above_the_whole_head_stays_a_class():
    assert extent.steinberg_class(100.4) == "C"


@pytest.mark.parametrize(
    ("angle", "grade"),
    [(0.0, 1), (199.9, 1), (200.0, 2), (249.9, 2), (250.0, 3), (299.9, 3), (300.0, 4), (700.0, 4)],
)
def test_kerboul_grades_begin_at_200_250_and_300_degrees(angle, grade):
    assert extent.kerboul_grade(angle) == grade


@pytest.mark.parametrize("height_mm", [10.0, 16.0, 24.0])
def test_the_band_of_a_cap_lies_as_deep_as_the_cap_is_high(height_mm):
    # The middle of the band, half its thickness inward of its outer border.
    expected = (height_mm - extent.HALF_BAND_MM) / (2 * RADIUS_MM)
    segment = cap(height_mm)
    assert extent.band_depth_ratio(segment, 0.0) == pytest.approx(expected, abs=0.015)
    assert extent.deepest_band_ratio(segment) == pytest.approx(expected, abs=0.02)


def test_a_cap_off_the_middle_is_deeper_elsewhere():
    segment = cap(14.0, forward_deg=40.0)
    middle, deepest = extent.band_depth_ratio(segment, 0.0), extent.deepest_band_ratio(segment)
    assert deepest > (middle or 0.0) + 0.04


def test_a_plane_that_does_not_cut_the_band_has_no_ratio():
    segment = cap(8.0)
    assert extent.band_depth_ratio(segment, RADIUS_MM - 1.0) is None
    assert extent.band_depth_ratio(segment, RADIUS_MM + 5.0) is None
