"""From the bone in one image to the same bone in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_activity import fill_bones
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.spect_fit import SpectFit
from marrowmap.anatomy.spect_fit import fit_spect
from marrowmap.errors import GeometryError
from marrowmap.image.transform import Transform
from marrowmap.image.volume import Volume

LEAST_EXPLAINED = 0.6
"""Share of what soft tissue leaves unexplained that bones explain in a SPECT they were laid on: 0.8 to 0.9 in the right
place, 0.2 to 0.3 in the wrong ones seen (tuning seeds)."""
RIVAL_MM, RIVAL_SHARE = 12.0, 0.15
"""Another place, this far away, that explains all but so much less leaves open which is right."""
MOST_TURN_DEG = 30.0
"""No one lies so differently."""
MOST_ERROR_MM = 5.0
UNEVEN_MM = 1.0
"""Standard deviation along an axis that uneven uptake within the parts of a bone gives, as on virtual hips (tuning
seeds)."""


@dataclass(frozen=True, eq=False)
class BoneRegistration:
    """A rigid map of one bone from image to image.

    Parameters
    ----------
    transform : Transform
    bone : BoneFrame
        In the source image.
    error_mm : float
        Standard deviation of the map at the femoral head, along an axis.
    note : str
        How well what was brought together agrees afterwards.
    """

    transform: Transform
    bone: BoneFrame
    error_mm: float
    note: str


def register_bone(source: BoneFrame, target: BoneFrame) -> BoneRegistration:
    """Map a femur from one image's coordinates to another's (Kabsch 1976).

    Both surfaces are of one shape model, so points with one number are the same place of the bone. A hip bends between
    two examinations: each femur has a map of its own.

    Parameters
    ----------
    source, target : BoneFrame
        The same femur of the same person; LPS mm of two frames of reference.

    Raises
    ------
    GeometryError
        If they are not the same bone and side, or their surfaces do not correspond.
    """
    if (source.bone, source.side, source.joint) != (target.bone, target.side, target.joint):
        raise GeometryError("only the same bone of the same side can be registered")
    if source.vertices.shape != target.vertices.shape or not np.array_equal(source.faces, target.faces):
        raise GeometryError("the two surfaces have no corresponding points: fit both with the shape model")
    shaft = source.landmarks["shaft_distal"] - source.landmarks["neck_shaft_corner"]
    below = (source.vertices - source.landmarks["lesser_trochanter_tip"]) @ (shaft / np.linalg.norm(shaft))
    used = below < 0
    here, there = source.vertices[used], target.vertices[used]
    rotation, _ = Rotation.align_vectors(there - there.mean(axis=0), here - here.mean(axis=0))
    matrix = np.eye(4)
    matrix[:3, :3] = rotation.as_matrix()
    matrix[:3, 3] = there.mean(axis=0) - matrix[:3, :3] @ here.mean(axis=0)
    transform = Transform(matrix, source.frame_of_reference_uid, target.frame_of_reference_uid)
    rms = float(np.sqrt(((transform(here) - there) ** 2).sum(axis=1).mean()))
    # Both fits err; errors of neighbors on a surface are alike, so that many points do not make them small.
    finite = [frame.fit_rms_mm for frame in (source, target) if np.isfinite(frame.fit_rms_mm)]
    error = max(rms / np.sqrt(3), float(np.linalg.norm(finite)) / np.sqrt(3) if len(finite) == 2 else 1.0)
    return BoneRegistration(transform, source, float(error), f"femoral surfaces {rms:.2f} mm apart afterwards")


def carry_bone(frame: BoneFrame, transform: Transform, error_mm: float, note: str) -> BoneFrame:
    """Return a bone as it lies in another image.

    Parameters
    ----------
    frame : BoneFrame
    transform : Transform
        Rigid, from the bone's frame of reference.
    error_mm : float
        Of the map, along an axis; added to that of the fit.
    note : str
        How the map was found.
    """
    return replace(
        frame,
        frame_of_reference_uid=transform.target,
        head_center_mm=transform(frame.head_center_mm),
        axes=transform.matrix[:3, :3] @ frame.axes,
        landmarks={name: transform(point) for name, point in frame.landmarks.items()},
        vertices=transform(frame.vertices),
        fit_rms_mm=float(np.hypot(frame.fit_rms_mm, error_mm)),
        reason=f"{frame.reason}; {note}",
    )


def register_to_spect(
    frames: Sequence[BoneFrame], image: Volume
) -> tuple[tuple[BoneRegistration, ...], tuple[BoneFrame, ...]]:
    """Lay bones found in MR or CT onto a SPECT by their uptake.

    Parameters
    ----------
    frames : sequence of BoneFrame
        Of hips; one frame of reference.
    image : Volume
        SPECT of the same person, in a frame of reference of its own.

    Returns
    -------
    tuple of BoneRegistration
        One for each trusted femur.
    tuple of BoneFrame
        Trusted femora and hip bones as they lie in the SPECT.

    Raises
    ------
    GeometryError
        If where the bones lie in the SPECT is not clear.
    """
    fit = fit_spect(fill_bones(frames), image)
    if fit is None:
        raise GeometryError("no hips were seen in it to lay the bones on: add the CT of the SPECT/CT")
    _require_clear(fit)
    bones, target = fit.bones, image.grid.frame_of_reference_uid
    note = f"laid on the SPECT by uptake, of which bones explain {100 * fit.best.explained:.0f} % beyond soft tissue"
    found, carried = [], []
    for number, side in enumerate(bones.sides):
        femur = next(frame for frame in frames if frame.bone == "femur" and frame.side is side and frame.trusted)
        hip_bone = next((f for f in frames if f.bone == "hip_bone" and f.side is side and f.trusted), None)
        fit_mm = femur.fit_rms_mm if np.isfinite(femur.fit_rms_mm) else 1.0
        error = float(np.sqrt(fit.head_sd_mm(number) ** 2 + UNEVEN_MM**2 + fit_mm**2 / 3))
        if error > MOST_ERROR_MM:
            raise GeometryError(
                f"the {side.value} head's place in it is known to {error:.0f} mm only: add the CT of the SPECT/CT"
            )
        for frame, body in ((femur, number + 1), (hip_bone, 0)):
            if frame is not None:
                transform = Transform(bones.matrix(fit.best.pose, body), bones.frame_of_reference_uid, target)
                carried.append(carry_bone(frame, transform, error, note))
                if frame is femur:
                    found.append(BoneRegistration(transform, frame, error, note))
    return tuple(found), tuple(carried)


def _require_clear(fit: SpectFit) -> None:
    """Refuse a place that explains too little, has a rival or is none anybody lies in."""
    bones, best = fit.bones, fit.best
    advice = "add the CT of the SPECT/CT, or check that both are of one person"
    if best.explained < LEAST_EXPLAINED:
        raise GeometryError(
            f"bones explain only {100 * best.explained:.0f} % of its uptake beyond soft tissue: {advice}"
        )
    for rival in fit.rivals:
        away = np.linalg.norm(bones.heads(rival.pose) - bones.heads(best.pose), axis=1).mean()
        if away > RIVAL_MM and rival.explained > best.explained - RIVAL_SHARE:
            raise GeometryError(f"bones fit two places of it alike, {away:.0f} mm apart: {advice}")
    turns = [np.degrees(np.linalg.norm(best.pose[first : first + 3])) for first in (0, *range(6, bones.size, 3))]
    if max(turns) > MOST_TURN_DEG:
        raise GeometryError(f"bones would have to turn by {max(turns):.0f} degrees to fit it: {advice}")
