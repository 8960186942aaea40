from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from marrowmap.measure.microarchitecture_precision import Precision
from marrowmap.measure.microarchitecture_sides import WHOLE
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State

PRECISION = Precision({"bone_volume_fraction": 1.0}, 0.0, 5.0, 15.0, ())


class Sides:
    """What a sign reads of a comparison."""

    def __init__(self, differences: list[PairedDifference], precision: Precision) -> None:
        self.differences = differences
        self.precision = precision

    def of(self, quantity: str, part: str = WHOLE) -> PairedDifference | None:
        return next((d for d in self.differences if (d.quantity, d.part) == (quantity, part)), None)


def judge(percent: float, precision: Precision = PRECISION, obstacles=(), other: float = 0.0, limit=10.2) -> Finding:
    differences = [
        PairedDifference("bone_volume_fraction", WHOLE, 1 + percent / 100, 1.0, 2.8, limit),
        PairedDifference("trabecular_separation", WHOLE, 1 + other / 100, 1.0, 2.8, limit),
    ]
    comparison: Any = Sides(differences, precision)
    return microarchitecture_deterioration.assess(
        comparison, tuple(obstacles), Joint.KNEE, Side.LEFT, "CT", "2024-03-15", Evidence("1.2")
    )


@pytest.mark.parametrize(
    ("percent", "state"),
    [(-20, State.PRESENT), (-10.3, State.PRESENT), (-6, State.UNDETERMINED), (-1, State.ABSENT), (20, State.ABSENT)],
)
def test_states_by_the_loss_of_bone(percent, state):
    finding = judge(percent)
    assert finding.state is state
    assert "bone volume fraction" in finding.note


def test_absence_says_what_would_have_been_seen():
    finding = judge(0.0)
    assert finding.smallest_detectable.value == 10.2
    assert finding.smallest_detectable.unit == "%"


def test_absence_is_not_claimed_where_a_loss_that_matters_could_be_missed():
    finding = judge(0.0, limit=16.0)
    assert finding.state is State.NOT_ASSESSABLE
    assert "could have been missed" in finding.note


def test_structure_alone_decides_nothing():
    finding = judge(0.0, other=30.0)
    assert finding.state is State.UNDETERMINED
    assert "trabecular separation alone" in finding.note


def test_better_structure_is_no_deterioration():
    assert judge(0.0, other=-30.0).state is State.ABSENT


def test_edema_or_motion_that_was_not_dealt_with():
    finding = judge(-30.0, obstacles=["motion was not graded"])
    assert finding.state is State.NOT_ASSESSABLE
    assert finding.note == "motion was not graded"


def test_without_the_other_side():
    finding = microarchitecture_deterioration.assess(None, (), Joint.HIP, Side.RIGHT, "MR", "", Evidence("1.2"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "other side was not given" in finding.note


def test_without_repeatability():
    differences = [PairedDifference("bone_volume_fraction", WHOLE, 0.2, 0.3, None, None)]
    comparison: Any = Sides(differences, replace(PRECISION, cv_percent={}))
    finding = microarchitecture_deterioration.assess(comparison, (), Joint.HIP, Side.RIGHT, "CT", "", Evidence("1.2"))
    assert finding.state is State.NOT_ASSESSABLE
    assert "--precision" in finding.note


def test_a_surer_loss_is_surer():
    assert (judge(-40).certainty or 0) > (judge(-11).certainty or 0) > 0.9
