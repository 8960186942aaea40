"""Joint effusion: more fluid than asymptomatic hips hold (Moss 1998: 2.7 mL, at most 5.6 mL)."""

from __future__ import annotations

from marrowmap.measure.effusion import LARGEST_NORMAL_ML
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs.judgement import judged
from marrowmap.signs.judgement import not_assessable
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import State

NAME = "effusion"


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the fluid volume within the capsule."""
    if hip.obstacle or hip.effusion is None:
        return not_assessable(NAME, hip, hip.obstacle or hip.effusion_obstacle or "joint fluid was not measured")
    volume = hip.effusion.volume
    note = f"{volume.value:.1f} mL of joint fluid; asymptomatic hips hold up to {LARGEST_NORMAL_ML} mL (Moss 1998)"
    certainty = sureness(volume, LARGEST_NORMAL_ML, 0.5)
    smallest = hip.effusion.smallest_detectable
    if volume.low is not None and volume.high is not None and volume.low < LARGEST_NORMAL_ML < volume.high:
        return judged(NAME, hip, State.UNDETERMINED, 0.5, smallest, f"{note}: too close to call")
    state = State.PRESENT if volume.value > LARGEST_NORMAL_ML else State.ABSENT
    return judged(NAME, hip, state, certainty, smallest, note)
