"""Fit the posed shape model to what the images show (an active shape model with learned profiles).

After Cootes et al., Active shape models - their training and application (Comput Vis Image Underst 1995; 61:38-59):
profiles through the surface say where it should move, the shape model says how it can. Here a profile gives a whole
distribution, so that unsure places count for little, and several images of one hip add their evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.hip_pose import BONES
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.profiles import SAMPLES
from marrowmap.anatomy.profiles import EdgeModel
from marrowmap.anatomy.profiles import code_places
from marrowmap.anatomy.profiles import combine_chances
from marrowmap.anatomy.profiles import describe_profiles
from marrowmap.anatomy.profiles import load_edge_model
from marrowmap.anatomy.profiles import locate_surface
from marrowmap.anatomy.profiles import sample_profiles
from marrowmap.anatomy.profiles import scale_signal
from marrowmap.image import Volume
from marrowmap.values import Side

INDEPENDENT = 350.0
"""How many independent observations all profiles together are worth: neighbors err alike."""
TURN_SD = np.radians(np.array([12.0, 8.0, 12.0]))
"""Spread of how people lie: flexion, abduction, rotation."""
SEAT_SD_MM = 1.2
"""Spread of the distance between the centers of head and socket."""
HIP_SD = np.radians(10.0)
SIDES_ALIKE_SD = 0.35
"""How far the weights of a person's two hips differ, in the model's standard deviations."""
NEAR_MM = 1.5
"""A surface is matched where the images put it no further away than this."""
RELAX_REACH_MM = 6.0
RELAX_NEIGHBORS = 60
RELAX_STIFFNESS = 4.0
METAL_HU = 1600.0
METAL_MARGIN_MM = 5.0


@dataclass(frozen=True, eq=False)
class FitImage:
    """An image ready to be fitted to: the volume, its signal scaled, which networks read it, and where metal lies."""

    volume: Volume
    signal: NDArray[np.float32]
    kind: str
    metal: NDArray[np.bool_] | None = None

    @classmethod
    def of(cls, volume: Volume) -> FitImage:
        """Prepare a volume."""
        if volume.unit != "HU":
            return cls(volume, scale_signal(volume), "mr")
        metal = np.asarray(volume.array) > METAL_HU
        if not metal.any():
            return cls(volume, scale_signal(volume), "ct")
        # Streaks and blooming reach a few millimeters further.
        near = ndimage.distance_transform_edt(~metal, sampling=volume.grid.spacing) < METAL_MARGIN_MM
        return cls(volume, scale_signal(volume), "ct", np.asarray(near, np.bool_))

    def is_metal(self, points: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say for points, shape (n, 3) LPS mm, whether metal spoils the image there."""
        if self.metal is None:
            return np.zeros(len(points), bool)
        index = np.rint(self.volume.grid.to_index(points)).astype(np.int64)
        inside = self.volume.grid.contains(points)
        return np.asarray(inside & self.metal[tuple(np.clip(index, 0, np.array(self.metal.shape) - 1).T)])


@dataclass(frozen=True, eq=False)
class Stage:
    """How the fit goes for a while: network, iterations, modes let free, vertices of each bone."""

    network: str
    iterations: int
    modes: int
    vertices: int


COARSE = (Stage("coarse", 4, 2, 500), Stage("coarse", 6, 8, 700))
AGAIN = (Stage("coarse", 3, 26, 700), Stage("fine", 6, 26, 1600))
FINE = (Stage("fine", 5, 14, 1000), Stage("fine", 8, 26, 1600))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the images say of one bone's surface, at some of its vertices.

    Parameters
    ----------
    chosen : array of int, shape (n,)
        Vertex numbers.
    points, normals : arrays, shape (n, 3)
    offset, spread : arrays, shape (n,)
        Where the surface should lie along the normal, mm, and how sure that is.
    seen : array of bool, shape (n,)
        Within an image.
    gain : array, shape (n,)
        Log likelihood of a surface within 1.5 mm against chance.
    """

    chosen: NDArray[np.int64]
    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    offset: NDArray[np.float64]
    spread: NDArray[np.float64]
    seen: NDArray[np.bool_]
    gain: NDArray[np.float64]

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Where the images show the surface clearly, shape (n,)."""
        return self.seen & (self.spread < 1.5)


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


def gather_evidence(pose: HipPose, images: Sequence[FitImage], network: str, count: int) -> dict[str, Evidence]:
    """Read the profiles through both bones' surfaces in all images."""
    found = {}
    for bone in BONES:
        chosen, codes = _choose(bone, count)
        vertices, faces = pose.vertices(bone), pose.faces(bone)
        normals = vertex_normals(vertices, faces)[chosen]
        points = vertices[chosen]
        said, usable = [], []
        step = 1.0
        for image in images:
            model: EdgeModel = load_edge_model(image.kind, network)
            step = model.step_mm
            profiles, here = sample_profiles(image.signal, image.volume, points, normals, step)
            # A flat profile (outside the body, metal's void, clipped) says nothing.
            here &= profiles.std(axis=1) > 0.004
            for off in (-3.0, 0.0, 3.0):
                here &= ~image.is_metal(points + off * normals)
            said.append(model.log_likelihood(describe_profiles(profiles, normals, image.volume, codes)))
            usable.append(here)
        chance, seen = combine_chances(said, usable)
        offset, spread = locate_surface(chance, step)
        near = max(round(NEAR_MM / step), 1)
        middle = SAMPLES // 2
        close = chance[:, middle - near : middle + near + 1].sum(axis=1) + 1e-6
        gain = np.where(seen, np.log(close * SAMPLES / (2 * near + 1)), 0.0)
        found[bone] = Evidence(chosen, points, normals, offset, spread, seen, gain)
    return found


def _derivative(pose: HipPose, bone: str, evidence: Evidence, modes: int) -> NDArray[np.float64]:
    """How far the chosen vertices move along their normals with each parameter, shape (n, 38)."""
    number = BONES.index(bone)
    shape = side_shape(bone, pose.side)
    turn = Rotation.from_rotvec(pose.turns[number]).as_matrix()
    result = np.zeros((len(evidence.chosen), 38))
    along = evidence.normals @ turn
    result[:, :modes] = np.einsum("knc,nc->nk", shape.modes[:modes, evidence.chosen], along)
    arm = evidence.points - pose.pivots[number]
    first = 26 + 6 * number
    result[:, first : first + 3] = np.cross(arm, evidence.normals)
    result[:, first + 3 : first + 6] = evidence.normals
    return result


def _step(
    pose: HipPose, evidence: dict[str, Evidence], modes: int, other: HipPose | None = None
) -> NDArray[np.float64]:
    """Solve for the most likely step of all parameters, shape (38,)."""
    matrix = np.zeros((38, 38))
    goal = np.zeros(38)
    count = sum(int(e.seen.sum()) for e in evidence.values())
    worth = min(INDEPENDENT / max(count, 1), 1.0)
    for bone, e in evidence.items():
        robust = 1.0 / np.maximum(1.0, np.abs(e.offset) / (2.0 * e.spread + 1.0))
        weight = np.where(e.seen, robust / (e.spread**2 + 0.25), 0.0) * worth
        slope = _derivative(pose, bone, e, modes)
        matrix += slope.T @ (slope * weight[:, None])
        goal += slope.T @ (weight * e.offset)
    # Priors: shape, how people lie, and that the head sits in its socket.
    mean, tightness = (np.zeros(26), 1.0) if other is None else (other.weights, SIDES_ALIKE_SD**-2)
    matrix[:26, :26] += np.eye(26) * tightness
    goal[:26] += (mean - pose.weights) * tightness
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
    for n in range(modes, 26):
        goal[n] = 0.0
    return np.asarray(np.linalg.solve(matrix, goal), np.float64)


def fit_hip(
    pose: HipPose, images: Sequence[FitImage], stages: Sequence[Stage], other: HipPose | None = None
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
    """
    for stage in stages:
        for _ in range(stage.iterations):
            step = _step(pose, gather_evidence(pose, images, stage.network, stage.vertices), stage.modes, other)
            pose = pose.moved(step)
            if np.abs(step[26:]).max() < 0.02 and np.abs(step[:26]).max() < 0.02:
                break
    return pose


def relax_surface(vertices: NDArray[np.float64], faces: NDArray[np.int64], evidence: Evidence) -> NDArray[np.float64]:
    """Let a fitted surface follow the images a little beyond what the shape model can do, smoothly.

    Twenty-six people do not span all bones: each vertex moves along its normal by the weighted mean of what the places
    around it ask for, drawn toward no move at all where these are few or unsure.

    Parameters
    ----------
    vertices : array, shape (n, 3)
    faces : array, shape (m, 3)
    evidence : Evidence
        Gathered on these vertices.

    Returns
    -------
    array, shape (n, 3)
        The moved vertices.
    """
    seen = evidence.seen
    if seen.sum() < RELAX_NEIGHBORS:
        return vertices
    offset = evidence.offset[seen]
    weight = 1 / (evidence.spread[seen] ** 2 + 0.25) / np.maximum(1.0, np.abs(offset) / 2.0)
    away, near = cKDTree(evidence.points[seen]).query(vertices, k=RELAX_NEIGHBORS)
    normals = vertex_normals(vertices, faces)
    # Places on the other face of a thin wall look the other way.
    alike = np.clip(np.einsum("nc,nkc->nk", normals, evidence.normals[seen][near]), 0, 1)
    share = np.exp(-0.5 * (away / RELAX_REACH_MM) ** 2) * alike * weight[near]
    move = (share * offset[near]).sum(axis=1) / (share.sum(axis=1) + RELAX_STIFFNESS)
    return np.asarray(vertices + move[:, None] * normals, np.float64)


def judge(pose: HipPose, images: Sequence[FitImage], network: str = "fine", count: int = 1200) -> float:
    """Say how much better than chance the images' edges lie on the surfaces.

    The mean log likelihood gain of the places in view times the square root of their share: a few matching edges at
    the rim of the view are worth less than a whole hip.
    """
    evidence = gather_evidence(pose, images, network, count)
    gains = np.concatenate([e.gain[e.seen] for e in evidence.values()])
    share = len(gains) / sum(len(e.seen) for e in evidence.values())
    return float(gains.mean() * np.sqrt(share)) if len(gains) > 50 else -np.inf
