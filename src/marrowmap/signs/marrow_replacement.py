"""Marrow as dark as or darker than muscle on T1, over more than a thin band: something has replaced it.

Of 45 marrow foci as dark as muscle or darker, 44 were infiltrated (Carroll 1997); 70 of 75 osteomyelitides looked so,
too (Howe 2013). The limits are choices, stated in the note.
"""

from __future__ import annotations

from dataclasses import replace

from scipy.special import ndtr

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.marrow_replacement import AS_DARK
from marrowmap.measure.marrow_replacement import THICK_MM
from marrowmap.measure.marrow_replacement import MarrowReplacement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "marrow_replacement"

LEAST_SURE = 0.8
"""The ratio to muscle is called as dark, or not, if it lies on that side of the limit this surely."""

LEAST_ML = 0.8
"""Less replaced marrow than this is not called present: a large cyst."""

LARGEST_BLIND_ML = 4.0
"""Absence is said only where a lesion of this volume would have been seen."""

LEAST_VOID_ML = 1.5
"""More marrow than this without signal hides what replaces the rest."""

LEAST_EXPLAINED_ML = 0.5
"""Dark marrow of this volume within a walled-off segment leaves open what it is."""

HEAD_SHARE = 0.5
UNDER_SURFACE_MM = 5.0
"""Dark marrow mostly within the head that comes this close to the joint surface may be a necrotic segment."""

LEAST_SEEN = 0.7
"""Share of head, neck and intertrochanteric region that must lie within the images."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the marrow that is as dark as muscle on T1."""
    found = hip.replacement
    if found is None:
        return not_assessable(NAME, hip, hip.obstacle or hip.replacement_obstacle or "there is no T1 series")
    unseen = hip.unseen("femoral_head", "femoral_neck", "intertrochanteric", least=LEAST_SEEN)
    if unseen:
        return not_assessable(NAME, hip, unseen)
    if found.void_ml > LEAST_VOID_ML:
        hidden = f"{found.void_ml:.1f} mL of the femur gives no T1 signal (metal or dense bone): it hides what is there"
        return not_assessable(NAME, hip, hidden)
    state, certainty, note = _judge(found)
    finding = judged(NAME, hip, state, certainty, found.smallest_detectable, note)
    return replace(finding, evidence=found.evidence)


def _judge(found: MarrowReplacement) -> tuple[State, float, str]:
    """Return state, certainty and note of a femur that could be looked at."""
    ratio = found.darkest if found.ratio is None else found.ratio.value
    sure = float(ndtr((AS_DARK - ratio) / (found.muscle.relative_sd * max(ratio, 1.0))))
    doubt = _doubt(found, sure)
    limit = f"limit {AS_DARK:g} times muscle's T1 signal, {THICK_MM:g} mm thick"
    if found.volume.value >= LEAST_ML:
        state, certainty = State.PRESENT, sure
        note = f"{found.volume.value:.1f} mL of marrow has {ratio:.2f} times muscle's T1 signal ({limit})"
        if found.in_head > HEAD_SHARE and found.from_joint_mm < UNDER_SURFACE_MM:
            note = f"{note}; under the head's joint surface: it may be a necrotic segment"
    else:
        state, certainty = State.ABSENT, 1 - sure
        note = f"the darkest marrow of that thickness has {ratio:.2f} times muscle's T1 signal ({limit})"
    return (State.UNDETERMINED, 0.5, f"{note}; {doubt}") if doubt else (state, certainty, note)


def _doubt(found: MarrowReplacement, sure: float) -> str:
    """Return why neither can be said; empty if one can."""
    large = found.volume.value >= LEAST_ML
    if not large and found.explained_ml > LEAST_EXPLAINED_ML:
        return f"{found.explained_ml:.1f} mL as dark as muscle lies within the walled-off segment of the head"
    if (sure if large else 1 - sure) < LEAST_SURE or 0 < found.volume.value < LEAST_ML:
        return "too close to call"
    if not large and found.smallest_detectable.value > LARGEST_BLIND_ML:
        return "the image is too coarse to say more"
    return ""
