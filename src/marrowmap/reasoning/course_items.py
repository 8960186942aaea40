"""What the course of an episode gives to be weighed: resolution in time raises, its absence lowers."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.reasoning.observations import Observation
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
        Whether an earlier episode of another joint went away; None where no exams before are known.

    Raises
    ------
    ValueError
        If months are negative.
    """

    months: float
    is_over: bool
    onset_known: bool = True
    lasting: tuple[str, ...] = ()
    is_revised: bool = False
    resolved_elsewhere: bool | None = None

    def __post_init__(self) -> None:
        if self.months < 0:
            raise ValueError(f"an episode cannot last {self.months:g} months")


def course_observations(seen: CourseSeen | None) -> tuple[Observation, ...]:
    """Return what a course says: nothing while there is still time to resolve."""
    if seen is None:
        return ()
    found = []
    certainty = CERTAINTY[seen.onset_known]
    if seen.is_revised or seen.lasting:
        found.append(Observation("complete_resolution", False, certainty, "course"))
    elif seen.is_over:
        found.append(Observation("complete_resolution", seen.months <= EXPECTED_MONTHS, certainty, "course"))
    elif seen.months > EXPECTED_MONTHS:
        found.append(Observation("complete_resolution", False, certainty, "course"))
    if seen.resolved_elsewhere is not None:
        found.append(Observation("resolved_episode_elsewhere", seen.resolved_elsewhere, 1.0, "course"))
    return tuple(found)


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
    end = episode.end or max(episode.active, default=episode.start)
    earlier = [one for one in course.episodes if one.place != episode.place and one.start < episode.start]
    over = [one for one in earlier if one.outcome is Outcome.RECOVERED]
    return CourseSeen(
        max(months_between(episode.start, end), 0.0),
        episode.end is not None,
        episode.onset.day is not None,
        lasting,
        episode.outcome is Outcome.REVISED,
        bool(over) if earlier else None,
    )
