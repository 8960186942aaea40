"""Scanco's AIM and ISQ files: header and calibration by aimio-py (MIT, an optional extra)."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.errors import ModelError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import MAX_VOXELS
from marrowmap.image.nifti import file_label
from marrowmap.ingest.microstructure_image import DENSITY_UNIT
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_spacing import require_plausible

BLOCK = 512
"""Bytes of a block of an ISQ."""
_DATE = re.compile(r"(\d{1,2})-([A-Z]{3})-(\d{4})")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def matches(path: Path) -> bool:
    """Say whether a file is one of Scanco's; VMS leaves a version number behind a semicolon."""
    return bool(re.search(r"\.(aim|isq)(;\d+)?$", path.name.lower()))


def read(path: Path) -> MicroImage:
    """Read an AIM or ISQ.

    Space: mm from the scanner's first voxel; directions in the patient are not in the file.

    Raises
    ------
    ModelError
        If aimio-py is not installed.
    InputError
        If the file cannot be read.
    """
    name = file_label(path)
    try:
        package: Any = importlib.import_module("py_aimio")
    except ImportError as error:
        raise ModelError(
            f"{name}: AIM and ISQ are read by aimio-py, which is not installed: pip install 'marrowmap[scanco]', or "
            "export the image as MHA or NIfTI"
        ) from error
    try:
        return _read_isq(package, path, name) if ".isq" in path.name.lower() else _read_aim(package, path, name)
    except InputError:
        raise
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, OverflowError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{name}: not a readable Scanco file ({reason}): copy or export it again") from error


def _read_aim(package: Any, path: Path, name: str) -> MicroImage:
    header = package.aim_info(str(path))
    _require_size(path, name, header["dimensions"], None)
    array, header = package.read_aim(str(path))
    spacing = np.array([float(x) for x in header["element_size"]])
    log = header.get("processing_log_raw", "")
    log = log if isinstance(log, str) else ""
    try:
        equation = package.get_aim_density_equation(log)
    except ValueError:
        equation = None
    first = np.array([float(x) for x in header["position"]])
    return _image(
        path, name, array, spacing, first, equation, {"scanner": _scanner(log, header), "energy_v": None}, log
    )


def _read_isq(package: Any, path: Path, name: str) -> MicroImage:
    header = package.isq_info(str(path))
    shape = tuple(int(n) for n in header["dimensions_p"])
    start = int(header["data_offset"])
    _require_size(path, name, shape, start)
    # Read here and not by the package: of a file whose last block is not full it leaves the last voxels unset.
    flat = np.fromfile(path, "<i2", int(np.prod(shape)), offset=start)
    array = flat.reshape(shape[::-1])
    spacing = np.array([float(um) / n / 1000.0 for um, n in zip(header["dimensions_um"], shape, strict=True)])
    equation = None
    if header.get("rescale_slope"):
        equation = package.get_isq_density_equation(header)
    protocol: dict[str, str | float | None] = {
        "scanner": f"Scanco type {header.get('scanner_type', '?')}",
        "energy_v": float(header["energy"]) if header.get("energy") else None,
    }
    return _image(
        path, name, array, spacing, np.zeros(3), equation, protocol, str(header.get("creation_date_string", ""))
    )


def _require_size(path: Path, name: str, shape: tuple[int, ...], start: int | None) -> None:
    """Refuse what the file cannot hold before memory is asked for it."""
    count = int(np.prod([int(n) for n in shape], dtype=np.float64))
    if len(shape) != 3 or min(shape) < 1 or count > MAX_VOXELS:
        raise InputError(f"{name}: its header claims {shape} voxels: it is broken")
    if start is not None and path.stat().st_size < start + 2 * count:
        raise InputError(f"{name}: cut short: {shape} voxels need {start + 2 * count} bytes: copy the file again")


def _scanner(log: str, header: dict[str, Any]) -> str:
    found = re.search(r"Scanner type\s+(\d+)", log)
    kind = found.group(1) if found else header.get("scanner_type", "?")
    return f"Scanco type {kind}"


def _image(
    path: Path,
    name: str,
    array: NDArray[Any],
    spacing: NDArray[np.float64],
    first: NDArray[np.float64],
    equation: tuple[float, float] | None,
    protocol: dict[str, str | float | None],
    text: str,
) -> MicroImage:
    require_plausible(name, spacing)
    values = np.ascontiguousarray(array.transpose(2, 1, 0)).astype(np.float32)
    unit = "native"
    said = "no calibration in the header (density slope and intercept): values are the scanner's own"
    if equation is not None:
        slope, intercept = equation
        values = values * np.float32(slope) + np.float32(intercept)
        unit = DENSITY_UNIT
        said = f"calibrated by the header: density = {slope:.6g} x value {intercept:+.6g} mgHA/cm3"
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = first * spacing
    i, j, k = values.shape
    return MicroImage(
        name=name,
        volume=Volume(Grid((i, j, k), affine), values, unit),
        modality="CT",
        uid=name,
        files=(path,),
        said=("voxel size from the Scanco header", said),
        protocol=protocol,
        date=_date(text),
        oriented=False,
    )


def _date(text: str) -> str:
    """Return when it was scanned; a year before HR-pQCT existed was put there to hide the true one."""
    found = re.search(r"Original Creation-Date\s+" + _DATE.pattern, text) or _DATE.search(text)
    if not found or found.group(2) not in _MONTHS or int(found.group(3)) < 1980:
        return ""
    return f"{found.group(3)}-{_MONTHS.index(found.group(2)) + 1:02d}-{int(found.group(1)):02d}"
