"""High-resolution images as DICOM: 7 T MR and HR-pQCT, one series a side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset
from pydicom.uid import CTImageStorage
from pydicom.uid import MRImageStorage

from marrowmap.image import Grid
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import add_person_and_study
from marrowmap.phantom.dicom import add_slice
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import new_file
from marrowmap.phantom.hr_ct import LOWEST_MG_PER_ML
from marrowmap.phantom.hr_ct import STEP_MG_PER_ML
from marrowmap.phantom.hr_mr import HrMr
from marrowmap.phantom.hr_site import Site


def _begin(uid: str, series: str, number: int, study: StudyTags, site: Site, modality: str) -> FileDataset:
    data = new_file(MRImageStorage if modality == "MR" else CTImageStorage, uid)
    data.SeriesInstanceUID = series
    data.SeriesNumber = number
    add_person_and_study(data, study, (site.side,), number, modality)
    data.StudyDescription = f"{modality} {site.body_part} HIGH RESOLUTION"
    data.BodyPartExamined = site.body_part
    return data


def _own_place(study: StudyTags, series: str) -> StudyTags:
    """Return the study's tags with a frame of reference of its own: the person is laid anew for each side."""
    return replace(study, frame_of_reference_uid=make_uid(series, "frame of reference"))


def write_hr_mr(
    folder: Path, pixels: NDArray[np.uint16], grid: Grid, site: Site, scan: HrMr, study: StudyTags, number: int
) -> str:
    """Write one side's 7 T series into a new folder, one file a slice; returns its UID."""
    series = make_uid(study.study_uid, "series", number)
    own = _own_place(study, series)
    folder.mkdir(parents=True)
    for index in range(grid.shape[2]):
        data = _begin(make_uid(series, index), series, number, own, site, "MR")
        data.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
        side = "LT" if site.side.sign > 0 else "RT"
        data.SeriesDescription = data.ProtocolName = f"AX 3D FLASH {site.body_part} {side}"
        data.ScanningSequence, data.SequenceVariant, data.ScanOptions = "GR", "SP", ""
        data.SequenceName = "*fl3d1"
        data.MRAcquisitionType = "3D"
        data.RepetitionTime, data.EchoTime, data.FlipAngle = scan.repetition_ms, scan.echo_ms, scan.flip_deg
        data.EchoTrainLength = data.EchoNumbers = data.NumberOfAverages = 1
        data.MagneticFieldStrength = scan.field_t
        data.ImagingFrequency = round(42.577 * scan.field_t, 3)
        data.ImagedNucleus = "1H"
        data.PixelBandwidth = 130
        data.SliceThickness = scan.thickness_mm
        add_slice(data, pixels, grid, index)
        data.WindowCenter, data.WindowWidth = 650, 1300
        data.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)
    return series


def write_hr_ct(folder: Path, pixels: NDArray[np.uint16], grid: Grid, site: Site, study: StudyTags, number: int) -> str:
    """Write one side's HR-pQCT series into a new folder, one file a slice; returns its UID.

    Values are mg/mL of hydroxyapatite (Rescale Type MGML), so the images are DERIVED: original CT is in HU.
    """
    series = make_uid(study.study_uid, "series", number)
    own = _own_place(study, series)
    folder.mkdir(parents=True)
    for index in range(grid.shape[2]):
        data = _begin(make_uid(series, index), series, number, own, site, "CT")
        data.ImageType = ["DERIVED", "PRIMARY", "AXIAL"]
        side = "LT" if site.side.sign > 0 else "RT"
        data.SeriesDescription = data.ProtocolName = f"HR-pQCT {site.body_part} {side} 60.7 UM MGHA"
        data.ManufacturerModelName = "virtual HR-pQCT"
        data.DerivationDescription = "density calibrated with hydroxyapatite, mg HA/cm3"
        data.KVP, data.ConvolutionKernel = 68, ""
        data.RescaleIntercept, data.RescaleSlope, data.RescaleType = LOWEST_MG_PER_ML, STEP_MG_PER_ML, "MGML"
        data.SliceThickness = round(float(grid.spacing[2]), 6)
        add_slice(data, pixels, grid, index)
        del data.SpacingBetweenSlices
        data.WindowCenter, data.WindowWidth = 400, 1400
        data.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)
    return series
