"""Regions of bones and their codes (conventions.md 3.2)."""

from __future__ import annotations

from marrowmap.terms.codes import Code
from marrowmap.terms.codes import private

REGIONS: dict[str, Code] = {
    "femoral_head": Code("2812003", "SCT", "Head of femur"),
    "femoral_neck": Code("29627003", "SCT", "Neck of femur"),
    "intertrochanteric": private("intertrochanteric", "Intertrochanteric region of femur"),
    "greater_trochanter": Code("30547004", "SCT", "Greater trochanter of femur"),
    "lesser_trochanter": Code("55499008", "SCT", "Lesser trochanter of femur"),
    "femoral_shaft": Code("41111004", "SCT", "Shaft of femur"),
    "proximal_femur": Code("310651003", "SCT", "Proximal femur"),
    "acetabulum": Code("37783008", "SCT", "Acetabulum"),
    "subchondral": private("subchondral", "Bone under the joint surface of the femoral head"),
    "weight_bearing": private("weight_bearing", "Weight-bearing sector of the femoral head"),
    "hip_joint": Code("24136001", "SCT", "Hip joint"),
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
