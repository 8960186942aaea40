"""What a course adds to the findings: ``significant_bone_change`` of the same bone over time."""

from __future__ import annotations

from typing import Any

from marrowmap.course.change import Call
from marrowmap.course.change import Change
from marrowmap.course.review import CourseReview
from marrowmap.values import State

SIGN = "significant_bone_change"
_STATES = {Call.CHANGED: State.PRESENT, Call.UNCERTAIN: State.UNDETERMINED, Call.STABLE: State.ABSENT}


def _certainty(change: Change) -> float:
    """Return how seldom error alone differs by so much, of a change in any of the person's comparisons (Holm)."""
    if change.call is Call.CHANGED:
        return 1.0 - change.adjusted_p
    return 0.5 if change.call is Call.UNCERTAIN else 0.5 + change.p / 2


def _row(change: Change) -> dict[str, Any]:
    trajectory = change.trajectory
    assert trajectory.place is not None
    region = trajectory.region.replace("_", " ")
    return {
        "date": change.end.isoformat(),
        "joint": trajectory.place.joint_name,
        "side": trajectory.place.side_name,
        "sign": SIGN,
        "state": _STATES[change.call].value,
        "certainty": round(_certainty(change), 6),
        "smallest_detectable": {"value": round(change.repeatability, 6), "unit": trajectory.unit},
        "modality": trajectory.modality,
        "evidence": None,
        "note": f"BMD of the {region} {change.difference:+.3f} {trajectory.unit} since {change.start}, least "
        f"significant change {change.repeatability:.3f}: {change.call.value}",
    }


def bone_change_rows(review: CourseReview) -> list[dict[str, Any]]:
    """Return one finding for each exam and region whose BMD can be compared with the first, as contract rows.

    Left out where an exam's own folder already judges this sign at that joint and day.
    """
    told = {(s.place, s.day) for exam in review.course.exams for s in exam.signs if s.sign == SIGN}
    return [
        _row(change)
        for change in review.changes
        if change.trajectory.quantity == "bmd"
        and change.trajectory.place is not None
        and "first" in change.against
        and (change.trajectory.place, change.end) not in told
    ]
