"""Measurements, findings and frames as rows: the contract's columns, in an order that never changes."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.report.differential_rows import differential_document
from marrowmap.report.differential_rows import differential_rows
from marrowmap.report.folder import SCHEMA
from marrowmap.report.result import AnalysisResult
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Subject

MEASUREMENT_COLUMNS = (
    "date",
    "joint",
    "side",
    "region",
    "quantity",
    "value",
    "unit",
    "low",
    "high",
    "modality",
    "method",
    "evidence",
)
FINDING_COLUMNS = (
    "date",
    "joint",
    "side",
    "sign",
    "state",
    "certainty",
    "smallest_detectable",
    "modality",
    "evidence",
    "note",
)

Row = dict[str, Any]


@dataclass(frozen=True)
class Rows:
    """All rows of one exam in the order they are written: what every structured output holds, and nothing else."""

    measurements: list[Row]
    findings: list[Row]
    differential: list[Row]


def _round(value: float | None) -> float | None:
    """Seven significant digits: more than any image gives, and the same on every machine."""
    return None if value is None else float(f"{float(value):.7g}")


def _evidence_row(evidence: Evidence | None, mask_files: Mapping[str, str]) -> Row | None:
    if evidence is None:
        return None
    return {
        "series_uid": evidence.series_uid,
        "instance_uids": list(evidence.instance_uids),
        "frames": [int(frame) for frame in evidence.frames],
        "mask_sha256": evidence.mask_sha256,
        "mask_file": evidence.mask_file or mask_files.get(evidence.mask_sha256 or ""),
    }


def measurement_row(measurement: Measurement, mask_files: Mapping[str, str]) -> Row:
    """Return one measurement under :data:`MEASUREMENT_COLUMNS`; `mask_files` maps a mask's digest to its file."""
    quantity = measurement.quantity
    return {
        "date": measurement.date,
        "joint": measurement.joint.value if measurement.joint else None,
        "side": measurement.side.value if measurement.side else None,
        "region": measurement.region,
        "quantity": measurement.name,
        "value": _round(quantity.value),
        "unit": quantity.unit,
        "low": _round(quantity.low),
        "high": _round(quantity.high),
        "modality": measurement.modality,
        "method": measurement.method,
        "evidence": _evidence_row(measurement.evidence, mask_files),
    }


def _quantity_row(quantity: Quantity | None) -> Row | None:
    return None if quantity is None else {"value": _round(quantity.value), "unit": quantity.unit}


def finding_row(finding: Finding, mask_files: Mapping[str, str]) -> Row:
    """Return one finding under :data:`FINDING_COLUMNS`; the smallest detectable extent keeps its unit."""
    return {
        "date": finding.date,
        "joint": finding.joint.value,
        "side": finding.side.value,
        "sign": finding.sign,
        "state": finding.state.value,
        "certainty": _round(finding.certainty),
        "smallest_detectable": _quantity_row(finding.smallest_detectable),
        "modality": finding.modality,
        "evidence": _evidence_row(finding.evidence, mask_files),
        "note": finding.note,
    }


def frame_row(frame: BoneFrame) -> Row:
    """Return one bone frame, LPS mm of its frame of reference; axes as three named unit vectors."""
    return {
        "bone": frame.bone,
        "joint": frame.joint.value,
        "side": frame.side.value,
        "series": frame.series_uid,
        "frame_of_reference_uid": frame.frame_of_reference_uid,
        "head_center_mm": [_round(x) for x in frame.head_center_mm],
        "head_radius_mm": _round(frame.head_radius_mm),
        "axes": {
            name: [_round(x) for x in frame.axes[:, column]]
            for column, name in enumerate(("neck", "superior", "anterior"))
        },
        "landmarks_mm": {name: [_round(x) for x in point] for name, point in sorted(frame.landmarks.items())},
        # Infinite where too few edges are clear to tell; JSON has no such number.
        "fit_rms_mm": _round(frame.fit_rms_mm) if math.isfinite(frame.fit_rms_mm) else None,
        "region_rms_mm": {name: _round(value) for name, value in sorted(frame.region_rms_mm.items())},
        "trusted": bool(frame.trusted),
        "reason": frame.reason,
    }


def order_measurements(measurements: tuple[Measurement, ...]) -> list[Measurement]:
    """Sort by date, joint, side, region and quantity, the latter two as in their tables."""
    regions, quantities = list(REGIONS), list(QUANTITIES)
    return sorted(
        measurements,
        key=lambda m: (
            m.date,
            m.joint.value if m.joint else "",
            m.side.value if m.side else "",
            regions.index(m.region),
            quantities.index(m.name),
            m.modality,
            m.evidence.series_uid,
            m.method,
        ),
    )


def order_findings(findings: tuple[Finding, ...]) -> list[Finding]:
    """Sort by date, joint, side and sign, the latter as in its table."""
    signs = list(SIGNS)
    return sorted(findings, key=lambda f: (f.date, f.joint.value, f.side.value, signs.index(f.sign), f.modality))


def order_frames(frames: tuple[BoneFrame, ...]) -> list[BoneFrame]:
    """Sort by joint, side, bone and series."""
    return sorted(frames, key=lambda f: (f.joint.value, f.side.value, f.bone, f.series_uid))


def subject_row(subject: Subject) -> Row:
    """Return who it is as far as anyone needs to know: no name, no birth date."""
    return {"id": subject.person_id, "sex": subject.sex, "age_years": _round(subject.age_years)}


def dump_json(document: Any) -> str:
    """Write JSON that any reader takes: UTF-8, no NaN, one line feed at the end.

    Raises
    ------
    ValueError
        If a number is not finite.
    """
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _document(result: AnalysisResult, rows: list[Row]) -> str:
    return dump_json({"schema": SCHEMA, "subject": subject_row(result.exam.subject), "rows": rows})


def collect_rows(result: AnalysisResult, mask_files: Mapping[str, str]) -> Rows:
    """Return the rows of measurements, findings and differentials; `mask_files` maps a mask's digest to its file."""
    return Rows(
        [measurement_row(m, mask_files) for m in order_measurements(result.measurements)],
        [finding_row(f, mask_files) for f in order_findings(result.findings)],
        [row for one in result.differentials for row in differential_rows(one)],
    )


def measurements_json(result: AnalysisResult, mask_files: Mapping[str, str]) -> str:
    """Return the text of ``measurements.json``."""
    return _document(result, collect_rows(result, mask_files).measurements)


def measurements_csv(result: AnalysisResult, mask_files: Mapping[str, str]) -> str:
    """Return the text of ``measurements.csv``: the same rows, evidence as JSON in its cell, nothing for null."""
    out = io.StringIO()
    writer = csv.DictWriter(out, MEASUREMENT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in collect_rows(result, mask_files).measurements:
        evidence = json.dumps(row["evidence"], ensure_ascii=False, separators=(",", ":"))
        writer.writerow({**row, "evidence": evidence})
    return out.getvalue()


def read_measurements_csv(text: str) -> list[Row]:
    """Return the rows that :func:`measurements_csv` wrote.

    Raises
    ------
    InputError
        If the columns are others, or a cell is no number or no evidence.
    """
    reader = csv.DictReader(io.StringIO(text))
    if tuple(reader.fieldnames or ()) != MEASUREMENT_COLUMNS:
        raise InputError(f"measurements.csv: columns are not {', '.join(MEASUREMENT_COLUMNS)}: was it written by us?")
    rows: list[Row] = []
    for number, cells in enumerate(reader, start=2):
        try:
            rows.append(
                {
                    **cells,
                    **{name: cells[name] or None for name in ("joint", "side")},
                    "value": float(cells["value"]),
                    **{name: float(cells[name]) if cells[name] else None for name in ("low", "high")},
                    "evidence": json.loads(cells["evidence"]),
                }
            )
        except (TypeError, ValueError) as error:
            raise InputError(f"measurements.csv line {number}: {error}: write it again or correct the cell") from error
    return rows


def findings_json(result: AnalysisResult, mask_files: Mapping[str, str]) -> str:
    """Return the text of ``findings.json``."""
    return _document(result, collect_rows(result, mask_files).findings)


def differential_json(result: AnalysisResult) -> str:
    """Return the text of ``differential.json``: rows, and for each joint the reasons."""
    head = {"schema": SCHEMA, "subject": subject_row(result.exam.subject)}
    return dump_json({**head, **differential_document(result.differentials)})


def frames_json(result: AnalysisResult) -> str:
    """Return the text of ``frames.json``."""
    return _document(result, [frame_row(f) for f in order_frames(result.frames)])
