"""What signs share that are read in T1 and fluid-sensitive images together, in the femoral head or its neck."""

from __future__ import annotations

from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.neck import NeckMeasurement
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State


def unread(sign: str, hip: HipMeasurement, reason: str = "") -> Finding:
    """Return the finding that says why nothing can be said about a head."""
    head = hip.head
    told = head.obstacle if head else ""
    if head is None or head.fluid is None:
        # Why there is nothing to look at comes before what would have been looked for.
        told = hip.obstacle or told
    said = reason or told or hip.obstacle or "the femoral head was not read"
    evidence = head.evidence if head else hip.evidence
    return Finding(sign, Joint.HIP, hip.side, State.NOT_ASSESSABLE, None, None, "MR", hip.date, evidence, said)


def read(
    sign: str,
    part: HeadMeasurement | NeckMeasurement,
    state: State,
    certainty: float,
    smallest: Quantity | None,
    note: str,
) -> Finding:
    """Return the finding of a sign that could be looked at in a head or a neck."""
    sure = min(max(certainty, 0.0), 1.0)
    return Finding(sign, Joint.HIP, part.side, state, sure, smallest, "MR", part.date, part.evidence, note)
