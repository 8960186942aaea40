"""Open a DICOM file up to its pixels; say what keeps it from being read."""

from __future__ import annotations

from pathlib import Path

import pydicom

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import quiet
from marrowmap.ingest.header import tag_label


def _looks_like_dicom(start: bytes) -> bool:
    """Say whether a file without preamble starts with an element of group 2 or 8, in either byte order."""
    return start[:2] in (b"\x02\x00", b"\x08\x00", b"\x00\x02", b"\x00\x08") and len(start) > 8


def read_header(path: Path) -> Header | None:
    """Read a DICOM file up to its pixels; None where the file is not DICOM.

    Raises
    ------
    InputError
        If it is DICOM but cannot be read, or empty.
    """
    name = file_label(path)
    try:
        with path.open("rb") as file:
            start = file.read(132)
        if not start:
            raise InputError(f"{name}: zero bytes long, nothing was written into it: copy the file again")
        has_preamble = start[128:132] == b"DICM"
        if not has_preamble and not _looks_like_dicom(start):
            return None
        with quiet():
            dataset = pydicom.dcmread(path, stop_before_pixels=True, force=True)
            has_content = any(keyword in dataset for keyword in ("SOPClassUID", "Modality", "Rows", "PatientID"))
    except OSError as error:
        reason = (error.strerror or "input/output error").lower()
        raise InputError(f"{name}: cannot be opened ({reason}): check the file and its access rights") from error
    except InputError:
        raise
    except Exception as error:  # pydicom raises many kinds over a broken header
        raise InputError(f"{name}: its DICOM header is broken ({type(error).__name__}): export it again") from error
    if not has_content and "FileSetID" not in dataset and "DirectoryRecordSequence" not in dataset:
        if not has_preamble and len(dataset) == 0:
            return None
        raise InputError(f"{name}: {tag_label('SOPClassUID')} is absent, it holds no image: export the original again")
    return Header(path, dataset)
