"""A fracture line: a thin dark sheet under the joint surface, parallel or convex to it.

It is no sign of osteonecrosis: half of transient osteoporosis shows one (Klontzas 2015; 88 % in Gulati 2024). One that
is thicker than 4 mm or longer than 12.5 mm is flagged (Vande Berg 1999, hip; both from memory in facts.md).
"""

from __future__ import annotations

from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import SURE_EVIDENCE
from marrowmap.measure.fracture_line import smallest_length_mm
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "subchondral_fracture_line"

THICK_MM, LONG_MM = 4.0, 12.5


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the dark sheet with most evidence that is no band's border."""
    head = hip.head
    if head is None or head.obstacle:
        return unread(NAME, hip)
    length = smallest_length_mm(head.blur_mm, head.snr)
    smallest = None if length is None else Quantity(length, "mm")
    seen = [sheet for sheet in head.sheets if sheet.evidence >= SEEN_EVIDENCE]
    if not seen:
        if smallest is None:
            blurred = f"these slices blur the joint surface over {head.blur_mm:.1f} mm: a line there may not show"
            return unread(NAME, hip, blurred)
        return read(NAME, head, State.ABSENT, 0.9, smallest, "no dark line runs under the joint surface")
    sheet = seen[0]
    flags = [f"longer than {LONG_MM} mm"] if sheet.length_mm > LONG_MM else []
    flags += [f"thicker than {THICK_MM:.0f} mm"] if sheet.thickness_mm > THICK_MM else []
    shape = "convex" if sheet.bow_mm > 0.5 else "concave" if sheet.bow_mm < -1.5 else "parallel"
    note = (
        f"a dark line {sheet.length_mm:.0f} mm long and {sheet.thickness_mm:.1f} mm thick, "
        f"{sheet.depth_middle_mm:.1f} mm under the joint surface, {shape} to it"
        f"{': ' + ' and '.join(flags) if flags else ''}"
    )
    if sheet.evidence < SURE_EVIDENCE:
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, f"{note}; weakly seen")
    return read(NAME, head, State.PRESENT, 0.9, smallest, note)
