"""Sides against the sides of well people, never against the least significant change."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.measure.density_sides import compare_sides
from marrowmap.measure.density_tables import change_limits
from marrowmap.values import Side
from tests.measure.density_records import record


def pair(left: float, right: float, **changes: object) -> list:
    return [record(bmd=left, **changes), record(bmd=right, **{**changes, "side": Side.RIGHT})]


def test_both_ways_of_counting():
    (one,) = compare_sides(pair(0.783, 1.111))
    assert one.percent(Side.LEFT) == pytest.approx(-29.5, abs=0.05)
    assert one.percent(Side.RIGHT) == pytest.approx(41.9, abs=0.05)
    assert one.in_reference_unit(Side.LEFT) == pytest.approx(-34.6, abs=0.05)
    assert one.tail(Side.LEFT) < 1e-4


def test_the_limit_is_wider_than_the_least_significant_change():
    (one,) = compare_sides(pair(0.9, 1.0))
    assert one.reference is not None
    assert one.reference.n == 266
    assert one.limit() > 2 * change_limits()["femoral_neck"].percent
    # The paper prints -16.0 to 15.2 as mean and twice the SD.
    assert one.limit() == pytest.approx(15.8, abs=0.3)
    assert one.limit(3) > one.limit()


def test_well_people_drawn_from_the_reference_stay_within():
    rng = np.random.default_rng(2)
    percent = rng.normal(-0.4, 7.8, 4000)
    (one,) = compare_sides(pair(0.9, 1.0))
    assert 0.93 <= np.mean(np.abs(percent) <= one.limit()) <= 0.97


def test_total_hip_is_counted_in_its_own_unit():
    (one,) = compare_sides(pair(0.9, 1.0, region="total_hip"))
    assert one.reference is not None
    assert one.reference.unit == "g/cm2"
    assert one.in_reference_unit(Side.LEFT) == pytest.approx(-0.1)
    assert one.limit() == pytest.approx(2.0 * 0.05, abs=0.002)


def test_no_reference_at_the_knee():
    (one,) = compare_sides(pair(0.8, 1.0, region="distal_femur"))
    assert one.reference is None
    with pytest.raises(ValueError, match="no reference"):
        one.limit()


def test_two_machines_or_no_date_are_not_compared():
    left, right = pair(0.9, 1.0)
    other = record(side=Side.RIGHT, bmd=1.0, machine="Hologic")
    assert "different machines" in compare_sides([left, other])[0].reason
    assert compare_sides([left, other, right])[0].right is right
    assert "date" in compare_sides(pair(0.9, 1.0, date=None))[0].reason
    assert compare_sides(pair(0.9, 1.0, machine=""))[0].reason == ""
    assert compare_sides([left]) == ()
