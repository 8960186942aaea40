"""The report's tables of densitometry."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from marrowmap.ingest.dxa_fields import write_vertebrae
from marrowmap.measure.density_change import Change
from marrowmap.measure.density_scores import Classification
from marrowmap.measure.density_scores import Recomputed
from marrowmap.measure.density_scores import implied_sd
from marrowmap.measure.density_scores import reproduces
from marrowmap.measure.density_sides import SideDifference
from marrowmap.report.page import Table
from marrowmap.report.wording import STATE_WORDS
from marrowmap.values import DensityRecord
from marrowmap.values import Finding
from marrowmap.values import Side


def fixed(value: float | None, digits: int, sign: str = "") -> str:
    """Write a number with fixed decimals, empty for None."""
    return "" if value is None else f"{value:{sign}.{digits}f}".replace("-", "−")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _place(record: DensityRecord) -> str:
    """Side, region and vertebrae."""
    return " ".join(filter(None, (_side(record), _words(record.region), write_vertebrae(record.vertebrae))))


def _side(record: DensityRecord) -> str:
    return record.side.value if record.side else ""


def _machine(record: DensityRecord) -> str:
    return ", ".join(filter(None, (record.machine, record.software))) or "not stated"


def reported_table(records: Sequence[DensityRecord]) -> tuple[str, Table]:
    """Every record as it was reported, and a sentence on machine and reference where all share them."""
    shared = len({(_machine(record), record.reference) for record in records}) == 1
    rows = []
    for record in records:
        row = (
            record.iso_date,
            _place(record),
            fixed(record.bmd, 3),
            fixed(record.bmc, 2),
            fixed(record.area, 2),
            fixed(record.t_score, 1, "+"),
            fixed(record.z_score, 1, "+"),
        )
        machine = () if shared else (_machine(record), record.reference or "not stated")
        rows.append((*row, *machine, f"{record.place}{': ' + record.note if record.note else ''}"))
    more = () if shared else ("Machine", "Reference of T and Z")
    columns = ("Date", "Region", "BMD g/cm²", "BMC g", "Area cm²", "T", "Z", *more, "From")
    told = f"Machine: {_machine(records[0])}. Reference of T and Z: {records[0].reference or 'not stated'}."
    table = Table("As reported by the machine", columns, tuple(rows), numeric=(2, 3, 4, 5, 6), text_last=True)
    return told if shared else "", table


def classification_table(classifications: Sequence[Classification]) -> Table:
    """The lowest score that counts, exam by exam."""
    rows: list[tuple[str, ...]] = []
    for one in classifications:
        if not one.lowest:
            rows.append((one.date, "", "", "", one.reason or "not classified", one.why))
        for kind, score, record, label in one.labelled:
            rows.append((one.date, kind, fixed(score, 1, "+"), _place(record), label, one.why))
    columns = ("Date", "Score", "Lowest", "Where", "ISCD's word", "Why this score")
    return Table("Lowest score that counts (ISCD)", columns, tuple(rows), numeric=(2,), text_last=True)


def findings_table(findings: Sequence[Finding]) -> Table:
    """The signs with their states."""
    rows = tuple(
        (
            f.date,
            f"{f.side.value} {f.joint.value}",
            _words(f.sign),
            STATE_WORDS[f.state],
            _certainty(f.certainty),
            f.note,
        )
        for f in findings
    )
    return Table(
        "Signs",
        ("Date", "Joint", "Sign", "State", "Certainty", "Why"),
        rows,
        numeric=(4,),
        state_column=3,
        text_last=True,
    )


def _certainty(value: float | None) -> str:
    """Write a certainty; none is 1."""
    return "above 0.99" if value is not None and value > 0.99 else fixed(value, 2)


def sides_table(sides: Sequence[SideDifference]) -> Table:
    """Side differences against those of well people."""
    rows = []
    for one in sides:
        values = (fixed(one.left.bmd, 3), fixed(one.right.bmd, 3))
        head = (one.left.iso_date, _words(one.left.region), *values)
        if one.reason:
            rows.append((*head, "", "", one.reason))
            continue
        lower = Side.LEFT if one.percent(Side.LEFT) < 0 else Side.RIGHT
        percent = f"{lower.value} {fixed(one.percent(lower), 1, '+')}"
        if one.reference is None:
            rows.append((*head, percent, "", "no side difference of well people is published"))
            continue
        unit = "% of mean" if one.reference.unit == "%" else one.reference.unit
        digits = 1 if one.reference.unit == "%" else 3
        mine, limit = fixed(one.in_reference_unit(lower), digits, "+"), fixed(one.limit(), digits)
        rows.append(
            (*head, percent, f"{mine} {unit}; 95 % within ±{limit}", f"{one.reference.who}, n = {one.reference.n}")
        )
    columns = ("Date", "Region", "Left", "Right", "Lower side %", "As the reference counts", "Reference")
    return Table("Left against right", columns, tuple(rows), numeric=(2, 3, 4), text_last=True)


def change_table(changes: Sequence[Change]) -> Table:
    """Changes against measurement error."""
    rows = []
    for one in changes:
        head = (one.later.iso_date, _place(one.later), f"{one.since}, {one.first.iso_date}")
        values = (fixed(one.first.bmd, 3), fixed(one.later.bmd, 3))
        if one.difference is None:
            rows.append((*head, *values, "", "", one.reason))
            continue
        interval = f" ({fixed(one.low, 1)} to {fixed(one.high, 1)})" if one.low is not None else ""
        lsc = fixed(one.error.lsc, 3) if one.error else "unknown"
        times = f", {abs(one.difference) / one.error.lsc:.1f} times" if one.error else ""
        remark = "; ".join(filter(None, (one.error.method if one.error else "", one.reason)))
        rows.append((*head, *values, f"{fixed(one.percent, 1, '+')}{interval}", f"{lsc}{times}", remark))
    columns = ("Date", "Region", "Against", "Then", "Now", "Change % (95 %)", "LSC g/cm²", "LSC from")
    return Table("Change over time", columns, tuple(rows), numeric=(3, 4, 5, 6), text_last=True)


def recomputed_table(recomputed: Sequence[Recomputed]) -> Table:
    """T and Z against named references, beside the reported ones."""
    rows = []
    for one in recomputed:
        record = one.record
        reported = record.t_score if one.kind == "T" else record.z_score
        interval = f" ({fixed(one.low, 1)} to {fixed(one.high, 1)})" if one.low is not None else ""
        rows.append(
            (
                record.iso_date,
                _place(record),
                one.kind,
                fixed(reported, 1, "+") or "none",
                f"{fixed(one.score, 2, '+')}{interval}",
                one.method.removeprefix("recomputed, not as reported: "),
            )
        )
    columns = ("Date", "Region", "Score", "Reported", "Recomputed (95 %)", "Reference and units")
    return Table(
        "Recomputed against other references: second values", columns, tuple(rows), numeric=(3, 4), text_last=True
    )


def explain_recomputed(records: Sequence[DensityRecord], recomputed: Sequence[Recomputed]) -> tuple[str, ...]:
    """Say why recomputed scores differ from reported ones, and which references could have made those."""
    if not recomputed:
        return ()
    lines = [
        "A T-score is BMD less a reference's mean over its SD: another reference, or another maker's units, gives "
        "another T for the same bone. The reported score stays what it is; the values below are second ones."
    ]
    for region in dict.fromkeys(one.record.region for one in recomputed):
        mine = [record for record in records if record.region == region and record.t_score is not None]
        scores = [one for one in recomputed if one.record.region == region and one.record.t_score is not None]
        bounds = implied_sd(mine)
        if bounds is not None and not 0 < bounds[0] <= bounds[1]:
            lines.append(
                f"{_words(region).capitalize()}: no one machine and reference can have made all reported T-scores: "
                "machines or references changed, or a score is mistyped or stands at the other side."
            )
        elif bounds is not None:
            lines.append(
                f"{_words(region).capitalize()}: the reported T-scores need a reference SD "
                f"between {bounds[0]:.4f} and {bounds[1]:.4f} g/cm² (if one machine and one reference made them)."
            )
        by_name = sorted(
            (one for one in scores if one.kind == "T"), key=lambda one: (one.reference.name, one.reference.units)
        )
        for (name, _), group in groupby(by_name, key=lambda one: (one.reference.name, one.reference.units)):
            same = list(group)
            hits, total = reproduces(same)
            if total:
                sd = same[0].reference.sd
                lines.append(f"{name} (SD {sd:.3f}) gives {hits} of {total} reported T-scores of the {_words(region)}.")
    return tuple(lines)
