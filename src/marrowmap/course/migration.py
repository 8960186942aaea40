"""How an illness moves from episode to episode, as a graph; moves within a bone are in `within_bone`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

from marrowmap.values import Joint
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Episode
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import months_between

DOWN_THE_LIMB = (Joint.HIP, Joint.KNEE, Joint.ANKLE)


class Step(Enum):
    """Where an illness went."""

    CONTRALATERAL = "contralateral"
    JOINT_TO_JOINT = "joint to joint"
    JOINT_TO_JOINT_CROSSED = "joint to joint, other side"
    RECURRENCE = "recurrence"
    SIMULTANEOUS = "simultaneous"


def step_between(earlier: Place, later: Place) -> Step:
    """Name the way from one joint to another, or back to the same."""
    if earlier == later:
        return Step.RECURRENCE
    if earlier.joint is later.joint:
        return Step.CONTRALATERAL
    return Step.JOINT_TO_JOINT if earlier.side is later.side else Step.JOINT_TO_JOINT_CROSSED


@dataclass(frozen=True)
class Edge:
    """One step of a migration.

    Parameters
    ----------
    earlier, later : int
        Episode numbers.
    step : Step
    months : float
        From the start of the earlier to that of the later one.
    low, high : float
        What the doubt about both starts allows. An unknown onset lies between the last exam that showed the joint
        quiet and the first that shows it active; without such an exam nothing bounds it.
    distal : bool or None
        Whether it went down the limb; None between joints of one kind.
    """

    earlier: int
    later: int
    step: Step
    months: float
    low: float
    high: float
    distal: bool | None


def _doubt(episode: Episode) -> tuple[float, float]:
    """Return by how many months the true start may come before and after the assumed one."""
    if episode.onset.kind is OnsetKind.UNKNOWN:
        last_quiet = episode.not_before
        return (math.inf if last_quiet is None else months_between(last_quiet, episode.first_seen)), 0.0
    within = episode.onset.within_days / (365.25 / 12)
    return within, within


def _distal(earlier: Place, later: Place) -> bool | None:
    if earlier.joint is later.joint:
        return None
    return DOWN_THE_LIMB.index(later.joint) > DOWN_THE_LIMB.index(earlier.joint)


def _edge(earlier: Episode, later: Episode) -> Edge:
    months = months_between(earlier.start, later.start)
    before, after = _doubt(earlier)
    sooner, delayed = _doubt(later)
    step = step_between(earlier.place, later.place)
    if earlier.start == later.start:
        step = Step.SIMULTANEOUS
    return Edge(
        earlier.number,
        later.number,
        step,
        months,
        max(0.0, months - after - sooner),
        months + before + delayed,
        _distal(earlier.place, later.place),
    )


def migration_graph(episodes: Sequence[Episode]) -> tuple[Edge, ...]:
    """Return the edges from each episode to the one that began next; episodes that began on one day share theirs.

    Nodes are the episodes. Episodes of one day are joined among each other as simultaneous, from the first of them;
    each of them follows all of the day before it.
    """
    ordered = sorted(episodes, key=lambda episode: (episode.start, episode.number))
    days: dict[date, list[Episode]] = {}
    for episode in ordered:
        days.setdefault(episode.start, []).append(episode)
    edges: list[Edge] = []
    before: list[Episode] = []
    for group in days.values():
        edges += [_edge(earlier, later) for earlier in before for later in group]
        edges += [_edge(group[0], other) for other in group[1:]]
        before = group
    return tuple(edges)
