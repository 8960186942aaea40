"""What a radiograph's pixels mean, and how they become more where more is attenuated.

DICOM PS3.3 C.8.11.3: Pixel Intensity Relationship LIN or LOG says how stored values follow the intensity of the beam,
its sign which way. A window (VOI LUT) is for the eye and never touches the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_modality_lut

from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.pixels import PICTURES
from marrowmap.ingest.pixels import read_stored_values
from marrowmap.ingest.radiograph import Intensity

DX_FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.1"
DX_FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.1.1"
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True, eq=False)
class Film:
    """Pixels in the file's order.

    Parameters
    ----------
    values : ndarray of float32, shape (columns, rows)
        Larger is more attenuated.
    padding : ndarray of bool, the same shape
    intensity, reason
        What the values mean, and which tags said so.
    """

    values: NDArray[np.float32]
    padding: NDArray[np.bool_]
    intensity: Intensity
    reason: str


def _padding(dataset: Dataset, raw: NDArray[Any]) -> NDArray[np.bool_]:
    pad, limit = (as_number(get_value(dataset, k)) for k in ("PixelPaddingValue", "PixelPaddingRangeLimit"))
    if pad is None:
        return np.zeros(raw.shape, bool)
    first, last = sorted((pad, pad if limit is None else limit))
    return (raw >= first) & (raw <= last)


def _is_for_the_eye(header: Header) -> str:
    """Say why values were processed for the eye; empty where nothing says so."""
    intent = header.text("PresentationIntentType").upper()
    if intent == "FOR PRESENTATION":
        return f"{tag_label('PresentationIntentType')} {intent}"
    if header.sop_class == DX_FOR_PRESENTATION and intent != "FOR PROCESSING":
        return f"{tag_label('SOPClassUID')} For Presentation"
    return ""


def _sign(header: Header) -> int | None:
    """Return +1 where larger stored values are more beam, -1 where they are less, None where the file does not say."""
    sign = header.number("PixelIntensityRelationshipSign")
    return None if sign not in (-1, 1) else int(sign)


def _physical(
    header: Header, raw: NDArray[np.float64], top: float, relationship: str, sign: int
) -> NDArray[np.float64]:
    """Return minus the logarithm of dose, up to offset and gain."""
    inverted = top - raw
    if relationship == "LOG":
        return raw if sign < 0 else inverted
    slope, intercept = header.number("RescaleSlope") or 1.0, header.number("RescaleIntercept") or 0.0
    dose = (raw if sign > 0 else inverted) * abs(slope) + (intercept if sign > 0 else 0.0)
    # A pixel without counts may have had anything below half a count.
    least = 0.5 * abs(slope)
    result: NDArray[np.float64] = -np.log(np.maximum(dose, least) / (top * abs(slope)))
    return result


def _shown(
    header: Header, dataset: Dataset, raw: NDArray[Any], low: float, top: float
) -> tuple[NDArray[np.float64], str]:
    """Return values that grow with the brightness the file asks for, bone being shown bright, and what said so."""
    sign = _sign(header)
    values = raw.astype(np.float64)
    if sign is not None:
        reason = f"{tag_label('PixelIntensityRelationshipSign')} {sign:+d}"
        return (values if sign < 0 else low + top - values), reason
    if get_value(dataset, "ModalityLUTSequence") is not None:
        values = np.asarray(apply_modality_lut(raw, dataset), np.float64)
        low, top = float(values.min()), float(values.max())
    elif (header.number("RescaleSlope") or 1.0) < 0:
        values = low + top - values
    photometric = header.text("PhotometricInterpretation")
    reason = f"{tag_label('PhotometricInterpretation')} {photometric}, bone taken to be shown bright"
    return (low + top - values if photometric == "MONOCHROME1" else values), reason


def read_film(header: Header) -> Film:
    """Decode a radiograph.

    Raises
    ------
    InputError
        If pixels are absent or cannot be decoded, there are several frames, or all pixels are alike.
    """
    raw, dataset = read_stored_values(header.path, PICTURES)
    if len(raw) != 1 or (header.number("NumberOfFrames") or 1) != 1:
        raise header.lack("NumberOfFrames", f"is {len(raw)}, tomosynthesis or a movie: pass plain radiographs")
    image = raw[0]
    photometric = header.text("PhotometricInterpretation")
    stored, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    low, top = (-float(1 << stored - 1), float((1 << stored - 1) - 1)) if signed else (0.0, float((1 << stored) - 1))
    if image.ndim == 3:
        gray = image[..., 0].astype(np.float64) if photometric.startswith("YBR_FULL") else image @ _LUMA
        padding = np.zeros(gray.shape, bool)
        values, reason = gray, f"{tag_label('PhotometricInterpretation')} {photometric}, bone taken to be shown bright"
        intensity = Intensity.DISPLAY
    else:
        padding = _padding(dataset, image)
        relationship, sign = header.text("PixelIntensityRelationship").upper(), _sign(header)
        for_the_eye = _is_for_the_eye(header)
        if relationship in ("LIN", "LOG") and sign is not None and not for_the_eye:
            values = _physical(header, image.astype(np.float64) - low, top - low, relationship, sign)
            intensity = Intensity.ATTENUATION
            reason = f"{tag_label('PixelIntensityRelationship')} {relationship}, sign {sign:+d}"
        else:
            values, reason = _shown(header, dataset, image, low, top)
            intensity = Intensity.DISPLAY
            stated = for_the_eye or f"{tag_label('PixelIntensityRelationship')} is {relationship or 'absent'}"
            reason = f"{stated}; {reason}"
    if padding.all() or float(np.ptp(values[~padding])) == 0.0:
        raise header.lack("PixelData", "is the same everywhere: the image is empty, export it again")
    values[padding] = values[~padding].min()
    if not np.isfinite(values).all():
        raise header.lack("RescaleSlope", "takes values beyond finite numbers: export it again")
    return Film(np.ascontiguousarray(values.T.astype(np.float32)), np.ascontiguousarray(padding.T), intensity, reason)
