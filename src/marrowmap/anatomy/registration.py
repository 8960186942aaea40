"""From the bone in one image to the same bone in another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.image.transform import Transform


@dataclass(frozen=True, eq=False)
class BoneRegistration:
    """A rigid map of one bone from image to image.

    Parameters
    ----------
    transform : Transform
    bone : BoneFrame
        In the source image.
    rms_mm : float
        Root mean square distance of the surfaces after it.
    error_mm : float
        Standard deviation of the map at the femoral head, along an axis.
    """

    transform: Transform
    bone: BoneFrame
    rms_mm: float
    error_mm: float


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
    return BoneRegistration(transform, source, rms, float(error))
