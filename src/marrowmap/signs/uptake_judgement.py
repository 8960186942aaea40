"""What the signs of a bone scan share: from which image they are judged, and how they are written down."""

from __future__ import annotations

from marrowmap.ingest.scan import Phase
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectHip
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State

MODALITY = "NM"
NO_SCAN = "no SPECT of this hip was measured"


def measured_spect(hip: HipMeasurement) -> SpectHip | str:
    """Return the SPECT a sign is judged from, or why there is none."""
    if hip.spect is None:
        return NO_SCAN
    return hip.spect.obstacle or hip.spect


def without_spect(sign: str, hip: HipMeasurement, reason: str) -> Finding:
    """Return what planar images alone say of a sign; without any, the finding that says why nothing can be said."""
    planar, pattern = hip.planar, hip.planar_patterns.get(sign)
    if hip.spect is None and planar is not None and pattern is not None:
        delayed = planar.evidence[Phase.DELAYED]
        sure, least = pattern.certainty, pattern.smallest
        return Finding(sign, Joint.HIP, hip.side, pattern.state, sure, least, MODALITY, hip.date, delayed, pattern.note)
    return not_assessable(sign, hip, reason)


def not_assessable(sign: str, hip: HipMeasurement, reason: str) -> Finding:
    """Return the finding that says why nothing can be said of uptake."""
    evidence = hip.spect.source.evidence if hip.spect else None
    return Finding(sign, Joint.HIP, hip.side, State.NOT_ASSESSABLE, None, None, MODALITY, hip.date, evidence, reason)


def judged(sign: str, spect: SpectHip, state: State, certainty: float, smallest: Quantity | None, note: str) -> Finding:
    """Return the finding of a sign judged from SPECT."""
    certainty = min(max(certainty, 0.0), 1.0)
    return Finding(
        sign, Joint.HIP, spect.side, state, certainty, smallest, MODALITY, spect.date, spect.source.evidence, note
    )


def least_raise(spect: SpectHip) -> Quantity:
    """Return the least ratio to the usual that would stand out of this hip's error."""
    assert spect.raised is not None
    widest = max((one for one in spect.raised.values()), key=lambda one: (one.high or 0) - (one.low or 0))
    half = ((widest.high or 0.0) - (widest.low or 0.0)) / 2
    return Quantity(1 + half / max(widest.value, 1e-9), "1")
