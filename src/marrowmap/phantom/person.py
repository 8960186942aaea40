"""A virtual person: sex, age, build, and bones posed as a hip MRI finds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.anatomy.shape_model import mirror_vertices
from marrowmap.values import Side

FLEXION_SD_DEG = 7.0
ABDUCTION_SD_DEG = 5.0
ROTATION_SD_DEG = 9.0


@dataclass(frozen=True, eq=False)
class Hip:
    """The bones of one hip in LPS mm, with what the shape model says about them.

    Parameters
    ----------
    side : Side
    femur, femur_faces, hip_bone, hip_bone_faces : arrays
        Closed surfaces.
    center : array, shape (3,)
        Of the femoral head, and of the acetabulum.
    radius : float
    landmarks : dict of str to array
        See :func:`marrowmap.anatomy.shape_model.landmarks`.
    axes : array, shape (3, 3)
        Columns neck, superior, anterior.
    weights : array, shape (26,)
        Of the shape model: the same give the leg's other bones.
    """

    side: Side
    femur: NDArray[np.float64]
    femur_faces: NDArray[np.int64]
    hip_bone: NDArray[np.float64]
    hip_bone_faces: NDArray[np.int64]
    center: NDArray[np.float64]
    radius: float
    landmarks: dict[str, NDArray[np.float64]]
    axes: NDArray[np.float64]
    weights: NDArray[np.float64]

    @property
    def plane_normal(self) -> NDArray[np.float64]:
        """Unit normal, pointing distally, of the intertrochanteric plane (through the saddle, see contract.md)."""
        along = self.landmarks["lesser_trochanter_upper"] - self.landmarks["saddle"]
        normal = np.cross(along, self.axes[:, 2])
        normal /= np.linalg.norm(normal)
        return np.asarray(normal if normal @ self.axes[:, 0] > 0 else -normal, np.float64)

    @property
    def shaft(self) -> NDArray[np.float64]:
        """Unit vector down the shaft axis."""
        way = self.landmarks["shaft_distal"] - self.landmarks["shaft_proximal"]
        return np.asarray(way / np.linalg.norm(way), np.float64)

    def bone_coordinates(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Map LPS points (..., 3) to (neck, superior, anterior) mm from the head center."""
        return ((points - self.center.astype(np.float32)) @ self.axes.astype(np.float32)).astype(np.float32)

    def past_plane(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Signed distance (...) of LPS points (..., 3) from the intertrochanteric plane, + is distal."""
        away = points - self.landmarks["saddle"].astype(np.float32)
        return np.asarray(away @ self.plane_normal.astype(np.float32), np.float32)


@dataclass(frozen=True, eq=False)
class Person:
    """Who lies in the scanner.

    Parameters
    ----------
    sex : str
        ``M`` or ``F``.
    age_years : int
    hips : dict of Side to Hip
    sacrum, sacrum_faces : arrays
    origin : array, shape (3,)
        Midway between the head centers; soft tissue is laid out from here.
    half_width_mm, half_depth_mm : float
        Of the body at the hips, skin included.
    fat_mm : float
        Subcutaneous fat at the side of the hips.
    muscularity : float
        Scale of muscle radii, about 1.
    red_marrow : float
        Share of red marrow in the intertrochanteric region, 0 to 1.
    """

    sex: str
    age_years: int
    hips: dict[Side, Hip]
    sacrum: NDArray[np.float64]
    sacrum_faces: NDArray[np.int64]
    origin: NDArray[np.float64]
    half_width_mm: float
    half_depth_mm: float
    fat_mm: float
    muscularity: float
    red_marrow: float


def red_marrow_share(sex: str, age_years: float) -> float:
    """Return the usual share of red marrow in the intertrochanteric region.

    Set so that the fat fraction is 65-85 %, 13 points higher in men (Gondim Teixeira 2019, Sci Rep 9) and rising with
    age; red marrow itself is taken as 40 % fat, yellow as 93 %.
    """
    return float(np.clip(0.46 - 0.25 * (sex == "M") - 0.004 * (age_years - 40), 0.03, 0.75))


def pose_hip(weights: NDArray[np.float64], side: Side, pelvis: Rotation, femur: Rotation) -> Hip:
    """Build one hip from shape weights.

    Parameters
    ----------
    weights : array, shape (26,)
    side : Side
    pelvis : Rotation
        Of both bones about the origin, in LPS.
    femur : Rotation
        Of the femur about its head, in LPS of a left hip (mirrored for a right one).
    """
    model = load_shape_model()
    femur_shape, hip_shape = model.femur.vertices(weights), model.hip_bone.vertices(weights)
    femur_faces, hip_faces = model.femur.faces, model.hip_bone.faces
    center, _ = head_sphere(femur_shape)
    femur_shape = femur.apply(femur_shape - center) + center
    if side is Side.RIGHT:
        femur_shape, femur_faces = mirror_vertices(femur_shape, femur_faces)
        hip_shape, hip_faces = mirror_vertices(hip_shape, hip_faces)
    femur_shape, hip_shape = pelvis.apply(femur_shape), pelvis.apply(hip_shape)
    center, radius = head_sphere(femur_shape)
    found = landmarks(femur_shape)
    surfaces = femur_shape, femur_faces, hip_shape, hip_faces
    return Hip(side, *surfaces, center, radius, found, axes(femur_shape), np.asarray(weights, np.float64))


def sample_person(
    rng: np.random.Generator, *, sex: str | None = None, age_years: int | None = None, red_marrow: float | None = None
) -> Person:
    """Draw a person.

    Parameters
    ----------
    rng : Generator
    sex, age_years, red_marrow
        Fixed where given, else drawn: men three of four, 30 to 64 years (TOH: mostly middle-aged men, Gemmel 2012).
    """
    drawn_sex = "M" if rng.random() < 0.75 else "F"
    drawn_age = int(rng.integers(30, 65))
    sex = sex or drawn_sex
    age_years = age_years or drawn_age
    weights = np.clip(rng.normal(size=26), -2.2, 2.2)
    pelvis = Rotation.from_euler("xyz", rng.normal(0, (4.0, 2.0, 2.0)), degrees=True)
    hips = {}
    for side in (Side.LEFT, Side.RIGHT):
        spread = (FLEXION_SD_DEG, ABDUCTION_SD_DEG, ROTATION_SD_DEG)
        angles = np.clip(rng.normal(0, spread), -2 * np.array(spread), 2 * np.array(spread))
        own = weights + rng.normal(0, 0.12, 26)
        hips[side] = pose_hip(own, side, pelvis, Rotation.from_euler("xyz", angles, degrees=True))
    model = load_shape_model()
    origin = (hips[Side.LEFT].center + hips[Side.RIGHT].center) / 2
    fat = float(np.clip(rng.normal(26 if sex == "F" else 19, 7), 9, 45))
    reach = max(float(np.abs(hip.femur[:, 0] - origin[0]).max()) for hip in hips.values())
    usual = red_marrow_share(sex, age_years) + rng.normal(0, 0.05)
    return Person(
        sex=sex,
        age_years=age_years,
        hips=hips,
        sacrum=pelvis.apply(model.sacrum.vertices(weights)),
        sacrum_faces=model.sacrum.faces,
        origin=origin,
        half_width_mm=reach + 8.0 + fat,
        half_depth_mm=float(rng.normal(92, 6)) + 0.6 * fat,
        fat_mm=fat,
        muscularity=float(rng.normal(1.08 if sex == "M" else 0.98, 0.06)),
        red_marrow=float(np.clip(usual, 0.02, 0.8)) if red_marrow is None else red_marrow,
    )
