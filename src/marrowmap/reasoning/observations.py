"""What was seen of one joint, ready to be weighed. Findings that cannot be of one joint of one person are refused."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.reasoning.items import ITEMS
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import State

SUREST = 0.999
"""No sign read from an image is surer than this, however far from its limit it lies: a choice."""


@dataclass(frozen=True)
class Observation:
    """A sign, answer or course that is present or absent, and how surely.

    Parameters
    ----------
    item : str
        A key of ``items.ITEMS``.
    is_present : bool
    certainty : float
        0.5 (says nothing) to 1: that it is as said.
    origin : str
        ``MR``, ``clinical form``, ``course``: where it comes from, for the reader.

    Raises
    ------
    ValueError
        If the item is unknown, or the certainty not within 0.5 to 1.
    """

    item: str
    is_present: bool
    certainty: float = 1.0
    origin: str = ""

    def __post_init__(self) -> None:
        if self.item not in ITEMS:
            raise ValueError(f"unknown sign {self.item!r}: use one of {', '.join(ITEMS)}")
        if not 0.5 <= self.certainty <= 1.0:
            raise ValueError(f"{self.item}: certainty {self.certainty} is not within 0.5 to 1")

    @property
    def word(self) -> str:
        """``present`` or ``absent``."""
        return "present" if self.is_present else "absent"


def observation_of(finding: Finding) -> Observation | None:
    """Return what a finding says; None of one that is undetermined or not assessable: both say nothing.

    A certainty below one half says nothing, either: it is taken as one half; above :data:`SUREST`, as that.
    """
    if finding.state not in (State.PRESENT, State.ABSENT) or finding.certainty is None:
        return None
    certainty = min(max(finding.certainty, 0.5), SUREST)
    return Observation(finding.sign, finding.state is State.PRESENT, certainty, finding.modality or "image")


def require_one_joint(findings: Sequence[Finding], joint: Joint, side: Side, persons: Iterable[str] = ()) -> None:
    """Raise unless all findings can be of one joint of one person at one time.

    Parameters
    ----------
    findings : sequence of Finding
    joint, side : Joint, Side
    persons : iterable of str
        Identifiers of whom the findings are, as far as they are known.

    Raises
    ------
    GeometryError
        If a finding is of another joint or side, or the findings are of two persons.
    InputError
        If one sign is both present and absent, or the findings are of several dates.
    """
    known = sorted({person.strip() for person in persons if person.strip()})
    if len(known) > 1:
        raise GeometryError(f"findings of two persons ({known[0]}, {known[1]}): weigh one person's at a time")
    for finding in findings:
        if (finding.joint, finding.side) != (joint, side):
            raise GeometryError(
                f"{finding.sign} is of the {finding.side.value} {finding.joint.value}, not of the {side.value} "
                f"{joint.value}: findings of one joint are weighed together, never of two sides"
            )
    dates = sorted({finding.date for finding in findings if finding.date})
    if len(dates) > 1:
        raise InputError(f"findings of {dates[0]} and {dates[-1]}: weigh one exam at a time, follow for several")
    states: dict[str, State] = {}
    for finding in findings:
        if finding.state in (State.PRESENT, State.ABSENT):
            before = states.setdefault(finding.sign, finding.state)
            if before is not finding.state:
                raise InputError(f"{finding.sign} is both present and absent in one exam: decide which")


def merge(observations: Iterable[Observation]) -> tuple[Observation, ...]:
    """Return one observation an item, the surest, in the order of ``ITEMS``; those that say nothing left out.

    Raises
    ------
    InputError
        If an item is both present and absent.
    """
    best: dict[str, Observation] = {}
    for one in sorted(observations, key=lambda one: (one.item, -one.certainty, one.origin)):
        before = best.setdefault(one.item, one)
        if before.is_present != one.is_present:
            raise InputError(f"{one.item} is both present ({before.origin}) and absent ({one.origin}): decide which")
    return tuple(best[item] for item in ITEMS if item in best and best[item].certainty > 0.5)
