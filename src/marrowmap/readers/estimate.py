"""A statistic with its interval, defined or with the reason why not."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A value with the bounds of its 95 % interval; what is not defined is None, and `note` says why."""

    value: float | None
    low: float | None = None
    high: float | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for number in (self.value, self.low, self.high):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"{number} is no estimate: give None with a note")
        if self.value is None and not self.note:
            raise ValueError("an undefined estimate needs a note")

    def with_note(self, note: str) -> Estimate:
        """Return the same with one more sentence."""
        return Estimate(self.value, self.low, self.high, "; ".join(n for n in (self.note, note) if n))


def undefined(note: str) -> Estimate:
    """Return an estimate that is not there, with the reason."""
    return Estimate(None, note=note)
