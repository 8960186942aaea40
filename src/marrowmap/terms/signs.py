"""The imaging signs marrowmap looks for. A sign's rule lives in ``signs/``, its name and meaning here."""

from __future__ import annotations

SIGNS: dict[str, str] = {
    "marrow_edema": "Edema of the femur's marrow at the joint, of whatever extent and place",
    "diffuse_edema": "Edema of femoral head and neck together, without a focal center",
    "intertrochanteric_demarcation": "Edema ends sharply at the intertrochanteric region (Gemmel 2012)",
    "trochanter_sparing": "The greater trochanter is free of edema",
    "effusion": "More joint fluid than a well hip holds",
    "medial_head_sparing": "The medial femoral head is free of edema (Klontzas 2015)",
    "acetabular_edema": "Edema of the hip bone's marrow at the joint (Gulati 2024)",
    "subchondral_fracture_line": "A low-signal line under the joint surface",
    "neck_fracture_line": "A low-signal line across the femoral neck, from its cortex (stress fracture)",
    "subchondral_band": "A band that walls off part of the femoral head, open to the joint surface (Ikemura 2010)",
    "double_line": "A bright line inside a dark band on fluid-sensitive images (Mitchell 1987)",
    "crescent": "A lucent line under the joint surface on radiograph or CT (Yoon 2020)",
    "head_collapse": "The head's joint surface has sunk below its own round shape",
    "marrow_replacement": "Marrow as dark as or darker than muscle on T1, over more than a thin band (Carroll 1997)",
    "diffuse_hyperemia": "Blood flow and blood pool of femoral head and neck raised on one side (Gemmel 2012)",
    "homogeneous_uptake": "Raised and even uptake of femoral head and neck on bone scan (Gemmel 2012)",
    "uptake_demarcation": "Raised uptake ends sharply at the intertrochanteric region on bone scan (Gemmel 2012)",
    "cold_area": "Part of the femoral head takes up less than the rest of it",
    "focal_osteopenia": "Bone of one joint is less dense than that of the other side, beyond what well people show",
    "low_bone_density": "Bone density low by the score that age, sex and menopause call for (ISCD)",
    "significant_bone_change": "Bone density changed between two exams by more than measurement error explains (ISCD)",
    "microarchitecture_deterioration": "Trabecular bone sparser than on the other side, beyond what well people show",
}
"""Sign name to what it means."""


def require_sign(name: str) -> str:
    """Return the meaning of sign `name`.

    Raises
    ------
    ValueError
        If there is no such sign.
    """
    if name not in SIGNS:
        raise ValueError(f"unknown sign {name!r}: use one of {', '.join(SIGNS)}")
    return SIGNS[name]
