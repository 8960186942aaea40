"""Everything ``microarchitecture`` leaves in its folder, all or nothing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.report.folder import SCHEMA
from marrowmap.report.folder import replacing_folder
from marrowmap.report.html import render_html
from marrowmap.report.manifest import hash_file
from marrowmap.report.manifest import read_versions
from marrowmap.report.microarchitecture_document import build_microarchitecture_document
from marrowmap.report.microarchitecture_result import MicroResult
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.report.rows import MEASUREMENT_COLUMNS
from marrowmap.report.rows import Row
from marrowmap.report.rows import dump_json
from marrowmap.report.rows import finding_row
from marrowmap.report.rows import measurement_row
from marrowmap.report.rows import order_findings
from marrowmap.report.rows import order_measurements
from marrowmap.report.rows import subject_row


def microarchitecture_rows(result: MicroResult) -> dict[str, Any]:
    """Return everything in numbers and words, as ``--json`` puts it out."""
    comparison = result.comparison
    return {
        "schema": SCHEMA,
        "subject": subject_row(result.this.image.subject),
        "regime": result.this.measured.regime.value,
        "regime_reason": result.this.measured.reason,
        "notes": list(result.notes),
        "warnings": list(result.warnings),
        "rows": [measurement_row(row, {}) for row in order_measurements(result.measurements)],
        "refused": {side.words: dict(side.measured.refused) for side in result.sides if side.measured.refused},
        "findings": [finding_row(row, {}) for row in order_findings(result.findings)],
        "differences": [] if comparison is None else [_difference_row(one) for one in comparison.differences],
    }


def _difference_row(one: PairedDifference) -> Row:
    return {
        "quantity": one.quantity,
        "part": one.part,
        "this": _rounded(one.this),
        "other": _rounded(one.other),
        "percent": _rounded(one.percent),
        "low": _rounded(one.interval[0]) if one.interval else None,
        "high": _rounded(one.interval[1]) if one.interval else None,
        "error_percent": _rounded(one.repeat_limit),
        "well_sides_percent": _rounded(one.side_limit),
        "method": one.method,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.7g}") + 0.0


def _csv(rows: list[Row]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, MEASUREMENT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        evidence = json.dumps(row["evidence"], ensure_ascii=False, separators=(",", ":"))
        writer.writerow({**row, "evidence": evidence})
    return out.getvalue()


def _write_maps(side: MicroSide, prefix: str, folder: Path) -> None:
    """Write the region, and within it bone and local thickness or the map of the bone fraction."""
    (folder / "masks").mkdir(exist_ok=True)
    (folder / "maps").mkdir(exist_ok=True)
    write_nifti(side.region, folder / "masks" / f"{prefix}region.nii.gz")
    measured = side.measured
    inside = measured.region.array
    fraction = np.where(inside, np.nan_to_num(measured.fraction), 0).astype(np.float32)
    write_nifti(Volume(measured.region.grid, fraction, "1"), folder / "maps" / f"{prefix}bone_fraction.nii.gz")
    for name, local in measured.maps.items():
        if name in measured.values:
            shown = np.where(inside, local, 0).astype(np.float32)
            write_nifti(Volume(measured.region.grid, shown, "mm"), folder / "maps" / f"{prefix}{name}.nii.gz")


def write_microarchitecture(result: MicroResult, out: Path) -> dict[str, Any]:
    """Write rows, maps, report and manifest.

    Returns
    -------
    dict
        As ``--json`` puts it out.

    Raises
    ------
    UsageError
        If the folder cannot be written or holds anything but an earlier result.
    """
    document = microarchitecture_rows(result)
    head = {"schema": SCHEMA, "subject": document["subject"]}
    with replacing_folder(out) as folder:
        said = {"notes": document["notes"], "refused": document["refused"], "rows": document["rows"]}
        (folder / "measurements.json").write_text(dump_json({**head, **said}), encoding="utf-8")
        (folder / "measurements.csv").write_text(_csv(document["rows"]), encoding="utf-8")
        (folder / "findings.json").write_text(dump_json({**head, "rows": document["findings"]}), encoding="utf-8")
        _write_maps(result.this, "", folder)
        if result.other is not None:
            _write_maps(result.other, "other_", folder)
        if result.comparison is not None:
            write_nifti(result.comparison.map, folder / "maps" / "difference.nii.gz")
            write_nifti(result.comparison.map_region, folder / "masks" / "difference.nii.gz")
            rows = {
                "matched_by": result.comparison.match.how,
                "to_other": np.asarray(result.comparison.match.to_other.matrix).round(7).tolist(),
                "precision": list(result.comparison.precision.sources),
                "left_out": list(result.comparison.left_out),
                "rows": document["differences"],
            }
            (folder / "differences.json").write_text(dump_json({**head, **rows}), encoding="utf-8")
        report = build_microarchitecture_document(result)
        (folder / "report.html").write_text(render_html(report), encoding="utf-8")
        (folder / "manifest.json").write_text(_manifest(result, folder), encoding="utf-8")
    return document


def _manifest(result: MicroResult, folder: Path) -> str:
    outputs = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    inputs = [path for side in result.sides for path in (*side.image.files, side.region_file)] + list(result.more_files)
    return dump_json(
        {
            "schema": SCHEMA,
            "notice": "Research use only. Not a medical device.",
            "versions": read_versions(),
            "options": dict(result.options),
            "inputs": [
                {"path": path.name, "sha256": hash_file(path)} for path in dict.fromkeys(inputs) if path.is_file()
            ],
            "outputs": [{"path": path.relative_to(folder).as_posix(), "sha256": hash_file(path)} for path in outputs],
            "seconds": {name: round(value, 3) for name, value in result.seconds.items()},
            "warnings": list(result.warnings),
            "notes": list(result.notes),
        }
    )
