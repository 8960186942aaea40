"""What the course of an episode gives to be weighed: resolution in time raises, its absence lowers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

from marrowmap.reasoning.observations import Observation
from marrowmap.values import State
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import Outcome
from marrowmap.values.course import months_between

EXPECTED_MONTHS = 12.0
"""Transient osteoporosis usually resolves within 6 to 12 months (reviews, see course/data/natural_history.toml)."""

LASTING_SIGNS = ("subchondral_band", "cold_area", "head_collapse", "crescent")
"""What is still there when edema has gone, if it was osteonecrosis."""

CERTAINTY = {True: 0.95, False: 0.8}
"""How sure a time is with a known onset, and where only the first exam is known: choices."""


@dataclass(frozen=True)
class CourseSeen:
    """What is known of one joint's episode over time.

    Parameters
    ----------
    months : float
        From onset, or the first exam that shows it, to its end or to the last exam that shows it active.
    is_over : bool
        Whether it had gone by then.
    onset_known : bool
    lasting : tuple of str
        Signs of :data:`LASTING_SIGNS` that are present.
    is_revised : bool
        Whether what was first thought of it was taken back.
    resolved_elsewhere : bool or None
        Whether an earlier episode of another joint went away; None where none is known, or what became of it is not.
    active_months : float or None
        To the last exam that shows it active. Between that and `months` it ended; None where only the end is known.
    is_lasting_weighed : bool
        Whether `lasting` is the same reading that is weighed as a finding: then it must not speak twice. A later exam
        that shows the sign again is a second reading, and does.

    Raises
    ------
    ValueError
        If months are negative, or it was active after it had ended.
    """

    months: float
    is_over: bool
    onset_known: bool = True
    lasting: tuple[str, ...] = ()
    is_revised: bool = False
    resolved_elsewhere: bool | None = None
    active_months: float | None = None
    is_lasting_weighed: bool = False

    def __post_init__(self) -> None:
        # Written so that not a number is refused, too.
        if not 0 <= self.months < math.inf:
            raise ValueError(f"an episode cannot last {self.months:g} months")
        if self.active_months is not None and not 0 <= self.active_months <= self.months:
            raise ValueError(f"an episode of {self.months:g} months cannot be active at {self.active_months:g}")


def course_observations(seen: CourseSeen | None) -> tuple[Observation, ...]:
    """Return what a course says: nothing while there is still time to resolve."""
    if seen is None:
        return ()
    found = []
    resolved = _is_resolved(seen)
    if resolved is not None:
        found.append(Observation("complete_resolution", resolved, CERTAINTY[seen.onset_known], "course"))
    if seen.resolved_elsewhere is not None:
        found.append(Observation("resolved_episode_elsewhere", seen.resolved_elsewhere, 1.0, "course"))
    return tuple(found)


def _is_resolved(seen: CourseSeen) -> bool | None:
    """Return whether it resolved in time and left nothing; None where that is open, or told by a lasting sign."""
    if seen.is_revised:
        return False
    if not seen.is_over:
        return False if seen.months > EXPECTED_MONTHS else None
    if seen.lasting:
        return None if seen.is_lasting_weighed else False
    if seen.months <= EXPECTED_MONTHS:
        return True
    # It ended between the last active exam and the first quiet one: a late exam is no late end.
    is_late = seen.active_months is None or seen.active_months > EXPECTED_MONTHS
    return False if is_late else None


def lasting_signs(course: Course, place: Place, since: date, until: date | None = None) -> tuple[str, ...]:
    """Return the signs of :data:`LASTING_SIGNS` that are present where the exams last showed them clearly.

    Parameters
    ----------
    course : Course
    place : Place
    since, until : date
        Exams from one to before the other count.
    """
    latest: dict[str, tuple[date, set[State]]] = {}
    for exam in course.exams:
        for sign in exam.signs:
            mine = sign.place == place and sign.day >= since and (until is None or sign.day < until)
            if not mine or sign.sign not in LASTING_SIGNS or sign.state not in (State.PRESENT, State.ABSENT):
                continue
            day, states = latest.get(sign.sign, (sign.day, set()))
            if sign.day >= day:
                latest[sign.sign] = sign.day, {sign.state} if sign.day > day else states | {sign.state}
    return tuple(name for name in LASTING_SIGNS if name in latest and latest[name][1] == {State.PRESENT})


def course_seen(course: Course, episode: Episode, lasting: tuple[str, ...] = ()) -> CourseSeen:
    """Return what a course says of one of its episodes.

    Parameters
    ----------
    course : Course
    episode : Episode
        One of ``course.episodes``.
    lasting : tuple of str
        Signs of :data:`LASTING_SIGNS` present at the last exam.
    """
    active = max(episode.active, default=None)
    end = episode.end or active or episode.start
    months = max(months_between(episode.start, end), 0.0)
    return CourseSeen(
        months,
        episode.end is not None,
        episode.onset.day is not None,
        lasting,
        episode.outcome is Outcome.REVISED,
        _resolved_elsewhere(course, episode),
        None if active is None else min(max(months_between(episode.start, active), 0.0), months),
    )


def _resolved_elsewhere(course: Course, episode: Episode) -> bool | None:
    """Return whether an earlier episode of another joint went away and left nothing.

    It is denied only of what was seen to stay or turned out to be something else: an episode nobody followed to its
    end denies nothing.
    """
    earlier = [one for one in course.episodes if one.place != episode.place and one.start < episode.start]
    went = [_went_away(course, one) for one in earlier]
    if True in went:
        return True
    return None if not went or None in went else False


def _went_away(course: Course, episode: Episode) -> bool | None:
    if episode.outcome is Outcome.REVISED:
        return False
    if episode.outcome is not Outcome.RECOVERED:
        return None
    later = [one.start for one in course.episodes if one.place == episode.place and one.start > episode.start]
    return not lasting_signs(course, episode.place, episode.start, min(later, default=None))
