"""How an illness moves: from episode to episode as a graph, and within one bone in the bone's own coordinates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum

import numpy as np
from scipy.stats import chi2

from marrowmap.course.trajectory import floors
from marrowmap.image import LabelMap
from marrowmap.image import Volume
from marrowmap.values import Joint
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Episode
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import months_between

DOWN_THE_LIMB = (Joint.HIP, Joint.KNEE, Joint.ANKLE)
SHIFT_ALPHA = 0.01
"""Chance of any false move within a bone in a stable person; with that of changes it makes 5 %."""
LEAST_ML = 1.0
"""Less edema has no center worth following. A choice."""


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


@dataclass(frozen=True)
class EdemaCenter:
    """Where edema lies within a bone.

    Space: the bone's own coordinates, mm from the center of the head along neck, superior, anterior.

    Parameters
    ----------
    day : date
    region : str
        Within which the center was taken.
    center_mm : tuple of 3 float
    error_mm : float
        One standard error along each axis.
    volume_ml : float
    radius_mm : float
        Of the head.
    """

    day: date
    region: str
    center_mm: tuple[float, float, float]
    error_mm: float
    volume_ml: float
    radius_mm: float


def find_center(
    membership: Volume, regions: LabelMap, frame: FrameRow, region: str | None, day: date
) -> EdemaCenter | None:
    """Return the center of edema within a region of a bone, weighted by membership.

    Parameters
    ----------
    membership : Volume
        Share of edema by voxel, 0 to 1.
    regions : LabelMap
        On the same grid.
    frame : FrameRow
        In the same frame of reference, LPS mm.
    region : str or None
        A region of the map; None for the whole bone.
    day : date

    Returns
    -------
    EdemaCenter or None
        None with less than 1 mL of edema there, or without the region.
    """
    membership.grid.require_same(regions.grid)
    bone = tuple(name for name in regions.names.values() if name not in ("acetabulum", "hip_joint"))
    names = bone if region is None else tuple(name for name in bone if name == region)
    if not names:
        return None
    index = np.argwhere(regions.mask(*names).array & (membership.array > 0))
    weight = membership.array[tuple(index.T)].astype(float)
    volume = float(weight.sum()) * membership.grid.voxel_volume_ml
    if volume < LEAST_ML:
        return None
    points = membership.grid.to_world(index.astype(float))
    center = (np.average(points, axis=0, weights=weight) - np.array(frame.center_mm)) @ np.array(frame.axes).T
    error = float(np.hypot(float(floors()["edema_centroid"]["absolute"]), frame.fit_rms_mm or 0.0))
    where = (float(center[0]), float(center[1]), float(center[2]))
    return EdemaCenter(day, region or "whole bone", where, error, volume, frame.radius_mm)


@dataclass(frozen=True)
class Shift:
    """How far edema moved within a bone between two exams.

    Space: the bone's own coordinates, mm along neck, superior, anterior.

    Parameters
    ----------
    start, end : date
    region : str
    by_mm : tuple of 3 float
    distance_mm : float
    repeatability_mm : float
        A distance that error alone exceeds in 5 % of pairs.
    moved : bool
        Beyond that, after Holm's correction over all pairs of the person.
    p : float
    """

    start: date
    end: date
    region: str
    by_mm: tuple[float, float, float]
    distance_mm: float
    repeatability_mm: float
    p: float
    moved: bool = False

    @property
    def words(self) -> str:
        """Return the direction a reader would name."""
        names = (("lateral", "medial"), ("superior", "inferior"), ("anterior", "posterior"))
        largest = int(np.argmax(np.abs(self.by_mm)))
        return names[largest][0 if self.by_mm[largest] > 0 else 1]


def shift_between(earlier: EdemaCenter, later: EdemaCenter) -> Shift:
    """Compare two centers of one region: the distance against that of errors alone, chi-square with 3 degrees."""
    by = np.subtract(later.center_mm, earlier.center_mm)
    variance = earlier.error_mm**2 + later.error_mm**2
    return Shift(
        earlier.day,
        later.day,
        earlier.region,
        (float(by[0]), float(by[1]), float(by[2])),
        float(np.linalg.norm(by)),
        float(np.sqrt(chi2.ppf(0.95, 3) * variance)),
        float(chi2.sf(float(by @ by) / variance, 3)),
    )
