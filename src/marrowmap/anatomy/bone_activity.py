"""Bones as a gamma camera sees them from all around: points with parts, moved rigidly, spread over a grid and blurred.

Space: LPS mm, of the image the bones were found in until a :class:`Pose` moves them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import FEMUR_REGIONS
from marrowmap.anatomy.regions import name_regions
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Joint
from marrowmap.values import Side

Array = NDArray[np.float64]
POINT_MM = 4.0
"""Distance of the points that fill the bones; the camera resolves about 12 mm."""
REACH_MM = 95.0
"""Bone further than this from the head center is left out: much of it lies beyond what MR shows of a hip."""
ACETABULUM_MM = 14.0
"""Hip bone this close to the head's sphere takes up tracer at a level of its own."""
GRID_MM = 5.0
FEMUR_PARTS = ("femoral_head", "femoral_neck", "trochanteric", "greater_trochanter", "femoral_shaft")
_PART_OF = {name: name for name in FEMUR_PARTS} | {
    "intertrochanteric": "trochanteric",
    "lesser_trochanter": "trochanteric",
}


@dataclass(frozen=True, eq=False)
class ActiveBones:
    """Points that fill the bones around one or both hips.

    Parameters
    ----------
    points : array, shape (n, 3)
        LPS mm.
    part : array of int, shape (n,)
        Place in `names`.
    body : array of int, shape (n,)
        What moves as one: 0 is the pelvis, n + 1 the femur of ``sides[n]``.
    names : tuple of str
        Of all parts, with their side.
    sides : tuple of Side
    centers : array, shape (sides, 3)
        Of the femoral heads.
    radius_mm : float
        Of the heads.
    frame_of_reference_uid : str
    """

    points: Array
    part: NDArray[np.int64]
    body: NDArray[np.int64]
    names: tuple[str, ...]
    sides: tuple[Side, ...]
    centers: Array
    radius_mm: float
    frame_of_reference_uid: str

    @property
    def body_of(self) -> NDArray[np.int64]:
        """Return the body of each part, shape (parts,)."""
        first = np.unique(self.part, return_index=True)[1]
        return np.asarray(self.body[first], np.int64)

    @property
    def pivot(self) -> Array:
        """Point about which the pelvis turns: midway between the heads."""
        return np.asarray(self.centers.mean(axis=0), np.float64)

    @property
    def size(self) -> int:
        """How many numbers a pose has: turn and shift of the pelvis, and a turn of each femur about its head."""
        return 6 + 3 * len(self.sides)

    def matrix(self, pose: Array, body: int) -> Array:
        """Return the rigid map of a body, shape (4, 4).

        Parameters
        ----------
        pose : array, shape (size,)
            Rotation vector of the pelvis (radians, LPS axes) about :attr:`pivot`, its shift in mm, then the rotation
            vector of each femur about its head, before the pelvis moves.
        body : int
        """
        turn = Rotation.from_rotvec(pose[:3]).as_matrix()
        result = np.eye(4)
        result[:3, :3], result[:3, 3] = turn, self.pivot + pose[3:6] - turn @ self.pivot
        if body:
            own = Rotation.from_rotvec(pose[3 + 3 * body : 6 + 3 * body]).as_matrix()
            femur = np.eye(4)
            center = self.centers[body - 1]
            femur[:3, :3], femur[:3, 3] = own, center - own @ center
            result = result @ femur
        return result

    def moved(self, pose: Array) -> Array:
        """Return the points in a pose, shape (n, 3)."""
        result = np.empty_like(self.points)
        for body in range(len(self.sides) + 1):
            mine, matrix = self.body == body, self.matrix(pose, body)
            result[mine] = self.points[mine] @ matrix[:3, :3].T + matrix[:3, 3]
        return result

    def heads(self, pose: Array) -> Array:
        """Return the head centers in a pose, shape (sides, 3)."""
        matrix = self.matrix(pose, 0)
        return np.asarray(self.centers @ matrix[:3, :3].T + matrix[:3, 3], np.float64)


def fill_bones(frames: Sequence[BoneFrame]) -> ActiveBones:
    """Fill the trusted bones around every hip with points.

    Parameters
    ----------
    frames : sequence of BoneFrame
        One frame of reference.

    Raises
    ------
    GeometryError
        If no femur is trusted, or frames of reference differ.
    """
    hips = [frame for frame in frames if frame.joint is Joint.HIP and frame.trusted]
    femora = sorted((frame for frame in hips if frame.bone == "femur"), key=lambda frame: frame.side.value)
    if not femora:
        raise GeometryError("no hip was found elsewhere to be laid on it: add the CT of the SPECT/CT")
    if len({frame.frame_of_reference_uid for frame in hips}) > 1:
        raise GeometryError("the bones have different frames of reference: give those found in one image")
    hip_bones = {frame.side: frame for frame in hips if frame.bone == "hip_bone"}
    points, names, bodies = [], [], []
    for number, femur in enumerate(femora, start=1):
        for frame in (femur, hip_bones.get(femur.side)):
            if frame is None:
                continue
            inside = _fill(frame, femur)
            points.append(inside)
            own = _femur_parts(frame, inside) if frame is femur else _hip_bone_parts(femur, inside)
            names.append([f"{femur.side.value} {name}" for name in own])
            bodies.append(np.full(len(inside), number if frame is femur else 0))
    listed, part = np.unique(np.concatenate(names), return_inverse=True)
    return ActiveBones(
        np.concatenate(points),
        np.asarray(part, np.int64),
        np.concatenate(bodies),
        tuple(str(name) for name in listed),
        tuple(femur.side for femur in femora),
        np.stack([femur.head_center_mm for femur in femora]),
        float(np.mean([femur.head_radius_mm for femur in femora])),
        femora[0].frame_of_reference_uid,
    )


def _fill(frame: BoneFrame, femur: BoneFrame) -> Array:
    low, high = frame.vertices.min(axis=0), frame.vertices.max(axis=0)
    low = np.maximum(low, femur.head_center_mm - REACH_MM)
    high = np.minimum(high, femur.head_center_mm + REACH_MM)
    affine = np.diag([POINT_MM] * 3 + [1.0])
    affine[:3, 3] = low
    count = np.ceil((high - low) / POINT_MM).astype(int) + 1
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), affine)
    inside = grid.to_world(np.argwhere(voxelize(frame.vertices, frame.faces, grid).array))
    near = np.linalg.norm(inside - femur.head_center_mm, axis=1) < REACH_MM
    return np.asarray(inside[near], np.float64)


def _femur_parts(frame: BoneFrame, points: Array) -> list[str]:
    labels = name_regions(frame, points)
    return [_PART_OF[FEMUR_REGIONS[label - 1]] for label in labels]


def _hip_bone_parts(femur: BoneFrame, points: Array) -> list[str]:
    from_head = points - femur.head_center_mm
    near = np.linalg.norm(from_head, axis=1) < femur.head_radius_mm + ACETABULUM_MM
    above = from_head[:, 2] > 0
    behind = from_head[:, 1] > 0
    return [
        "acetabulum" if a else "ilium" if b else "ischium" if c else "pubis"
        for a, b, c in zip(near, above, behind, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class Spreader:
    """Spreads points over a grid and blurs them.

    Parameters
    ----------
    grid : Grid
        Along the LPS axes, voxels of :data:`GRID_MM`.
    sd_mm : float
        Of the image's blur.
    """

    grid: Grid
    sd_mm: float

    def spread(self, points: Array, weight: Array) -> Array:
        """Return the blurred sum of weighted points, shape of the grid; points outside are lost."""
        shape = self.grid.shape
        where = (points - self.grid.affine[:3, 3]) / GRID_MM
        low = np.floor(where).astype(np.int64)
        over = where - low
        image = np.zeros(int(np.prod(shape)))
        for corner in np.ndindex(2, 2, 2):
            at = low + corner
            inside = ((at >= 0) & (at < shape)).all(axis=1)
            share = np.where(corner, over, 1 - over).prod(axis=1) * weight
            index = (at[inside, 0] * shape[1] + at[inside, 1]) * shape[2] + at[inside, 2]
            image += np.bincount(index, share[inside], minlength=image.size)
        return np.asarray(ndimage.gaussian_filter(image.reshape(shape), self.sd_mm / GRID_MM, truncate=3.0), np.float64)

    def parts(self, bones: ActiveBones, pose: Array) -> Array:
        """Return the blurred share of each voxel that is each part, shape (parts, *grid)."""
        points = bones.moved(pose)
        weight = np.full(len(points), (POINT_MM / GRID_MM) ** 3)
        return np.stack([self._part(points[bones.part == n], weight[bones.part == n]) for n in range(len(bones.names))])

    def _part(self, points: Array, weight: Array) -> Array:
        """Spread one part within a box of its own: most of the grid is empty."""
        shape = np.array(self.grid.shape)
        result = np.zeros(self.grid.shape)
        margin = int(np.ceil(3 * self.sd_mm / GRID_MM)) + 2
        where = (points - self.grid.affine[:3, 3]) / GRID_MM
        low = np.clip(np.floor(where.min(axis=0)).astype(int) - margin, 0, shape)
        high = np.clip(np.ceil(where.max(axis=0)).astype(int) + margin, 0, shape)
        if not (high > low).all():
            return result
        affine = np.array(self.grid.affine)
        affine[:3, 3] += GRID_MM * low
        box = Grid((int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2])), affine)
        part = Spreader(box, self.sd_mm).spread(points, weight)
        result[low[0] : high[0], low[1] : high[1], low[2] : high[2]] = part
        return result
