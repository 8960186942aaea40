"""Bone regions, edema, effusion and necrotic segment as DICOM Segmentation, one object for each source series.

Binary, as the label map and fractional forms are not yet shown by common viewers. What is written is read back and
compared voxel by voxel before it counts as written: a mask shown one slice off, or on the other side, would harm.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import highdicom
import numpy as np
import pydicom
from highdicom.seg import Segmentation
from highdicom.seg import SegmentDescription
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence

from marrowmap.errors import ConformanceError
from marrowmap.image import Mask
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
from marrowmap.report.masks import join_regions
from marrowmap.report.masks import segment_mask
from marrowmap.report.masks import series_place
from marrowmap.report.masks import series_stem
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.terms import codes
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Side

BONE_COLOR = (241, 214, 145)
EDEMA_COLOR = (140, 224, 228)
FLUID_COLOR = (111, 184, 210)
NECROSIS_COLOR = (216, 191, 216)
REPLACED_COLOR = (144, 105, 70)
"""Recommended display colors, as dcmqi's for bone, edema and necrosis; the last is a choice."""

DEFORMABLE_MODELS = codes.Code("123111", "DCM", "Deformable Models")
ARTIFICIAL_INTELLIGENCE = codes.Code("123110", "DCM", "Artificial Intelligence")
HISTOGRAM_ANALYSIS = codes.Code("123105", "DCM", "Histogram Analysis")


@dataclass(frozen=True, eq=False)
class Segment:
    """One segment to be: what it is, where, and its voxels."""

    label: str
    category: codes.Code
    kind: codes.Code
    region: codes.Code | None
    tissue: codes.Code | None
    side: Side
    color: tuple[int, int, int]
    mask: Mask
    algorithm: str
    family: codes.Code


def _shade(color: tuple[int, int, int], step: int) -> tuple[int, int, int]:
    factor = 1.0 - 0.09 * step
    red, green, blue = (round(channel * factor) for channel in color)
    return red, green, blue


def _bone_segments(reading: JointReading) -> Iterator[Segment]:
    regions = join_regions(reading)
    if regions is None:
        return
    for step, name in enumerate(REGIONS):
        mask = regions.mask(name)
        if not mask.array.any():
            continue
        parent = REGIONS["proximal_femur"] if REGIONS[name].provisional else None
        yield Segment(
            f"{reading.side.value} {name.replace('_', ' ')}",
            codes.ANATOMICAL_STRUCTURE,
            REGIONS[name],
            parent,
            None,
            reading.side,
            _shade(BONE_COLOR, step),
            mask,
            "marrowmap bone frame",
            DEFORMABLE_MODELS,
        )


def segments_of(reading: JointReading) -> tuple[Segment, ...]:
    """Return the segments of one joint; a mask without a voxel is left out."""
    segments = list(_bone_segments(reading))
    side = reading.side.value
    if reading.edema is not None:
        for label, mask in (
            ("edema, closed region", reading.edema.closed),
            ("edema, voxels", reading.edema.voxels),
        ):
            segments.append(
                Segment(
                    f"{side} {label}",
                    codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE,
                    codes.EDEMA,
                    REGIONS["proximal_femur"],
                    codes.BONE_MARROW,
                    reading.side,
                    EDEMA_COLOR,
                    mask,
                    "marrowmap edema",
                    HISTOGRAM_ANALYSIS,
                )
            )
    if reading.effusion is not None:
        segments.append(
            Segment(
                f"{side} joint fluid",
                codes.BODY_SUBSTANCE,
                codes.EFFUSION,
                codes.HIP_JOINT,
                None,
                reading.side,
                FLUID_COLOR,
                reading.effusion,
                "marrowmap effusion",
                HISTOGRAM_ANALYSIS,
            )
        )
    necrosis = segment_mask(reading)
    if necrosis is not None:
        segments.append(
            Segment(
                f"{side} necrotic segment",
                codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE,
                codes.NECROSIS,
                REGIONS["femoral_head"],
                codes.BONE_MARROW,
                reading.side,
                NECROSIS_COLOR,
                necrosis,
                "marrowmap head lines",
                ARTIFICIAL_INTELLIGENCE,
            )
        )
    if reading.replaced is not None:
        segments.append(
            Segment(
                f"{side} replaced marrow",
                codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE,
                codes.REPLACED_MARROW,
                REGIONS["proximal_femur"],
                codes.BONE_MARROW,
                reading.side,
                REPLACED_COLOR,
                reading.replaced,
                "marrowmap marrow replacement",
                HISTOGRAM_ANALYSIS,
            )
        )
    return tuple(segment for segment in segments if segment.mask.array.any())


def _describe(number: int, segment: Segment, series_uid: str, version: str) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=coded(segment.category),
        segmented_property_type=coded(segment.kind),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=segment.algorithm,
            family=coded(segment.family),
            version=version,
        ),
        tracking_uid=name_based_uid("tracking", series_uid, segment.label),
        tracking_id=segment.label,
        anatomic_regions=[coded(segment.region)] if segment.region else None,
        primary_anatomic_structures=[coded(segment.tissue)] if segment.tissue else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*segment.color),
    )
    laterality = DicomSequence([coded(codes.LEFT if segment.side is Side.LEFT else codes.RIGHT)])
    if segment.category is codes.ANATOMICAL_STRUCTURE:
        description.SegmentedPropertyTypeCodeSequence[0].SegmentedPropertyTypeModifierCodeSequence = laterality
    if segment.region:
        description.AnatomicRegionSequence[0].AnatomicRegionModifierSequence = laterality
    return description


def build_seg(exam: Exam, series: Series, segments: Sequence[Segment]) -> Segmentation:
    """Build the Segmentation of one series.

    Parameters
    ----------
    exam : Exam
    series : Series
        From DICOM: its files are read again for what the object must repeat.
    segments : sequence of Segment
        Masks on the series' grid, each with at least one voxel.

    Raises
    ------
    ConformanceError
        If the source's headers do not allow a valid object.
    """
    version = metadata.version("marrowmap")
    sources = read_sources(series)
    digest = hashlib.sha256("".join(segment.mask.sha256 + segment.label for segment in segments).encode()).hexdigest()
    echo = str(series.echo_time_ms)
    series_uid = name_based_uid("seg", version, series.uid, echo, digest)
    # (slice, row, column, segment): the grid's axes are column, row, slice. Each plane is contiguous in memory.
    planes = np.stack([segment.mask.array.transpose(2, 1, 0) for segment in segments]).astype(np.uint8, order="C")
    pixels = np.moveaxis(planes, 0, -1)
    with one_clear_line("segmentation", series):
        seg = Segmentation(
            pixel_array=pixels,
            segmentation_type="BINARY",
            segment_descriptions=[
                _describe(number, segment, series.uid, version) for number, segment in enumerate(segments, start=1)
            ],
            series_number=1000 + series_place(exam, series),
            content_label="MARROWMAP",
            content_description="Bone regions, edema, necrosis. Research use only",
            series_description="marrowmap segmentation (research use only)",
            **own_attributes(series, sources, series_uid),
        )
    fix_identity(seg, sources, series_uid)
    if is_multi_frame(sources[0]):
        keep_own_frames(seg, series.frame_numbers)
    return seg


def verify_seg(path: Path, segments: Sequence[Segment]) -> None:
    """Read a Segmentation back by its own header and compare every voxel with the masks it was made from.

    Frames are placed by their position in the patient, never by their order, and frames left out count as empty.

    Raises
    ------
    ConformanceError
        If a voxel, a segment's place or its side differs.
    """
    seg = pydicom.dcmread(path)
    frames = _unpack_frames(seg)
    if len(seg.SegmentSequence) != len(segments):
        raise ConformanceError(f"{path.name}: holds {len(seg.SegmentSequence)} segments, not {len(segments)}")
    grid = segments[0].mask.grid
    back = np.zeros((len(segments), *grid.shape), bool)
    orientation = frame_group(seg, 0, "PlaneOrientationSequence").ImageOrientationPatient
    if not np.allclose(np.asarray(orientation, float).reshape(2, 3), grid.axes[:, :2].T, atol=1e-3):
        raise ConformanceError(f"{path.name}: ImageOrientationPatient is not that of the source")
    for number, frame in enumerate(frames):
        place = slice_of_frame(path, seg, number, grid)
        segment = frame_group(seg, number, "SegmentIdentificationSequence").ReferencedSegmentNumber
        back[segment - 1, :, :, place] |= frame.T
    for number, segment in enumerate(segments):
        if not np.array_equal(back[number], segment.mask.array):
            raise ConformanceError(f"{path.name}: segment {segment.label!r} read back differs from its mask")
        _require_side(path, seg.SegmentSequence[number], segment)


def _unpack_frames(seg: Dataset) -> NDArray[np.bool_]:
    """Unpack the bits, shape (frames, rows, columns); frames follow each other without padding."""
    shape = (int(seg.NumberOfFrames), int(seg.Rows), int(seg.Columns))
    bits = np.unpackbits(np.frombuffer(seg.PixelData, np.uint8), bitorder="little")
    return bits[: int(np.prod(shape))].reshape(shape).astype(bool)


def _require_side(path: Path, item: Dataset, segment: Segment) -> None:
    modifiers = item.SegmentedPropertyTypeCodeSequence[0].get("SegmentedPropertyTypeModifierCodeSequence")
    if not modifiers:
        modifiers = item.AnatomicRegionSequence[0].AnatomicRegionModifierSequence
    expected = codes.LEFT if segment.side is Side.LEFT else codes.RIGHT
    if modifiers[0].CodeValue != expected.value:
        raise ConformanceError(f"{path.name}: segment {segment.label!r} names the wrong side")


def segmented_series(result: AnalysisResult) -> Iterator[tuple[str, Series, list[Segment]]]:
    """Yield path, series and segments of each object there is to write; none for NIfTI."""
    measured = [r for r in result.readings if r.edema is not None or segment_mask(r) is not None]
    # Bones alone are written where nothing was measured; beside a measured series they would only say it twice.
    readings = measured or result.readings
    for series in result.exam.series:
        segments = [s for reading in readings if reading.series is series for s in segments_of(reading)]
        if series.instance_uids and segments:
            yield f"dicom/{series_stem(result.exam, series)}_seg.dcm", series, segments


def write_segs(result: AnalysisResult, folder: Path) -> tuple[str, ...]:
    """Write ``dicom/*.dcm`` into the output folder and check each by reading it back.

    Returns
    -------
    tuple of str
        Paths inside `folder`; none for NIfTI, which has no patient or study to belong to.

    Raises
    ------
    ConformanceError
        If an object cannot be written or does not read back as it was meant.
    """
    written = []
    for path, series, segments in segmented_series(result):
        (folder / "dicom").mkdir(exist_ok=True)
        build_seg(result.exam, series, segments).save_as(folder / path)
        verify_seg(folder / path, segments)
        written.append(path)
    return tuple(written)
