"""Fit posed bones that share a shape to what the images show (an active shape model with learned profiles).

After Cootes et al., Active shape models - their training and application (Comput Vis Image Underst 1995; 61:38-59):
profiles through the surface say where it should move, the shape model says how it can. Here a profile gives a whole
distribution, so that unsure places count for little, and all witnesses of one joint (several images' edges, a label
network) add their evidence. What is special to a joint is in its :class:`JointRules`.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic
from typing import Protocol
from typing import Self
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.hip_pose import SideShape
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.profiles import SAMPLES
from marrowmap.anatomy.profiles import EdgeModel
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
NEAR_MM = 1.5
"""A surface is matched where the images put it no further away than this."""
SIDES_ALIKE_SD = 0.35
"""How far the weights of a person's two sides differ, in the model's standard deviations."""
NO_SURFACES: Mapping[str, NDArray[np.float64]] = MappingProxyType({})
RELAX_REACH_MM = 6.0
RELAX_NEIGHBORS = 60
RELAX_STIFFNESS = 4.0
CLEAR_MM = 2.5
"""A surface is clearly seen where sure edges lie no further away than this."""
LEAST_CLEAR = 0.2
"""Share of a bone's surface that must be clearly seen."""
METAL_HU = 1600.0
METAL_MARGIN_MM = 5.0


class ArticulatedPose(Protocol):
    """Bones of one joint: one vector of 26 weights, and a turn and a pivot for each bone."""

    @property
    def side(self) -> Side:
        """Which side's joint it is."""

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights of the shape's modes, shape (26,)."""

    @property
    def turns(self) -> NDArray[np.float64]:
        """Rotation vectors, shape (bones, 3)."""

    @property
    def pivots(self) -> NDArray[np.float64]:
        """Where the bones' origins lie, LPS mm, shape (bones, 3)."""

    @property
    def bones(self) -> tuple[str, ...]:
        """Names of the bones, in the order of turns and pivots."""

    def shape(self, bone: str) -> SideShape:
        """Return a bone's mean and modes around its origin."""

    def vertices(self, bone: str) -> NDArray[np.float64]:
        """Return a bone's vertices in LPS mm, shape (n, 3)."""

    def faces(self, bone: str) -> NDArray[np.int64]:
        """Return a bone's faces, shape (m, 3)."""

    def moved(self, step: NDArray[np.float64]) -> Self:
        """Return the pose after a step, shape (26 + 6 bones,): weights, then turn and shift of each bone."""


Pose = TypeVar("Pose", bound=ArticulatedPose)


class Witness(Protocol):
    """Something besides the images' edges that says where a bone's surface lies, such as a label network."""

    def testify(
        self, bone: str, points: NDArray[np.float64], normals: NDArray[np.float64], step_mm: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Say how likely the surface lies at each of SAMPLES places along each normal.

        Parameters
        ----------
        bone : str
        points, normals : arrays, shape (n, 3)
            LPS mm; unit vectors.
        step_mm : float
            Distance of the places; the middle one lies on the point, the last one outside.

        Returns
        -------
        log_likelihood : array, shape (n, SAMPLES)
        usable : array of bool, shape (n,)
            Where it has something to say.
        """


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

    @property
    def clear(self) -> NDArray[np.bool_]:
        """Where the images show the surface clearly and near, shape (n,)."""
        return self.sure & (np.abs(self.offset) < CLEAR_MM)


@dataclass(frozen=True, eq=False)
class JointRules(Generic[Pose]):
    """What is special to a joint.

    Parameters
    ----------
    networks : str
        What the names of its edge networks begin with.
    choose : callable
        Of a bone's name and a count: vertex numbers to look at, and the codes that tell the networks where they are.
    add_priors : callable
        Of a pose and the normal equations' matrix and right side: adds how such joints lie, in place.
    """

    networks: str
    choose: Callable[[str, int], tuple[NDArray[np.int64], NDArray[np.float32]]]
    add_priors: Callable[[Pose, NDArray[np.float64], NDArray[np.float64]], None]


def gather(
    rules: JointRules[Pose],
    pose: Pose,
    images: Sequence[FitImage],
    network: str,
    count: int,
    witnesses: Sequence[Witness] = (),
) -> dict[str, Evidence]:
    """Read the profiles through all bones' surfaces in all images, and ask the other witnesses."""
    found = {}
    for bone in pose.bones:
        chosen, codes = rules.choose(bone, count)
        vertices, faces = pose.vertices(bone), pose.faces(bone)
        normals = vertex_normals(vertices, faces)[chosen]
        points = vertices[chosen]
        said, usable = [], []
        step = 1.0
        for image in images:
            model: EdgeModel = load_edge_model(rules.networks + image.kind, network)
            step = model.step_mm
            profiles, here = sample_profiles(image.signal, image.volume, points, normals, step)
            # A flat profile (outside the body, metal's void, clipped) says nothing.
            here &= profiles.std(axis=1) > 0.004
            for off in (-3.0, 0.0, 3.0):
                here &= ~image.is_metal(points + off * normals)
            said.append(model.log_likelihood(describe_profiles(profiles, normals, image.volume, codes)))
            usable.append(here)
        for witness in witnesses:
            words, here = witness.testify(bone, points, normals, step)
            said.append(words)
            usable.append(here)
        chance, seen = combine_chances(said, usable)
        offset, spread = locate_surface(chance, step)
        near = max(round(NEAR_MM / step), 1)
        middle = SAMPLES // 2
        close = chance[:, middle - near : middle + near + 1].sum(axis=1) + 1e-6
        gain = np.where(seen, np.log(close * SAMPLES / (2 * near + 1)), 0.0)
        found[bone] = Evidence(chosen, points, normals, offset, spread, seen, gain)
    return found


def _derivative(pose: ArticulatedPose, bone: str, evidence: Evidence, modes: int) -> NDArray[np.float64]:
    """How far the chosen vertices move along their normals with each parameter, shape (n, 26 + 6 bones)."""
    number = pose.bones.index(bone)
    shape = pose.shape(bone)
    turn = Rotation.from_rotvec(pose.turns[number]).as_matrix()
    result = np.zeros((len(evidence.chosen), 26 + 6 * len(pose.bones)))
    along = evidence.normals @ turn
    result[:, :modes] = np.einsum("knc,nc->nk", shape.modes[:modes, evidence.chosen], along)
    arm = evidence.points - pose.pivots[number]
    first = 26 + 6 * number
    result[:, first : first + 3] = np.cross(arm, evidence.normals)
    result[:, first + 3 : first + 6] = evidence.normals
    return result


def _step(
    rules: JointRules[Pose], pose: Pose, evidence: dict[str, Evidence], modes: int, other: Pose | None
) -> NDArray[np.float64]:
    """Solve for the most likely step of all parameters, shape (26 + 6 bones,)."""
    size = 26 + 6 * len(pose.bones)
    matrix = np.zeros((size, size))
    goal = np.zeros(size)
    count = sum(int(e.seen.sum()) for e in evidence.values())
    worth = min(INDEPENDENT / max(count, 1), 1.0)
    for bone, e in evidence.items():
        robust = 1.0 / np.maximum(1.0, np.abs(e.offset) / (2.0 * e.spread + 1.0))
        weight = np.where(e.seen, robust / (e.spread**2 + 0.25), 0.0) * worth
        slope = _derivative(pose, bone, e, modes)
        matrix += slope.T @ (slope * weight[:, None])
        goal += slope.T @ (weight * e.offset)
    mean, tightness = (np.zeros(26), 1.0) if other is None else (other.weights, SIDES_ALIKE_SD**-2)
    matrix[:26, :26] += np.eye(26) * tightness
    goal[:26] += (mean - pose.weights) * tightness
    rules.add_priors(pose, matrix, goal)
    for n in range(modes, 26):
        goal[n] = 0.0
    # Where nothing is seen nothing says where the bones lie: they stay.
    matrix += 1e-6 * np.eye(size)
    return np.asarray(np.linalg.solve(matrix, goal), np.float64)


def fit_pose(
    rules: JointRules[Pose],
    pose: Pose,
    images: Sequence[FitImage],
    stages: Sequence[Stage],
    other: Pose | None = None,
    witnesses: Sequence[Witness] = (),
) -> Pose:
    """Move a pose and its shape to where the images and other witnesses show the surfaces.

    Parameters
    ----------
    rules : JointRules
    pose : ArticulatedPose
        Where to start.
    images : sequence of FitImage
    stages : sequence of Stage
    other : ArticulatedPose, optional
        The same person's other side, well fitted: this one's shape is then expected to be like it.
    witnesses : sequence of Witness
    """
    for stage in stages:
        for _ in range(stage.iterations):
            evidence = gather(rules, pose, images, stage.network, stage.vertices, witnesses)
            step = _step(rules, pose, evidence, stage.modes, other)
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


def score(evidence: dict[str, Evidence]) -> float:
    """Say how much better than chance the witnesses' surfaces lie on the bones'.

    The mean log likelihood gain of the places in view times the square root of their share: a few matching edges at
    the rim of the view are worth less than a whole joint.
    """
    gains = np.concatenate([e.gain[e.seen] for e in evidence.values()])
    share = len(gains) / sum(len(e.seen) for e in evidence.values())
    return float(gains.mean() * np.sqrt(share)) if len(gains) > 50 else -np.inf


def edge_distance(evidence: Evidence) -> float:
    """Root mean square distance of surface and edges where these are clear, mm; infinite where hardly any are."""
    sure = evidence.sure
    return float(np.sqrt((evidence.offset[sure] ** 2).mean())) if sure.sum() >= 20 else float("inf")


def doubt_bone(evidence: Evidence, most_mm: float) -> str:
    """Say why the fit of one bone is not to be trusted, whatever those beside it are; empty where it is.

    Parameters
    ----------
    evidence : Evidence
        Gathered on the fitted bone.
    most_mm : float
        How far surface and edges may lie apart.
    """
    clear, apart = float(evidence.clear.mean()), edge_distance(evidence)
    if clear < LEAST_CLEAR:
        return f"only {100 * clear:.0f} % of its surface is clearly seen (needs {100 * LEAST_CLEAR:.0f} %)"
    if apart > most_mm:
        return f"surface and edges lie {apart:.1f} mm apart (at most {most_mm} mm)"
    return ""
