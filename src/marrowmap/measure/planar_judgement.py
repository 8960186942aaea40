"""What planar images can tell of uptake's pattern, for signs that prefer SPECT and have none.

Limits are choices; a projection sees a cold area only through the bone before and behind it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar import PlanarHip
from marrowmap.measure.planar_counts import side_ratio
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

RAISED_FROM = 1.2
"""Delayed counts of head and neck over the other side's."""
ALIKE_WITHIN = 1.35
"""Head to neck and neck to head differ at most by this factor from the other hip's."""
COLD_BELOW = 0.8
"""Head to neck, over the other hip's: lower is photopenic."""
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
        Least detectable extent; of a cold area the head-to-neck ratio (``1``) that would have stood out.
    note : str
    """

    state: State
    certainty: float | None
    smallest: Quantity | None
    note: str


def judge_patterns(exam: PlanarExam, side: Side) -> dict[str, PlanarJudgement]:
    """Judge one hip against the other, by the name of the sign."""
    hip, other = exam.hips[side], exam.hips[side.opposite]
    return {
        "homogeneous_uptake": judge_homogeneous_uptake(hip, other),
        "uptake_demarcation": judge_uptake_demarcation(hip),
        "cold_area": judge_cold_area(hip, other),
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


def judge_cold_area(hip: PlanarHip, other: PlanarHip) -> PlanarJudgement:
    """Judge a photopenic head: head to neck clearly below the other hip's, though the head is not hot.

    A cold area within a hot rim, and one that fills part of the head only, hide in a projection: ABSENT is never said.
    """
    ratio = _head_to_neck(hip, other)
    if ratio is None or ratio.high is None:
        return PlanarJudgement(State.NOT_ASSESSABLE, None, None, "head or neck is not within the delayed image")
    spread = math.log(ratio.high / ratio.value) / 1.96
    smallest = Quantity(min(COLD_BELOW, math.exp(-3.6 * spread)), "1")
    note = (
        f"planar: the head's counts over the neck's are {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f}) times "
        f"the other hip's; a ratio of {smallest.value:.2f} would have been seen"
    )
    if ratio.high < 1 and ratio.value < COLD_BELOW:
        # A hot neck alone lowers the ratio as well: the head itself must be below the other one.
        own = hip.ratios.get((Phase.DELAYED, "femoral_head"))
        if own is not None and own.high is not None and own.high < 1:
            return PlanarJudgement(State.PRESENT, _sure(ratio, 1.0), smallest, note)
    return PlanarJudgement(State.UNDETERMINED, 0.5, smallest, f"{note}; within a hot rim it hides here")


def judge_homogeneous_uptake(hip: PlanarHip, other: PlanarHip) -> PlanarJudgement:
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
