from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.ingest.clinical import read_clinical
from marrowmap.ingest.clinical import require_same_person
from marrowmap.values import Subject
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import Pregnancy

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "clinical.toml"
FORM = {
    "age": 34,
    "sex": "F",
    "pregnancy": "yes",
    "trimester": 3,
    "corticosteroids": "no",
    "alcohol": "no",
    "fever": "no",
    "known_cancer": "unknown",
    "mass": "no",
    "unusual_load": "yes",
    "onset": "2020-01-20",
}


def read(tmp_path: Path, **changes):
    form = {key: value for key, value in {**FORM, **changes}.items() if value is not None}
    path = tmp_path / "form.json"
    path.write_text(json.dumps(form), encoding="utf-8")
    return read_clinical(path)


def test_the_shipped_example_is_read():
    form = read_clinical(EXAMPLE)
    assert (form.age_years, form.sex, form.pregnancy) == (45.0, "M", Pregnancy.NO)
    assert form.answers["mass"] is Answer.UNKNOWN


def test_json_and_toml_say_the_same(tmp_path: Path):
    form = read(tmp_path)
    assert form.trimester == 3
    assert form.onset == date(2020, 1, 20)
    assert form.answers["unusual_load"] is Answer.YES


@pytest.mark.parametrize("field", ["age", "sex", "pregnancy", "fever", "onset", "mass"])
def test_a_form_half_filled_in_is_refused(tmp_path: Path, field: str):
    with pytest.raises(InputError, match=rf"is half filled in \({field} missing\): answer, or write 'unknown'"):
        read(tmp_path, **{field: None})


def test_a_form_with_every_question_stated_unknown_is_read(tmp_path: Path):
    unknown = dict.fromkeys(FORM, "unknown")
    form = read(tmp_path, **unknown)
    assert form.age_years is None
    assert form.sex == ""
    assert set(form.answers.values()) == {Answer.UNKNOWN}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sex": "M"}, "sex is M and pregnancy yes"),
        ({"sex": "male"}, "sex is 'male'"),
        ({"age": 80}, "pregnancy yes at 80 years"),
        ({"age": -1}, "age is -1"),
        ({"age": "45"}, "age is '45'"),
        ({"age": True}, "age is True"),
        ({"pregnancy": "no"}, "a trimester is given but pregnancy is 'no'"),
        ({"pregnancy": "maybe"}, "pregnancy is 'maybe'"),
        ({"trimester": 4}, "trimester is 4"),
        ({"fever": "a little"}, "fever is 'a little'"),
        ({"fever": 38.5}, "fever is 38.5"),
        ({"onset": "last week"}, "onset is 'last week'"),
        ({"onset": "2999-01-01"}, "lies in the future"),
        ({"date": "2999-01-01"}, "date 2999-01-01 lies in the future"),
        ({"date": "monday"}, "date is 'monday'"),
        ({"date": "2020-01-19"}, "onset 2020-01-20 lies after the form's exam"),
        ({"steroids": "no"}, "unknown question 'steroids'"),
        ({"setting": "even", "prior": {"tumor": 0.5}}, "keep one"),
        ({"prior": 0.5}, r"table \[prior\]"),
        ({"person": 7}, "person is 7"),
    ],
)
def test_contradictions_and_nonsense_are_refused(tmp_path: Path, changes, told: str):
    with pytest.raises(InputError, match=told):
        read(tmp_path, **changes)


@pytest.mark.parametrize(("name", "text"), [("a.toml", "age ="), ("a.json", "{"), ("b.json", "[1]"), ("c.txt", "hm")])
def test_what_is_no_form_is_refused(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=name):
        read_clinical(tmp_path / name)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="cannot be read as text"):
        read_clinical(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("subject", "error", "told"),
    [
        (Subject("B", "F"), GeometryError, "of person 'A', the images of 'B'"),
        (Subject("", "M"), GeometryError, "sex is F, the images say M"),
        (Subject("a", "F", age_years=50.0), GeometryError, "age is 34"),
    ],
)
def test_another_persons_form_is_refused(tmp_path: Path, subject: Subject, error, told: str):
    form = read(tmp_path, person="A")
    with pytest.raises(error, match=told):
        require_same_person(form, subject, "2020-03-01", "form.json")


@pytest.mark.parametrize(
    ("subject", "told"),
    [
        (Subject(sex="M"), "pregnancy is yes, the images say sex M"),
        (Subject(age_years=70.0), "pregnancy is yes, at the exam the images say 70 years"),
    ],
)
def test_a_pregnancy_that_the_images_exclude_is_refused(tmp_path: Path, subject: Subject, told: str):
    form = read(tmp_path, age="unknown", sex="unknown")
    with pytest.raises(GeometryError, match=told):
        require_same_person(form, subject, "2020-03-01", "form.json")


def test_pain_after_the_exam_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match="onset 2020-01-20 lies after the exam"):
        require_same_person(read(tmp_path), Subject(), "2019-12-01", "form.json")


def test_a_form_of_another_exam_is_refused(tmp_path: Path):
    form = read(tmp_path, date="2020-02-01")
    require_same_person(form, Subject(), "2020-02-01", "form.json")
    with pytest.raises(InputError, match="is of the exam of 2020-02-01, this one is of 2020-03-01"):
        require_same_person(form, Subject(), "2020-03-01", "form.json")


def test_the_same_persons_form_is_taken(tmp_path: Path):
    require_same_person(read(tmp_path, person="a"), Subject("A", "F", age_years=34.9), "2020-03-01", "form.json")
