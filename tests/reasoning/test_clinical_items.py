from __future__ import annotations

import math
from dataclasses import replace

import pytest

from marrowmap.reasoning.clinical_items import clinical_observations
from marrowmap.reasoning.differential import differential
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import Subject
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import Pregnancy

from .studies import finding

UNKNOWN = ClinicalForm("", None, "", Pregnancy.UNKNOWN, None, dict.fromkeys(ANSWERS, Answer.UNKNOWN))


def told(form: ClinicalForm | None, subject: Subject | None = None) -> dict[str, bool]:
    return {one.item: one.is_present for one in clinical_observations(form, subject or Subject())}


@pytest.mark.parametrize("form", [None, UNKNOWN])
def test_nothing_known_says_nothing(form):
    assert told(form) == {}


@pytest.mark.parametrize("sex", ["", "O", "X", "U"])
def test_a_sex_that_is_neither_is_not_weighed(sex: str):
    assert told(None, Subject(sex=sex, age_years=30.0)) == {"age_60_or_more": False}


@pytest.mark.parametrize(("age", "is_old"), [(0.0, False), (59.99, False), (60.0, True), (130.0, True)])
def test_the_age_limit_is_sixty(age: float, is_old: bool):
    assert told(None, Subject(age_years=age)) == {"age_60_or_more": is_old}


def test_sex_and_age_unknown_leave_the_answer_to_the_images():
    found = [finding("diffuse_edema"), finding("subchondral_band")]
    one = differential(found, Joint.HIP, Side.LEFT, subject=Subject(sex="O"), form=UNKNOWN)
    assert one == differential(found, Joint.HIP, Side.LEFT)
    assert all(math.isfinite(share.probability) for share in one.weighed.shares)
    assert {"male", "age_60_or_more"}.isdisjoint(item for item, _ in one.missing)


@pytest.mark.parametrize(
    ("pregnancy", "trimester", "late"),
    [
        (Pregnancy.YES, 3, True),
        (Pregnancy.POSTPARTUM, None, True),
        # Not late: that says something only of a woman known to be under 50.
        (Pregnancy.YES, 1, None),
        (Pregnancy.YES, None, None),
        (Pregnancy.NO, None, None),
        (Pregnancy.UNKNOWN, None, None),
    ],
)
def test_late_pregnancy_counts_without_age_and_sex(pregnancy, trimester, late):
    found = told(replace(UNKNOWN, pregnancy=pregnancy, trimester=trimester))
    assert found.get("late_pregnancy") is late
    assert found.get("male") is (False if pregnancy in (Pregnancy.YES, Pregnancy.POSTPARTUM) else None)


@pytest.mark.parametrize(("age", "asked"), [(None, False), (49.9, True), (50.0, False)])
def test_that_someone_is_not_pregnant_counts_under_fifty_only(age, asked):
    found = told(replace(UNKNOWN, pregnancy=Pregnancy.NO), Subject(sex="F", age_years=age))
    assert ("late_pregnancy" in found) is asked


@pytest.mark.parametrize("age", [None, 39.0, 40.0])
def test_a_mass_is_flagged_once_at_any_age(age):
    form = replace(UNKNOWN, answers={**UNKNOWN.answers, "mass": Answer.YES})
    one = differential([finding("effusion")], Joint.HIP, Side.LEFT, form=form, subject=Subject(age_years=age))
    assert [flag.id for flag in one.flags] == ["mass_and_age" if age == 40.0 else "mass"]
    assert "nan" not in one.flags[0].text
