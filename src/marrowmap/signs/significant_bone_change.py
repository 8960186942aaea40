"""Change of bone density at one joint beyond what measurement error explains."""

from __future__ import annotations

from collections.abc import Sequence

from marrowmap.measure.density import MODALITY
from marrowmap.measure.density import signed
from marrowmap.measure.density_change import Change
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

NAME = "significant_bone_change"


def assess(changes: Sequence[Change], joint: Joint, side: Side) -> Finding:
    """Judge all comparisons of one joint and side at one exam.

    PRESENT if any change is beyond the error over all of them (Bonferroni; with the degrees of freedom of the site's
    own study), so that stable people are called changed in at most 5 %, however many regions were measured.
    UNDETERMINED if one is beyond its own least significant change only, ABSENT if none is.
    """
    later = changes[0].later
    able = [change for change in changes if change.error is not None and change.difference is not None]
    sure = [change for change in able if not change.doubtful]
    records = [record for change in changes for record in (change.first, change.later)]
    evidence = Evidence(later.source, tuple(dict.fromkeys(record.place for record in records)))
    reasons = "; ".join(dict.fromkeys(change.reason for change in changes if change.reason))
    date = later.iso_date
    if not able:
        return Finding(NAME, joint, side, State.NOT_ASSESSABLE, None, None, MODALITY, date, evidence, reasons)
    note = "; ".join(_words(change) for change in able)
    note = f"{note}; {reasons}" if reasons else note
    beyond = [change for change in sure if _size(change) >= _limit(change, len(sure))]
    if beyond:
        # So large a difference in any of so many comparisons, not in this one alone.
        certainty = 1.0 - min(1.0, len(sure) * (1.0 - max(_certainty(change) for change in beyond)))
        return Finding(NAME, joint, side, State.PRESENT, certainty, None, MODALITY, date, evidence, note)
    near = [change for change in able if _size(change) >= (change.error.lsc if change.error else 0.0)]
    if near or not sure:
        return Finding(NAME, joint, side, State.UNDETERMINED, 0.5, None, MODALITY, date, evidence, note)
    smallest = Quantity(max(_limit(change, len(sure)) for change in sure), "g/cm2")
    certainty = 1.0 - max(_certainty(change) for change in sure) / 2
    return Finding(NAME, joint, side, State.ABSENT, certainty, smallest, MODALITY, date, evidence, note)


def _size(change: Change) -> float:
    return abs(change.difference or 0.0)


def _limit(change: Change, comparisons: int) -> float:
    """Beyond it a change counts: never less than ISCD's least significant change."""
    if change.error is None:
        raise ValueError("no error known")
    return max(change.error.lsc, change.error.limit(comparisons))


def _certainty(change: Change) -> float:
    """Part of stable people whose two exams differ by less."""
    if change.error is None:
        raise ValueError("no error known")
    return change.error.within(_size(change))


def _words(change: Change) -> str:
    region = change.later.region.replace("_", " ")
    lsc = change.error.lsc if change.error else 0.0
    return (
        f"{region} {signed(change.percent or 0.0, 1)} % ({signed(change.difference or 0.0, 3)} g/cm2, LSC {lsc:.3f}) "
        f"since the {change.since} of {change.first.iso_date}"
    )
