"""A posed hip: the shape model's femur and hip bone of one side, put into an image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.shape_model import fit_sphere
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.anatomy.shape_model import mirror_vertices
from marrowmap.values import Side

BONES = ("femur", "hip_bone")


@dataclass(frozen=True, eq=False)
class SideShape:
    """The shape model's bone of one side, moved so that the mean head center is the origin.

    Parameters
    ----------
    mean : array, shape (n, 3)
    modes : array, shape (26, n, 3)
    faces : array, shape (m, 3)
    pivot_modes : array, shape (26, 3)
        How the head center moves with each mode: taken off, so that shape and place are apart.
    """

    mean: NDArray[np.float64]
    modes: NDArray[np.float64]
    faces: NDArray[np.int64]


@lru_cache(maxsize=4)
def side_shape(bone: str, side: Side) -> SideShape:
    """Return the bone of one side around the head center, which no mode moves."""
    model = load_shape_model()
    head = model.femur.vertex_sets["femur_head_articular"]
    center = fit_sphere(model.femur.mean[head])[0]
    shape = model[bone]
    modes = np.array(shape.modes, np.float64)
    for n in range(len(modes)):
        drift = np.asarray(model.femur.modes[n], np.float64)[head]
        ahead = fit_sphere(model.femur.mean[head] + drift)[0]
        behind = fit_sphere(model.femur.mean[head] - drift)[0]
        modes[n] -= (ahead - behind) / 2
    mean, faces = np.array(shape.mean) - center, np.array(shape.faces)
    if side is Side.RIGHT:
        mean, faces = mirror_vertices(mean, faces)
        modes = modes * np.array([-1.0, 1.0, 1.0])
    return SideShape(mean, modes, faces)


def vertex_normals(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return outward unit normals, shape (n, 3), weighted by the areas of the faces around."""
    corners = vertices[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat = faces.ravel()
    normal = np.stack(
        [np.bincount(flat, np.repeat(across[:, axis], 3), minlength=len(vertices)) for axis in range(3)], axis=1
    )
    result: NDArray[np.float64] = normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
    return result


def vertex_areas(vertices: NDArray[np.float64], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return each vertex's share of the surface in mm2, shape (n,)."""
    corners = vertices[faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 6
    return np.asarray(np.bincount(faces.ravel(), np.repeat(area, 3), minlength=len(vertices)), np.float64)


@dataclass(frozen=True, eq=False)
class HipPose:
    """Where and what shape the bones of one hip are.

    Parameters
    ----------
    side : Side
    weights : array, shape (26,)
        Of the shape model's modes, in standard deviations; shared by both bones.
    turns : array, shape (2, 3)
        Rotation vectors of femur and hip bone about their pivots (radians, LPS axes).
    pivots : array, shape (2, 3)
        Where the model's head center lies for femur and hip bone, LPS mm.
    """

    side: Side
    weights: NDArray[np.float64]
    turns: NDArray[np.float64]
    pivots: NDArray[np.float64]

    @classmethod
    def at(cls, side: Side, center_mm: NDArray[np.float64]) -> HipPose:
        """Return the mean hip, not turned, with its head center at a point."""
        return cls(side, np.zeros(26), np.zeros((2, 3)), np.tile(np.asarray(center_mm, np.float64), (2, 1)))

    @property
    def bones(self) -> tuple[str, ...]:
        """Names of the bones, in the order of turns and pivots."""
        return BONES

    def shape(self, bone: str) -> SideShape:
        """Return a bone's mean and modes around the head center."""
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

    def moved(self, step: NDArray[np.float64]) -> HipPose:
        """Return the pose after a step, shape (38,): weights, then turn and shift of femur, then of hip bone."""
        turns, pivots = self.turns.copy(), self.pivots.copy()
        for number in range(2):
            part = step[26 + 6 * number : 32 + 6 * number]
            turns[number] = (Rotation.from_rotvec(part[:3]) * Rotation.from_rotvec(turns[number])).as_rotvec()
            pivots[number] = pivots[number] + part[3:]
        return HipPose(self.side, self.weights + step[:26], turns, pivots)
