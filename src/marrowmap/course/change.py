"""Change against the error of measurement.

Every exam is compared with the first and with the one before it. A change is beyond repeatability where it exceeds
1.96 times the standard error of the difference: with two equal errors 2.77 SEM, the repeatability coefficient (Bland
and Altman 1986), for BMD the least significant change. That errs in 5 % of single comparisons, and a course holds many.
So a change is called only where it also stands after Holm's correction over all comparisons of the person: then at most
5 % of people who are stable get any false call, however many exams and regions they have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date
from enum import Enum

import numpy as np
from scipy.stats import norm

from marrowmap.course.trajectory import CONTROLS
from marrowmap.course.trajectory import Z95
from marrowmap.course.trajectory import Point
from marrowmap.course.trajectory import Trajectory

ALPHA = 0.04
"""Chance of any false call in a stable person; with that of moves within a bone it makes 5 %."""


class Call(Enum):
    """What may be said of a difference."""

    CHANGED = "changed"
    UNCERTAIN = "beyond repeatability, but not after correction for all comparisons"
    STABLE = "within repeatability"


@dataclass(frozen=True)
class Change:
    """One difference between two exams.

    Parameters
    ----------
    trajectory : Trajectory
    start, end : date
    against : str
        ``first``, ``previous`` or ``first and previous``.
    difference : float
        Later less earlier; where one value lies below what could be seen, the least difference there can be.
    at_least : bool
        Whether that is so.
    repeatability : float
        Coefficient for this pair: 1.96 standard errors of the difference.
    p : float
        Two-sided, of this comparison alone.
    adjusted_p : float
        After Holm's correction.
    call : Call
    """

    trajectory: Trajectory
    start: date
    end: date
    against: str
    difference: float
    at_least: bool
    repeatability: float
    p: float
    adjusted_p: float = 1.0
    call: Call = Call.STABLE


def compare_points(trajectory: Trajectory, start: Point, end: Point, against: str) -> Change | None:
    """Compare two measurements; None where an error is unknown or both lie below what could be seen."""
    if start.error is None or end.error is None or (start.below and end.below):
        return None
    difference = end.value - start.value
    if (end.below and difference > 0) or (start.below and difference < 0):
        difference = 0.0
    error = float(np.hypot(start.error, end.error))
    p = float(2 * norm.sf(abs(difference) / error))
    return Change(trajectory, start.day, end.day, against, difference, start.below or end.below, Z95 * error, p)


def _pairs(points: Sequence[Point]) -> list[tuple[Point, Point, str]]:
    pairs = []
    for number in range(1, len(points)):
        if number == 1:
            pairs.append((points[0], points[1], "first and previous"))
        else:
            pairs += [(points[0], points[number], "first"), (points[number - 1], points[number], "previous")]
    return pairs


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down procedure (Holm 1979, Scand J Stat 6:65), in the given order.

    It holds the chance of any false call at the level, whatever the dependence between comparisons.
    """
    order = np.argsort(p, kind="stable")
    scaled = [p[index] * (len(p) - rank) for rank, index in enumerate(order)]
    adjusted = np.minimum(np.maximum.accumulate(scaled), 1.0) if scaled else np.array([])
    done = np.empty(len(p))
    done[order] = adjusted
    return [float(value) for value in done]


def find_changes(trajectories: Sequence[Trajectory]) -> tuple[Change, ...]:
    """Compare every exam with the first and the previous one of each trajectory; controls are left out."""
    found = [
        change
        for trajectory in trajectories
        if trajectory.quantity not in CONTROLS
        for pair in _pairs(trajectory.points)
        if (change := compare_points(trajectory, *pair)) is not None
    ]
    done = []
    for change, adjusted in zip(found, holm([change.p for change in found]), strict=True):
        beyond = abs(change.difference) > change.repeatability
        call = Call.STABLE if not beyond else Call.CHANGED if adjusted < ALPHA else Call.UNCERTAIN
        done.append(replace(change, adjusted_p=adjusted, call=call))
    return tuple(done)


def check_controls(trajectories: Sequence[Trajectory]) -> tuple[str, ...]:
    """Say where a bone's own size differs between exams: then it was drawn differently, and its edema with it."""
    complaints = []
    for trajectory in trajectories:
        if trajectory.quantity not in CONTROLS or trajectory.region not in ("proximal_femur", "distal_femur"):
            continue
        pairs = _pairs(trajectory.points)
        found = [change for pair in pairs if (change := compare_points(trajectory, *pair)) is not None]
        for change, p in zip(found, holm([one.p for one in found]), strict=True):
            if p < ALPHA:
                complaints.append(
                    f"{trajectory.name} differs by {change.difference:+.3g} {trajectory.unit} between "
                    f"{change.start} and {change.end}: the bone was not drawn, or not seen, alike; "
                    "its changes may come from that"
                )
    return tuple(complaints)
