"""Where an analyzed exam saw edema in a bone: its masks read back, and the bone's own coordinates that go with them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrowmap.errors import InputError
from marrowmap.image import LabelMap
from marrowmap.image import Volume
from marrowmap.image.nifti import read_nifti
from marrowmap.image.nifti import read_nifti_labels
from marrowmap.values.analyzed import AnalyzedExam
from marrowmap.values.analyzed import FrameRow
from marrowmap.values.analyzed import Place

BONES = {"hip": "femur", "knee": "distal_femur", "ankle": "talus"}
"""The bone whose coordinates a joint's edema is followed in."""
_END = "_edema-membership.nii.gz"


@dataclass(frozen=True)
class EdemaMap:
    """Edema of one bone.

    Space: LPS mm of the series.

    Parameters
    ----------
    membership : Volume
        Share of edema by voxel, 0 to 1.
    regions : LabelMap
        The bone's regions, on the same grid.
    frame : FrameRow
        The bone's own coordinates in the same space.
    files : tuple of Path
        What was read.
    """

    membership: Volume
    regions: LabelMap
    frame: FrameRow
    files: tuple[Path, ...]


def read_edema_map(exam: AnalyzedExam, place: Place, series: str) -> tuple[EdemaMap | None, str]:
    """Read where an exam saw edema at a joint.

    Parameters
    ----------
    exam : AnalyzedExam
    place : Place
    series : str
        UID of the series that the joint's edema volume was measured in; of several masks, its own is read.

    Returns
    -------
    found : EdemaMap or None
        None without masks, and where it is not sure which mask or which bone frame is the right one.
    why_not : str
        Why it is not sure; empty where there is simply none.

    Raises
    ------
    InputError
        If a mask is there and cannot be read.
    """
    frames, why_not = _frames(exam, place, series)
    if not frames:
        return None, why_not
    paths = [path for path in _memberships(exam, place) if _regions_beside(path).is_file()]
    if len(paths) > 1:
        stems = _stems_of(exam, series)
        own = [path for path in paths if path.name.removesuffix(_END) in stems]
        if len(own) != 1:
            return None, f"{len(paths)} masks of edema, and none alone is of the series its volume was measured in"
        paths = own
    if not paths:
        return None, ""
    names = exam.folder / "masks" / "regions.json"
    beside = _regions_beside(paths[0])
    membership, regions = read_nifti(paths[0], "1"), _named_regions(read_nifti_labels(beside), names, exam.label)
    fitting = [frame for frame in frames if _lies_in(frame, regions)]
    if len(fitting) != 1:
        what = "no bone frame lies" if not fitting else f"{len(fitting)} bone frames lie"
        return None, f"{what} in the bone of {paths[0].name}: they may be of other images"
    files = (paths[0], beside, *((names,) if names.is_file() else ()))
    return EdemaMap(membership, regions, fitting[0], files), ""


def _memberships(exam: AnalyzedExam, place: Place) -> list[Path]:
    return sorted((exam.folder / "masks").glob(f"*_{place.joint_name}_{place.side_name}{_END}"))


def _regions_beside(path: Path) -> Path:
    return path.with_name(path.name.replace("_edema-membership", "_regions"))


def _frames(exam: AnalyzedExam, place: Place, series: str) -> tuple[list[FrameRow], str]:
    """Return the trusted frames of the joint's bone: that of the series itself where there is one."""
    trusted = [frame for frame in exam.frames if frame.place == place and frame.trusted]
    mine = [frame for frame in trusted if frame.bone == BONES[place.joint_name]]
    if not mine:
        others = ", ".join(sorted({frame.bone for frame in trusted}))
        return [], f"no trusted frame of the {BONES[place.joint_name]}, only of {others}" if others else ""
    own = [frame for frame in mine if series and frame.series == series]
    return own or mine, ""


def _stems_of(exam: AnalyzedExam, series: str) -> set[str]:
    """Return the starts of the names of all masks that rows of a series name as their evidence."""
    stems = set()
    for row in exam.rows:
        evidence = row.document.get("evidence")
        if isinstance(evidence, dict) and series and evidence.get("series_uid") == series:
            file = str(evidence.get("mask_file") or "")
            stems.add(Path(file).name.rpartition("_")[0])
    return stems


def _lies_in(frame: FrameRow, regions: LabelMap) -> bool:
    """Tell whether a femur's frame lies where the mask has the head; other bones' frames are taken as they are.

    A NIfTI mask does not say its frame of reference: one bone found in CT and in MR has two frames.
    """
    if frame.bone != "femur" or "femoral_head" not in regions.names.values():
        return True
    index = np.argwhere(regions.mask("femoral_head").array)
    if not len(index):
        return True
    head = regions.grid.to_world(index.astype(float))
    # Sphere and labels leave the neck off alike; a head cut by the image's edge has its middle off by half a radius.
    return float(np.linalg.norm(head.mean(axis=0) - np.array(frame.center_mm))) <= frame.radius_mm / 2


def _named_regions(labels: LabelMap, path: Path, label: str) -> LabelMap:
    """Give labels the names of ``masks/regions.json``."""
    if not path.is_file():
        return labels
    try:
        table = {int(number): str(name) for number, name in json.loads(path.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{label}/masks/regions.json: cannot be read ({error}): analyze the exam again") from error
    return LabelMap(labels.grid, labels.array, {n: table.get(n, name) for n, name in labels.names.items()})
