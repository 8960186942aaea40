"""Counts as counts: pixel values of gamma camera images, and what they cannot be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label
from marrowmap.ingest.pixels import read_stored_values

_BQ_ML = {"bq/ml", "bqml"}
_SATURATED_PIXELS = 3


def _stored(header: Header, count: int) -> NDArray[np.float64]:
    raw, dataset = read_stored_values(header.path)
    if len(raw) != count:
        raise header.lack("NumberOfFrames", f"promises {count} frames, the pixels hold {len(raw)}: copy the file again")
    stored, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    top = (1 << stored - signed) - 1
    if raw.max() == top and int((raw == top).sum()) >= _SATURATED_PIXELS:
        raise header.lack(
            "PixelData",
            f"has {int((raw == top).sum())} pixels at {top}, the most that {stored} bits hold: saturated, counts are "
            "lost, export it with more bits",
        )
    return raw.astype(np.float64)


def _finish(header: Header, values: NDArray[np.float64]) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise header.lack("RescaleSlope", "takes values beyond finite numbers: export it again")
    if float(values.max()) == float(values.min()):
        raise header.lack("PixelData", f"is {values.flat[0]:g} everywhere: no counts, the image is empty")
    return np.ascontiguousarray(values.T.astype(np.float32))


def _rescaled(header: Header, stored: NDArray[np.float64]) -> NDArray[np.float64]:
    slope, intercept = header.number("RescaleSlope"), header.number("RescaleIntercept")
    return stored * (1.0 if slope is None else slope) + (0.0 if intercept is None else intercept)


def read_counts(header: Header, count: int) -> NDArray[np.float32]:
    """Return counts, shape (columns, rows, frames), in the file's order of frames.

    Raises
    ------
    InputError
        If pixels cannot be decoded (see `read_stored_values`), are negative, saturated or all alike.
    """
    counts = _rescaled(header, _stored(header, count))
    if counts.min() < 0 and header.text("LossyImageCompression") == "01":
        raise header.lack(
            "LossyImageCompression", f"01 has turned counts into values down to {counts.min():g}: export the original"
        )
    if counts.min() < 0:
        raise header.lack(
            "PixelData", f"holds negative counts (down to {counts.min():g}): export the acquired, unprocessed image"
        )
    return _finish(header, counts)


def read_voxels(header: Header, count: int) -> tuple[NDArray[np.float32], str]:
    """Return the voxels of a reconstruction, shape (columns, rows, frames), and their unit, ``Bq/mL`` or ``counts``.

    A Real World Value Mapping in Bq/mL, or Units BQML with a rescale slope, makes a file calibrated; anything else
    stays in counts.

    Raises
    ------
    InputError
        As `read_counts`, but negative voxels are allowed: filtered back-projection has them.
    """
    stored = _stored(header, count)
    for item in get_value(header.dataset, "RealWorldValueMappingSequence") or ():
        units = get_value(item, "MeasurementUnitsCodeSequence")
        slope = as_number(get_value(item, "RealWorldValueSlope"))
        intercept = as_number(get_value(item, "RealWorldValueIntercept")) or 0.0
        if units is not None and get_text(units[0], "CodeValue").lower() in _BQ_ML and slope:
            return _finish(header, stored * slope + intercept), "Bq/mL"
    if header.text("Units").lower() in _BQ_ML:
        if header.number("RescaleSlope") is None:
            raise header.lack(
                "RescaleSlope", f"is absent, but {tag_label('Units')} is BQML: export the calibrated original"
            )
        return _finish(header, _rescaled(header, stored)), "Bq/mL"
    return _finish(header, _rescaled(header, stored)), "counts"
