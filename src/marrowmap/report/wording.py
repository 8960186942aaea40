"""How a report writes numbers, units, names and states; its fixed texts."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

STATE_WORDS = {
    State.PRESENT: "present",
    State.ABSENT: "absent",
    State.UNDETERMINED: "undetermined",
    State.NOT_ASSESSABLE: "not assessable",
}
# The patient's right comes first: it is on the left of every picture.
SIDE_ORDER = (Side.RIGHT, Side.LEFT)


def load_reportlets() -> dict[str, Any]:
    """Return the report's fixed texts."""
    text = resources.files("marrowmap.report").joinpath("reportlets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def number_text(value: float | None, digits: int = 3) -> str:
    """Write a number with a few significant digits, never in powers of ten."""
    if value is None:
        return ""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - int(f"{abs(value):e}".split("e")[1]))
    return f"{value:.{min(decimals, 4)}f}".replace("-", "−")


def unit_text(unit: str) -> str:
    """Write a unit; nothing for a plain number."""
    return "" if unit == "1" else unit


def plain_words(name: str) -> str:
    """Write a name of ours as words."""
    return name.replace("_", " ")


def quantity_text(quantity: Quantity | None) -> str:
    """Write a value with two digits and its unit; nothing where there is none."""
    return "" if quantity is None else f"{number_text(quantity.value, 2)} {unit_text(quantity.unit)}".strip()
