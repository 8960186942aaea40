"""What the exams and the course of each joint support together, each fact counted once.

What is weighed is the joint's last episode: each sign as it was last clearly seen while the episode was active. Exams
after it enter as the course alone: that edema has gone is what "resolved" says, and an absent sign would say it again.
A lasting sign (band, cold area, collapse, crescent) counts as it was last clearly seen, whenever that was. A joint that
no exam showed active is weighed by its last exam, without any course. Answers of clinical forms count where their
illness falls into that episode; see :mod:`marrowmap.course.clinical_forms`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import date

from marrowmap.course.clinical_forms import form_of_day
from marrowmap.course.clinical_forms import forms_of
from marrowmap.course.clinical_forms import joined_form
from marrowmap.reasoning.course_items import LASTING_SIGNS
from marrowmap.reasoning.course_items import course_seen
from marrowmap.reasoning.course_items import lasting_signs
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.reasoning.differential import differential
from marrowmap.reasoning.literature import shipped
from marrowmap.terms.signs import SIGNS
from marrowmap.values import Evidence
from marrowmap.values import Finding
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import State
from marrowmap.values import Subject
from marrowmap.values.analyzed import Place
from marrowmap.values.analyzed import Row
from marrowmap.values.analyzed import SignRow
from marrowmap.values.course import Course
from marrowmap.values.course import Episode
from marrowmap.values.course import months_between

CLEAR = (State.PRESENT, State.ABSENT)
LINE_QUANTITIES = ("subchondral_line_thickness", "subchondral_line_length")
"""Measurements that may raise a red flag."""


@dataclass(frozen=True)
class CourseDifferentials:
    """What each joint's exams and course support; notes say what could not be weighed and why."""

    joints: tuple[JointDifferential, ...]
    notes: tuple[str, ...]


def weigh_course(course: Course) -> CourseDifferentials:
    """Weigh every joint of one person's course that has findings, right before left."""
    places = sorted({sign.place for exam in course.exams for sign in exam.signs}, key=_order)
    joints: list[JointDifferential] = []
    notes: list[str] = []
    for name in sorted({sign.sign for exam in course.exams for sign in exam.signs} - set(SIGNS)):
        notes.append(f"{name}: this version does not know such a sign: it was not weighed")
    for place in places:
        episode = max((e for e in course.episodes if e.place == place), key=lambda e: e.start, default=None)
        signs, contradictions = _weighed_signs(course, place, episode)
        notes += contradictions
        if signs:
            joints.append(_weigh(course, place, episode, signs))
    return CourseDifferentials(tuple(joints), tuple(notes))


def _order(place: Place) -> tuple[str, bool]:
    return place.joint_name, place.side_name == "left"


def _weigh(course: Course, place: Place, episode: Episode | None, signs: Sequence[SignRow]) -> JointDifferential:
    day = max(sign.day for sign in signs)
    seen = None
    if episode is not None and episode.active:
        # The lasting signs are weighed as findings, by the same readings.
        lasting = lasting_signs(course, place, episode.start)
        seen = replace(course_seen(course, episode, lasting), is_lasting_weighed=True)
    days = {sign.day for sign in signs}
    rows = [row for exam in course.exams for row in exam.rows if row.place == place and row.day in days]
    if episode is not None and episode.active:
        forms = forms_of(episode, course.forms, course.episodes)
    else:
        forms = form_of_day(day, course.forms, course.episodes)
    return differential(
        [_finding(sign, day) for sign in signs],
        place.joint,
        place.side,
        subject=_subject(course, day),
        measurements=[_measurement(row) for row in rows if row.quantity in {*LINE_QUANTITIES, *shipped().barring}],
        form=joined_form(forms),
        course=seen,
    )


def _weighed_signs(course: Course, place: Place, episode: Episode | None) -> tuple[list[SignRow], list[str]]:
    """Return one row a sign; a sign that exams of one day contradict each other in is left out, and that is said."""
    mine = [sign for exam in course.exams for sign in exam.signs if sign.place == place and sign.sign in SIGNS]
    active = set(episode.active) if episode is not None else set()
    if not active:
        used = {item for item in shipped().items if item in SIGNS}
        shown = [sign.day for sign in mine if sign.state in CLEAR and sign.sign in used]
        active = {max(shown)} if shown else {max((sign.day for sign in mine), default=date.min)}
    chosen, notes = [], []
    for name in SIGNS:
        rows = [
            sign
            for sign in mine
            if sign.sign == name and (sign.day in active or (name in LASTING_SIGNS and sign.day >= min(active)))
        ]
        clear = [sign for sign in rows if sign.state in CLEAR] or rows
        latest = [sign for sign in clear if sign.day == max(one.day for one in clear)]
        if {sign.state for sign in latest} >= set(CLEAR):
            notes.append(
                f"{place}, {latest[0].day}: {name.replace('_', ' ')} is present in one exam and absent in another of "
                "the same day: it was not weighed"
            )
        elif latest:
            chosen.append(max(latest, key=lambda sign: _certainty(sign) or 0.0))
    return chosen, notes


def _certainty(sign: SignRow) -> float | None:
    """Return how sure a row is; one half, which says nothing, where it does not say."""
    if sign.state is State.NOT_ASSESSABLE:
        return None
    value = sign.document.get("certainty")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
        return 0.5
    return float(value)


def _finding(sign: SignRow, day: date) -> Finding:
    # The day is that of the joint's last exam weighed: signs of one episode are weighed together.
    limit = Quantity(*sign.limit) if sign.limit is not None else None
    state = sign.state if limit is not None or sign.state is not State.ABSENT else State.UNDETERMINED
    note = sign.note or "no reason was written"
    place = sign.place
    return Finding(
        sign.sign, place.joint, place.side, state, _certainty(sign), limit, sign.modality, day.isoformat(), None, note
    )


def _measurement(row: Row) -> Measurement:
    place = row.place
    joint, side = (place.joint, place.side) if place is not None else (None, None)
    quantity = Quantity(row.value, row.unit, row.low, row.high)
    evidence = Evidence("", ())
    return Measurement(
        row.quantity, joint, side, row.region, quantity, row.modality, row.method, row.day.isoformat(), evidence
    )


def _subject(course: Course, day: date) -> Subject:
    """Return the person at the age they had on a day, by the nearest exam that says an age."""
    known = [(exam.day, exam.person.age_years) for exam in course.exams if exam.person.age_years is not None]
    if not known:
        return replace(course.person, age_years=None)
    told, age = min(known, key=lambda one: abs((one[0] - day).days))
    return replace(course.person, age_years=max(0.0, age + months_between(told, day) / 12))
