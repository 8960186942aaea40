"""Outlines and cells: compared in the report, and carried through tables without loss."""

from __future__ import annotations

import csv
import io
import json

import pytest

from marrowmap.errors import InputError
from marrowmap.workflow.study import init_study
from marrowmap.workflow.study_import import import_answers
from marrowmap.workflow.study_report import write_study_report
from marrowmap.workflow.study_tables import export_tables
from tests.readers.image_study import write_sources

FORM = """
schema = "marrowmap-form/1"
name = "short"
title = "Drawn"
source = "for tests"
[[items]]
name = "edema"
kind = "region"
label = "Edema"
[[items]]
name = "cells"
kind = "grid"
label = "Cells"
slices = 3
rows = 2
columns = 4
[[items]]
name = "sure"
kind = "number"
label = "Sure"
low = 0
high = 1
[[items]]
name = "remark"
kind = "text"
label = "Remark"
optional = true
"""
REMARK = '=HYPERLINK("x"), "quoted"; zwei\nZeilen, größer als 1,5'
OTHER_REMARK = "'-2 levels', @ both\r\nsides\rand 'more"


def make(folder):
    path = write_sources(folder / "sources")
    (folder / "sources" / "short.toml").write_text(FORM, encoding="utf-8")
    text = path.read_text().replace('truth = {edema = "present"}', "").replace('truth = {edema = "absent"}', "")
    path.write_text(text)
    return init_study(path, folder / "study")


def box(low, high, number=2):
    return {"image": 0, "slice": number, "points": [[low, low], [high, low], [high, high], [low, high]]}


def read_by_all(study):
    for reader, outlines in (("reader_1", [box(2.5, 10.5)]), ("reader_2", [box(2.5, 10.5), box(2.5, 10.5, number=3)])):
        while (task := study.store.turn(reader).task) is not None:
            remark = REMARK if reader == "reader_1" else OTHER_REMARK
            values = {"edema": outlines, "cells": [[0, 1, 3], [2, 0, 0]], "sure": 1 / 3, "remark": remark}
            if task.read.case == "case_beta":
                values = {"edema": [], "cells": [], "sure": 1}
            study.store.save(reader, task.code, values, seconds=12)


@pytest.fixture
def study(tmp_path):
    made = make(tmp_path)
    read_by_all(made)
    yield made
    made.store.close()


def values_of(study):
    return {answer.read: answer.values for answer in study.store.answers() if answer.latest}


@pytest.mark.parametrize("name", ["reads.csv", "answers.json"])
def test_cells_outlines_and_words_come_back_without_loss(study, tmp_path, name):
    path = tmp_path / name
    path.write_text(export_tables(study)[name], encoding="utf-8")
    (tmp_path / "again").mkdir()
    other = make(tmp_path / "again")
    assert import_answers(other, path) == 8
    assert values_of(other) == values_of(study)
    assert {type(v["sure"]) for v in values_of(other).values()} == {int, float}
    assert import_answers(other, path) == 8  # the same again changes nothing
    assert other.store.require_intact() == 8
    other.store.close()


def test_no_cell_of_any_table_runs_in_a_spreadsheet(study):
    cells = [
        cell
        for name, text in export_tables(study).items()
        if name.endswith(".csv")
        for row in csv.reader(io.StringIO(text))
        for cell in row
    ]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert f"'{REMARK}" in cells


def test_a_sum_is_no_cells_and_a_comma_is_no_point(study, tmp_path):
    (tmp_path / "again").mkdir()
    other = make(tmp_path / "again")
    path = tmp_path / "t.csv"
    for old, new, words in (
        ("mr.cells.cells", "mr.cells", "a sum does not tell which cells"),
        (repr(1 / 3), '"0,333"', "write it as 12 or 12.5, with a point"),
        (repr(1 / 3), "0_3", "with a point"),
        (repr(1 / 3), "nan", "with a point"),
        ("[[0, 1, 3], [2, 0, 0]]", "[[0, 1, 3], [2", "is no JSON"),
        ("[[0, 1, 3], [2, 0, 0]]", "[[0, 1, 9]]", "there is no cell"),
    ):
        path.write_text(export_tables(study)["reads.csv"].replace(old, new), encoding="utf-8")
        with pytest.raises(InputError, match=words):
            import_answers(other, path)
    path = tmp_path / "t.json"
    document = json.loads(export_tables(study)["answers.json"])
    for change, words in (
        ({"protocol_digest": "0" * 64}, "of another protocol"),
        ({"answers": [{}]}, "answer 1: lacks a field"),
        ({"answers": [{**document["answers"][0], "origin": "<b>"}]}, "origin cannot be right"),
        ({"answers": 5}, "no list of answers"),
    ):
        path.write_text(json.dumps(document | change))
        with pytest.raises(InputError, match=words):
            import_answers(other, path)
    assert other.store.answers() == []
    other.store.close()


def test_the_report_compares_what_was_drawn(study, tmp_path):
    page = write_study_report(study, tmp_path / "report")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "report" / "regions.csv").read_text())))
    between = {row["case"]: row for row in rows if (row["first"], row["second"]) == ("reader_1", "reader_2")}
    assert float(between["case_alpha"]["dice"]) == pytest.approx(2 / 3)  # 64 pixels in common, of 64 and 128
    assert float(between["case_alpha"]["mean_mm"]) == 0
    assert between["case_beta"]["dice"] == ""
    assert "neither" in between["case_beta"]["note"]
    again = [row for row in rows if row["second"] == "reader_1 again (session_again)"]
    assert {row["dice"] for row in again if row["case"] == "case_alpha"} == {"1.0"}
    results = json.loads((tmp_path / "report" / "report.json").read_text())
    (pair,) = [row for row in results["regions"] if row["second"] == "reader_2"]
    assert (pair["compared"], pair["dice_cases"]) == (2, 1)
    assert "Drawn regions" in page.read_text()
