"""Imaging signs, one a file. Each module has `NAME` and ``assess(hip) -> Finding``."""

from __future__ import annotations

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs import acetabular_edema
from marrowmap.signs import cold_area
from marrowmap.signs import crescent
from marrowmap.signs import diffuse_edema
from marrowmap.signs import diffuse_hyperemia
from marrowmap.signs import double_line
from marrowmap.signs import effusion
from marrowmap.signs import focal_osteopenia
from marrowmap.signs import head_collapse
from marrowmap.signs import homogeneous_uptake
from marrowmap.signs import intertrochanteric_demarcation
from marrowmap.signs import marrow_edema
from marrowmap.signs import marrow_replacement
from marrowmap.signs import medial_head_sparing
from marrowmap.signs import neck_fracture_line
from marrowmap.signs import subchondral_band
from marrowmap.signs import subchondral_fracture_line
from marrowmap.signs import trochanter_sparing
from marrowmap.signs import uptake_demarcation
from marrowmap.values import Finding

REGISTRY = {
    module.NAME: module.assess
    for module in (
        marrow_edema,
        diffuse_edema,
        intertrochanteric_demarcation,
        trochanter_sparing,
        medial_head_sparing,
        acetabular_edema,
        effusion,
        subchondral_fracture_line,
        neck_fracture_line,
        subchondral_band,
        double_line,
        crescent,
        head_collapse,
        marrow_replacement,
        diffuse_hyperemia,
        homogeneous_uptake,
        uptake_demarcation,
        cold_area,
        focal_osteopenia,
    )
}
"""Sign name to the function that judges it, in the order reports list them."""


def assess_signs(hip: HipMeasurement) -> tuple[Finding, ...]:
    """Judge every sign at one hip."""
    return tuple(assess(hip) for assess in REGISTRY.values())
