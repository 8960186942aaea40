"""Sharp end of raised uptake at the intertrochanteric region (Gemmel 2012), by the limits of edema's demarcation."""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectHip
from marrowmap.signs.intertrochanteric_demarcation import FURTHEST_MM
from marrowmap.signs.intertrochanteric_demarcation import WIDEST_MM
from marrowmap.signs.judgement import sureness
from marrowmap.signs.uptake_judgement import judged
from marrowmap.signs.uptake_judgement import least_raise
from marrowmap.signs.uptake_judgement import measured_spect
from marrowmap.signs.uptake_judgement import without_spect
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "uptake_demarcation"
RAISED_FROM = 1.4
"""A neck that takes up less over the usual has no end of uptake to judge; a choice."""
LEAST_CERTAINTY = 0.7
"""A judgment less sure is left open."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge place and width of the end of raised uptake."""
    spect = measured_spect(hip)
    if isinstance(spect, str) or spect.raised is None:
        return without_spect(NAME, hip, spect if isinstance(spect, str) else "uptake was not measured")
    neck = spect.raised["femoral_neck"]
    if neck.value < RAISED_FROM:
        note = f"the neck takes up {neck.value:.2f} times the usual (of {spect.usual}): nothing raised that could end"
        return _sure(spect, State.ABSENT, sureness(neck, RAISED_FROM, 0.08), note)
    boundary = spect.boundary
    if boundary is None or boundary.position_mm is None or boundary.width_mm is None:
        return _sure(
            spect, State.UNDETERMINED, 0.5, boundary.note if boundary else "the end of uptake was not measured"
        )
    position, width = boundary.position_mm, boundary.width_mm
    near, sharp = abs(position.value) <= FURTHEST_MM, width.value <= WIDEST_MM
    place = sureness(position, FURTHEST_MM if position.value >= 0 else -FURTHEST_MM, 2.0)
    sharpness = sureness(width, WIDEST_MM, 4.0)
    note = (
        f"raised uptake ends {position.value:+.1f} mm from the intertrochanteric plane over {width.value:.1f} mm "
        f"(limits {FURTHEST_MM:.0f} and {WIDEST_MM:.0f} mm)"
    )
    if near and sharp:
        return _sure(spect, State.PRESENT, min(place, sharpness), note)
    return _sure(spect, State.ABSENT, max(0.0 if near else place, 0.0 if sharp else sharpness), note)


def _sure(spect: SpectHip, state: State, certainty: float, note: str) -> Finding:
    """Return the finding; a judgment that is not sure enough is left open."""
    if certainty < LEAST_CERTAINTY:
        state, certainty = State.UNDETERMINED, 0.5
    return judged(NAME, spect, state, certainty, least_raise(spect), note)
