"""What a user or another program has drawn: a DICOM SEG, a NIfTI mask or a label map, read into named segments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image.nifti import file_label
from marrowmap.image.nifti import is_nifti
from marrowmap.image.nifti import read_nifti_labels
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import quiet
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.laterality import SideClaim
from marrowmap.ingest.laterality import combine_sides
from marrowmap.ingest.laterality import side_in_text
from marrowmap.ingest.left_out import one_line
from marrowmap.ingest.nifti import sidecar_path
from marrowmap.ingest.read_header import read_header
from marrowmap.terms import codes
from marrowmap.terms.regions import REGIONS
from marrowmap.values import Side

WHOLE_FEMUR = "femur"
FEMUR_PARTS = (
    "femoral_head",
    "femoral_neck",
    "intertrochanteric",
    "greater_trochanter",
    "lesser_trochanter",
    "femoral_shaft",
)
"""Regions that make up a proximal femur when drawn apart, as marrowmap's own SEG and label maps do."""

TOTAL_FEMORA = {75: "femur_left", 76: "femur_right"}
"""TotalSegmentator's numbers in its task ``total`` (version 2), for label maps that lost their names."""

SEG_CLASSES = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
"""Segmentation and Label Map Segmentation Storage."""

_PART_CODES = {
    ("71341001", "SCT"): WHOLE_FEMUR,
    ("310651003", "SCT"): WHOLE_FEMUR,  # proximal femur
    **{(REGIONS[name].value, REGIONS[name].scheme): name for name in FEMUR_PARTS},
}
_BONE_CODES = (("272673000", "SCT"), ("3138006", "SCT"))
"""Bone as an organ, bone as a tissue: which one then stands in the anatomic region."""

_LABEL_WORDS = {
    frozenset({"femur"}): WHOLE_FEMUR,
    frozenset({"fémur"}): WHOLE_FEMUR,
    frozenset({"proximal", "femur"}): WHOLE_FEMUR,
    frozenset({"femoral", "head"}): "femoral_head",
    frozenset({"femur", "head"}): "femoral_head",
    frozenset({"femoral", "neck"}): "femoral_neck",
    frozenset({"femur", "neck"}): "femoral_neck",
    frozenset({"intertrochanteric"}): "intertrochanteric",
    frozenset({"intertrochanteric", "region"}): "intertrochanteric",
    frozenset({"greater", "trochanter"}): "greater_trochanter",
    frozenset({"lesser", "trochanter"}): "lesser_trochanter",
    frozenset({"femoral", "shaft"}): "femoral_shaft",
    frozenset({"femur", "shaft"}): "femoral_shaft",
}
_EMPTY_TEXT = "left right l r lt rt links rechts bone mask segment label whole entire of the"
_EMPTY_WORDS = frozenset(_EMPTY_TEXT.split())


@dataclass(frozen=True)
class Segment:
    """One segment by name.

    Parameters
    ----------
    number : int
        Segment Number, or the number in the label map.
    label : str
        As the file has it; empty where it has no name.
    part : str or None
        ``femur`` or one of :data:`FEMUR_PARTS`; None where it is something else or nothing says what it is.
    side : Side or None
        None where neither codes nor label say.
    """

    number: int
    label: str
    part: str | None = None
    side: Side | None = None

    def __str__(self) -> str:
        return f"{self.number} {self.label!r}" if self.label else f"{self.number}"


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What one file holds, with its voxels read when asked for.

    Parameters
    ----------
    name : str
        The file's name, for messages.
    segments : tuple of Segment
        In the order of their numbers.
    labels : LabelMap or None
        The voxels of a NIfTI file, on the file's grid, whose frame of reference has no name.
    seg : highdicom Segmentation or None
        A DICOM SEG.
    """

    name: str
    segments: tuple[Segment, ...]
    labels: LabelMap | None = None
    seg: Any = field(default=None, repr=False)

    @property
    def is_dicom(self) -> bool:
        """Say whether it is a DICOM SEG, placed in a frame of reference."""
        return self.seg is not None

    @property
    def referenced_series(self) -> tuple[str, ...]:
        """Series Instance UIDs the SEG was drawn on."""
        if self.seg is None:
            return ()
        items = get_value(self.seg, "ReferencedSeriesSequence") or ()
        return tuple(get_text(item, "SeriesInstanceUID") for item in items)

    def mask(self, numbers: Sequence[int]) -> Mask:
        """Return the union of some segments.

        Space: LPS mm; the grid is the file's. Of a SEG it holds the planes from the first to the last one drawn, as
        empty frames are not stored; its frame of reference is named.

        Raises
        ------
        InputError
            If the SEG's pixels cannot be read or its frames make no volume.
        """
        if self.labels is not None:
            return Mask(self.labels.grid, np.isin(self.labels.array, list(numbers)))
        try:
            with quiet():
                # Never by the order of frames: positions in the patient decide. Fractions count from one half.
                volume = self.seg.get_volume(segment_numbers=list(numbers), combine_segments=False)
                inside = np.asarray((np.asarray(volume.array) >= 0.5).any(axis=-1), bool)
                shape = (int(inside.shape[0]), int(inside.shape[1]), int(inside.shape[2]))
                frame = str(self.seg.FrameOfReferenceUID)
                return Mask(Grid(shape, np.asarray(volume.affine, np.float64), frame), inside)
        except GeometryError as error:
            raise GeometryError(f"{self.name}: {error}") from error
        except MemoryError as error:
            raise InputError(f"{self.name}: too large for this machine's memory: crop it") from error
        except Exception as error:  # highdicom, pydicom and the codecs have no common base class
            reason = one_line(str(error)).rstrip(".") or type(error).__name__
            raise InputError(
                f"{self.name}: the segments' frames make no volume ({reason}): export the segmentation again"
            ) from error


def part_in_label(label: str) -> str | None:
    """Return which part of a femur a label names; None unless it names that and nothing else."""
    parted = re.sub(r"(?<=[a-zé])(?=[A-Z])", " ", label)
    words = frozenset(re.findall(r"[^\W\d_]+", parted.lower())) - _EMPTY_WORDS
    return _LABEL_WORDS.get(words)


def _named_segment(number: int, label: str) -> Segment:
    said = side_in_text(label)
    return Segment(number, label, part_in_label(label), None if said is None else said.side)


def read_segmentation(path: Path) -> Segmentation:
    """Read what is drawn in a DICOM SEG, a NIfTI mask or a NIfTI label map.

    Names of a label map come from a sidecar (the same name ending in ``.json``: ``{"75": "femur_left"}``,
    ``{"femur_left": 75}``, either also under the key ``labels``), else from the table in its header, else, where
    numbers 75 and 76 occur among others, from TotalSegmentator's task ``total``.

    Parameters
    ----------
    path : Path
        A file ending in ``.nii`` or ``.nii.gz``, or one DICOM file.

    Raises
    ------
    InputError
        If it is neither, or cannot be read, or is empty.
    GeometryError
        If a segment names two sides at once, or its grid is sheared or without orientation.
    """
    if not is_nifti(path):
        return _read_seg(path)
    labels = read_nifti_labels(path)
    if not labels.names:
        raise InputError(f"{file_label(path)}: the mask is empty: draw the femur in it")
    return name_labels(labels, file_label(path), _sidecar_names(path))


def name_labels(labels: LabelMap, name: str, names: Mapping[int, str] | None = None) -> Segmentation:
    """Turn a label map into named segments.

    Parameters
    ----------
    labels : LabelMap
        A name that is the number's own digits counts as none.
    name : str
        Of the file or program, for messages.
    names : mapping of int to str, optional
        Comes before the label map's own names.
    """
    found = {n: "" if label == str(n) else label for n, label in labels.names.items()}
    found |= {n: label for n, label in (names or {}).items() if n in found}
    if not any(found.values()) and len(found) > 1:
        found |= {n: label for n, label in TOTAL_FEMORA.items() if n in found}
    return Segmentation(name, tuple(_named_segment(n, label) for n, label in sorted(found.items())), labels)


def _sidecar_names(path: Path) -> dict[int, str]:
    """Return what the sidecar of a label map calls its numbers; empty where there is none."""
    place = sidecar_path(path)
    if not place.is_file():
        return {}
    try:
        content = json.loads(place.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file_label(place)}: not readable as JSON: correct the sidecar") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), dict):
        content = content["labels"]
    names: dict[int, str] = {}
    for key, value in content.items() if isinstance(content, dict) else ():
        if str(key).isdecimal() and isinstance(value, str):
            names[int(key)] = one_line(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            names[value] = one_line(str(key))
    return names


def _read_seg(path: Path) -> Segmentation:
    name = file_label(path)
    if not path.is_file():
        raise InputError(f"{name}: no such file: give one DICOM SEG or one NIfTI mask")
    with quiet():
        header = read_header(path)
        if header is None:
            raise InputError(f"{name}: neither a DICOM SEG nor a NIfTI mask (.nii, .nii.gz): convert it to one")
        if header.sop_class not in SEG_CLASSES:
            kind = header.modality or "of no modality"
            raise InputError(
                f"{name}: DICOM, but {kind} {tag_label('Modality')}, not a segmentation: give a DICOM SEG or NIfTI mask"
            )
        try:
            seg = highdicom.seg.segread(path)
            items = list(seg.SegmentSequence)
        except Exception as error:  # whatever is broken in it
            reason = one_line(str(error)).rstrip(".") or type(error).__name__
            raise InputError(f"{name}: not a readable DICOM SEG ({reason}): export it again") from error
        if not get_text(seg, "FrameOfReferenceUID"):
            raise InputError(f"{name}: {tag_label('FrameOfReferenceUID')} is absent: export it again")
        segments = [_coded_segment(item, name) for item in items]
    drawn = [segment for segment in segments if segment.number > 0]  # 0 is a label map's background
    if not drawn:
        raise InputError(f"{name}: holds no segment: draw the femur in it")
    return Segmentation(name, tuple(sorted(drawn, key=lambda segment: segment.number)), seg=seg)


def _codes(items: Iterable[Dataset]) -> list[Code]:
    found = []
    for item in items:
        value, scheme = get_text(item, "CodeValue"), get_text(item, "CodingSchemeDesignator")
        if value and scheme:
            found.append(Code(value, scheme, get_text(item, "CodeMeaning")))
    return found


def _is_any(code: Code, concepts: Iterable[tuple[str, str]]) -> bool:
    """Compare codes; pydicom knows which old SNOMED-RT code is which SNOMED CT concept."""
    return any(code == Code(value, scheme, "") for value, scheme in concepts)


def _part_of(kinds: Sequence[Code]) -> str | None:
    for kind in kinds:
        for (value, scheme), part in _PART_CODES.items():
            if kind == Code(value, scheme, ""):
                return part
    return None


def _coded_segment(item: Dataset, where: str) -> Segment:
    """Read what a segment is and of which side, from its codes, then from its label."""
    number = int(get_value(item, "SegmentNumber") or 0)
    label = one_line(get_text(item, "SegmentLabel") or get_text(item, "SegmentDescription"))
    types = list(get_value(item, "SegmentedPropertyTypeCodeSequence") or ())
    areas = list(get_value(item, "AnatomicRegionSequence") or ())
    categories = _codes(get_value(item, "SegmentedPropertyCategoryCodeSequence") or ())
    kinds = _codes(types)
    abnormal = codes.MORPHOLOGICALLY_ABNORMAL_STRUCTURE
    part = _part_of(kinds)
    if part is None and any(_is_any(kind, _BONE_CODES) for kind in kinds):
        part = _part_of(_codes(areas))
    if part is None and not any(_is_any(code, [(abnormal.value, abnormal.scheme)]) for code in categories):
        part = part_in_label(label)
    claims = []
    for keyword, holders in (
        ("SegmentedPropertyTypeModifierCodeSequence", types),
        ("AnatomicRegionModifierSequence", areas),
    ):
        for holder in holders:
            for code in _codes(get_value(holder, keyword) or ()):
                for named, concept in ((Side.LEFT, codes.LEFT), (Side.RIGHT, codes.RIGHT)):
                    if _is_any(code, [(concept.value, concept.scheme)]):
                        claims.append(SideClaim(tag_label(keyword), named, code.meaning or named.value))
    said = side_in_text(label)
    if said is not None:
        claims.append(SideClaim(tag_label("SegmentLabel"), said.side, said.detail))
    if part is None:  # what is no bone of ours may say of its sides what it likes
        return Segment(number, label)
    side, _ = combine_sides(claims, f"{where}, segment {number}")
    return Segment(number, label, part, side)
