"""All that is asked of one course, answered together: what the report and ``course.json`` say."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np

from marrowmap.course.activity import NORMAL_ML
from marrowmap.course.change import Change
from marrowmap.course.change import check_controls
from marrowmap.course.change import find_changes
from marrowmap.course.change import holm
from marrowmap.course.episodes import GAP_MONTHS
from marrowmap.course.likelihood import Observation
from marrowmap.course.migration import Edge
from marrowmap.course.migration import migration_graph
from marrowmap.course.protocol import compare_protocols
from marrowmap.course.recovery import Bounded
from marrowmap.course.recovery import Recovery
from marrowmap.course.recovery import fit_recovery
from marrowmap.course.safety_net import Flag
from marrowmap.course.safety_net import flag_episodes
from marrowmap.course.safety_net import unjudged
from marrowmap.course.trajectory import Z95
from marrowmap.course.trajectory import Point
from marrowmap.course.trajectory import Trajectory
from marrowmap.course.trajectory import build_trajectories
from marrowmap.course.trajectory import leading
from marrowmap.course.within_bone import SHIFT_ALPHA
from marrowmap.course.within_bone import EdemaCenter
from marrowmap.course.within_bone import Shift
from marrowmap.course.within_bone import shift_between
from marrowmap.values.analyzed import Place
from marrowmap.values.course import DAYS_PER_MONTH
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import months_between

Centers = Mapping[Place, Sequence[EdemaCenter]]


@dataclass(frozen=True)
class EpisodeRecovery:
    """How one episode fell, or why that cannot be told.

    Parameters
    ----------
    episode : int
    quantity : str
        ``edema_volume`` or ``bmd``, of which the deficit against the person's own earlier value falls.
    trajectory : Trajectory or None
    start : date or None
        Where the fit begins: the exam with most of it.
    recovery : Recovery or None
    from_onset : Bounded or None
        Months from onset, or from the first exam where it is unknown, to normal.
    reason : str
        Why there is no fit; empty where there is one.
    baseline : float or None
        Of BMD: the own value before the episode.
    """

    episode: int
    quantity: str
    trajectory: Trajectory | None
    start: date | None
    recovery: Recovery | None
    from_onset: Bounded | None
    reason: str = ""
    baseline: float | None = None


@dataclass(frozen=True)
class CourseReview:
    """Everything known of one person's course."""

    course: Course
    trajectories: tuple[Trajectory, ...]
    changes: tuple[Change, ...]
    recoveries: tuple[EpisodeRecovery, ...]
    edges: tuple[Edge, ...]
    shifts: tuple[tuple[Place, Shift], ...]
    flags: tuple[Flag, ...]
    unjudged: tuple[str, ...]
    notes: tuple[str, ...]

    def recovery_of(self, episode: Episode, quantity: str = "edema_volume") -> EpisodeRecovery | None:
        """Return the recovery of an episode by one quantity."""
        return next((r for r in self.recoveries if (r.episode, r.quantity) == (episode.number, quantity)), None)


@cache
def published_times() -> tuple[dict[str, Any], ...]:
    """Return what was published on times, ``data/natural_history.toml``."""
    text = resources.files("marrowmap.course").joinpath("data/natural_history.toml").read_text(encoding="utf-8")
    return tuple(tomllib.loads(text)["time"])


def over_between(episode: Episode) -> tuple[float, float] | None:
    """Return the months from start within which an episode ended, by its exams: last active to first quiet.

    None without any active exam; the second is infinite while it is not over.
    """
    if not episode.active:
        return None
    low = months_between(episode.start, episode.active[-1])
    return low, math.inf if episode.quiet_day is None else months_between(episode.start, episode.quiet_day)


def _since_onset(fitted: Bounded, episode: Episode, start: date) -> Bounded:
    """Move a time from the start of the fit to the episode's own; doubt about onset widens it."""
    offset = months_between(episode.start, start)
    doubt = episode.onset.within_days / DAYS_PER_MONTH
    return Bounded(fitted.value + offset, max(0.0, fitted.low + offset - doubt), fitted.high + offset + doubt)


def _edema_recovery(episode: Episode, trajectories: Sequence[Trajectory]) -> EpisodeRecovery:
    trajectory = leading(trajectories, episode.place)
    nothing = EpisodeRecovery(episode.number, "edema_volume", trajectory, None, None, None)
    points = [p for p in trajectory.points if p.day in episode.days] if trajectory else []
    known = [point for point in points if point.error is not None]
    if trajectory is None or not any(not point.below for point in known):
        return replace(nothing, reason="no edema volume with its error was measured in it")
    # The fall begins at the height of the episode.
    height = max(range(len(known)), key=lambda n: known[n].value if not known[n].below else -1.0)
    falling = known[height:]
    if len(falling) < 2:
        return replace(nothing, reason="no exam after the one with most edema: a fall needs two")
    start = falling[0].day
    observed = [Observation(months_between(start, p.day), p.value, p.error or 0.0, p.below) for p in falling]
    recovery = fit_recovery(observed, NORMAL_ML)
    if recovery is None:
        return replace(nothing, reason="too little edema to follow")
    since = _since_onset(recovery.time_to_normal, episode, start)
    return EpisodeRecovery(episode.number, "edema_volume", trajectory, start, recovery, since)


def _lies_before(day: date, episode: Episode) -> bool:
    """Return whether a day surely lies before an episode: bone is lost before the first exam that shows edema."""
    if episode.onset.earliest is not None:
        return day < episode.onset.earliest
    if episode.not_before is not None:
        return day <= episode.not_before
    return months_between(day, episode.first_seen) > GAP_MONTHS


def _lies_within(day: date, episode: Episode) -> bool:
    return episode.start <= day and (day in episode.days or (episode.end is not None and day < episode.end))


def _bone_recovery(episode: Episode, trajectory: Trajectory, others: Sequence[Episode] = ()) -> EpisodeRecovery | None:
    """Follow BMD back to the person's own value before the episode; None where there is no such value.

    A value of another episode of the same joint (`others`) is none.
    """
    before = [
        p
        for p in trajectory.points
        if p.error is not None
        and _lies_before(p.day, episode)
        and not any(_lies_within(p.day, other) for other in others)
    ]
    during = [p for p in trajectory.points if p.day in episode.days and p.error is not None]
    if not before or len(during) < 2:
        return None
    base = before[-1]
    deficits = [_deficit(base, point) for point in during]
    height = max(range(len(during)), key=lambda n: deficits[n][0])
    normal = Z95 * deficits[height][1]
    if deficits[height][0] <= normal or len(during) - height < 2:
        return None
    start = during[height].day
    observed = [
        Observation(months_between(start, p.day), value, error)
        for p, (value, error) in zip(during[height:], deficits[height:], strict=True)
    ]
    recovery = fit_recovery(observed, normal)
    if recovery is None:
        return None
    since = _since_onset(recovery.time_to_normal, episode, start)
    return EpisodeRecovery(episode.number, "bmd", trajectory, start, recovery, since, baseline=base.value)


def _deficit(base: Point, point: Point) -> tuple[float, float]:
    return base.value - point.value, float(np.hypot(base.error or 0.0, point.error or 0.0))


def _recoveries(course: Course, trajectories: Sequence[Trajectory]) -> tuple[EpisodeRecovery, ...]:
    found = []
    for episode in course.episodes:
        found.append(_edema_recovery(episode, trajectories))
        for trajectory in trajectories:
            if trajectory.quantity == "bmd" and trajectory.place == episode.place:
                others = [e for e in course.episodes if e.place == episode.place and e.number != episode.number]
                bone = _bone_recovery(episode, trajectory, others)
                found += [bone] if bone is not None else []
    return tuple(found)


def _shifts(course: Course, centers: Centers) -> tuple[tuple[Place, Shift], ...]:
    """Compare the center of edema of each active exam of an episode with the one before, by region."""
    found = []
    for episode in course.episodes:
        mine = [center for center in centers.get(episode.place, ()) if center.day in episode.days]
        for region in dict.fromkeys(center.region for center in mine):
            same = sorted((center for center in mine if center.region == region), key=lambda center: center.day)
            found += [(episode.place, shift_between(one, other)) for one, other in pairwise(same)]
    adjusted = holm([shift.p for _, shift in found])
    return tuple(
        (place, replace(shift, beyond=p < SHIFT_ALPHA)) for (place, shift), p in zip(found, adjusted, strict=True)
    )


def review_course(course: Course, centers: Centers | None = None, notes: Sequence[str] = ()) -> CourseReview:
    """Answer every question on one course.

    Parameters
    ----------
    course : Course
    centers : mapping of Place to EdemaCenters, optional
        Where edema lay in the bone at each exam, for moves within it.
    notes : sequence of str, optional
        What was found on the way here.
    """
    trajectories, not_compared = build_trajectories(course.exams)
    changes = find_changes(trajectories)
    return CourseReview(
        course=course,
        trajectories=trajectories,
        changes=changes,
        recoveries=_recoveries(course, trajectories),
        edges=migration_graph(course.episodes),
        shifts=_shifts(course, centers or {}),
        flags=flag_episodes(course, changes),
        unjudged=unjudged(course, changes),
        notes=(*notes, *not_compared, *compare_protocols(course.exams), *check_controls(trajectories)),
    )
