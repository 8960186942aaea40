"""Everything ``follow`` leaves in its folder, all or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from marrowmap.course.findings import bone_change_rows
from marrowmap.course.review import CourseReview
from marrowmap.reasoning.differential import JointDifferential
from marrowmap.report.course_document import build_course_document
from marrowmap.report.course_figures import draw_timeline
from marrowmap.report.course_figures import draw_trajectories
from marrowmap.report.course_figures import places_of
from marrowmap.report.course_rows import course_json
from marrowmap.report.course_rows import rows_csv
from marrowmap.report.course_rows import rows_json
from marrowmap.report.course_rows import subject_row
from marrowmap.report.differential_rows import differential_document
from marrowmap.report.folder import SCHEMA
from marrowmap.report.folder import replacing_folder
from marrowmap.report.html import render_html
from marrowmap.report.manifest import hash_file
from marrowmap.report.manifest import read_versions
from marrowmap.report.pdf import render_pdf
from marrowmap.report.rows import dump_json

INPUTS = ("measurements.json", "findings.json", "frames.json", "manifest.json")


def _inputs(review: CourseReview, stated: Sequence[Path], masks: Sequence[Path]) -> list[dict[str, str]]:
    """Return name and digest of all that was read; folders by number, as two may have the same name."""
    folders = list(dict.fromkeys(exam.folder for exam in review.course.exams))
    rows = [
        {"path": f"source-{number}/{folder.name}/{file.relative_to(folder).as_posix()}", "sha256": hash_file(file)}
        for number, folder in enumerate(folders, start=1)
        for file in (*(folder / name for name in INPUTS), *(mask for mask in masks if mask.is_relative_to(folder)))
        if file.is_file()
    ]
    return rows + [{"path": file.name, "sha256": hash_file(file)} for file in stated]


def write_course(
    review: CourseReview,
    out: Path,
    *,
    differentials: Sequence[JointDifferential] = (),
    events: Path | None = None,
    clinical: Sequence[Path] = (),
    masks: Sequence[Path] = (),
    seconds: Mapping[str, float] | None = None,
) -> Path:
    """Write report, rows, ``course.json``, ``differential.json`` and manifest of a course.

    Parameters
    ----------
    review : CourseReview
    out : Path
        A new or empty folder, or one with an earlier marrowmap result, which is replaced.
    differentials : sequence of JointDifferential, optional
        What each joint's exams and course support.
    events : Path, optional
        The events file, for the manifest.
    clinical : sequence of Path, optional
        The clinical forms, for the manifest.
    masks : sequence of Path, optional
        The masks that were read, for the manifest.
    seconds : mapping of str to float, optional
        Time spent in each step.

    Raises
    ------
    UsageError
        If the folder holds anything else or cannot be written.
    """
    exams = review.course.exams
    rows = [dict(row.document) for exam in exams for row in exam.rows]
    findings = [dict(sign.document) for exam in exams for sign in exam.signs] + bone_change_rows(review)
    weighed = {"schema": SCHEMA, "subject": subject_row(review), **differential_document(tuple(differentials))}
    with replacing_folder(out) as folder:
        for name, text in (
            ("course.json", course_json(review)),
            ("measurements.json", rows_json(review, rows)),
            ("measurements.csv", rows_csv(rows)),
            ("findings.json", rows_json(review, findings)),
            ("differential.json", dump_json(weighed)),
        ):
            (folder / name).write_text(text, encoding="utf-8")
        trajectories = (draw_trajectories(review, place) for place in places_of(review.course))
        pictures = (draw_timeline(review), *(picture for picture in trajectories if picture is not None))
        document = build_course_document(review, pictures, differentials)
        (folder / "report.html").write_text(render_html(document), encoding="utf-8")
        (folder / "report.pdf").write_bytes(render_pdf(document))
        outputs = sorted(path for path in folder.rglob("*") if path.is_file())
        manifest = {
            "schema": SCHEMA,
            "notice": "Research use only. Not a medical device.",
            "versions": read_versions(),
            "options": {"events": events.name if events else None, "clinical": [file.name for file in clinical]},
            "inputs": _inputs(review, [*([events] if events else []), *clinical], masks),
            "outputs": [{"path": path.relative_to(folder).as_posix(), "sha256": hash_file(path)} for path in outputs],
            "seconds": {name: round(value, 3) for name, value in (seconds or {}).items()},
            "warnings": list(review.course.warnings),
            "notes": list(review.notes),
        }
        (folder / "manifest.json").write_text(dump_json(manifest), encoding="utf-8")
    return out
