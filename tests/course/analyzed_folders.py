"""Folders as ``analyze`` and ``density`` leave them, written by hand: rows in the contract's form, no image behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

EDEMA = (
    "marrowmap edema 2: quadratic shading taken out; reference {level} SD 53.4 (the same region of the other hip, 1.27 "
    "times the darkest candidate); k={k} SD; local level within 1.2; closing 1.2 mm; T1 used as it is: same grid as "
    "the fluid-sensitive image"
)
DXA = "as reported; {machine}"
SMALLEST_ML = 0.19


def measurement(
    date: str,
    side: str,
    quantity: str,
    value: float,
    unit: str,
    *,
    half: float | None = None,
    region: str = "proximal_femur",
    joint: str = "hip",
    modality: str = "MR",
    method: str = EDEMA.format(level=180.4, k=3),
    series: str = "",
) -> dict[str, Any]:
    """One measurement row; `half` is half its 95 % interval."""
    return {
        "date": date,
        "joint": joint,
        "side": side,
        "region": region,
        "quantity": quantity,
        "value": value,
        "unit": unit,
        "low": None if half is None else value - half,
        "high": None if half is None else value + half,
        "modality": modality,
        "method": method,
        "evidence": {"series_uid": series, "instance_uids": [], "frames": [], "mask_sha256": None, "mask_file": None},
    }


def finding(date: str, side: str, sign: str, state: str, *, joint: str = "hip", modality: str = "MR") -> dict[str, Any]:
    """One finding row."""
    seen = state in ("present", "absent")
    return {
        "date": date,
        "joint": joint,
        "side": side,
        "sign": sign,
        "state": state,
        "certainty": None if state == "not_assessable" else 0.95 if seen else 0.5,
        "smallest_detectable": {"value": SMALLEST_ML, "unit": "mL"} if seen else None,
        "modality": modality,
        "evidence": None,
        "note": "written by hand",
    }


def edema(
    date: str, side: str, volume: float, *, joint: str = "hip", relative: float = 0.06, k: int = 3, level: float = 180.4
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows and findings of one joint with so much edema; `relative` is half its interval over the value."""
    region = {"hip": "proximal_femur", "knee": "distal_femur", "ankle": "talus"}[joint]
    volume = 0.0 if volume < SMALLEST_ML else volume
    row = measurement(
        date,
        side,
        "edema_volume",
        volume,
        "mL",
        half=relative * volume,
        region=region,
        joint=joint,
        method=EDEMA.format(level=level, k=k),
        series=f"1.2.{date.replace('-', '')}.{len(joint)}",
    )
    state = "present" if volume > 5 else "absent" if volume <= 1 else "undetermined"
    return [row], [finding(date, side, "diffuse_edema", state, joint=joint)]


def bmd(
    date: str, side: str, value: float, *, lsc: float | None = 0.05, machine: str = "A", region: str = "femoral_neck"
) -> list[dict[str, Any]]:
    """Rows of one BMD record with its least significant change."""
    how = {"region": region, "modality": "DXA", "method": DXA.format(machine=machine), "series": "records.csv"}
    rows = [measurement(date, side, "bmd", value, "g/cm2", **how)]
    if lsc is not None:
        rows.append(measurement(date, side, "least_significant_change", lsc, "g/cm2", **how))
    return rows


def write_folder(
    folder: Path,
    rows: Sequence[Mapping[str, Any]],
    findings: Sequence[Mapping[str, Any]] = (),
    *,
    frames: Sequence[Mapping[str, Any]] = (),
    person: str = "P1",
    sex: str = "M",
    age: float | None = 45.0,
    birth_date: str | None = None,
) -> Path:
    """Write one analyzed exam."""
    folder.mkdir(parents=True)
    subject: dict[str, Any] = {"id": person, "sex": sex, "age_years": age}
    if birth_date is not None:
        subject["birth_date"] = birth_date
    for name, content in (("measurements", rows), ("findings", findings), ("frames", frames)):
        document = {"schema": "marrowmap/1", "subject": subject, "rows": list(content)}
        (folder / f"{name}.json").write_text(json.dumps(document), encoding="utf-8")
    return folder


def write_hip_exam(folder: Path, date: str, left: float, right: float = 0.0, **person: Any) -> Path:
    """Write an MRI of both hips with so much edema, mL."""
    rows, findings = [], []
    for side, volume in (("left", left), ("right", right)):
        more_rows, more_findings = edema(date, side, volume)
        rows += more_rows
        findings += more_findings
    return write_folder(folder, rows, findings, **person)
