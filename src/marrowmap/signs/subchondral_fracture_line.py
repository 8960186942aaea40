"""A fracture line: a thin dark sheet under the joint surface, parallel or convex to it.

It is no sign of osteonecrosis: half of transient osteoporosis shows one (Klontzas 2015; 88 % in Gulati 2024). One that
is thicker than 4 mm or longer than 12.5 mm (hip; Vande Berg 1999, from memory), 14 mm (knee; Malghem 2023), is flagged.
They measured the dark area in fluid-sensitive images; here it is the line in T1.
"""

from __future__ import annotations

from marrowmap.measure.fracture_line import HINT_EVIDENCE
from marrowmap.measure.fracture_line import LEAST_SNR
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import SURE_EVIDENCE
from marrowmap.measure.fracture_line import smallest_length_mm
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.head_judgement import read
from marrowmap.signs.head_judgement import unread
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "subchondral_fracture_line"

THICK_MM = 4.0
LONG_MM = {Joint.HIP: 12.5, Joint.KNEE: 14.0}


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the dark sheet with most evidence that is no band's border."""
    head = hip.head
    if head is None or head.obstacle:
        return unread(NAME, hip)
    length = smallest_length_mm(head.blur_mm, head.snr)
    smallest = None if length is None else Quantity(length, "mm")
    sheet = next((sheet for sheet in head.sheets if sheet.evidence >= HINT_EVIDENCE), None)
    if sheet is None:
        if smallest is None:
            poor = (
                f"noise (T1 signal of fatty marrow is {head.snr:.0f} times as high)"
                if head.snr < LEAST_SNR
                else f"slices that blur the joint surface over {head.blur_mm:.1f} mm"
            )
            return unread(NAME, hip, f"a line might not show because of {poor}")
        none = f"no dark line runs under the joint surface; one 1 mm thick would show from {length:.0f} mm length on"
        return read(NAME, head, State.ABSENT, 0.9, smallest, none)
    if sheet.evidence < SEEN_EVIDENCE:
        faint = "something faint under the joint surface, too weak to measure, may be a line"
        return read(NAME, head, State.UNDETERMINED, 0.5, smallest, faint)
    long = LONG_MM[head.femur.joint]
    flags = [f"longer than {long:g} mm"] if sheet.length_mm > long else []
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
