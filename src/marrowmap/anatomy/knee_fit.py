"""Fit a knee's four bones to what the images show: what :mod:`~marrowmap.anatomy.active_shape` must know of knees."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.active_shape import Evidence
from marrowmap.anatomy.active_shape import FitImage
from marrowmap.anatomy.active_shape import JointRules
from marrowmap.anatomy.active_shape import Stage
from marrowmap.anatomy.active_shape import Witness
from marrowmap.anatomy.active_shape import fit_pose
from marrowmap.anatomy.active_shape import gather
from marrowmap.anatomy.active_shape import score
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import SUPINE
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.knee_pose import mirror_turn
from marrowmap.anatomy.knee_pose import rest_offset
from marrowmap.anatomy.knee_pose import side_shape
from marrowmap.values import Side

SHARE = {"femur": 1.0, "tibia": 0.8, "fibula": 0.3, "patella": 0.4}
"""How many places of each bone are looked at, against the femur."""
LYING_SD = np.radians([14.0, 9.0, 16.0])
"""How knees lie: bend of the thigh, its slant, and the turn of the leg."""
BEND_SD = {"tibia": np.radians([10.0, 4.0, 7.0]), "patella": np.radians([8.0, 5.0, 7.0])}
"""Turn against the femur about its lateral, front-to-back and long axis."""
APART_SD_MM = {"tibia": np.array([1.6, 2.5, 1.8]), "patella": np.array([3.5, 2.5, 5.0])}
"""Shift against the femur along the same axes."""
FIBULA_TURN_SD = np.radians(2.0)
FIBULA_SHIFT_SD_MM = 1.2
STIFF = 0.2
"""Share of these spreads that is granted while no more than two modes are free: the knee is first placed as a whole."""
STIFF_MODES = 2

COARSE = (Stage("coarse", 6, 0, 500), Stage("coarse", 3, 2, 500), Stage("coarse", 5, 8, 700))
FINE = (Stage("fine", 5, 14, 1000), Stage("fine", 8, 26, 1600))


@lru_cache(maxsize=4)
def code_places(bone: str) -> NDArray[np.float32]:
    """Return what tells a bone's vertices apart, shape (n, 16): their place on the LEFT mean knee, and which bone."""
    shape = side_shape(bone, Side.LEFT)
    scaled = shape.mean / 40.0
    which = np.zeros((len(scaled), len(BONES)))
    which[:, BONES.index(bone)] = 1.0
    normals = vertex_normals(shape.mean, shape.faces)
    return np.concatenate([scaled, np.sin(2.0 * scaled), np.cos(2.0 * scaled), normals, which], axis=1).astype(
        np.float32
    )


@lru_cache(maxsize=4)
def place_weights(bone: str) -> NDArray[np.float64]:
    """Return how much each vertex of a bone counts: its area, more near the joint, none on the cut."""
    shape = side_shape(bone, Side.LEFT)
    away = np.linalg.norm(shape.mean, axis=1)
    weight = vertex_areas(shape.mean, shape.faces) * (0.1 + np.exp(-((away / 60.0) ** 2)))
    if bone != "patella":
        height = shape.mean[:, 2] * (1.0 if bone == "femur" else -1.0)
        weight[height > height.max() - 2.0] = 0.0
    return np.asarray(weight / weight.sum(), np.float64)


@lru_cache(maxsize=64)
def _choose(bone: str, count: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Pick vertices evenly over the surface, more near the joint, with their place codes (all as on the left)."""
    weight = place_weights(bone)
    rng = np.random.default_rng(count)
    wanted = min(int(count * SHARE[bone]), int((weight > 0).sum()))
    chosen = np.sort(rng.choice(len(weight), wanted, replace=False, p=weight))
    return chosen, code_places(bone)[chosen]


def _tie(
    matrix: NDArray[np.float64],
    goal: NDArray[np.float64],
    slope: NDArray[np.float64],
    off: NDArray[np.float64],
    precision: NDArray[np.float64],
) -> None:
    """Expect `off` + `slope` @ step, shape (3,), to be 0, with a precision of shape (3, 3)."""
    matrix += slope.T @ precision @ slope
    goal -= slope.T @ precision @ off


def _turn_between(pose: KneePose, bone: int, base: int) -> NDArray[np.float64]:
    relative = Rotation.from_rotvec(pose.turns[bone]) * Rotation.from_rotvec(pose.turns[base]).inv()
    return np.asarray(relative.as_rotvec(), np.float64)


def _add_priors(pose: KneePose, matrix: NDArray[np.float64], goal: NDArray[np.float64], play: float = 1.0) -> None:
    """Add how knees lie in a coil and how the bones lie to each other, with a share `play` of the usual spread."""
    size = len(goal)
    turns = [np.eye(3, size, 26 + 6 * n) for n in range(len(BONES))]
    shifts = [np.eye(3, size, 29 + 6 * n) for n in range(len(BONES))]
    usual = Rotation.from_rotvec(Rotation.from_euler("xyz", SUPINE, degrees=True).as_rotvec() * mirror_turn(pose.side))
    femur = Rotation.from_rotvec(pose.turns[0])
    _tie(matrix, goal, turns[0], (femur * usual.inv()).as_rotvec(), np.diag(LYING_SD**-2))
    axes = femur.as_matrix()
    for bone in ("tibia", "patella"):
        n = BONES.index(bone)
        precision = axes @ np.diag((play * BEND_SD[bone]) ** -2) @ axes.T
        _tie(matrix, goal, turns[n] - turns[0], _turn_between(pose, n, 0), precision)
        arm = axes @ rest_offset(bone, pose.side)
        carried = np.cross(np.eye(3), arm) @ turns[0]  # row i: how a turn about the axes moves the arm's i-th component
        precision = axes @ np.diag((play * APART_SD_MM[bone]) ** -2) @ axes.T
        off = pose.pivots[n] - pose.pivots[0] - arm
        _tie(matrix, goal, shifts[n] - shifts[0] + carried, off, precision)
    _tie(matrix, goal, turns[2] - turns[1], _turn_between(pose, 2, 1), np.eye(3) / (play * FIBULA_TURN_SD) ** 2)
    apart = pose.pivots[2] - pose.pivots[1]
    _tie(matrix, goal, shifts[2] - shifts[1], apart, np.eye(3) / (play * FIBULA_SHIFT_SD_MM) ** 2)


RULES: JointRules[KneePose] = JointRules("knee_", _choose, _add_priors)
STIFF_RULES: JointRules[KneePose] = JointRules("knee_", _choose, partial(_add_priors, play=STIFF))


def gather_evidence(
    pose: KneePose, images: Sequence[FitImage], network: str, count: int, witnesses: Sequence[Witness] = ()
) -> dict[str, Evidence]:
    """Read the profiles through all four bones' surfaces in all images, and ask the other witnesses."""
    return gather(RULES, pose, images, network, count, witnesses)


def fit_knee(
    pose: KneePose,
    images: Sequence[FitImage],
    stages: Sequence[Stage],
    witnesses: Sequence[Witness] = (),
) -> KneePose:
    """Move a pose and its shape to where the images show the surfaces.

    Parameters
    ----------
    pose : KneePose
        Where to start.
    images : sequence of FitImage
    stages : sequence of Stage
    witnesses : sequence of Witness
        What else says where the surfaces lie.
    """
    for stage in stages:
        rules = STIFF_RULES if stage.modes <= STIFF_MODES else RULES
        pose = fit_pose(rules, pose, images, (stage,), witnesses=witnesses)
    return pose


def judge(pose: KneePose, images: Sequence[FitImage], network: str = "fine", count: int = 1200) -> float:
    """Say how much better than chance the images' edges lie on the surfaces: see :func:`active_shape.score`."""
    return score(gather_evidence(pose, images, network, count))
