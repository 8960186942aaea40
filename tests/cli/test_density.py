"""``marrowmap density`` and its companions as a user runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from marrowmap.ingest.dxa_csv import COLUMNS
from tests.cli.command_line import marrowmap_here
from tests.ingest.test_dxa_dicom import ENHANCED_SR
from tests.ingest.test_dxa_dicom import LEFT
from tests.ingest.test_dxa_dicom import group
from tests.ingest.test_dxa_dicom import number
from tests.ingest.test_dxa_dicom import site
from tests.ingest.test_dxa_dicom import write as write_dicom

HEAD = ",".join(COLUMNS)
FIRST = "A,1950-01-01,M,2020-01-01,hip,femoral_neck,left,0.800,,,-2.1,-0.9,GE Lunar,17,GE men"
LATER = "A,1950-01-01,M,2021-01-01,hip,femoral_neck,left,0.600,,,-3.4,-2.2,GE Lunar,17,GE men"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join((HEAD, *lines)) + "\n", encoding="utf-8")
    return path


def rows(document: dict, quantity: str) -> list[dict]:
    return [row for row in document["rows"] if row["quantity"] == quantity]


def test_the_published_case(tmp_path):
    done = marrowmap_here("density", "--example", "--out", tmp_path / "out", "--json")
    assert done.code == 0
    document = done.document
    sides = {row["side"]: row["value"] for row in rows(document, "bmd_side_difference")}
    assert round(sides["left"], 1) == -29.5
    (change,) = rows(document, "bmd_change")
    assert (change["side"], round(change["value"], 1), change["date"]) == ("right", -24.8, "2013-01-15")
    scores = [(r["side"], r["value"]) for r in rows(document, "t_score") if r["method"].startswith("as reported")]
    assert scores == [("left", -2.1), ("right", -1.8)]
    assert sum(r["method"].startswith("recomputed") for r in rows(document, "t_score")) == 12
    states = {(f["date"], f["side"], f["sign"]): f["state"] for f in document["findings"]}
    assert states["2010-01-15", "left", "focal_osteopenia"] == "present"
    assert states["2013-01-15", "right", "significant_bone_change"] == "present"
    assert states["2010-01-15", "left", "low_bone_density"] == "not_assessable"
    assert "Dates are invented" in document["warnings"][0]
    html = (tmp_path / "out" / "report.html").read_text()
    assert "need a reference SD between 0.1325 and 0.2650" in html
    assert "normal at 3 months" in html
    assert "osteoporosis" not in html.lower().replace("osteoporos int", "")


def test_what_is_left_in_the_folder(tmp_path):
    out = tmp_path / "out"
    done = marrowmap_here("density", write(tmp_path / "r.csv", FIRST, LATER), "--out", out)
    assert (done.code, done.stdout) == (0, "")
    names = {path.name for path in out.iterdir()}
    assert names == {
        "report.html", "report.pdf", "measurements.json", "measurements.csv", "findings.json", "manifest.json",
    }  # fmt: skip
    document = json.loads((out / "measurements.json").read_text())
    assert document["schema"] == "marrowmap/1"
    assert document["subject"] == {"id": "A", "sex": "M", "age_years": pytest.approx(71.0, abs=0.01)}
    assert "1950" not in (out / "measurements.json").read_text() + (out / "report.html").read_text()
    with (out / "measurements.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [row["quantity"] for row in table] == [row["quantity"] for row in document["rows"]]
    findings = json.loads((out / "findings.json").read_text())["rows"]
    assert {f["sign"]: f["state"] for f in findings if f["date"] == "2021-01-01"} == {
        "focal_osteopenia": "not_assessable",
        "low_bone_density": "present",
        "significant_bone_change": "present",
    }
    manifest = json.loads((out / "manifest.json").read_text())
    assert [entry["path"] for entry in manifest["inputs"]] == ["r.csv"]
    assert marrowmap_here("density", tmp_path / "r.csv", "--out", out).code == 0


def test_several_persons_are_kept_apart(tmp_path):
    other = LATER.replace("A,", "B,", 1)
    done = marrowmap_here("density", write(tmp_path / "r.csv", FIRST, other), "--out", tmp_path / "out", "--json")
    assert {row["person"] for row in done.document["rows"]} == {"A", "B"}
    assert rows(done.document, "bmd_change") == []
    assert done.document["subject"]["id"] == ""


@pytest.mark.parametrize(
    ("line", "code", "complaint"),
    [
        (LATER.replace("0.600", "-3.4"), 3, "T- or Z-score typed as bmd"),
        (LATER.replace("0.600", "600"), 3, "600 mg/cm2"),
        (LATER.replace("0.600", "0,600"), 3, "decimal comma"),
        (LATER.replace("1950-01-01", "2022-01-01"), 3, "before the birth"),
        (LATER.replace("1950-01-01", "1951-01-01"), 4, "another person"),
        (LATER.replace(",M,", ",F,"), 4, "another person"),
        (FIRST, 3, "repeats"),
        (LATER.replace("left", "up"), 3, "side 'up'"),
    ],
)
def test_bad_input_is_named_and_leaves_nothing(tmp_path, line, code, complaint):
    path = write(tmp_path / "r.csv", FIRST, line)
    done = marrowmap_here("density", path, "--out", tmp_path / "out", "--json")
    assert done.code == code
    assert complaint in done.complaint
    assert "line 3" in done.complaint
    assert done.document["error"]["exit_code"] == code
    assert not (tmp_path / "out").exists()


def test_typed_twice(tmp_path):
    one = write(tmp_path / "one.csv", FIRST, LATER)
    same = write(tmp_path / "same.csv", LATER, FIRST)
    other = write(tmp_path / "other.csv", FIRST.replace("0.800", "0.810"), LATER.replace("-3.4", "-3.1"))
    assert marrowmap_here("density", one, "--again", same, "--out", tmp_path / "a").code == 0
    done = marrowmap_here("density", one, "--again", other, "--out", tmp_path / "b")
    assert done.code == 3
    assert "disagree in 2 places" in done.complaint
    assert "bmd 0.8 (one.csv, line 2) or 0.81 (other.csv, line 2)" in done.complaint
    assert "t_score -3.4" in done.complaint


def test_two_machines_need_a_calibration(tmp_path):
    rng = np.random.default_rng(5)
    true = rng.normal(0.85, 0.12, 30)
    lines = [
        f"P{n},,,2020-01-01,hip,femoral_neck,left,{value:.4f},,,,,{machine},,"
        for n in range(30)
        for machine, value in (("GE Lunar", true[n]), ("Hologic", 0.86 * true[n] - 0.03 + rng.normal(0, 0.01)))
    ]
    new = LATER.replace("GE Lunar", "Hologic")
    records = write(tmp_path / "r.csv", FIRST, new)
    bare = marrowmap_here("density", records, "--out", tmp_path / "bare", "--json").document
    assert rows(bare, "bmd_change") == []
    (finding,) = [f for f in bare["findings"] if f["sign"] == "significant_bone_change"]
    assert finding["state"] == "not_assessable"
    assert "without cross-calibration" in finding["note"]
    pairs = write(tmp_path / "pairs.csv", *lines)
    command = ("density-calibration", pairs, "--from", "GE Lunar", "--to", "Hologic", "--out", tmp_path / "cal")
    assert marrowmap_here(*command).code == 0
    calibration = tmp_path / "cal" / "calibration.json"
    done = marrowmap_here("density", records, "--calibration", calibration, "--out", tmp_path / "out", "--json")
    (change,) = rows(done.document, "bmd_change")
    assert change["value"] == pytest.approx(100 * (0.6 / (0.86 * 0.8 - 0.03) - 1), abs=1.5)
    assert "30 people scanned on both" in change["method"]


def test_a_sites_own_precision(tmp_path):
    rng = np.random.default_rng(6)
    lines = [
        f"P{n},,,2020-01-0{1 + k},hip,femoral_neck,left,{base + rng.normal(0, 0.01):.4f},,,,,GE Lunar,,"
        for n, base in enumerate(rng.normal(0.9, 0.1, 30))
        for k in range(2)
    ]
    scans = write(tmp_path / "scans.csv", *lines)
    done = marrowmap_here("density-precision", scans, "--out", tmp_path / "study", "--json")
    (row,) = done.document["rows"]
    assert (row["persons"], row["df"], row["notes"]) == (30, 30, [])
    assert row["rms_sd_low"] < 0.01 < row["rms_sd_high"]
    assert row["least_significant_change"] == pytest.approx(2.77 * row["rms_sd"])
    study = tmp_path / "study" / "precision.json"
    records = write(tmp_path / "r.csv", FIRST, LATER)
    done = marrowmap_here("density", records, "--precision", study, "--out", tmp_path / "out", "--json")
    (limit,) = rows(done.document, "least_significant_change")
    assert limit["value"] == pytest.approx(row["least_significant_change"], rel=1e-6)
    assert limit["low"] < limit["value"] < limit["high"]
    assert "site's own precision study" in limit["method"]
    assert marrowmap_here("density", records, "--precision", records, "--out", tmp_path / "x").code == 3


def test_a_users_reference(tmp_path):
    table = tmp_path / "mine.toml"
    table.write_text(
        '[[reference]]\nname = "ours"\nregion = "femoral_neck"\nsex = "M"\nkind = "age"\nage = [60, 80]\n'
        'units = "Lunar"\nmean = 0.9\nsd = 0.1\nsource = "our clinic"\nconfidence = "A"\n'
    )
    records = write(tmp_path / "r.csv", FIRST)
    done = marrowmap_here("density", records, "--references", table, "--out", tmp_path / "out", "--json")
    (z,) = [row for row in rows(done.document, "z_score") if "ours" in row["method"]]
    assert z["value"] == pytest.approx(-1.0)
    table.write_text(table.read_text().replace('source = "our clinic"\n', ""))
    done = marrowmap_here("density", records, "--references", table, "--out", tmp_path / "x")
    assert (done.code, "no source" in done.complaint) == (3, True)


def test_dicom_is_read_where_coded_and_named_where_not(tmp_path):
    report = write_dicom(tmp_path, ENHANCED_SR, group(site(LEFT), number("46278-8", "0.783", "g/cm2")))
    done = marrowmap_here("density", report, "--out", tmp_path / "out", "--json")
    assert [row["value"] for row in rows(done.document, "bmd")] == [0.783]
    page = write_dicom(tmp_path, "1.2.840.10008.5.1.4.1.1.104.1")
    alone = marrowmap_here("density", page, "--out", tmp_path / "x")
    assert alone.code == 3
    assert "Encapsulated PDF Storage (SOP Instance UID" in alone.complaint
    beside = marrowmap_here("density", write(tmp_path / "r.csv", FIRST), page, "--out", tmp_path / "y", "--json")
    assert any("Encapsulated PDF" in note for note in beside.document["notes"])


def test_usage(tmp_path):
    assert marrowmap_here("density", "--out", tmp_path / "x").code == 2
    assert marrowmap_here("density", tmp_path / "none.csv", "--out", tmp_path / "x").code == 3
    assert marrowmap_here("density", tmp_path, "--out", tmp_path / "x").code == 3
    form = tmp_path / "form.html"
    assert marrowmap_here("density-form", form).code == 0
    assert marrowmap_here("density-form", form).code == 2


def test_the_second_typing_is_another_file(tmp_path):
    one = write(tmp_path / "one.csv", FIRST)
    done = marrowmap_here("density", one, "--again", one, "--out", tmp_path / "out")
    assert (done.code, "first typing itself" in done.complaint) == (2, True)


def test_each_line_and_note_of_several_persons_names_its_person(tmp_path):
    lines = [line.replace("A,", f"{who},", 1).replace("GE Lunar", "X") for who in "AB" for line in (FIRST, LATER)]
    done = marrowmap_here("density", write(tmp_path / "r.csv", *lines), "--out", tmp_path / "out", "--json")
    assert "A: 2021-01-01 left femoral_neck" in done.stderr
    assert "B: 2021-01-01 left hip: significant_bone_change" in done.stderr
    assert all(note.startswith(("A: ", "B: ")) for note in done.document["notes"])


def test_copied_repeats_make_no_study(tmp_path):
    lines = [FIRST.replace("A,", f"P{n},", 1).replace("0.800", f"0.8{n % 10}0") for n in range(15) for _ in range(2)]
    done = marrowmap_here("density-precision", write(tmp_path / "s.csv", *lines), "--out", tmp_path / "out")
    assert (done.code, "copied" in done.complaint) == (3, True)
    assert not (tmp_path / "out").exists()


def test_a_study_of_no_error_is_refused_and_does_not_crash(tmp_path):
    row = {"persons": 15, "scans": 30, "df": 15, "rms_sd": 0.0, "rms_sd_low": 0.0, "rms_sd_high": 0.0, "rms_cv": 0.0}
    row |= {"machine": "GE Lunar", "region": "femoral_neck", "vertebrae": [], "notes": []}
    study = tmp_path / "precision.json"
    study.write_text(json.dumps({"schema": "marrowmap/1", "rows": [row]}))
    records = write(tmp_path / "r.csv", FIRST, LATER)
    done = marrowmap_here("density", records, "--precision", study, "--out", tmp_path / "out")
    assert (done.code, "rms_sd is not above 0" in done.complaint) == (3, True)
    study.write_text(json.dumps({"schema": "marrowmap/1", "rows": [{**row, "rms_sd": "a lot"}]}))
    assert marrowmap_here("density", records, "--precision", study, "--out", tmp_path / "out").code == 3


def test_birth_date_and_sex_of_one_line_hold_for_the_person(tmp_path):
    bare = FIRST.replace("1950-01-01,M", ",")
    records = write(tmp_path / "r.csv", bare, LATER)
    done = marrowmap_here("density", records, "--out", tmp_path / "out", "--json")
    states = {f["date"]: f["state"] for f in done.document["findings"] if f["sign"] == "low_bone_density"}
    assert states == {"2020-01-01": "present", "2021-01-01": "present"}
    nameless = write(tmp_path / "n.csv", bare.replace("A,", ",", 1), LATER.replace("A,", ",", 1))
    done = marrowmap_here("density", nameless, "--out", tmp_path / "x", "--json")
    states = {f["date"]: f["state"] for f in done.document["findings"] if f["sign"] == "low_bone_density"}
    assert states == {"2020-01-01": "not_assessable", "2021-01-01": "present"}
