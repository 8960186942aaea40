"""Several analyzed exams of one person become a course."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

from marrowmap.course.activity import whole_bone_edema
from marrowmap.course.clinical_forms import date_form
from marrowmap.course.form_onset import build_course_with_forms
from marrowmap.course.review import CourseReview
from marrowmap.course.review import review_course
from marrowmap.course.within_bone import EdemaCenter
from marrowmap.course.within_bone import find_center
from marrowmap.errors import UsageError
from marrowmap.ingest.analyzed import read_analyzed
from marrowmap.ingest.edema_map import read_edema_map
from marrowmap.ingest.events import read_events
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import Place
from marrowmap.values.course import Course
from marrowmap.values.course import Statements
from marrowmap.workflow.course_differential import weigh_course
from marrowmap.workflow.differential import Clinical
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import Steps
from marrowmap.workflow.steps import silent

SHIFT_REGIONS = {"hip": ("femoral_head", None), "knee": ("medial_condyle", "lateral_condyle", None), "ankle": (None,)}
"""Within what a move of edema is looked for, by joint; None is the whole bone."""


@dataclass(frozen=True)
class Followed:
    """A course's review, what each joint supports, the masks that were read, and the time each step took."""

    review: CourseReview
    differentials: tuple[JointDifferential, ...]
    masks: tuple[Path, ...]
    seconds: dict[str, float]


@dataclass(frozen=True)
class FoundEdema:
    """Where edema lies in a bone, by region; what was read for it, or why it is not sure."""

    centers: tuple[EdemaCenter, ...]
    files: tuple[Path, ...] = ()
    why_not: str = ""


def find_edema(exam: AnalyzedExam, place: Place) -> FoundEdema:
    """Find where edema lies in a bone; nothing where the folder holds no masks or no usable bone."""
    row = whole_bone_edema(exam.rows, place)
    evidence = row.document.get("evidence") if row is not None else None
    series = str(evidence.get("series_uid") or "") if isinstance(evidence, dict) else ""
    images, why_not = read_edema_map(exam, place, series)
    if images is None:
        return FoundEdema((), (), why_not)
    regions = SHIFT_REGIONS[place.joint_name]
    found = (find_center(images.membership, images.regions, images.frame, region, exam.day) for region in regions)
    return FoundEdema(tuple(center for center in found if center is not None), images.files)


def _all_edema(course: Course, progress: Progress) -> list[tuple[Place, AnalyzedExam, FoundEdema]]:
    """Read masks only where a joint was active twice in one episode."""
    wanted = [
        (episode.place, exam)
        for episode in course.episodes
        if len(episode.active) > 1
        for exam in course.exams
        if exam.day in episode.active
    ]
    found = []
    for number, (place, exam) in enumerate(wanted):
        progress(f"{place}, {exam.day}", number / len(wanted))
        found.append((place, exam, find_edema(exam, place)))
    return found


def follow(
    folders: Sequence[Path],
    *,
    events: Path | None = None,
    clinical: Sequence[Clinical] = (),
    progress: Progress = silent,
) -> Followed:
    """Follow one person through analyzed exams.

    Parameters
    ----------
    folders : sequence of Path
        As ``marrowmap analyze`` or ``marrowmap density`` left them, in any order.
    events : Path, optional
        What is known beside the images: onset, events, outcome; TOML or CSV, see docs/course.md.
    clinical : sequence of Clinical, optional
        Clinical forms, each of one of the exams.
    progress : callable

    Raises
    ------
    InputError
        If a folder or the events file cannot be read, or what forms say contradicts each other or the events file.
    GeometryError
        If exams or forms are of two persons, or something is dated before birth.
    UsageError
        If a folder, an exam or a form is given twice.
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
        names = [one.file.name for one in clinical]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UsageError(f"{twice}: two clinical forms have this name: give each once, under a name of its own")
        forms = tuple(date_form(one.file.name, one.form, exams) for one in clinical)
    with steps.step("ordering exams", 0.3, 0.35):
        course = build_course_with_forms(exams, replace(said, forms=forms))
    with steps.step("finding edema in the bones", 0.35, 0.6) as inner:
        found = _all_edema(course, inner)
    with steps.step("judging the course", 0.6, 0.7):
        centers: dict[Place, list[EdemaCenter]] = defaultdict(list)
        for place, _, edema in found:
            centers[place] += edema.centers
        notes = [
            f"{place}, {exam.day}: moves within the bone are not followed: {edema.why_not}"
            for place, exam, edema in found
            if edema.why_not
        ]
        weighed = weigh_course(course)
        review = review_course(course, centers, (*notes, *weighed.notes))
    masks = dict.fromkeys(file for _, _, edema in found for file in edema.files)
    return Followed(review, weighed.joints, tuple(masks), steps.seconds)
