"""An axis of time that leaves out long gaps."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.report.course_axis import break_axis

DECADES = [date(2000, 1, 10), date(2000, 3, 10), date(2000, 7, 10), date(2024, 2, 1), date(2024, 8, 1)]


def test_exams_decades_apart_keep_their_room():
    axis = break_axis(DECADES)
    places = [axis.at(day) for day in DECADES]
    whole = places[-1] - places[0]
    assert places == sorted(places)
    # Six months within each episode: more than a third of the picture each, not one part in fifty.
    assert (places[2] - places[0]) / whole > 0.3
    assert (places[4] - places[3]) / whole > 0.3
    assert len(axis.cuts) == 1


def test_within_a_stretch_a_day_is_a_day_wide():
    axis = break_axis(DECADES)
    for first, last in ((DECADES[0], DECADES[2]), (DECADES[3], DECADES[4])):
        assert axis.at(last) - axis.at(first) == pytest.approx((last - first).days)


def test_no_exam_lies_within_a_cut():
    days = [*DECADES, date(2010, 5, 5), date(1980, 1, 1)]
    axis = break_axis(days)
    assert len(axis.cuts) == 3
    assert not any(start < day < end for start, end in axis.cuts for day in days)


def test_what_fits_is_not_cut():
    assert break_axis(DECADES[:3]) is None
    assert break_axis([date(2000 + year, 1, 1) for year in range(10)]) is None
    # Two years between, among eight years of exams: to scale.
    assert break_axis([*(date(2000 + y, 1, 1) for y in range(5)), *(date(2006 + y, 1, 1) for y in range(5))]) is None
