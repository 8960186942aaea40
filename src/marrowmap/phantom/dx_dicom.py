"""A virtual radiograph as a DX file: Digital X-Ray Image Storage, for processing or for presentation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation
from pydicom.uid import DigitalXRayImageStorageForProcessing
from scipy import ndimage

from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import add_person_and_study
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import new_file
from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.dx import detector_limits
from marrowmap.phantom.layers import Array
from marrowmap.phantom.nm_file import code
from marrowmap.phantom.nm_file import decimal_strings
from marrowmap.phantom.x_rays import Cone
from marrowmap.values import Side

BITS = 14
MOST = 2**BITS - 1
OBJECT_MM = 100.0
"""How far behind the table's top vendors take the bone to be, when they state a magnification; a choice."""


class Intent(Enum):
    """What a picture is for (Presentation Intent Type)."""

    PROCESSING = "FOR PROCESSING"
    PRESENTATION = "FOR PRESENTATION"


class Relationship(Enum):
    """How pixels follow the beam's intensity (Pixel Intensity Relationship)."""

    LINEAR = "LIN"
    LOGARITHMIC = "LOG"


@dataclass(frozen=True)
class DxFile:
    """How a radiograph is stored.

    Parameters
    ----------
    intent : Intent
    relationship : Relationship
        For presentation only logarithmic, and bent by a display curve.
    sign : int
        1: more beam, higher pixels (and MONOCHROME1, so that bone is shown bright); -1: more beam, lower pixels (and
        MONOCHROME2).
    columns_toward : str
        ``L``: columns run to the patient's left, as one faces them; ``R``: the film is mirrored, as seen from behind,
        and its Patient Orientation says so.
    magnification : float or None
        What Estimated Radiographic Magnification Factor claims; None: the tag is left out.
    """

    intent: Intent = Intent.PROCESSING
    relationship: Relationship = Relationship.LOGARITHMIC
    sign: int = -1
    columns_toward: str = "L"
    magnification: float | None = None

    def __post_init__(self) -> None:
        if self.sign not in (-1, 1):
            raise ValueError(f"the sign is 1 or -1, not {self.sign}")
        if self.intent is Intent.PRESENTATION and self.relationship is Relationship.LINEAR:
            raise ValueError("pixels made for the eye are not linear: use Relationship.LOGARITHMIC")
        if self.columns_toward not in ("L", "R"):
            raise ValueError(f"columns run toward L or R, not {self.columns_toward}")


def sample_file(scan: DxScan, rng: np.random.Generator) -> DxFile:
    """Draw how a radiograph is stored; never mirrored. All frequencies are choices."""
    drawn = rng.random(4)
    stated = scan.source_detector_mm / (scan.source_detector_mm - scan.table_mm - OBJECT_MM)
    raw = drawn[0] < 0.6
    return DxFile(
        intent=Intent.PROCESSING if raw else Intent.PRESENTATION,
        relationship=Relationship.LINEAR if raw and drawn[1] < 0.4 else Relationship.LOGARITHMIC,
        sign=1 if drawn[2] < 0.4 else -1,
        magnification=round(stated, 2) if drawn[3] < 0.5 else None,
    )


def _logarithm(counts: Array, scan: DxScan) -> Array:
    """Return 0 where the beam is least and 1 where it is strongest, in logarithmic steps."""
    low, high = detector_limits(scan)
    return np.asarray(np.log(np.clip(counts, low, high) / low) / np.log(high / low), np.float32)


def store(counts: Array, scan: DxScan, how: DxFile) -> NDArray[np.uint16]:
    """Turn quanta a pixel into stored pixels of 14 bits, of the same shape.

    For presentation, wide differences are pressed together, fine ones strengthened, and an S-shaped curve is laid over
    the body's range, much as vendors do.
    """
    if how.intent is Intent.PRESENTATION:
        log = _logarithm(counts, scan)
        wide = ndimage.gaussian_filter(log, 12.0 / scan.pixel_mm, truncate=2.5)
        body = float(np.median(log[log < np.quantile(log, 0.8)]))
        share = 1 / (1 + np.exp(-14.0 * (0.55 * (wide - body) + 1.5 * (log - wide))))
    elif how.relationship is Relationship.LOGARITHMIC:
        share = _logarithm(counts, scan)
    else:
        share = np.clip(counts / detector_limits(scan)[1], 0, 1)
    share = share if how.sign > 0 else 1 - share
    return np.asarray(np.rint(share * MOST), np.uint16)


def write_dx(
    path: Path,
    counts: Array,
    cone: Cone,
    scan: DxScan,
    how: DxFile,
    study: StudyTags,
    number: int,
    sides: tuple[Side, ...] = (Side.LEFT, Side.RIGHT),
) -> str:
    """Write one radiograph.

    Parameters
    ----------
    path : Path
        File to write; its folder exists.
    counts : array, shape (columns, rows)
        See :func:`~marrowmap.phantom.dx.expose`; columns to the patient's left.
    cone, scan, how, study
    number : int
        Series Number.
    sides : tuple of Side
        What the picture shows: both hips, or one.

    Returns
    -------
    str
        Series Instance UID.
    """
    presentation = how.intent is Intent.PRESENTATION
    sop_class = DigitalXRayImageStorageForPresentation if presentation else DigitalXRayImageStorageForProcessing
    series_uid = make_uid(study.study_uid, "dx", number)
    data = new_file(sop_class, make_uid(series_uid, how))
    pixels = store(counts, scan, how)
    data.ImageType = ["DERIVED" if presentation else "ORIGINAL", "PRIMARY", ""]
    data.SeriesInstanceUID = series_uid
    data.SeriesNumber = number
    one = len(sides) == 1
    side = ("L" if sides[0] is Side.LEFT else "R") if one else "B"
    data.SeriesDescription = data.ProtocolName = f"HIP {side}T AP" if one else "PELVIS AP"
    add_person_and_study(data, study, sides, number, "DX")
    # Radiographs have neither a place in the patient's coordinates nor a laterality beside Image Laterality.
    for keyword in ("FrameOfReferenceUID", "PositionReferenceIndicator", "Laterality", "PatientPosition"):
        delattr(data, keyword)
    _describe_view(data, how, side)
    _describe_beam(data, cone, scan, how)
    _add_pixels(data, pixels if how.columns_toward == "L" else pixels[::-1], how)
    data.save_as(path, enforce_file_format=True)
    return series_uid


def _describe_view(data: FileDataset, how: DxFile, side: str) -> None:
    data.InstanceNumber = 1
    data.BodyPartExamined = "PELVIS" if side == "B" else "HIP"
    data.PresentationIntentType = how.intent.value
    data.ImageLaterality = side
    data.PatientOrientation = [how.columns_toward, "F"]
    region = ("816092008", "Pelvis") if side == "B" else ("29836001", "Hip")
    data.AnatomicRegionSequence = [code(region[0], "SCT", region[1])]
    data.ViewPosition = "AP"
    data.ViewCodeSequence = [code("399348003", "SCT", "antero-posterior")]
    data.ViewCodeSequence[0].ViewModifierCodeSequence = []
    lying = code("102538003", "SCT", "recumbent")
    lying.PatientOrientationModifierCodeSequence = [code("40199007", "SCT", "supine")]
    data.PatientOrientationCodeSequence = [lying]
    data.AcquisitionContextSequence = []
    data.PositionerType = "NONE"


def _describe_beam(data: FileDataset, cone: Cone, scan: DxScan, how: DxFile) -> None:
    data.KVP = scan.kvp
    data.Exposure = round(scan.mas)
    data.ExposureInuAs = round(1000 * scan.mas)
    data.FocalSpots = [scan.focus_mm]
    data.Grid = ["FOCUSED"]
    data.DistanceSourceToDetector = round(scan.source_detector_mm, 1)
    # To the table's top, on which the patient lies (PS3.3 C.8.7.5).
    data.DistanceSourceToPatient = round(scan.source_detector_mm - scan.table_mm, 1)
    if how.magnification is not None:
        data.EstimatedRadiographicMagnificationFactor = how.magnification
    data.ImagerPixelSpacing = decimal_strings([cone.pixel_mm, cone.pixel_mm])
    data.DetectorType = "SCINTILLATOR"
    data.DetectorConfiguration = "AREA"
    data.DetectorElementPhysicalSize = decimal_strings([cone.pixel_mm, cone.pixel_mm])
    data.FieldOfViewShape = "RECTANGLE"
    columns, rows = cone.shape
    data.FieldOfViewDimensions = [round(columns * cone.pixel_mm), round(rows * cone.pixel_mm)]
    left, right, top, bottom = (
        scan.inset_mm if how.columns_toward == "L" else (*scan.inset_mm[1::-1], *scan.inset_mm[2:])
    )
    if any((left, right, top, bottom)):
        data.CollimatorShape = "RECTANGULAR"
        data.CollimatorLeftVerticalEdge = round(left / cone.pixel_mm)
        data.CollimatorRightVerticalEdge = columns + 1 - round(right / cone.pixel_mm)
        data.CollimatorUpperHorizontalEdge = round(top / cone.pixel_mm)
        data.CollimatorLowerHorizontalEdge = rows + 1 - round(bottom / cone.pixel_mm)


def _add_pixels(data: FileDataset, pixels: NDArray[np.uint16], how: DxFile) -> None:
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if how.sign > 0 else "MONOCHROME2"
    data.PresentationLUTShape = "INVERSE" if how.sign > 0 else "IDENTITY"
    presentation = how.intent is Intent.PRESENTATION
    data.PixelIntensityRelationship = how.relationship.value
    data.PixelIntensityRelationshipSign = how.sign
    data.RescaleIntercept, data.RescaleSlope, data.RescaleType = 0, 1, "US"
    if presentation:
        data.DerivationDescription = "Contrast of wide structures reduced, of fine ones raised; display curve"
    data.LossyImageCompression = "00"
    data.BurnedInAnnotation = "NO"
    data.Columns, data.Rows = pixels.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, BITS, BITS - 1, 0
    if presentation:
        # Over the body alone: where the beam met none would else take all of the window.
        low, high = np.quantile(pixels[pixels.shape[0] // 6 : -(pixels.shape[0] // 6)], (0.02, 0.98))
        data.WindowCenter, data.WindowWidth = round(float(low + high) / 2), max(2, round(float(high - low)))
    data.PixelData = np.ascontiguousarray(pixels.T).astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
