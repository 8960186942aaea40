"""What planar images can tell of uptake's pattern, for signs that prefer SPECT and have none.

Limits are choices; those of a cold area come from virtual heads (:mod:`marrowmap.measure.planar_cold`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.special import ndtr

from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar import PlanarHip
from marrowmap.measure.planar_cold import DEAD
from marrowmap.measure.planar_cold import DIAMETERS_MM
from marrowmap.measure.planar_cold import HOT_FROM
from marrowmap.measure.planar_cold import POWER
from marrowmap.measure.planar_cold import STRENGTH_LIMIT
from marrowmap.measure.planar_cold import PlanarColdArea
from marrowmap.measure.planar_cold import find_planar_cold_area
from marrowmap.measure.planar_counts import side_ratio
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

RAISED_FROM = 1.2
"""Delayed counts of head and neck over the other side's."""
ALIKE_WITHIN = 1.35
"""Head to neck and neck to head differ at most by this factor from the other hip's."""
DOUBTFUL_FROM = 2.2
"""Strength of a ball that leaves a cold area open."""
LARGEST_SMALLEST_MM = 26.0
"""Where only a larger cold area would have been seen, absence means nothing: necroses of Ficat I and II are 6.4 and
10.8 mL, balls of 23 and 27 mm (Xiong 2015)."""
NEAR_MM = 15.0
"""As for edema: uptake ends so near the intertrochanteric plane."""


@dataclass(frozen=True)
class PlanarJudgement:
    """What a sign may say from planar images alone.

    Parameters
    ----------
    state : State
    certainty : float or None
        None where not assessable.
    smallest : Quantity or None
        Least detectable raise (``1``), or diameter of a cold area (mm).
    note : str
    """

    state: State
    certainty: float | None
    smallest: Quantity | None
    note: str


def judge_patterns(exam: PlanarExam, side: Side) -> dict[str, PlanarJudgement]:
    """Judge one hip against the other, by the name of the sign."""
    hip, other = exam.hips[side], exam.hips[side.opposite]
    cold = find_planar_cold_area(exam.bones.fit, hip.femur)
    return {
        "homogeneous_uptake": judge_homogeneous_uptake(hip, other, cold),
        "uptake_demarcation": judge_uptake_demarcation(hip),
        "cold_area": judge_cold_area(cold),
    }


def _head_to_neck(hip: PlanarHip, other: PlanarHip) -> Quantity | None:
    """Return this hip's head over neck, over the other hip's."""
    keys = ((Phase.DELAYED, "femoral_head"), (Phase.DELAYED, "femoral_neck"))
    if any(key not in one.counts for key in keys for one in (hip, other)):
        return None
    this, that = (side_ratio(one.counts[keys[0]], one.counts[keys[1]]) for one in (hip, other))
    ratio = this.value / that.value
    spread = math.hypot(*(math.log((q.high or 1) / (q.low or 1)) / 3.92 for q in (this, that)))
    return Quantity(ratio, "1", ratio * math.exp(-1.96 * spread), ratio * math.exp(1.96 * spread))


def _sure(ratio: Quantity, limit: float) -> float:
    spread = max(math.log((ratio.high or 1) / (ratio.low or 1)) / 3.92, 0.01)
    return 0.5 * (1 + math.erf(abs(math.log(ratio.value / limit)) / spread / math.sqrt(2)))


def judge_cold_area(cold: PlanarColdArea | None) -> PlanarJudgement:
    """Judge the ball that explains a head's projection best, and say whether what is around it is hot.

    ABSENT is said only where dead bone of the size of an early necrosis would have been seen.
    """
    if cold is None:
        return PlanarJudgement(
            State.NOT_ASSESSABLE, None, None, "planar: the head is not wholly in view, or lies behind the bladder"
        )
    power = _power(cold)
    smallest = None if cold.dead_mm is None else Quantity(cold.dead_mm, "mm")
    found = (
        f"a ball of {cold.diameter_mm:.0f} mm at {max(cold.left, 0.0):.1f} times the usual in the upper head stands "
        f"out by {cold.strength:.1f} standard errors (limit {STRENGTH_LIMIT:.1f})"
    )
    if cold.present:
        word = "cold amid hot, as in repair" if cold.rest >= HOT_FROM else "cold, as in early osteonecrosis"
        note = f"planar: {word} (the rest of the head {cold.rest:.1f} times the usual; Xiong 2015): {found}; {power}"
        return PlanarJudgement(State.PRESENT, min(float(ndtr(cold.strength - DOUBTFUL_FROM)), 0.99), smallest, note)
    hot = (
        f"the head is hot, {cold.head:.1f} times the usual, as in edema or late osteonecrosis (Xiong 2015); "
        if cold.head >= HOT_FROM
        else ""
    )
    if cold.strength >= DOUBTFUL_FROM:
        return PlanarJudgement(State.UNDETERMINED, 0.5, smallest, f"planar: perhaps: {found}; {hot}{power}")
    if smallest is None:
        return PlanarJudgement(State.NOT_ASSESSABLE, None, None, f"planar: {hot}{power}")
    if smallest.value <= LARGEST_SMALLEST_MM:
        return PlanarJudgement(State.ABSENT, POWER, smallest, f"planar: none; {hot}{power}")
    return PlanarJudgement(
        State.UNDETERMINED, 0.5, smallest, f"planar: none found, but early necrosis may be smaller; {hot}{power}"
    )


def _power(cold: PlanarColdArea) -> str:
    """Say what would have been seen."""
    if cold.dead_mm is None:
        return f"not even dead bone of {DIAMETERS_MM[-1]:.0f} mm would surely have been seen"
    dead = f"{cold.dead_mm:.0f} mm and {100 * (1 - DEAD / cold.surely):.0f} % contrast (dead bone)"
    half = f", one of {cold.half_mm:.0f} mm at 50 %" if cold.half_mm is not None else ""
    return f"a cold area of {dead}{half} would have been seen {100 * POWER:.0f} times in 100"


def judge_homogeneous_uptake(hip: PlanarHip, other: PlanarHip, cold: PlanarColdArea | None = None) -> PlanarJudgement:
    """Judge raised delayed uptake of head and neck alike."""
    head, neck = (hip.ratios.get((Phase.DELAYED, name)) for name in ("femoral_head", "femoral_neck"))
    alike = _head_to_neck(hip, other)
    if head is None or neck is None or alike is None:
        return PlanarJudgement(State.NOT_ASSESSABLE, None, None, "head or neck is not within the delayed image")
    least = min(head, neck, key=lambda one: one.value)
    spread = math.log((least.high or 1) / (least.low or 1)) / 3.92
    smallest = Quantity(max(RAISED_FROM, math.exp(3.6 * spread)), "1")
    note = (
        f"planar: delayed counts over the other side's are {head.value:.2f} in the head and {neck.value:.2f} in the "
        f"neck, head over neck {alike.value:.2f} times the other hip's"
    )
    if cold is not None and cold.present:
        return PlanarJudgement(State.ABSENT, 0.9, smallest, f"{note}; but the head holds a cold area")
    even = 1 / ALIKE_WITHIN <= alike.value <= ALIKE_WITHIN
    if (least.low or 0) > 1 and least.value >= RAISED_FROM and even:
        return PlanarJudgement(State.PRESENT, _sure(least, 1.0), smallest, note)
    if least.high is not None and least.high < RAISED_FROM:
        return PlanarJudgement(State.ABSENT, _sure(least, RAISED_FROM), smallest, note)
    return PlanarJudgement(State.UNDETERMINED, 0.5, smallest, note)


def judge_uptake_demarcation(hip: PlanarHip) -> PlanarJudgement:
    """Judge where uptake ends; how sharply is finer than planar images resolve."""
    position = hip.profile.position_mm
    smallest = Quantity(RAISED_FROM, "1")
    if position is None or position.low is None or position.high is None:
        neck = hip.ratios.get((Phase.DELAYED, "femoral_neck"))
        if neck is not None and neck.high is not None and neck.high < RAISED_FROM:
            note = f"planar: the neck takes up no more than the other side's ({neck.value:.2f}): there is no end to see"
            return PlanarJudgement(State.ABSENT, _sure(neck, RAISED_FROM), smallest, note)
        return PlanarJudgement(State.UNDETERMINED, 0.5, smallest, f"planar: {hip.profile.note}")
    note = (
        f"planar: uptake ends {position.value:+.0f} mm from the intertrochanteric plane ({position.low:+.0f} to "
        f"{position.high:+.0f} mm); how sharply is finer than planar images resolve"
    )
    if position.low >= -NEAR_MM and position.high <= NEAR_MM:
        return PlanarJudgement(State.PRESENT, 0.75, smallest, note)
    if position.low > NEAR_MM or position.high < -NEAR_MM:
        return PlanarJudgement(State.ABSENT, 0.95, smallest, note)
    return PlanarJudgement(State.UNDETERMINED, 0.5, smallest, note)
