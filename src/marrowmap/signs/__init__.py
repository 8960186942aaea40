"""Imaging signs, one a file. Each module has `NAME` and ``assess(hip) -> Finding``."""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs import acetabular_edema
from marrowmap.signs import diffuse_edema
from marrowmap.signs import effusion
from marrowmap.signs import intertrochanteric_demarcation
from marrowmap.signs import medial_head_sparing
from marrowmap.signs import trochanter_sparing
from marrowmap.values import Finding

REGISTRY = {
    module.NAME: module.assess
    for module in (
        diffuse_edema,
        intertrochanteric_demarcation,
        trochanter_sparing,
        medial_head_sparing,
        acetabular_edema,
        effusion,
    )
}
"""Sign name to the function that judges it, in the order reports list them."""


def assess_signs(hip: HipMeasurement) -> tuple[Finding, ...]:
    """Judge every sign at one hip."""
    return tuple(assess(hip) for assess in REGISTRY.values())
