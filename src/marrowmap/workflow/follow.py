"""Several analyzed exams of one person become a course."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from marrowmap.course.episodes import build_course
from marrowmap.course.migration import EdemaCenter
from marrowmap.course.migration import find_center
from marrowmap.course.review import CourseReview
from marrowmap.course.review import review_course
from marrowmap.errors import UsageError
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.analyzed import read_edema_map
from marrowmap.ingest.events import read_events
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Statements
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import Steps
from marrowmap.workflow.steps import silent

SHIFT_REGIONS = {"hip": ("femoral_head", None), "knee": ("medial_condyle", "lateral_condyle", None), "ankle": (None,)}
"""Within what a move of edema is looked for, by joint; None is the whole bone."""
BONES = {"hip": "femur", "knee": "distal_femur", "ankle": "talus"}


@dataclass(frozen=True)
class Followed:
    """A course's review and the time each step took."""

    review: CourseReview
    seconds: dict[str, float]


def find_edema(exam: AnalyzedExam, place: Place) -> list[EdemaCenter]:
    """Return where edema lies in a bone, by region; nothing where the folder holds no masks or no usable bone."""
    frames = [f for f in exam.frames if f.place == place and f.trusted]
    frame = next((f for f in frames if f.bone == BONES[place.joint_name]), frames[0] if frames else None)
    if frame is None:
        return []
    images = read_edema_map(exam, place)
    if images is None:
        return []
    found = (find_center(*images, frame, region, exam.day) for region in SHIFT_REGIONS[place.joint_name])
    return [center for center in found if center is not None]


def _all_centers(course: Course, progress: Progress) -> dict[Place, list[EdemaCenter]]:
    """Read masks only where a joint was active twice in one episode."""
    wanted = [
        (episode.place, exam)
        for episode in course.episodes
        if len(episode.active) > 1
        for exam in course.exams
        if exam.day in episode.active
    ]
    centers: dict[Place, list[EdemaCenter]] = {}
    for number, (place, exam) in enumerate(wanted):
        progress(f"{place}, {exam.day}", number / len(wanted))
        centers.setdefault(place, []).extend(find_edema(exam, place))
    return centers


def follow(folders: Sequence[Path], *, events: Path | None = None, progress: Progress = silent) -> Followed:
    """Follow one person through analyzed exams.

    Parameters
    ----------
    folders : sequence of Path
        As ``marrowmap analyze`` or ``marrowmap density`` left them, in any order.
    events : Path, optional
        What is known beside the images: onset, events, outcome; TOML or CSV, see docs/course.md.
    progress : callable

    Raises
    ------
    InputError
        If a folder or the events file cannot be read.
    GeometryError
        If exams are of two persons, or dated before birth.
    UsageError
        If a folder or an exam is given twice.
    """
    steps = Steps(progress)
    with steps.step("reading exams", 0.0, 0.3) as inner:
        seen: dict[Path, Path] = {}
        exams: list[AnalyzedExam] = []
        for number, folder in enumerate(folders):
            inner(folder.name, number / len(folders))
            if folder.resolve() in seen:
                raise UsageError(f"{folder}: is given twice: give each exam once")
            seen[folder.resolve()] = folder
            exams += read_analyzed(folder)
        said = read_events(events) if events is not None else Statements()
    with steps.step("ordering exams", 0.3, 0.35):
        course = build_course(exams, said)
    with steps.step("finding edema in the bones", 0.35, 0.6) as inner:
        centers = _all_centers(course, inner)
    with steps.step("judging the course", 0.6, 0.7):
        review = review_course(course, centers)
    return Followed(review, steps.seconds)
