"""Low bone density at one joint, by the score that ISCD lets count. It names no disease."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from scipy import stats

from marrowmap.measure.density import MODALITY
from marrowmap.measure.density import signed
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_scores import T_NORMAL
from marrowmap.measure.density_scores import Z_LIMIT
from marrowmap.measure.density_scores import choose_score
from marrowmap.measure.density_scores import doubt_of
from marrowmap.measure.density_scores import is_low
from marrowmap.measure.density_scores import label_of
from marrowmap.measure.density_scores import may_be_judged
from marrowmap.measure.density_scores import score_error
from marrowmap.measure.density_scores import score_of
from marrowmap.measure.density_scores import score_reach
from marrowmap.values import DensityRecord
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State

NAME = "low_bone_density"

_LIMITS = {"T": T_NORMAL, "Z": Z_LIMIT}

Scored = tuple[float, float, DensityRecord]
"""Score, its standard error, its record."""


def assess(
    records: Sequence[DensityRecord], joint: Joint, side: Side, studies: Sequence[SitePrecision] = ()
) -> Finding:
    """Judge one joint and side at one exam.

    PRESENT if a score that counts is low (T below -1.0, or Z of -2.0 or lower) by more than its measurement error,
    ABSENT if all lie above the limit by more than theirs. UNDETERMINED within that error (95 %, over the regions that
    count), and where T and Z say different things and nobody knows which counts. ISCD's word for the number as printed
    stands in the note.
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
    scored = {kind: found for kind in choice.kinds if (found := _scored(usable, kind, studies))}
    if not scored:
        return not_assessable(f"{choice.why}; no {' or '.join(choice.kinds)}-score is reported")
    words = "; ".join(_words(kind, found) for kind, found in scored.items())
    note = f"{choice.why}; {words}"
    why = _why_undetermined(choice.kinds, scored)
    if why:
        return Finding(NAME, joint, side, State.UNDETERMINED, 0.5, None, MODALITY, date, evidence, f"{note}; {why}")
    kind, found = next(iter(scored.items()))
    state = _verdict(kind, found)
    # Only so far below the limit would a score have been called.
    smallest = Quantity(abs(_LIMITS[kind]) + max(_reach(one, found) for one in found), "1")
    certainty = min(_certainty(kind, found) for kind, found in scored.items())
    extent = smallest if state is State.ABSENT else None
    return Finding(NAME, joint, side, state, certainty, extent, MODALITY, date, evidence, note)


def _why_undetermined(kinds: Sequence[str], scored: Mapping[str, Sequence[Scored]]) -> str:
    """Return why the scores that count allow no verdict; empty if they do."""
    lacking = [kind for kind in kinds if kind not in scored]
    if lacking:
        return f"no {lacking[0]}-score is reported"
    if len({is_low(kind, found[0][0]) for kind, found in scored.items()}) > 1:
        return "T and Z say different things"
    verdicts = {_verdict(kind, found) for kind, found in scored.items()}
    decided = verdicts in ({State.PRESENT}, {State.ABSENT})
    return "" if decided else "within measurement error of the limit"


def _scored(records: Sequence[DensityRecord], kind: str, studies: Sequence[SitePrecision]) -> list[Scored]:
    """Return every score that is reported, the lowest first."""
    known = [(score, record) for record in records if (score := score_of(record, kind)) is not None]
    known.sort(key=lambda pair: pair[0])
    return [(score, score_error(record, studies), record) for score, record in known]


def _reach(one: Scored, all_scored: Sequence[Scored]) -> float:
    return score_reach(one[1], len(all_scored))


def _words(kind: str, found: Sequence[Scored]) -> str:
    score, _, record = found[0]
    label = label_of(kind, score) + doubt_of(kind, score, _reach(found[0], found))
    return f"lowest {kind} {signed(score, 1)} ({record.region.replace('_', ' ')}): {label}"


def _verdict(kind: str, found: Sequence[Scored]) -> State:
    """Judge all regions by one kind of score, each with its error."""
    if any(one[0] < _LIMITS[kind] - _reach(one, found) for one in found):
        return State.PRESENT
    if all(one[0] > _LIMITS[kind] + _reach(one, found) for one in found):
        return State.ABSENT
    return State.UNDETERMINED


def _certainty(kind: str, found: Sequence[Scored]) -> float:
    """Return how likely measurement error leaves the scores on their side of the limit."""
    away = [(score - _LIMITS[kind]) / error for score, error, _ in found]
    beyond = float(stats.norm.sf(max(abs(min(away)), 0.0)))
    # Every region must stay above for an absence; the lowest of several is below by chance more often.
    return max(0.5, 1.0 - len(found) * beyond)
