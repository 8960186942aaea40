"""A course's episode becomes what can be weighed."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.reasoning.course_items import CourseSeen
from marrowmap.reasoning.course_items import course_observations
from marrowmap.reasoning.course_items import course_seen
from marrowmap.values import Subject
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import Onset
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import Outcome

LEFT, RIGHT = Place("hip", "left"), Place("hip", "right")


def episode(number: int, place: Place, start: date, quiet: date | None, outcome: Outcome) -> Episode:
    onset = Onset(OnsetKind.KNOWN, start)
    active = (date(start.year, start.month, 20),)
    return Episode(number, place, onset, active[0], active, active, quiet, outcome)


def test_a_second_hip_after_one_that_got_well():
    first = episode(1, LEFT, date(2017, 1, 1), date(2017, 6, 1), Outcome.RECOVERED)
    second = episode(2, RIGHT, date(2020, 1, 1), date(2020, 9, 1), Outcome.RECOVERED)
    course = Course(Subject(), (), (first, second), ())
    seen = course_seen(course, second)
    assert seen.is_over
    assert seen.months == pytest.approx(8.0, abs=0.1)
    assert seen.resolved_elsewhere is True
    assert course_seen(course, first).resolved_elsewhere is None


def test_one_that_lasts():
    one = episode(1, LEFT, date(2017, 1, 1), None, Outcome.ONGOING)
    seen = course_seen(Course(Subject(), (), (one,), ()), one, ("subchondral_band",))
    assert not seen.is_over
    assert seen.lasting == ("subchondral_band",)


def test_one_that_was_revised():
    one = episode(1, LEFT, date(2017, 1, 1), None, Outcome.REVISED)
    assert course_seen(Course(Subject(), (), (one,), ()), one).is_revised


def test_a_time_before_the_beginning_is_refused():
    with pytest.raises(ValueError, match="-1 months"):
        CourseSeen(-1.0, True)


def test_what_the_band_says_is_not_said_again():
    lasting = ("subchondral_band",)
    assert course_observations(CourseSeen(6.0, True, lasting=lasting, is_lasting_weighed=True)) == ()
    (told,) = course_observations(CourseSeen(6.0, True, lasting=lasting))
    assert not told.is_present


def test_a_band_denies_no_resolution_while_there_is_time():
    assert course_observations(CourseSeen(2.0, False, lasting=("subchondral_band",))) == ()


def test_a_late_exam_is_no_late_end():
    def said(months, active):
        return [one.is_present for one in course_observations(CourseSeen(months, True, active_months=active))]

    assert said(14.0, 5.0) == []
    assert said(16.0, 13.0) == [False]
    assert said(14.0, None) == [False]
    assert said(9.0, 5.0) == [True]


def test_an_earlier_episode_nobody_followed_denies_nothing():
    later = episode(2, RIGHT, date(2020, 1, 1), None, Outcome.ONGOING)

    def elsewhere(outcome):
        first = episode(1, LEFT, date(2017, 1, 1), None, outcome)
        return course_seen(Course(Subject(), (), (first, later), ()), later).resolved_elsewhere

    assert elsewhere(Outcome.UNKNOWN) is None
    assert elsewhere(Outcome.ONGOING) is None
    assert elsewhere(Outcome.REVISED) is False


@pytest.mark.parametrize("months", [float("nan"), float("inf")])
def test_no_number_of_months_is_refused(months):
    with pytest.raises(ValueError, match="cannot last"):
        CourseSeen(months, True)
