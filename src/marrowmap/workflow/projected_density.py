"""Areal bone density of an exam: maps of a densitometer, and CT projected as one."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.ingest import Series
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.measure.ct_density import CtCalibration
from marrowmap.measure.ct_density import measure_ct
from marrowmap.measure.ct_density import usual_calibration
from marrowmap.measure.projected_density import ArealHip
from marrowmap.measure.projected_density import areal_rows
from marrowmap.measure.projected_density import measure_map
from marrowmap.report.result import AnalysisResult
from marrowmap.values import Side
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

THICKEST_MM = 3.0
"""Slices further apart than this do not hold a cortex together."""


def _nowhere(ct: Series, progress: Progress) -> tuple[BoneFrame, ...]:
    """Find no bones."""
    return ()


def add_densities(
    result: AnalysisResult,
    group: Sequence[Series] = (),
    locate: Callable[[Series, Progress], tuple[BoneFrame, ...]] = _nowhere,
    calibration: CtCalibration | None = None,
) -> AnalysisResult:
    """Add areal bone density to an analysis, from every map of the exam and from its finest CT.

    Parameters
    ----------
    result : AnalysisResult
    group : sequence of Series
        Those that share the coordinates of the result's bones.
    locate : callable
        Finds the bones of a CT in other coordinates.
    calibration : CtCalibration, optional
        Of the CT; the usual one if not given.

    Returns
    -------
    AnalysisResult
        With rows, maps, and a warning for each that could not be measured.
    """
    maps: list[ArealHip] = []
    warnings: list[str] = []
    for image in result.exam.densities:
        hip = measure_map(image)
        if any(other.side is hip.side for other in maps):
            warnings.append(f"{image.file.name}: a second density map of the {hip.side.value} hip was not measured")
            continue
        maps.append(hip)
        if hip.doubt:
            warnings.append(f"{image.file.name}: density map of the {hip.side.value} hip not measured: {hip.doubt}")
    projected, unmeasured = _from_ct(result, group, locate, calibration or usual_calibration())
    rows = (*areal_rows(maps), *areal_rows(projected))
    return replace(
        result,
        areal=(*maps, *projected),
        measurements=(*result.measurements, *rows),
        warnings=(*result.warnings, *warnings, *unmeasured),
    )


def _from_ct(
    result: AnalysisResult,
    group: Sequence[Series],
    locate: Callable[[Series, Progress], tuple[BoneFrame, ...]],
    calibration: CtCalibration,
) -> tuple[list[ArealHip], list[str]]:
    every = [series for series in result.exam.series if series.sequence is ImageSequence.CT]
    if not every:
        return [], []
    shared = [series for series in every if any(series is one for one in group)]
    ct = min(shared or every, key=lambda one: float(one.volume.grid.spacing.max()))
    name = f"series {ct.number} (CT)" if ct.number is not None else "CT"
    spacing = float(ct.volume.grid.spacing.max())
    if spacing > THICKEST_MM:
        return [], [f"{name}: voxels of {spacing:.1f} mm are too coarse for areal density (at most {THICKEST_MM:g} mm)"]
    try:
        frames = result.frames if shared else locate(ct, silent)
    except MarrowmapError as error:
        return [], [f"{name}: {error}: no areal density from it"]
    hips: list[ArealHip] = []
    warnings: list[str] = []
    for side in Side:
        mine = {frame.bone: frame for frame in frames if frame.side is side and frame.trusted}
        if "femur" not in mine:
            continue
        try:
            hip = measure_ct(mine["femur"], mine.get("hip_bone"), ct, calibration, result.exam.date)
        except InputError as error:
            return [], [f"{name}: {error}"]
        if hip.doubt:
            warnings.append(f"{name}: no areal density of the {side.value} hip: {hip.doubt}")
        else:
            hips.append(hip)
    return hips, warnings
