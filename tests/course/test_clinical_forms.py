from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from marrowmap.course.clinical_forms import form_of_day
from marrowmap.course.clinical_forms import forms_of
from marrowmap.course.clinical_forms import joined_form
from marrowmap.course.clinical_forms import require_agreement
from marrowmap.course.form_onset import build_course_with_forms
from marrowmap.errors import InputError
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import DatedForm
from marrowmap.values.clinical import Pregnancy
from marrowmap.values.course import Statements

from . import analyzed_folders as made


def form(day: str, onset: str | None = None, name: str = "", **changes) -> DatedForm:
    answers = {**dict.fromkeys(ANSWERS, Answer.NO), **{key: changes.pop(key) for key in ANSWERS if key in changes}}
    began = date.fromisoformat(onset) if onset else None
    said = ClinicalForm("", None, "", Pregnancy.NO, None, answers, began)
    return DatedForm(name or f"{day}.toml", date.fromisoformat(day), replace(said, **changes))


def course_of(tmp_path, days, *forms, sex="M"):
    """Exams with so much edema of the left and right hip on each day."""
    folders = [
        made.write_hip_exam(tmp_path / str(n), day, left, right, age=None, sex=sex)
        for n, (day, left, right) in enumerate(days)
    ]
    exams = [exam for folder in folders for exam in read_analyzed(folder)]
    return build_course_with_forms(exams, Statements(forms=forms))


TWO_HIPS = (
    ("2020-01-20", 60, 0),
    ("2020-09-10", 0, 0),
    ("2022-02-01", 0, 50),
    ("2022-08-01", 0, 0),
)


def test_each_form_belongs_to_the_episode_of_its_time(tmp_path):
    first, second = form("2020-01-20", "2020-01-02"), form("2022-02-01", "2022-01-10", fever=Answer.YES)
    course = course_of(tmp_path, TWO_HIPS, second, first)
    left, right = course.episodes
    assert [(str(e.place), e.onset.day) for e in course.episodes] == [
        ("left hip", date(2020, 1, 2)),
        ("right hip", date(2022, 1, 10)),
    ]
    assert forms_of(left, course.forms, course.episodes) == (first,)
    assert forms_of(right, course.forms, course.episodes) == (second,)
    assert course.warnings == ()


def test_a_form_after_recovery_speaks_of_no_episode_and_that_is_said(tmp_path):
    late = form("2022-02-01")
    course = course_of(tmp_path, (*TWO_HIPS[:2], ("2022-02-01", 0, 0)), late)
    assert forms_of(course.episodes[0], course.forms, course.episodes) == ()
    (warning,) = course.warnings
    assert "no episode lies between its onset and its exam (2022-02-01)" in warning


def test_an_onset_that_may_be_of_two_hips_is_not_used_and_that_is_said(tmp_path):
    course = course_of(tmp_path, (("2020-01-20", 60, 50),), form("2020-01-20", "2020-01-02"))
    assert [episode.onset.day for episode in course.episodes] == [None, None]
    assert "may be that of left hip and right hip" in " ".join(course.warnings)


def test_an_onset_before_a_quiet_exam_is_not_that_of_what_came_later(tmp_path):
    course = course_of(tmp_path, (("2020-01-20", 0, 0), ("2020-06-01", 60, 0)), form("2020-06-01", "2019-12-01"))
    assert course.episodes[0].onset.day is None
    assert "fits no episode" in " ".join(course.warnings)


def test_a_joint_that_was_never_active_has_the_form_of_the_same_illness_only(tmp_path):
    first = form("2020-01-20", "2020-01-02")
    course = course_of(tmp_path, TWO_HIPS[:2], first)
    assert form_of_day(date(2020, 9, 10), course.forms, course.episodes) == (first,)
    assert form_of_day(date(2022, 2, 1), course.forms, course.episodes) == ()
    assert form_of_day(date(2019, 12, 1), course.forms, course.episodes) == ()


def test_what_has_come_up_since_is_no_contradiction(tmp_path):
    forms = form("2020-01-20"), form("2020-03-15", fever=Answer.YES, corticosteroids=Answer.YES)
    course = course_of(tmp_path, (("2020-01-20", 60, 0), ("2020-03-15", 50, 0)), *forms)
    joined = joined_form(course.forms)
    assert (joined.answers["fever"], joined.answers["alcohol"]) == (Answer.YES, Answer.NO)


def test_another_episode_may_be_answered_otherwise_but_a_cancer_that_was_known_stays_known(tmp_path):
    first = form("2020-01-20", fever=Answer.YES, unusual_load=Answer.YES)
    course = course_of(tmp_path, TWO_HIPS, first, form("2022-02-01", "2022-01-10"))
    assert len(course.forms) == 2
    known = form("2020-01-20", known_cancer=Answer.YES)
    with pytest.raises(InputError, match=r"known_cancer is yes in 2020-01-20\.toml"):
        require_agreement((known, form("2022-02-01", "2022-01-10")), course.episodes)


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"pregnancy": Pregnancy.NO}, {"pregnancy": Pregnancy.YES, "trimester": 3}, "pregnancy is no"),
        ({"pregnancy": Pregnancy.NO}, {"pregnancy": Pregnancy.POSTPARTUM}, "pregnancy is no"),
        ({"pregnancy": Pregnancy.NO}, {"pregnancy": Pregnancy.YES, "trimester": 1}, ""),
        ({"pregnancy": Pregnancy.YES, "trimester": 3}, {"pregnancy": Pregnancy.POSTPARTUM}, ""),
        ({"pregnancy": Pregnancy.UNKNOWN}, {"pregnancy": Pregnancy.POSTPARTUM}, ""),
    ],
)
def test_nobody_is_late_in_a_pregnancy_that_has_hardly_begun(tmp_path, first, second, told):
    days = (("2020-01-20", 60, 0), ("2020-03-15", 50, 0))
    forms = form(days[0][0], **first), form(days[1][0], **second)
    if told:
        with pytest.raises(InputError, match=told):
            course_of(tmp_path, days, *forms, sex="F")
    else:
        assert course_of(tmp_path, days, *forms, sex="F").warnings == ()


def test_late_pregnancy_does_not_pass_while_the_episode_lasts():
    late = form("2020-01-20", pregnancy=Pregnancy.YES, trimester=3)
    joined = joined_form((late, form("2020-06-15")))
    assert (joined.pregnancy, joined.trimester) == (Pregnancy.YES, 3)


def test_on_one_day_every_difference_is_a_contradiction(tmp_path):
    forms = form("2020-01-20", name="a.toml"), form("2020-01-20", name="b.toml", fever=Answer.YES)
    with pytest.raises(InputError, match=r"fever is no in a.toml .* and yes in b.toml"):
        course_of(tmp_path, (("2020-01-20", 60, 0),), *forms)


def test_no_form_says_nothing():
    assert joined_form(()) is None
