"""From a table of ratings to the document of ``marrowmap study agreement``."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marrowmap.ingest.reads_csv import Rating
from marrowmap.ingest.reads_csv import read_ratings_csv
from marrowmap.readers.agreement_summary import AgreementSummary
from marrowmap.readers.agreement_summary import summarize_agreement
from marrowmap.readers.estimate import Estimate
from marrowmap.readers.read_table import first_reads
from marrowmap.readers.read_table import make_table
from marrowmap.readers.read_table import natural_order
from marrowmap.readers.read_table import repeated_reads
from marrowmap.report.folder import SCHEMA


def study_agreement(
    ratings: Path, *, readers: Sequence[str] = (), scales: Mapping[str, Sequence[str]] | None = None
) -> dict[str, Any]:
    """Return the agreement of readers by item, between readers and of each with themselves.

    Parameters
    ----------
    ratings : Path
        CSV, see `read_ratings_csv`.
    readers : sequence of str
        All readers of the study, empty for those of the table.
    scales : mapping
        Ordered categories by item, ``""`` for all items without their own.

    Raises
    ------
    InputError
        If the table cannot be read for sure.
    """
    scales = scales or {}
    answers, notes = read_ratings_csv(ratings, readers=readers, scales=scales)
    items = natural_order(answer.item for answer in answers)
    return {
        "schema": SCHEMA,
        "readers": natural_order(answer.reader for answer in answers),
        "cases": len({answer.case for answer in answers}),
        "people": len({answer.person for answer in answers}),
        "units": {"percent_agreement": "%", "percent_unanimous": "%"},
        "items": {
            item: _agreement_of([a for a in answers if a.item == item], scales.get(item, scales.get("", ())))
            for item in items
        },
        "notes": list(notes),
    }


def _agreement_of(answers: Sequence[Rating], scale: Sequence[str]) -> dict[str, Any]:
    first = first_reads(answers)
    if not first:
        return {"note": "no answer to this item"}
    table = make_table(first, scale)
    document = _agreement_row(summarize_agreement(table))
    repeated = {reader: repeated_reads(answers, reader) for reader in natural_order(a.reader for a in answers)}
    return {
        "cases": len(table.codes),
        "people": int(table.people.max()) + 1,
        "categories": list(table.categories),
        **document,
        "intra_reader": {
            reader: _agreement_row(summarize_agreement(make_table(reads, scale)))
            for reader, reads in repeated.items()
            if reads
        },
    }


def _agreement_row(summary: AgreementSummary) -> dict[str, Any]:
    row: dict[str, Any] = {"reads": summary.reads, "missing": summary.missing}
    for name, estimate in summary.estimates.items():
        row |= estimate_row(name, estimate)
    row["limits_of_agreement"] = [
        {
            "first": first,
            "second": second,
            "cases": limits.cases,
            "people": limits.people,
            "sd": limits.sd,
            **estimate_row("bias", limits.bias),
            **estimate_row("lower_limit", limits.lower),
            **estimate_row("upper_limit", limits.upper),
        }
        for first, second, limits in summary.limits
    ]
    told = [f"{name} {e.note}" for name, e in summary.estimates.items() if e.value is None]
    row["note"] = "; ".join(told) or None
    return row


def estimate_row(name: str, estimate: Estimate) -> dict[str, Any]:
    """Return a statistic as the fields of a document: value, bounds, and the note if there is one."""
    row: dict[str, Any] = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return row | ({f"{name}_note": estimate.note} if estimate.note else {})
