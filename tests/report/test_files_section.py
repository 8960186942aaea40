from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.report import AnalysisResult
from marrowmap.report import write_report
from marrowmap.report.files_section import files_section

from .conftest import make_result
from .structured import with_differential


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("files")
    result: AnalysisResult = with_differential(make_result(made / "exam"))
    return write_report(result, made / "out")


def test_the_page_names_every_file_beside_it(folder: Path):
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    masks = {path for path in left if path.endswith(".nii.gz")}
    (table,) = files_section([*masks, *(path for path in left if path.startswith("dicom/"))]).tables
    named = [row[0] for row in table.rows]
    assert set(named) == (left - masks - {"report.html"}) | {f"masks/*.nii.gz ({len(masks)})"}
    assert all(row[1] for row in table.rows)
    page = (folder / "report.html").read_text(encoding="utf-8")
    for name in named:
        assert f"<td>{name}</td>" in page
    kinds = {row[0]: row[1] for row in table.rows}
    assert kinds["dicom/report_sr.dcm"].startswith("DICOM Structured Report")
    assert kinds["dicom/02-fluid_edema.dcm"].startswith("DICOM Parametric Map")
    assert kinds["dicom/02-fluid_seg.dcm"].startswith("DICOM Segmentation")


def test_without_masks_and_objects_only_tables_are_named():
    (table,) = files_section(()).tables
    assert not any(row[0].startswith(("masks", "dicom")) for row in table.rows)
