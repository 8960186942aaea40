"""All rows of an exam as one DICOM Structured Report, TID 1500 (PS3.16), with references to images and segments."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pydicom
from highdicom import sr
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.sr.codedict import codes

from marrowmap.errors import ConformanceError
from marrowmap.errors import InputError
from marrowmap.report.dicom_object import MANUFACTURER
from marrowmap.report.dicom_object import fix_identity
from marrowmap.report.dicom_object import name_based_uid
from marrowmap.report.result import AnalysisResult
from marrowmap.report.rows import Rows
from marrowmap.report.rows import dump_json
from marrowmap.report.seg import segmented_series
from marrowmap.report.source_images import SourceImages
from marrowmap.report.sr_content import HAS_CONCEPT_MOD
from marrowmap.report.sr_content import SegmentPlace
from marrowmap.report.sr_content import Surroundings
from marrowmap.report.sr_content import build_groups
from marrowmap.report.sr_content import text
from marrowmap.report.sr_rows import rows_of_sr
from marrowmap.terms.coding import FIELDS
from marrowmap.terms.coding import RESEARCH_USE_ONLY

PATH = "dicom/report_sr.dcm"


def find_segments(result: AnalysisResult, folder: Path) -> tuple[dict[str, SegmentPlace], list[Dataset]]:
    """Return where each mask lies in the Segmentations already written into `folder`, and their headers."""
    places: dict[str, SegmentPlace] = {}
    headers: list[Dataset] = []
    for path, series, segments in segmented_series(result):
        header = pydicom.dcmread(folder / path, stop_before_pixels=True)
        headers.append(header)
        for number, segment in enumerate(segments, start=1):
            places.setdefault(segment.mask.sha256, SegmentPlace(str(header.SOPInstanceUID), number, series.uid))
    return places, headers


def _observer(version: str) -> sr.ObservationContext:
    """Return who observed: a program. No person read anything yet, so none is named."""
    device = sr.DeviceObserverIdentifyingAttributes(
        uid=name_based_uid("device", version),
        name="marrowmap",
        manufacturer_name=MANUFACTURER,
        model_name="marrowmap",
        serial_number=version,
    )
    return sr.ObservationContext(observer_device_context=sr.ObserverContext(codes.DCM.Device, device))


def build_sr(
    rows: Rows, images: SourceImages, segments: dict[str, SegmentPlace], segs: Sequence[Dataset]
) -> sr.EnhancedSR:
    """Build the Structured Report of an exam.

    Parameters
    ----------
    rows : Rows
    images : SourceImages
        At least one.
    segments : dict of str to SegmentPlace
        By the SHA-256 of the mask.
    segs : sequence of Dataset
        The Segmentations that hold them.

    Raises
    ------
    ConformanceError
        If a name has no code, or the source's headers do not allow a valid object.
    """
    version = metadata.version("marrowmap")
    first = images.first
    study = str(first.StudyInstanceUID)
    text_of_rows = dump_json([rows.measurements, rows.findings, rows.differential])
    digest = hashlib.sha256(text_of_rows.encode()).hexdigest()
    series_uid = name_based_uid(
        "sr", version, study, digest, *sorted(place.sop_instance_uid for place in segments.values())
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values of the source that do not meet the standard are not ours
            groups = build_groups(rows, Surroundings(images, segments, study, version))
            content = sr.MeasurementReport(
                observation_context=_observer(version),
                procedure_reported=codes.SCT.ImagingProcedure,
                imaging_measurements=groups,
                title=codes.DCM.ImagingMeasurementReport,
            )
            root = content[0]
            use = text(FIELDS["restriction"], RESEARCH_USE_ONLY, HAS_CONCEPT_MOD)
            root.ContentSequence = DicomSequence([use, *root.ContentSequence])
            made = sr.EnhancedSR(
                evidence=[*images.headers.values(), *segs],
                content=root,
                series_instance_uid=series_uid,
                series_number=1200,
                sop_instance_uid=name_based_uid("instance", series_uid),
                instance_number=1,
                manufacturer=MANUFACTURER,
                is_complete=True,
                series_description="marrowmap measurements (research use only)",
                specific_character_set="ISO_IR 192",
            )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ConformanceError(
            f"cannot write the DICOM structured report: {' '.join(str(error).split())} "
            "(a name has no code, or the source headers do not allow it)"
        ) from error
    made.ManufacturerModelName, made.SoftwareVersions, made.DeviceSerialNumber = "marrowmap", version, "none"
    fix_identity(made, [first], series_uid)
    return made


def verify_sr(path: Path, rows: Rows) -> None:
    """Read a Structured Report back and compare every row.

    Raises
    ------
    ConformanceError
        If a row is lost or differs.
    """
    try:
        back = rows_of_sr(pydicom.dcmread(path))
    except InputError as error:
        raise ConformanceError(f"{path.name}: {error}") from error
    for kind in ("measurements", "findings", "differential"):
        meant, found = getattr(rows, kind), getattr(back, kind)
        if meant != found:
            row = next(
                (n for n, (one, other) in enumerate(zip(meant, found, strict=False)) if one != other), len(found)
            )
            raise ConformanceError(f"{path.name}: {kind} row {row + 1} read back differs")


def write_sr(result: AnalysisResult, rows: Rows, images: SourceImages, folder: Path) -> tuple[str, ...]:
    """Write ``dicom/report_sr.dcm`` into the output folder, after its Segmentations, and check it by reading it back.

    Returns
    -------
    tuple of str
        Path inside `folder`; none without a row, or for NIfTI, which has no patient or study to belong to.

    Raises
    ------
    ConformanceError
        If the object cannot be written or does not read back as it was meant.
    """
    if not images.headers or not (rows.measurements or rows.findings or rows.differential):
        return ()
    (folder / "dicom").mkdir(exist_ok=True)
    segments, segs = find_segments(result, folder)
    build_sr(rows, images, segments, segs).save_as(folder / PATH, enforce_file_format=True)
    verify_sr(folder / PATH, rows)
    return (PATH,)
