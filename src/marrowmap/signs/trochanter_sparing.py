"""The greater trochanter is free of edema while the rest of the proximal femur is not.

Commonly stated of transient osteoporosis, no frequency found (facts.md 2.1). In a femur without edema nothing is
spared: the sign is then not assessable.
"""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "trochanter_sparing"

SPARED_PERCENT = 15.0
"""A spared trochanter holds at most this much edema."""

INVOLVED_PERCENT = 30.0
"""An involved one at least this much."""

LEAST_EDEMA_PERCENT = 15.0
"""Head or neck must hold this much for the trochanter to be spared from anything."""


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the edema fraction of the greater trochanter beside that of head and neck."""
    if hip.obstacle or hip.edema is None:
        return not_assessable(NAME, hip, hip.obstacle or "edema was not measured")
    unseen = hip.unseen("greater_trochanter", least=0.7) or hip.unseen("femoral_neck", least=0.5)
    if unseen:
        return not_assessable(NAME, hip, unseen)
    most = max(hip.edema_fraction[region].value for region in ("femoral_head", "femoral_neck"))
    if most < LEAST_EDEMA_PERCENT:
        return not_assessable(NAME, hip, "head and neck hold no edema, so nothing is spared from it")
    trochanter = hip.edema_fraction["greater_trochanter"]
    smallest = hip.edema.smallest_detectable
    note = f"edema fills {trochanter.value:.0f} % of the greater trochanter's marrow"
    if trochanter.value <= SPARED_PERCENT:
        return judged(NAME, hip, State.PRESENT, sureness(trochanter, SPARED_PERCENT, 5.0), smallest, note)
    if trochanter.value >= INVOLVED_PERCENT:
        return judged(NAME, hip, State.ABSENT, sureness(trochanter, INVOLVED_PERCENT, 5.0), smallest, note)
    return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, note)
