"""Virtual slices as classic MR DICOM files, tagged the way scanners and hospitals tag them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import MRImageStorage

from marrowmap.image import Grid
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation
from marrowmap.phantom.mr import timing
from marrowmap.phantom.person import Person
from marrowmap.values import Side

UID_ROOT = "2.25."
"""UIDs made from a number need no registered root (PS3.5 B.2)."""


def make_uid(*parts: object) -> str:
    """Return the same UID for the same parts, every time."""
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return UID_ROOT + str(int.from_bytes(digest[:15], "big"))


@dataclass(frozen=True)
class StudyTags:
    """What all files of an exam share."""

    person_id: str
    study_uid: str
    frame_of_reference_uid: str
    date: str
    person: Person


def describe(contrast: Contrast, acquisition: Acquisition) -> str:
    """Return a series description as hospitals write it."""
    short = "COR" if acquisition.orientation is Orientation.CORONAL else "AX"
    name = {Contrast.T1: "T1 TSE", Contrast.STIR: "STIR", Contrast.PD_FAT_SATURATED: "PD TSE FS"}[contrast]
    if len(acquisition.sides) == 2:
        return f"{short} {name} PELVIS"
    return f"{short} {name} HIP {'LT' if acquisition.sides[0] is Side.LEFT else 'RT'}"


def _add_physics(data: FileDataset, contrast: Contrast, acquisition: Acquisition) -> None:
    times = timing(contrast, acquisition.field_t)
    data.ScanningSequence = ["SE", "IR"] if contrast is Contrast.STIR else "SE"
    data.SequenceVariant = ["SK", "SP"]
    data.ScanOptions = "FS" if contrast is Contrast.PD_FAT_SATURATED else ""
    data.MRAcquisitionType = "2D"
    data.SequenceName = {Contrast.T1: "*tse2d1_3", Contrast.STIR: "*tir2d1_10", Contrast.PD_FAT_SATURATED: "*tse2d1_8"}[
        contrast
    ]
    data.RepetitionTime = times.repetition_ms
    data.EchoTime = times.echo_ms
    if times.inversion_ms is not None:
        data.InversionTime = times.inversion_ms
    data.EchoTrainLength = times.echo_train
    data.EchoNumbers = 1
    data.NumberOfAverages = 2
    data.MagneticFieldStrength = acquisition.field_t
    data.ImagingFrequency = round(42.577 * acquisition.field_t, 3)
    data.ImagedNucleus = "1H"
    data.FlipAngle = 150
    data.PixelBandwidth = 200


def add_person_and_study(
    data: FileDataset, study: StudyTags, sides: tuple[Side, ...], number: int, modality: str = "MR"
) -> None:
    """Add what every file of a study says about person, study and series."""
    data.StudyDate = data.SeriesDate = data.AcquisitionDate = data.ContentDate = study.date
    data.StudyTime = "090000"
    data.SeriesTime = data.AcquisitionTime = data.ContentTime = f"09{number % 60:02d}00"
    data.AccessionNumber = ""
    data.Modality = modality
    data.Manufacturer = "marrowmap phantom"
    data.ManufacturerModelName = "virtual"
    data.InstitutionName = "Virtual"
    data.ReferringPhysicianName = ""
    data.StudyDescription = f"{modality} HIP" if len(sides) == 1 else f"{modality} PELVIS HIPS"
    data.PatientName = f"Virtual^{study.person_id}"
    data.PatientID = study.person_id
    data.PatientBirthDate = f"{int(study.date[:4]) - study.person.age_years}0101"
    data.PatientSex = study.person.sex
    data.PatientAge = f"{study.person.age_years:03d}Y"
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Virtual person"
    data.BodyPartExamined = "HIP"
    data.PatientPosition = "HFS"
    data.StudyInstanceUID = study.study_uid
    data.StudyID = "1"
    data.AcquisitionNumber = 1
    # Empty where both sides are shown. Image Laterality may not stand beside it (PS3.3 C.7.3.1).
    one_side = len(sides) == 1
    data.Laterality = ("L" if sides[0] is Side.LEFT else "R") if one_side else ""
    data.FrameOfReferenceUID = study.frame_of_reference_uid
    data.PositionReferenceIndicator = ""


def add_slice(data: FileDataset, pixels: NDArray[np.uint16], grid: Grid, index: int) -> None:
    """Add where a slice of an image (columns, rows, slices) lies, and its pixels, 12 bits each."""
    position = grid.to_world((0, 0, index))
    data.InstanceNumber = index + 1
    data.SpacingBetweenSlices = round(float(grid.spacing[2]), 6)
    data.ImagePositionPatient = [round(float(v), 6) for v in position]
    data.ImageOrientationPatient = [round(float(v), 9) for v in (*grid.axes[:, 0], *grid.axes[:, 1])]
    data.SliceLocation = round(float(position @ grid.axes[:, 2]), 6)
    data.PixelSpacing = [round(float(grid.spacing[1]), 9), round(float(grid.spacing[0]), 9)]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Columns, data.Rows = grid.shape[0], grid.shape[1]
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.SmallestImagePixelValue, data.LargestImagePixelValue = 0, int(pixels.max())
    data.WindowCenter, data.WindowWidth = 500, 1000
    data.PixelData = np.ascontiguousarray(pixels[:, :, index].T).astype("<u2").tobytes()
    data["PixelData"].VR = "OW"


def new_file(sop_class: UID, uid: str) -> FileDataset:
    """Return an empty file of one SOP class."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(make_uid("marrowmap"))
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID = sop_class
    data.SOPInstanceUID = uid
    return data


def write_series(
    folder: Path,
    pixels: NDArray[np.uint16],
    grid: Grid,
    contrast: Contrast,
    acquisition: Acquisition,
    study: StudyTags,
    number: int,
) -> tuple[str, list[str]]:
    """Write one series, one file a slice.

    Parameters
    ----------
    folder : Path
        Exists; file names are the instance numbers.
    pixels : array, shape (columns, rows, slices)
    grid : Grid
        Of the pixels, LPS mm.
    contrast, acquisition, study
    number : int
        Series Number.

    Returns
    -------
    series_uid : str
    instance_uids : list of str
        In the order of the slices.
    """
    description = describe(contrast, acquisition)
    series_uid = make_uid(study.study_uid, "series", number)
    uids = []
    for index in range(grid.shape[2]):
        uid = make_uid(series_uid, index)
        uids.append(uid)
        data = new_file(MRImageStorage, uid)
        data.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        data.SeriesInstanceUID = series_uid
        data.SeriesNumber = number
        data.SeriesDescription = data.ProtocolName = description
        data.SliceThickness = acquisition.thickness_mm
        add_person_and_study(data, study, acquisition.sides, number)
        _add_physics(data, contrast, acquisition)
        add_slice(data, pixels, grid, index)
        data.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)
    return series_uid, uids
