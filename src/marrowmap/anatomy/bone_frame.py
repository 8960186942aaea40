"""The hub: one bone found in one image, with its own coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.image.grid import read_only
from marrowmap.values import Joint
from marrowmap.values import Side


@dataclass(frozen=True, eq=False)
class BoneFrame:
    """A bone at one hip or knee, in LPS mm of a frame of reference.

    Bone coordinates have their origin at the head center and three unit axes: ``neck`` points along the neck axis
    away from the head, ``anterior`` is normal to the plane of neck and shaft axes and points to the front, and
    ``superior`` is normal to both and points up. They are right-handed on one side and left-handed on the other, so
    the same numbers mean the same place in both hips.

    In a knee the origin lies midway between the centers of the femoral condyles, and the axes are ``lateral`` (from the
    medial to the lateral center) in the place of ``neck``, ``superior`` along the femoral shaft, and ``anterior``.

    Parameters
    ----------
    bone : str
        Of a hip ``femur`` or ``hip_bone``; of a knee ``femur``, ``tibia``, ``fibula`` or ``patella``. All bones of a
        joint carry the same landmarks and the femur's coordinates.
    joint, side : Joint, Side
    series_uid : str
        The series it was found in.
    frame_of_reference_uid : str
    head_center_mm : array, shape (3,)
        Center of the sphere fitted to the femoral head's bony articular surface, LPS; in a knee the origin.
    head_radius_mm : float
        In a knee the mean radius of the spheres fitted to the backs of the condyles.
    axes : array, shape (3, 3)
        Columns ``neck``, ``superior``, ``anterior`` as unit vectors in LPS.
    landmarks : dict of str to array, shape (3,)
        LPS mm: ``saddle`` (lowest point of the neck's upper border before the greater trochanter),
        ``lesser_trochanter_upper``, ``lesser_trochanter_tip``, ``greater_trochanter_tip``, ``neck_shaft_corner``
        (where neck and shaft axes meet), ``shaft_distal``. For a knee see
        :func:`~marrowmap.anatomy.knee_landmarks.knee_landmarks`.
    vertices, faces : arrays, shape (n, 3) LPS mm and (m, 3) int
        Closed surface of the bone, cortex included; faces turn counterclockwise seen from outside.
    fit_rms_mm : float
        Root mean square distance, where that is clear, between the surface and where edges and label network together
        put it, after the surface was relaxed onto that same evidence: an error of the fit, not of the bone, and so too
        small for one. Whether a frame is trusted is judged before that relaxing. Of a femur laid through a mask the
        distance to the mask's surface. Infinite where hardly anything is seen.
    trusted : bool
        False where the fit is too poor to measure on; then everything that hangs on it is NOT_ASSESSABLE.
    reason : str
        How it was found and, where not trusted, why not.
    region_rms_mm : dict of str to float
        ``fit_rms_mm`` by region, where it could be judged.
    """

    bone: str
    joint: Joint
    side: Side
    series_uid: str
    frame_of_reference_uid: str
    head_center_mm: NDArray[np.float64]
    head_radius_mm: float
    axes: NDArray[np.float64]
    landmarks: dict[str, NDArray[np.float64]]
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    fit_rms_mm: float
    trusted: bool
    reason: str
    region_rms_mm: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        axes = np.array(self.axes, dtype=np.float64)
        if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-6):
            raise ValueError("the axes of a bone frame must be orthonormal")
        for name in ("head_center_mm", "axes", "vertices", "faces"):
            object.__setattr__(self, name, read_only(np.array(getattr(self, name))))

    def to_bone(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map LPS mm, shape (..., 3), to bone coordinates (neck, superior, anterior) in mm."""
        result: NDArray[np.float64] = (np.asarray(points, float) - self.head_center_mm) @ self.axes
        return result

    def to_world(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map bone coordinates in mm, shape (..., 3), to LPS mm."""
        result: NDArray[np.float64] = np.asarray(points, float) @ self.axes.T + self.head_center_mm
        return result

    @property
    def intertrochanteric_plane(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Point and unit normal (pointing distally), LPS, of the plane contract.md defines.

        It holds the saddle and the upper edge of the lesser trochanter and is perpendicular to the plane of neck and
        shaft axes.
        """
        saddle = self.landmarks["saddle"]
        along = self.landmarks["lesser_trochanter_upper"] - saddle
        normal = np.cross(along, self.axes[:, 2])
        normal /= np.linalg.norm(normal)
        if normal @ self.axes[:, 0] < 0:
            normal = -normal
        return saddle, normal
