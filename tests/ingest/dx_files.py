"""Small radiographs as a detector writes them, each tag open to change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.dataset import FileDataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pydicom.uid import generate_uid

from marrowmap.ingest import Radiograph
from marrowmap.ingest import read_exam

CR = "1.2.840.10008.5.1.4.1.1.1"
FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
COLUMNS, ROWS = 40, 56
TOP = 65535
PIXEL = 0.143


def attenuation() -> np.ndarray:
    """Line integrals, shape (columns, rows); columns to the patient's left, rows to the feet, no symmetry."""
    column, row = np.meshgrid(np.arange(COLUMNS), np.arange(ROWS), indexing="ij")
    body = 2.0 * np.exp(-(((column - 22) / 14) ** 2))
    bone = 1.5 * np.exp(-(((column - 12) / 3) ** 2) - ((row - 20) / 9) ** 2)
    return 0.2 + body + bone + 0.004 * row


def coded(kind: str) -> np.ndarray:
    """Stored values, shape (columns, rows), of the same film: LIN or LOG with its sign."""
    film = attenuation()
    values = TOP * np.exp(-film) if kind.startswith("LIN") else 12000.0 * film
    falls_with_beam = kind.endswith("-")
    turned = values if kind in ("LIN+", "LOG-") else TOP - values
    assert falls_with_beam == (np.corrcoef(turned.ravel(), film.ravel())[0, 1] > 0)
    return np.rint(turned)


def write(
    folder: Path, values: np.ndarray | None = None, name: str = "film.dcm", sop: str = FOR_PROCESSING, **tags
) -> Path:
    """Write pixels, shape (columns, rows) or (columns, rows, 3), as one file; a tag of None is left out."""
    values = coded("LOG-") if values is None else values
    color = values.ndim == 3
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop
    meta.MediaStorageSOPInstanceUID = tags.get("SOPInstanceUID", generate_uid())
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(folder / name), {}, file_meta=meta, preamble=b"\0" * 128)
    bits = 8 if color else 16
    stated = {
        "SOPClassUID": sop,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyInstanceUID": "1.2.3.1",
        "SeriesInstanceUID": "1.2.3.2",
        "SeriesNumber": 1,
        "SeriesDescription": "Pelvis",
        "Modality": "CR" if sop == CR else "DX",
        "PatientID": "P1",
        "StudyDate": "20260105",
        "PresentationIntentType": "FOR PROCESSING" if sop == FOR_PROCESSING else None,
        "PixelIntensityRelationship": "LOG" if sop == FOR_PROCESSING else None,
        "PixelIntensityRelationshipSign": -1 if sop == FOR_PROCESSING else None,
        "PhotometricInterpretation": "RGB" if color else "MONOCHROME2",
        "SamplesPerPixel": 3 if color else 1,
        "PlanarConfiguration": 0 if color else None,
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "ImagerPixelSpacing": [PIXEL, PIXEL],
        "EstimatedRadiographicMagnificationFactor": "1.15",
        "ViewPosition": "AP",
        "PatientOrientation": ["L", "F"],
        **tags,
    }
    for keyword, value in stated.items():
        if value is not None:
            setattr(data, keyword, value)
    data.Columns, data.Rows = values.shape[:2]
    array = values.swapaxes(0, 1)
    kind = "uint8" if color else "int16" if stated["PixelRepresentation"] else "uint16"
    data.PixelData = np.ascontiguousarray(array).astype(kind).tobytes()
    data.save_as(folder / name, enforce_file_format=True)
    return folder / name


def read(folder: Path, values: np.ndarray | None = None, **tags) -> Radiograph:
    """Write and read one film."""
    (film,) = read_exam([write(folder, values, **tags)]).radiographs
    return film


def item(**tags) -> Dataset:
    """One item of a sequence."""
    data = Dataset()
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    return data
