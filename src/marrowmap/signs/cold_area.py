"""A cold area of the femoral head, in space.

Osteonecrosis is cold at first, then cold amid hot repair, then hot (Xiong 2015: SUV 0.64, 4.61, 7.44 and 7.80 in Ficat
I to IV, 2.18 in well heads); the note says which. Ryoo 2019 calls a head with SUVmin up to 0.61 not viable (sensitivity
78 %, specificity 87 %, after fracture): told beside, not used, as it depends on counts and filter.
"""

from __future__ import annotations

from scipy.special import ndtr

from marrowmap.measure.cold_area import LEAST_ML
from marrowmap.measure.cold_area import POWER
from marrowmap.measure.cold_area import STRENGTH_LIMIT
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectHip
from marrowmap.signs.uptake_judgement import judged
from marrowmap.signs.uptake_judgement import measured_spect
from marrowmap.signs.uptake_judgement import not_assessable
from marrowmap.signs.uptake_judgement import without_spect
from marrowmap.values import Finding
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "cold_area"
HOT_FROM = 1.3
"""Head over the usual, from which it is called hot; a choice."""
COLD_BELOW = 0.9
"""Uptake of the candidate over the usual: what is merely less hot than the rest of a hot head is not cold. Between dead
bone (0.3, Xiong 2015) and well bone, near the latter, as a ball holds some of the rim; set on tuning seeds."""
LARGEST_MM = 26.0
"""If only a larger one would have been seen, nothing can be said; half a head, a choice."""
DOUBTFUL_BELOW = 0.8
"""A candidate of this share of the limit leaves the sign undetermined."""
VIABLE_SUV_MIN = 0.61


def assess(hip: HipMeasurement) -> Finding:
    """Judge the cold area that explains the head's uptake best."""
    spect = measured_spect(hip)
    if isinstance(spect, str) or spect.cold is None or spect.raised is None:
        return without_spect(NAME, hip, spect if isinstance(spect, str) else "uptake was not measured")
    cold = spect.cold
    size = cold.dead_mm
    smallest = None if size is None else Quantity(size, "mm")
    found = f"{cold.volume.value:.1f} mL at {100 * cold.contrast.value:.0f} % contrast"
    beside, power = _suv_min(spect), _power(spect)
    if cold.present:
        return _judge_standing_out(spect, smallest, found)
    if size is None or size > LARGEST_MM:
        return not_assessable(NAME, hip, f"counts are too few or uptake too uneven: {power}")
    if cold.volume.value >= LEAST_ML and cold.strength >= DOUBTFUL_BELOW * STRENGTH_LIMIT:
        note = f"perhaps {found}, too faint to tell from unevenness{beside}; {power}"
        return judged(NAME, spect, State.UNDETERMINED, 0.5, smallest, note)
    return judged(NAME, spect, State.ABSENT, POWER, smallest, f"none{_hot(spect)}{beside}; {power}")


def _judge_standing_out(spect: SpectHip, smallest: Quantity | None, found: str) -> Finding:
    """Tell an area that stands out and is cold from one that is merely less hot than the rest."""
    left, sd = _left_over(spect)
    beside, power = _suv_min(spect), _power(spect)
    if left <= COLD_BELOW:
        note = f"{_stage(spect)}: {found}, {left:.1f} times the usual{beside}; {power}"
        return judged(NAME, spect, State.PRESENT, _sure(left, sd), smallest, note)
    note = f"{found}: less than the rest of a hot head, but {left:.1f} times the usual{beside}; {power}"
    earned = smallest is not None and smallest.value <= LARGEST_MM
    if earned and left - 1.96 * sd > COLD_BELOW:
        return judged(NAME, spect, State.ABSENT, _sure(left, sd), smallest, note)
    return judged(NAME, spect, State.UNDETERMINED, 0.5, smallest, note)


def _sure(left: float, sd: float) -> float:
    return float(ndtr(abs(COLD_BELOW - left) / max(sd, 1e-6)))


def _power(spect: SpectHip) -> str:
    """Say which cold areas would have stood out."""
    assert spect.cold is not None
    seen = [f"one of {size:.0f} mm and {100 * c:.0f} % contrast" for c, size in spect.cold.smallest_mm.items() if size]
    if spect.cold.dead_mm is not None:
        seen.insert(0, f"dead bone of {spect.cold.dead_mm:.0f} mm")
    if not seen:
        return "not even a cold area as large as a head and of 90 % contrast would surely have been seen"
    return f"a cold area ({' or '.join(seen)}) would have been seen {100 * POWER:.0f} times in 100"


def _usual(spect: SpectHip) -> float:
    assert spect.raised is not None
    assert spect.regions is not None
    return max(spect.regions["femoral_head"].mean / max(spect.raised["femoral_head"].value, 1e-9), 1e-9)


def _left_over(spect: SpectHip) -> tuple[float, float]:
    """Return the candidate's uptake over the usual, and its standard deviation."""
    assert spect.cold is not None
    usual = _usual(spect)
    return spect.cold.uptake / usual, spect.cold.uptake_sd / usual


def _stage(spect: SpectHip) -> str:
    """Say cold or cold amid hot, by the rest of the head."""
    assert spect.cold is not None
    around = spect.cold.head_uptake / _usual(spect)
    word = "cold amid hot, as in repair" if around >= HOT_FROM else "cold, as in early osteonecrosis"
    return f"{word} (the rest of the head {around:.1f} times the usual; Xiong 2015)"


def _hot(spect: SpectHip) -> str:
    assert spect.raised is not None
    head = spect.raised["femoral_head"].value
    if head < HOT_FROM:
        return ""
    return f"; the head is hot, {head:.1f} times the usual, as in edema or late osteonecrosis (Xiong 2015)"


def _suv_min(spect: SpectHip) -> str:
    assert spect.regions is not None
    if spect.source.suv_factor is None:
        return ""
    return f"; least SUV {spect.regions['femoral_head'].low:.2f} (Ryoo 2019: not viable up to {VIABLE_SUV_MIN})"
