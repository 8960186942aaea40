"""Edema membership as DICOM Parametric Map: floating-point values, one object for each series it was measured in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pydicom
from highdicom.pm import ParametricMap
from highdicom.pm import RealWorldValueMapping
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from marrowmap.errors import ConformanceError
from marrowmap.image import Grid
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Series
from marrowmap.report.dicom_object import coded
from marrowmap.report.dicom_object import fix_identity
from marrowmap.report.dicom_object import frame_group
from marrowmap.report.dicom_object import is_multi_frame
from marrowmap.report.dicom_object import keep_own_frames
from marrowmap.report.dicom_object import name_based_uid
from marrowmap.report.dicom_object import one_clear_line
from marrowmap.report.dicom_object import own_attributes
from marrowmap.report.dicom_object import read_sources
from marrowmap.report.dicom_object import slice_of_frame
from marrowmap.report.masks import series_place
from marrowmap.report.masks import series_stem
from marrowmap.report.result import AnalysisResult
from marrowmap.terms import coding
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Side

_LETTERS = {frozenset(): "U", frozenset({Side.LEFT}): "L", frozenset({Side.RIGHT}): "R", frozenset(Side): "B"}
_RANGE = (0.0, 1.0)


def membership_maps(result: AnalysisResult) -> Iterator[tuple[Series, NDArray[np.float32], frozenset[Side]]]:
    """Yield series, membership on its grid (columns, rows, slices) and sides measured, for DICOM series with edema.

    Both hips of a series lie in one map: where they meet, the greater value stands.
    """
    for series in result.exam.series:
        readings = [r for r in result.readings if r.series is series and r.edema is not None]
        maps = [r.edema.membership.array for r in readings if r.edema is not None]
        if series.instance_uids and any(one.any() for one in maps):
            yield series, np.maximum.reduce(maps).astype(np.float32), frozenset(r.side for r in readings)


def _anatomy(sides: frozenset[Side]) -> Dataset:
    item = Dataset()
    item.AnatomicRegionSequence = DicomSequence([coded(REGIONS["proximal_femur"])])
    item.FrameLaterality = _LETTERS[sides]
    return item


def build_pm(exam: Exam, series: Series, membership: NDArray[np.float32], sides: frozenset[Side]) -> ParametricMap:
    """Build the Parametric Map of one series.

    Parameters
    ----------
    exam : Exam
    series : Series
        From DICOM.
    membership : array of float32
        0 to 1, shape of the series' grid: column, row, slice.
    sides : frozenset of Side
        The hips that were measured.

    Raises
    ------
    ConformanceError
        If the source's headers do not allow a valid object.
    """
    version = metadata.version("marrowmap")
    sources = read_sources(series)
    digest = hashlib.sha256(membership.tobytes()).hexdigest()
    series_uid = name_based_uid("pm", version, series.uid, str(series.echo_time_ms), digest)
    mapping = RealWorldValueMapping(
        lut_label="EDEMA",
        lut_explanation="Edema membership, 0 none to 1 all",
        unit=coded(coding.concept_of("unit", "1").own),
        value_range=_RANGE,
        slope=1.0,
        intercept=0.0,
        quantity_definition=coded(coding.FIELDS["membership"]),
    )
    with one_clear_line("parametric map", series):
        made = ParametricMap(
            pixel_array=np.ascontiguousarray(membership.transpose(2, 1, 0)),
            series_number=1100 + series_place(exam, series),
            contains_recognizable_visual_features=False,
            real_world_value_mappings=[mapping],
            window_center=0.5,
            window_width=1.0,
            content_label="EDEMA",
            content_description="Edema membership of marrow. Research use only",
            series_description="marrowmap edema membership (research use only)",
            **own_attributes(series, sources, series_uid),
        )
    fix_identity(made, sources, series_uid)
    if is_multi_frame(sources[0]):
        keep_own_frames(made, series.frame_numbers)
    _order_frames(made, series.volume.grid)
    # highdicom copies no Laterality, which a paired part must have; the frames say it, of both sides, too.
    made.SharedFunctionalGroupsSequence[0].FrameAnatomySequence = DicomSequence([_anatomy(sides)])
    return made


def _order_frames(made: ParametricMap, grid: Grid) -> None:
    """Put frames in the order of the grid's slices, of rising position along the slice normal.

    highdicom sorts them the other way round, and dcmqi's ``paramap2itkimage`` goes by their order, not their positions:
    it would show front for back.
    """
    groups = list(made.PerFrameFunctionalGroupsSequence)
    positions = [frame_group(made, n, "PlanePositionSequence").ImagePositionPatient for n in range(len(groups))]
    order = np.argsort(grid.to_index(np.asarray(positions, float))[:, 2])
    frames = np.frombuffer(made.FloatPixelData, "<f4").reshape(len(groups), -1)
    made.FloatPixelData = frames[order].tobytes()
    ordered = [groups[n] for n in order]
    for number, group in enumerate(ordered, start=1):
        group.FrameContentSequence[0].DimensionIndexValues = [number]
    made.PerFrameFunctionalGroupsSequence = ordered


def read_pm(path: Path, grid: Grid) -> NDArray[np.float32]:
    """Read a Parametric Map back onto a grid, each frame by its position in the patient, never by its order.

    Returns
    -------
    array of float32
        Shape of the grid: column, row, slice; real-world values.

    Raises
    ------
    ConformanceError
        If a frame does not lie on a slice of the grid.
    """
    data = pydicom.dcmread(path)
    shape = (int(data.NumberOfFrames), int(data.Rows), int(data.Columns))
    frames = np.frombuffer(data.FloatPixelData, "<f4").reshape(shape)
    back = np.full(grid.shape, np.nan, np.float32)
    for number, frame in enumerate(frames):
        place = slice_of_frame(path, data, number, grid)
        mapping = frame_group(data, number, "RealWorldValueMappingSequence")
        scale = np.float32(mapping.RealWorldValueSlope), np.float32(mapping.RealWorldValueIntercept)
        back[:, :, place] = frame.T * scale[0] + scale[1]
    return back


def write_pms(result: AnalysisResult, folder: Path) -> tuple[str, ...]:
    """Write ``dicom/*_edema.dcm`` into the output folder and check each by reading it back.

    Returns
    -------
    tuple of str
        Paths inside `folder`; none for NIfTI, and none where there is no edema.

    Raises
    ------
    ConformanceError
        If an object cannot be written or does not read back as it was meant.
    """
    written: list[str] = []
    for series, membership, sides in membership_maps(result):
        path = f"dicom/{series_stem(result.exam, series)}_edema.dcm"
        (folder / "dicom").mkdir(exist_ok=True)
        build_pm(result.exam, series, membership, sides).save_as(folder / path)
        verify_pm(folder / path, series.volume.grid, membership)
        written.append(path)
    return tuple(written)


def verify_pm(path: Path, grid: Grid, membership: NDArray[np.float32]) -> None:
    """Raise if a Parametric Map read back is not what was to be written.

    Raises
    ------
    ConformanceError
        If a value or the place of a frame differs.
    """
    if not np.array_equal(read_pm(path, grid), membership):
        raise ConformanceError(f"{path.name}: edema membership read back differs")
