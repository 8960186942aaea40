"""TIFF stacks: one file of many pages, or a folder of one-page files in the order of their numbers."""

from __future__ import annotations

import logging
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image.nifti import file_label
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_image import plain_image
from marrowmap.ingest.microstructure_itk import choose_spacing
from marrowmap.ingest.microstructure_itk import finite_values
from marrowmap.ingest.microstructure_spacing import Spacing

ENDINGS = (".tif", ".tiff")
MIN_PAGES = 3


def matches(path: Path) -> bool:
    """Say whether a path is a TIFF, or a folder of nothing else."""
    if path.is_dir():
        names = [entry.name for entry in path.iterdir() if not entry.name.startswith(".")]
        return bool(names) and all(name.lower().endswith(ENDINGS) for name in names)
    return path.name.lower().endswith(ENDINGS)


def read(path: Path, spacing: Spacing | None) -> MicroImage:
    """Read a TIFF stack.

    Space: mm; i is the column, j the row, k the page. Directions in the patient are not in the file.

    Parameters
    ----------
    path : Path
        File or folder.
    spacing : Spacing or None
        Needed unless the file is of ImageJ or OME and names its voxel size with unit: the resolution that plain TIFF
        holds is that of a print.

    Raises
    ------
    InputError
        If it cannot be read, its pages differ, it is in color, or nobody says how large its voxels are.
    """
    name = file_label(path)
    if not path.exists():
        raise InputError(f"{name}: no such file: check the path")
    if path.is_dir():
        files = tuple(sorted((p for p in path.iterdir() if p.name.lower().endswith(ENDINGS)), key=_natural))
        pages = [_load(file) for file in files]
        shapes = {page.shape for page in pages}
        if len(shapes) > 1:
            raise InputError(f"{name}: its files have different shapes {sorted(shapes)}: pass one stack")
        array, stated = np.stack(pages), None
        _require_no_gap(name, files)
    else:
        files = (path,)
        array = _load(path)
        stated = _stated_spacing(path)
    if array.ndim != 3 or array.shape[0] < MIN_PAGES:
        raise InputError(f"{name}: shape {array.shape}, a volume of gray values needs {MIN_PAGES} pages: pass a stack")
    used = _spacing(name, stated, spacing)
    values = finite_values(name, array.transpose(2, 1, 0))
    return plain_image(path, files, np.diag([*used.mm, 1.0]), values, used, oriented=False)


def _spacing(name: str, stated: tuple[tuple[float, float, float], str, str] | None, given: Spacing | None) -> Spacing:
    if stated is None:
        if given is None:
            raise InputError(f"{name}: a TIFF says nothing of its voxels: give --spacing 60.7um or 0.1x0.1x0.2mm")
        return given
    numbers, unit, field = stated
    return choose_spacing(name, numbers, unit, field, given)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to itself what tifffile logs over a broken file: what is wrong is said in one line."""
    logger = logging.getLogger("tifffile")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _load(path: Path) -> NDArray[Any]:
    try:
        with _quiet():
            array = np.asarray(tifffile.imread(path)).squeeze()
        if array.size == 0:
            raise ValueError("no page in it")
        return array
    except (OSError, ValueError, KeyError, IndexError, tifffile.TiffFileError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{file_label(path)}: not a readable TIFF ({reason}): export it again") from error


def _natural(path: Path) -> tuple[object, ...]:
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name.lower()))


def _require_no_gap(name: str, files: tuple[Path, ...]) -> None:
    """Refuse a folder in which a number is missing: the stack would be squeezed there."""
    numbers = [int(found[-1]) for found in (re.findall(r"\d+", file.stem) for file in files) if found]
    if len(numbers) != len(files) or len(set(numbers)) != len(numbers):
        raise InputError(f"{name}: its files are not numbered one by one: name them by their order")
    steps = set(np.diff(numbers).tolist())
    if len(steps) > 1:
        raise InputError(f"{name}: numbers are missing among its files ({min(numbers)} to {max(numbers)}): complete it")


def _stated_spacing(path: Path) -> tuple[tuple[float, float, float], str, str] | None:
    """Return the voxel size an ImageJ or OME file names, with its unit and where it stands."""
    with _quiet(), tifffile.TiffFile(path) as file:
        tags: Any = getattr(file.pages[0], "tags", {})
        if file.ome_metadata:
            return _ome_spacing(file.ome_metadata)
        said = file.imagej_metadata
        if not said or "spacing" not in said or "XResolution" not in tags:
            return None
        across, down = (tags[key].value for key in ("XResolution", "YResolution"))
        if not across[0] or not down[0]:
            return None
        unit = str(said.get("unit", "")).replace("\\u00B5", "u")
        return (across[1] / across[0], down[1] / down[0], float(said["spacing"])), unit, "ImageJ's resolution"


def _ome_spacing(text: str) -> tuple[tuple[float, float, float], str, str] | None:
    try:
        # Expat resolves no external entities; a file that defines inner ones is not OME.
        pixels = None if "<!ENTITY" in text else ET.fromstring(text).find(".//{*}Pixels")
    except ET.ParseError:
        pixels = None
    keys = ("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ")
    if pixels is None or not all(key in pixels.attrib for key in keys):
        return None
    units = {pixels.attrib.get(f"{key}Unit", "µm") for key in keys}
    if len(units) != 1:
        return None
    x, y, z = (float(pixels.attrib[key]) for key in keys)
    return (x, y, z), units.pop(), "OME PhysicalSize"
