"""From exams and statements to episodes: when each joint was active, from when, until when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date

from marrowmap.course.activity import Activity
from marrowmap.course.activity import judge_activity
from marrowmap.course.same_person import in_order
from marrowmap.course.same_person import require_one_person
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import Onset
from marrowmap.values.course import Outcome
from marrowmap.values.course import StatedEpisode
from marrowmap.values.course import Statements
from marrowmap.values.course import months_between

GAP_MONTHS = 18.0
"""Two active exams further apart, with none between, are two episodes: few last longer (3 to 18 months, Gao 2015)."""


@dataclass(frozen=True)
class Seen:
    """What one exam says of one joint."""

    day: date
    activity: Activity
    by: str


def activity_over_time(exams: Sequence[AnalyzedExam], place: Place) -> tuple[Seen, ...]:
    """Return one statement a day for `place`, MRI before bone scan, in order; days that say nothing are left out."""
    by_day: dict[date, list[Seen]] = {}
    for exam in exams:
        activity, by = judge_activity(exam, place)
        if activity is not Activity.UNKNOWN:
            by_day.setdefault(exam.day, []).append(Seen(exam.day, activity, by))
    chosen = []
    for day in sorted(by_day):
        leading = [seen for seen in by_day[day] if seen.by == "MR"] or by_day[day]
        chosen.append(max(leading, key=lambda seen: seen.activity is Activity.ACTIVE))
    return tuple(chosen)


def _runs(seen: Sequence[Seen]) -> list[list[date]]:
    """Return the active days of each run: a quiet exam or a long gap ends it, a bone scan alone begins none in it."""
    runs: list[list[date]] = []
    quiet_since = True
    for one in seen:
        if one.activity is Activity.QUIET:
            quiet_since = True
            continue
        last = runs[-1] if runs else None
        recent = last is not None and months_between(last[-1], one.day) <= GAP_MONTHS
        begun_recently = last is not None and months_between(last[0], one.day) <= GAP_MONTHS
        if last is not None and recent and (not quiet_since or (one.by == "NM" and begun_recently)):
            if not quiet_since:
                last.append(one.day)
        else:
            runs.append([one.day])
            quiet_since = False
    return runs


def _match(run: Sequence[date], stated: Sequence[StatedEpisode]) -> StatedEpisode | None:
    """Return the stated episode whose start a run follows most closely, within the length of an episode."""
    before = [
        episode
        for episode in stated
        if (episode.onset.earliest or episode.start) <= run[0] and months_between(episode.start, run[0]) <= GAP_MONTHS
    ]
    return max(before, key=lambda episode: episode.start, default=None)


def _episode(place: Place, run: list[date], stated: StatedEpisode | None) -> Episode:
    first = min([day for day in (stated.seen if stated else None, *run[:1]) if day is not None], default=None)
    return Episode(
        number=0,
        place=place,
        onset=stated.onset if stated else Onset(),
        first_seen=first or (stated.start if stated else run[0]),
        days=(),
        active=tuple(run),
        quiet_day=None,
        outcome=stated.outcome if stated else Outcome.UNKNOWN,
        outcome_day=stated.outcome_day if stated else None,
        stated=stated is not None,
        note=stated.note if stated else "",
    )


def _with_exams(episode: Episode, seen: Sequence[Seen], days: Sequence[date], until: date | None) -> Episode:
    """Give an episode the exams up to the next of its joint, and the outcome they show where none is stated."""
    earliest = min(episode.onset.earliest or episode.first_seen, episode.first_seen)
    mine = tuple(day for day in days if day >= earliest and (until is None or day < until))
    last = episode.active[-1] if episode.active else None
    before = [one.day for one in seen if one.activity is Activity.QUIET and one.day < episode.first_seen]
    quiet = [
        one.day
        for one in seen
        if one.activity is Activity.QUIET and one.day in mine and last is not None and one.day > last
    ]
    outcome, outcome_day = episode.outcome, episode.outcome_day
    if outcome is Outcome.ONGOING and outcome_day is not None and quiet and quiet[0] > outcome_day:
        # It was stated before the exam that shows it over.
        outcome, outcome_day = Outcome.RECOVERED, None
    if outcome is Outcome.UNKNOWN and episode.active:
        outcome = Outcome.RECOVERED if quiet else Outcome.ONGOING if until is None else Outcome.UNKNOWN
    over = quiet[0] if quiet else outcome_day if outcome is Outcome.RECOVERED else None
    if over is not None:
        # What comes long after is no longer of this episode.
        mine = tuple(day for day in mine if months_between(over, day) <= GAP_MONTHS)
    return replace(
        episode,
        days=mine,
        quiet_day=quiet[0] if quiet else None,
        outcome=outcome,
        outcome_day=outcome_day,
        not_before=max(before, default=None),
    )


def _at_place(
    place: Place, exams: Sequence[AnalyzedExam], stated: Sequence[StatedEpisode]
) -> tuple[list[Episode], list[str]]:
    seen = activity_over_time(exams, place)
    days = sorted({exam.day for exam in exams if place in exam.places})
    warnings: list[str] = []
    runs_of: dict[StatedEpisode, list[date]] = {episode: [] for episode in stated}
    found = []
    for run in _runs(seen):
        match = _match(run, stated)
        if match is not None and not runs_of[match]:
            runs_of[match] = run
            continue
        later = [episode for episode in stated if run[0] < episode.start <= run[-1]]
        if later:
            warnings.append(
                f"{place}: the exam of {run[0]} shows activity before the stated start {later[0].start}: told apart"
            )
        found.append(_episode(place, run, None))
    found += [_episode(place, run, episode) for episode, run in runs_of.items()]
    found.sort(key=lambda episode: (episode.start, episode.first_seen))
    starts = [*(episode.start for episode in found), None]
    done = [_with_exams(episode, seen, days, starts[n]) for n, episode in enumerate(found, start=1)]
    for episode in done:
        if episode.outcome is Outcome.ONGOING and episode.quiet_day is not None:
            warnings.append(f"{place}: stated ongoing, but the exam of {episode.quiet_day} shows it quiet")
        if episode.outcome is Outcome.RECOVERED and episode.active and episode.outcome_day is not None:
            still = [day for day in episode.active if day > episode.outcome_day]
            if still:
                warnings.append(
                    f"{place}: stated recovered {episode.outcome_day}, but the exam of {still[0]} shows it active"
                )
    return done, warnings


def build_course(exams: Sequence[AnalyzedExam], said: Statements | None = None) -> Course:
    """Order one person's exams into episodes by joint.

    An episode begins with the first exam that shows a joint active (`judge_activity`) and ends with the first that
    shows it quiet; activity after a quiet exam, or after 18 months without exam, is another episode. What an events
    file states of onset and outcome stands beside what the exams show, and exams that contradict it are named.

    Raises
    ------
    GeometryError
        If exams are of two persons, or dated before birth.
    UsageError
        If an exam is there twice.
    """
    said = said or Statements()
    person, notes = require_one_person(exams, said)
    ordered, sorting = in_order(exams)
    places = {place for exam in ordered for place in exam.places} | {episode.place for episode in said.episodes}
    episodes: list[Episode] = []
    warnings = [*notes, *sorting]
    for place in sorted(places):
        mine, complaints = _at_place(place, ordered, [e for e in said.episodes if e.place == place])
        episodes += mine
        warnings += complaints
    episodes.sort(key=lambda episode: (episode.start, episode.place))
    numbered = tuple(replace(episode, number=n) for n, episode in enumerate(episodes, start=1))
    events = tuple(sorted(said.events, key=lambda event: (event.day, event.kind.value)))
    forms = tuple(sorted(said.forms, key=lambda one: (one.day, one.file)))
    return Course(person, ordered, numbered, events, tuple(warnings), forms)
