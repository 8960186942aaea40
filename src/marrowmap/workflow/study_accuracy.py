"""Reads against the truth a protocol holds: cross tables by sign and reader."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from marrowmap.readers.forms import StateItem
from marrowmap.readers.storage import Store
from marrowmap.readers.truth import cross_table
from marrowmap.readers.truth import is_positive
from marrowmap.readers.truth import item_label
from marrowmap.readers.truth import truth_of
from marrowmap.workflow.study_tables import asked_in
from marrowmap.workflow.study_tables import first_answers


def accuracy_rows(store: Store) -> list[dict[str, Any]]:
    """Return a row for each sign and reader whose cases have a truth, from first reads.

    Returns
    -------
    list of dict
        ``item, reader, role, cases, people, true_positive, false_negative, false_positive, true_negative, undecided``,
        ``sensitivity`` and ``specificity``, each with ``_low``, ``_high`` and ``_note``.
    """
    reads: dict[tuple[str, str], list[tuple[str, bool, str]]] = {}
    for answer in first_answers(store):
        case = store.protocol.case(answer.read.case)
        for item in asked_in(store, answer):
            truth = truth_of(case, answer.read.modalities, item.name)
            if isinstance(item, StateItem) and isinstance(truth, str) and item.name in answer.values:
                key = (item_label(answer.read.modalities, item.name), answer.read.reader)
                reads.setdefault(key, []).append((answer.values[item.name]["state"], is_positive(truth), case.person))
    rows = []
    for (item_name, reader), found in sorted(reads.items()):
        states, truths, people = zip(*found, strict=True)
        table = asdict(cross_table(states, truths, people, seed=store.protocol.seed))
        role = "software" if reader in store.protocol.software else "reader"
        row: dict[str, Any] = {
            "item": item_name,
            "reader": reader,
            "role": role,
            "cases": len(found),
            "people": len(set(people)),
        }
        for name, value in table.items():
            if isinstance(value, dict):
                row[name] = value["value"]
                row |= {f"{name}_{part}": value[part] for part in ("low", "high", "note")}
            else:
                row[name] = value
        rows.append(row)
    return rows
