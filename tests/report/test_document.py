from __future__ import annotations

import dataclasses

from marrowmap.report import AnalysisResult
from marrowmap.report.document import build_document
from marrowmap.report.document import draw_pictures


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


def test_what_lies_under_the_joint_surface_has_its_section(heads: AnalysisResult) -> None:
    alone = dataclasses.replace(heads, readings=tuple(r for r in heads.readings if r.head is not None))
    document = build_document(alone, draw_pictures(alone, lambda step, share: None))
    sections = {section.key: section for section in document.sections}
    keys = list(sections)
    assert keys.index("findings-hip-left") < keys.index("joint-surface") < keys.index("measurements")
    assert [p.picture.key for p in sections["joint-surface"].plates] == ["head_map", "head_map", "head_slices"]
    table, outcomes = sections["joint-surface-measures"].tables
    assert table.columns == ("Measure", "Right", "Left", "In the literature")
    assert len(outcomes.rows) == 6
    numbers = [plate.number for section in document.sections for plate in section.plates]
    assert numbers == list(range(1, len(numbers) + 1))
    cited = " ".join(sections["literature"].items)
    assert all(key in cited for key in ("Ha 2006", "Ikemura 2018", "Vande Berg 1999", "Yoon 2020", "Hip Int 2022"))


def test_without_heads_there_is_no_such_section(result: AnalysisResult) -> None:
    assert not any(section.key.startswith("joint-surface") for section in build_document(result, ()).sections)
