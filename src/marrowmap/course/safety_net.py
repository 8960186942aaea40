"""What does not resolve as a transient condition should is flagged for reconsideration; no disease is named."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any

from marrowmap.course.activity import WHOLE_BONES
from marrowmap.course.change import Call
from marrowmap.course.change import Change
from marrowmap.course.change import compare_points
from marrowmap.course.episodes import activity_over_time
from marrowmap.values import State
from marrowmap.values.analyzed import SignRow
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import EventKind
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import Outcome
from marrowmap.values.course import months_between


@dataclass(frozen=True)
class Flag:
    """A reason to reconsider one episode; `episode` is 0 where a joint shows the sign and has none."""

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
        and change.trajectory.region in WHOLE_BONES
        and change.start >= min(episode.days, default=episode.first_seen)
        and change.end in episode.days
    ]


def _lasting(episode: Episode, course: Course) -> list[Flag]:
    """Flag what is active for too long; by a bone scan alone later, as uptake stays raised after edema has gone."""
    rule = _rule("active_beyond_a_year")
    by = {seen.day: seen.by for seen in activity_over_time(course.exams, episode.place)}
    sure = [day for day in episode.active if by[day] == "MR"]
    if episode.outcome is Outcome.ONGOING and episode.outcome_day is not None:
        sure.append(episode.outcome_day)
    for days, limit in ((sure, rule["months"]), (episode.active, rule["months_by_scan"])):
        months = months_between(episode.start, max(days)) if days else 0.0
        if months > limit:
            return [_flag(rule, episode, months)]
    return []


def _since_start(changes: Sequence[Change], episode: Episode) -> list[Change]:
    """Compare the first with the last measurement of one episode, for each way it was measured."""
    found = []
    for trajectory in dict.fromkeys(change.trajectory for change in changes):
        mine = [point for point in trajectory.points if point.day in episode.days and point.error is not None]
        mine = [point for point in mine if point.day <= episode.active[-1]]
        change = compare_points(trajectory, mine[0], mine[-1], "first") if len(mine) > 1 else None
        found += [change] if change is not None else []
    return found


def _timely(episode: Episode, changes: Sequence[Change]) -> list[Flag]:
    """Flag what does not fall or grows."""
    flags: list[Flag] = []
    mine = _edema_changes(changes, episode)
    rule = _rule("not_falling")
    since_start = _since_start(mine, episode) if episode.active else []
    fallen = any(change.call is Call.CHANGED and change.difference < 0 for change in mine) or any(
        change.difference < -change.repeatability for change in since_start
    )
    months = max((months_between(episode.start, change.end) for change in since_start), default=0.0)
    if months > rule["months"] and not fallen:
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
    later = [other for other in course.episodes if other.start > episode.start]
    until = []
    for pain in course.events:
        day = pain.end or pain.day
        if pain.kind is not EventKind.PAIN or pain.place not in (None, episode.place) or day < episode.start:
            continue
        # Pain without a joint may be that of any later episode.
        if not any(other.start <= day and pain.place in (None, other.place) for other in later):
            until.append(day)
    months = months_between(episode.start, max(until)) if until else 0.0
    return [_flag(rule, episode, months)] if months > rule["months"] else []


def _seen(episode: Episode, signs: Sequence[SignRow]) -> list[Flag]:
    """Flag signs that do not belong, and a fracture line that comes late; `signs` are those from the episode on."""
    flags = []
    for rule in load_rules():
        mine = sorted((s for s in signs if s.sign == rule.get("sign")), key=lambda sign: sign.day)
        present = [sign for sign in mine if sign.state is State.PRESENT]
        if not present:
            continue
        months = months_between(episode.start, present[0].day)
        if "new_after_months" in rule:
            before = [s for s in mine if s.state is State.ABSENT and s.day < present[0].day]
            if not before or months <= rule["new_after_months"]:
                continue
        flags.append(_flag(rule, episode, months))
    return flags


def _is_of(sign: SignRow, episode: Episode, course: Course) -> bool:
    """Return whether a sign was seen from an episode on, also long after it, until the next of its joint."""
    begin = min(episode.onset.earliest or episode.first_seen, episode.first_seen)
    next_ones = [e.start for e in course.episodes if e.place == episode.place and e.start > episode.start]
    return begin <= sign.day < min(next_ones, default=date.max)


def flag_episodes(course: Course, changes: Sequence[Change]) -> tuple[Flag, ...]:
    """Return every reason to reconsider an episode, in order of episodes and rules."""
    signs = [sign for exam in course.exams for sign in exam.signs]
    flags: list[Flag] = []
    for episode in course.episodes:
        mine = [sign for sign in signs if sign.place == episode.place and _is_of(sign, episode, course)]
        flags += _lasting(episode, course)
        flags += [*_timely(episode, changes), *_painful(episode, course), *_seen(episode, mine)]
    covered = {id(sign) for e in course.episodes for sign in signs if sign.place == e.place and _is_of(sign, e, course)}
    return (*flags, *_without_episode([sign for sign in signs if id(sign) not in covered]))


def _without_episode(signs: Sequence[SignRow]) -> list[Flag]:
    """Flag signs that do not belong in a joint that has no episode at that time."""
    flags: dict[tuple[str, str], Flag] = {}
    for rule in load_rules():
        for sign in signs:
            if "sign" in rule and "new_after_months" not in rule and sign.sign == rule["sign"]:
                text = f"{sign.place}, {sign.day}, without an episode of this joint: {rule['text']}"
                if sign.state is State.PRESENT:
                    key = (rule["id"], str(sign.place))
                    flags.setdefault(key, Flag(rule["id"], 0, text, rule["source"], rule["confidence"]))
    return list(flags.values())


def unjudged(course: Course, changes: Sequence[Change]) -> tuple[str, ...]:
    """Say for each episode which rules could not be judged, so that silence is not taken for an answer."""
    signs = [sign for exam in course.exams for sign in exam.signs]
    known = {rule["sign"] for rule in load_rules() if "sign" in rule}
    open_points = []
    for episode in course.episodes:
        mine = [sign for sign in signs if sign.place == episode.place and _is_of(sign, episode, course)]
        clear = {sign.sign for sign in mine if sign.state in (State.PRESENT, State.ABSENT)}
        words = []
        if not (episode.active and _since_start(_edema_changes(changes, episode), episode)):
            words.append("whether edema falls (no two comparable measurements)")
        words += [sign.replace("_", " ") for sign in sorted(known - clear)]
        if words:
            open_points.append(f"Episode {episode.number}, {episode.place}: could not be judged: {', '.join(words)}.")
    return tuple(open_points)
