"""Low bone density at one joint, by the score that ISCD lets count. It names no disease."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import stats

from marrowmap.measure.density import MODALITY
from marrowmap.measure.density import signed
from marrowmap.measure.density_change import error_of
from marrowmap.measure.density_scores import T_NORMAL
from marrowmap.measure.density_scores import Z_LIMIT
from marrowmap.measure.density_scores import choose_score
from marrowmap.measure.density_scores import is_low
from marrowmap.measure.density_scores import label_of
from marrowmap.measure.density_scores import may_be_judged
from marrowmap.values import DensityRecord
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

NAME = "low_bone_density"

_LIMITS = {"T": T_NORMAL, "Z": Z_LIMIT}
_SMALLEST_SD = 0.11
"""g/cm2, the smallest SD of the shipped references: measurement error in units of the score, at most."""


def assess(records: Sequence[DensityRecord], joint: Joint, side: Side) -> Finding:
    """Judge one joint and side at one exam.

    PRESENT if the lowest score that counts is low (T below -1.0, or Z of -2.0 or lower), ABSENT if it is not,
    UNDETERMINED if T and Z say different things and nobody knows which counts.
    """
    usable = [record for record in records if not may_be_judged(record)]
    reasons = [may_be_judged(record) for record in records if may_be_judged(record)]
    evidence = Evidence(records[0].source, tuple(record.place for record in records))
    date = records[0].iso_date
    choice = choose_score(records[0])

    def not_assessable(why: str) -> Finding:
        return Finding(NAME, joint, side, State.NOT_ASSESSABLE, None, None, MODALITY, date, evidence, why)

    if not usable:
        return not_assessable("; ".join(dict.fromkeys(reasons)))
    if not choice.kinds:
        return not_assessable(choice.why)
    lowest = {kind: found for kind in choice.kinds if (found := _lowest(usable, kind))}
    if not lowest:
        return not_assessable(f"{choice.why}; no {' or '.join(choice.kinds)}-score is reported")
    words = "; ".join(
        f"lowest {kind} {signed(score, 1)} ({record.region.replace('_', ' ')}): {label_of(kind, score)}"
        for kind, (score, record) in lowest.items()
    )
    verdicts = {is_low(kind, score) for kind, (score, _) in lowest.items()}
    note = f"{choice.why}; {words}"
    if len(lowest) < len(choice.kinds) or len(verdicts) > 1:
        lacking = [kind for kind in choice.kinds if kind not in lowest]
        why = f"no {lacking[0]}-score is reported" if lacking else "T and Z say different things"
        return Finding(NAME, joint, side, State.UNDETERMINED, 0.5, None, MODALITY, date, evidence, f"{note}; {why}")
    certainty = min(_certainty(kind, score, record) for kind, (score, record) in lowest.items())
    kind = next(iter(lowest))
    if verdicts == {True}:
        return Finding(NAME, joint, side, State.PRESENT, certainty, None, MODALITY, date, evidence, note)
    smallest = Quantity(abs(_LIMITS[kind]), "1")
    return Finding(NAME, joint, side, State.ABSENT, certainty, smallest, MODALITY, date, evidence, note)


def _lowest(records: Sequence[DensityRecord], kind: str) -> tuple[float, DensityRecord] | None:
    scored = [
        (score, record)
        for record in records
        if (score := record.t_score if kind == "T" else record.z_score) is not None
    ]
    return min(scored, key=lambda pair: pair[0]) if scored else None


def _certainty(kind: str, score: float, record: DensityRecord) -> float:
    """Return how likely measurement error leaves the score on its side of the limit."""
    error = error_of(record.region, record.vertebrae, record.machine, record.bmd, ()) if record.bmd else None
    sd = error.sd / 2**0.5 / _SMALLEST_SD if error else 0.25
    return float(stats.norm.cdf(abs(score - _LIMITS[kind]) / sd))
