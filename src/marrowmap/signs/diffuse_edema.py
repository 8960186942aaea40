"""Diffuse edema: femoral head and neck together, not a focus in one of them (Gemmel 2012, Korompilias 2009).

No published share of the marrow makes edema "diffuse" (facts.md 0.10): the two limits are choices, stated in the note.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "diffuse_edema"

PRESENT_PERCENT = 40.0
"""Head and neck each hold at least this much edema."""

ABSENT_PERCENT = 15.0
"""Head or neck holds at most this much."""

LEAST_SEEN = 0.7
"""Share of head and neck that must lie within the images."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge diffuse edema from the edema fractions of head and neck."""
    if hip.obstacle or hip.edema is None:
        return not_assessable(NAME, hip, hip.obstacle or "edema was not measured")
    unseen = hip.unseen("femoral_head", "femoral_neck", least=LEAST_SEEN)
    if unseen:
        return not_assessable(NAME, hip, unseen)
    head, neck = hip.edema_fraction["femoral_head"], hip.edema_fraction["femoral_neck"]
    lesser = min(head, neck, key=lambda fraction: fraction.value)
    smallest = hip.edema.smallest_detectable
    amounts = f"edema fills {head.value:.0f} % of the head's and {neck.value:.0f} % of the neck's marrow"
    if lesser.value >= PRESENT_PERCENT:
        certainty = sureness(lesser, PRESENT_PERCENT, 5.0)
        return judged(NAME, hip, State.PRESENT, certainty, smallest, f"{amounts} (limit {PRESENT_PERCENT:.0f} %)")
    if lesser.value <= ABSENT_PERCENT:
        certainty = sureness(lesser, ABSENT_PERCENT, 5.0)
        focal = max(head.value, neck.value) > ABSENT_PERCENT
        note = f"{amounts}{': a focus, not diffuse' if focal else ''} (limit {ABSENT_PERCENT:.0f} %)"
        return judged(NAME, hip, State.ABSENT, certainty, smallest, note)
    between = f"{amounts}: between the limits for absent ({ABSENT_PERCENT:.0f} %) and present ({PRESENT_PERCENT:.0f} %)"
    return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, between)
