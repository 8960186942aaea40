"""Densitometry records of one person as measurements: what was reported, and what follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from marrowmap.ingest.dxa_fields import write_vertebrae
from marrowmap.measure.density_calibration import Calibration
from marrowmap.measure.density_change import Change
from marrowmap.measure.density_change import error_of
from marrowmap.measure.density_change import follow_changes
from marrowmap.measure.density_change import ratio_error
from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_scores import Recomputed
from marrowmap.measure.density_scores import may_be_judged
from marrowmap.measure.density_scores import recompute_scores
from marrowmap.measure.density_sides import SideDifference
from marrowmap.measure.density_sides import compare_sides
from marrowmap.measure.density_tables import Reference
from marrowmap.measure.density_tables import shipped_references
from marrowmap.values import DensityRecord
from marrowmap.values import Evidence
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

MODALITY = "BMD"
"""DICOM's word for bone mineral densitometry."""


def signed(value: float, digits: int) -> str:
    """Write a difference with its sign, for people."""
    return f"{value:+.{digits}f}".replace("-", "−")


@dataclass(frozen=True)
class DensityReading:
    """All that the records of one person say.

    Parameters
    ----------
    records : tuple of DensityRecord
        In order of time.
    changes, sides, recomputed : tuple
    measurements : tuple of Measurement
    notes : tuple of str
        What could not be computed and why.
    """

    records: tuple[DensityRecord, ...]
    changes: tuple[Change, ...]
    sides: tuple[SideDifference, ...]
    recomputed: tuple[Recomputed, ...]
    measurements: tuple[Measurement, ...]
    notes: tuple[str, ...]


def read_density(
    records: Sequence[DensityRecord],
    *,
    references: Sequence[Reference] = (),
    studies: Sequence[SitePrecision] = (),
    calibrations: Sequence[Calibration] = (),
) -> DensityReading:
    """Turn the records of one person into measurements.

    Parameters
    ----------
    records : sequence of DensityRecord
        Checked by :func:`marrowmap.ingest.dxa_checks.check_records`.
    references : sequence of Reference
        The user's own, beside the shipped ones.
    studies, calibrations : sequence
        Of the site; without them the published least significant change stands in, and two machines are not compared.
    """
    ordered = tuple(sorted(records, key=lambda r: (r.iso_date, r.region, r.side.value if r.side else "")))
    changes = follow_changes(ordered, studies, calibrations)
    sides = compare_sides(ordered)
    recomputed: list[Recomputed] = []
    notes: list[str] = []
    for record in ordered:
        if record.bmd is None:
            continue
        scores, why_not = recompute_scores(record, (*references, *shipped_references()), studies)
        recomputed += scores
        if why_not:
            notes.append(f"{record.region.replace('_', ' ')}: {why_not}")
    rows = [row for record in ordered for row in _reported(record, studies)]
    rows += [_recomputed_row(one) for one in recomputed]
    rows += [row for change in changes for row in _change_rows(change)]
    rows += [row for difference in sides for row in _side_rows(difference, studies)]
    notes += [note for record in ordered if (note := _reason_left_out(record))]
    notes += _discordant_vertebrae(ordered)
    return DensityReading(ordered, changes, sides, tuple(recomputed), tuple(rows), tuple(dict.fromkeys(notes)))


def _reason_left_out(record: DensityRecord) -> str:
    reason = may_be_judged(record) if record.region == "spine" else ""
    return f"{record.where}: {reason}" if reason else ""


def _discordant_vertebrae(records: Sequence[DensityRecord]) -> list[str]:
    """Tell of vertebrae that ISCD would leave out: more than 1.0 T from the next one."""
    single = [r for r in records if r.region == "spine" and len(r.vertebrae) == 1 and r.t_score is not None]
    notes = []
    for date, group in groupby(single, key=lambda r: r.iso_date):
        scores = {r.vertebrae[0]: r.t_score for r in group if r.t_score is not None}
        for upper in sorted(scores):
            if upper + 1 in scores and abs(scores[upper] - scores[upper + 1]) > 1.0:
                notes.append(
                    f"spine{' of ' + date if date else ''}: T of L{upper} and L{upper + 1} differ by more than 1.0: "
                    "ISCD lets the abnormal one be left out, as long as two remain"
                )
    return notes


def _evidence(*records: DensityRecord) -> Evidence:
    return Evidence(records[-1].source, tuple(dict.fromkeys(f"{r.source} {r.place}" for r in records)))


def _row(name: str, quantity: Quantity, method: str, *records: DensityRecord, side: Side | None = None) -> Measurement:
    last = records[-1]
    return Measurement(
        name,
        last.joint,
        side or last.side,
        last.region,
        quantity,
        MODALITY,
        method,
        last.iso_date,
        _evidence(*records),
    )


def _origin(record: DensityRecord) -> str:
    machine = record.machine or "not stated"
    vertebrae = f", {write_vertebrae(record.vertebrae)}" if record.vertebrae else ""
    return f"machine {machine}, software {record.software or 'not stated'}{vertebrae}"


def _reported(record: DensityRecord, studies: Sequence[SitePrecision]) -> list[Measurement]:
    rows = []
    told = f"as reported; {_origin(record)}"
    if record.bmd is not None:
        error = error_of(record.region, record.vertebrae, record.machine, record.bmd, studies)
        quantity, method = Quantity(record.bmd, "g/cm2"), f"{told}; no interval: no precision known"
        if error is not None:
            half = 1.96 * error.sd / 2**0.5
            quantity = Quantity(record.bmd, "g/cm2", record.bmd - half, record.bmd + half)
            method = f"{told}; interval from precision: {error.method}"
        rows.append(_row("bmd", quantity, method, record))
    for name, value, unit in (("bmc", record.bmc, "g"), ("area", record.area, "cm2")):
        if value is not None:
            rows.append(_row(name, Quantity(value, unit), told, record))
    for name, value in (("t_score", record.t_score), ("z_score", record.z_score)):
        if value is not None:
            method = f"{told}, reference {record.reference or 'not stated'}"
            rows.append(_row(name, Quantity(value, "1"), method, record))
    return rows


def _recomputed_row(one: Recomputed) -> Measurement:
    name = "t_score" if one.kind == "T" else "z_score"
    return _row(name, Quantity(one.score, "1", one.low, one.high), one.method, one.record)


def _change_rows(change: Change) -> list[Measurement]:
    if change.percent is None:
        return []
    limit = change.error.method if change.error else "no least significant change known"
    doubt = f"; {change.reason}" if change.reason else ""
    method = f"against the {change.since} of {change.first.iso_date}; {_origin(change.later)}; {limit}{doubt}"
    quantity = Quantity(change.percent, "%", change.low, change.high)
    rows = [_row("bmd_change", quantity, method, change.first, change.later)]
    if change.error is not None:
        error = change.error
        quantity = Quantity(error.lsc, "g/cm2", error.low, error.high)
        rows.append(_row("least_significant_change", quantity, error.method, change.first, change.later))
    return rows


def _side_rows(difference: SideDifference, studies: Sequence[SitePrecision]) -> list[Measurement]:
    if difference.reason or difference.left.bmd is None or difference.right.bmd is None:
        return []
    reference = difference.reference
    left = difference.left
    error = error_of(
        left.region, left.vertebrae, left.machine, (difference.left.bmd + difference.right.bmd) / 2, studies
    )
    rows = []
    for side in Side:
        judged = "no side difference of well people is published for the region"
        if reference is not None:
            unit = "% of the mean of both" if reference.unit == "%" else reference.unit
            judged = (
                f"{difference.in_reference_unit(side):+.3g} {unit}, 95 % of well people within "
                f"±{difference.limit():.3g} ({reference.who}, n = {reference.n}; {reference.source})"
            )
        method = f"this side less the other, over the other; interval of measurement error; {judged}"
        value = difference.percent(side)
        quantity = Quantity(value, "%")
        if error is not None:
            other = difference.right.bmd if side is Side.LEFT else difference.left.bmd
            half = ratio_error(value, other, error)
            quantity = Quantity(value, "%", value - half, value + half)
        pair = (difference.left, difference.right)
        rows.append(_row("bmd_side_difference", quantity, method, *pair, side=side))
    return rows
