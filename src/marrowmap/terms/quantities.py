"""What marrowmap measures: unit and code of each quantity."""

from __future__ import annotations

from dataclasses import dataclass

from marrowmap.terms.codes import Code
from marrowmap.terms.codes import private

VOLUME = Code("118565006", "SCT", "Volume")
RATIO = Code("118586006", "SCT", "Ratio")


@dataclass(frozen=True)
class QuantityDefinition:
    """Unit (UCUM), code and a sentence a radiologist understands."""

    unit: str
    code: Code
    meaning: str


QUANTITIES: dict[str, QuantityDefinition] = {
    "edema_volume": QuantityDefinition("mL", VOLUME, "Integral of edema membership (0 to 1) over marrow"),
    "edema_closed_volume": QuantityDefinition("mL", VOLUME, "Volume of the closed region a reader would draw"),
    "edema_fraction": QuantityDefinition(
        "%", private("edema_fraction", "Edema fraction"), "Edema volume over the marrow volume of the region"
    ),
    "edema_signal_ratio": QuantityDefinition(
        "1", RATIO, "Mean signal of edema over that of reference marrow, fluid-sensitive image"
    ),
    "edema_boundary_position": QuantityDefinition(
        "mm",
        private("edema_boundary_position", "Edema boundary position"),
        "Where edema ends along the neck-shaft midline, from the intertrochanteric plane, + is distal",
    ),
    "edema_boundary_width": QuantityDefinition(
        "mm", private("edema_boundary_width", "Edema boundary width"), "Length over which edema falls from 90 to 10 %"
    ),
    "marrow_t1_ratio": QuantityDefinition("1", RATIO, "Mean T1 signal of edema over that of reference marrow"),
    "effusion_volume": QuantityDefinition("mL", VOLUME, "Joint fluid"),
    "bone_volume": QuantityDefinition("mL", VOLUME, "Bone with its cortex"),
}


def require_quantity(name: str) -> QuantityDefinition:
    """Return the definition of quantity `name`.

    Raises
    ------
    ValueError
        If there is no such quantity.
    """
    if name not in QUANTITIES:
        raise ValueError(f"unknown quantity {name!r}: use one of {', '.join(QUANTITIES)}")
    return QUANTITIES[name]
