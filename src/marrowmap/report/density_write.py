"""Everything ``density`` leaves in its folder, all or nothing, in the form that ``analyze`` uses."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from marrowmap.measure.density_precision import SitePrecision
from marrowmap.measure.density_scores import Classification
from marrowmap.report.density_document import build_density_document
from marrowmap.report.density_result import DensityResult
from marrowmap.report.folder import SCHEMA
from marrowmap.report.folder import replacing_folder
from marrowmap.report.html import render_html
from marrowmap.report.manifest import hash_file
from marrowmap.report.manifest import read_versions
from marrowmap.report.pdf import render_pdf
from marrowmap.report.rows import MEASUREMENT_COLUMNS
from marrowmap.report.rows import Row
from marrowmap.report.rows import dump_json
from marrowmap.report.rows import finding_row
from marrowmap.report.rows import measurement_row
from marrowmap.report.rows import order_findings
from marrowmap.report.rows import order_measurements
from marrowmap.report.rows import subject_row
from marrowmap.values import Subject


def density_rows(result: DensityResult) -> dict[str, Any]:
    """Return the rows of all persons; with several, each row names its person."""
    several = len(result.persons) > 1
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "subject": subject_row(Subject() if several else result.persons[0].subject),
        "warnings": list(result.warnings),
        "notes": [
            *result.notes,
            *(f"{p.name}: {note}" if several else note for p in result.persons for note in p.reading.notes),
        ],
        "rows": [],
        "findings": [],
        "classification": [],
    }
    for person in result.persons:
        name = {"person": person.name} if several else {}
        ordered = order_measurements(person.reading.measurements)
        document["rows"] += [{**name, **measurement_row(row, {})} for row in ordered]
        document["findings"] += [{**name, **finding_row(row, {})} for row in order_findings(person.findings)]
        document["classification"] += [{**name, **_classification_row(one)} for one in person.classifications]
    return document


def _classification_row(one: Classification) -> Row:
    return {
        "date": one.date,
        "why": one.why,
        "reason": one.reason,
        "lowest": [
            {
                "score": kind,
                "value": value,
                "region": record.region,
                "side": record.side.value if record.side else None,
                "label": label,
            }
            for kind, value, record, label in one.labelled
        ],
    }


def _csv(rows: list[Row]) -> str:
    out = io.StringIO()
    columns = (("person",) if rows and "person" in rows[0] else ()) + MEASUREMENT_COLUMNS
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        evidence = json.dumps(row["evidence"], ensure_ascii=False, separators=(",", ":"))
        writer.writerow({**row, "evidence": evidence})
    return out.getvalue()


def write_density(result: DensityResult, studies: tuple[SitePrecision, ...], out: Path) -> dict[str, Any]:
    """Write report, rows and manifest.

    Returns
    -------
    dict
        The rows, as ``--json`` puts them out.

    Raises
    ------
    UsageError
        If the folder cannot be written or holds anything but an earlier result.
    """
    document = density_rows(result)
    head = {"schema": SCHEMA, "subject": document["subject"]}
    with replacing_folder(out) as folder:
        rows, findings = document["rows"], document["findings"]
        (folder / "measurements.json").write_text(dump_json({**head, "rows": rows}), encoding="utf-8")
        (folder / "measurements.csv").write_text(_csv(rows), encoding="utf-8")
        told = {**head, "rows": findings, "classification": document["classification"]}
        (folder / "findings.json").write_text(dump_json(told), encoding="utf-8")
        report = build_density_document(result, studies)
        (folder / "report.html").write_text(render_html(report), encoding="utf-8")
        (folder / "report.pdf").write_bytes(render_pdf(report))
        (folder / "manifest.json").write_text(_manifest(result, folder), encoding="utf-8")
    return document


def _manifest(result: DensityResult, folder: Path) -> str:
    outputs = sorted(path for path in folder.iterdir() if path.is_file() and path.name != "manifest.json")
    return dump_json(
        {
            "schema": SCHEMA,
            "notice": "Research use only. Not a medical device.",
            "versions": read_versions(),
            "options": dict(result.options),
            "inputs": [{"path": path.name, "sha256": hash_file(path)} for path in result.inputs],
            "outputs": [{"path": path.name, "sha256": hash_file(path)} for path in outputs],
            "warnings": list(result.warnings),
            "notes": list(result.notes),
        }
    )
