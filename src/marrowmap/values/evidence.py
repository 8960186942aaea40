"""Where a number or a finding was seen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """The pixels behind a number: source series, its instances and the mask laid over them.

    Parameters
    ----------
    series_uid : str
        Series Instance UID, or the file name of a NIfTI image or of a table.
    instance_uids : tuple of str
        SOP Instance UIDs in slice order; empty for NIfTI. Of a table: its file and lines.
    frames : tuple of int
        Slice indices (0-based, along the third axis of the source grid) that carry the evidence; empty means all.
    mask_sha256 : str, optional
        Digest of the mask's voxels.
    mask_file : str, optional
        The mask's file name inside the output folder.
    """

    series_uid: str
    instance_uids: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    mask_sha256: str | None = None
    mask_file: str | None = None
