"""What a reader gets to see: pixels without a header, under a name that tells nothing.

A case's name differs for every reader, session and set of modalities: nobody can tell that two reads are of one case,
and readers who talk cannot compare. The images keep gray values, spacing and which way left is; names, dates, numbers
and the text of series descriptions stay out.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.image import Plane
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Exam
from marrowmap.ingest.exam import Sequence as MrSequence
from marrowmap.ingest.exam import Series
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.scan import DynamicScan
from marrowmap.ingest.scan import Planar
from marrowmap.ingest.scan import Reconstruction
from marrowmap.readers.order import Read
from marrowmap.values import Side

_TOWARD = (("L", "R"), ("P", "A"), ("H", "F"))
"""Toward rising and falling LPS x, y and z."""


@dataclass(frozen=True, eq=False)
class BlindImage:
    """Pixels with what is needed to show them.

    Parameters
    ----------
    label : str
        What it is, in words of our own.
    array : ndarray of uint16, shape (slices, rows, columns)
    spacing_mm : tuple of 2 float
        Between rows, between columns.
    low, high : float
        Gray value that 0 and 65535 stand for.
    window : tuple of 2 float
        Lower and upper gray value shown first.
    inverted : bool
        Whether it is shown dark on white, as bone scans are.
    marks : tuple of 4 str
        Direction of the patient at the left, right, top and bottom edge; empty where unknown.
    """

    label: str
    array: NDArray[np.uint16]
    spacing_mm: tuple[float, float]
    low: float
    high: float
    window: tuple[float, float]
    inverted: bool
    marks: tuple[str, str, str, str]


def pseudonym(secret: str, read: Read) -> str:
    """Return the name under which a reader meets a case, such as ``K7QX-2MDA``."""
    message = "\x1f".join((read.reader, read.session, read.case, *read.modalities))
    digest = hmac.digest(secret.encode(), message.encode(), hashlib.sha256)
    text = base64.b32encode(digest)[:8].decode()
    return f"{text[:4]}-{text[4:]}"


def _letters(direction: NDArray[np.float64]) -> tuple[str, str]:
    """Return letters toward and away from a direction, LPS: the main one, and a second where it is oblique."""
    toward = away = ""
    for axis in np.argsort(-np.abs(direction)):
        if abs(direction[axis]) > 0.4 or not toward:
            plus, minus = _TOWARD[axis]
            toward += plus if direction[axis] > 0 else minus
            away += minus if direction[axis] > 0 else plus
    return toward, away


def _marks(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> tuple[str, str, str, str]:
    right, left = _letters(columns)
    bottom, top = _letters(rows)
    return left, right, top, bottom


def _stack(
    label: str,
    stack: NDArray[np.floating],
    spacing: Sequence[float],
    marks: tuple[str, str, str, str],
    inverted: bool,
) -> BlindImage:
    """Scale a stack, shape (slices, rows, columns), to 16 bits."""
    low, high = float(stack.min()), float(stack.max())
    span = high - low or 1.0
    array = np.rint((stack - low) * (65535 / span)).astype(np.uint16)
    shown = np.percentile(stack, (0.5, 99.7))
    window = (float(shown[0]), float(max(shown[1], shown[0] + span / 1000)))
    if inverted:
        window = (low, window[1])
    return BlindImage(label, array, (float(spacing[0]), float(spacing[1])), low, high, window, inverted, marks)


def _orientation(normal: NDArray[np.float64]) -> str:
    return ("sagittal", "coronal", "axial")[int(np.argmax(np.abs(normal)))]


def _volume(series: Series) -> BlindImage:
    volume = series.volume
    axis = volume.grid.slice_axis
    order = {2: (2, 1, 0), 1: (1, 2, 0), 0: (0, 2, 1)}[axis]
    axes = volume.grid.axes
    rows_along, columns_along = (int(np.argmax(np.abs(axes[:, index]))) for index in order[1:])
    if columns_along > rows_along:
        order = (order[0], order[2], order[1])  # stored lying on its side: stand it up
    stack = np.transpose(volume.array, order)
    # Whatever the file's order: the patient's left at the right edge and the head on top, as radiologists hang images.
    rows, columns = axes[:, order[1]].copy(), axes[:, order[2]].copy()
    main = int(np.argmax(np.abs(rows)))
    if rows[main] * (-1 if main == 2 else 1) < 0:
        stack, rows = stack[:, ::-1], -rows
    if columns[int(np.argmax(np.abs(columns)))] < 0:
        stack, columns = stack[:, :, ::-1], -columns
    name = "CT" if series.sequence is MrSequence.CT else f"MRI {series.sequence.value}"
    label = f"{name}, {_orientation(axes[:, axis])}"
    spacing = volume.grid.spacing
    return _stack(label, stack, (spacing[order[1]], spacing[order[2]]), _marks(columns, rows), inverted=False)


def _plane(label: str, plane: Plane, inverted: bool) -> BlindImage:
    grid = plane.grid
    marks = ("", "", "", "") if grid.axes is None else _marks(grid.axes[0], grid.axes[1])
    return _stack(label, plane.array.T[None], (grid.spacing_mm[1], grid.spacing_mm[0]), marks, inverted)


def _scans(exam: Exam) -> list[BlindImage]:
    images = []
    for scan in exam.scans:
        phase = scan.source.phase.value
        if isinstance(scan, Planar):
            for plane in scan.views:
                images.append(_plane(f"bone scan, {phase}, {plane.grid.view.value}", plane, inverted=True))
        elif isinstance(scan, DynamicScan):
            for frames in scan.views:
                marks = (
                    ("", "", "", "") if frames.grid.axes is None else _marks(frames.grid.axes[0], frames.grid.axes[1])
                )
                stack = np.transpose(frames.array, (2, 1, 0))
                spacing = (frames.grid.spacing_mm[1], frames.grid.spacing_mm[0])
                label = f"bone scan, {phase}, {frames.grid.view.value}, frames in time"
                images.append(_stack(label, stack, spacing, marks, inverted=True))
    return images


def _tomograms(exam: Exam) -> list[BlindImage]:
    images = []
    for scan in exam.scans:
        if isinstance(scan, Reconstruction):
            grid = scan.volume.grid
            stack = np.transpose(scan.volume.array, (2, 1, 0))
            marks = _marks(grid.axes[:, 0], grid.axes[:, 1])
            images.append(_stack("SPECT", stack, (grid.spacing[1], grid.spacing[0]), marks, inverted=True))
    return images


def _radiograph(film: Radiograph) -> BlindImage:
    # Outside collimator and shutters lies nothing to read, but often a bright frame.
    array = np.where(film.lit, film.plane.array, film.plane.array[film.lit].min() if film.lit.any() else 0)
    plane = Plane(film.plane.grid, array.astype(np.float32), film.plane.unit)
    return _plane(f"radiograph, {film.view_name.value}", plane, inverted=False)


def images_of(exam: Exam, modality: str) -> list[BlindImage]:
    """Return what an exam holds of one modality of a protocol, without a word of its headers."""
    match modality:
        case "mr":
            return [_volume(series) for series in exam.series if series.modality == "MR"]
        case "ct":
            return [_volume(series) for series in exam.series if series.modality == "CT"]
        case "scan":
            return _scans(exam)
        case "spect":
            return _tomograms(exam)
        case _:
            return [_radiograph(film) for film in exam.radiographs]


def _require_side(exam: Exam, modality: str, side: Side, where: str) -> None:
    """Raise where all images of a modality name the other side: one of them may well be wrong, and which is not known.

    An image that names no side, or both, may show either.
    """
    if modality == "dx":
        named = [(film.side, film.side_reason) for film in exam.radiographs]
    elif modality in ("mr", "ct"):
        named = [(one.side, one.side_reason) for one in exam.series if one.modality == modality.upper()]
    else:
        named = []  # scans show both sides
    if named and all(one is side.opposite for one, _ in named):
        raise GeometryError(
            f"{where}: the protocol says {side.value}, but all its images are of the {side.opposite.value} side "
            f"({named[0][1]}): correct the protocol or the images"
        )


def read_blind(source: Path, modality: str, side: Side, where: str) -> list[BlindImage]:
    """Read DICOM or NIfTI and keep the pixels of one modality.

    Parameters
    ----------
    source : Path
    modality : str
    side : Side
        Of the joint to be read.
    where : str
        Case, modality and time point, for errors.

    Raises
    ------
    InputError
        If there is no such image, or text is said to be burned into the pixels: a name might be.
    GeometryError
        If all images name the other side.
    """
    if not source.exists():
        raise InputError(f"{where}: {source.name} is not there: correct source in the protocol")
    try:
        exam = read_exam([source])
    except MarrowmapError as error:
        raise type(error)(f"{where}: {error}") from error
    captions = [note for note in exam.notes if "BurnedInAnnotation" in note.replace(" ", "")]
    if captions:
        raise InputError(f"{where}: text is burned into the pixels, a name might be: mask it first ({captions[0]})")
    images = images_of(exam, modality)
    if not images:
        raise InputError(f"{where}: the files hold no image of modality {modality}: correct source in the protocol")
    _require_side(exam, modality, side, where)
    return images
