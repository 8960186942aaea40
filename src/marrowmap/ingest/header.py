"""DICOM headers read with tolerance: what is there is used, what is missing is named with its tag."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydicom
from pydicom.datadict import dictionary_description
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.left_out import one_line

MAX_FRAMES = 100_000

# Where an enhanced multi-frame image keeps what a classic one has at its root.
_GROUPS = {
    "ImagePositionPatient": ("PlanePositionSequence",),
    "ImageOrientationPatient": ("PlaneOrientationSequence",),
    "PixelSpacing": ("PixelMeasuresSequence",),
    "SliceThickness": ("PixelMeasuresSequence",),
    "SpacingBetweenSlices": ("PixelMeasuresSequence",),
    "RescaleSlope": ("PixelValueTransformationSequence", "CTPixelValueTransformationSequence"),
    "RescaleIntercept": ("PixelValueTransformationSequence", "CTPixelValueTransformationSequence"),
    "EffectiveEchoTime": ("MREchoSequence",),
    "EchoTime": ("MREchoSequence",),
    "RepetitionTime": ("MRTimingAndRelatedParametersSequence",),
    "FlipAngle": ("MRTimingAndRelatedParametersSequence",),
    "EchoTrainLength": ("MRTimingAndRelatedParametersSequence",),
    "RFEchoTrainLength": ("MRTimingAndRelatedParametersSequence",),
    "InversionRecovery": ("MRModifierSequence",),
    "InversionTimes": ("MRModifierSequence",),
    "SpectrallySelectedSuppression": ("MRImagingModifierSequence", "MRModifierSequence"),
    "SpectrallySelectedExcitation": ("MRModifierSequence",),
    "FrameType": ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence"),
    "ComplexImageComponent": ("MRImageFrameTypeSequence",),
    "TemporalPositionIndex": ("FrameContentSequence",),
    "StackID": ("FrameContentSequence",),
    "FrameAcquisitionNumber": ("FrameContentSequence",),
    "DiffusionBValue": ("MRDiffusionSequence",),
    "FrameLaterality": ("FrameAnatomySequence",),
    "AnatomicRegionSequence": ("FrameAnatomySequence",),
}


def tag_label(keyword: str) -> str:
    """Return a tag as a message names it, e.g. ``(0028,0030) Pixel Spacing``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is not in the DICOM dictionary")
    number = Tag(tag)
    return f"({number.group:04X},{number.element:04X}) {dictionary_description(tag)}"


@contextmanager
def quiet() -> Iterator[None]:
    """Keep what pydicom and the codecs log off the user's screen: what matters is checked and said in our own words."""
    loggers = [logging.getLogger(name) for name in ("pydicom", "openjpeg", "pylibjpeg", "jpeg_ls")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def get_value(dataset: Dataset, keyword: str | int) -> Any:
    """Return an element's value, or None where it is absent, empty or not to be decoded."""
    try:
        value = dataset.get(keyword)
    except Exception:  # pydicom raises whatever the value's conversion raised
        return None
    if value is None or (hasattr(value, "__len__") and len(value) == 0):
        return None
    return value


def get_text(dataset: Dataset, keyword: str) -> str:
    """Return a text element as one printable line, empty where it is absent."""
    value = get_value(dataset, keyword)
    if value is None:
        return ""
    if isinstance(value, pydicom.multival.MultiValue):
        value = "\\".join(str(part) for part in value)
    return one_line(str(value))


def as_number(value: Any) -> float | None:
    """Return a finite number (the first of several), or None."""
    if isinstance(value, (list, tuple, pydicom.multival.MultiValue)):
        value = value[0] if len(value) else None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def as_numbers(value: Any, count: int) -> tuple[float, ...] | None:
    """Return exactly `count` finite numbers, or None."""
    if not isinstance(value, (list, tuple, pydicom.multival.MultiValue)) or len(value) != count:
        return None
    numbers = [as_number(part) for part in value]
    return None if None in numbers else tuple(n for n in numbers if n is not None)


def as_words(value: Any) -> tuple[str, ...]:
    """Return a code string of one or several values in upper case."""
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split("\\")
    try:
        return tuple(str(part).strip().upper() for part in value if str(part).strip())
    except TypeError:
        return (str(value).strip().upper(),)


def iso_date(value: str) -> str:
    """Return a DICOM date (or date and time) as ISO 8601 date; empty where it is none."""
    match = re.match(r"\s*(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", value)
    if match is None:
        return ""
    year, month, day = match.groups()
    return f"{year}-{month}-{day}" if 1 <= int(month) <= 12 and 1 <= int(day) <= 31 else ""


def safe_uid(value: str) -> str:
    """Return a UID that can do no harm in a file name, whatever stood in the header."""
    return re.sub(r"\.{2,}", "_", re.sub(r"[^0-9A-Za-z._-]", "_", value))


@dataclass(frozen=True)
class Frame:
    """One slice as the header describes it; space: LPS mm.

    Parameters
    ----------
    file, number, instance_uid
        The file, the 1-based frame in it and its SOP Instance UID.
    position : tuple of 3 float
        Center of the first pixel.
    orientation : tuple of 6 float
        Directions in which the column index and the row index rise.
    spacing : tuple of 2 float
        Between columns, between rows.
    size : tuple of 2 int
        Columns, rows.
    frame_of_reference : str
        Its UID; where that is absent the series is its own frame, never another's.
    stated_spacing : float or None
        (0018,0088); only compared with the positions, never used in their place.
    """

    file: Path
    number: int
    instance_uid: str
    position: tuple[float, ...]
    orientation: tuple[float, ...]
    spacing: tuple[float, float]
    size: tuple[int, int]
    slope: float | None
    intercept: float | None
    thickness: float | None
    image_type: tuple[str, ...]
    echo_time: float | None
    repetition_time: float | None
    inversion_time: float | None
    flip_angle: float | None
    frame_of_reference: str
    stated_spacing: float | None
    stack: str
    temporal: float | None
    acquisition: float | None
    trigger: float | None
    b_value: float | None


@dataclass(frozen=True, eq=False)
class Header:
    """A DICOM file without its pixels."""

    path: Path
    dataset: Dataset

    @property
    def name(self) -> str:
        """The file's name, fit for messages."""
        return file_label(self.path)

    def text(self, keyword: str) -> str:
        """Return a text element at the root, one line, empty where absent."""
        return get_text(self.dataset, keyword)

    def number(self, keyword: str) -> float | None:
        """Return a number at the root, None where absent."""
        return as_number(get_value(self.dataset, keyword))

    @property
    def modality(self) -> str:
        """Modality in upper case, empty where absent."""
        return self.text("Modality").upper()

    @property
    def sop_class(self) -> str:
        """SOP Class UID, from the file meta information where the dataset lacks it."""
        return self.text("SOPClassUID") or self._meta("MediaStorageSOPClassUID")

    @property
    def instance_uid(self) -> str:
        """SOP Instance UID, from the file meta information where the dataset lacks it."""
        return safe_uid(self.text("SOPInstanceUID") or self._meta("MediaStorageSOPInstanceUID"))

    @property
    def series_uid(self) -> str:
        """Series Instance UID, or a name made from number, description and date where it is absent."""
        uid = safe_uid(self.text("SeriesInstanceUID"))
        if uid:
            return uid
        parts = (self.text("SeriesNumber"), self.text("SeriesDescription"), self.text("SeriesTime"), self.date)
        return safe_uid("-".join(["series-without-uid", *(part for part in parts if part)]))

    @property
    def date(self) -> str:
        """Date of the study, else of series, acquisition or content; ISO 8601 or empty."""
        for keyword in ("StudyDate", "SeriesDate", "AcquisitionDate", "AcquisitionDateTime", "ContentDate"):
            date = iso_date(self.text(keyword))
            if date:
                return date
        return ""

    @property
    def body_part(self) -> str:
        """Body part as a word, else the meaning of the anatomic region's code; empty where neither is stated."""
        stated = self.text("BodyPartExamined")
        regions = self.frame_value(0, "AnatomicRegionSequence")
        return stated or ("" if regions is None else get_text(regions[0], "CodeMeaning"))

    def _meta(self, keyword: str) -> str:
        meta = getattr(self.dataset, "file_meta", None)
        return "" if meta is None else get_text(meta, keyword)

    def frame_value(self, index: int, keyword: str) -> Any:
        """Return an element as it holds for one frame (0-based): per-frame, shared, then at the root."""
        for sequence, item in (("PerFrameFunctionalGroupsSequence", index), ("SharedFunctionalGroupsSequence", 0)):
            groups = get_value(self.dataset, sequence)
            if groups is None or item >= len(groups):
                continue
            for group in _GROUPS.get(keyword, ()):
                content = get_value(groups[item], group)
                value = None if content is None else get_value(content[0], keyword)
                if value is not None:
                    return value
        return get_value(self.dataset, keyword)

    def frames(self) -> tuple[Frame, ...]:
        """Describe every frame.

        Raises
        ------
        InputError
            If what places a slice in the patient is absent; names file, tag and remedy.
        """
        claimed = get_value(self.dataset, "NumberOfFrames")
        count = 1.0 if claimed is None else as_number(claimed)
        if count is None or not 1 <= count <= MAX_FRAMES or count != int(count):
            raise self.lack("NumberOfFrames", f"is {one_line(str(claimed))!r}, not a count of frames: export it again")
        per_frame = get_value(self.dataset, "PerFrameFunctionalGroupsSequence")
        if count > 1 and per_frame is None:
            raise self.lack(
                "PerFrameFunctionalGroupsSequence",
                f"is absent, so its {int(count)} frames have no place: export the complete enhanced object",
            )
        if per_frame is not None and len(per_frame) != int(count):
            raise self.lack(
                "PerFrameFunctionalGroupsSequence",
                f"describes {len(per_frame)} frames of {int(count)}: export the complete object again",
            )
        return tuple(self._frame(index) for index in range(int(count)))

    def lack(self, keyword: str, what: str) -> InputError:
        """Return the error for a tag that is absent or wrong."""
        return InputError(f"{self.name}: {tag_label(keyword)} {what}")

    def _geometry(self, index: int, keyword: str, count: int) -> tuple[float, ...]:
        value = self.frame_value(index, keyword)
        numbers = as_numbers(value, count)
        if numbers is None:
            what = "is absent" if value is None else f"is not {count} numbers"
            raise self.lack(keyword, f"{what}, so the slice has no place or size in the patient: export the original")
        return numbers

    def _frame(self, index: int) -> Frame:
        number = {
            keyword: as_number(self.frame_value(index, keyword))
            for keyword in (
                "RescaleSlope",
                "RescaleIntercept",
                "SliceThickness",
                "SpacingBetweenSlices",
                "EffectiveEchoTime",
                "EchoTime",
                "RepetitionTime",
                "InversionTime",
                "InversionTimes",
                "FlipAngle",
                "TemporalPositionIndex",
                "TemporalPositionIdentifier",
                "FrameAcquisitionNumber",
                "AcquisitionNumber",
                "TriggerTime",
                "DiffusionBValue",
            )
        }
        columns, rows = self.number("Columns"), self.number("Rows")
        if not rows or not columns:
            raise self.lack("Rows" if not rows else "Columns", "is absent or 0, so it holds no image: export it again")
        row_spacing, column_spacing = self._geometry(index, "PixelSpacing", 2)
        if row_spacing <= 0 or column_spacing <= 0:
            raise self.lack("PixelSpacing", f"is {row_spacing:g} x {column_spacing:g} mm: export the original again")
        thickness = number["SliceThickness"]
        echo_time = number["EffectiveEchoTime"] if number["EffectiveEchoTime"] is not None else number["EchoTime"]
        inversion = number["InversionTimes"] if number["InversionTimes"] is not None else number["InversionTime"]
        image_type = as_words(self.frame_value(index, "FrameType")) or as_words(get_value(self.dataset, "ImageType"))
        component = as_words(self.frame_value(index, "ComplexImageComponent"))
        return Frame(
            file=self.path,
            number=index + 1,
            instance_uid=self.instance_uid,
            position=self._geometry(index, "ImagePositionPatient", 3),
            orientation=self._geometry(index, "ImageOrientationPatient", 6),
            spacing=(column_spacing, row_spacing),
            size=(int(columns), int(rows)),
            slope=number["RescaleSlope"],
            intercept=number["RescaleIntercept"],
            thickness=thickness if thickness is not None and thickness > 0 else None,
            image_type=image_type + tuple(word for word in component if word not in ("MAGNITUDE", *image_type)),
            echo_time=echo_time,
            repetition_time=number["RepetitionTime"],
            inversion_time=inversion,
            flip_angle=number["FlipAngle"],
            frame_of_reference=safe_uid(self.text("FrameOfReferenceUID")) or self.series_uid,
            stated_spacing=number["SpacingBetweenSlices"],
            stack=one_line(str(self.frame_value(index, "StackID") or "")),
            temporal=_first(number["TemporalPositionIndex"], number["TemporalPositionIdentifier"]),
            acquisition=_first(number["FrameAcquisitionNumber"], number["AcquisitionNumber"]),
            trigger=number["TriggerTime"],
            b_value=number["DiffusionBValue"],
        )


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
