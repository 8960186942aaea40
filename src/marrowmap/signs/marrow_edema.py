"""Edema of the femur's marrow, of whatever extent and place.

It tells a well hip from an ill one, and none of the ill ones from another: well people have edema, too, mostly less
than this (25 of 142 older people without symptoms, of any size: Dawson 2013). The volumes are choices, stated in the
note.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "marrow_edema"

PRESENT_ML = 1.0
"""At least this much edema."""

ABSENT_ML = 0.3
"""At most this much, where the image would have shown what makes it present."""

LEAST_SD_ML = 0.3
"""Least standard deviation of the volume's error."""

LEAST_SEEN = 0.7
"""Share of head, neck and intertrochanteric region that must lie within the images for edema to be absent."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the volume of edema in the proximal femur."""
    if hip.obstacle or hip.edema is None:
        return not_assessable(NAME, hip, hip.obstacle or "edema was not measured")
    volume, smallest = hip.edema.edema_volume, hip.edema.smallest_detectable
    note = f"{volume.value:.1f} mL of edema in the proximal femur"
    certainty = sureness(volume, PRESENT_ML, LEAST_SD_ML)
    if volume.value >= PRESENT_ML:
        return judged(NAME, hip, State.PRESENT, certainty, smallest, f"{note}, limit {PRESENT_ML:g} mL")
    unseen = hip.unseen("femoral_head", "femoral_neck", "intertrochanteric", least=LEAST_SEEN)
    if unseen:
        return not_assessable(NAME, hip, unseen)
    if volume.value > ABSENT_ML:
        between = f"{note}: between the limits for absent ({ABSENT_ML:g} mL) and present ({PRESENT_ML:g} mL)"
        return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, between)
    if smallest.value > PRESENT_ML:
        hidden = f"{note}, but less than {smallest.value:.1f} mL would not have been seen"
        return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, hidden)
    return judged(NAME, hip, State.ABSENT, certainty, smallest, f"{note}, limit {ABSENT_ML:g} mL")
