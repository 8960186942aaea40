"""Small DICOM files as a scanner writes them, each tag open to change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import generate_uid

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
COLUMNS, ROWS = 6, 5
T1 = {"ScanningSequence": "SE", "RepetitionTime": 600, "EchoTime": 12}
STIR = {"ScanningSequence": ["SE", "IR"], "RepetitionTime": 4000, "EchoTime": 40, "InversionTime": 160}


def uid(text: str) -> str:
    """A UID that is the same for the same text."""
    return generate_uid(entropy_srcs=[text])


def pixels(count: int, low: int = 0, high: int = 1000) -> np.ndarray:
    """Random gray values, shape (count, ROWS, COLUMNS)."""
    return np.random.default_rng(count).integers(low, high, (count, ROWS, COLUMNS)).astype(np.int32)


def common(modality: str, series: str, **tags) -> Dataset:
    """Header of one image; keyword arguments replace tags, None removes one."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    values = {
        "SOPClassUID": MR_IMAGE if modality == "MR" else CT_IMAGE,
        "Modality": modality,
        "PatientID": "P1",
        "PatientName": "Secret^Name",
        "PatientSex": "F",
        "PatientBirthDate": "19800101",
        "StudyDate": "20240315",
        "StudyInstanceUID": uid("study"),
        "SeriesInstanceUID": uid(series),
        "SeriesNumber": 3,
        "SeriesDescription": series,
        "FrameOfReferenceUID": uid("frame"),
        "SliceThickness": 3.0,
        "PixelSpacing": [0.7, 0.6],
        "ImageOrientationPatient": list(CORONAL),
        "ImageType": ["ORIGINAL", "PRIMARY", "M"],
        "Rows": ROWS,
        "Columns": COLUMNS,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 16,
        "HighBit": 15,
        "PixelRepresentation": 0,
        **(T1 if modality == "MR" else {"RescaleSlope": 1, "RescaleIntercept": -1024}),
        **tags,
    }
    for keyword, value in values.items():
        if value is not None:
            setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPClassUID = ds.get("SOPClassUID", "1.2.3")
    return ds


def save(ds: Dataset, path: Path, values: np.ndarray | None) -> Path:
    """Write one file; `values` of shape (ROWS, COLUMNS) or (frames, ROWS, COLUMNS) as stored."""
    if values is not None:
        kind = {8: np.uint8, 16: np.uint16, 32: np.uint32}[ds.BitsAllocated]
        ds.PixelData = values.astype(np.int64).astype(kind).tobytes()
        ds["PixelData"].VR = "OW"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.get("SOPInstanceUID", "1.2.3")
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True, little_endian=True, implicit_vr=False)
    return path


def normal_of(orientation) -> np.ndarray:
    return np.cross(orientation[:3], orientation[3:])


def write_series(
    folder: Path,
    count: int = 5,
    modality: str = "MR",
    series: str = "cor T1",
    step: float = 3.5,
    stored: np.ndarray | None = None,
    skip: tuple[int, ...] = (),
    positions: list[float] | None = None,
    names=lambda n: f"IM{n:04d}.dcm",
    numbers=lambda n: n + 1,
    instance: str = "",
    **tags,
) -> list[Path]:
    """Write a classic series, one file a slice, `step` mm apart along the normal."""
    values = pixels(count) if stored is None else stored
    orientation = tags.get("ImageOrientationPatient", list(CORONAL))
    files = []
    for n in range(count):
        if n in skip:
            continue
        depth = n * step if positions is None else positions[n]
        place = np.array([-20.0, 10.0, 30.0]) + depth * normal_of(orientation)
        ds = common(
            modality,
            series,
            **{
                "SOPInstanceUID": uid(f"{series} {n} {instance}"),
                "InstanceNumber": numbers(n),
                "ImagePositionPatient": [round(float(x), 4) for x in place],
                **tags,
            },
        )
        files.append(save(ds, folder / names(n), values[n]))
    return files


def item(**tags) -> Dataset:
    ds = Dataset()
    for keyword, value in tags.items():
        setattr(ds, keyword, value)
    return ds


def write_enhanced(
    path: Path, count: int = 5, echoes=(12.0,), step: float = 3.5, series: str = "enhanced", **tags
) -> Path:
    """Write an enhanced multi-frame MR with all frames of all echoes."""
    values = pixels(count * len(echoes))
    frames = []
    for echo in echoes:
        for n in range(count):
            place = np.array([-20.0, 10.0, 30.0]) + n * step * normal_of(CORONAL)
            frames.append(
                item(
                    FrameContentSequence=[item(StackID="1", InStackPositionNumber=n + 1, TemporalPositionIndex=1)],
                    PlanePositionSequence=[item(ImagePositionPatient=place.round(4).tolist())],
                    MREchoSequence=[item(EffectiveEchoTime=echo)],
                )
            )
    shared = item(
        PlaneOrientationSequence=[item(ImageOrientationPatient=list(CORONAL))],
        PixelMeasuresSequence=[item(PixelSpacing=[0.7, 0.6], SliceThickness=3.0)],
        MRTimingAndRelatedParametersSequence=[item(RepetitionTime=600.0, FlipAngle=90.0)],
        PixelValueTransformationSequence=[item(RescaleSlope=2.0, RescaleIntercept=1.0)],
        FrameAnatomySequence=[item(FrameLaterality="L")],
    )
    ds = common(
        "MR",
        series,
        **{
            "SOPClassUID": ENHANCED_MR,
            "SOPInstanceUID": uid(series),
            "EchoPulseSequence": "SPIN",
            "NumberOfFrames": len(frames),
            "SharedFunctionalGroupsSequence": [shared],
            "PerFrameFunctionalGroupsSequence": frames,
            **dict.fromkeys(("PixelSpacing", "SliceThickness", "ImageOrientationPatient")),
            **dict.fromkeys(("ScanningSequence", "RepetitionTime", "EchoTime")),
            **tags,
        },
    )
    return save(ds, path, values)
