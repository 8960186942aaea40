"""A posed knee: the shape model's femur, tibia, fibula and patella of one side, put into an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.hip_pose import SideShape
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.knee_landmarks import knee_sphere
from marrowmap.anatomy.shape_model import load_knee_model
from marrowmap.anatomy.shape_model import mirror_vertices
from marrowmap.values import Side

BONES = ("femur", "tibia", "fibula", "patella")
NEAR_MM = 60.0
"""Femur this close to the knee's center says how a mode turns it."""
REST_FLEXION = 9.0
"""Flexion, degrees, of the mean knee as it comes."""
SUPINE = (-7.0, -4.0, -9.0)
"""How the mean left femur lies in a scanner against the model's axes: degrees about x, y, z."""
FIBULA_GAP_MM = 0.6


def knee_center(femur: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the point midway between the centers of the condyles of a model femur's lower end, shape (3,)."""
    return knee_sphere(femur)[0]


@lru_cache(maxsize=1)
def _frame() -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Origin of each bone in the model, and how each mode moves and turns the lower femur, shape (26, 2, 3)."""
    model = load_knee_model()
    center = knee_center(np.array(model.femur.mean))
    origins = dict.fromkeys(BONES, center)
    origins["patella"] = np.array(model.patella.mean.mean(axis=0))
    local = model.femur.mean - center
    near = np.linalg.norm(local, axis=1) < NEAR_MM
    arm = local[near]
    slope = np.zeros((len(arm), 3, 6))
    slope[:, :, :3] = np.eye(3)
    for axis in range(3):
        slope[:, :, 3 + axis] = np.cross(np.eye(3)[axis], arm)
    moves = model.femur.modes[:, near].astype(np.float64).reshape(len(model.femur.modes), -1)
    drift = np.linalg.lstsq(slope.reshape(-1, 6), moves.T, rcond=None)[0].T.reshape(-1, 2, 3)
    # The center shall stay where it is, exactly.
    for n, mode in enumerate(model.femur.modes.astype(np.float64)):
        drift[n, 0] = (knee_center(model.femur.mean + mode) - knee_center(model.femur.mean - mode)) / 2
    return origins, np.asarray(drift, np.float64)


@lru_cache(maxsize=8)
def side_shape(bone: str, side: Side) -> SideShape:
    """Return the bone of one side around its origin: the knee's center, for the patella its own.

    What a mode does to the place of the whole knee is taken off: shape and place are apart.
    """
    origins, drift = _frame()
    shape = load_knee_model()[bone]
    modes = np.array(shape.modes, np.float64)
    from_center = shape.mean - origins["femur"]
    for n, (shift, turn) in enumerate(drift):
        modes[n] -= shift + np.cross(turn, from_center)
    mean, faces = np.array(shape.mean) - origins[bone], np.array(shape.faces)
    if side is Side.RIGHT:
        mean, faces = mirror_vertices(mean, faces)
        modes = modes * np.array([-1.0, 1.0, 1.0])
    return SideShape(mean, modes, faces)


def rest_offset(bone: str, side: Side) -> NDArray[np.float64]:
    """Return where a bone's origin lies from the knee's center in the mean knee, shape (3,)."""
    origins, _ = _frame()
    offset = origins[bone] - origins["femur"]
    return np.asarray(offset * (side.sign, 1.0, 1.0), np.float64)


@dataclass(frozen=True, eq=False)
class KneePose:
    """Where and what shape the bones of one knee are.

    Parameters
    ----------
    side : Side
    weights : array, shape (26,)
        Of the shape model's modes, in standard deviations; shared by all bones, and by the hip of the same person.
    turns : array, shape (4, 3)
        Rotation vectors of femur, tibia, fibula and patella about their pivots (radians, LPS axes).
    pivots : array, shape (4, 3)
        Where the bones' origins lie, LPS mm: the knee's center for the first three, the patella's middle.
    """

    side: Side
    weights: NDArray[np.float64]
    turns: NDArray[np.float64]
    pivots: NDArray[np.float64]

    @classmethod
    def at(cls, side: Side, center_mm: NDArray[np.float64]) -> KneePose:
        """Return the mean knee, lying as knees lie, with its center at a point."""
        turn = Rotation.from_euler("xyz", SUPINE, degrees=True).as_rotvec() * mirror_turn(side)
        return cls(side, np.zeros(26), np.zeros((4, 3)), np.zeros((4, 3))).placed(turn, np.asarray(center_mm, float))

    def placed(self, turn: NDArray[np.float64], center: NDArray[np.float64]) -> KneePose:
        """Return a knee at rest, turned as a whole by a rotation vector, with its center at a point."""
        matrix = Rotation.from_rotvec(turn).as_matrix()
        pivots = np.stack([center + matrix @ rest_offset(bone, self.side) for bone in BONES])
        return KneePose(self.side, self.weights, np.tile(turn, (len(BONES), 1)), pivots)

    @property
    def bones(self) -> tuple[str, ...]:
        """Names of the bones, in the order of turns and pivots."""
        return BONES

    def shape(self, bone: str) -> SideShape:
        """Return a bone's mean and modes around its origin."""
        return side_shape(bone, self.side)

    def vertices(self, bone: str) -> NDArray[np.float64]:
        """Return the bone's vertices in LPS mm, shape (n, 3)."""
        number = BONES.index(bone)
        shape = side_shape(bone, self.side)
        local = shape.mean + np.tensordot(self.weights, shape.modes, axes=1)
        turn = Rotation.from_rotvec(self.turns[number]).as_matrix()
        result: NDArray[np.float64] = local @ turn.T + self.pivots[number]
        return result

    def faces(self, bone: str) -> NDArray[np.int64]:
        """Return the bone's faces, shape (m, 3), turning counterclockwise seen from outside."""
        return side_shape(bone, self.side).faces

    def moved(self, step: NDArray[np.float64]) -> KneePose:
        """Return the pose after a step, shape (50,): weights, then turn and shift of each bone."""
        turns, pivots = self.turns.copy(), self.pivots.copy()
        for number in range(len(BONES)):
            part = step[26 + 6 * number : 32 + 6 * number]
            turns[number] = (Rotation.from_rotvec(part[:3]) * Rotation.from_rotvec(turns[number])).as_rotvec()
            pivots[number] = pivots[number] + part[3:]
        return KneePose(self.side, self.weights + step[:26], turns, pivots)

    def turned(self, bone: str, turn: Rotation, about: NDArray[np.float64]) -> KneePose:
        """Return the pose with one bone turned about a point."""
        number = BONES.index(bone)
        turns, pivots = self.turns.copy(), self.pivots.copy()
        turns[number] = (turn * Rotation.from_rotvec(turns[number])).as_rotvec()
        pivots[number] = about + turn.apply(pivots[number] - about)
        return KneePose(self.side, self.weights, turns, pivots)

    def shifted(self, bone: str, shift: NDArray[np.float64]) -> KneePose:
        """Return the pose with one bone moved by mm, LPS."""
        pivots = self.pivots.copy()
        pivots[BONES.index(bone)] += shift
        return KneePose(self.side, self.weights, self.turns, pivots)

    def mirrored(self) -> KneePose:
        """Return the other side's knee, mirrored in the plane x = 0."""
        flip = np.array([-1.0, 1.0, 1.0])
        return KneePose(self.side.opposite, self.weights, self.turns * -flip, self.pivots * flip)


def mirror_turn(side: Side) -> NDArray[np.float64]:
    """Return what a left bone's rotation vector is multiplied by for a side."""
    return np.array([1.0, side.sign, side.sign], np.float64)


def measure_gap(pose: KneePose, bone: str, other: str, reach_mm: float = 20.0) -> float:
    """Return the least distance of two bones' surfaces in mm, negative where one stands in the other.

    Measured from the vertices and faces of `other` to those of `bone`; `reach_mm` where nothing is that close.
    """

    def sample(name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        vertices, faces = pose.vertices(name), pose.faces(name)
        corners = vertices[faces]
        across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        flat = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
        normals = vertex_normals(vertices, faces)
        return np.concatenate([vertices, corners.mean(axis=1)]), np.concatenate([normals, flat])

    surface, normals = sample(bone)
    points, _ = sample(other)
    away, nearest = cKDTree(surface).query(points, distance_upper_bound=reach_mm)
    near = np.isfinite(away)
    if not near.any():
        return reach_mm
    side = np.einsum("nc,nc->n", points[near] - surface[nearest[near]], normals[nearest[near]])
    return float(np.min(np.where(side < 0, -away[near], away[near])))


def _seat(pose: KneePose, gaps: dict[str, float]) -> KneePose:
    """Move tibia (with fibula) down and patella forward until the least gaps to the femur are those asked for."""
    up = Rotation.from_rotvec(pose.turns[1]).apply([0.0, 0.0, 1.0])
    for _ in range(5):
        shift = -up * (gaps["tibia"] - measure_gap(pose, "femur", "tibia"))
        pose = pose.shifted("tibia", shift).shifted("fibula", shift)
    front = pose.pivots[3] - pose.pivots[0]
    front = front - front @ up * up
    front /= np.linalg.norm(front)
    for _ in range(5):
        pose = pose.shifted("patella", front * (gaps["patella"] - measure_gap(pose, "femur", "patella")))
    fibula = pose.vertices("fibula")
    outward = fibula[np.argsort(-(fibula @ up))[:50]].mean(axis=0) - pose.pivots[1]
    outward -= outward @ up * up
    outward /= np.linalg.norm(outward)
    for _ in range(6):
        missing = FIBULA_GAP_MM - measure_gap(pose, "tibia", "fibula")
        if missing <= 0:
            break
        pose = pose.shifted("fibula", outward * (missing + 0.1))
    return pose


def draw_knee_pose(
    rng: np.random.Generator, side: Side, center: NDArray[np.float64], *, held_out: Sequence[int] = ()
) -> KneePose:
    """Draw a shape and a pose as knees lie in a coil, no bone in another.

    Flexion is mostly 5–15 degrees (0–30), rotation of the tibia has a standard deviation of 6 degrees, varus and valgus
    of 3; the patella glides down the trochlea with flexion.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : Side
    center : array, shape (3,)
        Knee's center (midway between the condyles' centers), LPS mm.
    held_out : sequence of int
        Modes left at zero: shapes with them are for testing.
    """
    for _ in range(20):
        pose = _draw_left(rng, held_out)
        joint = [measure_gap(pose, "femur", bone) for bone in ("tibia", "patella")]
        other = [measure_gap(pose, "tibia", bone) for bone in ("fibula", "patella")]
        if min(joint + other) > 0.3 and max(joint) < 8.0:
            break
    if side is Side.RIGHT:
        pose = pose.mirrored()
    return KneePose(side, pose.weights, pose.turns, pose.pivots + np.asarray(center, np.float64))


def _draw_left(rng: np.random.Generator, held_out: Sequence[int]) -> KneePose:
    """Draw a left knee around the origin."""
    flexion = float(np.clip(rng.normal(10, 6) if rng.random() < 0.85 else rng.uniform(0, 30), 0, 30)) - REST_FLEXION
    whole = Rotation.from_euler("xyz", np.asarray(SUPINE) + rng.normal(0, (6, 4, 10)), degrees=True)
    # Part of the bend lifts the thigh, the rest lowers the shin.
    whole = Rotation.from_euler("x", -flexion * rng.uniform(0.2, 0.8), degrees=True) * whole
    weights = np.clip(rng.normal(0, 1, 26), -2.2, 2.2)
    weights[list(held_out)] = 0.0
    pose = KneePose(Side.LEFT, weights, np.zeros((4, 3)), np.zeros((4, 3))).placed(whole.as_rotvec(), np.zeros(3))
    axes = whole.as_matrix()  # lateral, posterior, up
    origin = np.zeros(3)
    bend = Rotation.from_rotvec(np.radians(flexion) * axes[:, 0])
    spin = Rotation.from_rotvec(np.radians(rng.normal(0, 6)) * axes[:, 2])
    lean = Rotation.from_rotvec(np.radians(rng.normal(0, 3)) * axes[:, 1])
    slide = axes @ rng.normal(0, (1.0, 1.2, 0.0))
    for bone in ("tibia", "fibula"):
        pose = pose.turned(bone, bend * lean * spin, origin).shifted(bone, slide)
    own = Rotation.from_rotvec(np.radians(rng.normal(0, 2, 3)))
    pose = pose.turned("fibula", own, np.asarray(pose.vertices("fibula").mean(axis=0)))
    pose = pose.shifted("fibula", axes @ rng.normal(0, (0.8, 1.2, 1.5)))
    glide = Rotation.from_rotvec(np.radians(0.6 * flexion + rng.normal(0, 4)) * axes[:, 0])
    pose = pose.turned("patella", glide, origin)
    tilt = Rotation.from_rotvec(axes @ np.radians(rng.normal(0, (4, 3, 5))))
    pose = pose.turned("patella", tilt, pose.pivots[3]).shifted("patella", axes @ rng.normal(-1.0, (2.5, 0.0, 3.0)))
    return _seat(pose, {"tibia": float(rng.uniform(3.2, 6.0)), "patella": float(rng.uniform(2.0, 5.5))})
