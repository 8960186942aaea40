"""Diffuse hyperemia: blood flow and blood pool of femoral head and neck raised on one side (Gemmel 2012).

A planar image sees a hip through the muscle before and behind it, so that a ratio of 2 in the bone shows as 1.1 to
1.4; no published range of well hips exists (facts.md 4.2). The limits are choices on planar ratios of this side to the
other; hyperemia of both hips alike cannot be seen by comparing them.
"""

from __future__ import annotations

import math

from marrowmap.ingest.scan import Phase
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.planar import PlanarHip
from marrowmap.signs.judgement import sureness
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import State

NAME = "diffuse_hyperemia"

PRESENT_FROM = 1.08
"""Each of the four ratios is at least this, and surely above 1."""
ABSENT_BELOW = 1.08
"""Pool of head or neck surely lies below this."""
LARGEST_SMALLEST = 1.3
"""Where only a larger ratio than this could have been seen, absence means nothing."""
_PHASES = {Phase.FLOW: "flow", Phase.BLOOD_POOL: "pool"}
_REGIONS = {"femoral_head": "head", "femoral_neck": "neck"}


def assess(hip: HipMeasurement) -> Finding:
    """Judge from the side ratios of flow and blood pool in head and neck."""
    planar = hip.planar
    if planar is None:
        return _finding(hip, None, State.NOT_ASSESSABLE, None, None, hip.planar_obstacle or "there is no bone scan")
    ratios = {
        f"{phase} of the {region}": planar.ratios[key, name]
        for key, phase in _PHASES.items()
        for name, region in _REGIONS.items()
        if (key, name) in planar.ratios
    }
    lacking = [word for key, word in _PHASES.items() if (key, "femoral_head") not in planar.ratios]
    if lacking or len(ratios) < 4:
        absent = " and ".join(lacking) or "part of head or neck"
        return _finding(hip, planar, State.NOT_ASSESSABLE, None, None, f"{absent} was not taken or not measured")
    smallest = _smallest(ratios)
    told = ", ".join(
        f"{name} {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})" for name, ratio in ratios.items()
    )
    note = f"this side over the other: {told}; muscle before and behind dilutes"
    least = min(ratios.values(), key=lambda ratio: ratio.value)
    surely = all(ratio.value >= PRESENT_FROM and (ratio.low or 0.0) > 1.0 for ratio in ratios.values())
    if surely:
        return _finding(hip, planar, State.PRESENT, sureness(least, 1.0, 0.01), smallest, note)
    below = [
        ratio
        for name, ratio in ratios.items()
        if name.startswith("pool") and ratio.high is not None and ratio.high < ABSENT_BELOW
    ]
    if below and smallest.value <= LARGEST_SMALLEST:
        sure = max(sureness(ratio, ABSENT_BELOW, 0.01) for ratio in below)
        return _finding(hip, planar, State.ABSENT, sure, smallest, note)
    return _finding(hip, planar, State.UNDETERMINED, 0.5, smallest, f"{note}: too close to call")


def _smallest(ratios: dict[str, Quantity]) -> Quantity:
    """Return the least planar pool ratio that would have stood out of its interval, 95 % of times."""
    pool = [ratio for name, ratio in ratios.items() if name.startswith("pool")]
    widest = max(math.log((ratio.high or 1.0) / (ratio.low or 1e-9)) / 3.92 for ratio in pool)
    return Quantity(max(PRESENT_FROM, math.exp((1.96 + 1.645) * widest)), "1")


def _finding(
    hip: HipMeasurement,
    planar: PlanarHip | None,
    state: State,
    certainty: float | None,
    smallest: Quantity | None,
    note: str,
) -> Finding:
    evidence = None
    if planar is not None:
        phase = Phase.BLOOD_POOL if Phase.BLOOD_POOL in planar.evidence else Phase.DELAYED
        evidence = planar.evidence[phase]
    sure = None if certainty is None else min(max(certainty, 0.0), 1.0)
    return Finding(NAME, Joint.HIP, hip.side, state, sure, smallest, "NM", hip.date, evidence, note)
