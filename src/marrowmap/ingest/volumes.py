"""Volumes from the files of one DICOM series; what MR and CT have in common."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.ingest.header import Frame
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.laterality import SideClaim
from marrowmap.ingest.laterality import claims_in_header
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.pixels import read_values
from marrowmap.ingest.slices import common_thickness
from marrowmap.ingest.slices import count_orientations
from marrowmap.ingest.slices import order_slices
from marrowmap.ingest.slices import split_stacks
from marrowmap.values import Side

_NOT_SLICES = {"LOCALIZER", "MOSAIC", "PROJECTION IMAGE", "PROJECTION", "SCREEN SAVE", "SCREENSHOT"}

Finish = Callable[[Sequence[Frame], NDArray[np.float32], NDArray[np.bool_]], NDArray[np.float32]]
"""A modality's own check of the values: (frames, values, padding) to the values to use; raises InputError."""


@dataclass(frozen=True, eq=False)
class SeriesVolume:
    """One volume of a series, before its modality says what it shows."""

    header: Header
    frames: tuple[Frame, ...]
    volume: Volume
    side: Side | None
    side_reason: str


def series_name(headers: Sequence[Header]) -> str:
    """Return a series as messages name it: number, description, its first file."""
    first = min(headers, key=lambda header: header.path)
    number, description = first.text("SeriesNumber"), first.text("SeriesDescription")
    label = " ".join(part for part in ("series", number, f"{description!r}" if description else "") if part)
    files = f"{len(headers)} files, first {first.name}" if len(headers) > 1 else first.name
    return f"{label} ({files})"


def series_number(header: Header) -> int | None:
    """Return the series number, None where there is none."""
    number = header.number("SeriesNumber")
    return None if number is None else int(number)


def scanner_of(header: Header) -> str:
    """Return maker and model as the file names them, empty if it does not."""
    return " ".join(f"{header.text('Manufacturer')} {header.text('ManufacturerModelName')}".split())


def _usable_frames(headers: Sequence[Header]) -> tuple[list[Frame], list[LeftOut]]:
    frames: list[Frame] = []
    left_out: list[LeftOut] = []
    for header in headers:
        try:
            frames += header.frames()
        except InputError as error:
            left_out.append(LeftOut(Weight.FILE, str(error)))
    return frames, left_out


def _announced_missing(name: str, headers: Sequence[Header], frames: Sequence[Frame]) -> list[LeftOut]:
    """Say where the header announces more images than there are: slices lost at an end leave no gap to see."""
    announced = [as_number(get_value(header.dataset, "ImagesInAcquisition")) for header in headers]
    most = max((number for number in announced if number is not None), default=0.0)
    acquisitions = {frame.acquisition for frame in frames}
    if len(acquisitions) == 1 and len(frames) < most:
        text = (
            f"{name}: {tag_label('ImagesInAcquisition')} announces {most:.0f} images, {len(frames)} are here: "
            "slices may be missing at an end"
        )
        return [LeftOut(Weight.OTHER, text)]
    return []


def _check_kind(frames: Sequence[Frame]) -> None:
    words = _NOT_SLICES.intersection(*(frame.image_type for frame in frames))
    if words:
        raise InputError(f"{tag_label('ImageType')} {min(words)}, not a stack of slices: pass the source series")
    orientations = count_orientations(frames)
    if orientations >= 3:
        raise InputError(
            f"images lie in {orientations} orientations ({tag_label('ImageOrientationPatient')}), a localizer or a "
            "rotating projection: pass a series of parallel slices"
        )


def _read_stack(stack: Sequence[Frame], unit: str, finish: Finish) -> tuple[tuple[Frame, ...], Volume]:
    if len(stack) == 1:
        read_values(stack)  # a broken file says more than a lone slice
    ordered, grid = order_slices(stack)
    values, padding = read_values(ordered)
    return ordered, Volume(grid, finish(ordered, values, padding), unit)


def _thinned(name: str, volume: Volume, frames: Sequence[Frame]) -> list[LeftOut]:
    """Say where slices lie much further apart than the header states: every other one may be missing.

    Some scanners state the gap alone; less than the thickness is therefore no statement on the distance.
    """
    stated, thickness = abs(frames[0].stated_spacing or 0.0), common_thickness(frames) or 0.0
    found = float(volume.grid.spacing[2])
    if stated <= 0 or stated < 0.9 * thickness or found < 1.5 * stated:
        return []
    text = (
        f"{name}: slices lie {found:.3g} mm apart, {tag_label('SpacingBetweenSlices')} says {stated:.3g} mm: "
        "slices between them may be missing"
    )
    return [LeftOut(Weight.OTHER, text)]


def _claims(frames: Sequence[Frame], by_file: dict[Path, Header]) -> list[SideClaim]:
    numbers: dict[Path, list[int]] = {}
    for frame in frames:
        numbers.setdefault(frame.file, []).append(frame.number - 1)
    said = (claim for path, indices in numbers.items() for claim in claims_in_header(by_file[path], indices))
    return list(dict.fromkeys(said))


def _failed_parts(name: str, failed: dict[str, list[Sequence[Frame]]], count: int) -> list[LeftOut]:
    """Return one line for each reason, however many parts of the series it struck."""
    lines: list[LeftOut] = []
    for reason, stacks in failed.items():
        part = ""
        if count > 1:
            times = sorted({f"{s[0].echo_time:g}" for s in stacks if s[0].echo_time is not None}, key=float)
            echoes = f", TE {times[0]} ms" if len(times) == 1 else ""
            part = f", {len(stacks)} of its {count} parts{echoes}"
        lines.append(LeftOut(Weight.SERIES, f"{name}{part}: {reason}"))
    return lines


def read_volumes(headers: Sequence[Header], unit: str, finish: Finish) -> tuple[list[SeriesVolume], list[LeftOut]]:
    """Read every volume of one series.

    Parameters
    ----------
    headers : sequence of Header
        All files of one Series Instance UID, in any order.
    unit : str
        Of the values, see Volume.
    finish : Finish
        Checks the values as the modality demands.

    Returns
    -------
    volumes : list of SeriesVolume
        One for each echo, contrast, time or stack; in an order that does not depend on that of the files.
    left_out : list of LeftOut
        Why a file, or a part of the series, is not among them.

    Raises
    ------
    GeometryError
        If tags and descriptions name different sides.
    """
    headers = sorted(headers, key=lambda header: (header.instance_uid, header.path))
    name = series_name(headers)
    frames, left_out = _usable_frames(headers)
    if not frames:
        return [], left_out
    by_file = {header.path: header for header in headers}
    failed: dict[str, list[Sequence[Frame]]] = {}
    volumes: list[SeriesVolume] = []
    stacks: list[list[Frame]] = []
    try:
        _check_kind(frames)
        stacks = split_stacks(frames)
    except InputError as error:
        failed[str(error)] = [frames]
    for stack in stacks:
        try:
            ordered, volume = _read_stack(stack, unit, finish)
        except (InputError, GeometryError) as error:
            failed.setdefault(str(error), []).append(stack)
            continue
        side, reason = combine_sides(_claims(ordered, by_file), name)
        left_out += _thinned(name, volume, ordered)
        volumes.append(SeriesVolume(by_file[ordered[0].file], ordered, volume, side, reason))
    if volumes:
        left_out += _announced_missing(name, headers, frames)
    return volumes, left_out + _failed_parts(name, failed, len(stacks))
