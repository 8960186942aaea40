"""What a clinical form, or the images' own header, gives to be weighed."""

from __future__ import annotations

from marrowmap.reasoning.observations import Observation
from marrowmap.values import Subject
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import Pregnancy

OLD_YEARS = 60.0
PREGNANT_UNDER = 50.0
LATE_TRIMESTER = 3
FORM, HEADER = "clinical form", "image header"


def clinical_observations(form: ClinicalForm | None, subject: Subject) -> tuple[Observation, ...]:
    """Return what is known of the person; sex and age from the images' header where the form does not say.

    Who is or lately was pregnant is a woman. That someone is not says something of women under 50 only.
    """
    found = []
    sex, sex_origin = (form.sex, FORM) if form is not None and form.sex else (subject.sex, HEADER)
    age, age_origin = (
        (form.age_years, FORM) if form is not None and form.age_years is not None else (subject.age_years, HEADER)
    )
    late = None if form is None else _late_pregnancy(form)
    if form is not None and form.pregnancy in (Pregnancy.YES, Pregnancy.POSTPARTUM):
        sex, sex_origin = "F", FORM
    if sex in ("M", "F"):
        found.append(Observation("male", sex == "M", origin=sex_origin))
    if age is not None:
        found.append(Observation("age_60_or_more", age >= OLD_YEARS, origin=age_origin))
    if form is None:
        return tuple(found)
    if late or (late is False and sex == "F" and age is not None and age < PREGNANT_UNDER):
        found.append(Observation("late_pregnancy", bool(late), origin=FORM))
    for name in ANSWERS:
        answer = form.answers.get(name, Answer.UNKNOWN)
        if answer is not Answer.UNKNOWN:
            found.append(Observation(name, answer is Answer.YES, origin=FORM))
    return tuple(found)


def _late_pregnancy(form: ClinicalForm) -> bool | None:
    if form.pregnancy is Pregnancy.UNKNOWN or (form.pregnancy is Pregnancy.YES and form.trimester is None):
        return None
    return form.pregnancy is Pregnancy.POSTPARTUM or form.trimester == LATE_TRIMESTER
