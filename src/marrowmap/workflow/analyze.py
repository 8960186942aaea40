"""One exam, from files to everything the report says."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path

import numpy as np

from marrowmap.anatomy import region_labels
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Mask
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import Exam
from marrowmap.ingest import Series
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Projections
from marrowmap.ingest.scan import Reconstruction
from marrowmap.ingest.scan import describe_scan
from marrowmap.ingest.scan_hint import NOTHING_SAID
from marrowmap.ingest.scan_hint import ScanHint
from marrowmap.measure.ct_density import CtCalibration
from marrowmap.measure.ct_head import ct_head_rows
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.hips import measure_hips
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar import planar_rows
from marrowmap.measure.spect_rows import spect_rows
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import BoneReading
from marrowmap.report.result import JointReading
from marrowmap.report.result import SpectImage
from marrowmap.signs import assess_signs
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side
from marrowmap.workflow.bone_scan import measure_bone_scan
from marrowmap.workflow.bone_scan import scan_options
from marrowmap.workflow.bone_scan import with_planar
from marrowmap.workflow.bone_spect import study_spect
from marrowmap.workflow.bones import BONE_IMAGES
from marrowmap.workflow.bones import BoneHint
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.ct_heads import measure_ct_heads
from marrowmap.workflow.ct_heads import series_name
from marrowmap.workflow.differential import Clinical
from marrowmap.workflow.differential import add_differentials
from marrowmap.workflow.differential import onset_of
from marrowmap.workflow.projected_density import add_densities
from marrowmap.workflow.radiograph import analyze_radiographs_alone
from marrowmap.workflow.radiograph import measure_radiographs
from marrowmap.workflow.radiograph import with_radiograph
from marrowmap.workflow.scan_alone import analyze_scan_alone
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import Steps
from marrowmap.workflow.steps import silent
from marrowmap.workflow.t1_hips import read_t1

EDEMA_IMAGES = frozenset({ImageSequence.FLUID_FAT_SUPPRESSED, ImageSequence.DIXON_WATER})
"""Where marrow edema may be measured: fat suppressed and sensitive to fluid."""


def analyze(
    sources: Sequence[Path],
    *,
    hint: BoneHint | None = None,
    k: float = DEFAULT_K,
    scan_hint: ScanHint = NOTHING_SAID,
    onset: datetime.date | None = None,
    ct_mineral: CtCalibration | None = None,
    clinical: Clinical | None = None,
    progress: Progress = silent,
) -> AnalysisResult:
    """Analyze everything found under `sources` as one exam of one person.

    Parameters
    ----------
    sources : sequence of Path
        Files or folders: DICOM in any nesting, or NIfTI with sidecar.
    hint : BoneHint, optional
        Where the bone is, if the user says so.
    k : float
        Edema starts this many robust standard deviations above reference marrow.
    scan_hint : ScanHint
        How the patient lay, view and phase, for bone scans and radiographs that do not say; see `read_exam`.
    onset : date, optional
        When pain began: an early radiograph that shows nothing excludes nothing.
    ct_mineral : CtCalibration, optional
        How the CT's Hounsfield units become bone mineral; the usual slope with its wide error if not declared.
    clinical : Clinical, optional
        What is known of the person, for the differential.
    progress : callable
        Told of each step and the share done.

    Returns
    -------
    AnalysisResult

    Raises
    ------
    InputError
        If nothing can be read, or no hip is found.
    GeometryError
        If persons, sides or geometry contradict each other, or the clinical form is of another person.
    UsageError
        If pain began after the exam.
    """
    steps = Steps(progress)
    with steps.step("reading images", 0.0, 0.1) as inner:
        exam = read_exam(
            sources,
            progress=lambda step, done, total: inner(step, done / max(total, 1)),
            scan_hint=scan_hint,
        )
    weeks = _weeks_since(onset := onset_of(exam, clinical, onset), exam.date)
    said = {"onset": onset.isoformat() if onset else None}
    if not exam.series and not exam.scans:
        return add_differentials(
            add_densities(analyze_radiographs_alone(exam, sources, hint, scan_hint, weeks, steps, said)), clinical
        )
    if not exam.series:
        return add_differentials(
            add_densities(analyze_scan_alone(exam, sources, hint, scan_hint, weeks, steps, said)), clinical
        )
    group, warnings = _one_frame_of_reference(exam)
    with steps.step("finding bones", 0.1, 0.55) as inner:
        frames = locate_bones(group, hint, progress=inner)
    if not frames:
        looked = ", ".join(series_name(series) for series in group)
        raise InputError(
            f"no hip was found in {looked}: marrowmap analyze measures hips; if there is one, point at it with --points"
        )
    fluid = _fluid_series(group, frames)
    t1 = next((series for series in group if series.sequence is ImageSequence.T1), None)
    with steps.step("measuring edema", 0.55, 0.85) as inner:
        if fluid is None:
            reason = _why_no_edema(exam)
            warnings.append(reason)
            hips: tuple[HipMeasurement, ...] = tuple(
                HipMeasurement(side, exam.date, None, None, obstacle=reason) for side in _sides(frames)
            )
            measurements: tuple[Measurement, ...] = ()
        else:
            hips, measurements = measure_hips(frames, fluid, t1, date=exam.date, k=k, progress=inner)
    with steps.step("looking under the joint surface", 0.85, 0.95) as inner:
        hips, rows = read_t1(hips, frames, t1, fluid, exam.date, inner)
        measurements += rows
    in_ct: dict[int, tuple[BoneFrame, ...]] = {}

    def locate_in_ct(ct: Series, progress: Progress) -> tuple[BoneFrame, ...]:
        """Find the bones of a CT that has its own frame of reference, once."""
        if id(ct) not in in_ct:
            in_ct[id(ct)] = locate_bones([ct], progress=progress)
        return in_ct[id(ct)]

    with steps.step("looking at CT", 0.95, 0.96) as inner:
        hips, unread = measure_ct_heads(hips, exam, group, frames, inner, locate_in_ct)
        warnings += unread
        measurements += tuple(row for hip in hips if hip.ct_head for row in ct_head_rows(hip.ct_head))
    seen = _measure_scans(exam, group, frames, hips, steps, locate_in_ct)
    hips, warnings = seen.hips, warnings + seen.warnings
    measurements += seen.rows
    with steps.step("measuring radiographs", 0.97, 0.97):
        films = measure_radiographs(exam, frames, scan_hint)
        hips = with_radiograph(hips, films, exam.date, weeks)
        measurements += films.rows
    with steps.step("judging signs", 0.97, 0.98):
        findings = tuple(finding for hip in hips for finding in assess_signs(hip))
    with steps.step("painting bones", 0.98, 1.0):
        readings = tuple(_readings(group, frames, hips, fluid))
    warnings += [f"{frame.side.value} {frame.bone}: {frame.reason}" for frame in frames if not frame.trusted]
    warnings += films.warnings
    result = AnalysisResult(
        exam=exam,
        sources=tuple(sources),
        frames=frames,
        readings=readings,
        measurements=measurements,
        findings=findings,
        steps=steps.seconds,
        options={
            "k": k,
            "bone": hint.mask.name if hint and hint.mask else None,
            "bone_label": hint.label if hint else None,
            "with": hint.finder.value if hint and hint.finder else None,
            "points": " ".join(",".join(f"{x:g}" for x in point) for point in hint.points)
            if hint and hint.points is not None
            else None,
            "side": hint.side.value if hint and hint.side else None,
            **scan_options(scan_hint),
            **said,
        },
        warnings=tuple(warnings),
        planar=seen.planar,
        spect=seen.spect,
        radiograph=films.measured,
    )
    return add_differentials(add_densities(result, group, locate_in_ct, ct_mineral), clinical)


@dataclass(frozen=True, eq=False)
class _Scans:
    """What the bone scan of an exam added."""

    hips: tuple[HipMeasurement, ...]
    rows: tuple[Measurement, ...]
    warnings: list[str]
    planar: PlanarExam | None
    spect: SpectImage | None


def _measure_scans(
    exam: Exam,
    group: Sequence[Series],
    frames: tuple[BoneFrame, ...],
    hips: tuple[HipMeasurement, ...],
    steps: Steps,
    locate_in_ct: Callable[[Series, Progress], tuple[BoneFrame, ...]],
) -> _Scans:
    """Measure planar images and SPECT beside MRI or CT."""
    planar: PlanarExam | None = None
    rows: tuple[Measurement, ...] = ()
    warnings: list[str] = []
    if any(isinstance(scan, PLANAR) for scan in exam.scans):
        with steps.step("measuring the bone scan", 0.96, 0.96):
            planar, warnings = measure_bone_scan(exam, frames)
            hips = with_planar(hips, planar, warnings[0] if warnings else "", exam.date)
            rows = planar_rows(planar) if planar else ()
    with steps.step("measuring SPECT", 0.96, 0.97) as inner:
        spect, unmeasured = study_spect(exam, group, frames, inner, locate_in_ct)
        warnings = [*warnings, *unmeasured, *_unmeasured_scans(exam, spect)]
        if spect is not None:
            hips = tuple(replace(hip, spect=next((s for s in spect.hips if s.side is hip.side), None)) for hip in hips)
            rows += tuple(spect_rows(spect.hips))
    return _Scans(hips, rows, warnings, planar, spect)


def _weeks_since(onset: datetime.date | None, date: str) -> float | None:
    """Return how many weeks pain had lasted at an exam; None where either date is unknown."""
    if onset is None or not date:
        return None
    days = (datetime.date.fromisoformat(date) - onset).days
    if days < 0:
        raise UsageError(f"--onset {onset} lies after the exam ({date}): correct the date")
    return days / 7


def _sides(frames: Sequence[BoneFrame]) -> tuple[Side, ...]:
    return tuple(side for side in Side if any(frame.side is side for frame in frames))


def _one_frame_of_reference(exam: Exam) -> tuple[list[Series], list[str]]:
    """Series that share coordinates and show bone; the largest group, with a warning for what stays out."""
    groups: dict[str, list[Series]] = {}
    for series in exam.series:
        if series.sequence in BONE_IMAGES:
            groups.setdefault(series.volume.grid.frame_of_reference_uid, []).append(series)
    if not groups:
        kinds = ", ".join(dict.fromkeys(series_name(series) for series in exam.series))
        raise InputError(f"no series in which bones can be looked for (found: {kinds}): give a hip MRI or CT")

    def worth(group: list[Series]) -> tuple[bool, int]:
        return any(series.sequence in EDEMA_IMAGES for series in group), len(group)

    chosen = max(groups.values(), key=worth)
    left_out = [series for group in groups.values() if group is not chosen for series in group]
    warnings = [
        f"{series_name(series)} lies in another frame of reference: its bones were fitted on their own"
        if series.sequence is ImageSequence.CT
        else f"{series_name(series)} lies in another frame of reference and was not used: registration comes later"
        for series in left_out
    ]
    return chosen, warnings


PLANAR = (Planar, DynamicScan)


def _unmeasured_scans(exam: Exam, spect: SpectImage | None) -> list[str]:
    """Say in one line what was read of a bone scan and is not measured; then what was not read, and why."""
    # Why planar images were not measured is told where they are; projections beside their reconstruction are the same
    # counts: nothing of them is missing.
    told = PLANAR if spect is None else (*PLANAR, Projections, Reconstruction)
    parts = "; ".join(describe_scan(scan) for scan in exam.scans if not isinstance(scan, told))
    read = [f"the bone scan was read but is not measured ({parts})"] if parts else []
    return read + ([] if any(isinstance(scan, PLANAR) for scan in exam.scans) else list(exam.scans_left_out))


def _fluid_series(group: Sequence[Series], frames: Sequence[BoneFrame]) -> Series | None:
    """The series for edema: the one that shows most of the hips, then the finest."""
    candidates = [series for series in group if series.sequence in EDEMA_IMAGES]
    heads = np.array([frame.head_center_mm for frame in frames])

    def worth(series: Series) -> tuple[int, float]:
        grid = series.volume.grid
        return int(grid.contains(heads, margin_mm=15.0).sum()), -grid.voxel_volume_ml

    return max(candidates, key=worth, default=None)


def _why_no_edema(exam: Exam) -> str:
    gradient = [series for series in exam.series if series.sequence is ImageSequence.GRADIENT_ECHO]
    if gradient:
        return (
            f"{series_name(gradient[0])}: trabecular bone dephases a gradient echo and hides edema; a STIR or a "
            "fat-suppressed T2 or PD spin echo is needed"
        )
    if all(series.modality == "CT" for series in exam.series):
        return "CT does not show marrow edema; a STIR or a fat-suppressed T2 or PD spin echo is needed"
    return "there is no fat-suppressed fluid-sensitive series; a STIR or a fat-suppressed T2 or PD spin echo is needed"


def _readings(
    group: Sequence[Series], frames: Sequence[BoneFrame], hips: Sequence[HipMeasurement], fluid: Series | None
) -> list[JointReading]:
    """Every trusted bone carried into the series edema was measured in and into one more (T1, if any) to look at."""
    others = sorted((s for s in group if s is not fluid), key=lambda s: s.sequence is not ImageSequence.T1)
    shown = [series for series in (fluid, *others) if series is not None][:2]
    readings = []
    beside = next((series for series in shown if series.sequence is ImageSequence.T1), shown[0])
    for series in shown:
        grid = series.volume.grid
        for side in _sides(frames):
            bones = []
            for frame in frames:
                if frame.side is side and frame.trusted:
                    mask = voxelize(frame.vertices, frame.faces, grid)
                    regions = region_labels(frame, grid)
                    if mask.array.any():
                        bones.append(BoneReading(frame, mask, regions))
            hip = next((hip for hip in hips if hip.side is side), None)
            measured = hip if hip is not None and series is fluid else None
            readings.append(
                JointReading(
                    series,
                    Joint.HIP,
                    side,
                    tuple(bones),
                    edema=measured.edema if measured else None,
                    boundary=measured.boundary if measured else None,
                    effusion=measured.effusion.mask if measured and measured.effusion else None,
                    note=measured.obstacle if measured else "",
                    head=hip.head if hip is not None and hip.head is not None and hip.head.t1 is series else None,
                    ct_head=hip.ct_head if hip is not None and series is beside else None,
                    neck=hip.neck if hip is not None and hip.neck is not None and hip.neck.t1 is series else None,
                    replaced=_replaced_in(hip, series),
                )
            )
    return readings


def _replaced_in(hip: HipMeasurement | None, series: Series) -> Mask | None:
    found = None if hip is None else hip.replacement
    return found.mask if found is not None and found.series is series else None
