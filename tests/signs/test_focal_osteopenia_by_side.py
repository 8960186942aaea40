"""One side less dense than the other, by what well people show."""

from __future__ import annotations

import pytest

from marrowmap.measure.density_sides import compare_sides
from marrowmap.signs.focal_osteopenia_by_side import assess
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure.density_records import record


def judge(left: float, right: float, side: Side, region: str = "femoral_neck", joint: Joint = Joint.HIP):
    pair = [record(bmd=left, region=region), record(bmd=right, region=region, side=Side.RIGHT)]
    return assess([one for one in pair if one.side is side], compare_sides(pair), joint, side)


@pytest.mark.parametrize(
    ("left", "right", "state"),
    [
        (0.783, 1.111, State.PRESENT),
        (0.90, 1.00, State.ABSENT),  # 10 %: beyond the least significant change, as a third of all people
        (1.0, 0.7, State.ABSENT),
    ],
)
def test_the_lower_side_only(left, right, state):
    finding = judge(left, right, Side.LEFT)
    assert finding.state is state
    if state is State.ABSENT:
        assert finding.smallest_detectable.value == pytest.approx(15.8, abs=0.1)


def test_no_verdict_at_the_knee_nor_with_one_side():
    knee = judge(0.6, 1.0, Side.LEFT, "distal_femur", Joint.KNEE)
    assert knee.state is State.NOT_ASSESSABLE
    assert "no side difference of well people" in knee.note
    alone = assess([record()], (), Joint.HIP, Side.LEFT)
    assert alone.state is State.NOT_ASSESSABLE


def test_more_regions_need_more():
    neck = [record(bmd=0.85), record(bmd=1.0, side=Side.RIGHT)]
    rest = [record(region="total_hip", bmd=0.9, side=side) for side in Side]
    one = assess(neck[:1], compare_sides(neck), Joint.HIP, Side.LEFT)
    both = assess(neck[:1], compare_sides([*neck, *rest]), Joint.HIP, Side.LEFT)
    assert one.state is State.PRESENT
    assert both.state is State.UNDETERMINED


def test_certainty_of_absence_is_that_of_the_region_nearest_its_limit():
    """Regions count in percent or in g/cm2: they are compared by how rare they are in the well, not by the number."""
    neck = [record(bmd=0.99), record(bmd=1.0, side=Side.RIGHT)]
    total = [record(region="total_hip", bmd=0.92), record(region="total_hip", bmd=1.0, side=Side.RIGHT)]
    alone = assess(total[:1], compare_sides(total), Joint.HIP, Side.LEFT)
    both = assess(neck[:1], compare_sides([*neck, *total]), Joint.HIP, Side.LEFT)
    assert alone.state is both.state is State.ABSENT
    assert alone.certainty == both.certainty


def test_certainty_counts_the_regions_looked_at():
    neck = [record(bmd=0.783), record(bmd=1.111, side=Side.RIGHT)]
    others = ("total_hip", "greater_trochanter")
    rest = [record(region=region, bmd=0.9, side=side) for region in others for side in Side]
    one = assess(neck[:1], compare_sides(neck), Joint.HIP, Side.LEFT)
    all_three = assess(neck[:1], compare_sides([*neck, *rest]), Joint.HIP, Side.LEFT)
    assert one.state is all_three.state is State.PRESENT
    assert 1 - all_three.certainty == pytest.approx(3 * (1 - one.certainty))
