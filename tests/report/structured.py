"""Rows of every kind the outputs must carry, and an exam's own with its differential."""

from __future__ import annotations

import dataclasses

from marrowmap.reasoning.differential import differentials
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import Row
from marrowmap.report.rows import Rows
from marrowmap.terms.coding import MODALITIES
from marrowmap.terms.coding import STATES
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.regions import REGIONS
from marrowmap.terms.signs import SIGNS

from .heads import add_heads

# Seven digits as rows are rounded to, at both ends of what a decimal string holds.
VALUES = (0.0, -3.25, 1.234567e-05, -1.234567e-12, 1234567.0, 9.876543e20, 0.1)


def with_differential(result: AnalysisResult) -> AnalysisResult:
    """The exam with sick heads and what its findings support."""
    sick = add_heads(result)
    found = differentials(sick.findings, subject=sick.exam.subject, measurements=sick.measurements)
    return dataclasses.replace(sick, differentials=found)


def _evidence(series: str, instances: tuple[str, ...], frames: tuple[int, ...] = (), mask: str = "") -> Row:
    return {
        "series_uid": series,
        "instance_uids": list(instances),
        "frames": list(frames),
        "mask_sha256": mask or None,
        "mask_file": f"masks/{mask}.nii.gz" if mask else None,
    }


def every_row(series: str, instances: tuple[str, ...]) -> Rows:
    """Each quantity, region, sign, state, modality and entity; known and unknown places, dates and pixels."""
    evidences = (
        _evidence(series, instances),
        _evidence(series, instances[:2], (0, 7), "ab" * 32),
        _evidence("records.csv", ("records.csv line 3", "records.csv line 5")),
        _evidence("STIR.nii.gz", ()),
    )
    places = (("hip", "left"), ("hip", "right"), ("knee", "left"), ("ankle", "right"), (None, None))
    regions, modalities = list(REGIONS), [*MODALITIES, "RF", ""]
    measurements = []
    for n, (name, definition) in enumerate(QUANTITIES.items()):
        value, (joint, side) = VALUES[n % len(VALUES)], places[n % len(places)]
        measurements.append(
            {
                "date": "" if n == 2 else "2025-03-01",
                "joint": joint,
                "side": side,
                "region": regions[n % len(regions)],
                "quantity": name,
                "value": value,
                "unit": definition.unit,
                "low": value - 1 if n % 3 == 0 else None,
                "high": value + 2.5 if n % 3 == 0 else None,
                "modality": modalities[n % len(modalities)],
                "method": "" if n == 3 else 'edema/1 k=4, "≥ 2 voxels" ± ½; näher',
                "evidence": evidences[n % len(evidences)],
            }
        )
    findings: list[Row] = []
    for n, name in enumerate(SIGNS):
        state, (joint, side) = list(STATES)[n % len(STATES)], places[n % 4]
        unknown = state == "not_assessable"
        findings.append(
            {
                "date": "2025-03-01",
                "joint": joint,
                "side": side,
                "sign": name,
                "state": state,
                "certainty": None if unknown else 0.9712345,
                "smallest_detectable": {"value": 0.4, "unit": "mL"} if state == "absent" else None,
                "modality": modalities[n % len(modalities)],
                "evidence": None if unknown and n < 8 else evidences[n % len(evidences)],
                "note": "why, in one sentence" if unknown else "",
            }
        )
    differential: list[Row] = [
        {
            "date": "2025-03-01",
            "joint": joint,
            "side": side,
            "entity": entity,
            "probability": round(0.1 + 0.01 * n, 4),
            "low": 0.0123,
            "high": 0.9,
            "supports": ["diffuse_edema", "setting: pregnancy"][: n % 3],
            "against": ["crescent"][: n % 2],
            "missing": ["cold_area"],
        }
        for joint, side in places[:2]
        for n, entity in enumerate(ENTITIES)
    ]
    return Rows(measurements, findings, differential)
