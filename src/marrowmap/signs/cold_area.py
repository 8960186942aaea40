"""A cold area of the femoral head, in space.

Osteonecrosis is cold at first, then cold amid hot repair, then hot (Xiong 2015: SUV 0.64, 4.61, 7.44 and 7.80 in Ficat
I to IV, 2.18 in well heads); the note says which. Ryoo 2019 calls a head with SUVmin up to 0.61 not viable (sensitivity
78 %, specificity 87 %, after fracture): told beside, not used, as it depends on counts and filter.
"""

from __future__ import annotations

from marrowmap.measure.cold_area import FAINT_CONTRAST
from marrowmap.measure.cold_area import LEAST_ML
from marrowmap.measure.cold_area import POWER
from marrowmap.measure.cold_area import POWER_CONTRAST
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
COLD_BELOW = 0.8
"""Uptake of the area over the usual: an area less hot than the rest is not cold; a choice."""
UNSURE = "such areas were also seen in virtual heads without one"
"""``benchmarks/spect_scans.py``: 4 of 20. Until that is better no area is called present."""
DOUBTFUL_BELOW = 0.8
"""A candidate of this share of the limit leaves the sign undetermined."""
VIABLE_SUV_MIN = 0.61


def assess(hip: HipMeasurement) -> Finding:
    """Judge the cold area that explains the head's uptake best."""
    spect = measured_spect(hip)
    if isinstance(spect, str) or spect.cold is None or spect.raised is None:
        return without_spect(NAME, hip, spect if isinstance(spect, str) else "uptake was not measured")
    cold = spect.cold
    smallest = None if cold.smallest_mm is None else Quantity(cold.smallest_mm, "mm")
    power = (
        "not even one of 40 mm and 70 % contrast would surely have been seen"
        if cold.smallest_mm is None
        else f"a cold area of {cold.smallest_mm:.0f} mm and {100 * POWER_CONTRAST:.0f} % contrast would have been seen "
        f"{100 * POWER:.0f} times in 100"
    )
    found = f"{cold.volume.value:.1f} mL at {100 * cold.contrast.value:.0f} % contrast"
    beside = _suv_min(spect)
    if cold.present and _left_over(spect) >= COLD_BELOW:
        note = (
            f"{found}: less than the rest of a hot head, but {_left_over(spect):.1f} times the usual{beside}; {power}"
        )
        return judged(NAME, spect, State.UNDETERMINED, 0.5, smallest, note)
    if cold.present:
        note = f"{_stage(spect)}: {found}{beside}; {power}; left open: {UNSURE}"
        return judged(NAME, spect, State.UNDETERMINED, 0.5, smallest, note)
    if smallest is None:
        return not_assessable(NAME, hip, f"counts are too few or uptake too uneven: {power}")
    sized = cold.volume.value >= LEAST_ML and cold.contrast.value >= FAINT_CONTRAST
    if sized and cold.strength >= DOUBTFUL_BELOW * STRENGTH_LIMIT:
        note = f"perhaps {found}, too faint to tell from unevenness{beside}; {power}"
        return judged(NAME, spect, State.UNDETERMINED, 0.5, smallest, note)
    note = f"none{_hot(spect)}{beside}; {power}"
    return judged(NAME, spect, State.ABSENT, POWER, smallest, note)


def _left_over(spect: SpectHip) -> float:
    """Return the candidate's uptake over the usual."""
    assert spect.cold is not None
    assert spect.raised is not None
    assert spect.regions is not None
    usual = spect.regions["femoral_head"].mean / max(spect.raised["femoral_head"].value, 1e-9)
    return spect.cold.head_uptake * max(1 - spect.cold.contrast.value, 0.0) / max(usual, 1e-9)


def _stage(spect: SpectHip) -> str:
    """Say cold or cold amid hot, by the rest of the head."""
    assert spect.cold is not None
    assert spect.raised is not None
    assert spect.regions is not None
    usual = spect.regions["femoral_head"].mean / max(spect.raised["femoral_head"].value, 1e-9)
    around = spect.cold.head_uptake / max(usual, 1e-9)
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
