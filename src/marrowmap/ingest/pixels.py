"""Decode pixels and refuse those that contradict their header."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.header import Frame
from marrowmap.ingest.header import as_number
from marrowmap.ingest.header import get_text
from marrowmap.ingest.header import get_value
from marrowmap.ingest.header import quiet
from marrowmap.ingest.header import tag_label

GRAY = frozenset({"MONOCHROME2"})
"""Larger is brighter: what a measured image of a scanner is stored as."""
PICTURES = frozenset({"MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT"})
"""What a radiograph may be stored as; the caller sees to polarity and color."""

_OVERLAY_BIT_POSITIONS = tuple(0x60000102 + (n << 17) for n in range(16))


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep what codecs in C write to stderr off the user's screen; their failures are raised all the same."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # a program may have closed it
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _check_description(name: str, dataset: Any, photometric_allowed: frozenset[str]) -> tuple[int, bool]:
    """Check what the header says of its pixels; return bits stored and whether they are signed."""
    if "PixelData" not in dataset:
        raise InputError(
            f"{name}: {tag_label('PixelData')} is absent, the file has a header only: export it with images"
        )
    samples = as_number(get_value(dataset, "SamplesPerPixel"))
    photometric = get_text(dataset, "PhotometricInterpretation")
    gray = photometric.startswith("MONOCHROME")
    if (samples or 1) != (1 if gray else 3) or photometric not in photometric_allowed:
        raise InputError(
            f"{name}: {tag_label('PhotometricInterpretation')} is {photometric or 'absent'}, a color image or capture "
            "holds no measured signal: pass the original gray-scale series"
        )
    allocated, stored, signed = (
        as_number(get_value(dataset, key)) for key in ("BitsAllocated", "BitsStored", "PixelRepresentation")
    )
    if allocated not in (8, 16, 32) or stored is None or not 1 <= stored <= allocated:
        raise InputError(
            f"{name}: {tag_label('BitsStored')} {stored} of {allocated} bits allocated cannot be read: export it again"
        )
    high_bit = as_number(get_value(dataset, "HighBit"))
    if high_bit is not None and high_bit != stored - 1:
        raise InputError(
            f"{name}: {tag_label('HighBit')} {high_bit:.0f} with {stored:.0f} bits stored is a retired layout: "
            "export it again"
        )
    if signed not in (0, 1):
        raise InputError(f"{name}: {tag_label('PixelRepresentation')} is {signed}, not 0 or 1: export it again")
    return int(stored), bool(signed)


def _syntax_of(dataset: Any) -> UID:
    return UID(get_text(getattr(dataset, "file_meta", pydicom.Dataset()), "TransferSyntaxUID"))


def _decode(name: str, dataset: Any) -> NDArray[Any]:
    syntax = _syntax_of(dataset)
    if not syntax:
        raise InputError(f"{name}: {tag_label('TransferSyntaxUID')} is absent: export it again as a DICOM file")
    if not syntax.is_transfer_syntax:
        raise InputError(f"{name}: {tag_label('TransferSyntaxUID')} {syntax} is none: export it again as a DICOM file")
    try:
        with quiet(), _quiet_libraries():
            # Unused bits are looked at before they are cut off: what lies there may be part of the values.
            options: dict[str, Any] = {} if syntax.is_encapsulated else {"correct_unused_bits": False}
            decoded: NDArray[Any] = pixel_array(dataset, raw=True, **options)
    except MemoryError as error:
        raise InputError(
            f"{name}: {tag_label('Rows')} and {tag_label('Columns')} claim more pixels than fit into memory: "
            "the file is broken, copy it again"
        ) from error
    except Exception as error:  # every decoder raises its own kinds
        if syntax.is_encapsulated:
            raise InputError(
                f"{name}: pixels in transfer syntax {syntax.name} {tag_label('TransferSyntaxUID')} cannot be decoded: "
                "convert to Explicit VR Little Endian (gdcmconv --raw) and try again"
            ) from error
        raise InputError(
            f"{name}: {tag_label('PixelData')} does not fit the header, it is cut short or broken: copy the file again"
        ) from error
    return decoded


def _in_stored_bits(name: str, dataset: Any, raw: NDArray[Any], stored: int, signed: bool) -> NDArray[Any]:
    """Return the values held by the bits stored; raise where these bits cannot have held them.

    Old files keep an overlay in the bits beyond, some leave a negative value's sign out of them, and a pixel blanked
    with all bits set is simply the brightest: these are cut as PS3.5 8.1.1 says. Anything else there is a value that
    the stated bits would wrap.
    """
    padding = as_number(get_value(dataset, "PixelPaddingValue"))
    least, most = (-(1 << stored - 1), (1 << stored - 1) - 1) if signed else (0, (1 << stored) - 1)
    outside = (raw < least) | (raw > most)
    if outside.any() and padding is not None:
        outside &= raw != padding
    if not outside.any():
        return raw
    spare = raw.dtype.itemsize * 8 - stored
    cut = (raw << spare) >> spare
    has_overlay = any(as_number(get_value(dataset, tag)) for tag in _OVERLAY_BIT_POSITIONS)
    all_set = not signed and bool((raw[outside] == (1 << raw.dtype.itemsize * 8) - 1).all())
    if has_overlay or all_set or (signed and raw.min() >= 0 and raw.max() < 1 << stored):
        return cut
    raise InputError(
        f"{name}: pixel values {int(raw.min())} to {int(raw.max())} exceed {tag_label('BitsStored')} {stored} "
        f"({'signed' if signed else 'unsigned'}), so values would wrap: correct the tag or export it again"
    )


def _check_largest(name: str, dataset: Any, raw: NDArray[Any], stored: int, signed: bool) -> None:
    """Raise where the header states a brightest pixel that its signed bits cannot hold."""
    stated = as_number(get_value(dataset, "LargestImagePixelValue"))
    if signed and stated is not None and stated >= 1 << stored - 1 and raw.min() < 0:
        raise InputError(
            f"{name}: {tag_label('LargestImagePixelValue')} {stated:.0f} does not fit {stored} signed bits, so bright "
            f"pixels wrapped to negative ones: correct {tag_label('PixelRepresentation')} to 0 or export it again"
        )


def read_stored_values(path: Path, photometric: frozenset[str] = GRAY) -> tuple[NDArray[Any], Any]:
    """Decode one file's pixels as stored, unscaled.

    Parameters
    ----------
    path : Path
    photometric : frozenset of str
        The Photometric Interpretations that the caller can make sense of.

    Returns
    -------
    values : ndarray, shape (frames, rows, columns), or (frames, rows, columns, 3) in color
    dataset : pydicom.Dataset

    Raises
    ------
    InputError
        If there are none, they are cut short, in color, in a transfer syntax no codec here decodes, or contradict the
        header; names file, tag and remedy.
    """
    name = file_label(path)
    try:
        with quiet():
            dataset = pydicom.dcmread(path, force=True)
    except OSError as error:
        raise InputError(
            f"{name}: cannot be opened ({os.strerror(error.errno or 5).lower()}): copy it again"
        ) from error
    except Exception as error:  # pydicom raises many kinds over a broken file
        raise InputError(f"{name}: broken or cut short ({tag_label('PixelData')}): copy the file again") from error
    stored, signed = _check_description(name, dataset, photometric)
    raw = _decode(name, dataset)
    color = not get_text(dataset, "PhotometricInterpretation").startswith("MONOCHROME")
    if raw.ndim == 2 + color:
        raw = raw[np.newaxis]
    rows, columns = as_number(get_value(dataset, "Rows")), as_number(get_value(dataset, "Columns"))
    if raw.ndim != 3 + color or raw.shape[1:3] != (rows, columns):
        raise InputError(
            f"{name}: decoded pixels have shape {raw.shape}, {tag_label('Rows')} and {tag_label('Columns')} say "
            f"{rows} x {columns}: export it again"
        )
    if not _syntax_of(dataset).is_encapsulated:
        raw = _in_stored_bits(name, dataset, raw, stored, signed)
    _check_largest(name, dataset, raw, stored, signed)
    return raw, dataset


def read_values(frames: Sequence[Frame]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Decode ordered slices and rescale each as its own header says.

    Parameters
    ----------
    frames : sequence of Frame
        In slice order; each file is decoded once.

    Returns
    -------
    values : ndarray of float32, shape (columns, rows, slices)
    padding : ndarray of bool, the same shape
        Pixels outside the acquired field, (0028,0120) Pixel Padding Value.

    Raises
    ------
    InputError
        As `read_stored_values`; also where a file holds fewer frames than its header describes.
    """
    size = (len(frames), *frames[0].size[::-1])  # slices apart while reading: each is one block of memory
    values, padding = np.empty(size, np.float32), np.zeros(size, bool)
    slots: dict[Path, list[int]] = {}
    for slot, frame in enumerate(frames):
        slots.setdefault(frame.file, []).append(slot)
    for path, wanted in slots.items():
        raw, dataset = read_stored_values(path)
        pad = as_number(get_value(dataset, "PixelPaddingValue"))
        limit = as_number(get_value(dataset, "PixelPaddingRangeLimit"))
        for slot in wanted:
            frame = frames[slot]
            if frame.number > len(raw):
                raise InputError(
                    f"{file_label(path)}: {tag_label('NumberOfFrames')} promises frame {frame.number}, the pixels hold "
                    f"{len(raw)}: copy the file again"
                )
            pixels = raw[frame.number - 1]
            slope = 1.0 if frame.slope is None else frame.slope
            intercept = 0.0 if frame.intercept is None else frame.intercept
            values[slot] = pixels * np.float64(slope) + intercept
            if pad is not None:
                first, last = sorted((pad, pad if limit is None else limit))
                padding[slot] = (pixels >= first) & (pixels <= last)
    if not np.isfinite(values).all():
        raise InputError(
            f"{file_label(frames[0].file)}: {tag_label('RescaleSlope')} or {tag_label('RescaleIntercept')} "
            "takes values beyond 32-bit floats: export it again"
        )
    return np.ascontiguousarray(values.T), np.ascontiguousarray(padding.T)
