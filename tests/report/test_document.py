from __future__ import annotations

import pytest

from marrowmap.report import AnalysisResult
from marrowmap.report.document import build_document
from marrowmap.report.document import number_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00049, "0.0005"),
        (0.4, "0.400"),
        (9.999, "10.00"),
        (58.53, "58.5"),
        (-3.2, "−3.20"),
        (1234.5, "1234"),
    ],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number_text(value) == text


def test_right_comes_before_left_and_sections_follow_a_radiology_report(result: AnalysisResult) -> None:
    sections = build_document(result, ()).sections
    titles = [section.title for section in sections]
    order = ["Clinical question", "Technique and adequacy", "Comparison", "Findings", "Right hip", "Left hip"]
    assert titles[:6] == order
    assert titles.index("Measurements") < titles.index("Limits") < titles.index("Methods")


def test_both_sides_stand_in_one_row(result: AnalysisResult) -> None:
    section = next(s for s in build_document(result, ()).sections if s.key == "measurements")
    (table,) = section.tables
    assert table.columns == ("Region", "Quantity", "Unit", "Right", "95 % interval", "Left", "95 % interval", "Method")
    boundary = next(row for row in table.rows if row[1] == "edema boundary position")
    assert boundary[3] == ""
    assert boundary[5] == "3.00"
