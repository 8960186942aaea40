"""Radiographs: computed radiography, digital x-ray, scanned films."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.ingest.dx_field import read_field
from marrowmap.ingest.dx_geometry import plane_view
from marrowmap.ingest.dx_geometry import read_turn
from marrowmap.ingest.dx_geometry import read_view
from marrowmap.ingest.dx_spacing import read_pixel_size
from marrowmap.ingest.dx_values import DX_FOR_PRESENTATION
from marrowmap.ingest.dx_values import DX_FOR_PROCESSING
from marrowmap.ingest.dx_values import read_film
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.laterality import claims_in_header
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.left_out import LeftOut
from marrowmap.ingest.left_out import Weight
from marrowmap.ingest.radiograph import Intensity
from marrowmap.ingest.radiograph import Radiograph
from marrowmap.ingest.volumes import series_number

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1": "Computed Radiography",
    DX_FOR_PRESENTATION: "Digital X-Ray For Presentation",
    DX_FOR_PROCESSING: "Digital X-Ray For Processing",
}
_CAPTURES = {
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.2": "Multi-frame Grayscale Byte Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.3": "Multi-frame Grayscale Word Secondary Capture",
    "1.2.840.10008.5.1.4.1.1.7.4": "Multi-frame True Color Secondary Capture",
}
_MODALITIES = {"CR", "DX", "RG"}
_LOSSY_SYNTAXES = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81)}
_ALIKE = 0.8
"""Two pictures taken in one moment are of one exposure when their grays rank alike at least so well."""


def matches(header: Header) -> bool:
    """Say whether a file is a radiograph; of modality CR, DX or RG also one stored as Secondary Capture."""
    if header.sop_class in SOP_CLASSES:
        return header.modality in _MODALITIES or not header.modality
    return header.modality in _MODALITIES and header.sop_class in _CAPTURES


def _is_lossy(header: Header) -> bool:
    """Say whether an image was compressed with loss: once so, forever so, whatever holds it now."""
    syntax = get_text(getattr(header.dataset, "file_meta", Dataset()), "TransferSyntaxUID")
    return header.text("LossyImageCompression") == "01" or syntax in _LOSSY_SYNTAXES


def _sources(header: Header) -> tuple[str, ...]:
    items = get_value(header.dataset, "SourceImageSequence") or ()
    return tuple(uid for uid in (get_text(item, "ReferencedSOPInstanceUID") for item in items) if uid)


def _moment(header: Header) -> str:
    stated = header.text("AcquisitionDateTime")
    time = header.text("AcquisitionTime")
    return stated or (f"{header.text('AcquisitionDate') or header.date} {time}" if time else "")


def _read_file(header: Header) -> Radiograph:
    side, side_reason = combine_sides(claims_in_header(header), header.name)
    view, view_reason = read_view(header)
    turn = read_turn(header, view)
    film = read_film(header)
    size = read_pixel_size(header)
    lit, lit_reason = read_field(header, film.values, film.padding)
    values = turn.apply(film.values)
    columns, rows = values.shape
    grid = PlaneGrid(
        shape=(columns, rows),
        spacing_mm=size.spacing_mm[::-1] if turn.transpose else size.spacing_mm,
        spacing_source=size.source,
        view=plane_view(header, view),
        mirrored=turn.mirrors,
        axes=turn.axes,
        frame_of_reference_uid=header.instance_uid,
    )
    modality = header.modality or ("CR" if "Computed" in SOP_CLASSES[header.sop_class] else "DX")
    return Radiograph(
        uid=header.series_uid,
        study_uid=header.text("StudyInstanceUID"),
        instance_uid=header.instance_uid,
        number=series_number(header),
        description=header.text("SeriesDescription") or header.text("ProtocolName"),
        modality=modality,
        date=header.date,
        body_part=header.body_part,
        file=header.path,
        plane=Plane(grid, values, "1"),
        lit=turn.apply(lit),
        lit_reason=lit_reason,
        intensity=film.intensity,
        intensity_reason=film.reason,
        magnification=size.magnification,
        magnification_source=size.magnification_source,
        view_name=view,
        view_reason=view_reason,
        orientation_reason=turn.reason,
        side=side,
        side_reason=side_reason,
        length_doubt=size.doubt,
        lossy=_is_lossy(header),
        exposure=header.text("IrradiationEventUID"),
        acquired_at=_moment(header),
        source_uids=_sources(header),
    )


def _reserves(header: Header) -> list[LeftOut]:
    """Say what makes numbers of a file doubtful though it can be used."""
    texts = []
    if _is_lossy(header):
        texts.append(f"{tag_label('LossyImageCompression')}: gray values are approximate, use the original")
    if header.text("BurnedInAnnotation").upper() == "YES":
        texts.append(f"{tag_label('BurnedInAnnotation')} YES: text in the pixels may lie over anatomy")
    return [LeftOut(Weight.OTHER, f"{header.name}: {text}") for text in texts]


def read(headers: Sequence[Header]) -> tuple[list[Radiograph], list[LeftOut]]:
    """Read all files of one series; each file is an exposure of its own.

    Raises
    ------
    GeometryError
        If tags and descriptions name different sides, or view and Patient Orientation contradict each other.
    """
    films: list[Radiograph] = []
    left_out: list[LeftOut] = []
    for header in sorted(headers, key=lambda header: (header.instance_uid, header.path)):
        try:
            films.append(_read_file(header))
        except InputError as error:
            left_out.append(LeftOut(Weight.FILE, str(error)))
            continue
        left_out += _reserves(header)
    return films, left_out


def _thumbnail(film: Radiograph) -> NDArray[np.float64]:
    array = film.plane.array
    columns, rows = (np.linspace(0, n - 1, 64).round().astype(int) for n in array.shape)
    return np.asarray(array[np.ix_(columns, rows)], np.float64)


def _one_exposure(one: Radiograph, other: Radiograph) -> bool:
    """Say whether two files hold one exposure: by its UID, by their source, or by the moment and the picture."""
    if one.exposure and other.exposure:
        return one.exposure == other.exposure
    # A picture put together from several is none of them.
    sources = [film.source_uids if len(film.source_uids) == 1 else () for film in (one, other)]
    if one.instance_uid in sources[1] or other.instance_uid in sources[0] or set(sources[0]) & set(sources[1]):
        return True
    if not one.acquired_at or (one.acquired_at, one.view_name, one.side) != (
        other.acquired_at,
        other.view_name,
        other.side,
    ):
        return False
    return float(stats.spearmanr(_thumbnail(one).ravel(), _thumbnail(other).ravel()).statistic) >= _ALIKE


def _worth(film: Radiograph) -> tuple[bool, bool, int, str]:
    return film.intensity is Intensity.ATTENUATION, not film.lossy, film.plane.array.size, film.instance_uid


def one_per_exposure(films: Sequence[Radiograph]) -> tuple[list[Radiograph], list[LeftOut]]:
    """Keep of each exposure the file fit for measuring: raw before processed, lossless before lossy."""
    kept: list[Radiograph] = []
    notes: list[LeftOut] = []
    for film in sorted(films, key=_worth, reverse=True):
        twin = next((one for one in kept if _one_exposure(one, film)), None)
        if twin is None:
            kept.append(film)
            continue
        kind = "another"
        if film.intensity is not twin.intensity:
            kind = "processed"
        elif film.lossy and not twin.lossy:
            kind = "lossy"
        text = f"{film.file.name}: {kind} copy of the exposure in {twin.file.name}, which is used instead"
        notes.append(LeftOut(Weight.OTHER, text))
    return kept, notes
