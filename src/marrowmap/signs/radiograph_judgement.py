"""What signs of a radiograph share."""

from __future__ import annotations

from marrowmap.measure.radiograph import RadiographHip
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State


def not_shown(sign: str, film: RadiographHip, reason: str) -> Finding:
    """Return the finding that says why a radiograph cannot tell."""
    return Finding(
        *(sign, Joint.HIP, film.side, State.NOT_ASSESSABLE, None, None),
        *(film.film.modality, film.date, film.evidence, reason),
    )


def shown(
    sign: str, film: RadiographHip, state: State, certainty: float, smallest: Quantity | None, note: str
) -> Finding:
    """Return the finding of a sign that could be looked at in a radiograph."""
    sure = min(max(certainty, 0.0), 1.0)
    return Finding(
        *(sign, Joint.HIP, film.side, state, sure, smallest),
        *(film.film.modality, film.date, film.evidence, note),
    )
