"""Edema of the acetabulum's marrow (Gulati 2024: 31 of 50 hips with transient osteoporosis and a fracture line).

Infection, osteoarthritis and tumor show it, too: it says that both sides of the joint take part. The volumes that make
it present or absent are choices, stated in the note.
"""

from __future__ import annotations

from dataclasses import replace

from marrowmap.measure.acetabulum import AcetabularEdema
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "acetabular_edema"

PRESENT_ML = 0.5
"""At least this much edema, as a reader would draw it."""

ABSENT_ML = 0.1
"""At most this much, where the image would have shown what makes it present."""

LEAST_SD_ML = 0.2
"""Least standard deviation of the volume's error."""

LEAST_SEEN = 0.7
"""Share of the acetabulum that must lie within the images for edema to be absent."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the volume of edema in the hip bone's marrow near the head."""
    if hip.obstacle or hip.acetabulum is None:
        reason = hip.obstacle or hip.acetabulum_obstacle or "edema of the acetabulum was not measured"
        return not_assessable(NAME, hip, reason)
    found = hip.acetabulum
    volume, smallest = found.closed_volume, found.smallest_detectable
    note = f"edema fills {volume.value:.1f} mL of the acetabulum ({found.fraction.value:.0f} % of its marrow)"
    if volume.value >= PRESENT_ML:
        note = f"{note}, limit {PRESENT_ML:g} mL"
        finding = judged(NAME, hip, State.PRESENT, sureness(volume, PRESENT_ML, LEAST_SD_ML), smallest, note)
    elif found.seen < LEAST_SEEN:
        unseen = f"only {100 * found.seen:.0f} % of the acetabulum lies within the images"
        return not_assessable(NAME, hip, unseen)
    elif volume.value > ABSENT_ML:
        note = f"{note}: between the limits for absent ({ABSENT_ML:g} mL) and present ({PRESENT_ML:g} mL)"
        finding = judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, note)
    elif smallest.value > PRESENT_ML:
        note = f"{note}, but less than {smallest.value:.1f} mL would not have been seen"
        finding = judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, note)
    elif _too_faint(hip, found):
        note = f"{note}, but edema as faint as the femur's would not stand out from the hip bone's marrow"
        finding = judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, note)
    else:
        note = f"{note}, limit {ABSENT_ML:g} mL"
        finding = judged(NAME, hip, State.ABSENT, sureness(volume, PRESENT_ML, LEAST_SD_ML), smallest, note)
    if finding.evidence is None:
        return finding
    return replace(finding, evidence=replace(finding.evidence, mask_sha256=found.closed.sha256))


def _too_faint(hip: HipMeasurement, found: AcetabularEdema) -> bool:
    """Say whether the femur holds edema that would go unseen in the acetabulum."""
    edema = hip.edema
    return edema is not None and edema.plateau is not None and edema.plateau - edema.reference.median < found.least_rise
