"""Magnetic resonance images, classic and enhanced multi-frame."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.ingest.exam import Series
from marrowmap.ingest.header import Frame
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.sequence import Physics
from marrowmap.ingest.sequence import recognize
from marrowmap.ingest.slices import common_thickness
from marrowmap.ingest.volumes import SeriesVolume
from marrowmap.ingest.volumes import read_volumes
from marrowmap.ingest.volumes import scanner_of
from marrowmap.ingest.volumes import series_number

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR",
    "1.2.840.10008.5.1.4.1.1.4.4": "Legacy Converted Enhanced MR",
}
_NOT_MAGNITUDE = {"P", "PHASE", "PHASE MAP", "R", "REAL", "I", "IMAGINARY", "SUB", "SUBTRACT", "VELOCITY"}


def matches(header: Header) -> bool:
    """Say whether a file is an MR image."""
    return (header.modality in ("MR", "") and header.sop_class in SOP_CLASSES) or (
        header.modality == "MR" and not header.sop_class
    )


def require_magnitude_values(image_type: Iterable[str], values: NDArray[np.float32]) -> None:
    """Raise where a magnitude image has values well below zero: bright pixels have wrapped around.

    Interpolation may leave small negative values; a tenth of the brightest is not small.

    Raises
    ------
    InputError
        With what, tag and remedy, without the file's name.
    """
    if _NOT_MAGNITUDE.intersection(image_type):
        return
    low, high = float(values.min()), float(values.max())
    if low < -0.1 * max(high, 1.0):
        raise InputError(
            f"a magnitude image with values down to {low:.0f} (up to {high:.0f}): bright pixels overflowed "
            f"{tag_label('PixelRepresentation')} or this is no magnitude image: correct the tag or export it again"
        )


def _finish(frames: Sequence[Frame], values: NDArray[np.float32], padding: NDArray[np.bool_]) -> NDArray[np.float32]:
    values[padding] = 0.0
    require_magnitude_values((word for frame in frames for word in frame.image_type), values)
    if float(values.max()) == float(values.min()):
        raise InputError(f"every pixel is {float(values.max()):g} ({tag_label('PixelData')}): the image is empty")
    return values


def physics_of(header: Header, frame: Frame, echo_count: int = 1) -> Physics:
    """Gather what a frame's header says of its acquisition."""
    index = frame.number - 1

    def word(keyword: str) -> str:
        words = as_words(header.frame_value(index, keyword))
        return words[0] if words else ""

    train = as_number(header.frame_value(index, "RFEchoTrainLength"))
    return Physics(
        repetition_time=frame.repetition_time,
        echo_time=frame.echo_time,
        inversion_time=frame.inversion_time,
        flip_angle=frame.flip_angle,
        echo_train_length=train if train is not None else as_number(header.frame_value(index, "EchoTrainLength")),
        echo_count=echo_count,
        scanning_sequence=as_words(get_value(header.dataset, "ScanningSequence")),
        scan_options=as_words(get_value(header.dataset, "ScanOptions")),
        image_type=frame.image_type,
        pulse_sequence=get_text(header.dataset, "EchoPulseSequence").upper(),
        inversion_recovery=word("InversionRecovery"),
        fat_suppression=word("SpectrallySelectedSuppression"),
        excitation=word("SpectrallySelectedExcitation"),
        is_3d=get_text(header.dataset, "MRAcquisitionType").upper(),
        text=" ".join(
            header.text(k) for k in ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
        ),
    )


def _to_series(found: SeriesVolume, echo_count: int) -> Series:
    header, first = found.header, found.frames[0]
    sequence, reason = recognize(physics_of(header, first, echo_count))
    return Series(
        uid=header.series_uid,
        study_uid=header.text("StudyInstanceUID"),
        number=series_number(header),
        description=header.text("SeriesDescription"),
        modality="MR",
        date=header.date,
        volume=found.volume,
        sequence=sequence,
        sequence_reason=reason,
        side=found.side,
        side_reason=found.side_reason,
        files=tuple(frame.file for frame in found.frames),
        instance_uids=tuple(frame.instance_uid for frame in found.frames),
        frame_numbers=tuple(frame.number for frame in found.frames),
        slice_thickness_mm=common_thickness(found.frames),
        repetition_time_ms=first.repetition_time,
        echo_time_ms=first.echo_time,
        inversion_time_ms=first.inversion_time,
        field_strength_t=header.number("MagneticFieldStrength"),
        body_part=header.body_part,
        scanner=scanner_of(header),
    )


def read(headers: Sequence[Header]) -> tuple[list[Series], list[LeftOut]]:
    """Read all files of one MR series as one volume for each echo, contrast or time.

    Raises
    ------
    GeometryError
        If tags and descriptions name different sides.
    """
    volumes, left_out = read_volumes(headers, "signal", _finish)
    echoes = {found.frames[0].echo_time for found in volumes}
    return [_to_series(found, len(echoes)) for found in volumes], left_out
