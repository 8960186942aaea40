"""Clinical forms in a course: of which exam each is, of which episodes it speaks, and that they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from datetime import timedelta

from marrowmap.course.episodes import GAP_MONTHS
from marrowmap.errors import InputError
from marrowmap.ingest.clinical import require_same_person
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.clinical import ANSWERS
from marrowmap.values.clinical import Answer
from marrowmap.values.clinical import ClinicalForm
from marrowmap.values.clinical import DatedForm
from marrowmap.values.clinical import Pregnancy
from marrowmap.values.course import DAYS_PER_MONTH
from marrowmap.values.course import Episode
from marrowmap.values.course import months_between

DAYS_PER_YEAR = 12 * DAYS_PER_MONTH
BEFORE_THE_PAIN = "unusual_load"
"""The question that one illness answers once; the others may become true while it lasts."""

LATE_AFTER_MONTHS = 3.0
"""Nobody is in the third trimester, or has given birth, so soon after not having been pregnant."""


def date_form(file: str, form: ClinicalForm, exams: Sequence[AnalyzedExam]) -> DatedForm:
    """Find the exam that a form is of: by its date, else the first after its onset, else the only one.

    Raises
    ------
    InputError
        If there is no such exam, or it is left open which.
    """
    days = sorted({exam.day for exam in exams})
    listed = ", ".join(map(str, days))
    if form.day is not None:
        if form.day not in days:
            raise InputError(f"{file}: is of the exam of {form.day}, given are those of {listed}: correct the date")
        return DatedForm(file, form.day, form)
    if form.onset is not None:
        after = [day for day in days if day >= form.onset]
        if not after:
            raise InputError(f"{file}: onset {form.onset} lies after the last exam ({days[-1]}): correct the date")
        return DatedForm(file, after[0], form)
    if len(days) > 1:
        raise InputError(f"{file}: has neither date nor onset: add the day of its exam (date = ...), one of {listed}")
    return DatedForm(file, days[0], form)


def require_persons_forms(forms: Sequence[DatedForm], exams: Sequence[AnalyzedExam]) -> None:
    """Raise unless every form can be of the person of every exam, at the age they had then.

    Raises
    ------
    GeometryError
        If identifier, sex or age differ.
    """
    for one in forms:
        for exam in exams:
            age = exam.person.age_years
            then = None if age is None else age + (one.day - exam.day).days / DAYS_PER_YEAR
            require_same_person(one.form, replace(exam.person, age_years=then), one.day.isoformat(), one.file)


def _last_day(episode: Episode) -> date:
    """Return the last day on which something said may still be of an episode."""
    if episode.end is not None:
        return episode.end
    return max(episode.active, default=episode.start) + timedelta(days=GAP_MONTHS * DAYS_PER_MONTH)


def forms_of(episode: Episode, forms: Sequence[DatedForm], episodes: Sequence[Episode]) -> tuple[DatedForm, ...]:
    """Return the forms whose illness, from onset to exam, falls into an episode.

    Parameters
    ----------
    episode : Episode
        One of `episodes`.
    forms : sequence of DatedForm
    episodes : sequence of Episode
        All of the person.
    """
    after = [one.start for one in episodes if one.place == episode.place and one.start > episode.start]
    next_start = min(after, default=date.max)
    return tuple(one for one in forms if episode.start <= one.day < next_start and one.since <= _last_day(episode))


def form_of_day(day: date, forms: Sequence[DatedForm], episodes: Sequence[Episode]) -> tuple[DatedForm, ...]:
    """Return the last form that speaks of a day: one from whose onset to the end of an episode of it the day lies.

    For a joint that was never active itself.
    """
    speaking = []
    for one in forms:
        ends = [_last_day(episode) for episode in episodes if one in forms_of(episode, forms, episodes)]
        if one.since <= day <= max([one.day, *ends]):
            speaking.append(one)
    return (max(speaking, key=lambda one: one.day),) if speaking else ()


def require_agreement(forms: Sequence[DatedForm], episodes: Sequence[Episode]) -> None:
    """Raise where forms of one episode contradict each other.

    What was answered with yes cannot become no while an episode lasts, and what came before the pain does not change.

    Raises
    ------
    InputError
        Names both forms and the question.
    """
    for number, one in enumerate(forms):
        for other in forms[number + 1 :]:
            if (one.form.setting, one.form.prior) != (other.form.setting, other.form.prior):
                raise InputError(f"{one.file} and {other.file} ask for two priors: give one setting or one prior")
            _require_known(one, other, "known_cancer")
    groups = [forms_of(episode, forms, episodes) for episode in episodes]
    for group in [*groups, *([one for one in forms if one.day == day] for day in {one.day for one in forms})]:
        for number, one in enumerate(group):
            for other in group[number + 1 :]:
                _require_one_illness(one, other)


def _require_one_illness(one: DatedForm, other: DatedForm) -> None:
    """Compare two forms of one episode or one day, the earlier first."""
    onsets = one.form.onset, other.form.onset
    if None not in onsets and onsets[0] != onsets[1]:
        raise _contradiction(one, other, "onset", str(onsets[0]), str(onsets[1]))
    for question in ANSWERS:
        _require_known(one, other, question, both_ways=question == BEFORE_THE_PAIN or one.day == other.day)
    said = one.form.pregnancy, other.form.pregnancy
    is_too_soon = _is_late(other.form) and months_between(one.day, other.day) < LATE_AFTER_MONTHS
    differ = one.day == other.day and said[0] is not said[1] and Pregnancy.UNKNOWN not in said
    if differ or (said[0] is Pregnancy.NO and is_too_soon):
        raise _contradiction(one, other, "pregnancy", said[0].value, said[1].value)


def _require_known(one: DatedForm, other: DatedForm, question: str, *, both_ways: bool = False) -> None:
    before, after = (each.form.answers.get(question, Answer.UNKNOWN) for each in (one, other))
    if (before, after) == (Answer.YES, Answer.NO) or (both_ways and (before, after) == (Answer.NO, Answer.YES)):
        raise _contradiction(one, other, question, before.value, after.value)


def _contradiction(one: DatedForm, other: DatedForm, question: str, before: str, after: str) -> InputError:
    return InputError(
        f"{question} is {before} in {one.file} (exam of {one.day}) and {after} in {other.file} (exam of {other.day}): "
        "one of both is wrong, correct it"
    )


def joined_form(forms: Sequence[DatedForm]) -> ClinicalForm | None:
    """Return what the forms of one episode say together, None without any: each fact as it was last known.

    Parameters
    ----------
    forms : sequence of DatedForm
        That agree, the earliest first.
    """
    if not forms:
        return None
    joined = forms[0].form
    for later in (one.form for one in forms[1:]):
        is_told = later.pregnancy is not Pregnancy.UNKNOWN and not _is_late(joined)
        known = {name: answer for name, answer in later.answers.items() if answer is not Answer.UNKNOWN}
        joined = replace(
            joined,
            person=joined.person or later.person,
            age_years=later.age_years if later.age_years is not None else joined.age_years,
            sex=joined.sex or later.sex,
            pregnancy=later.pregnancy if is_told else joined.pregnancy,
            trimester=later.trimester if is_told else joined.trimester,
            answers={**joined.answers, **known},
            onset=joined.onset or later.onset,
        )
    return joined


def _is_late(form: ClinicalForm) -> bool:
    """Return whether an episode is known to fall into late pregnancy or the months after: that does not pass."""
    return form.pregnancy is Pregnancy.POSTPARTUM or form.trimester == 3
