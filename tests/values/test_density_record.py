"""A record is complete and finite, or it is none."""

from __future__ import annotations

import math
from datetime import date

import pytest

from tests.measure.density_records import record


def test_a_limb_region_needs_its_side():
    with pytest.raises(ValueError, match="side"):
        record(side=None)


@pytest.mark.parametrize("bad", [{"bmd": float("nan")}, {"sex": "x"}, {"region": "acetabulum"}, {"region": "nowhere"}])
def test_what_is_no_record_is_refused(bad):
    with pytest.raises(ValueError, match=r"finite|sex|region"):
        record(**bad)


def test_age_is_that_at_the_exam():
    assert record().age_years == pytest.approx(40.0, abs=0.01)
    assert record(birth_date=None).age_years is None
    assert record(date=date(2030, 7, 1)).age_years == pytest.approx(50.5, abs=0.01)


@pytest.mark.parametrize(
    ("born", "day", "whole"),
    [
        (date(1970, 1, 1), date(2020, 1, 1), 50),
        (date(1970, 1, 1), date(2019, 12, 31), 49),
        (date(2000, 2, 29), date(2020, 2, 28), 19),
        (date(2000, 2, 29), date(2021, 3, 1), 21),
        (date(2020, 1, 2), date(2020, 1, 1), -1),
        (date(1980, 1, 1), date(1, 1, 1), -1979),
    ],
)
def test_years_turn_on_the_birthday(born, day, whole):
    age = record(birth_date=born, date=day).age_years
    assert math.floor(age) == whole
