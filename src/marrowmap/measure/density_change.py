"""Change of bone density between two exams of the same bone, against what measurement error explains."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

from scipy import stats

from marrowmap.measure.density_calibration import Calibration
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_tables import change_limits
from marrowmap.values import DensityRecord

ALPHA = 0.05
_NORMAL = float(stats.norm.ppf(1 - ALPHA / 2))


@dataclass(frozen=True)
class ErrorOfDifference:
    """The error of a difference between two exams.

    Parameters
    ----------
    sd : float
        Standard deviation of a stable person's difference, g/cm2.
    df : float
        Degrees of freedom it was estimated with; infinite for a published figure.
    lsc, low, high : float or None
        Least significant change (g/cm2) and its 95 % interval where it was estimated.
    method : str
        Where it comes from.
    """

    sd: float
    df: float
    lsc: float
    low: float | None
    high: float | None
    method: str

    def limit(self, comparisons: int) -> float:
        """Return the least difference that is beyond error in 95 % of stable people over so many comparisons."""
        return self.sd * _quantile(1 - ALPHA / (2 * comparisons), self.df)

    def within(self, difference: float) -> float:
        """Return the part of stable people whose two exams differ by less."""
        size = abs(difference) / self.sd
        return float(1 - 2 * (stats.norm.sf(size) if math.isinf(self.df) else stats.t.sf(size, self.df)))


def _quantile(p: float, df: float) -> float:
    return float(stats.norm.ppf(p) if math.isinf(df) else stats.t.ppf(p, df))


def same_machine(one: str, other: str) -> bool:
    """Tell whether two machines' names are one name; two empty ones are not known to be one."""
    return one.casefold().split() == other.casefold().split() != []


def error_of(
    region: str, vertebrae: tuple[int, ...], machine: str, bmd: float, studies: Sequence[SitePrecision]
) -> ErrorOfDifference | None:
    """Return the error of a difference on one machine: the site's own study, else the published fallback, else None."""
    for study in studies:
        if (study.region, study.vertebrae) == (region, vertebrae) and same_machine(study.machine, machine):
            lsc, low, high = study.precision.lsc
            method = f"LSC of the site's own precision study ({study.precision.df} degrees of freedom)"
            return ErrorOfDifference(math.sqrt(2) * study.precision.rms_sd, study.precision.df, lsc, low, high, method)
    fallback = change_limits().get(region)
    if fallback is None or (region == "spine" and 0 < len(vertebrae) < 4):
        return None
    lsc = fallback.percent / 100.0 * bmd
    memory = ", from memory" if fallback.confidence == "M" else ""
    method = f"LSC {fallback.percent:g} % of {bmd:.3f} g/cm2: no precision study given, {fallback.source}{memory}"
    return ErrorOfDifference(lsc / _NORMAL, math.inf, lsc, None, None, method)


@dataclass(frozen=True)
class Change:
    """One region and side at two exams.

    Parameters
    ----------
    first, later : DensityRecord
    since : str
        ``first exam`` or ``exam before``; ``first`` or ``last comparable exam`` where that is another one, as after a
        change of machine.
    difference : float or None
        g/cm2, on the later machine's scale; None where the two cannot be compared.
    percent, low, high : float or None
        Of the first value, with 95 % interval from measurement error.
    error : ErrorOfDifference or None
    reason : str
        Why it cannot be compared, or what makes it doubtful.
    doubtful : bool
        Compared on an assumption: no verdict may rest on it.
    """

    first: DensityRecord
    later: DensityRecord
    since: str
    difference: float | None
    percent: float | None
    low: float | None
    high: float | None
    error: ErrorOfDifference | None
    reason: str = ""
    doubtful: bool = False


def compare_exams(
    first: DensityRecord,
    later: DensityRecord,
    since: str,
    studies: Sequence[SitePrecision] = (),
    calibrations: Sequence[Calibration] = (),
) -> Change:
    """Compare two exams of the same bone.

    Two machines are compared only over a cross-calibration; machines that neither exam states are taken as one, and the
    comparison is marked doubtful.
    """
    none = Change(first, later, since, None, None, None, None, None)
    if first.bmd is None or later.bmd is None:
        return _because(none, "no BMD at one of the exams")
    stated = bool(first.machine.strip()), bool(later.machine.strip())
    reason = ""
    base, error = first.bmd, None
    if stated == (False, False):
        reason = "the machine is not stated at either exam: taken as one machine, no verdict"
    elif not all(stated):
        return _because(none, "the machine is stated at one exam only")
    elif not same_machine(first.machine, later.machine):
        calibration = _calibration(first, later, calibrations)
        if calibration is None:
            return _because(
                none, f"two machines ({first.machine}, {later.machine}) without cross-calibration are not compared"
            )
        if not calibration.lowest <= first.bmd <= calibration.highest:
            return _because(none, "the earlier value lies outside the range of the cross-calibration")
        base, sd, df = calibration.predict(first.bmd)
        method = f"LSC between {first.machine} and {later.machine}, {calibration.agreement.n} people scanned on both"
        error = ErrorOfDifference(sd, df, _quantile(0.975, df) * sd, None, None, method)
    if error is None:
        error = error_of(later.region, later.vertebrae, later.machine, base, studies)
    if first.software.split() != later.software.split() and first.software and later.software:
        reason = f"{reason}; " * bool(reason) + f"software changed from {first.software} to {later.software}"
    difference = later.bmd - base
    percent = 100.0 * difference / base
    low = high = None
    if error is not None:
        half = ratio_error(percent, base, error)
        low, high = percent - half, percent + half
    else:
        reason = (
            f"{reason}; " * bool(reason)
            + f"no least significant change is known for the {later.region.replace('_', ' ')}"
        )
    return Change(first, later, since, difference, percent, low, high, error, reason, stated == (False, False))


def ratio_error(percent: float, base: float, error: ErrorOfDifference) -> float:
    """Return the half width (95 %, percent) of a difference over `base`, both measured with equal error."""
    ratio = 1.0 + percent / 100.0
    return 100.0 * error.limit(1) / math.sqrt(2) * math.sqrt(1 + ratio**2) / base


def _because(change: Change, reason: str) -> Change:
    return Change(change.first, change.later, change.since, None, None, None, None, None, reason)


def _calibration(first: DensityRecord, later: DensityRecord, calibrations: Sequence[Calibration]) -> Calibration | None:
    for calibration in calibrations:
        if (
            same_machine(calibration.from_machine, first.machine)
            and same_machine(calibration.to_machine, later.machine)
            and (calibration.region, calibration.vertebrae) == (first.region, first.vertebrae)
        ):
            return calibration
    return None


def follow_changes(
    records: Sequence[DensityRecord],
    studies: Sequence[SitePrecision] = (),
    calibrations: Sequence[Calibration] = (),
) -> tuple[Change, ...]:
    """Compare every exam of one person with the first and with the one before, bone by bone, in order of time.

    Records without a date are left out: nobody knows which came first.
    """
    bones: dict[object, list[DensityRecord]] = defaultdict(list)
    for record in records:
        if record.date is not None and record.bmd is not None:
            bones[record.site].append(record)
    changes = []
    for exams in bones.values():
        exams.sort(key=lambda record: (record.iso_date, record.machine))
        for later in exams:
            changes += _against_earlier(
                later, [one for one in exams if one.iso_date < later.iso_date], studies, calibrations
            )
    return tuple(sorted(changes, key=lambda change: (change.later.iso_date, not change.since.startswith("first"))))


def _against_earlier(
    later: DensityRecord,
    earlier: Sequence[DensityRecord],
    studies: Sequence[SitePrecision],
    calibrations: Sequence[Calibration],
) -> list[Change]:
    """Compare with the first and the last earlier exam that can be compared, or say why none can."""
    every = [compare_exams(one, later, "first exam", studies, calibrations) for one in earlier]
    able = [change for change in every if change.difference is not None] or every[:1]
    if not able:
        return []
    first, last = able[0], able[-1]
    if first.first.iso_date != earlier[0].iso_date:
        first = replace(first, since="first comparable exam")
    since = "exam before" if last.first.iso_date == earlier[-1].iso_date else "last comparable exam"
    return [first, *([replace(last, since=since)] if len(able) > 1 else [])]
