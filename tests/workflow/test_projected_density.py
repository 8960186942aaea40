from __future__ import annotations

import json
import shutil

import pydicom
import pytest

from marrowmap.report import write_report
from marrowmap.values import Side
from marrowmap.workflow.analyze import analyze
from tests.phantom.densitometry import write_small_dxa


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    return write_small_dxa(tmp_path_factory.mktemp("dxa"))


@pytest.fixture(scope="module")
def result(done):
    return analyze([done.folder])


def test_maps_alone_are_an_exam(result):
    names = {(row.side, row.region, row.name) for row in result.measurements}
    for side in Side:
        for quantity in ("bmd", "bmc", "area", "bmd_side_difference"):
            assert (side, "total_hip", quantity) in names
    assert len(result.areal) == 2
    assert result.warnings == ()


def test_report_has_rows_and_picture(result, tmp_path):
    folder = write_report(result, tmp_path / "out")
    rows = json.loads((folder / "measurements.json").read_text())["rows"]
    assert {row["modality"] for row in rows} == {"DXA"}
    page = (folder / "report.html").read_text()
    assert "Bone density of the hips" in page
    assert "No T-score is computed" in page
    assert page.count("data:image/webp") == 1
    inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
    assert len(inputs) == 2


def test_a_second_map_of_a_hip_is_told_of(done, tmp_path):
    shutil.copytree(done.folder, tmp_path / "twice")
    copy = tmp_path / "twice" / "again.dcm"
    shutil.copy(tmp_path / "twice" / "left.dcm", copy)
    data = pydicom.dcmread(copy)
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = "2.25.77"
    data.save_as(copy)
    found = analyze([tmp_path / "twice"])
    assert len(found.areal) == 2
    assert any("second density map of the left hip" in line for line in found.warnings)
