"""One bone scan that comes without MRI or CT, from its exam to everything the report says."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

from marrowmap.ingest import Exam
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.measure.planar import planar_rows
from marrowmap.report.result import AnalysisResult
from marrowmap.signs import assess_signs
from marrowmap.workflow.bone_scan import measure_lone_bone_scan
from marrowmap.workflow.bone_scan import scan_options
from marrowmap.workflow.bone_scan import with_planar
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.radiograph import measure_radiographs
from marrowmap.workflow.radiograph import with_radiograph
from marrowmap.workflow.steps import Steps


def analyze_scan_alone(
    exam: Exam,
    sources: Sequence[Path],
    hint: BoneHint | None,
    scan_hint: ScanHint,
    weeks: float | None,
    steps: Steps,
    said: Mapping[str, str | float | int | bool | None],
) -> AnalysisResult:
    """Analyze a bone scan that comes without MRI or CT."""
    with steps.step("measuring the bone scan", 0.1, 0.95):
        planar, warnings = measure_lone_bone_scan(exam, hint)
    hips = with_planar((), planar, "", exam.date)
    with steps.step("measuring radiographs", 0.95, 0.95):
        films = measure_radiographs(exam, hint=scan_hint)
        hips = with_radiograph(hips, films, exam.date, weeks)
    with steps.step("judging signs", 0.95, 1.0):
        findings = tuple(finding for hip in hips for finding in assess_signs(hip))
    points = hint.points if hint else None
    return AnalysisResult(
        exam=exam,
        sources=tuple(sources),
        frames=planar.bones.frames,
        readings=(),
        measurements=planar_rows(planar) + films.rows,
        findings=findings,
        steps=steps.seconds,
        options={
            "points": None if points is None else " ".join(",".join(f"{x:g}" for x in point) for point in points),
            "side": hint.side.value if hint and hint.side else None,
            **scan_options(scan_hint),
            **said,
        },
        warnings=(*warnings, *films.warnings),
        planar=planar,
        radiograph=films.measured,
    )
