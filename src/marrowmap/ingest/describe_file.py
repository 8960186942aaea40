"""What one file holds, in one line, or why it cannot be opened."""

from __future__ import annotations

from pathlib import Path

from marrowmap.errors import MarrowmapError
from marrowmap.image.nifti import file_label
from marrowmap.image.nifti import read_nifti
from marrowmap.ingest import dx
from marrowmap.ingest import nifti
from marrowmap.ingest.header import quiet
from marrowmap.ingest.pixels import GRAY
from marrowmap.ingest.pixels import PICTURES
from marrowmap.ingest.pixels import read_stored_values
from marrowmap.ingest.read_header import read_header


def describe_file(path: Path) -> str:
    """Open one file and say in one line what it holds, or why it cannot be opened.

    Unlike `read_exam` a lone slice or a picture that cannot be measured opens as long as its pixels can be decoded.

    Returns
    -------
    str
        ``NAME: opens: ...`` or ``NAME: ...`` with tag and remedy.
    """
    with quiet():
        return _describe_file(path)


def _describe_file(path: Path) -> str:
    name = file_label(path)
    try:
        if nifti.matches(path):
            volume = read_nifti(path)
            return f"{name}: opens: NIfTI, {' x '.join(map(str, volume.grid.shape))} voxels"
        header = read_header(path)
        if header is None:
            return f"{name}: neither DICOM (no DICM at byte 128, no group 0008) nor NIfTI: leave it out"
        if header.number("Rows") is None:
            return f"{name}: opens: DICOM without image, {header.modality or 'no modality'}: nothing to measure in it"
        values, _ = read_stored_values(path, PICTURES if dx.matches(header) else GRAY)
    except MarrowmapError as error:
        return str(error)
    frames, rows, columns = values.shape[:3]
    return f"{name}: opens: {header.modality or 'no modality'}, {frames} frames of {columns} x {rows} pixels"
