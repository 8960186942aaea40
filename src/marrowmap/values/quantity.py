"""A number with its unit and its uncertainty."""

from __future__ import annotations

import math
from dataclasses import dataclass

from marrowmap.terms.units import require_unit


@dataclass(frozen=True)
class Quantity:
    """A value, its UCUM unit and, where known, the bounds of its 95 % interval.

    Parameters
    ----------
    value : float
        Finite number.
    unit : str
        A UCUM code of :mod:`marrowmap.terms.units`; ``"1"`` for a pure ratio.
    low, high : float, optional
        Bounds of the 95 % interval; both or neither.

    Raises
    ------
    ValueError
        If the value is not finite, the unit unknown or the interval does not hold the value.
    """

    value: float
    unit: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        require_unit(self.unit)
        if not math.isfinite(self.value):
            raise ValueError(f"a quantity must be finite, got {self.value} {self.unit}")
        if (self.low is None) != (self.high is None):
            raise ValueError("an interval needs both bounds or none")
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"interval {self.low}..{self.high} does not hold the value {self.value} {self.unit}")

    def _same_unit(self, other: Quantity) -> None:
        if not isinstance(other, Quantity):
            raise TypeError(f"cannot combine a Quantity with {type(other).__name__}: give the number a unit first")
        if other.unit != self.unit:
            raise ValueError(f"cannot combine {self.unit} with {other.unit}: convert one of them first")

    def __add__(self, other: Quantity) -> Quantity:
        """Sum; the interval is dropped, as independence is not known here."""
        self._same_unit(other)
        return Quantity(self.value + other.value, self.unit)

    def __sub__(self, other: Quantity) -> Quantity:
        """Difference; the interval is dropped, as independence is not known here."""
        self._same_unit(other)
        return Quantity(self.value - other.value, self.unit)

    def __lt__(self, other: Quantity) -> bool:
        self._same_unit(other)
        return self.value < other.value

    def __str__(self) -> str:
        unit = "" if self.unit == "1" else f" {self.unit}"
        interval = "" if self.low is None else f" ({self.low:.3g} to {self.high:.3g})"
        return f"{self.value:.3g}{unit}{interval}"
