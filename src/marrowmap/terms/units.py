"""The UCUM units marrowmap writes."""

from __future__ import annotations

UNITS: dict[str, str] = {
    "1": "no units",
    "%": "percent",
    "mm": "millimeter",
    "mm2": "square millimeter",
    "mm3": "cubic millimeter",
    "mL": "milliliter",
    "deg": "degree",
    "g/mL": "gram per milliliter",
    "g": "gram",
    "cm2": "square centimeter",
    "g/cm2": "gram per square centimeter",
    "1/mm": "per millimeter",
    "1/mm3": "per cubic millimeter",
}
"""UCUM code to its meaning."""


def require_unit(unit: str) -> str:
    """Return `unit` if it is one of ours.

    Raises
    ------
    ValueError
        If it is not a UCUM code of :data:`UNITS`.
    """
    if unit not in UNITS:
        raise ValueError(f"unknown unit {unit!r}: use one of {', '.join(UNITS)} (UCUM), or add it to terms/units.py")
    return unit
