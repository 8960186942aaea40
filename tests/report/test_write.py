from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pydicom
import pytest

from marrowmap.errors import ConformanceError
from marrowmap.errors import UsageError
from marrowmap.report import AnalysisResult
from marrowmap.report import sr as sr_module
from marrowmap.report import write as write_module
from marrowmap.report import write_report
from marrowmap.report.fhir_rows import rows_of_bundle
from marrowmap.report.rows import Rows
from marrowmap.report.rows import read_measurements_csv
from marrowmap.report.sr_rows import rows_of_sr


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def out(result: AnalysisResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(result, tmp_path_factory.mktemp("report") / "out")


def test_everything_the_contract_lists(out: Path) -> None:
    names = set(files_of(out))
    assert {
        "report.html",
        "report.pdf",
        "measurements.json",
        "measurements.csv",
        "findings.json",
        "differential.json",
        "frames.json",
        "manifest.json",
        "dicom/02-fluid_seg.dcm",
        "dicom/02-fluid_edema.dcm",
        "dicom/report_sr.dcm",
        "fhir/bundle.json",
    } <= names
    assert sum(name.startswith("masks/") for name in names) == 14


def test_manifest(result: AnalysisResult, out: Path) -> None:
    text = (out / "manifest.json").read_text()
    manifest = json.loads(text)
    contents = files_of(out)
    listed = {entry["path"]: entry["sha256"] for entry in manifest["outputs"]}
    assert set(listed) == set(contents) - {"manifest.json"}
    assert all(hashlib.sha256(contents[path]).hexdigest() == digest for path, digest in listed.items())
    inputs = {entry["path"] for entry in manifest["inputs"]}
    assert "stir/IM0001" in inputs
    assert len(inputs) == sum(len(series.files) for series in result.exam.series)
    assert manifest["options"] == {"k": 4.0, "bone": None}
    assert manifest["seconds"]["ingest"] == 1.25
    assert manifest["peak_memory_mib"] > 10
    assert str(result.sources[0]) not in text
    assert "Secret" not in text
    assert "1980" not in text


def test_evidence_names_a_file_that_is_there(out: Path) -> None:
    rows = json.loads((out / "measurements.json").read_text())["rows"]
    files = {row["evidence"]["mask_file"] for row in rows}
    assert any(name and name.endswith("hip_left_edema-closed.nii.gz") for name in files)
    assert all(name is None or (out / name).is_file() for name in files)


def test_second_run_gives_the_same_bytes(result: AnalysisResult, out: Path, tmp_path: Path) -> None:
    first, second = files_of(out), files_of(write_report(result, tmp_path / "again"))
    assert set(first) == set(second)
    assert {name for name in first if first[name] != second[name]} <= {"manifest.json"}


def test_an_earlier_result_is_replaced(result: AnalysisResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[float] = []
    write_report(result, out)
    write_report(result, out, lambda _step, share: told.append(share))
    assert (out / "report.html").is_file()
    assert told == sorted(told)
    assert told[-1] == 1.0


def test_anything_else_is_refused(result: AnalysisResult, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError):
        write_report(result, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_failure_leaves_nothing(result: AnalysisResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_document: object) -> bytes:
        raise ConformanceError("report.pdf could not be set")

    monkeypatch.setattr(write_module, "render_pdf", fail)
    with pytest.raises(ConformanceError):
        write_report(result, tmp_path / "a" / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_says_how_each_series_was_made(result: AnalysisResult, out: Path) -> None:
    rows = json.loads((out / "manifest.json").read_text())["series"]
    assert [row["series"] for row in rows] == [series.uid for series in result.exam.series]
    for row, series in zip(rows, result.exam.series, strict=True):
        assert (row["scanner"], row["sequence"]) == (series.scanner, series.sequence.value)
        assert row["voxel_mm"] == pytest.approx(series.volume.grid.spacing, abs=1e-4)


def test_every_output_holds_the_same_rows(out: Path) -> None:
    """SR, FHIR, CSV and JSON: what is read back from one is what the others say."""
    documents = {name: json.loads((out / f"{name}.json").read_text())["rows"] for name in ("measurements", "findings")}
    report = rows_of_sr(pydicom.dcmread(out / "dicom" / "report_sr.dcm"))
    bundle = rows_of_bundle(json.loads((out / "fhir" / "bundle.json").read_text()))
    assert report == bundle
    assert report.measurements == documents["measurements"]
    assert report.measurements == read_measurements_csv((out / "measurements.csv").read_text())
    assert report.findings == documents["findings"]
    assert any(row["evidence"]["mask_file"] for row in report.measurements)


def test_an_output_that_does_not_read_back_leaves_nothing(
    result: AnalysisResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_a_row(report: object) -> Rows:
        rows = rows_of_sr(report)
        return Rows(rows.measurements[:-1], rows.findings, rows.differential)

    monkeypatch.setattr(sr_module, "rows_of_sr", lose_a_row)
    with pytest.raises(ConformanceError, match="measurements row") as caught:
        write_report(result, tmp_path / "out")
    assert caught.value.exit_code == 6
    assert list(tmp_path.iterdir()) == []
