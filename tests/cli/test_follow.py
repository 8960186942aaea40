"""``marrowmap follow`` and ``cohort``: what they leave, what they refuse, with which exit code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.cli.command_line import marrowmap_here
from tests.course import analyzed_folders as made

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"


@pytest.fixture
def course(tmp_path):
    days = (
        ("2020-01-20", 62, 0),
        ("2020-03-15", 40, 0),
        ("2020-06-10", 20, 0),
        ("2020-12-01", 0, 0),
        ("2023-02-01", 0, 55),
    )
    return [
        made.write_hip_exam(tmp_path / f"exam-{n}", day, left, right, age=45.0 + int(day[:4]) - 2020)
        for n, (day, left, right) in enumerate(days)
    ]


def test_a_course_leaves_report_rows_and_manifest(course, tmp_path):
    out = tmp_path / "out"
    run = marrowmap_here("follow", *reversed(course), "--out", out, "--json")
    assert run.code == 0, run.stderr
    assert {path.name for path in out.iterdir()} == {
        "report.html",
        "report.pdf",
        "course.json",
        "measurements.json",
        "measurements.csv",
        "findings.json",
        "differential.json",
        "manifest.json",
    }
    document = json.loads((out / "course.json").read_text())
    assert {key: value for key, value in run.document.items() if key != "report"} == document
    assert [(e["side"], e["outcome"]) for e in document["episodes"]] == [("left", "recovered"), ("right", "ongoing")]
    assert [edge["step"] for edge in document["migration"]["edges"]] == ["contralateral"]
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "sorted by date" in run.stderr
    rows = json.loads((out / "measurements.json").read_text())["rows"]
    assert [row["date"] for row in rows] == sorted(row["date"] for row in rows)
    assert len(rows) == 10
    manifest = json.loads((out / "manifest.json").read_text())
    for entry in manifest["outputs"]:
        assert hashlib.sha256((out / entry["path"]).read_bytes()).hexdigest() == entry["sha256"]
    assert len(manifest["inputs"]) == 15


def test_the_same_input_gives_the_same_course(course, tmp_path):
    for name in ("a", "b"):
        assert marrowmap_here("follow", *course, "--out", tmp_path / name).code == 0
    for name in ("course.json", "report.html", "report.pdf", "measurements.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_bone_density_adds_its_finding(tmp_path):
    rows = made.bmd("2020-01-10", "right", 1.111) + made.bmd("2023-01-10", "right", 0.836)
    folder = made.write_folder(tmp_path / "dxa", rows)
    assert marrowmap_here("follow", folder, "--out", tmp_path / "out").code == 0
    (finding,) = json.loads((tmp_path / "out" / "findings.json").read_text())["rows"]
    assert (finding["sign"], finding["state"], finding["side"]) == ("significant_bone_change", "present", "right")
    assert "-0.275" in finding["note"]


def test_bermans_first_case_is_two_episodes_in_opposite_hips(tmp_path):
    # Berman 2016, case 1: the numbers of its captions; the dates are the example's own.
    rows = made.bmd("2010-01-15", "left", 0.783, lsc=0.054) + made.bmd("2010-01-15", "right", 1.111, lsc=0.077)
    rows += made.bmd("2013-01-15", "right", 0.836, lsc=0.058)
    folder = made.write_folder(tmp_path / "dxa", rows, person="Berman 2016 case 1", sex="", age=None)
    events = EXAMPLES / "berman2016_case1.toml"
    run = marrowmap_here("follow", folder, "--events", events, "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.stderr
    first, second = run.document["episodes"]
    assert (first["side"], second["side"]) == ("left", "right")
    assert (first["outcome"], first["end"]) == ("recovered", "2010-04-15")
    (edge,) = run.document["migration"]["edges"]
    assert edge["step"] == "contralateral"
    assert edge["months"] == pytest.approx(36, abs=0.1)
    (change,) = run.document["changes"]
    assert (change["side"], change["call"]) == ("right", "changed")
    assert change["difference"] / 1.111 == pytest.approx(-0.248, abs=0.0005)


@pytest.mark.parametrize(
    ("person", "code", "words"),
    [
        ({"person": "P2"}, 4, "exams of two persons"),
        ({"sex": "F"}, 4, "sex is"),
        ({"age": 20.0}, 4, "birth date or age"),
    ],
)
def test_another_person_is_exit_4_and_leaves_nothing(course, tmp_path, person, code, words):
    other = made.write_hip_exam(tmp_path / "other", "2021-01-10", 10, **person)
    run = marrowmap_here("follow", *course, other, "--out", tmp_path / "out")
    assert run.code == code
    assert words in run.complaint
    assert not (tmp_path / "out").exists()


def test_refusals_have_their_exit_codes(course, tmp_path):
    out = tmp_path / "out"
    (tmp_path / "empty").mkdir()
    (tmp_path / "events.toml").write_text("patient = 1\n")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    for arguments, code, words in (
        ((course[0], course[0], "--out", out), 2, "given twice"),
        ((tmp_path / "empty", "--out", out), 3, "holds no measurements.json"),
        ((tmp_path / "missing", "--out", out), 3, "is no folder"),
        ((course[0], "--events", tmp_path / "events.toml", "--out", out), 3, "unknown field 'patient'"),
        ((course[0], "--out", tmp_path / "full"), 2, "is not empty"),
        (("--out", out), 2, "DIR"),
    ):
        run = marrowmap_here("follow", *arguments)
        assert run.code == code, (arguments, run.stderr)
        assert words in run.complaint
        assert not out.exists()


def test_gemmels_arithmetic():
    run = marrowmap_here("cohort", "gemmel2012", "--json")
    assert run.code == 0, run.stderr
    (series,) = run.document["series"]
    assert (series["episodes"], series["people"], series["age_mean"]) == (12, 10, 45)
    assert (series["age_low"], series["age_high"]) == (34, 62)
    pattern, by_person, cold = series["counts"]
    assert (pattern["count"], pattern["total"], round(100 * pattern["low"], 1)) == (12, 12, 73.5)
    assert round(100 * by_person["low"], 1) == 69.2
    assert (cold["count"], round(100 * cold["high"], 1)) == (0, 26.5)
    assert {o["what"]: o["people"] for o in series["outcomes"]} == {"uneventful recovery": 9, "unknown": 1}
    assert "73.5 to 100.0 %" in run.stderr


def test_a_cohort_of_followed_people(course, tmp_path):
    assert marrowmap_here("follow", *course, "--out", tmp_path / "a").code == 0
    other = made.write_hip_exam(tmp_path / "one", "2020-01-10", 50, person="P2")
    later = made.write_hip_exam(tmp_path / "two", "2020-05-10", 0, person="P2")
    assert marrowmap_here("follow", other, later, "--out", tmp_path / "b").code == 0
    run = marrowmap_here("cohort", tmp_path / "a", tmp_path / "b", "--json")
    assert run.code == 0, run.stderr
    curve = run.document["resolution"]
    assert (curve["episodes"], curve["ended"]) == (3, 2)
    # One of three is censored at its only exam: 4.0 and 10.4 months remain, one half, then none.
    assert curve["remaining"] == pytest.approx([0.5, 0.0])
    assert curve["months"] == pytest.approx([3.98, 10.38], abs=0.01)


def test_a_revised_episode_is_censored_and_that_is_said(course, tmp_path):
    events = tmp_path / "events.toml"
    events.write_text(
        '[[episode]]\njoint="hip"\nside="left"\nonset="known"\nonset_date=2020-01-10\noutcome="revised"\n'
    )
    assert marrowmap_here("follow", *course, "--events", events, "--out", tmp_path / "a").code == 0
    run = marrowmap_here("cohort", tmp_path / "a", "--json")
    revised = [episode["ended"] for episode in run.document["episodes"] if episode["outcome"] == "revised"]
    assert revised == [False]
    assert "1 revised to something else: counted as not over" in run.stderr


def test_one_person_counts_once_in_a_cohort(course, tmp_path):
    for name in ("a", "b"):
        assert marrowmap_here("follow", *course, "--out", tmp_path / name).code == 0
    run = marrowmap_here("cohort", tmp_path / "a", tmp_path / "b")
    assert run.code == 2
    assert "are of one person (P1)" in run.complaint


def test_outcomes_that_do_not_add_up_are_refused(tmp_path):
    path = tmp_path / "series.toml"
    path.write_text('people = 10\nepisodes = 12\n[[outcome]]\nwhat = "recovery"\npeople = 9\n')
    run = marrowmap_here("cohort", path)
    assert run.code == 3
    assert "outcomes of 9 people, but there are 10" in run.complaint


@pytest.mark.parametrize("inside", ["", "course"])
def test_an_exam_is_never_replaced_by_its_course(course, inside):
    before = {path: path.read_bytes() for path in course[0].iterdir()}
    run = marrowmap_here("follow", *course, "--out", course[0] / inside)
    assert run.code == 2
    assert "it would be lost" in run.complaint
    assert {path: path.read_bytes() for path in course[0].iterdir()} == before


def test_two_people_without_a_name_are_two_people_and_one_is_one(tmp_path):
    for name in ("a", "b"):
        exam = made.write_hip_exam(tmp_path / name / "exam", "2020-01-10", 50, person="")
        assert marrowmap_here("follow", exam, "--out", tmp_path / name / "course").code == 0
    run = marrowmap_here("cohort", tmp_path / "a" / "course", tmp_path / "b" / "course", "--json")
    assert run.code == 0, run.stderr
    assert run.document["resolution"]["episodes"] == 2
    assert "of 2 the onset is unknown" in run.stderr
    again = tmp_path / "b" / ".." / "a" / "course"
    assert marrowmap_here("cohort", tmp_path / "a" / "course", again).code == 2


def test_a_series_whose_counts_are_no_tables_is_unreadable(tmp_path):
    path = tmp_path / "series.toml"
    path.write_text("people = 1\nepisodes = 1\ncount = 3\n")
    assert marrowmap_here("cohort", path).code == 3


def hip_exam(folder, day, volume, **states):
    """Write one left hip: edema and signs as given."""
    rows, findings = made.edema(day, "left", volume)
    findings += [made.finding(day, "left", sign, state) for sign, state in states.items()]
    return made.write_folder(folder, rows, findings)


def followed(tmp_path, *exams):
    out = tmp_path / "followed"
    run = marrowmap_here("follow", *exams, "--out", out)
    assert run.code == 0, run.stderr
    document = json.loads((out / "differential.json").read_text())
    shares = {row["entity"]: row["probability"] for row in document["rows"] if row["side"] == "left"}
    (joint,) = (joint for joint in document["joints"] if joint["side"] == "left")
    return shares, {seen["sign"]: seen["state"] for seen in joint["evidence"]}, run, out


def test_a_course_that_resolves_counts_once(tmp_path):
    signs = {"subchondral_band": "absent", "intertrochanteric_demarcation": "present"}
    first = hip_exam(tmp_path / "first", "2020-01-10", 60, **signs)
    later = hip_exam(tmp_path / "later", "2020-06-10", 0, subchondral_band="absent")
    alone, evidence, _, _ = followed(tmp_path, first)
    assert "complete_resolution" not in evidence
    both, evidence, run, out = followed(tmp_path, first, later)
    # That edema has gone is the resolution: the absent sign of the last exam must not be weighed beside it.
    assert evidence["diffuse_edema"] == "present"
    assert evidence["complete_resolution"] == "present"
    assert both["transient_osteoporosis"] > alone["transient_osteoporosis"]
    assert "Left hip: " in run.stderr
    page = (out / "report.html").read_text()
    assert "What the findings support" in page
    assert "counts once, as resolution" in page
    assert "Literature" in page


def test_a_band_that_stays_is_weighed_once_and_no_resolution(tmp_path):
    first = hip_exam(tmp_path / "first", "2020-01-10", 60, subchondral_band="absent")
    later = hip_exam(tmp_path / "later", "2020-06-10", 0, subchondral_band="present")
    alone, _, _, _ = followed(tmp_path, first)
    both, evidence, _, _ = followed(tmp_path, first, later)
    assert evidence["subchondral_band"] == "present"
    assert "complete_resolution" not in evidence
    assert both["osteonecrosis"] > alone["osteonecrosis"]


def test_exams_that_contradict_each_other_on_one_day_are_told_not_weighed(tmp_path):
    one = hip_exam(tmp_path / "one", "2020-01-10", 60, effusion="present")
    other = made.write_folder(
        tmp_path / "other",
        made.bmd("2020-01-10", "left", 1.0),
        [made.finding("2020-01-10", "left", "effusion", "absent")],
    )
    _, evidence, run, _ = followed(tmp_path, one, other)
    assert "effusion" not in evidence
    assert "effusion is present in one exam and absent in another" in run.stderr


def test_a_joint_that_was_never_active_is_weighed_by_its_last_exam(tmp_path):
    first = hip_exam(tmp_path / "first", "2020-01-10", 0, effusion="present")
    later = hip_exam(tmp_path / "later", "2020-06-10", 0, effusion="absent")
    _, evidence, _, _ = followed(tmp_path, first, later)
    assert (evidence["diffuse_edema"], evidence["effusion"]) == ("absent", "absent")
    assert "complete_resolution" not in evidence
