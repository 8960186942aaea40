"""The report of a course as data; HTML and PDF lay it out like that of an exam."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from marrowmap.course.activity import NORMAL_ML
from marrowmap.course.change import Call
from marrowmap.course.change import Change
from marrowmap.course.episodes import GAP_MONTHS
from marrowmap.course.recovery import Bounded
from marrowmap.course.review import CourseReview
from marrowmap.course.review import EpisodeRecovery
from marrowmap.course.review import over_between
from marrowmap.course.review import published_times
from marrowmap.course.within_bone import Move
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.report.canvas import Picture
from marrowmap.report.differential_section import cited_sources
from marrowmap.report.differential_section import differential_sections
from marrowmap.report.differential_section import flag_lines
from marrowmap.report.page import Document
from marrowmap.report.page import Plate
from marrowmap.report.page import Section
from marrowmap.report.page import Table
from marrowmap.report.wording import load_reportlets
from marrowmap.report.wording import number_text
from marrowmap.values.course import Episode
from marrowmap.values.course import OnsetKind

_CALLS = {Call.CHANGED: "changed", Call.UNCERTAIN: "uncertain", Call.STABLE: "within repeatability"}
METHODS = (
    "Exams were read from the folders that marrowmap left; their numbers are unchanged. An episode begins with the "
    f"first exam that shows a joint active (diffuse edema, or more than {NORMAL_ML:g} mL in the whole bone; without "
    "MRI, raised uptake) and ends with the first that shows it quiet; activity after a quiet exam, or after "
    f"{GAP_MONTHS:g} months without exam, is another episode.",
    "Rows are compared only where joint, side, region, quantity, modality and method agree. Every exam is compared "
    "with the first and with the one before it. The repeatability coefficient of a pair is 1.96 standard errors of the "
    "difference (2.77 SEM with two equal errors; for BMD the least significant change). A change is called where it "
    "exceeds that and also stands after Holm's correction over all comparisons of this person: then at most 5 % of "
    "people who are stable get any such call. What exceeds repeatability but does not stand is called uncertain.",
    "Recovery was fitted by maximum likelihood, with a residual and with limits of detection as such; normal is "
    f"{NORMAL_ML:g} mL of edema (a choice), or a BMD within its least significant change of the person's own earlier "
    "value. Intervals are of the profile likelihood, 95 %, held within what the exams show without any curve.",
)
LIMITS = (
    "Error of measurement is each row's own interval and, where that is known to be too narrow, what virtual patients "
    "show. No one has yet measured the repeatability of these numbers on patients.",
    "Scanner, sequence and voxels of MRI exams are compared, and differences named, where manifest.json of each folder "
    "says them; else that exams were made alike is for the reader to know. Coils and software are not compared.",
    "An episode that ended between two exams is dated by the later one.",
    "Reasons to reconsider come from small published series. This report makes no diagnosis.",
)


def _months(value: float) -> str:
    return "never in this model" if not math.isfinite(value) else f"{value:.1f}"


def _level_text(value: float) -> str:
    return "0" if value < 1e-3 else number_text(value)


def bounded_text(bounded: Bounded) -> str:
    """Write an estimate and its interval, in months."""
    if bounded.low <= 0 and math.isfinite(bounded.high):
        return f"at most {bounded.high:.1f}"
    high = "no upper bound" if not math.isfinite(bounded.high) else f"{bounded.high:.1f}"
    low = "no bound" if not math.isfinite(bounded.low) else f"{bounded.low:.1f}"
    return f"{_months(bounded.value)} ({low} to {high})"


def onset_text(episode: Episode) -> str:
    """Write when an episode began."""
    onset = episode.onset
    if onset.kind is OnsetKind.UNKNOWN:
        after = f"after {episode.not_before}, " if episode.not_before else ""
        return f"unknown; {after}first seen {episode.first_seen}"
    about = f" ± {onset.within_days} days" if onset.within_days else ""
    return f"{onset.day}{about}"


def _over_text(episode: Episode) -> str:
    between = over_between(episode)
    if between is None:
        return "no exam shows it active"
    low, high = between
    return f"after {low:.1f} months or more" if not math.isfinite(high) else f"{low:.1f} to {high:.1f} months"


def _episodes(review: CourseReview) -> Section:
    rows = tuple(
        (
            str(e.number),
            str(e.place),
            onset_text(e),
            str(len(e.days)),
            _over_text(e),
            e.outcome.value + (f", {e.outcome_day}" if e.outcome_day else ""),
            "stated" if e.stated else "by exams",
        )
        for e in review.course.episodes
    )
    columns = ("#", "Joint", "Onset", "Exams", "Over, from start", "Outcome", "Known")
    none = () if rows else ("No exam shows a joint active, and no episode was stated.",)
    notes = tuple(f"Episode {e.number}: {e.note}" for e in review.course.episodes if e.note)
    events = tuple(
        f"{event.kind.value.replace('_', ' ')}: {event.day}"
        + (f" to {event.end}" if event.end else "")
        + (f", {event.place}" if event.place else "")
        + (f"; {event.note}" if event.note else "")
        for event in review.course.events
    )
    tables = (Table("Episodes", columns, rows, numeric=(3,)),) if rows else ()
    return Section("episodes", "Episodes", none, (*notes, *events), tables)


def _reconsider(review: CourseReview) -> Section:
    items = tuple(
        f"{f'Episode {flag.episode}: ' if flag.episode else ''}{flag.text} [{flag.source}; {flag.confidence}]"
        for flag in review.flags
    )
    if items:
        text = (
            "What follows is not how a transient condition usually behaves; the differential should be looked at again."
        )
    elif not review.course.episodes:
        text = "There is no episode to judge."
    elif review.unjudged:
        text = "What could be judged does not speak against the course of a transient condition; much may be open:"
    else:
        text = "Nothing in these exams speaks against the course of a transient condition."
    return Section("reconsider", "To reconsider", (text,), (*items, *review.unjudged))


def _recovery_row(review: CourseReview, found: EpisodeRecovery) -> tuple[str, ...]:
    episode = next(e for e in review.course.episodes if e.number == found.episode)
    what = f"{found.episode}, {episode.place}: {found.quantity.replace('_', ' ')}"
    fit = found.recovery
    if fit is None or found.from_onset is None:
        return what, found.reason, "", "", ""
    residual = fit.residual
    left = (
        "taken as none"
        if fit.residual_fixed
        else f"{_level_text(residual.value)} ({_level_text(residual.low)} to "
        f"{_level_text(residual.high) if math.isfinite(residual.high) else 'no bound'})"
    )
    unit = found.trajectory.unit if found.trajectory else ""
    since = "onset" if episode.onset.kind is not OnsetKind.UNKNOWN else "first exam"
    return (
        what,
        f"{fit.shape.value}, from {found.start}",
        f"{bounded_text(found.from_onset)} from {since}",
        bounded_text(fit.half_life),
        left if fit.residual_fixed else f"{left} {unit}",
    )


def _recovery(review: CourseReview) -> Section | None:
    if not review.recoveries:
        return None
    columns = ("Episode", "Curve", "Months to normal (95 %)", "Half-life, months", "Residual")
    table = Table("Recovery", columns, tuple(_recovery_row(review, found) for found in review.recoveries))
    published = Table(
        "Published times, months from onset",
        ("What", "Statistic", "Months", "Source"),
        tuple(
            (
                time["what"],
                time["statistic"],
                f"{time['months']:g}" if "months" in time else f"{time['low']:g} to {time['high']:g}",
                f"{time['citation']} ({time['confidence']})",
            )
            for time in published_times()
        ),
        numeric=(2,),
    )
    notes = [
        f"Episode {found.episode}: {note}"
        for found in review.recoveries
        if found.recovery
        for note in found.recovery.notes
    ]
    notes += [
        f"Episode {e.number}: onset is unknown; its times count from {e.first_seen}, shorter than from onset"
        for e in review.course.episodes
        if e.onset.kind is OnsetKind.UNKNOWN
    ]
    return Section("recovery", "Recovery", items=tuple(notes), tables=(table, published))


def _migration(review: CourseReview) -> Section | None:
    if not review.edges and not review.shifts:
        return None
    by_number = {episode.number: episode for episode in review.course.episodes}
    steps = Table(
        "Steps between joints",
        ("From", "To", "Step", "Months", "Within"),
        tuple(
            (
                f"{edge.earlier}, {by_number[edge.earlier].place}",
                f"{edge.later}, {by_number[edge.later].place}",
                edge.step.value
                + ("" if edge.distal is None else ", down the limb" if edge.distal else ", up the limb"),
                f"{edge.months:.1f}",
                f"{edge.low:.1f} to {edge.high:.1f}" if math.isfinite(edge.high) else f"{edge.low:.1f} or more",
            )
            for edge in review.edges
        ),
        numeric=(3,),
    )
    shifts = Table(
        "Moves within a bone, in its own coordinates",
        ("Where", "Between", "Center lateral, superior, anterior, mm", "Distance, mm", "Come, gone, mL", "Edema"),
        tuple(
            (
                f"{place}, {shift.region}".replace("_", " "),
                f"{shift.start} and {shift.end}",
                ", ".join(f"{x:+.1f}" for x in shift.by_mm),
                f"{shift.distance_mm:.1f} (error {shift.repeatability_mm:.1f})",
                f"{shift.come_ml:.1f}, {shift.gone_ml:.1f}",
                shift.move.value + ("" if shift.move is Move.STAYED else f", center {shift.words}"),
            )
            for place, shift in review.shifts
        ),
    )
    tables = tuple(table for table in (steps, shifts) if table.rows)
    return Section("migration", "Migration", tables=tables)


def _change_row(change: Change) -> tuple[str, ...]:
    at_least = "at least " if change.at_least and change.difference else ""
    unit = "" if change.trajectory.unit == "1" else f" {change.trajectory.unit}"
    return (
        change.trajectory.name,
        f"{change.start} to {change.end} ({change.against})",
        f"{at_least}{'+' if change.difference > 0 else ''}{number_text(change.difference)}{unit}",
        number_text(change.repeatability),
        _CALLS[change.call],
    )


def _changes(review: CourseReview) -> Section | None:
    if not review.changes:
        return None
    told = [change for change in review.changes if change.call is not Call.STABLE]
    stable = len(review.changes) - len(told)
    text = f"{len(review.changes)} comparisons; {stable} within repeatability are in course.json."
    columns = ("What", "Between", "Difference", "Repeatability", "Call")
    tables = (Table("Changes", columns, tuple(_change_row(c) for c in told), numeric=(2, 3)),) if told else ()
    return Section("changes", "Change beyond repeatability", (text,), review.notes, tables)


def _exams(review: CourseReview) -> Section:
    rows = tuple(
        (exam.day.isoformat(), exam.label, ", ".join(str(place) for place in sorted(exam.places)))
        for exam in review.course.exams
    )
    return Section("exams", "Examinations", tables=(Table("Examinations", ("Date", "Folder", "Joints"), rows),))


WEIGHED = (
    "Here a joint's last episode is weighed: each sign as it was last clearly seen while the joint was active, and "
    "what became of it as the course. That edema has gone counts once, as resolution. A joint that no exam showed "
    "active is weighed by its last exam. Answers of a clinical form count for the episodes that lie between its onset "
    "and its exam."
)


def _differential(differentials: Sequence[JointDifferential]) -> list[Section]:
    """Lay out what each joint supports; pictures are in the exams' own reports."""
    sections = differential_sections(differentials, {})
    if not sections:
        return []
    first, *rest = sections
    cited = cited_sources(differentials)
    literature = [Section("literature", "Literature", items=tuple(cited), level=3)] if cited else []
    return [replace(first, paragraphs=(*first.paragraphs, WEIGHED)), *rest, *literature]


def build_course_document(
    review: CourseReview, pictures: tuple[Picture, ...], differentials: Sequence[JointDifferential] = ()
) -> Document:
    """Put the report of a course together."""
    fixed = load_reportlets()
    texts = fixed["pictures"]
    plates = tuple(
        Plate(
            number,
            f"{texts[p.key]['title']}: {p.place}",
            texts[p.key]["text"],
            texts[p.key]["good"],
            texts[p.key]["bad"],
            p,
        )
        for number, p in enumerate(pictures, start=1)
    )
    course = review.course
    days = [exam.day for exam in course.exams]
    sex = {"M": "male", "F": "female", "O": "other"}.get(course.person.sex, "not given")
    forms = "; ".join(f"{one.file}, of the exam of {one.day}" for one in course.forms)
    facts = (
        ("Subject", course.person.person_id or "not given"),
        ("Sex", sex),
        ("Examinations", f"{len(set(days))}, {min(days)} to {max(days)}"),
        ("Episodes", str(len(course.episodes))),
        *((("Clinical forms", forms),) if forms else ()),
    )
    sections = (
        _episodes(review),
        _reconsider(review),
        *_differential(differentials),
        Section("timeline", "Over time", plates=plates[:1]),
        _recovery(review),
        _migration(review),
        _changes(review),
        Section("trajectories", "Measurements", plates=plates[1:]) if plates[1:] else None,
        _exams(review),
        Section("limits", "Limits", items=LIMITS),
        Section("methods", "Methods", paragraphs=METHODS),
    )
    return Document(
        "Course of marrow edema and bone",
        fixed["notice"],
        facts,
        (*flag_lines(differentials), *course.warnings),
        tuple(section for section in sections if section is not None),
        metadata.version("marrowmap"),
    )
