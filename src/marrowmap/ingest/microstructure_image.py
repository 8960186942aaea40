"""What readers of trabecular images hand on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

from marrowmap.image import Volume
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
