"""Regions of bones and their codes (conventions.md 3.2)."""

from __future__ import annotations

from marrowmap.terms.codes import Code
from marrowmap.terms.codes import private

REGIONS: dict[str, Code] = {
    "femoral_head": Code("2812003", "SCT", "Head of femur"),
    "femoral_neck": Code("29627003", "SCT", "Neck of femur"),
    "head_and_neck": private("head_and_neck", "Head and neck of femur together"),
    "intertrochanteric": private("intertrochanteric", "Intertrochanteric region of femur"),
    "greater_trochanter": Code("30547004", "SCT", "Greater trochanter of femur"),
    "lesser_trochanter": Code("55499008", "SCT", "Lesser trochanter of femur"),
    "femoral_shaft": Code("41111004", "SCT", "Shaft of femur"),
    "proximal_femur": Code("310651003", "SCT", "Proximal femur"),
    "acetabulum": Code("37783008", "SCT", "Acetabulum"),
    "subchondral": private("subchondral", "Bone under the joint surface of the femoral head"),
    "weight_bearing": private("weight_bearing", "Weight-bearing sector of the femoral head"),
    "hip_joint": Code("24136001", "SCT", "Hip joint"),
    "total_hip": private("total_hip", "Total hip (densitometry)"),
    "distal_femur": Code("310652005", "SCT", "Distal femur"),
    "proximal_tibia": private("proximal_tibia", "Proximal tibia"),
    "medial_condyle": private("medial_condyle", "Medial condyle of femur"),
    "lateral_condyle": private("lateral_condyle", "Lateral condyle of femur"),
    "medial_plateau": private("medial_plateau", "Medial tibial plateau"),
    "lateral_plateau": private("lateral_plateau", "Lateral tibial plateau"),
    "patella": Code("64234005", "SCT", "Patella"),
    "spine": Code("122496007", "SCT", "Lumbar spine"),
    "forearm": Code("14975008", "SCT", "Forearm"),
    "given_region": private("given_region", "Region given by the user"),
}
"""Region name to code. ``given_region`` is the mask a user hands in, whatever bone it lies in."""


def require_region(name: str) -> Code:
    """Return the code of region `name`.

    Raises
    ------
    ValueError
        If there is no such region.
    """
    if name not in REGIONS:
        raise ValueError(f"unknown region {name!r}: use one of {', '.join(REGIONS)}")
    return REGIONS[name]
