"""Two sides of one person: whether they may be compared, and how they are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Mask
from marrowmap.image.nifti import file_label
from marrowmap.ingest.analyzed import read_frames
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.ingest.microstructure_spacing import is_hr_pqct
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_match import SideMatch
from marrowmap.measure.microarchitecture_match import match_by_frames
from marrowmap.measure.microarchitecture_match import match_by_masks
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_repeat import with_repeats
from marrowmap.measure.microarchitecture_sides import SideComparison
from marrowmap.measure.microarchitecture_sides import compare_sides
from marrowmap.report.microarchitecture_result import MicroSide
from marrowmap.signs import microarchitecture_deterioration
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.values.analyzed import FrameRow
from marrowmap.workflow.microarchitecture_request import Request

PROTOCOL_TOLERANCE = 0.02
"""Numbers of two protocols this much alike, relatively, are the same but for rounding."""


@dataclass(frozen=True, eq=False)
class ReadSide:
    """An image and the region on its grid."""

    image: MicroImage
    region: Mask


def find_place(request: Request, this: MicroImage, other: MicroImage | None) -> tuple[Side | None, Joint | None]:
    """Return side and joint of the image; what files, user and the other side's file say must agree."""
    if request.side and this.side and request.side is not this.side:
        raise GeometryError(
            f"{this.name}: its header says {this.side.value}, --side {request.side.value}: find out which is right"
        )
    side = request.side or this.side
    if other is not None:
        if side is None and other.side is not None:
            side = other.side.opposite
        elif side is not None and other.side is side:
            raise GeometryError(
                f"{other.name}: its header says {side.value}, as the image it is compared with: pass the other side"
            )
    if request.joint and this.joint and request.joint is not this.joint:
        raise GeometryError(
            f"{this.name}: its header says {this.joint.value}, --joint {request.joint.value}: find out which is right"
        )
    joint = request.joint or this.joint
    if other is not None and joint and other.joint and other.joint is not joint:
        raise GeometryError(
            f"{other.name}: its header says {other.joint.value}, not {joint.value}: pass the same joint"
        )
    return side, joint


def require_alike(
    this: MicroImage, other: MicroImage, if_one: str = "the two sides are one image: pass the other side's"
) -> list[str]:
    """Refuse two images that were not made alike; return what is unlike but may stand.

    Parameters
    ----------
    this, other : MicroImage
    if_one : str
        What to say where both are the same image.

    Raises
    ------
    GeometryError
        If it is the same image, another person's, or its voxels have another size.
    InputError
        If modality, calibration or protocol differ.
    """
    names = f"{this.name} and {other.name}"
    if this.volume.array.shape == other.volume.array.shape and np.array_equal(this.volume.array, other.volume.array):
        raise GeometryError(f"{names}: {if_one}")
    people = {image.subject.person_id for image in (this, other)} - {""}
    if len(people) > 1:
        raise GeometryError(f"{names}: two persons by (0010,0020) Patient ID: pass one person's images")
    sizes = [np.sort(image.volume.grid.spacing) for image in (this, other)]
    if not np.allclose(sizes[0], sizes[1], rtol=0.01):
        texts = [" x ".join(f"{x:.4g}" for x in image.volume.grid.spacing) for image in (this, other)]
        raise GeometryError(
            f"{names}: voxels of {texts[0]} and {texts[1]} mm: every measure here depends on the voxel, so they "
            "cannot be compared; pass images of one protocol"
        )
    if this.modality != other.modality or this.volume.unit != other.volume.unit:
        raise InputError(
            f"{names}: {this.modality} in {this.volume.unit} against {other.modality} in {other.volume.unit}: pass "
            "images of one protocol"
        )
    for field, value in this.protocol.items():
        theirs = other.protocol.get(field)
        if value in (None, "") or theirs in (None, ""):
            continue
        numbers = isinstance(value, float | int) and isinstance(theirs, float | int)
        if not (np.isclose(value, theirs, rtol=PROTOCOL_TOLERANCE) if numbers else value == theirs):
            raise InputError(f"{names}: {field} {value} against {theirs}: pass images of one protocol and field")
    if this.date and other.date and this.date != other.date:
        return [f"{names}: imaged on different days, {this.date} and {other.date}: bone may have changed between"]
    return []


def require_same_bone(this: MicroImage, again: MicroImage, side: Side | None, joint: Joint | None) -> list[str]:
    """Refuse a second scan that is not of the same bone by the same protocol; return what may stand.

    Raises
    ------
    GeometryError
        If it names another side or joint, is the very image, another person's, or has other voxels.
    InputError
        If modality, calibration or protocol differ.
    """
    for found, wanted in ((again.side, side), (again.joint, joint)):
        if found is not None and wanted is not None and found is not wanted:
            raise GeometryError(
                f"{again.name}: its header says {found.value}, not {wanted.value}: --repeat wants a second scan of the "
                f"bone in {this.name}"
            )
    return require_alike(this, again, "--repeat is the very image: pass a second scan of the bone")


def compare(
    request: Request,
    this: ReadSide,
    other: ReadSide,
    measured: Microarchitecture,
    theirs: Microarchitecture,
    side: Side | None,
    joint: Joint | None,
    again: Microarchitecture | None = None,
) -> SideComparison:
    """Match two sides, by bone frames where they are given, and compare them; `again` is this side's second scan.

    Raises
    ------
    InputError
        If frames or precision cannot be read or lack what is needed.
    GeometryError
        If the regions are of different parts of the bone.
    UsageError
        If frames are given for a bone that nobody names.
    """
    match: SideMatch
    if request.frames is not None:
        here, there = _frames(request.frames, side, joint, (this.image.uid, other.image.uid))
        match = match_by_frames(measured.region, theirs.region, here, there)
    else:
        match = match_by_masks(measured.region, theirs.region, side.sign if side else 1)
    precision = load_precision(kind_of(this.image, measured), request.precision)
    if again is not None:
        precision = with_repeats(precision, (measured, again))
    return compare_sides(measured, theirs, match, precision, "lateral" if side else "left")


def kind_of(image: MicroImage, measured: Microarchitecture) -> str:
    """Return the kind of image under which its repeatability is published."""
    if measured.regime is Regime.APPARENT:
        return "CT" if image.modality == "CT" else "MR"
    return "HR-pQCT" if is_hr_pqct(image.volume.grid.spacing) else "micro-CT"


def _frames(path: Path, side: Side | None, joint: Joint | None, series: tuple[str, str]) -> tuple[FrameRow, FrameRow]:
    """Return the fitted frames of both sides' femora: of these very series where there are several."""
    name = file_label(path)
    if side is None or joint is None:
        raise UsageError("--frames needs to know which bone: give --side and --joint")
    frames = read_frames(path)
    found = []
    for wanted, uid in zip((side, side.opposite), series, strict=True):
        mine = [
            f for f in frames if (f.place.joint, f.place.side) == (joint, wanted) and f.trusted and f.bone == "femur"
        ]
        mine = [f for f in mine if f.series == uid] or mine
        if len(mine) != 1:
            raise InputError(
                f"{name}: {len(mine)} trusted frames of the {wanted.value} {joint.value}'s femur, one is needed: pass "
                "the frames.json of marrowmap segment on these images, or leave --frames out"
            )
        found.append(mine[0])
    return found[0], found[1]


def warn_of_less_there(comparison: SideComparison, other: MicroSide) -> list[str]:
    """Say where it is the other side that has less bone: the sign is judged for the image's own side only."""
    main = comparison.of(microarchitecture_deterioration.DECIDES)
    if main is None or main.side_limit is None or main.percent < main.side_limit:
        return []
    return [
        f"{other.image.name} has less bone than the image it was compared with, by more than sides of well people "
        "show: to judge that side, give it as IMAGE"
    ]
