"""Both hips as clouds of points that a few numbers pose: what is laid onto a planar bone scan.

Space: LPS mm. The bones are those of the shape model (their form can vary), or bone frames of the same person, found in
MR or CT (their form is known). Each point stands for as much bone as its share of the volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import ACETABULUM_REACH_MM
from marrowmap.anatomy.regions import name_regions
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.anatomy.shape_model import mirror_vertices
from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Joint
from marrowmap.values import Side

POINT_MM = 5.0
"""Distance of the points: half of what a gamma camera resolves."""
MODES = 6
"""Of the shape model's modes; the others move the projected edge by less than the camera's blur."""
NEAREST = 4
MIRROR = np.diag([-1.0, 1.0, 1.0])

POSE = (
    *("left_mm", "feet_mm", "roll", "tilt", "yaw", "log_scale"),
    *(f"{side.value}_{turn}" for side in Side for turn in ("flexion", "abduction", "rotation")),
)
"""What a pose's first numbers are, mm and radians; then come weights of the shape's modes."""
_FEMUR = {side: 6 + 3 * number for number, side in enumerate(Side)}
_ANGLES_DEG = (3.0, 8.0, 4.0)
_FEMUR_DEG = (8.0, 7.0, 12.0)
_SCALE_SD = {True: 0.06, False: 0.02}

FEMUR_PARTS = {
    1: "head",
    2: "neck",
    3: "intertrochanteric",
    4: "greater_trochanter",
    5: "intertrochanteric",
    6: "shaft",
}
"""Label of :data:`~marrowmap.anatomy.regions.FEMUR_REGIONS` to the part it takes up tracer with."""


@dataclass(frozen=True, eq=False)
class PosedBone:
    """One bone before it is posed.

    Parameters
    ----------
    bone : str
        ``femur``, ``hip_bone`` or ``sacrum``.
    side : Side or None
        None for the sacrum.
    vertices, faces : arrays, shape (n, 3) and (m, 3)
    vertex_modes : array, shape (k, n, 3)
        What one standard deviation of each mode adds; k is 0 where the form is known.
    points : array, shape (p, 3)
        Fill the bone, :data:`POINT_MM` apart.
    point_modes : array, shape (k, p, 3)
    parts : array of str, shape (p,)
        Which part each point belongs to; parts take up tracer each in their own way.
    frame : BoneFrame or None
        Where the form is known.
    """

    bone: str
    side: Side | None
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    vertex_modes: NDArray[np.float64]
    points: NDArray[np.float64]
    point_modes: NDArray[np.float64]
    parts: NDArray[np.str_]
    frame: BoneFrame | None = None


@dataclass(frozen=True, eq=False)
class BoneCloud:
    """Bones of both sides that move together.

    Parameters
    ----------
    bones : tuple of PosedBone
    centers, center_modes : dict of Side to array, shapes (3,) and (k, 3)
        Of the femoral heads, about which femora turn.
    known : bool
        True where the bones are the person's own.
    """

    bones: tuple[PosedBone, ...]
    centers: dict[Side, NDArray[np.float64]]
    center_modes: dict[Side, NDArray[np.float64]]
    known: bool

    @property
    def size(self) -> int:
        """How many numbers pose it."""
        return len(POSE) + len(next(iter(self.center_modes.values())))

    @property
    def spread(self) -> NDArray[np.float64]:
        """Standard deviation, shape (size,), of each number among people; infinite where anything goes."""
        femur = np.radians(_FEMUR_DEG * 2)
        shape = np.ones(self.size - len(POSE))
        fixed = [np.inf, np.inf, *np.radians(_ANGLES_DEG), _SCALE_SD[not self.known], *femur]
        return np.concatenate([fixed, shape])

    def _move(
        self, pose: NDArray[np.float64], bone: PosedBone, points: NDArray[np.float64], modes: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        weights = pose[len(POSE) :]
        moved = points + np.tensordot(weights, modes, axes=1) if len(weights) else points
        if bone.bone == "femur" and bone.side is not None:
            pivot = self.center(pose, bone.side, posed=False)
            moved = (moved - pivot) @ femur_turn(pose, bone.side).T + pivot
        turn, scale, shift = whole_move(pose)
        return np.asarray(scale * (moved @ turn.T) + shift, np.float64)

    def center(self, pose: NDArray[np.float64], side: Side, *, posed: bool = True) -> NDArray[np.float64]:
        """Return where a femoral head's center lies, shape (3,)."""
        weights = pose[len(POSE) :]
        center = self.centers[side] + weights @ self.center_modes[side]
        turn, scale, shift = whole_move(pose)
        return np.asarray(scale * (turn @ center) + shift if posed else center, np.float64)

    def points(self, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return all points, bone after bone."""
        return np.concatenate([self._move(pose, bone, bone.points, bone.point_modes) for bone in self.bones])

    def vertices(self, pose: NDArray[np.float64], bone: PosedBone) -> NDArray[np.float64]:
        """Return a bone's surface."""
        return self._move(pose, bone, bone.vertices, bone.vertex_modes)

    def part_names(self) -> list[str]:
        """Return each point's part with its side."""
        return [
            f"{bone.side.value} {part}" if bone.side else str(part)
            for bone in self.bones
            for part in bone.parts.tolist()
        ]

    def marks(self, pose: NDArray[np.float64], side: Side) -> dict[str, NDArray[np.float64]]:
        """Return a femur's landmarks and ``head_center``, shape (3,) each."""
        bone = next(b for b in self.bones if b.bone == "femur" and b.side is side)
        if bone.frame is None:
            return landmarks(self.vertices(pose, bone))
        names = list(bone.frame.landmarks)
        places = np.stack([*bone.frame.landmarks.values(), bone.frame.head_center_mm])
        moved = self._move(pose, bone, places, np.zeros((0, len(places), 3)))
        return dict(zip((*names, "head_center"), moved, strict=True))

    def frames(
        self, pose: NDArray[np.float64], series_uid: str, frame_uid: str, error_mm: float, reason: str
    ) -> tuple[BoneFrame, ...]:
        """Return femora and hip bones as bone frames in the planar image's coordinates; depth has no meaning there."""
        result = []
        for bone in self.bones:
            if bone.side is None:
                continue
            vertices = self.vertices(pose, bone)
            if bone.frame is not None:
                found = self.marks(pose, bone.side)
                turn, scale, _ = whole_move(pose)
                turned = turn @ femur_turn(pose, bone.side) @ bone.frame.axes
                center, radius = found.pop("head_center"), scale * bone.frame.head_radius_mm
            else:
                femur = next(b for b in self.bones if b.bone == "femur" and b.side is bone.side)
                surface = self.vertices(pose, femur)
                found, turned = landmarks(surface), axes(surface)
                center, radius = head_sphere(surface)
            result.append(
                BoneFrame(
                    *(bone.bone, Joint.HIP, bone.side, series_uid, frame_uid, center, float(radius), turned, found),
                    *(vertices, bone.faces, error_mm, True, reason),
                )
            )
        return tuple(result)


def femur_turn(pose: NDArray[np.float64], side: Side) -> NDArray[np.float64]:
    """Return how a femur turns about its head, shape (3, 3): flexion, abduction and rotation mean the same on both."""
    first = _FEMUR[side]
    turn = Rotation.from_euler("xyz", pose[first : first + 3]).as_matrix()
    return np.asarray(turn if side is Side.LEFT else MIRROR @ turn @ MIRROR, np.float64)


def whole_move(pose: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, NDArray[np.float64]]:
    """Return turn (3, 3), scale and shift (3,) of all bones together."""
    turn = Rotation.from_euler("yxz", pose[2:5]).as_matrix()
    return np.asarray(turn, np.float64), float(np.exp(pose[5])), np.array([pose[0], 0.0, -pose[1]])


def _filled(vertices: NDArray[np.float64], faces: NDArray[np.int64], point_mm: float) -> NDArray[np.float64]:
    """Return points that fill a closed surface."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    affine = np.diag([point_mm] * 3 + [1.0])
    affine[:3, 3] = low
    a, b, c = (int(n) for n in np.ceil((high - low) / point_mm) + 1)
    grid = Grid((a, b, c), affine)
    return grid.to_world(np.argwhere(voxelize(vertices, faces, grid).array))


def with_cortex(cloud: BoneCloud, point_mm: float) -> BoneCloud:
    """Return a cloud with points on the bones' surfaces too, about `point_mm` apart: part ``cortex`` of each bone."""
    bones = []
    for bone in cloud.bones:
        points, modes = _on_surface(bone, point_mm)
        name = f"{bone.bone} cortex" if bone.side else f"{bone.bone}_cortex"
        bones.append(
            replace(
                bone,
                points=np.concatenate([bone.points, points]),
                point_modes=np.concatenate([bone.point_modes, modes], axis=1),
                parts=np.concatenate([bone.parts, np.full(len(points), name)]),
            )
        )
    return replace(cloud, bones=tuple(bones))


def _on_surface(bone: PosedBone, point_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points spread evenly over a bone's surface, shape (n, 3), and their modes, shape (k, n, 3)."""
    corners = bone.vertices[bone.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1) / 2
    count = round(float(area.sum()) / point_mm**2)
    # Always the same points: a fit must not depend on chance.
    rng = np.random.default_rng(0)
    place = (np.arange(count) + 0.5) / count * area.sum()
    face = np.minimum(np.searchsorted(np.cumsum(area), place), len(area) - 1)
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    share = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    points = (corners[face] * share[..., None]).sum(axis=1)
    modes = (bone.vertex_modes[:, bone.faces[face]] * share[..., None]).sum(axis=2)
    return points, modes


def _carried(
    points: NDArray[np.float64], vertices: NDArray[np.float64], modes: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how points within a bone move with its surface: as the nearest vertices do, the nearer the more."""
    distance, nearest = cKDTree(vertices).query(points, k=NEAREST)
    weight = 1 / np.maximum(distance, 1.0)
    weight /= weight.sum(axis=1, keepdims=True)
    return np.asarray((modes[:, nearest] * weight[None, :, :, None]).sum(axis=2), np.float64)


def _hip_bone_parts(points: NDArray[np.float64], center: NDArray[np.float64], radius: float) -> NDArray[np.str_]:
    near = np.linalg.norm(points - center, axis=1) < radius + ACETABULUM_REACH_MM
    return np.where(near, "acetabulum", np.where(points[:, 2] > center[2], "ilium", "ischium"))


def _femur_parts(frame: BoneFrame, points: NDArray[np.float64]) -> NDArray[np.str_]:
    return np.array([FEMUR_PARTS[int(label)] for label in name_regions(frame, points)])


def model_cloud(point_mm: float = POINT_MM) -> BoneCloud:
    """Return the shape model's hips and sacrum, in the model's own place: head centers level with the origin.

    Parameters
    ----------
    point_mm : float
        Distance of the points that fill the bones.
    """
    model = load_shape_model()
    mean = model.femur.mean
    center, radius = head_sphere(mean)
    drift = [
        head_sphere(mean + mode)[0] - head_sphere(mean - mode)[0] for mode in model.femur.modes[:MODES].astype(float)
    ]
    center_modes = np.array(drift) / 2
    bones = []
    for name in ("femur", "hip_bone", "sacrum"):
        shape = model[name]
        modes = np.asarray(shape.modes[:MODES], np.float64)
        points = _filled(shape.mean, shape.faces, point_mm)
        if name == "femur":
            frame = BoneFrame(
                *("femur", Joint.HIP, Side.LEFT, "", "", center, radius, axes(mean), landmarks(mean)),
                *(mean, shape.faces, 0.0, True, ""),
            )
            parts = _femur_parts(frame, points)
        else:
            parts = _hip_bone_parts(points, center, radius) if name == "hip_bone" else np.full(len(points), name)
        side = None if name == "sacrum" else Side.LEFT
        carried = _carried(points, shape.mean, modes)
        bone = PosedBone(name, side, shape.mean, shape.faces, modes, points, carried, parts)
        bones.append(bone)
        if side is not None:
            vertices, faces = mirror_vertices(bone.vertices, bone.faces)
            flip = np.array([-1.0, 1.0, 1.0])
            bones.append(
                replace(
                    bone,
                    side=Side.RIGHT,
                    vertices=vertices,
                    faces=faces,
                    vertex_modes=modes * flip,
                    points=points * flip,
                    point_modes=carried * flip,
                )
            )
    flip = np.array([-1.0, 1.0, 1.0])
    return BoneCloud(
        tuple(bones),
        {Side.LEFT: center, Side.RIGHT: center * flip},
        {Side.LEFT: center_modes, Side.RIGHT: center_modes * flip},
        known=False,
    )


def frames_cloud(frames: Sequence[BoneFrame], point_mm: float = POINT_MM) -> BoneCloud:
    """Return a person's own hips, moved so that the middle between the head centers is the origin.

    Parameters
    ----------
    frames : sequence of BoneFrame
        Trusted femora and hip bones of both sides, in one frame of reference.
    point_mm : float
        Distance of the points that fill the bones.

    Raises
    ------
    ValueError
        If a femur is missing.
    """
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    if set(femora) != set(Side):
        raise ValueError("a person's own bones can be laid onto a planar image only where both femora are known")
    middle = np.mean([frame.head_center_mm for frame in femora.values()], axis=0)
    bones = []
    for frame in frames:
        here = replace(
            frame,
            head_center_mm=frame.head_center_mm - middle,
            vertices=frame.vertices - middle,
            landmarks={name: place - middle for name, place in frame.landmarks.items()},
        )
        points = _filled(here.vertices, here.faces, point_mm)
        none, empty = np.zeros((0, len(here.vertices), 3)), np.zeros((0, len(points), 3))
        parts = (
            _femur_parts(here, points)
            if frame.bone == "femur"
            else _hip_bone_parts(points, here.head_center_mm, here.head_radius_mm)
        )
        bones.append(PosedBone(frame.bone, frame.side, here.vertices, here.faces, none, points, empty, parts, here))
    # No one finds a sacrum in hip images; the usual one keeps its uptake from being taken for something else.
    sacrum = next(bone for bone in model_cloud(point_mm).bones if bone.bone == "sacrum")
    still = np.zeros((0, *sacrum.vertices.shape)), np.zeros((0, *sacrum.points.shape))
    bones.append(replace(sacrum, vertex_modes=still[0], point_modes=still[1]))
    centers = {side: frame.head_center_mm - middle for side, frame in femora.items()}
    return BoneCloud(tuple(bones), centers, {side: np.zeros((0, 3)) for side in Side}, known=True)
