from __future__ import annotations

import csv
import dataclasses
import io
import json

import pytest

from marrowmap.report import AnalysisResult
from marrowmap.report.rows import dump_json
from marrowmap.report.rows import findings_json
from marrowmap.report.rows import frames_json
from marrowmap.report.rows import measurements_csv
from marrowmap.report.rows import measurements_json

# Copied from the contract by hand: changing the code must not change this test.
MEASUREMENT = "date, joint, side, region, quantity, value, unit, low, high, modality, method, evidence"
FINDING = "date, joint, side, sign, state, certainty, smallest_detectable, modality, evidence, note"


def test_measurement_rows_have_the_contracts_columns(result: AnalysisResult) -> None:
    document = json.loads(measurements_json(result, {}))
    assert document["schema"] == "marrowmap/1"
    assert document["subject"] == {"id": "P-1", "sex": "M", "age_years": 45.2}
    assert len(document["rows"]) == len(result.measurements)
    assert all(", ".join(row) == MEASUREMENT for row in document["rows"])
    assert {row["side"] for row in document["rows"]} == {"left", "right"}


def test_csv_holds_the_same_rows(result: AnalysisResult) -> None:
    from_json = json.loads(measurements_json(result, {}))["rows"]
    from_csv = list(csv.DictReader(io.StringIO(measurements_csv(result, {}))))
    assert ", ".join(from_csv[0]) == MEASUREMENT
    for one, other in zip(from_json, from_csv, strict=True):
        assert float(other["value"]) == one["value"]
        assert (other["low"] == "") == (one["low"] is None)
        assert json.loads(other["evidence"]) == one["evidence"]
        assert other["quantity"] == one["quantity"]


def test_finding_rows_have_the_contracts_columns(result: AnalysisResult) -> None:
    rows = json.loads(findings_json(result, {}))["rows"]
    assert all(", ".join(row) == FINDING for row in rows)
    assert {row["state"] for row in rows} == {"present", "absent", "undetermined", "not_assessable"}
    assert all((row["certainty"] is None) == (row["state"] == "not_assessable") for row in rows)
    absent = next(row for row in rows if row["state"] == "absent")
    assert absent["smallest_detectable"] == {"value": 0.4, "unit": "mL"}


def test_frame_rows(result: AnalysisResult) -> None:
    rows = json.loads(frames_json(result))["rows"]
    assert {(row["side"], row["bone"]) for row in rows} == {
        (side, bone) for side in ("left", "right") for bone in ("femur", "hip_bone")
    }
    left = next(row for row in rows if row["side"] == "left")
    assert left["head_center_mm"][0] > 0  # LPS: the patient's left is +x
    assert left["head_radius_mm"] == 24.0
    assert set(left["axes"]) == {"neck", "superior", "anterior"}


def test_order_of_rows_does_not_hang_on_the_order_of_finding(result: AnalysisResult) -> None:
    turned = dataclasses.replace(
        result,
        measurements=result.measurements[::-1],
        findings=result.findings[::-1],
        frames=result.frames[::-1],
    )
    for write in (measurements_json, measurements_csv, findings_json):
        assert write(turned, {}) == write(result, {})
    assert frames_json(turned) == frames_json(result)


def test_mask_file_is_found_by_digest(result: AnalysisResult) -> None:
    digest = result.measurements[0].evidence.mask_sha256
    assert digest
    rows = json.loads(measurements_json(result, {digest: "masks/x.nii.gz"}))["rows"]
    assert "masks/x.nii.gz" in {row["evidence"]["mask_file"] for row in rows}


def test_no_nan_leaves() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        dump_json({"value": float("nan")})
