"""Pixel size of a radiograph and its magnification: which lengths may be told, and why others may not.

DICOM PS3.3 10.7.1.3: Imager Pixel Spacing holds at the detector's front; Pixel Spacing equal to it says nothing more,
one that differs is calibrated, in a way that Pixel Spacing Calibration Type tells.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from marrowmap.image import SpacingSource
from marrowmap.ingest.header import Header
from marrowmap.ingest.header import as_numbers
from marrowmap.ingest.header import as_words
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import tag_label

_SAME = 0.002
"""Two spacings that differ by less are the same, rounded differently."""
_CONSISTENT = 0.01
"""A calibrated spacing fits the stated magnification when they agree this well."""
_MAGNIFICATIONS = (1.0, 3.0)
"""Bone cannot lie behind the detector; and three times its size is no radiograph of a hip."""
_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
NO_SPACING = (1.0, 1.0)


@dataclass(frozen=True)
class PixelSize:
    """Pixel size, where it comes from, and what is held against it.

    Parameters
    ----------
    spacing_mm : tuple of 2 float
        Between columns, between rows, as in the file.
    source : SpacingSource
    magnification : float or None
    magnification_source : str
    doubt : str
        Why no length in mm may be told; empty where it may.
    """

    spacing_mm: tuple[float, float]
    source: SpacingSource
    magnification: float | None
    magnification_source: str
    doubt: str


def _pair(header: Header, keyword: str) -> tuple[float, float] | None:
    """Return the distance of columns and of rows, None where the tag holds no pair of lengths."""
    numbers = as_numbers(get_value(header.dataset, keyword), 2)
    if numbers is None or min(numbers) <= 0:
        return None
    return numbers[1], numbers[0]


def read_magnification(header: Header) -> tuple[float | None, str, str]:
    """Return by how much bone is larger on the detector than it is, what said so, and what is held against it.

    Distance Source to Patient ends at the table or support (PS3.3 C.8.7.5), so the distances give the magnification
    there: a hip lies a decimeter nearer the tube and is magnified about a tenth more.
    """
    low, high = _MAGNIFICATIONS
    factor = header.number("EstimatedRadiographicMagnificationFactor")
    tag = tag_label("EstimatedRadiographicMagnificationFactor")
    reasons = []
    if factor is not None:
        if low < factor <= high:
            return factor, tag, ""
        reasons.append(f"{tag} {factor:g} is none")
    detector, patient = header.number("DistanceSourceToDetector"), header.number("DistanceSourceToPatient")
    if detector and patient:
        factor = detector / patient
        tags = f"{tag_label('DistanceSourceToDetector')} over {tag_label('DistanceSourceToPatient')}"
        if low < factor <= high:
            return (
                factor,
                f"{tags}, at the table",
                "and the distances give the magnification at the table, not of the bone",
            )
        reasons.append(f"{tags} is {factor:g}, no magnification")
    return (
        None,
        "; ".join(reasons) or f"{tag} and distances are absent",
        "and by how much bone is magnified is not stated",
    )


def _same(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return bool(np.allclose(one, other, rtol=_SAME, atol=0.0))


def _words(pair: tuple[float, float]) -> str:
    return " x ".join(f"{side:g}" for side in dict.fromkeys(pair)) + " mm"


def _made_of_a_picture(header: Header) -> str:
    """Say why a file is a picture of a radiograph, whose pixels may have been resized; empty where it is none."""
    photometric = header.text("PhotometricInterpretation")
    if not photometric.startswith("MONOCHROME"):
        return f"{tag_label('PhotometricInterpretation')} {photometric}: a picture of a radiograph"
    if header.sop_class.startswith(_CAPTURE):
        if header.number("BitsStored") == 8:
            return f"an 8-bit Secondary Capture {tag_label('SOPClassUID')}: a picture of a radiograph"
        return f"a Secondary Capture {tag_label('SOPClassUID')}"
    return ""


def _calibrated(pixel: tuple[float, float], imager: tuple[float, float] | None, kind: str, picture: str) -> PixelSize:
    """Return a spacing that the file calls calibrated."""
    doubt = picture
    stated = f"{tag_label('PixelSpacing')} {_words(pixel)}, {kind} calibrated,"
    if imager and _same(imager, pixel):
        doubt = f"{stated} is that of the detector: one of them is wrong"
    elif imager and max(pixel) > max(imager):
        doubt = f"{stated} is larger than the detector's {_words(imager)}: bone does not lie behind the detector"
    return PixelSize(pixel, SpacingSource.CALIBRATED, 1.0, f"{tag_label('PixelSpacingCalibrationType')} {kind}", doubt)


def _at_detector(
    header: Header, imager: tuple[float, float], pixel: tuple[float, float] | None, picture: str
) -> PixelSize:
    """Return the detector's spacing, or what calibration made of it."""
    factor, said, doubt = read_magnification(header)
    if pixel and not _same(imager, pixel):
        if factor and math.isclose(imager[0] / pixel[0], factor, rel_tol=_CONSISTENT):
            source = f"{tag_label('PixelSpacing')} is the detector's over the magnification {factor:g}"
            return PixelSize(pixel, SpacingSource.CALIBRATED, 1.0, source, picture)
        doubt = (
            f"{tag_label('ImagerPixelSpacing')} {_words(imager)} and {tag_label('PixelSpacing')} {_words(pixel)} "
            f"contradict each other, and {tag_label('PixelSpacingCalibrationType')} does not say why"
        )
    elif doubt:
        doubt = f"pixels are {_words(imager)} at the detector, {doubt}"
    return PixelSize(imager, SpacingSource.DETECTOR, factor, said, picture or doubt)


def read_pixel_size(header: Header) -> PixelSize:
    """Read pixel size and magnification, and say what speaks against lengths in mm."""
    imager, pixel = _pair(header, "ImagerPixelSpacing"), _pair(header, "PixelSpacing")
    scanned = _pair(header, "NominalScannedPixelSpacing")
    kind = next(iter(as_words(get_value(header.dataset, "PixelSpacingCalibrationType"))), "")
    factor, said, _ = read_magnification(header)
    picture = _made_of_a_picture(header)
    if pixel and kind in ("GEOMETRY", "FIDUCIAL"):
        return _calibrated(pixel, imager, kind, picture)
    if imager:
        return _at_detector(header, imager, pixel, picture)
    if scanned:
        doubt = f"{tag_label('NominalScannedPixelSpacing')} is that of a scanned film, not of the bone"
        return PixelSize(scanned, SpacingSource.NOMINAL, factor, said, doubt)
    if pixel is None:
        return PixelSize(NO_SPACING, SpacingSource.UNKNOWN, factor, said, "the file states no pixel size")
    doubt = picture or f"{tag_label('PixelSpacing')} does not say whether it holds at the detector or at the bone"
    if pixel == NO_SPACING:
        doubt = f"spacing of 1.0 mm was not measured ({picture or 'no tag of a detector beside it'})"
    return PixelSize(pixel, SpacingSource.NOMINAL, factor, said, doubt)
