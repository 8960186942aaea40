"""Change over time is called against measurement error, never across machines unasked."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from marrowmap.measure.density_calibration import calibrate
from marrowmap.measure.density_change import ErrorOfDifference
from marrowmap.measure.density_change import compare_exams
from marrowmap.measure.density_change import error_of
from marrowmap.measure.density_change import follow_changes
from marrowmap.measure.density_change import ratio_error
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_precision import precision_error
from tests.measure.density_records import record
from tests.measure.test_density_calibration import scanned

LATER = date(2021, 1, 1)


def own_study(seed: int = 0, sd: float = 0.01, machine: str = "GE Lunar iDXA 1") -> SitePrecision:
    rng = np.random.default_rng(seed)
    repeats = rng.normal(0.9, 0.1, (30, 1)) + rng.normal(0, sd, (30, 2))
    return SitePrecision(machine, "femoral_neck", (), precision_error(repeats.tolist()))


def test_the_published_fallback_is_marked():
    change = compare_exams(record(bmd=1.0), record(bmd=0.9, date=LATER), "first exam")
    assert change.percent == pytest.approx(-10.0)
    assert change.error.lsc == pytest.approx(0.069)
    assert "no precision study given" in change.error.method
    assert "from memory" in change.error.method
    half = 1.96 * (6.9 / 2.77) * math.sqrt(1 + 0.9**2)
    assert (change.low, change.high) == pytest.approx((-10 - half, -10 + half), abs=0.05)


def test_the_sites_own_study_goes_first_and_only_for_its_machine():
    study = own_study()
    error = error_of("femoral_neck", (), "ge lunar  IDXA 1", 0.9, [study])
    assert error.lsc == pytest.approx(2.77 * study.precision.rms_sd)
    assert error.df == 30
    assert error.low < error.lsc < error.high
    other = error_of("femoral_neck", (), "GE Lunar iDXA 2", 0.9, [study])
    assert other.lsc == pytest.approx(0.069 * 0.9)


def test_fewer_than_four_vertebrae_have_no_published_limit():
    assert error_of("spine", (1, 2, 3, 4), "x", 1.0, []) is not None
    assert error_of("spine", (1, 2), "x", 1.0, []) is None
    assert error_of("greater_trochanter", (), "x", 1.0, []) is None


@pytest.mark.parametrize(
    ("first", "later", "match"),
    [
        ("Hologic A", "GE Lunar", "without cross-calibration"),
        ("Hologic A", "", "one exam only"),
        ("Hologic A", "Hologic B", "without cross-calibration"),
    ],
)
def test_two_machines_are_not_compared(first, later, match):
    change = compare_exams(record(machine=first), record(machine=later, date=LATER, bmd=0.8), "first exam")
    assert change.difference is None
    assert match in change.reason


def test_two_machines_over_their_calibration():
    (calibration,) = calibrate(scanned(60, 3), "A", "B")
    first = record(machine="A", bmd=0.9)
    stable = record(machine="B", bmd=0.05 + 1.15 * 0.9, date=LATER)
    change = compare_exams(first, stable, "first exam", (), [calibration])
    assert change.difference == pytest.approx(0.0, abs=0.01)
    assert change.error.lsc > 0.03
    outside = compare_exams(record(machine="A", bmd=0.4), stable, "first exam", (), [calibration])
    assert outside.difference is None
    assert "range of the cross-calibration" in outside.reason


def test_unstated_machines_are_compared_with_a_doubt_and_new_software_is_told():
    change = compare_exams(record(machine=""), record(machine="", date=LATER, bmd=0.8), "first exam")
    assert change.doubtful
    assert change.percent == pytest.approx(-11.1, abs=0.1)
    told = compare_exams(record(software="16"), record(software="17", date=LATER), "first exam")
    assert "software changed from 16 to 17" in told.reason


def test_against_the_first_and_the_exam_before_of_the_same_machine():
    exams = [
        record(machine="old", bmd=0.8, date=date(2018, 1, 1)),
        record(bmd=0.9, date=date(2019, 1, 1)),
        record(bmd=0.7, date=date(2020, 1, 1)),
        record(bmd=0.88, date=date(2021, 1, 1)),
        record(bmd=0.5, date=None),
    ]
    changes = follow_changes(exams)
    told = [(c.later.iso_date[:4], c.since, c.first.iso_date[:4], c.difference) for c in changes]
    assert told == [
        ("2019", "first exam", "2018", None),
        ("2020", "first comparable exam", "2019", pytest.approx(-0.2)),
        ("2021", "first comparable exam", "2019", pytest.approx(-0.02)),
        ("2021", "exam before", "2020", pytest.approx(0.18)),
    ]


def test_two_machines_on_one_day_are_no_change():
    assert follow_changes([record(machine="A"), record(machine="B", bmd=0.8)]) == ()


def test_the_interval_knows_the_degrees_of_freedom():
    """Of few people the interval is wider than the normal one; what it says and what the limit says are one."""
    error = ErrorOfDifference(0.02, 8, 0.0, None, None, "")
    assert ratio_error(0.0, 1.0, error) == pytest.approx(100 * 2.306 * 0.02, rel=1e-3)
    assert error.within(error.limit(1)) == pytest.approx(0.95)
    published = ErrorOfDifference(0.02, math.inf, 0.0, None, None, "")
    assert ratio_error(0.0, 1.0, published) == pytest.approx(100 * 1.96 * 0.02, rel=1e-3)
    assert published.within(0.0392) == pytest.approx(0.95, abs=1e-3)


def test_after_a_change_of_machine_the_first_exam_is_not_the_first():
    """2020 on one machine, 2021 and 2022 on another, 2023 on the first again."""
    machines = ("A", "B", "B", "A")
    exams = [record(bmd=1.0, machine=name, date=date(2020 + n, 1, 1)) for n, name in enumerate(machines)]
    told = [(c.later.iso_date[:4], c.since, c.first.iso_date[:4]) for c in follow_changes(exams) if not c.reason]
    assert told == [("2022", "first comparable exam", "2021"), ("2023", "first exam", "2020")]
    again = [*exams, record(bmd=1.0, machine="B", date=date(2024, 1, 1))]
    last = [(c.since, c.first.iso_date[:4]) for c in follow_changes(again) if c.later is again[-1]]
    assert last == [("first comparable exam", "2021"), ("last comparable exam", "2022")]
