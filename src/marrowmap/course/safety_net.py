"""What does not resolve as a transient condition should is flagged for reconsideration; no disease is named."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from marrowmap.course.change import Call
from marrowmap.course.change import Change
from marrowmap.values import State
from marrowmap.values.analyzed import SignRow
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import EventKind
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import months_between


@dataclass(frozen=True)
class Flag:
    """A reason to reconsider one episode."""

    rule: str
    episode: int
    text: str
    source: str
    confidence: str


@cache
def load_rules() -> tuple[dict[str, Any], ...]:
    """Return the rules of ``data/safety_net.toml``."""
    text = resources.files("marrowmap.course").joinpath("data/safety_net.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["rule"])


def _rule(name: str) -> dict[str, Any]:
    return next(rule for rule in load_rules() if rule["id"] == name)


def _flag(rule: dict[str, Any], episode: Episode, months: float) -> Flag:
    start = "onset" if episode.onset.kind is not OnsetKind.UNKNOWN else "the first exam that shows it"
    where = f"{episode.place}: "
    text = where + rule["text"].format(months=months, start=start)
    return Flag(rule["id"], episode.number, text, rule["source"], rule["confidence"])


def _edema_changes(changes: Sequence[Change], episode: Episode) -> list[Change]:
    return [
        change
        for change in changes
        if change.trajectory.place == episode.place
        and change.trajectory.quantity == "edema_volume"
        and change.trajectory.region in ("proximal_femur", "distal_femur", "proximal_tibia", "talus", "given_region")
        and change.start >= min(episode.days, default=episode.first_seen)
        and change.end in episode.days
    ]


def _timely(episode: Episode, changes: Sequence[Change]) -> list[Flag]:
    """Flag what lasts too long, does not fall or grows."""
    flags: list[Flag] = []
    if not episode.active:
        return flags
    last = episode.active[-1]
    months = months_between(episode.start, last)
    if months > _rule("active_beyond_a_year")["months"]:
        flags.append(_flag(_rule("active_beyond_a_year"), episode, months))
    mine = _edema_changes(changes, episode)
    rule = _rule("not_falling")
    since_start = [change for change in mine if change.end == last and "first" in change.against]
    fallen = any(change.call is Call.CHANGED and change.difference < 0 for change in mine)
    if months > rule["months"] and since_start and not fallen:
        flags.append(_flag(rule, episode, months))
    rule = _rule("edema_growing")
    for change in mine:
        since = months_between(episode.start, change.start)
        if change.call is Call.CHANGED and change.difference > 0 and since >= rule["months"]:
            flags.append(_flag(rule, episode, since))
            break
    return flags


def _painful(episode: Episode, course: Course) -> list[Flag]:
    rule = _rule("pain_beyond_a_year")
    pains = [e for e in course.events if e.kind is EventKind.PAIN and e.place in (None, episode.place)]
    until = [episode_end for e in pains if (episode_end := e.end or e.day) >= episode.start]
    later = [other.start for other in course.episodes if other.place == episode.place and other.start > episode.start]
    until = [day for day in until if not later or day < min(later)]
    months = months_between(episode.start, max(until)) if until else 0.0
    return [_flag(rule, episode, months)] if months > rule["months"] else []


def _seen(episode: Episode, signs: Sequence[SignRow]) -> list[Flag]:
    """Flag signs that do not belong, and a fracture line that comes late."""
    flags = []
    for rule in load_rules():
        mine = sorted((s for s in signs if s.sign == rule.get("sign")), key=lambda sign: sign.day)
        present = [sign for sign in mine if sign.state is State.PRESENT and sign.day in episode.days]
        if not present:
            continue
        months = months_between(episode.start, present[0].day)
        if "new_after_months" in rule:
            before = [s for s in mine if s.state is State.ABSENT and s.day < present[0].day and s.day in episode.days]
            if not before or months <= rule["new_after_months"]:
                continue
        flags.append(_flag(rule, episode, months))
    return flags


def flag_episodes(course: Course, changes: Sequence[Change]) -> tuple[Flag, ...]:
    """Return every reason to reconsider an episode, in order of episodes and rules."""
    signs = [sign for exam in course.exams for sign in exam.signs]
    flags: list[Flag] = []
    for episode in course.episodes:
        mine = [sign for sign in signs if sign.place == episode.place]
        flags += [*_timely(episode, changes), *_painful(episode, course), *_seen(episode, mine)]
    return tuple(flags)
