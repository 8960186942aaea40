"""``course.json``: the whole course as data. docs/course.md says what each field is."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from marrowmap.course.change import Change
from marrowmap.course.migration import Edge
from marrowmap.course.recovery import Bounded
from marrowmap.course.review import CourseReview
from marrowmap.course.review import EpisodeRecovery
from marrowmap.course.review import over_between
from marrowmap.course.trajectory import Trajectory
from marrowmap.course.within_bone import Move
from marrowmap.course.within_bone import Shift
from marrowmap.report.folder import SCHEMA
from marrowmap.report.rows import MEASUREMENT_COLUMNS
from marrowmap.report.rows import dump_json
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Episode
from marrowmap.values.course import Event

Row = dict[str, Any]


def _round(value: float | None) -> float | None:
    """Seven significant digits; None for what is not finite, as JSON has no infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")


def _where(place: Place | None) -> Row:
    return {"joint": place.joint_name if place else None, "side": place.side_name if place else None}


def _bounded(bounded: Bounded | None) -> Row | None:
    if bounded is None:
        return None
    return {"value": _round(bounded.value), "low": _round(bounded.low), "high": _round(bounded.high)}


def _episode(episode: Episode) -> Row:
    between = over_between(episode)
    return {
        "number": episode.number,
        **_where(episode.place),
        "onset": {
            "kind": episode.onset.kind.value,
            "date": episode.onset.day.isoformat() if episode.onset.day else None,
            "within_days": episode.onset.within_days,
        },
        "start": episode.start.isoformat(),
        "first_seen": episode.first_seen.isoformat(),
        "not_before": episode.not_before.isoformat() if episode.not_before else None,
        "exams": [day.isoformat() for day in episode.days],
        "active": [day.isoformat() for day in episode.active],
        "first_quiet": episode.quiet_day.isoformat() if episode.quiet_day else None,
        "outcome": episode.outcome.value,
        "outcome_date": episode.outcome_day.isoformat() if episode.outcome_day else None,
        "end": episode.end.isoformat() if episode.end else None,
        "over_after_months": None if between is None else [_round(between[0]), _round(between[1])],
        "stated": episode.stated,
        "note": episode.note,
    }


def _event(event: Event) -> Row:
    return {
        "kind": event.kind.value,
        "date": event.day.isoformat(),
        "end": event.end.isoformat() if event.end else None,
        **_where(event.place),
        "note": event.note,
    }


def _trajectory(trajectory: Trajectory) -> Row:
    return {
        **_where(trajectory.place),
        "region": trajectory.region,
        "quantity": trajectory.quantity,
        "unit": trajectory.unit,
        "modality": trajectory.modality,
        "method_family": trajectory.family,
        "error_source": trajectory.error_source,
        "points": [
            {
                "date": point.day.isoformat(),
                "value": _round(point.value),
                "standard_error": _round(point.error),
                "below_detection": point.below,
            }
            for point in trajectory.points
        ],
    }


def _change(change: Change) -> Row:
    return {
        **_where(change.trajectory.place),
        "region": change.trajectory.region,
        "quantity": change.trajectory.quantity,
        "unit": change.trajectory.unit,
        "modality": change.trajectory.modality,
        "from": change.start.isoformat(),
        "to": change.end.isoformat(),
        "against": change.against,
        "difference": _round(change.difference),
        "at_least": change.at_least,
        "repeatability_coefficient": _round(change.repeatability),
        "p": _round(change.p),
        "adjusted_p": _round(change.adjusted_p),
        "call": change.call.name.lower(),
    }


def _recovery(found: EpisodeRecovery) -> Row:
    fit = found.recovery
    row: Row = {
        "episode": found.episode,
        "quantity": found.quantity,
        "region": found.trajectory.region if found.trajectory else None,
        "from": found.start.isoformat() if found.start else None,
        "baseline": _round(found.baseline),
        "reason": found.reason,
        "months_from_start_to_normal": _bounded(found.from_onset),
    }
    if fit is not None:
        row |= {
            "shape": fit.shape.value,
            "normal": _round(fit.normal),
            "half_life_months": _bounded(fit.half_life),
            "residual": _bounded(fit.residual),
            "residual_fixed": fit.residual_fixed,
            "amplitude": _round(fit.amplitude),
            "errors_widened": _round(fit.scale),
            "misfit_p": _round(fit.misfit_p),
            "notes": list(fit.notes),
        }
    return row


def _edge(edge: Edge) -> Row:
    return {
        "from": edge.earlier,
        "to": edge.later,
        "step": edge.step.value,
        "months": _round(edge.months),
        "low": _round(edge.low),
        "high": _round(edge.high),
        "distal": edge.distal,
    }


def _shift(place: Place, shift: Shift) -> Row:
    return {
        **_where(place),
        "region": shift.region,
        "from": shift.start.isoformat(),
        "to": shift.end.isoformat(),
        "lateral_superior_anterior_mm": [_round(x) for x in shift.by_mm],
        "distance_mm": _round(shift.distance_mm),
        "repeatability_mm": _round(shift.repeatability_mm),
        "p": _round(shift.p),
        "come_ml": _round(shift.come_ml),
        "gone_ml": _round(shift.gone_ml),
        "move": shift.move.value,
        "moved": shift.move is Move.MOVED,
        "direction": None if shift.move is Move.STAYED else shift.words,
    }


def course_json(review: CourseReview) -> str:
    """Return the text of ``course.json``."""
    course = review.course
    return dump_json(
        {
            "schema": SCHEMA,
            "notice": "Research use only. Not a medical device.",
            "subject": subject_row(review),
            "exams": [
                {"date": exam.day.isoformat(), "folder": exam.label, "places": [str(p) for p in sorted(exam.places)]}
                for exam in course.exams
            ],
            "episodes": [_episode(episode) for episode in course.episodes],
            "events": [_event(event) for event in course.events],
            "trajectories": [_trajectory(one) for one in review.trajectories],
            "changes": [_change(change) for change in review.changes],
            "recoveries": [_recovery(one) for one in review.recoveries],
            "migration": {
                "nodes": [episode.number for episode in course.episodes],
                "edges": [_edge(edge) for edge in review.edges],
                "within_bone": [_shift(place, shift) for place, shift in review.shifts],
            },
            "reconsider": [
                {
                    "episode": flag.episode,
                    "rule": flag.rule,
                    "text": flag.text,
                    "source": flag.source,
                    "confidence": flag.confidence,
                }
                for flag in review.flags
            ],
            "not_judged": list(review.unjudged),
            "warnings": list(course.warnings),
            "notes": list(review.notes),
        }
    )


def subject_row(review: CourseReview) -> Row:
    """Return who it is: identifier and sex, age at the first exam; no name, no birth date."""
    person = review.course.person
    return {"id": person.person_id, "sex": person.sex, "age_years": review.course.exams[0].person.age_years}


def rows_json(review: CourseReview, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return ``measurements.json`` or ``findings.json``: rows of all exams, as their folders hold them."""
    return dump_json({"schema": SCHEMA, "subject": subject_row(review), "rows": list(rows)})


def rows_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return ``measurements.csv``: the same rows, evidence as JSON in its cell, nothing for null."""
    out = io.StringIO()
    writer = csv.DictWriter(out, MEASUREMENT_COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    for row in rows:
        evidence = json.dumps(row.get("evidence"), ensure_ascii=False, separators=(",", ":"))
        writer.writerow({**row, "evidence": evidence})
    return out.getvalue()
