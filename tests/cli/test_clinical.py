"""What ``analyze --clinical`` refuses: in one line, with its exit code, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.ingest.clinical import read_clinical
from tests.cli.command_line import marrowmap_here

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "clinical.toml"


def edited(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    form = tmp_path / "form.toml"
    form.write_text(text, encoding="utf-8")
    return form


@pytest.mark.parametrize(
    ("old", "new", "code", "told"),
    [
        ('fever = "no"', "", 3, "form.toml: is half filled in (fever missing)"),
        ('pregnancy = "no"', 'pregnancy = "yes"', 3, "sex is M and pregnancy yes"),
        ('fever = "no"', "fever = 38", 3, "fever is 38"),
        ("age = 45", "age =", 3, "form.toml"),
        ("# setting =", "setting = 'moon' #", 2, "unknown setting 'moon'"),
        ("# [prior]", "[prior]\ntumor = 1.0\n#", 3, "transient_osteoporosis is missing"),
    ],
)
def test_a_form_that_cannot_be_used_is_refused_before_any_image_is_read(tmp_path, old, new, code, told):
    form = edited(tmp_path, (old, new))
    run = marrowmap_here("analyze", tmp_path, "--clinical", form, "--out", tmp_path / "out")
    assert run.code == code
    assert told in run.complaint
    assert not (tmp_path / "out").exists()


def test_a_missing_form_is_refused(tmp_path: Path):
    run = marrowmap_here("analyze", tmp_path, "--clinical", tmp_path / "none.toml", "--out", tmp_path / "out")
    assert run.code == 3
    assert "none.toml" in run.complaint


def test_an_onset_that_differs_from_the_forms_is_refused(tmp_path: Path):
    arguments = ("--clinical", EXAMPLE, "--onset", "2019-01-01", "--out", tmp_path / "out")
    run = marrowmap_here("analyze", tmp_path, *arguments)
    assert run.code == 2
    assert "differ" in run.complaint


def test_another_persons_form_is_refused(patient: Path, tmp_path: Path):
    form = edited(tmp_path, ("# person =", "person = 'somebody else' #"), ("age = 45", 'age = "unknown"'))
    run = marrowmap_here("analyze", patient / "dicom", "--clinical", form, "--out", tmp_path / "out")
    assert run.code == 4
    assert "somebody else" in run.complaint
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_virtual_patients_own_form_is_read_with_their_images(patient: Path, tmp_path: Path):
    form = patient / "clinical.toml"
    assert read_clinical(form).person == "VIRTUAL-TOH-7"
    run = marrowmap_here("analyze", patient / "dicom", "--clinical", form, "--out", tmp_path / "out", "--json")
    assert run.code == 0, run.complaint
    assert "the clinical form clinical.toml was read" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    (weighed,) = {(row["joint"], row["side"]) for row in run.document["differential"]}
    assert weighed == ("hip", "left")
