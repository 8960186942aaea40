"""MetaImage (MHA, MHD) and NRRD (NRRD, NHDR) by SimpleITK, which drops their units: those are read here."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_image import plain_image
from marrowmap.ingest.microstructure_spacing import Spacing
from marrowmap.ingest.microstructure_spacing import spacing_in

_ITK: Any = SimpleITK  # carries no types
ENDINGS = (".mha", ".mhd", ".nrrd", ".nhdr")
_HEADER_BYTES = 65536


def matches(path: Path) -> bool:
    """Say whether a file is read here."""
    return path.name.lower().endswith(ENDINGS)


def read(path: Path, spacing: Spacing | None) -> MicroImage:
    """Read a MetaImage or NRRD.

    Space: LPS mm, as SimpleITK gives it.

    Parameters
    ----------
    path : Path
    spacing : Spacing or None
        What the user says; must not contradict a file that names its unit.

    Raises
    ------
    InputError
        If it cannot be read, is no 3-D scalar image, holds NaN, or its spacing has no unit and could be of several.
    GeometryError
        If its axes are sheared.
    """
    name = file_label(path)
    if not path.is_file() or path.stat().st_size == 0:
        raise InputError(f"{name}: no such file, or nothing in it: check the path")
    # What is wrong is said in one line, not by the library on its own.
    _ITK.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image: Any = _ITK.ReadImage(str(path))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-120:]
        raise InputError(f"{name}: not a readable image ({reason}): copy or export it again") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"{name}: {image.GetDimension()} axes, a volume of gray values has three: give a 3-D image")
    unit, field, oriented = _units(path)
    stated = (float(image.GetSpacing()[0]), float(image.GetSpacing()[1]), float(image.GetSpacing()[2]))
    used = choose_spacing(name, stated, unit, field, spacing)
    array = _ITK.GetArrayFromImage(image).transpose(2, 1, 0)
    values = finite_values(name, array)
    scale = np.array(used.mm) / np.array(stated)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(used.mm)
    affine[:3, 3] = np.array(image.GetOrigin()) * scale
    return plain_image(path, (path,), affine, values, used, oriented=oriented)


def _units(path: Path) -> tuple[str, str, bool]:
    """Return the unit of length, the header's field, and whether it names directions in the patient."""
    with path.open("rb") as file:
        start = file.read(_HEADER_BYTES)
    if path.name.lower().endswith((".mha", ".mhd")):
        text = start.split(b"ElementDataFile")[0].decode("latin-1")
        found = re.search(r"^DistanceUnits\s*=\s*(\S+)", text, re.MULTILINE)
        named = re.search(r"^AnatomicalOrientation\s*=\s*([A-Z]{3})", text, re.MULTILINE)
        return found.group(1) if found else "", "MetaImage ElementSpacing", bool(named)
    text = re.split(rb"\r?\n\r?\n", start)[0].decode("latin-1")
    found = re.search(r'^space units:\s*"([^"]*)"', text, re.MULTILINE)
    units = re.search(r'^units:\s*"([^"]*)"', text, re.MULTILINE)
    space = re.search(r"^space:\s*(\S.*)$", text, re.MULTILINE)
    unit = found.group(1) if found else units.group(1) if units else ""
    return unit, "NRRD space directions", bool(space)


def choose_spacing(
    name: str, stated: tuple[float, float, float], unit: str, field: str, given: Spacing | None
) -> Spacing:
    """Take the file's spacing where it names a unit, else the user's, else the file's where it can only be mm.

    Raises
    ------
    InputError
        If file and user contradict each other, or a bare number could be of several units.
    """
    if given is None:
        return spacing_in(name, stated, unit, field)
    if unit:
        own = spacing_in(name, stated, unit, field)
        if not np.allclose(own.mm, given.mm, rtol=0.01):
            size = ", ".join(f"{x:.4g}" for x in own.mm)
            raise InputError(
                f"{name}: {given.source} contradicts the file's own {size} mm ({field}): "
                "leave it out or correct the header"
            )
        return own
    return given


def finite_values(name: str, array: Any) -> Any:
    """Return values as 32-bit floats.

    Raises
    ------
    InputError
        If they are no plain numbers, or some are NaN or infinite.
    """
    if array.dtype.kind not in "iufb":
        raise InputError(f"{name}: voxels are {array.dtype}, not plain numbers: convert to gray values")
    values = np.ascontiguousarray(array, np.float32)
    wrong = int((~np.isfinite(values)).sum())
    if wrong:
        raise InputError(f"{name}: {wrong} voxels are NaN or infinite: replace or crop them")
    return values
