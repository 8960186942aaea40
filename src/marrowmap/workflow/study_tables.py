"""A study's answers as tables for statistics: ratings, scores against the truth, every version with its trail."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marrowmap.ingest.csv_text import guard_cell
from marrowmap.ingest.reads_csv import BLOCK_COLUMN
from marrowmap.ingest.reads_csv import RATING_COLUMNS
from marrowmap.readers.adjudication import consensus
from marrowmap.readers.forms import Item
from marrowmap.readers.forms import NumberItem
from marrowmap.readers.forms import TextItem
from marrowmap.readers.forms import exact_rows
from marrowmap.readers.forms import rating_rows
from marrowmap.readers.order import Read
from marrowmap.readers.protocol import Session
from marrowmap.readers.storage import Store
from marrowmap.readers.storage_rows import Answer
from marrowmap.readers.truth import is_positive
from marrowmap.readers.truth import item_label
from marrowmap.readers.truth import truth_of
from marrowmap.report.folder import SCHEMA
from marrowmap.workflow.study import Study
from marrowmap.workflow.study import new_folder

CONSENSUS_COLUMNS = ("case", "person", "session", "modalities", "item", "value", "how", "trail")
ANSWER_COLUMNS = (
    "case",
    "person",
    "reader",
    "session",
    "modalities",
    "code",
    "version",
    "latest",
    "at",
    "clock",
    "seconds",
    "origin",
    "item",
    "value",
)
EVENT_COLUMNS = ("at", "kind", "who", "detail")


def session_label(store: Store, session: str) -> str:
    """Return a session's name with its number in front: tables sort by it, and its order is that of reading."""
    number = [one.id for one in store.protocol.sessions].index(session) + 1
    return f"{number:02d}-{session}"


def _form_session(store: Store, read: Read) -> Session:
    session = store.protocol.session(read.session)
    return store.protocol.session(session.of) if session.of else session


def asked_in(store: Store, answer: Answer) -> tuple[Item, ...]:
    """Return the items a form asks in the read of an answer."""
    form = store.forms[_form_session(store, answer.read).form]
    return form.items_for(answer.read.modalities)


def _of_readers(store: Store) -> Iterable[Answer]:
    """Yield the latest answers of reading sessions: training and adjudication are no independent reads."""
    return (a for a in store.answers() if a.latest and store.protocol.session(a.read.session).kind == "reading")


def first_answers(store: Store) -> list[Answer]:
    """Return each reader's, and each program's, first read of each case in each set of modalities: no repeats."""
    order = {session.id: number for number, session in enumerate(store.protocol.sessions)}
    found: dict[tuple[str, str, tuple[str, ...]], Answer] = {}
    for answer in sorted(_of_readers(store), key=lambda a: order[a.read.session]):
        found.setdefault((answer.read.reader, answer.read.case, answer.read.modalities), answer)
    return list(found.values())


def people_answers(store: Store) -> list[Answer]:
    """Return the latest answers of people in reading sessions."""
    return [a for a in _of_readers(store) if a.read.reader not in store.protocol.software]


def rating_table(store: Store) -> list[dict[str, str]]:
    """Return one row for each answer of a person, as ``marrowmap study agreement`` reads them; no words."""
    return _ratings(store, people_answers(store))


def software_table(store: Store) -> list[dict[str, str]]:
    """Return the same of programs, apart: they are not one of the people whose agreement is asked for."""
    return _ratings(store, [a for a in _of_readers(store) if a.read.reader in store.protocol.software])


def _ratings(store: Store, answers: Iterable[Answer]) -> list[dict[str, str]]:
    rows = []
    for answer in answers:
        items = [item for item in asked_in(store, answer) if not isinstance(item, TextItem)]
        for name, value in rating_rows(items, answer.values):
            rows.append(
                {
                    "case": answer.read.case,
                    "person": store.protocol.case(answer.read.case).person,
                    "reader": answer.read.reader,
                    "session": session_label(store, answer.read.session),
                    "item": item_label(answer.read.modalities, name),
                    "value": value,
                }
            )
    return sorted(rows, key=lambda row: [row[name] for name in ("item", "session", "case", "reader")])


def read_table(store: Store) -> list[dict[str, str]]:
    """Return everything that was answered in reading sessions, as ``marrowmap study import`` takes it without loss."""
    return [
        {
            "case": answer.read.case,
            "person": store.protocol.case(answer.read.case).person,
            "reader": answer.read.reader,
            "session": session_label(store, answer.read.session),
            "item": item_label(answer.read.modalities, name),
            "value": value,
        }
        for answer in _of_readers(store)
        for name, value in exact_rows(asked_in(store, answer), answer.values)
    ]


def score_table(store: Store) -> list[dict[str, str]]:
    """Return numbers against the truth, as ``marrowmap study mrmc`` reads them, from first reads.

    A number item counts where ``cases.truth`` has a value for it: `is_positive` says which cases are positive.
    """
    split = store.protocol.design == "split_plot"
    rows = []
    for answer in first_answers(store):
        if answer.read.reader in store.protocol.software:
            continue
        case = store.protocol.case(answer.read.case)
        for item in asked_in(store, answer):
            truth = truth_of(case, answer.read.modalities, item.name)
            if isinstance(item, NumberItem) and truth is not None and item.name in answer.values:
                rows.append(
                    {
                        "case": case.id,
                        "person": case.person,
                        "truth": str(int(is_positive(truth))),
                        "reader": answer.read.reader,
                        "modality": "+".join(answer.read.modalities),
                        "score": f"{answer.values[item.name]:.10g}",
                    }
                    | ({BLOCK_COLUMN: case.block} if split else {})
                )
    return sorted(rows, key=lambda row: [row[name] for name in ("modality", "reader", "case")])


def answer_table(store: Store) -> list[dict[str, str]]:
    """Return every version of every answer to every item."""
    rows = []
    for answer in store.answers():
        said = dict(rating_rows(asked_in(store, answer), answer.values))
        for name, value in said.items():
            rows.append(
                {
                    "case": answer.read.case,
                    "person": store.protocol.case(answer.read.case).person,
                    "reader": answer.read.reader,
                    "session": session_label(store, answer.read.session),
                    "modalities": "+".join(answer.read.modalities),
                    "code": answer.code,
                    "version": str(answer.version),
                    "latest": "yes" if answer.latest else "no",
                    "at": answer.at,
                    "clock": answer.clock,
                    "seconds": str(answer.seconds),
                    "origin": answer.origin,
                    "item": name,
                    "value": value,
                }
            )
    return rows


def answers_document(store: Store) -> dict[str, Any]:
    """Return all versions of all answers as they were given: outlines, cells and words too."""
    return {
        "schema": SCHEMA,
        "study": store.protocol.name,
        "protocol_digest": store.digest,
        "locked": store.locked,
        "answers": [
            {
                "case": answer.read.case,
                "person": store.protocol.case(answer.read.case).person,
                "reader": answer.read.reader,
                "session": answer.read.session,
                "modalities": list(answer.read.modalities),
                "version": answer.version,
                "latest": answer.latest,
                "at": answer.at,
                "seconds": answer.seconds,
                "origin": answer.origin,
                "values": answer.values,
            }
            for answer in store.answers()
        ],
    }


def to_csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as CSV; words that a spreadsheet would run get an apostrophe, which our import takes away."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: guard_cell(cell) if isinstance(cell, str) else cell for name, cell in row.items()} for row in rows
    )
    return out.getvalue()


def export_tables(study: Study) -> dict[str, str]:
    """Return all tables by file name."""
    store = study.store
    tables = {
        "ratings.csv": to_csv(RATING_COLUMNS, rating_table(store)),
        "reads.csv": to_csv(RATING_COLUMNS, read_table(store)),
        "answers.csv": to_csv(ANSWER_COLUMNS, answer_table(store)),
        "answers.json": json.dumps(answers_document(store), indent=1) + "\n",
        "events.csv": to_csv(EVENT_COLUMNS, store.events()),
    }
    software = software_table(store)
    if software:
        tables["software.csv"] = to_csv(RATING_COLUMNS, software)
    scores = score_table(store)
    if scores:
        tables["scores.csv"] = to_csv(tuple(scores[0]), scores)
    if any(session.kind == "adjudication" for session in store.protocol.sessions):
        tables["consensus.csv"] = to_csv(CONSENSUS_COLUMNS, consensus(store))
    return tables


def write_export(study: Study, out: Path) -> list[str]:
    """Write all tables into a new or empty folder; returns their names.

    Raises
    ------
    UsageError
        If the folder holds something already or cannot be written.
    """
    tables = export_tables(study)
    with new_folder(out) as folder:
        folder.chmod(0o755)  # unlike a study, tables hold no secret
        for name, text in tables.items():
            (folder / name).write_text(text, encoding="utf-8")
    return sorted(tables)
