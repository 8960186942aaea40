"""What every virtual gamma camera file has: person, tracer, detectors, energy windows, frame axes, pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.tag import Tag
from pydicom.uid import NuclearMedicineImageStorage

from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import add_person_and_study
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import new_file
from marrowmap.values import Side

MOST = 65535


@dataclass(frozen=True)
class Injection:
    """What was injected: Tc-99m oxidronate (HDP).

    Parameters
    ----------
    at : datetime
    activity_mbq : float
    weight_kg : float
        Of the patient.
    """

    at: datetime
    activity_mbq: float = 600.0
    weight_kg: float = 75.0


@dataclass(frozen=True)
class Camera:
    """What one acquisition needs beside its counts.

    Parameters
    ----------
    number : int
        Series Number.
    description : str
    started_at : datetime
    pixel_mm : float
        Square pixels.
    center_mm : tuple of 3 float
        The point on the axis of rotation at which detectors look.
    radius_mm : float
        Of planar detectors from that point.
    """

    number: int
    description: str
    started_at: datetime
    pixel_mm: float
    center_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius_mm: float = 200.0


def item(**tags: object) -> Dataset:
    """Return an item of a sequence."""
    dataset = Dataset()
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return dataset


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return an item of a code sequence."""
    return item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)


def decimal_strings(values: ArrayLike) -> list[str]:
    """Return decimal strings, at most 16 characters each."""
    return [f"{value:.9g}" for value in np.ravel(np.asarray(values, float))]


def _seen_from(angle_deg: float) -> NDArray[np.float64]:
    """Return directions of columns and rows, shape (2, 3), upright as seen from a detector."""
    angle = np.deg2rad(angle_deg)
    return np.round([[-np.cos(angle), np.sin(angle), 0.0], [0.0, 0.0, -1.0]], 12) + 0.0


def describe_detector(camera: Camera, angle_deg: float, radius_mm: Sequence[float], shape: tuple[int, int]) -> Dataset:
    """Describe a detector with frames of (rows, columns)."""
    axes = _seen_from(angle_deg)
    angle = np.deg2rad(angle_deg)
    face = np.array(camera.center_mm) + radius_mm[0] * np.array([np.sin(angle), np.cos(angle), 0.0])
    half = (np.array(shape[::-1]) - 1) / 2 * camera.pixel_mm
    detector = item(
        CollimatorGridName="LEHR", CollimatorType="PARA", FocalDistance=0, StartAngle=f"{angle_deg % 360:.9g}"
    )
    detector.RadialPosition = decimal_strings(radius_mm)
    detector.ImagePositionPatient = decimal_strings(face - half @ axes)
    detector.ImageOrientationPatient = decimal_strings(axes)
    return detector


def new_image(
    study: StudyTags, camera: Camera, injection: Injection | None, image_type: Sequence[str], name: str
) -> FileDataset:
    """Return a file with person, study, times and tracer; the patient lies supine, head first."""
    series_uid = make_uid(study.study_uid, "nm", camera.number)
    data = new_file(NuclearMedicineImageStorage, make_uid(series_uid, name))
    data.ImageType = list(image_type)
    data.SeriesInstanceUID = series_uid
    data.SeriesNumber = camera.number
    data.SeriesDescription = camera.description
    add_person_and_study(data, study, (Side.LEFT, Side.RIGHT), camera.number, "NM")
    # It may not stand beside Patient Orientation Code Sequence (PS3.3 C.7.3.1).
    del data.PatientPosition
    data.AcquisitionDate = data.ContentDate = f"{camera.started_at:%Y%m%d}"
    data.AcquisitionTime = data.ContentTime = f"{camera.started_at:%H%M%S.%f}"
    data.InstanceNumber = 1
    data.CountsAccumulated = None
    supine = code("F-10340", "99SDM", "supine")
    lying = code("F-10450", "99SDM", "recumbent")
    lying.PatientOrientationModifierCodeSequence = [supine]
    data.PatientOrientationCodeSequence = [lying]
    data.PatientGantryRelationshipCodeSequence = [code("F-10470", "99SDM", "headfirst")]
    tracer = item(
        RadionuclideCodeSequence=[code("72454006", "SCT", "^99m^Technetium")],
        RadiopharmaceuticalCodeSequence=[code("53951001", "SCT", "Technetium Tc^99m^ oxidronate")],
    )
    if injection is not None:
        tracer.RadiopharmaceuticalStartTime = f"{injection.at:%H%M%S}"
        tracer.RadionuclideTotalDose = f"{injection.activity_mbq:.9g}"
        data.PatientWeight = f"{injection.weight_kg:.6g}"
    data.RadiopharmaceuticalInformationSequence = [tracer]
    return data


def add_windows(data: FileDataset, windows: Sequence[tuple[float, float]]) -> None:
    """Describe the energy windows by their limits in keV."""
    data.NumberOfEnergyWindows = len(windows)
    data.EnergyWindowInformationSequence = [
        item(
            EnergyWindowRangeSequence=[
                item(EnergyWindowLowerLimit=decimal_strings(low), EnergyWindowUpperLimit=decimal_strings(high))
            ]
        )
        for low, high in windows
    ]


def add_vectors(data: FileDataset, **vectors: ArrayLike) -> None:
    """Add the frames' axes and point at them, in the order given."""
    for keyword, values in vectors.items():
        setattr(data, keyword, [int(v) for v in np.ravel(np.asarray(values))])
    data.FrameIncrementPointer = [Tag(keyword) for keyword in vectors]


def save_image(path: Path, data: FileDataset, frames: NDArray[np.integer], pixel_mm: float) -> str:
    """Add frames, shape (frames, rows, columns), and write the file; returns its SOP Instance UID."""
    if not np.issubdtype(frames.dtype, np.integer):
        raise TypeError(f"counts are whole numbers, not {frames.dtype}: draw or round them first")
    if frames.min() < 0 or frames.max() >= MOST:
        raise ValueError(f"counts {frames.min()} to {frames.max()} do not fit 16 bits: scale them first")
    data.NumberOfFrames, data.Rows, data.Columns = frames.shape
    data.PixelSpacing = decimal_strings([pixel_mm, pixel_mm])
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.CountsAccumulated = int(min(frames.sum(dtype=np.int64), 2**31 - 1))
    data.PixelData = np.ascontiguousarray(frames).astype("<u2").tobytes()
    data["PixelData"].VR = "OW"
    data.save_as(path, enforce_file_format=True)
    return str(data.SOPInstanceUID)
