"""What all signs share: the four states written down, and how sure a comparison is."""

from __future__ import annotations

from scipy.special import ndtr

from marrowmap.measure.hip import HipMeasurement
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State


def not_assessable(sign: str, hip: HipMeasurement, reason: str) -> Finding:
    """Return the finding that says why nothing can be said."""
    return Finding(
        sign, Joint.HIP, hip.side, State.NOT_ASSESSABLE, None, None, hip.modality, hip.date, hip.evidence, reason
    )


def judged(
    sign: str, hip: HipMeasurement, state: State, certainty: float, smallest: Quantity | None, note: str
) -> Finding:
    """Return the finding of a sign that could be looked at."""
    certainty = min(max(certainty, 0.0), 1.0)
    return Finding(sign, Joint.HIP, hip.side, state, certainty, smallest, hip.modality, hip.date, hip.evidence, note)


def sureness(value: Quantity, limit: float, least_sd: float) -> float:
    """Return the probability that a quantity lies on the side of `limit` where its value lies.

    The error is taken as normal with the standard deviation of the 95 % interval, at least `least_sd` (same unit).
    """
    spread = (value.high - value.low) / 3.92 if value.low is not None and value.high is not None else 0.0
    return float(ndtr(abs(value.value - limit) / max(spread, least_sd)))
