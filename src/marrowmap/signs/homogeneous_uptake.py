"""Homogeneous uptake: head and neck together raised and even (Gemmel 2012: 12 of 12; Staudenherz 1997: 8 of 22).

No published ratio makes uptake "raised", no share makes it "homogeneous": the limits are choices, stated in the note.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import sureness
from marrowmap.signs.uptake_judgement import judged
from marrowmap.signs.uptake_judgement import least_raise
from marrowmap.signs.uptake_judgement import measured_spect
from marrowmap.signs.uptake_judgement import without_spect
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "homogeneous_uptake"
RAISED_FROM = 1.5
"""Head and neck over the usual."""
EVEN_FROM = 0.80
"""Share of head and neck that takes up at least half of their excess."""
LEAST_RATIO = 0.08
LEAST_CERTAINTY = 0.7
"""A judgment less sure is left open."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge how far head and neck are raised, and how evenly."""
    spect = measured_spect(hip)
    if isinstance(spect, str) or spect.raised is None:
        return without_spect(NAME, hip, spect if isinstance(spect, str) else "uptake was not measured")
    smallest = least_raise(spect)
    head, neck = spect.raised["femoral_head"], spect.raised["femoral_neck"]
    lesser = min(head, neck, key=lambda ratio: ratio.value)
    amounts = (
        f"head {head.value:.2f} and neck {neck.value:.2f} times the usual (of {spect.usual}; limit {RAISED_FROM:g}), "
        f"{100 * spect.even_share:.0f} % of both at half of the excess or more (limit {100 * EVEN_FROM:.0f} %)"
    )
    if lesser.value < RAISED_FROM:
        state, certainty = State.ABSENT, sureness(lesser, RAISED_FROM, LEAST_RATIO)
    elif spect.cold is not None and spect.cold.present:
        state, certainty, amounts = State.ABSENT, 0.9, f"{amounts}; but the head holds a cold area"
    else:
        even = sureness(Quantity(spect.even_share, "1"), EVEN_FROM, 0.06)
        raised = sureness(lesser, RAISED_FROM, LEAST_RATIO)
        state = State.PRESENT if spect.even_share >= EVEN_FROM else State.ABSENT
        certainty = min(raised, even) if state is State.PRESENT else even
    if certainty < LEAST_CERTAINTY:
        state, certainty = State.UNDETERMINED, 0.5
    return judged(NAME, spect, state, certainty, smallest, amounts)
