"""Registrations of bones as DICOM Spatial Registration (PS3.3 A.39), one object for each bone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import SpatialRegistrationStorage

from marrowmap.anatomy.registration import BoneRegistration
from marrowmap.errors import ConformanceError
from marrowmap.ingest.scan import Reconstruction
from marrowmap.report.dicom_object import name_based_uid
from marrowmap.report.result import AnalysisResult

PATIENT = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")
STUDY = ("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName")


@dataclass(frozen=True)
class Images:
    """What a registration says it is of: one series.

    Parameters
    ----------
    uid : str
    files : tuple of Path
        At least one.
    instance_uids : tuple of str
    """

    uid: str
    files: tuple[Path, ...]
    instance_uids: tuple[str, ...]


def _images(result: AnalysisResult, frame_uid: str) -> Images | None:
    """Return the series of a frame of reference, before the SPECT itself; None where it has no DICOM."""
    for series in result.exam.series:
        if series.volume.grid.frame_of_reference_uid == frame_uid and series.instance_uids:
            return Images(series.uid, tuple(series.files), tuple(series.instance_uids))
    scan = None if result.spect is None else result.spect.scan
    if isinstance(scan, Reconstruction) and scan.volume.grid.frame_of_reference_uid == frame_uid:
        return Images(scan.source.uid, scan.source.files, (scan.source.instance_uid,))
    return None


def write_registrations(result: AnalysisResult, folder: Path) -> tuple[str, ...]:
    """Write ``dicom/registration_SIDE.dcm`` into the output folder and check each by reading it back.

    Returns
    -------
    tuple of str
        Paths inside `folder`; none where nothing was registered or the images are NIfTI.

    Raises
    ------
    ConformanceError
        If an object does not read back as it was meant.
    """
    written = []
    for found in result.spect.registrations if result.spect else ():
        transform = found.transform
        source, target = (_images(result, uid) for uid in (transform.source, transform.target))
        if source is None or target is None:
            continue
        path = f"dicom/registration_{found.bone.side.value}.dcm"
        (folder / "dicom").mkdir(exist_ok=True)
        build_registration(found, source, target).save_as(folder / path, enforce_file_format=True)
        _verify(folder / path, found)
        written.append(path)
    return tuple(written)


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _references(series: Images, sop_class: str) -> list[Dataset]:
    return [
        _item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=uid)
        for uid in dict.fromkeys(series.instance_uids)
    ]


def _registered(uid: str, images: list[Dataset], matrix: np.ndarray) -> Dataset:
    rigid = _item(
        FrameOfReferenceTransformationMatrix=[f"{value:.10g}"[:16] for value in matrix.ravel()],
        FrameOfReferenceTransformationMatrixType="RIGID",
    )
    kind = _item(CodeValue="125021", CodingSchemeDesignator="DCM", CodeMeaning="Frame of Reference Identity")
    if not np.array_equal(matrix, np.eye(4)):
        kind = _item(CodeValue="125024", CodingSchemeDesignator="DCM", CodeMeaning="Image Content-based Alignment")
    return _item(
        FrameOfReferenceUID=uid,
        ReferencedImageSequence=images,
        MatrixRegistrationSequence=[_item(MatrixSequence=[rigid], RegistrationTypeCodeSequence=[kind])],
    )


def build_registration(found: BoneRegistration, source: Images, target: Images) -> FileDataset:
    """Build the object; its Frame of Reference is the target's, and the matrix maps the source's points to it."""
    heads = [pydicom.dcmread(series.files[0], stop_before_pixels=True) for series in (source, target)]
    transform, side = found.transform, found.bone.side.value
    uid = name_based_uid("reg", source.uid, target.uid, side, transform.matrix.tobytes().hex())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SpatialRegistrationStorage
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = SpatialRegistrationStorage, UID(uid)
    for keyword in (*PATIENT, *STUDY):
        setattr(data, keyword, getattr(heads[0], keyword, ""))
    data.Modality, data.Laterality = "REG", side[0].upper()
    data.SeriesInstanceUID = name_based_uid("reg series", source.uid, target.uid, side)
    data.SeriesNumber, data.InstanceNumber = 9001, 1 if side == "left" else 2
    data.Manufacturer = data.ManufacturerModelName = "marrowmap"
    data.DeviceSerialNumber, data.SoftwareVersions = "none", "marrowmap"
    data.FrameOfReferenceUID, data.PositionReferenceIndicator = transform.target, ""
    data.ContentDate = data.SeriesDate = getattr(heads[0], "StudyDate", "")
    data.ContentTime = data.SeriesTime = getattr(heads[0], "StudyTime", "") or "000000"
    data.ContentLabel = f"{side.upper()}_FEMUR"
    data.ContentDescription = f"{side} femur, {found.error_mm:.1f} mm SD at the head"
    data.SeriesDescription = "Bone registration"
    data.ContentCreatorName = "marrowmap"
    images = [_references(series, head.SOPClassUID) for series, head in zip((source, target), heads, strict=True)]
    data.RegistrationSequence = [
        _registered(transform.target, images[1], np.eye(4)),
        _registered(transform.source, images[0], transform.matrix),
    ]
    comment = f"rigid, {found.note}"
    data.RegistrationSequence[1].MatrixRegistrationSequence[0].FrameOfReferenceTransformationComment = comment
    same = heads[0].StudyInstanceUID == heads[1].StudyInstanceUID
    listed = [
        _item(SeriesInstanceUID=series.uid, ReferencedInstanceSequence=[_copy(one) for one in refs])
        for series, refs in zip((source, target), images, strict=True)
    ]
    data.ReferencedSeriesSequence = listed if same else listed[:1]
    if not same:
        data.StudiesContainingOtherReferencedInstancesSequence = [
            _item(StudyInstanceUID=heads[1].StudyInstanceUID, ReferencedSeriesSequence=listed[1:])
        ]
    return data


def _copy(reference: Dataset) -> Dataset:
    return _item(
        ReferencedSOPClassUID=reference.ReferencedSOPClassUID,
        ReferencedSOPInstanceUID=reference.ReferencedSOPInstanceUID,
    )


def _verify(path: Path, found: BoneRegistration) -> None:
    data = pydicom.dcmread(path)
    item = data.RegistrationSequence[1]
    matrix = np.array(item.MatrixRegistrationSequence[0].MatrixSequence[0].FrameOfReferenceTransformationMatrix, float)
    if item.FrameOfReferenceUID != found.transform.source or data.FrameOfReferenceUID != found.transform.target:
        raise ConformanceError(f"{path.name}: frames of reference read back differ")
    if not np.allclose(matrix.reshape(4, 4), found.transform.matrix, atol=1e-4):
        raise ConformanceError(f"{path.name}: the matrix read back differs")
