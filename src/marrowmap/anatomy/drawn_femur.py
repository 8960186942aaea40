"""A femur someone drew: which side's it is, and what of the frames laid through it may be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from typing import Generic

import numpy as np
from scipy import ndimage

from marrowmap.anatomy.active_shape import ArticulatedPose
from marrowmap.anatomy.active_shape import Pose
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.ingest.exam import Series
from marrowmap.values import Side

HOW = "shape model fitted to the mask given"
SIDES_APART = 1.15
"""How much worse the other side must fit before a mask's side is certain."""
MOST_ASTRAY_MM = 5.0
"""What is fitted to the image beside a mask is wrong where its femur leaves the mask's by more than this."""


@dataclass(frozen=True, eq=False)
class LaidFemur(Generic[Pose]):
    """A femur laid through a mask.

    Parameters
    ----------
    pose : ArticulatedPose
    left_mm : float
        The error left against the mask's surface.
    doubt : str
        Why it is not to be trusted; empty where it is.
    """

    pose: Pose
    left_mm: float
    doubt: str = ""


def keep_largest_part(mask: Mask, name: str) -> Mask:
    """Return the largest piece of a mask.

    Raises
    ------
    InputError
        If it is empty or not the size of an end of a femur; `name` says in the message which one is wanted.
    """
    parts, count = ndimage.label(mask.array)
    if not count:
        raise InputError(f"the bone mask is empty: draw the {name} in it")
    whole = Mask(mask.grid, parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])))
    if not 20.0 < whole.volume_ml < 900.0:
        raise InputError(f"the bone mask holds {whole.volume_ml:.0f} mL, a {name} 20–900 mL: check the mask")
    return whole


def choose_side(tried: Sequence[LaidFemur[Pose]], series: Series, side: Side | None) -> LaidFemur[Pose]:
    """Take the side that is asked for or tagged, else the one that fits better; doubt that one where both fit.

    Parameters
    ----------
    tried : sequence of LaidFemur
        One for each side.
    series : Series
        Whose tags may name the side.
    side : Side, optional
        As the user says.

    Raises
    ------
    GeometryError
        If the shape is clearly that of the other side.
    """
    best, other = sorted(tried, key=lambda laid: laid.left_mm)
    apart = other.left_mm > SIDES_APART * best.left_mm
    wanted = side or series.side
    if wanted is None:
        open_side = "left and right cannot be told apart by the mask: name the side (--side)"
        return best if apart else replace(best, doubt=open_side)
    if wanted is best.pose.side:
        return best
    if apart:
        raise GeometryError(
            f"series {series.description!r}: {wanted.value} is asked for, but the mask has the shape of a "
            f"{best.pose.side.value} femur: check the side and the mask's orientation"
        )
    return other


def judge_by_mask(frames: Sequence[BoneFrame], laid: LaidFemur[Pose], beside: ArticulatedPose) -> tuple[BoneFrame, ...]:
    """Judge the femur by the mask it was laid through, and the bones fitted beside it by mask and image.

    Parameters
    ----------
    frames : sequence of BoneFrame
        As the image supports them, the femur's surface as laid.
    laid : LaidFemur
    beside : ArticulatedPose
        Where the image led the joint from there.
    """
    astray = float(np.linalg.norm(beside.pivots[0] - laid.pose.pivots[0]))
    doubt = laid.doubt
    if not doubt and astray > MOST_ASTRAY_MM:
        doubt = f"the image's edges lead {astray:.0f} mm away from the mask"
    judged = []
    for frame in frames:
        if frame.bone == "femur":
            reason = f"{HOW}; {laid.doubt}" if laid.doubt else HOW
            # The mask is the user's word: it is judged by how well a femur fits it, not by the image's edges.
            judged.append(replace(frame, fit_rms_mm=laid.left_mm, trusted=not laid.doubt, reason=reason))
        elif doubt:
            judged.append(replace(frame, trusted=False, reason=f"{frame.reason}; {doubt}"))
        else:
            judged.append(frame)
    return tuple(judged)
