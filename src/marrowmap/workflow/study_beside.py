"""Software beside the people who read: how far it agrees with each of them, apart from how far they agree."""

from __future__ import annotations

from typing import Any

from marrowmap.ingest.reads_csv import Rating
from marrowmap.readers.agreement_summary import summarize_agreement
from marrowmap.readers.read_table import first_reads
from marrowmap.readers.read_table import make_table
from marrowmap.readers.read_table import natural_order
from marrowmap.readers.storage import Store
from marrowmap.workflow.study_tables import rating_table
from marrowmap.workflow.study_tables import software_table

SHOWN = ("percent_agreement", "cohen_kappa", "gwet_ac1", "icc_a1")


def beside_rows(store: Store, scales: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return a row for each item, program and reader who answered the same cases.

    Parameters
    ----------
    store : Store
    scales : mapping of str to list of str
        Categories of ordinal items, in order.

    Returns
    -------
    list of dict
        ``item, software, reader, cases, people``, and `SHOWN`, each with ``_low``, ``_high`` and ``_note``.
    """
    programs = _by_item(software_table(store))
    readers = _by_item(rating_table(store))
    rows = []
    for item, answered in programs.items():
        first, others = first_reads(answered), first_reads(readers.get(item, []))
        for program in natural_order(one.reader for one in first):
            own = {one.case: one for one in first if one.reader == program}
            for reader in natural_order(one.reader for one in others):
                theirs = [one for one in others if one.reader == reader and one.case in own]
                if not theirs:
                    continue
                pairs = [*theirs, *(own[one.case] for one in theirs)]
                table = make_table(pairs, scales.get(item, ()))
                row: dict[str, Any] = {"item": item, "software": program, "reader": reader, "cases": len(theirs)}
                row["people"] = len({one.person for one in theirs})
                estimates = summarize_agreement(table).estimates
                for name in SHOWN:
                    one = estimates[name]
                    row |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high, f"{name}_note": one.note}
                rows.append(row)
    return rows


def _by_item(table: list[dict[str, str]]) -> dict[str, list[Rating]]:
    found: dict[str, list[Rating]] = {}
    for row in table:
        if not row["item"].endswith(".confidence"):
            found.setdefault(row["item"], []).append(Rating(**row))
    return found
