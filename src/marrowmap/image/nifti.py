"""NIfTI files in and out. NIfTI counts in RAS, marrowmap in LPS: the turn is made here and nowhere else."""

from __future__ import annotations

import gzip
import logging
import math
import os
import re
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.image.grid import Grid
from marrowmap.image.volume import LabelMap
from marrowmap.image.volume import Mask
from marrowmap.image.volume import Volume

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""The same matrix leads back."""

MAX_VOXELS = 2_000_000_000
"""A header that claims more is broken; half of it would not fit into memory."""

MAX_LABELS = 300
"""Label maps of the whole body hold about 120 numbers; an image holds more."""

_LABEL_ENTRY = re.compile(r'<Label Key="(\d{1,5})"[^>]{0,200}>(?:<!\[CDATA\[)?([^\]<]{1,200})')

_NIBABEL_LOGGER = logging.getLogger("nibabel.global")

_NEW_IMAGE: Any = nib.Nifti1Image  # nibabel carries no types

_MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}


def is_nifti(path: Path) -> bool:
    """Say whether the file's name ends in ``.nii`` or ``.nii.gz``."""
    return path.name.lower().endswith((".nii", ".nii.gz"))


def file_label(path: Path) -> str:
    """Return a file's name fit for a one-line message, whatever bytes it holds."""
    name = path.name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else "?" for c in name)


@contextmanager
def _one_line(path: Path) -> Iterator[None]:
    """Turn what nibabel, NumPy and zlib raise over a broken file into one line; keep what nibabel logs to itself."""
    level = _NIBABEL_LOGGER.level
    _NIBABEL_LOGGER.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except GeometryError as error:
        raise GeometryError(f"{file_label(path)}: {error}") from error
    except MarrowmapError:
        raise
    except (MemoryError, OverflowError) as error:
        raise InputError(
            f"{file_label(path)}: too large for this machine's memory (dim): crop or resample it"
        ) from error
    except OSError as error:
        if error.strerror is not None and not isinstance(error, gzip.BadGzipFile):
            reason = error.strerror.lower()
            raise InputError(f"{file_label(path)}: cannot be opened ({reason}): check the path and rights") from error
        raise InputError(f"{file_label(path)}: voxel data is broken or cut short: copy the file again") from error
    except (EOFError, zlib.error) as error:
        raise InputError(f"{file_label(path)}: voxel data is broken or cut short: copy the file again") from error
    except Exception as error:  # nibabel and zlib have no common base class for a broken file
        raise InputError(
            f"{file_label(path)}: not a readable NIfTI file ({type(error).__name__}): copy or convert it again"
        ) from error
    finally:
        _NIBABEL_LOGGER.setLevel(level)


def _load(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{file_label(path)}: no such file: check the path")
    if path.stat().st_size == 0:
        raise InputError(f"{file_label(path)}: zero bytes long, nothing was written into it: copy the file again")
    image = nib.load(path)
    if not isinstance(image, nib.Nifti1Image):  # NIfTI-2 is a subclass
        raise InputError(f"{file_label(path)}: not a NIfTI-1 or NIfTI-2 file: convert it to one")
    return image


def _spatial_shape(path: Path, shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) < 3 or min(shape) < 1:
        raise InputError(f"{file_label(path)}: has shape {shape} (dim), a volume needs three axes: give a 3-D image")
    if math.prod(shape[3:]) != 1:
        raise InputError(
            f"{file_label(path)}: holds {math.prod(shape[3:])} volumes (dim {shape}), one is expected: "
            "split it and pass the one to measure"
        )
    if math.prod(shape) > MAX_VOXELS:
        raise InputError(f"{file_label(path)}: its header claims {math.prod(shape)} voxels (dim {shape}): it is broken")
    return shape[0], shape[1], shape[2]


def _affine(path: Path, image: Any, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    header = image.header
    has_qform, has_sform = int(header["qform_code"]) > 0, int(header["sform_code"]) > 0
    if not has_qform and not has_sform:
        raise GeometryError(
            "neither qform_code nor sform_code is set, so left and right are unknown: write the affine into the header"
        )
    affine = np.asarray(image.affine, np.float64)
    if has_qform and has_sform:
        corners = np.array([[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * [*(np.array(shape) - 1), 1]
        apart = float(np.abs(corners @ (affine - image.get_qform()).T).max())
        smallest = float(np.linalg.norm(affine[:3, :3], axis=0).min())
        if not apart <= max(0.5 * smallest, 0.1):
            raise GeometryError(
                f"qform and sform place the image up to {apart:.1f} mm apart: "
                "keep the right one and clear the other's code"
            )
    unit = header.get_xyzt_units()[0]
    if unit not in _MM_PER_UNIT:
        raise InputError(f"{file_label(path)}: unknown unit of length {unit!r} (xyzt_units): write it in mm")
    scale = np.diag([_MM_PER_UNIT[unit]] * 3 + [1.0])
    lps: NDArray[np.float64] = RAS_TO_LPS @ scale @ affine
    return lps


def _read(path: Path) -> tuple[Any, Grid, NDArray[np.floating[Any]]]:
    image = _load(path)
    shape = _spatial_shape(path, image.shape)
    if image.get_data_dtype().kind not in "iuf":
        raise InputError(
            f"{file_label(path)}: voxels are {image.get_data_dtype()} (datatype), not plain numbers: "
            "convert to gray values"
        )
    grid = Grid(shape, _affine(path, image, shape))
    array = np.asanyarray(image.dataobj).reshape(shape)
    return image, grid, array


def stated_unit(path: Path) -> str:
    """Return the unit of length that the header names (``xyzt_units``), empty where it names none.

    Raises
    ------
    InputError
        If the file cannot be read.
    """
    with _one_line(path):
        unit = str(_load(path).header.get_xyzt_units()[0])
        return "" if unit == "unknown" else unit


def read_nifti(path: Path, unit: str = "signal") -> Volume:
    """Read a scalar NIfTI image.

    Space: the result is in LPS mm; its index axes are those of the file, so that a mask on its grid can be laid over
    the file voxel by voxel. ``scl_slope`` and ``scl_inter`` are applied.

    Parameters
    ----------
    path : Path
        ``.nii`` or ``.nii.gz``; three axes, or more of length one.
    unit : str
        What the values are, see Volume.

    Raises
    ------
    InputError
        If the file is empty, cut short, not a NIfTI, holds several volumes, or values that are not finite numbers.
    GeometryError
        If its axes are sheared, it carries no orientation, or qform and sform contradict each other.
    """
    with _one_line(path):
        _, grid, array = _read(path)
        values = array.astype(np.float32)
        if not np.isfinite(values).all():
            count = int((~np.isfinite(values)).sum())
            raise InputError(
                f"{file_label(path)}: {count} voxels are NaN, infinite or beyond 32-bit floats: replace or crop them"
            )
        return Volume(grid, values, unit)


def read_nifti_mask(path: Path) -> Mask:
    """Read a mask or label map: every voxel above 0 is set.

    Space: LPS mm, index axes as in the file.

    Raises
    ------
    InputError
        As for `read_nifti`, and where values are negative, fractions or too many: what "inside" means is then not
        clear.
    GeometryError
        As for `read_nifti`.
    """
    with _one_line(path):
        _, grid, array = _read_whole_numbers(path)
        return Mask(grid, array > 0.5)


def read_nifti_labels(path: Path) -> LabelMap:
    """Read a label map: a whole number for each voxel, 0 for background.

    Names are taken from the label table that TotalSegmentator and Connectome Workbench write into the header's
    extension; a number without one is named by its digits.

    Space: LPS mm, index axes as in the file.

    Raises
    ------
    InputError, GeometryError
        As for `read_nifti_mask`.
    """
    with _one_line(path):
        image, grid, array = _read_whole_numbers(path)
        numbers = np.rint(array).astype(np.uint16)
        table = _label_table(image)
        present = (int(number) for number in np.unique(numbers) if number)
        return LabelMap(grid, numbers, {number: table.get(number, str(number)) for number in present})


def _label_table(image: Any) -> dict[int, str]:
    """Return the names in the extensions of a NIfTI header; only its plain entries, no XML is interpreted."""
    table: dict[int, str] = {}
    for extension in image.header.extensions:
        content = extension.get_content()
        text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
        for key, name in _LABEL_ENTRY.findall(text):
            table[int(key)] = "".join(c for c in name.strip() if c.isprintable())[:80]
    return {number: name for number, name in table.items() if name}


def _read_whole_numbers(path: Path) -> tuple[Any, Grid, NDArray[np.floating[Any]]]:
    """Read the image, its grid and its array, which holds few different whole numbers and none below 0."""
    image, grid, array = _read(path)
    if not np.isfinite(array).all():
        raise InputError(f"{file_label(path)}: the mask holds NaN or infinite values: write it as whole numbers")
    if array.min() < 0:
        raise InputError(f"{file_label(path)}: the mask holds negative values: use 0 outside and 1 inside")
    if array.dtype.kind == "f" and np.abs(array - np.round(array)).max() > 1e-3:
        raise InputError(f"{file_label(path)}: the mask holds fractions: apply a threshold, then use 0 and 1")
    different = len(np.unique(array))
    if different > MAX_LABELS:
        raise InputError(
            f"{file_label(path)}: holds {different} different values, so it is an image, not a mask: "
            "use 0 outside and 1 inside"
        )
    if array.max() > np.iinfo(np.uint16).max:
        raise InputError(f"{file_label(path)}: holds numbers above 65535: use small whole numbers for labels")
    return image, grid, array


def write_nifti(image: Volume | Mask | LabelMap, path: Path) -> None:
    """Write an image as NIfTI-1: RAS affine, qform equal to sform (scanner coordinates), mm.

    The same image always gives the same bytes. A mask is written as 0 and 1 in uint8, a label map in uint8 where its
    numbers fit, else uint16, a volume in float32. The file appears whole or not at all.

    Parameters
    ----------
    image : Volume, Mask or LabelMap
    path : Path
        ``.nii`` or ``.nii.gz``.
    """
    if not is_nifti(path):
        raise ValueError(f"{path.name}: a NIfTI file is named .nii or .nii.gz")
    array: NDArray[np.generic] = image.array
    if isinstance(image, Mask) or (isinstance(image, LabelMap) and array.max() < 256):
        array = array.astype(np.uint8)
    affine = RAS_TO_LPS @ image.grid.affine
    nifti: Any = _NEW_IMAGE(array, affine)
    nifti.set_sform(affine, code=1)
    nifti.set_qform(affine, code=1)
    nifti.header.set_xyzt_units("mm", "sec")
    content: bytes = nifti.to_bytes()
    if path.name.lower().endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)
