from __future__ import annotations

import dataclasses
import json

import pytest

from marrowmap.reasoning.course_items import CourseSeen
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.differential import differentials
from marrowmap.reasoning.items import phrase
from marrowmap.reasoning.literature import shipped
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


def texts_of(hip: JointDifferential) -> list[str]:
    sections = differential_sections([hip], {("edema", "left"): [7]})
    cells = [cell for s in sections for table in s.tables for row in (table.columns, *table.rows) for cell in row]
    return [*cells, *(line for s in sections for line in (*s.paragraphs, *s.items))]


def texts(hip: JointDifferential) -> str:
    return " ".join(texts_of(hip))


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


@pytest.fixture(scope="module")
def edema_alone() -> JointDifferential:
    return differential([finding("diffuse_edema")], Joint.HIP, Side.LEFT, subject=Subject(sex="M", age_years=45.0))


def test_what_would_be_enough_is_enough_and_reads_alike_in_page_and_file(
    edema_alone: JointDifferential, result: AnalysisResult
):
    whole = dataclasses.replace(result, differentials=(edema_alone,))
    (joint,) = json.loads(differential_json(whole))["joints"]
    assert (joint["abstains"], joint["why"]) == (True, "nothing reaches 60 %")
    assert joint["enough"]
    (line,) = (line for line in texts_of(edema_alone) if line.startswith("What would be enough"))
    for way in joint["enough"]:
        words = " and ".join(phrase(one["sign"], is_present=one["state"] == "present") for one in way["findings"])
        short = ENTITIES[way["entity"]].split(" (")[0].lower()
        assert f"{words} ({short}, {100 * way['probability']:.0f} %)" in line
    signs = [way for way in joint["enough"] if all(one["sign"] in SIGNS for one in way["findings"])]
    for way in signs:
        added = [
            dataclasses.replace(finding(one["sign"], State(one["state"])), certainty=0.9) for one in way["findings"]
        ]
        then = differential(
            [finding("diffuse_edema"), *added], Joint.HIP, Side.LEFT, subject=Subject(sex="M", age_years=45.0)
        )
        assert then.abstains == ""
        assert then.weighed.ranked[0].entity == way["entity"]
        assert then.weighed.ranked[0].probability == pytest.approx(way["probability"], abs=1e-4)


def test_where_nothing_would_be_enough_that_is_said(edema_alone: JointDifferential):
    assert "No one or two further signs would be enough." in texts(dataclasses.replace(edema_alone, enough=()))


def test_where_an_answer_is_given_nothing_is_asked_for(hip: JointDifferential):
    assert hip.abstains == ""
    told = texts(hip)
    assert "enough" not in told
    assert "no answer" not in told


def everything_done() -> JointDifferential:
    present = ("diffuse_edema", "intertrochanteric_demarcation", "medial_head_sparing", "trochanter_sparing")
    weighed = [sign for sign in SIGNS if sign in shipped().items]
    found = [finding(sign, State.PRESENT if sign in present else State.ABSENT) for sign in weighed]
    over = CourseSeen(7.0, True)
    return differential(found, Joint.HIP, Side.LEFT, subject=Subject(sex="M", age_years=45.0), course=over)


def test_where_every_examination_has_been_made_none_is_asked_for(result: AnalysisResult):
    one = everything_done()
    assert one.examinations == ()
    told = texts_of(one)
    assert "Next examination: none of those known here is expected to tell 0.01 bits or more." in told
    captions = [table.caption for section in differential_sections([one], {}) for table in section.tables]
    assert not any(caption.startswith("Next examination") for caption in captions)
    (joint,) = json.loads(differential_json(dataclasses.replace(result, differentials=(one,))))["joints"]
    assert joint["next_examinations"] == []
    assert all(entry["sign"] not in SIGNS for entry in joint["missing"])


def test_examinations_that_have_been_made_are_not_asked_for_again():
    scan = ("diffuse_hyperemia", "homogeneous_uptake", "uptake_demarcation", "cold_area")
    without = differential([finding("diffuse_edema")], Joint.HIP, Side.LEFT)
    with_scan = [finding(sign, State.ABSENT if sign == "cold_area" else State.PRESENT) for sign in scan]
    made = differential([finding("diffuse_edema"), *with_scan], Joint.HIP, Side.LEFT)
    asked = [[worth.examination.name for worth in one.examinations] for one in (without, made)]
    assert any("bone scan" in name for name in asked[0])
    assert not any("bone scan" in name for name in asked[1])
    assert any("MRI" in name for name in asked[1])


def test_an_examination_that_showed_nothing_clear_may_be_made_again():
    open_signs = [finding("subchondral_band", State.UNDETERMINED), finding("double_line", State.NOT_ASSESSABLE)]
    one = differential([finding("diffuse_edema"), *open_signs], Joint.HIP, Side.LEFT)
    (mri,) = (worth for worth in one.examinations if "both hips" in worth.examination.name)
    assert {"subchondral_band", "double_line"} <= set(mri.shows)


def test_of_an_absent_sign_it_is_said_what_the_counts_are_of():
    found = [finding("diffuse_edema", State.ABSENT), finding("effusion")]
    one = differential(found, Joint.HIP, Side.LEFT, subject=Subject(sex="F", age_years=45.0))
    (evidence,) = (t for s in differential_sections([one], {}) for t in s.tables if t.caption.startswith("Evidence"))
    # No pictures are given, so there is no column for them.
    assert "Picture" not in evidence.columns
    rows = {row[0]: row[3:] for row in evidence.rows}
    assert all(cell.startswith("diffuse edema present: ") for cell in rows["diffuse edema absent"])
    assert all(cell.startswith("male: ") for cell in rows["female"])
    assert all(cell.startswith("60 years or older: ") for cell in rows["under 60 years"])
    assert not any("effusion present" in cell for cell in rows["effusion present"])


def test_a_joint_of_which_nothing_is_known_is_told_what_to_do_and_its_flags():
    unsure = dataclasses.replace(finding("cold_area"), certainty=0.4)
    one = differential([unsure], Joint.HIP, Side.LEFT)
    assert one.observations == ()
    _, section = differential_sections([one], {})
    assert section.paragraphs[0].startswith("Red flag: a cold area")
    assert section.paragraphs[1] == "Left hip: no answer, as no imaging sign of this joint is clear."
    (table,) = section.tables
    assert table.caption == "Next examination, left hip"
    assert table.rows[0][0].startswith("MRI of both hips")
    assert section.items[0].startswith("What would be enough: ")


def test_age_and_sex_alone_are_no_answer():
    one = differential([], Joint.HIP, Side.LEFT, subject=Subject(sex="M", age_years=45.0))
    assert verdict_lines([one]) == ("Left hip: no answer, as no imaging sign of this joint is clear.",)


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
