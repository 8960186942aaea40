"""Areal maps of bone mineral: projection images whose pixels are said to be g/cm2.

There is no IOD for densitometry. A map is read where the file itself says, by a Real World Value Mapping in UCUM
``g/cm2``, what a pixel is worth; vendors' pages and private elements do not, and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from marrowmap.errors import InputError
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest.dx_geometry import read_turn
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import as_numbers
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.laterality import claims_in_header
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.pixels import read_stored_values
from marrowmap.ingest.radiograph import RadiographView
from marrowmap.ingest.volumes import series_number
from marrowmap.values import Side

UNIT = "g/cm2"
MODALITY = "BMD"
"""DICOM's defined term for bone densitometry by X-ray."""
VALUE_RANGE = (-2.0, 12.0)
"""g/cm2: noise around nothing, and more than any bone; what lies beyond is another unit."""


@dataclass(frozen=True, eq=False)
class DensityImage:
    """One areal map of bone mineral.

    Parameters
    ----------
    uid, study_uid, number, description, date
        Of the series, as in `Series`.
    instance_uid : str
    file : Path
    machine : str
        Manufacturer and model.
    side : Side
        The one hip it shows.
    plane : Plane
        g/cm2; columns run to the patient's left, rows to the feet.
    """

    uid: str
    study_uid: str
    number: int | None
    description: str
    date: str
    instance_uid: str
    file: Path
    machine: str
    side: Side
    plane: Plane


def _mapping(header: Header) -> Dataset | None:
    """Return the item that says what stored values are worth in g/cm2."""
    for item in get_value(header.dataset, "RealWorldValueMappingSequence") or ():
        units = get_value(item, "MeasurementUnitsCodeSequence") or ()
        if units and get_text(units[0], "CodeValue") == UNIT and get_text(units[0], "CodingSchemeDesignator") == "UCUM":
            return item  # type: ignore[no-any-return]
    return None


def matches(header: Header) -> bool:
    """Say whether a file is an areal map that says so itself."""
    return header.modality == MODALITY and header.number("Rows") is not None and _mapping(header) is not None


def _read_file(header: Header) -> DensityImage:
    name, mapping = header.name, _mapping(header)
    side, _ = combine_sides(claims_in_header(header), name)
    if side is None:
        raise InputError(f"{name}: {tag_label('Laterality')} names no one side: say in the file which hip it shows")
    spacing = as_numbers(get_value(header.dataset, "PixelSpacing"), 2)
    if spacing is None or min(spacing) <= 0:
        raise InputError(f"{name}: {tag_label('PixelSpacing')} is absent or no size: areas need it, export it again")
    turn = read_turn(header, RadiographView.AP)
    if turn.axes is None:
        raise InputError(f"{name}: {turn.reason}: export it with its orientation")
    pair = ("RealWorldValueSlope", "RealWorldValueIntercept")
    slope, intercept = (None if mapping is None else as_number(get_value(mapping, keyword)) for keyword in pair)
    if slope is None or intercept is None:
        raise InputError(f"{name}: {tag_label('RealWorldValueMappingSequence')} has no slope and intercept: repair it")
    stored, _ = read_stored_values(header.path)
    if len(stored) != 1:
        raise InputError(f"{name}: {tag_label('NumberOfFrames')} is {len(stored)}: pass one map a file")
    values = turn.apply(stored[0].T.astype(np.float32) * np.float32(slope) + np.float32(intercept))
    low, high = float(values.min()), float(values.max())
    if low < VALUE_RANGE[0] or high > VALUE_RANGE[1]:
        raise InputError(
            f"{name}: values from {low:.2g} to {high:.2g} {UNIT} are no bone mineral: check slope and unit in "
            f"{tag_label('RealWorldValueMappingSequence')}"
        )
    across = (spacing[0], spacing[1]) if turn.transpose else (spacing[1], spacing[0])
    grid = PlaneGrid(
        shape=(values.shape[0], values.shape[1]),
        spacing_mm=across,
        spacing_source=SpacingSource.CALIBRATED,
        view=View.ANTERIOR,
        mirrored=turn.mirrors,
        axes=turn.axes,
        frame_of_reference_uid=header.instance_uid,
    )
    return DensityImage(
        uid=header.series_uid,
        study_uid=header.text("StudyInstanceUID"),
        number=series_number(header),
        description=header.text("SeriesDescription"),
        date=header.date,
        instance_uid=header.instance_uid,
        file=header.path,
        machine=" ".join(header.text(k) for k in ("Manufacturer", "ManufacturerModelName")).strip(),
        side=side,
        plane=Plane(grid, values, UNIT),
    )


def read(headers: Sequence[Header]) -> tuple[list[DensityImage], list[LeftOut]]:
    """Read all files of one series; each is a map of its own.

    Raises
    ------
    GeometryError
        If tags and descriptions name different sides.
    """
    images: list[DensityImage] = []
    left_out: list[LeftOut] = []
    for header in sorted(headers, key=lambda header: (header.instance_uid, header.path)):
        try:
            images.append(_read_file(header))
        except InputError as error:
            left_out.append(LeftOut(Weight.FILE, str(error)))
    return images, left_out
