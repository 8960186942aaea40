"""One measure on both sides, and what its difference is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.measure.microarchitecture_precision import Precision
from marrowmap.values import Quantity

LIMIT = 1.96
"""Standard deviations within which 95 % lie."""


@dataclass(frozen=True)
class PairedDifference:
    """One measure of one part on both sides.

    Parameters
    ----------
    quantity : str
    part : str
        ``whole region`` or a part of it in bone coordinates.
    this, other : float
        In the quantity's unit.
    repeat_limit : float or None
        Percent: beyond it error does not explain the difference (95 %). None where nothing is published, as for parts.
    side_limit : float or None
        Percent: 95 % of well people's sides differ by less, error included.
    method : str
        What was compared.
    gain, gain_sd : float
        The quantity changes by this power of the ratio of what was compared; 1 where that is the quantity itself.
    """

    quantity: str
    part: str
    this: float
    other: float
    repeat_limit: float | None
    side_limit: float | None
    method: str = ""
    gain: float = 1.0
    gain_sd: float = 0.0

    @property
    def percent(self) -> float:
        """Difference of this side from the other, over the other."""
        return 100.0 * (float((self.this / self.other) ** self.gain) - 1.0)

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of :attr:`percent`, None where the error is not known."""
        ratio = self.this / self.other
        if self.repeat_limit is None or ratio <= 0:
            return None
        spread = float(np.hypot(self.repeat_limit / 100.0, LIMIT * self.gain_sd * np.log(ratio)))
        middle = self.gain * float(np.log(ratio))
        low, high = (100.0 * float(np.expm1(middle + turn * spread)) for turn in (-1, 1))
        return low, high


def spread_percent(quantity: Quantity) -> float:
    """Return the standard deviation that a measure's own interval gives, percent of the value; 0 without interval."""
    if quantity.low is None or quantity.high is None or not quantity.value:
        return 0.0
    return 100 * (quantity.high - quantity.low) / (2 * LIMIT) / abs(quantity.value)


def side_limit(error_percent: float, precision: Precision) -> float:
    """Return what 95 % of well people's sides differ by less than, percent.

    Parameters
    ----------
    error_percent : float
        Standard deviation of the difference by error.
    precision : Precision
    """
    return LIMIT * float(np.hypot(error_percent, precision.side_sd_percent))
