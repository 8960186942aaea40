"""The radiographs of an exam: beside other images, or alone."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from marrowmap.errors import UsageError
from marrowmap.ingest import Exam
from marrowmap.ingest.radiograph import describe_radiograph
from marrowmap.report.result import AnalysisResult
from marrowmap.workflow.bones import BoneHint


def show_radiographs(exam: Exam) -> tuple[str, ...]:
    """Say of each radiograph that it is shown and not measured, and why no length is told; then what was left out.

    Returns
    -------
    tuple of str
        Warnings, one line each.
    """
    shown = []
    for film in exam.radiographs:
        doubt = f", no lengths in mm: {film.length_doubt}" if film.length_doubt else ""
        shown.append(f"{film.file.name}: {describe_radiograph(film)} is shown, not measured{doubt}")
    return (*shown, *exam.radiographs_left_out)


def _require_no_hint(hint: BoneHint | None) -> None:
    given = {} if hint is None else {"--bone": hint.mask, "--with": hint.finder, "--points": hint.points}
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise UsageError(f"a radiograph alone takes no {' or '.join(names)}: those need MRI, CT or a bone scan")


def analyze_radiographs_alone(
    exam: Exam, sources: Sequence[Path], hint: BoneHint | None, seconds: Mapping[str, float]
) -> AnalysisResult:
    """Show radiographs that come without any other image.

    Raises
    ------
    UsageError
        If the user says where the bone is in a way that radiographs have no use for.
    """
    _require_no_hint(hint)
    return AnalysisResult(
        exam=exam,
        sources=tuple(sources),
        frames=(),
        readings=(),
        measurements=(),
        findings=(),
        steps=seconds,
        warnings=show_radiographs(exam),
    )
