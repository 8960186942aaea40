"""The medial femoral head stays free of edema while the rest of the head is edematous (Klontzas 2015: 88 %).

It disappears late. The limits are choices, stated in the note. In a head without edema nothing is spared, and the sign
is not assessable; a focus of edema that leaves most of the head free spares no part of it in particular.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.medial_head import MedialHead
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "medial_head_sparing"

SPARED_PERCENT = 25.0
"""A spared medial head holds at most this much edema."""

INVOLVED_PERCENT = 50.0
"""An involved one at least this much."""

REST_PERCENT = 50.0
"""The rest of the head must hold this much for its medial part to be spared."""

FOCUS_PERCENT = 35.0
"""Up to this much in the rest of the head is a focus."""

LEAST_EDEMA_PERCENT = 15.0
"""With less in the whole head there is nothing to be spared from."""

LEAST_SD_PERCENT = 8.0
"""Least standard deviation of the shares' errors."""

LEAST_SEEN = 0.7
"""Share of the head and of its medial part that must lie within the images."""

LARGEST_BLIND_SHARE = 0.25
"""The least edema that would be drawn is at most this share of the medial part."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the edema of the head's medial part beside that of the rest of the head."""
    if hip.obstacle or hip.medial_head is None:
        reason = hip.obstacle or hip.medial_head_obstacle or "edema of the medial head was not measured"
        return not_assessable(NAME, hip, reason)
    parts = hip.medial_head
    unseen = hip.unseen("femoral_head", least=LEAST_SEEN)
    if not unseen and parts.seen < LEAST_SEEN:
        unseen = f"only {100 * parts.seen:.0f} % of the medial head lies within the images"
    if unseen:
        return not_assessable(NAME, hip, unseen)
    if max(parts.medial.value, parts.rest.value) < LEAST_EDEMA_PERCENT:
        return not_assessable(NAME, hip, "the femoral head holds no edema, so nothing is spared from it")
    state, certainty, note = _compare(parts)
    return judged(NAME, hip, state, certainty, _smallest_detectable(parts), note)


def _compare(parts: MedialHead) -> tuple[State, float, str]:
    """Return state, certainty and note of a head that holds edema and is in view."""
    medial, rest = parts.medial, parts.rest
    note = (
        f"edema fills {medial.value:.0f} % of the medial head's marrow (limits {SPARED_PERCENT:.0f} and "
        f"{INVOLVED_PERCENT:.0f} %) and {rest.value:.0f} % of the rest of the head's"
    )
    if medial.value >= INVOLVED_PERCENT:
        state, certainty = State.ABSENT, sureness(medial, INVOLVED_PERCENT, LEAST_SD_PERCENT)
    elif rest.value <= FOCUS_PERCENT:
        state, certainty = State.ABSENT, sureness(rest, FOCUS_PERCENT, LEAST_SD_PERCENT)
        note = f"{note}: a focus (up to {FOCUS_PERCENT:.0f} %)"
    elif medial.value <= SPARED_PERCENT and rest.value >= REST_PERCENT:
        free = sureness(medial, SPARED_PERCENT, LEAST_SD_PERCENT)
        return State.PRESENT, min(free, sureness(rest, REST_PERCENT, LEAST_SD_PERCENT)), note
    else:
        return State.UNDETERMINED, 0.5, f"{note}: between the limits"
    if parts.smallest_detectable.value > LARGEST_BLIND_SHARE * parts.medial_ml:
        return State.UNDETERMINED, 0.5, f"{note}; the image is too coarse to say more"
    return state, certainty, note


def _smallest_detectable(parts: MedialHead) -> Quantity:
    """Return the least free marrow that is called spared, or that the image shows if that is more."""
    called = (1 - SPARED_PERCENT / 100) * parts.medial_ml
    return Quantity(max(called, parts.smallest_detectable.value), "mL")
