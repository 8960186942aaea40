"""Courses of several people, and published series, counted together."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marrowmap.course.cohort import SHIPPED
from marrowmap.course.cohort import CohortEpisode
from marrowmap.course.cohort import Series
from marrowmap.course.cohort import episodes_of
from marrowmap.course.cohort import read_series
from marrowmap.course.cohort import resolution_of
from marrowmap.course.cohort import shipped_series
from marrowmap.course.proportions import Resolution
from marrowmap.errors import InputError
from marrowmap.errors import UsageError


@dataclass(frozen=True)
class Cohort:
    """What was read: published series, and the episodes of followed people with their curve."""

    series: tuple[Series, ...]
    episodes: tuple[CohortEpisode, ...]
    resolution: Resolution | None


def _parse(path: Path) -> Series | tuple[CohortEpisode, ...]:
    source = path / "course.json" if path.is_dir() else path
    where = f"{path.name}/{source.name}" if path.is_dir() else path.name
    try:
        text = source.read_text(encoding="utf-8-sig")
        if source.suffix.lower() == ".toml":
            return read_series(tomllib.loads(text), where)
        document = json.loads(text)
    except (AttributeError, OSError, TypeError, ValueError) as error:
        raise InputError(
            f"{where}: cannot be read ({error}): give folders of marrowmap follow, or a series as TOML"
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{where}: is no course of marrowmap follow")
    return episodes_of(document, where, str(source.resolve()))


def gather_cohort(sources: Sequence[str]) -> Cohort:
    """Read folders of ``follow``, series as TOML, or the names of series that come with marrowmap.

    Raises
    ------
    InputError
        If one cannot be read.
    UsageError
        If one is given twice, or two folders are of one person.
    """
    series: list[Series] = []
    episodes: list[CohortEpisode] = []
    people: dict[str, str] = {}
    if len(set(sources)) < len(sources):
        raise UsageError("a source is given twice: episodes would be counted twice")
    for source in sources:
        if source in SHIPPED:
            series.append(read_series(tomllib.loads(shipped_series(source)), source))
            continue
        found = _parse(Path(source))
        if isinstance(found, Series):
            series.append(found)
            continue
        for person in {episode.person for episode in found}:
            if person in people:
                raise UsageError(f"{source} and {people[person]} are of one person ({person}): follow all their exams")
            people[person] = source
        episodes += found
    return Cohort(tuple(series), tuple(episodes), resolution_of(episodes))
