"""T- and Z-scores: which one counts (ISCD), and what they would be against other references.

ISCD Official Positions (adult): T in women after menopause and men from 50 on; Z before menopause and in men under 50,
with -2.0 as the limit of the expected range for age; the lowest of lumbar spine, total hip and femoral neck; one
uniform female reference for women and men; no vertebra alone. The score a machine printed is never changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

from marrowmap.measure.density_change import error_of
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_tables import Reference
from marrowmap.measure.density_tables import conversion_error
from marrowmap.measure.density_tables import convert_bmd
from marrowmap.measure.density_tables import maker_of
from marrowmap.values import DensityRecord
from marrowmap.values import Menopause

ADULT_YEARS = 20.0
MAN_T_YEARS = 50.0
Z_LIMIT = -2.0
T_NORMAL = -1.0
T_LOW = -2.5
JUDGED_REGIONS = ("spine", "total_hip", "femoral_neck")
ROUNDED = 0.05
"""Half a step of a printed score."""
LIMITS = {"T": (T_NORMAL, T_LOW), "Z": (Z_LIMIT,)}
"""Where ISCD's word for a score changes."""
SMALLEST_SD = 0.11
"""g/cm2, the smallest SD of the shipped references: no reference turns an error of BMD into a larger one of a score."""
UNKNOWN_ERROR = 0.25
"""Standard error of a score whose BMD or precision is not known: ISCD's least acceptable at the neck; a choice."""
ALPHA = 0.05


@dataclass(frozen=True)
class ScoreChoice:
    """Which scores may be judged (``T``, ``Z``, both where it is not known which, none), and why."""

    kinds: tuple[str, ...]
    why: str


def choose_score(record: DensityRecord) -> ScoreChoice:
    """Say which score ISCD lets count for this person at this exam."""
    age = record.age_years
    if age is not None and age < ADULT_YEARS:
        return ScoreChoice((), f"{math.floor(age)} years: under {ADULT_YEARS:.0f} the adult positions do not apply")
    if record.sex == "F":
        return {
            Menopause.AFTER: ScoreChoice(("T",), "woman after menopause: T-score"),
            Menopause.BEFORE: ScoreChoice(("Z",), "woman before menopause: Z-score, not T"),
            Menopause.UNKNOWN: ScoreChoice(("T", "Z"), "woman, menopause not stated: T and Z must say the same"),
        }[record.menopause]
    if record.sex == "M" and age is not None:
        if age < MAN_T_YEARS:
            return ScoreChoice(("Z",), f"man of {math.floor(age)}, under 50: Z-score, not T")
        return ScoreChoice(("T",), f"man of {math.floor(age)}: T-score")
    missing = "sex" if not record.sex else "birth date or date of the exam"
    return ScoreChoice((), f"{missing} not stated: whether T or Z counts cannot be told")


def may_be_judged(record: DensityRecord) -> str:
    """Return why a region does not count for the classification, empty if it does."""
    if record.region not in JUDGED_REGIONS:
        region = record.region.replace("_", " ")
        return f"{region} is not among the regions ISCD classifies by (spine, total hip, femoral neck)"
    if record.region == "spine" and len(record.vertebrae) == 1:
        return "one vertebra alone is not classified (ISCD 2023)"
    return ""


def label_of(kind: str, score: float) -> str:
    """Return ISCD's word for a score; never a diagnosis."""
    if kind == "Z":
        return "below the expected range for age" if score <= Z_LIMIT else "within the expected range for age"
    if score >= T_NORMAL:
        return "normal by WHO's limits"
    return "low bone mass by WHO's limits" if score > T_LOW else "at or below WHO's limit of −2.5; no diagnosis is made"


def is_low(kind: str, score: float) -> bool:
    """Tell whether a score is what the sign ``low_bone_density`` means."""
    return score <= Z_LIMIT if kind == "Z" else score < T_NORMAL


def score_error(record: DensityRecord, studies: Sequence[SitePrecision] = ()) -> float:
    """Return the standard error of a reported T- or Z-score: precision of its BMD, and its rounding to one decimal.

    The SD of the machine's reference is not printed; the smallest shipped one gives the largest error there can be.
    """
    error = None
    if record.bmd is not None:
        error = error_of(record.region, record.vertebrae, record.machine, record.bmd, studies)
    measured = UNKNOWN_ERROR if error is None else error.sd / math.sqrt(2) / SMALLEST_SD
    return math.hypot(measured, ROUNDED / math.sqrt(3))


def score_reach(error: float, scores: int = 1) -> float:
    """Return half the 95 % interval of a score of this standard error, the lowest of so many (Bonferroni)."""
    return error * float(stats.norm.ppf(1 - ALPHA / (2 * scores)))


def limits_within(kind: str, score: float, reach: float) -> tuple[float, ...]:
    """Return ISCD's limits that lie within the interval of a score: there its word may be another one."""
    return tuple(limit for limit in LIMITS[kind] if abs(score - limit) <= reach)


@dataclass(frozen=True)
class Recomputed:
    """A score against a named reference: a second value beside the reported one, never in its place."""

    record: DensityRecord
    kind: str
    score: float
    low: float | None
    high: float | None
    reference: Reference
    method: str


def recompute_scores(
    record: DensityRecord, references: Sequence[Reference], studies: Sequence[SitePrecision] = ()
) -> tuple[tuple[Recomputed, ...], str]:
    """Compute T and Z of one record against every reference that may be used.

    Returns
    -------
    scores : tuple of Recomputed
    why_not : str
        Why there is none; empty if there is.
    """
    if record.bmd is None:
        return (), "no BMD"
    units = maker_of(record.machine)
    if not units:
        return (), (
            "the machine's maker is not stated, so its units are unknown: T and Z are not recomputed "
            "(makers differ by up to a fifth)"
        )
    fitting = [reference for reference in references if _fits(record, reference)]
    if not fitting:
        return (), f"no reference for the {record.region.replace('_', ' ')} of this person"
    found = [one for reference in fitting if (one := _score(record, units, reference, studies)) is not None]
    return tuple(found), "" if found else f"no published conversion of {units} units"


def _fits(record: DensityRecord, reference: Reference) -> bool:
    if reference.region != record.region:
        return False
    if record.region == "spine" and record.vertebrae not in ((), (1, 2, 3, 4)):
        return False
    if reference.kind == "young_adult":
        # ISCD: a uniform female reference for men as well; a man's own reference is a second one.
        return reference.sex == "F" or record.sex in ("M", "")
    age = record.age_years
    return age is not None and reference.sex == record.sex and reference.age[0] <= age < reference.age[1]


def _score(
    record: DensityRecord, units: str, reference: Reference, studies: Sequence[SitePrecision]
) -> Recomputed | None:
    if record.bmd is None:
        return None
    converted = convert_bmd(record.bmd, record.region, units, reference.units)
    if converted is None:
        return None
    bmd, how = converted
    error = error_of(record.region, record.vertebrae, record.machine, record.bmd, studies)
    score = (bmd - reference.mean) / reference.sd
    low = high = None
    if error is not None:
        own = conversion_error() * bmd if how else 0.0
        half = 1.96 * math.hypot(error.sd / math.sqrt(2), own) / reference.sd
        low, high = score - half, score + half
    kind = "T" if reference.kind == "young_adult" else "Z"
    memory = ", values from memory" if reference.confidence == "M" else ""
    unsaid = "; vertebrae not stated, taken as L1-L4" if record.region == "spine" and not record.vertebrae else ""
    method = (
        f"recomputed, not as reported: {reference.name}, {reference.mean:.3f} (SD {reference.sd:.3f}) g/cm2 in "
        f"{reference.units} units{memory}; {how or f'BMD in {units} units as measured'}{unsaid}"
    )
    return Recomputed(record, kind, score, low, high, reference, method)


def implied_sd(records: Sequence[DensityRecord]) -> tuple[float, float] | None:
    """Return the least and greatest reference SD that reported T-scores (rounded to 0.1) of one region allow, g/cm2.

    None where fewer than two reported T-scores differ. No SD allows them all where the least is above the greatest,
    as with more density under a lower T (then both are below zero).
    """
    known = [(r.bmd, r.t_score) for r in records if r.bmd is not None and r.t_score is not None]
    bounds = [
        tuple(sorted(((a - b) / (t - u + 2 * ROUNDED), (a - b) / (t - u - 2 * ROUNDED))))
        for n, (a, t) in enumerate(known)
        for b, u in known[:n]
        if abs(t - u) > 2 * ROUNDED + 1e-9
    ]
    if not bounds:
        return None
    return max(low for low, _ in bounds), min(high for _, high in bounds)


def reproduces(scores: Sequence[Recomputed]) -> tuple[int, int]:
    """Return how many reported T-scores one reference gives to within rounding, and how many there are."""
    pairs = [(one.score, one.record.t_score) for one in scores if one.kind == "T" and one.record.t_score is not None]
    return sum(abs(score - reported) <= ROUNDED + 1e-6 for score, reported in pairs), len(pairs)


@dataclass(frozen=True)
class Classification:
    """One exam of one person by ISCD: the lowest score that counts, where, and ISCD's word for it.

    `reaches` are half the 95 % intervals of the lowest scores.
    """

    date: str
    why: str
    lowest: tuple[tuple[str, float, DensityRecord], ...]
    reason: str = ""
    reaches: tuple[float, ...] = ()

    @property
    def labelled(self) -> tuple[tuple[str, float, DensityRecord, str], ...]:
        """The lowest scores with ISCD's words, and the limits that lie within measurement error of the score."""
        return tuple(
            (kind, score, record, label_of(kind, score) + doubt_of(kind, score, reach))
            for (kind, score, record), reach in zip(self.lowest, self.reaches, strict=True)
        )


def doubt_of(kind: str, score: float, reach: float) -> str:
    """Say which of ISCD's limits lie within a score's error; empty if none does."""
    near = " and ".join(f"{limit:.1f}".replace("-", "−") for limit in limits_within(kind, score, reach))
    return f" ({near} lies within its measurement error of ±{reach:.1f})" if near else ""


def classify_exam(records: Sequence[DensityRecord], studies: Sequence[SitePrecision] = ()) -> Classification:
    """Find the lowest score of spine, total hip and neck at one exam; the forearm counts only without them."""
    choice = choose_score(records[0])
    usable = [record for record in records if not may_be_judged(record)]
    usable = usable or [record for record in records if record.region == "forearm"]
    lowest, reaches = [], []
    for kind in choice.kinds:
        scored = [(score_of(record, kind), record) for record in usable]
        known = [(score, record) for score, record in scored if score is not None]
        if known:
            score, record = min(known, key=lambda pair: pair[0])
            lowest.append((kind, score, record))
            reaches.append(score_reach(score_error(record, studies)))
    reason = ""
    if choice.kinds and not lowest:
        what = " nor ".join(f"{kind}-score" for kind in choice.kinds)
        reason = f"no {what} of spine, total hip or femoral neck is reported"
    return Classification(records[0].iso_date, choice.why, tuple(lowest), reason, tuple(reaches))


def score_of(record: DensityRecord, kind: str) -> float | None:
    """Return the reported T- or Z-score."""
    return record.t_score if kind == "T" else record.z_score
