"""The radiographs of an exam: measured beside other images or alone, and shown where they cannot be measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import View
from marrowmap.ingest import Exam
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.ingest.radiograph import describe_radiograph
from marrowmap.ingest.scan_hint import NOTHING_SAID
from marrowmap.ingest.scan_hint import VIEW_OPTION
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.radiograph import RadiographExam
from marrowmap.measure.radiograph import measure_radiograph
from marrowmap.measure.radiograph import radiograph_rows
from marrowmap.report.result import AnalysisResult
from marrowmap.signs import assess_signs
from marrowmap.values import Measurement
from marrowmap.values import Side
from marrowmap.workflow.bone_scan import NO_IMAGES
from marrowmap.workflow.bone_scan import scan_options
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.steps import Steps

_UPRIGHT = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


@dataclass(frozen=True, eq=False)
class Films:
    """What the radiographs of an exam gave.

    Parameters
    ----------
    measured : RadiographExam or None
        The one that was measured.
    rows : tuple of Measurement
    warnings : tuple of str
        One line for each that was shown and not measured, and for each left out.
    obstacle : str
        Why none was measured; empty if one was or there is none.
    """

    measured: RadiographExam | None
    rows: tuple[Measurement, ...]
    warnings: tuple[str, ...]
    obstacle: str


def said_view(film: Radiograph, hint: ScanHint) -> Radiograph:
    """Return a film with the user's word where its file does not tell left from right; it never overrules a file.

    ``anterior`` takes the picture as seen from the front: the patient's left on the viewer's right; ``posterior`` as
    seen from behind.
    """
    frontal = film.view_name in {RadiographView.AP, RadiographView.PA, RadiographView.UNKNOWN}
    if hint.view not in {View.ANTERIOR, View.POSTERIOR} or film.plane.grid.axes is not None or not frontal:
        return film
    turned = hint.view is View.POSTERIOR
    grid = dataclasses.replace(film.plane.grid, view=View.ANTERIOR, axes=_UPRIGHT, mirrored=turned)
    array, lit = film.plane.array, film.lit
    return dataclasses.replace(
        film,
        plane=dataclasses.replace(film.plane, grid=grid, array=array[::-1] if turned else array),
        lit=lit[::-1] if turned else lit,
        view_name=RadiographView.AP if film.view_name is RadiographView.UNKNOWN else film.view_name,
        orientation_reason=f"{VIEW_OPTION} {hint.view.value}, the user's word",
    )


def measure_radiographs(exam: Exam, frames: Sequence[BoneFrame] = (), hint: ScanHint = NOTHING_SAID) -> Films:
    """Measure the best radiograph of an exam; say of the others that they are shown.

    Raw values go before pictures made for the eye.
    """
    measured: RadiographExam | None = None
    warnings = []
    reasons = []
    order = sorted(exam.radiographs, key=lambda film: film.intensity is not Intensity.ATTENUATION)
    for film in order:
        named = f"{film.file.name}: {describe_radiograph(film)}"
        lengths = f", no lengths in mm: {film.length_doubt}" if film.length_doubt else ""
        if measured is not None:
            warnings.append(f"{named} is shown, not measured: another one was")
            continue
        try:
            measured = measure_radiograph(said_view(film, hint), date=exam.date, known=frames)
        except InputError as error:
            reasons.append(str(error))
            warnings.append(f"{named} is shown, not measured: {error}{lengths}")
        else:
            if lengths:
                warnings.append(f"{named} was measured{lengths}")
    rows = radiograph_rows(measured) if measured else ()
    obstacle = "" if measured or not reasons else reasons[0]
    return Films(measured, rows, (*warnings, *exam.radiographs_left_out), obstacle)


def with_radiograph(
    hips: Sequence[HipMeasurement], films: Films, date: str, weeks: float | None
) -> tuple[HipMeasurement, ...]:
    """Add what a radiograph shows to each hip; a hip that no other image shows comes in."""
    if films.measured is None:
        return tuple(dataclasses.replace(hip, radiograph_obstacle=films.obstacle, weeks=weeks) for hip in hips)
    found = {hip.side: hip for hip in hips}
    both = [found.get(side, HipMeasurement(side, date, None, None, obstacle=NO_IMAGES)) for side in Side]
    return tuple(dataclasses.replace(hip, radiograph=films.measured.hips[hip.side], weeks=weeks) for hip in both)


def _frames(measured: RadiographExam | None) -> tuple[BoneFrame, ...]:
    """Return both femora, laid on their heads' outlines; none where no length may be told."""
    return tuple(measured.femora.values()) if measured and not measured.film.length_doubt else ()


def _require_no_hint(hint: BoneHint | None) -> None:
    given = {} if hint is None else {"--bone": hint.mask, "--with": hint.finder, "--points": hint.points}
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise UsageError(f"a radiograph alone takes no {' or '.join(names)}: those need MRI, CT or a bone scan")


def analyze_radiographs_alone(
    exam: Exam,
    sources: Sequence[Path],
    hint: BoneHint | None,
    scan_hint: ScanHint,
    weeks: float | None,
    steps: Steps,
    options: Mapping[str, str | float | int | bool | None],
) -> AnalysisResult:
    """Measure radiographs that come without any other image, or show them where they cannot be measured.

    Raises
    ------
    UsageError
        If the user says where the bone is in a way that radiographs have no use for.
    """
    _require_no_hint(hint)
    with steps.step("measuring radiographs", 0.1, 0.95):
        films = measure_radiographs(exam, hint=scan_hint)
    hips = with_radiograph((), films, exam.date, weeks)
    with steps.step("judging signs", 0.95, 1.0):
        findings = tuple(finding for hip in hips for finding in assess_signs(hip))
    return AnalysisResult(
        exam=exam,
        sources=tuple(sources),
        frames=_frames(films.measured),
        readings=(),
        measurements=films.rows,
        findings=findings,
        steps=steps.seconds,
        options={**scan_options(scan_hint), **options},
        warnings=films.warnings,
        radiograph=films.measured,
    )
