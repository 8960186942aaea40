"""Many people together: published counts with exact intervals, and times to resolution of many episodes."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Any

from marrowmap.course.proportions import Proportion
from marrowmap.course.proportions import Resolution
from marrowmap.course.proportions import exact_proportion
from marrowmap.course.proportions import resolution_curve
from marrowmap.errors import InputError
from marrowmap.values.course import months_between

SHIPPED = ("gemmel2012",)


@dataclass(frozen=True)
class Series:
    """A published series: who it was of, what was counted, how it ended.

    Parameters
    ----------
    name, citation, note : str
    people, episodes : int
    counts : tuple of (str, Proportion)
    outcomes : tuple of (str, int)
        Persons.
    about : mapping
        Further published facts, e.g. mean age.
    """

    name: str
    citation: str
    note: str
    people: int
    episodes: int
    counts: tuple[tuple[str, Proportion], ...]
    outcomes: tuple[tuple[str, int], ...]
    about: Mapping[str, Any]


@dataclass(frozen=True)
class CohortEpisode:
    """One episode of one person: months from start to its end, or to the last exam where it is not known to be over.

    Where `onset` is unknown, months count from the first exam that shows it and are too short. An episode
    `revised`, found to be something else, did not resolve: it counts as not over up to its last exam.
    """

    person: str
    joint: str
    side: str
    months: float
    ended: bool
    onset: str = "unknown"
    outcome: str = "unknown"


def shipped_series(name: str) -> str:
    """Return the text of a series that comes with marrowmap."""
    return resources.files("marrowmap.course").joinpath(f"data/{name}.toml").read_text(encoding="utf-8")


def _whole(document: Mapping[str, Any], field: str, where: str) -> int:
    value = document.get(field)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InputError(f"{where}: {field} is {value!r}, not a whole number of 0 or more")
    return value


def read_series(document: Mapping[str, Any], where: str) -> Series:
    """Make a series of a parsed TOML document.

    Raises
    ------
    InputError
        If a count exceeds its total, or outcomes do not add up to the people.
    """
    people, episodes = _whole(document, "people", where), _whole(document, "episodes", where)
    counts = []
    for entry in document.get("count", []):
        count, total = _whole(entry, "count", where), _whole(entry, "total", where)
        if not total > 0 or count > total:
            raise InputError(f"{where}: {count} of {total}: a count lies between 0 and its total")
        counts.append((str(entry.get("what", "")), exact_proportion(count, total)))
    outcomes = tuple((str(e.get("what", "")), _whole(e, "people", where)) for e in document.get("outcome", []))
    if outcomes and sum(number for _, number in outcomes) != people:
        raise InputError(f"{where}: outcomes of {sum(n for _, n in outcomes)} people, but there are {people}")
    known = {"name", "citation", "note", "people", "episodes", "count", "outcome"}
    return Series(
        name=str(document.get("name", where)),
        citation=str(document.get("citation", "")),
        note=str(document.get("note", "")),
        people=people,
        episodes=episodes,
        counts=tuple(counts),
        outcomes=outcomes,
        about={key: value for key, value in document.items() if key not in known},
    )


def episodes_of(document: Mapping[str, Any], where: str, unnamed: str = "") -> tuple[CohortEpisode, ...]:
    """Return the episodes of a parsed ``course.json`` with their times to resolution.

    A person without identifier is called `unnamed`, else `where`.

    Raises
    ------
    InputError
        If it is no course.
    """
    done = []
    try:
        person = (document.get("subject") or {}).get("id") or unnamed or where
        for entry in document["episodes"]:
            start = date.fromisoformat(entry["start"])
            end = entry["end"]
            last = end or max([entry["first_seen"], *entry["exams"], *entry["active"]])
            months = max(0.0, months_between(start, date.fromisoformat(last)))
            kind, outcome = str(entry["onset"]["kind"]), str(entry.get("outcome", "unknown"))
            done.append(CohortEpisode(person, entry["joint"], entry["side"], months, end is not None, kind, outcome))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where}: is no course of marrowmap follow ({error}): follow the person again") from error
    return tuple(done)


def resolution_of(episodes: Sequence[CohortEpisode]) -> Resolution | None:
    """Return the Kaplan-Meier curve over episodes; None without any."""
    if not episodes:
        return None
    return resolution_curve([e.months for e in episodes], [e.ended for e in episodes])
