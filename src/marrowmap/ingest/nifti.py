"""NIfTI images with a JSON sidecar named as BIDS names its keys."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.image.nifti import file_label
from marrowmap.image.nifti import is_nifti
from marrowmap.image.nifti import read_nifti
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import iso_date
from marrowmap.ingest.header import safe_uid
from marrowmap.ingest.laterality import SideClaim
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.laterality import side_in_text
from marrowmap.ingest.left_out import one_line
from marrowmap.ingest.mr import require_magnitude_values
from marrowmap.ingest.sequence import Physics
from marrowmap.ingest.sequence import recognize
from marrowmap.ingest.slices import MIN_SLICES
from marrowmap.values import Side

SIDECAR_EXAMPLE = (
    '{"Modality": "MR", "ScanningSequence": "SE", "RepetitionTime": 4.0, "EchoTime": 0.04, "InversionTime": 0.15}'
)
"""Shown where a sidecar is missing; times in seconds."""

_DATE_KEYS = ("AcquisitionDateTime", "StudyDate", "StudyDateTime", "SeriesDate", "AcquisitionDate")
_TIME_LIMITS_S = {"EchoTime": 1.0, "RepetitionTime": 20.0, "InversionTime": 10.0}
"""No echo comes after a second: larger values are milliseconds, whatever BIDS says."""


@dataclass(frozen=True)
class Sidecar:
    """A NIfTI file with what its sidecar says; no sidecar has no content."""

    path: Path
    content: dict[str, Any]

    def text(self, key: str) -> str:
        """Return a text as one line, empty where absent."""
        value = self.content.get(key)
        return "" if value is None or isinstance(value, (dict, list)) else one_line(str(value))

    @property
    def date(self) -> str:
        """Date of the examination, ISO 8601 or empty."""
        return next((date for date in (iso_date(self.text(key)) for key in _DATE_KEYS) if date), "")


def matches(path: Path) -> bool:
    """Say whether a file is to be read here."""
    return is_nifti(path)


def sidecar_path(path: Path) -> Path:
    """Return where the sidecar of an image belongs: the same name, ending in ``.json``."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    return path.with_name(name[: -len(".nii")] + ".json")


def read_sidecar(path: Path) -> Sidecar:
    """Read the sidecar of a NIfTI image.

    Raises
    ------
    InputError
        If there is one but it is no JSON object.
    """
    place = sidecar_path(path)
    if not place.is_file():
        return Sidecar(path, {})
    try:
        content = json.loads(place.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{file_label(place)}: not readable as JSON{line}: correct the sidecar") from error
    if not isinstance(content, dict):
        raise InputError(f"{file_label(place)}: a sidecar is one JSON object, like {SIDECAR_EXAMPLE}")
    return Sidecar(path, content)


def _times_ms(sidecar: Sidecar) -> tuple[dict[str, float | None], str]:
    """Return TE, TR and TI in ms; BIDS has seconds, but many sidecars have milliseconds."""
    values = {key: as_number(sidecar.content.get(key)) for key in _TIME_LIMITS_S}
    in_ms = any(value is not None and value > _TIME_LIMITS_S[key] for key, value in values.items())
    scaled = {key: value if value is None or in_ms else round(value * 1000.0, 6) for key, value in values.items()}
    return scaled, "; the sidecar's times are taken for milliseconds, as they are too long for seconds" if in_ms else ""


def _claims(sidecar: Sidecar) -> list[SideClaim]:
    claims = []
    entity = re.search(r"(?:^|_)hemi-([LR])(?=[_.])", sidecar.path.name)
    if entity is not None:
        claims.append(SideClaim("file name", Side.LEFT if entity.group(1) == "L" else Side.RIGHT, entity.group(0)))
    for key in ("Laterality", "ImageLaterality", "FrameLaterality"):
        letter = sidecar.text(key).upper()
        said = side_in_text(letter.title()) if len(letter) > 1 else side_in_text(f"{letter} hip" if letter else "")
        if letter in ("B", "BOTH"):
            claims.append(SideClaim(f"sidecar {key}", None, letter))
        elif said is not None:
            claims.append(SideClaim(f"sidecar {key}", said.side, letter))
    for key in ("SeriesDescription", "ProtocolName", "BodyPartExamined", "BodyPart", "StudyDescription"):
        said = side_in_text(sidecar.text(key))
        if said is not None:
            claims.append(SideClaim(f"sidecar {key}", said.side, said.detail))
    return claims


def _looks_like_ct(volume: Volume) -> str:
    """Return why values are Hounsfield units, empty where they are not."""
    values = volume.array
    low, high = float(values.min()), float(values.max())
    if not (-3100 <= low <= -900 and 200 <= high <= 32000):
        return ""
    air, soft = float(np.mean(values < -900)), float(np.mean((values > -150) & (values < 200)))
    between, far = float(np.mean((values >= -900) & (values <= -150))), float(np.mean(values < -1130))
    # Air and soft tissue stand apart in CT; a signal with negative values spreads over what lies between.
    if air < 0.01 or soft < 0.02 or between > 0.8 * air or far > 0.5 * air:
        return ""
    return (
        f"no sidecar; taken for CT by its values: {low:.0f} to {high:.0f}, {air:.0%} like air below -900 HU, "
        f"{soft:.0%} like soft tissue from -150 to 200 HU"
    )


def _mr(sidecar: Sidecar, volume: Volume, times: dict[str, float | None]) -> tuple[Sequence, str]:
    content = sidecar.content
    physics = Physics(
        repetition_time=times["RepetitionTime"],
        echo_time=times["EchoTime"],
        inversion_time=times["InversionTime"],
        flip_angle=as_number(content.get("FlipAngle")),
        echo_train_length=as_number(content.get("EchoTrainLength")),
        scanning_sequence=as_words(content.get("ScanningSequence")),
        scan_options=as_words(content.get("ScanOptions")),
        image_type=as_words(content.get("ImageType")),
        inversion_recovery=sidecar.text("InversionRecovery").upper(),
        fat_suppression=sidecar.text("SpectrallySelectedSuppression").upper(),
        is_3d=sidecar.text("MRAcquisitionType").upper(),
        text=" ".join(sidecar.text(key) for key in ("SeriesDescription", "ProtocolName", "SequenceName")),
    )
    require_magnitude_values(physics.image_type, volume.array)
    return recognize(physics)


def _modality(sidecar: Sidecar, volume: Volume) -> tuple[str, str]:
    """Return modality and, where values alone said so, the reason."""
    name, place = file_label(sidecar.path), file_label(sidecar_path(sidecar.path))
    stated = sidecar.text("Modality").upper()
    if stated in ("MR", "MRI"):
        return "MR", ""
    if stated == "CT":
        return "CT", f"sidecar {place} says CT"
    if stated:
        raise InputError(f"{name}: modality {stated} (Modality in {place}) is not read yet: pass MR or CT")
    if any(key in sidecar.content for key in ("RepetitionTime", "EchoTime", "MagneticFieldStrength")):
        return "MR", ""
    if not sidecar.content and bool(np.isin(volume.array, (0.0, 1.0)).all()):
        raise InputError(f"{name}: holds 0 and 1 only and has no sidecar, so it is a mask: pass it with --bone")
    by_values = _looks_like_ct(volume)
    if by_values and not sidecar.content:
        return "CT", by_values
    raise InputError(
        f"{name}: nothing says what this NIfTI image shows: write a sidecar {place} beside it, like {SIDECAR_EXAMPLE} "
        "(times in seconds)"
    )


def read(sidecar: Sidecar, uid: str) -> Series:
    """Read a NIfTI image as a series.

    Space: LPS mm; the index axes are those of the file, so slices need not lie along the third one
    (``grid.slice_axis`` tells).

    Parameters
    ----------
    sidecar : Sidecar
        Of the image.
    uid : str
        A name made from the file's, unique within the exam.

    Raises
    ------
    InputError
        If the image or its sidecar cannot be used.
    GeometryError
        If the sidecar names different sides.
    """
    path = sidecar.path
    name = file_label(path)
    volume = read_nifti(path)
    if min(volume.grid.shape) < MIN_SLICES:
        raise InputError(f"{name}: shape {volume.grid.shape} (dim), a volume needs {MIN_SLICES} slices: pass a volume")
    if float(volume.array.min()) == float(volume.array.max()):
        raise InputError(f"{name}: every voxel is {float(volume.array.max()):g}: the image is empty")
    modality, reason = _modality(sidecar, volume)
    times, remark = _times_ms(sidecar)
    sequence = Sequence.CT
    if modality == "CT":
        volume = Volume(volume.grid, volume.array, "HU")
    else:
        try:
            sequence, reason = _mr(sidecar, volume, times)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    side, side_reason = combine_sides(_claims(sidecar), name)
    number = as_number(sidecar.content.get("SeriesNumber"))
    return Series(
        uid=uid,
        study_uid=safe_uid(sidecar.text("StudyInstanceUID")),
        number=None if number is None else int(number),
        description=sidecar.text("SeriesDescription"),
        modality=modality,
        date=sidecar.date,
        volume=volume,
        sequence=sequence,
        sequence_reason=reason + remark,
        side=side,
        side_reason=side_reason,
        files=(path,),
        slice_thickness_mm=as_number(sidecar.content.get("SliceThickness")),
        repetition_time_ms=times["RepetitionTime"],
        echo_time_ms=times["EchoTime"],
        inversion_time_ms=times["InversionTime"],
        field_strength_t=as_number(sidecar.content.get("MagneticFieldStrength")),
        body_part=sidecar.text("BodyPartExamined") or sidecar.text("BodyPart"),
        scanner=" ".join((sidecar.text("Manufacturer") + " " + sidecar.text("ManufacturersModelName")).split()),
    )
