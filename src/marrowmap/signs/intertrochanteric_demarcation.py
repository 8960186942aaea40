"""Sharp end of edema at the intertrochanteric region (Gemmel 2012: 12 of 12 episodes; no control arm).

Gemmel gives no distance. The limits are choices: usual definitions of the plane lie 4 mm proximal to 5 mm distal of
ours (contract.md), and "sharp" must be narrower than the region itself, about 40 mm along the midline.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "intertrochanteric_demarcation"

FURTHEST_MM = 15.0
"""The edge lies at most this far from the intertrochanteric plane, either way."""

WIDEST_MM = 20.0
"""The edge's 10-90 % width is at most this."""

LEAST_EDEMA_PERCENT = 15.0
"""A neck with less edema has no edge to judge."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge the edge's place and width from the boundary profile."""
    if hip.obstacle or hip.edema is None:
        return not_assessable(NAME, hip, hip.obstacle or "edema was not measured")
    unseen = hip.unseen("femoral_neck", "intertrochanteric", least=0.6)
    if unseen:
        return not_assessable(NAME, hip, unseen)
    smallest = hip.edema.smallest_detectable
    neck = hip.edema_fraction["femoral_neck"]
    if neck.value < LEAST_EDEMA_PERCENT:
        note = f"the neck holds no edema that could end at the plane ({neck.value:.0f} % of its marrow)"
        return judged(NAME, hip, State.ABSENT, sureness(neck, LEAST_EDEMA_PERCENT, 5.0), smallest, note)
    boundary = hip.boundary
    if boundary is None or boundary.position_mm is None or boundary.width_mm is None:
        reason = boundary.note if boundary else "the edge was not measured"
        return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, reason)
    position, width = boundary.position_mm, boundary.width_mm
    near = abs(position.value) <= FURTHEST_MM
    sharp = width.value <= WIDEST_MM
    place = sureness(position, FURTHEST_MM if position.value >= 0 else -FURTHEST_MM, 2.0)
    sharpness = sureness(width, WIDEST_MM, 2.0)
    note = (
        f"edema ends {position.value:+.1f} mm from the intertrochanteric plane over {width.value:.1f} mm "
        f"(limits {FURTHEST_MM:.0f} and {WIDEST_MM:.0f} mm)"
    )
    if near and sharp:
        return judged(NAME, hip, State.PRESENT, min(place, sharpness), smallest, note)
    certainty = max(0.0 if near else place, 0.0 if sharp else sharpness)
    return judged(NAME, hip, State.ABSENT, certainty, smallest, note)
