"""Fit femur and hip bone to what the images show: what :mod:`~marrowmap.anatomy.active_shape` needs to know of hips."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.active_shape import Evidence
from marrowmap.anatomy.active_shape import FitImage
from marrowmap.anatomy.active_shape import JointRules
from marrowmap.anatomy.active_shape import Stage
from marrowmap.anatomy.active_shape import Witness
from marrowmap.anatomy.active_shape import fit_pose
from marrowmap.anatomy.active_shape import gather
from marrowmap.anatomy.active_shape import relax_surface
from marrowmap.anatomy.active_shape import score
from marrowmap.anatomy.hip_pose import BONES
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.profiles import code_places
from marrowmap.values import Side

__all__ = [
    "AGAIN",
    "COARSE",
    "FINE",
    "Evidence",
    "FitImage",
    "Stage",
    "Witness",
    "fit_hip",
    "gather_evidence",
    "judge",
    "relax_surface",
]

TURN_SD = np.radians(np.array([12.0, 8.0, 12.0]))
"""Spread of how people lie: flexion, abduction, rotation."""
SEAT_SD_MM = 1.2
"""Spread of the distance between the centers of head and socket."""
HIP_SD = np.radians(10.0)

COARSE = (Stage("coarse", 4, 2, 500), Stage("coarse", 6, 8, 700))
AGAIN = (Stage("coarse", 3, 26, 700), Stage("fine", 6, 26, 1600))
FINE = (Stage("fine", 5, 14, 1000), Stage("fine", 8, 26, 1600))


@lru_cache(maxsize=32)
def _choose(bone: str, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pick vertices evenly over the surface, more near the joint, with their place codes (all as on the left)."""
    shape = side_shape(bone, Side.LEFT)
    weight = vertex_areas(shape.mean, shape.faces)
    weight = weight * (0.1 + np.exp(-((np.linalg.norm(shape.mean, axis=1) / 70) ** 2)))
    rng = np.random.default_rng(count)
    chosen = np.sort(rng.choice(len(weight), min(count, len(weight)), replace=False, p=weight / weight.sum()))
    normals = vertex_normals(shape.mean, shape.faces)
    return chosen, code_places(shape.mean, normals, BONES.index(bone))[chosen]


def _add_priors(pose: HipPose, matrix: NDArray[np.float64], goal: NDArray[np.float64]) -> None:
    """Add how people lie, and that the head sits in its socket."""
    femur, hip = slice(26, 29), slice(32, 35)
    matrix[femur, femur] += np.diag(1 / TURN_SD**2)
    matrix[hip, hip] += np.eye(3) / HIP_SD**2
    goal[femur] -= pose.turns[0] / TURN_SD**2
    goal[hip] -= pose.turns[1] / HIP_SD**2
    seat = np.eye(3) / SEAT_SD_MM**2
    apart = pose.pivots[0] - pose.pivots[1]
    a, b = slice(29, 32), slice(35, 38)
    matrix[a, a] += seat
    matrix[b, b] += seat
    matrix[a, b] -= seat
    matrix[b, a] -= seat
    goal[a] -= seat @ apart
    goal[b] += seat @ apart


RULES: JointRules[HipPose] = JointRules("", _choose, _add_priors)


def gather_evidence(
    pose: HipPose, images: Sequence[FitImage], network: str, count: int, witnesses: Sequence[Witness] = ()
) -> dict[str, Evidence]:
    """Read the profiles through both bones' surfaces in all images, and ask the other witnesses."""
    return gather(RULES, pose, images, network, count, witnesses)


def fit_hip(
    pose: HipPose,
    images: Sequence[FitImage],
    stages: Sequence[Stage],
    other: HipPose | None = None,
    witnesses: Sequence[Witness] = (),
) -> HipPose:
    """Move a pose and its shape to where the images show the surfaces.

    Parameters
    ----------
    pose : HipPose
        Where to start.
    images : sequence of FitImage
    stages : sequence of Stage
    other : HipPose, optional
        The same person's other hip, well fitted: this one's shape is then expected to be like it.
    witnesses : sequence of Witness
        What else says where the surfaces lie.
    """
    return fit_pose(RULES, pose, images, stages, other, witnesses)


def judge(pose: HipPose, images: Sequence[FitImage], network: str = "fine", count: int = 1200) -> float:
    """Say how much better than chance the images' edges lie on the surfaces: see :func:`active_shape.score`."""
    return score(gather_evidence(pose, images, network, count))
