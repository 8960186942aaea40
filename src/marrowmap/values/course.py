"""A person's course: episodes at joints, what happened around them, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import date
from datetime import timedelta
from enum import Enum

from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.clinical import DatedForm
from marrowmap.values.subject import Subject

DAYS_PER_MONTH = 365.25 / 12


def months_between(start: date, end: date) -> float:
    """Return the time from `start` to `end` in months of 30.4 days; negative if `end` comes first."""
    return (end - start).days / DAYS_PER_MONTH


class OnsetKind(Enum):
    """How well the beginning of an episode is known."""

    KNOWN = "known"
    ABOUT = "about"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Onset:
    """When an episode began.

    Parameters
    ----------
    kind : OnsetKind
    day : date or None
        None exactly where it is unknown.
    within_days : int
        Of ABOUT: how far off the day may be, either way.

    Raises
    ------
    ValueError
        If day or doubt do not go with the kind.
    """

    kind: OnsetKind = OnsetKind.UNKNOWN
    day: date | None = None
    within_days: int = 0

    def __post_init__(self) -> None:
        if (self.day is None) != (self.kind is OnsetKind.UNKNOWN):
            raise ValueError("an onset that is known or about needs its date, an unknown one has none")
        if self.within_days < 0 or (self.within_days > 0) != (self.kind is OnsetKind.ABOUT):
            raise ValueError("within_days, above 0, belongs to an onset that is 'about', and only to that")

    @property
    def earliest(self) -> date | None:
        """The first day it may have begun."""
        return None if self.day is None else self.day - timedelta(days=self.within_days)


class EventKind(Enum):
    """What can matter to an episode."""

    PREGNANCY = "pregnancy"
    TREATMENT = "treatment"
    WEIGHT_BEARING = "weight_bearing"
    INJURY = "injury"
    PAIN = "pain"
    OTHER = "other"


@dataclass(frozen=True)
class Event:
    """Something that happened on a day or from one day to another, at one joint or to the whole person."""

    kind: EventKind
    day: date
    end: date | None = None
    place: Place | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.end is not None and self.end < self.day:
            raise ValueError(f"{self.kind.value} ends {self.end} before it begins {self.day}")


class Outcome(Enum):
    """How an episode ended, as far as is known."""

    RECOVERED = "recovered"
    ONGOING = "ongoing"
    REVISED = "revised"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Episode:
    """One episode at one joint.

    Parameters
    ----------
    number : int
        From 1, in order of beginning, over the whole person.
    place : Place
    onset : Onset
    first_seen : date
        Of the first exam that shows it, or the day it was stated to have been seen.
    days : tuple of date
        Exams of this joint from its beginning to the next one's, in order.
    active : tuple of date
        Those that show it active.
    quiet_day : date or None
        The first exam without activity after the last with it.
    outcome : Outcome
    outcome_day : date or None
    stated : bool
        Whether someone wrote it down; else it was read from the exams.
    note : str
    not_before : date or None
        The last exam that showed the joint quiet before: an unknown onset lies after it.
    """

    number: int
    place: Place
    onset: Onset
    first_seen: date
    days: tuple[date, ...]
    active: tuple[date, ...]
    quiet_day: date | None
    outcome: Outcome
    outcome_day: date | None = None
    stated: bool = False
    note: str = ""
    not_before: date | None = None

    @property
    def start(self) -> date:
        """Onset where it is known, else the first day it was seen."""
        return self.onset.day or self.first_seen

    @property
    def end(self) -> date | None:
        """When it was first known to be over, by exam or statement; None while it is not."""
        if self.outcome is not Outcome.RECOVERED:
            return None
        known = [day for day in (self.quiet_day, self.outcome_day) if day is not None]
        return min(known, default=None)


@dataclass(frozen=True)
class StatedEpisode:
    """An episode as an events file states it; `seen` is the first day it was seen, where no onset is known."""

    place: Place
    onset: Onset
    seen: date | None = None
    outcome: Outcome = Outcome.UNKNOWN
    outcome_day: date | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.onset.day is None and self.seen is None:
            raise ValueError(f"{self.place}: an episode of unknown onset needs the day it was first seen")
        if self.onset.day is not None and self.seen is not None and self.seen < (self.onset.earliest or self.seen):
            raise ValueError(f"{self.place}: seen {self.seen} before its onset {self.onset.day}")
        if self.outcome_day is not None and self.outcome_day < self.start:
            raise ValueError(f"{self.place}: outcome of {self.outcome_day} before the episode's start {self.start}")

    @property
    def start(self) -> date:
        """Onset where it is known, else the day it was first seen."""
        day = self.onset.day or self.seen
        assert day is not None
        return day


@dataclass(frozen=True)
class Statements:
    """All that an events file and clinical forms say."""

    person: Subject = field(default_factory=Subject)
    episodes: tuple[StatedEpisode, ...] = ()
    events: tuple[Event, ...] = ()
    note: str = ""
    forms: tuple[DatedForm, ...] = ()


@dataclass(frozen=True)
class Course:
    """One person: exams, episodes, events and clinical forms, each in order of time."""

    person: Subject
    exams: tuple[AnalyzedExam, ...]
    episodes: tuple[Episode, ...]
    events: tuple[Event, ...]
    warnings: tuple[str, ...] = ()
    forms: tuple[DatedForm, ...] = ()
