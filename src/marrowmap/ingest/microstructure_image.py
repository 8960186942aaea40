"""What readers of trabecular images hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.nifti import file_label
from marrowmap.ingest.microstructure_spacing import Spacing
from marrowmap.ingest.microstructure_spacing import require_plausible
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values import Subject

DENSITY_UNIT = "mg/cm3"
"""Unit of a volume calibrated to hydroxyapatite (mgHA/cm3)."""


@dataclass(frozen=True, eq=False)
class MicroImage:
    """An image of trabecular bone with what its file says of it.

    Space: LPS mm of the file; TIFF, AIM and ISQ name no directions, their axes are taken as they lie.

    Parameters
    ----------
    name : str
        File or folder, fit for messages.
    volume : Volume
        Unit ``signal``, ``HU``, ``mg/cm3`` (hydroxyapatite) or ``native`` (whatever the scanner counts in).
    modality : str
        ``MR`` or ``CT``; ``OT`` where nothing says.
    uid : str
        Series Instance UID or file name, for Evidence.
    instance_uids : tuple of str
    files : tuple of Path
    said : tuple of str
        What was read where: spacing, calibration.
    protocol : mapping of str to (str, float or None)
        How it was acquired, as far as the file says; both sides of a comparison must agree.
    date : str
        ISO 8601, empty if unknown.
    side, joint : Side or None, Joint or None
        As the file names them.
    subject : Subject
    oriented : bool
        Whether the file says where left, front and head are.
    """

    name: str
    volume: Volume
    modality: str
    uid: str
    files: tuple[Path, ...]
    said: tuple[str, ...]
    instance_uids: tuple[str, ...] = ()
    protocol: Mapping[str, str | float | None] = field(default_factory=dict)
    date: str = ""
    side: Side | None = None
    joint: Joint | None = None
    subject: Subject = field(default_factory=Subject)
    oriented: bool = True


def plain_image(
    path: Path,
    files: tuple[Path, ...],
    affine: NDArray[np.float64],
    values: NDArray[np.float32],
    spacing: Spacing,
    *,
    oriented: bool,
) -> MicroImage:
    """Return an image of a format that names neither modality nor person.

    Parameters
    ----------
    path : Path
        File or folder as given.
    files : tuple of Path
    affine : (4, 4) array
        From indices i, j, k to mm.
    values : (i, j, k) array
    spacing : Spacing
        What the voxel size was read from.
    oriented : bool

    Raises
    ------
    GeometryError
        If axes are sheared.
    InputError
        If a voxel size cannot be one of trabecular bone.
    """
    name = file_label(path)
    i, j, k = values.shape
    try:
        grid = Grid((i, j, k), affine)
    except GeometryError as error:
        raise GeometryError(f"{name}: {error}") from error
    require_plausible(name, grid.spacing)
    return MicroImage(
        name=name,
        volume=Volume(grid, values, "native"),
        modality="OT",
        uid=name,
        files=files,
        said=(f"voxel size from {spacing.source}",),
        oriented=oriented,
    )
