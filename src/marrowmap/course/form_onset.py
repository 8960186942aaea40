"""A course with its clinical forms: when pain began, by a form, is the onset of the episode it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from marrowmap.course.clinical_forms import forms_of
from marrowmap.course.clinical_forms import require_agreement
from marrowmap.course.clinical_forms import require_persons_forms
from marrowmap.course.episodes import GAP_MONTHS
from marrowmap.course.episodes import build_course
from marrowmap.errors import InputError
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.clinical import DatedForm
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import Onset
from marrowmap.values.course import OnsetKind
from marrowmap.values.course import StatedEpisode
from marrowmap.values.course import Statements
from marrowmap.values.course import months_between


def build_course_with_forms(exams: Sequence[AnalyzedExam], said: Statements) -> Course:
    """Order one person's exams into episodes, with what clinical forms say of their onset.

    Raises
    ------
    GeometryError, UsageError
        As :func:`marrowmap.course.episodes.build_course`, and if a form is of another person.
    InputError
        If forms contradict each other or the events file.
    """
    require_persons_forms(said.forms, exams)
    course = build_course(exams, said)
    require_agreement(course.forms, course.episodes)
    notes: dict[str, str] = {}
    for one in course.forms:
        stated, note = _state_onset(one, course.episodes, said)
        if stated != said.episodes:
            said = replace(said, episodes=stated)
            course = build_course(exams, said)
        if note:
            notes[one.file] = note
    require_agreement(course.forms, course.episodes)
    for one in course.forms:
        if not any(one in forms_of(episode, course.forms, course.episodes) for episode in course.episodes):
            notes.setdefault(one.file, f"{one.file}: no episode lies between its onset and its exam ({one.day})")
    return replace(course, warnings=(*course.warnings, *notes.values()))


def _state_onset(
    one: DatedForm, episodes: Sequence[Episode], said: Statements
) -> tuple[tuple[StatedEpisode, ...], str]:
    """Return all stated episodes, with the one that a form dates, and a note where it dates none."""
    onset = one.form.onset
    if onset is None:
        return said.episodes, ""
    fitting = [each for each in episodes if each.active and _may_begin(each, one)]
    # An episode that its exam shows, rather than one that came to light later.
    fitting = [each for each in fitting if each.active[0] <= one.day] or fitting
    dated = {each: each.onset.day for each in fitting if each.onset.day is not None}
    if any(abs((day - onset).days) <= each.onset.within_days for each, day in dated.items()):
        return said.episodes, ""
    open_ones = [each for each in fitting if each not in dated]
    if len(open_ones) == 1:
        return _dated(open_ones[0], one, said), ""
    if open_ones:
        places = " and ".join(str(each.place) for each in open_ones)
        return said.episodes, f"{one.file}: onset {onset} may be that of {places}: not used; an events file can tell"
    if dated:
        each, day = next(iter(dated.items()))
        raise InputError(
            f"{one.file}: onset {onset}, but the onset of the {each.place} is stated as {day}: correct one of both"
        )
    return said.episodes, f"{one.file}: onset {onset} fits no episode that the exams show: not used"


def _may_begin(episode: Episode, one: DatedForm) -> bool:
    """Return whether an episode may have begun on a form's onset."""
    onset = one.since
    is_before = onset <= episode.active[0] and months_between(onset, episode.active[0]) <= GAP_MONTHS
    was_quiet = episode.not_before is not None and onset <= episode.not_before
    return is_before and not was_quiet and (episode.end is None or one.day <= episode.end)


def _dated(episode: Episode, one: DatedForm, said: Statements) -> tuple[StatedEpisode, ...]:
    onset = Onset(OnsetKind.KNOWN, one.form.onset)
    same = [each for each in said.episodes if (each.place, each.start) == (episode.place, episode.start)]
    if same:
        return tuple(replace(each, onset=onset) if each is same[0] else each for each in said.episodes)
    return (*said.episodes, StatedEpisode(episode.place, onset, note=f"onset by the clinical form {one.file}"))
