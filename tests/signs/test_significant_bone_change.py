"""Change beyond error, and seldom where there is none."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from marrowmap.measure.density_change import follow_changes
from marrowmap.signs.significant_bone_change import assess
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure.density_records import record
from tests.measure.test_density_change import own_study

LATER = date(2021, 1, 1)


def judge(*later: object, studies: tuple = (), first: tuple = (record(bmd=1.0),)) -> Finding:
    return assess(follow_changes([*first, *later], studies), Joint.HIP, Side.LEFT)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("bmd", "state"), [(0.75, State.PRESENT), (0.93, State.PRESENT), (0.95, State.ABSENT), (1.2, State.PRESENT)]
)
def test_against_the_least_significant_change(bmd, state):
    finding = judge(record(bmd=bmd, date=LATER))
    assert finding.state is state
    assert "LSC 0.069" in finding.note


def test_more_regions_need_more():
    total = record(region="total_hip", bmd=1.0)
    finding = judge(record(bmd=0.93, date=LATER), replace(total, date=LATER), first=(record(bmd=1.0), total))
    assert finding.state is State.UNDETERMINED


@pytest.mark.parametrize(
    ("machine", "state"),
    [("", State.UNDETERMINED), ("Hologic", State.NOT_ASSESSABLE)],
)
def test_machines(machine, state):
    first = record(bmd=1.0, machine="" if machine == "" else "GE Lunar")
    finding = judge(record(bmd=0.7, date=LATER, machine=machine), first=(first,))
    assert finding.state is state


def test_a_region_without_a_limit():
    first = record(region="greater_trochanter", bmd=0.8)
    finding = judge(replace(first, date=LATER, bmd=0.5), first=(first,))
    assert finding.state is State.NOT_ASSESSABLE
    assert "no least significant change" in finding.note


def test_absence_is_earned():
    finding = judge(record(bmd=1.0, date=LATER))
    assert finding.smallest_detectable.value == pytest.approx(0.069)


def test_stable_people_are_called_changed_in_at_most_one_of_twenty():
    rng = np.random.default_rng(11)
    days = (date(2020, 1, 1), date(2021, 1, 1), date(2022, 1, 1))
    called, people = 0, 1500
    for seed in range(people):
        values = 0.9 + rng.normal(0, 0.015, 3)
        exams = [record(bmd=float(v), date=day) for v, day in zip(values, days, strict=True)]
        last = [c for c in follow_changes(exams, (own_study(seed, sd=0.015),)) if c.later is exams[2]]
        called += assess(last, Joint.HIP, Side.LEFT).state is State.PRESENT
    # What 5 % may be by chance.
    assert called <= 0.05 * people + 2 * math.sqrt(0.05 * 0.95 * people)
    assert called > 0


def test_certainty_counts_the_comparisons_made():
    total = record(region="total_hip", bmd=1.0)
    one = judge(record(bmd=0.9, date=LATER))
    both = judge(record(bmd=0.9, date=LATER), replace(total, date=LATER), first=(record(bmd=1.0), total))
    assert one.state is both.state is State.PRESENT
    assert 1 - both.certainty == pytest.approx(2 * (1 - one.certainty))
    assert both.certainty > 0.95
