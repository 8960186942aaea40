"""Computed tomography, classic and enhanced multi-frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.ingest.exam import Sequence as Kind
from marrowmap.ingest.exam import Series
from marrowmap.ingest.header import Frame
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.slices import common_thickness
from marrowmap.ingest.volumes import read_volumes
from marrowmap.ingest.volumes import scanner_of
from marrowmap.ingest.volumes import series_number

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT",
}

AIR_HU = -1024.0
HU_RANGE = (-5000.0, 40000.0)
"""Scanners' extended scales reach about 30,700 HU in metal; padding and interpolation some thousand below air."""


def matches(header: Header) -> bool:
    """Say whether a file is a CT image."""
    return (header.modality in ("CT", "") and header.sop_class in SOP_CLASSES) or (
        header.modality == "CT" and not header.sop_class
    )


def _finish(frames: Sequence[Frame], values: NDArray[np.float32], padding: NDArray[np.bool_]) -> NDArray[np.float32]:
    if any(frame.slope is None or frame.intercept is None for frame in frames):
        raise InputError(
            f"{tag_label('RescaleSlope')} or {tag_label('RescaleIntercept')} is absent, so its Hounsfield units are "
            "unknown: export the original"
        )
    values[padding] = AIR_HU
    low, high = float(values.min()), float(values.max())
    if low < HU_RANGE[0] or high > HU_RANGE[1]:
        raise InputError(
            f"values from {low:.0f} to {high:.0f} are no Hounsfield units, as if they had overflowed "
            f"{tag_label('PixelRepresentation')} or {tag_label('RescaleIntercept')} were wrong: export it again"
        )
    if low == high:
        raise InputError(f"every pixel is {low:g} HU ({tag_label('PixelData')}): the image is empty")
    return values


def read(headers: Sequence[Header]) -> tuple[list[Series], list[LeftOut]]:
    """Read all files of one CT series; values in Hounsfield units, padding set to air.

    Raises
    ------
    GeometryError
        If tags and descriptions name different sides.
    """
    volumes, left_out = read_volumes(headers, "HU", _finish)
    series = [
        Series(
            uid=found.header.series_uid,
            study_uid=found.header.text("StudyInstanceUID"),
            number=series_number(found.header),
            description=found.header.text("SeriesDescription"),
            modality="CT",
            date=found.header.date,
            volume=found.volume,
            sequence=Kind.CT,
            sequence_reason=f"(0008,0060) Modality CT, kernel {found.header.text('ConvolutionKernel') or 'not stated'}",
            side=found.side,
            side_reason=found.side_reason,
            files=tuple(frame.file for frame in found.frames),
            instance_uids=tuple(frame.instance_uid for frame in found.frames),
            frame_numbers=tuple(frame.number for frame in found.frames),
            slice_thickness_mm=common_thickness(found.frames),
            body_part=found.header.body_part,
            scanner=scanner_of(found.header),
        )
        for found in volumes
    ]
    return series, left_out
