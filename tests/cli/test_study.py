"""``marrowmap study`` as a user runs it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command_line import marrowmap_here
from tests.readers.studies import draw_study
from tests.readers.studies import write_scores

HEAD = "case,person,reader,session,item,value\n"
GRADES = HEAD + "".join(
    f"{case},{case},{reader},1,grade,{['none', 'mild', 'severe'][(case + (reader == 'B') * (case % 4 == 0)) % 3]}\n"
    for case in range(12)
    for reader in "AB"
)


@pytest.fixture
def grades(tmp_path):
    path = tmp_path / "grades.csv"
    path.write_text(GRADES, encoding="utf-8")
    return path


def test_agreement_in_words_and_as_json(grades):
    run = marrowmap_here("study", "agreement", grades, "--scale", "grade=none,mild,severe", "--json")
    assert run.code == 0
    row = run.document["items"]["grade"]
    assert row["categories"] == ["none", "mild", "severe"]
    assert 0 < row["weighted_kappa"] < 1
    assert "cohen_kappa" in run.stderr
    assert f"{row['cohen_kappa']:.4g}" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (("--scale", "grade=none,mild"), 3, "'severe' of grade is none of none, mild"),
        (("--scale", "grade=none"), 2, "two or more different categories"),
        (("--scale", "none,mild,severe", "--scale", "mild,none,severe"), 2, "has a scale already"),
        (("--reader", "A", "--reader", "C"), 3, "reader 'B' is none of the study's: A, C"),
    ],
)
def test_agreement_refuses(grades, arguments, code, complaint):
    run = marrowmap_here("study", "agreement", grades, *arguments, "--json")
    assert run.code == code
    assert complaint in run.complaint
    assert complaint in run.document["error"]["message"]


def test_a_reader_answering_twice(grades):
    with grades.open("a", encoding="utf-8") as file:
        file.write("3,3,A,1,grade,none\n")
    run = marrowmap_here("study", "agreement", grades)
    assert run.code == 3
    assert "answered grade of case 3 twice in session 1" in run.complaint


def test_mrmc_and_plan(tmp_path):
    scores, truth = draw_study(5, positive=20, negative=20)
    path = write_scores(tmp_path / "s.csv", scores, truth)
    run = marrowmap_here("study", "mrmc", path, "--threshold", "1", "--generalize-to", "cases", "--json")
    assert run.code == 0
    document = run.document
    assert set(document["auc"]) == {"1", "2", "3"}
    assert set(document["auc"]["1"]) == {"m1", "m2"}
    assert document["low"] < document["difference"] < document["high"]
    assert "sensitivity" in run.stderr
    plan = marrowmap_here("study", "plan", path, "--difference", "0.1", "--readers", "5", "--json")
    assert plan.code == 0
    assert plan.document["plans"][0]["readers"] == 5


def test_mrmc_refuses(tmp_path):
    scores, truth = draw_study(5, positive=1)
    run = marrowmap_here("study", "mrmc", write_scores(tmp_path / "s.csv", scores, truth))
    assert run.code == 3
    assert "1 people with positive cases" in run.complaint
    assert marrowmap_here("study", "mrmc", tmp_path / "none.csv").code == 3
    assert marrowmap_here("study", "mrmc").code == 2
    path = write_scores(tmp_path / "t.csv", *draw_study(5))
    assert marrowmap_here("study", "mrmc", path, "--covariance", "guess").code == 2
    assert marrowmap_here("study", "plan", path, "--difference", "2").code == 3


def test_the_examples_of_the_page_run():
    examples = Path(__file__).resolve().parents[2] / "docs" / "examples"
    agreement = marrowmap_here("study", "agreement", examples / "reader-ratings.csv", "--json").document
    assert agreement["people"] == 10
    assert agreement["items"]["uptake"]["gwet_ac1"] == 1.0
    assert "measurement" in agreement["items"]["edema_volume"]["intra_reader"]["A"]["cohen_kappa_note"]
    mrmc = marrowmap_here("study", "mrmc", examples / "reader-scores.csv", "--json").document
    assert mrmc["people"] == 36
    assert mrmc["low"] > 0
