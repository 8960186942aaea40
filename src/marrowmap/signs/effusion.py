"""Joint effusion: more fluid than asymptomatic hips hold (Moss 1998: 2.7 mL, at most 5.6 mL)."""

from __future__ import annotations

from marrowmap.measure.effusion import FILM_ML
from marrowmap.measure.effusion import LARGEST_NORMAL_ML
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "effusion"


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the fluid volume within the capsule."""
    if hip.obstacle or hip.effusion is None:
        return not_assessable(NAME, hip, hip.obstacle or hip.effusion_obstacle or "joint fluid was not measured")
    seen = hip.effusion.volume
    least, usual, most = FILM_ML
    low, high = seen.value if seen.low is None else seen.low, seen.value if seen.high is None else seen.high
    total = Quantity(seen.value + usual, "mL", low + least, high + most)
    note = (
        f"{seen.value:.1f} mL of fluid in the recesses, with the unseen film about {total.value:.1f} mL; asymptomatic "
        f"hips hold up to {LARGEST_NORMAL_ML} mL (Moss 1998)"
    )
    smallest = hip.effusion.smallest_detectable
    if low + least <= LARGEST_NORMAL_ML <= high + most:
        return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, f"{note}: too close to call")
    state = State.PRESENT if total.value > LARGEST_NORMAL_ML else State.ABSENT
    return judged(NAME, hip, state, sureness(total, LARGEST_NORMAL_ML, 0.5), smallest, note)
