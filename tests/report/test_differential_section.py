from __future__ import annotations

import dataclasses
import json

import pytest

from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.differential import differentials
from marrowmap.report import AnalysisResult
from marrowmap.report.differential_rows import DIFFERENTIAL_COLUMNS
from marrowmap.report.differential_rows import differential_rows
from marrowmap.report.differential_section import SHOWN_IN
from marrowmap.report.differential_section import cited_sources
from marrowmap.report.differential_section import differential_sections
from marrowmap.report.differential_section import flag_lines
from marrowmap.report.differential_section import percent
from marrowmap.report.differential_section import verdict_lines
from marrowmap.report.document import build_document
from marrowmap.report.html import render_html
from marrowmap.report.pdf import render_pdf
from marrowmap.report.rows import differential_json
from marrowmap.terms.entities import ENTITIES
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Finding
from marrowmap.values import Joint
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from marrowmap.values import Subject


def finding(sign: str, state: State = State.PRESENT, side: Side = Side.LEFT) -> Finding:
    least = Quantity(1.0, "mL") if state is State.ABSENT else None
    sure = None if state is State.NOT_ASSESSABLE else 0.95
    return Finding(sign, Joint.HIP, side, state, sure, least, "MR", "2020-03-01", None, "made by hand")


@pytest.fixture(scope="module")
def hip() -> JointDifferential:
    found = [
        finding("diffuse_edema"),
        finding("subchondral_band"),
        finding("double_line"),
        finding("head_collapse"),
        finding("low_bone_density"),
        finding("cold_area", State.NOT_ASSESSABLE),
    ]
    return differential(found, Joint.HIP, Side.LEFT, subject=Subject(sex="M", age_years=45.0))


def texts(hip: JointDifferential) -> str:
    sections = differential_sections([hip], {("edema", "left"): [7]})
    cells = [cell for s in sections for table in s.tables for row in (table.columns, *table.rows) for cell in row]
    return " ".join([*cells, *(line for s in sections for line in (*s.paragraphs, *s.items))])


def test_rows_have_the_contracts_columns(hip: JointDifferential):
    rows = differential_rows(hip)
    assert [row["entity"] for row in rows] == list(ENTITIES)
    assert all(tuple(row) == DIFFERENTIAL_COLUMNS for row in rows)
    assert sum(row["probability"] for row in rows) == pytest.approx(1.0, abs=1e-3)
    assert all(row["low"] <= row["probability"] <= row["high"] for row in rows)
    necrosis = next(row for row in rows if row["entity"] == "osteonecrosis")
    assert necrosis["supports"][0] == "subchondral_band"
    assert "fever" in necrosis["missing"]
    # Of a segment that MRI shows surely a cold area tells nothing new.
    assert "cold_area" not in necrosis["missing"]
    normal = next(row for row in rows if row["entity"] == "normal")
    assert "subchondral_band" in normal["against"]


def test_red_flags_come_first(hip: JointDifferential):
    _, section = differential_sections([hip], {})
    assert section.paragraphs[0].startswith("Red flag: the joint surface has sunk")
    assert flag_lines([hip])[0].startswith("Red flag, left hip: the joint surface has sunk")


def test_each_finding_stands_beside_its_papers_and_its_picture(hip: JointDifferential):
    _, section = differential_sections([hip], {("edema", "left"): [7], ("head_map", "left"): [1, 2]})
    evidence = next(table for table in section.tables if table.caption.startswith("Evidence"))
    rows = {row[0]: row for row in evidence.rows}
    assert rows["diffuse edema present"][3] == "7"
    assert rows["subchondral band present"][3] == "1, 2"
    necrosis = evidence.columns.index("In osteonecrosis")
    assert "16 of 16 (Ikemura 2010)" in rows["subchondral band present"][necrosis]
    assert "45 of 56 (Mitchell 1987)" in rows["double line present"][necrosis]
    assert any(line.startswith("Mitchell 1987: Mitchell DG") for line in cited_sources([hip]))


def test_what_is_not_weighed_and_what_is_missing_is_told(hip: JointDifferential):
    told = texts(hip)
    assert "Low bone density is not weighed" in told
    assert "Not known, the most telling first" in told
    assert "Before any finding" in told
    assert "Clin Rheumatol 2008" in told


def test_it_never_states_a_diagnosis(hip: JointDifferential):
    assert "diagnos" not in texts(hip).lower()
    assert "diagnos" not in " ".join(verdict_lines([hip])).lower()


def test_abstention_says_why_and_what_would_be_enough():
    one = differential([finding("diffuse_edema")], Joint.HIP, Side.LEFT)
    (line,) = verdict_lines([one])
    assert line.startswith("Left hip: no answer, as nothing reaches 60 %")
    assert "What would be enough" in texts(one)


def test_a_joint_of_which_nothing_is_known_has_one_line():
    one = differential([finding("diffuse_edema", State.NOT_ASSESSABLE)], Joint.HIP, Side.LEFT)
    _, section = differential_sections([one], {})
    assert section.paragraphs == ("Left hip: no answer, as no imaging sign of this joint is clear.",)


@pytest.mark.parametrize(("value", "text"), [(0.001, "under 1 %"), (0.456, "46 %"), (0.999, "over 99 %")])
def test_no_false_precision(value: float, text: str):
    assert percent(value) == text


def test_every_sign_that_is_weighed_has_its_pictures():
    assert set(SHOWN_IN) == set(SIGNS) - {
        "low_bone_density",
        "significant_bone_change",
        "microarchitecture_deterioration",
    }


def test_the_report_holds_the_section_between_findings_and_measurements(result: AnalysisResult):
    found = (finding("diffuse_edema"), finding("head_collapse"), finding("effusion", State.ABSENT, Side.RIGHT))
    whole = dataclasses.replace(result, findings=found, differentials=differentials(found, subject=Subject()))
    document = build_document(whole, ())
    keys = [section.key for section in document.sections]
    assert keys.index("findings") < keys.index("differential") < keys.index("measurements")
    assert document.warnings[0].startswith("Red flag, left hip")
    page = render_html(document)
    assert "What the findings support" in page
    assert "Bayes" in page
    assert render_pdf(document).startswith(b"%PDF")


def test_the_file_holds_rows_and_reasons(result: AnalysisResult):
    found = (finding("diffuse_edema"),)
    whole = dataclasses.replace(result, differentials=differentials(found, subject=Subject()))
    document = json.loads(differential_json(whole))
    assert document["schema"] == "marrowmap/1"
    assert len(document["rows"]) == len(ENTITIES)
    (joint,) = document["joints"]
    assert joint["abstains"]
    assert joint["evidence"][0]["published"]["transient_osteoporosis"] == ["12 of 12 (Gemmel 2012)"]
    assert joint["next_examinations"][0]["bits"] > 0
    assert json.loads(differential_json(dataclasses.replace(result, differentials=())))["rows"] == []
