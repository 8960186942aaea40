"""Regions of densitometry at the hip, defined once in bone coordinates.

Space: the plane of neck and shaft axes, seen along its normal. That is how a densitometer sees a hip whose leg is
turned in until the neck lies parallel to the table. Plane coordinates are (lateral, distal) mm from the head center:
distal runs down the shaft, lateral at right angles to it, away from the head on both sides of the body.

The regions follow the usual scheme (Theodorou et al., Radiology 2003;228:620, Fig. 4: a narrow box across the neck, a
line from the middle of its lower edge to the base of the greater trochanter, all of it together the total hip). They
are **not** a vendor's: makers' boxes differ in size and place and are moved by an operator (ISCD DXA atlas). Here the
box is tied to the saddle, the dividing line is the neck axis itself, and the total hip ends a stated length below the
lesser trochanter's tip, where makers count from the lesser trochanter's lower edge (Hologic: 10 pixels).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

DXA_REGIONS = ("femoral_neck", "greater_trochanter", "intertrochanteric")
"""In the order of their label numbers, from 1; together the total hip."""
TOTAL_HIP = "total_hip"
NECK_BOX_MM = (-10.0, 5.0)
"""Where the neck box begins and ends along the neck axis, from the saddle: 15 mm, around the narrowest neck."""
BELOW_TIP_MM = 12.0
"""Where the total hip ends below the lesser trochanter's tip, as the contract's intertrochanteric region does."""
METHOD = (
    f"marrowmap regions/1: neck box {NECK_BOX_MM[1] - NECK_BOX_MM[0]:g} mm from {-NECK_BOX_MM[0]:g} mm proximal of the "
    f"saddle, total hip to {BELOW_TIP_MM:g} mm below the lesser trochanter's tip, no vendor's"
)


@dataclass(frozen=True, eq=False)
class DxaFrame:
    """The plane of neck and shaft axes of one femur.

    Parameters
    ----------
    center : array, shape (3,)
        Of the head, LPS mm.
    lateral, distal, anterior : arrays, shape (3,)
        Unit vectors, LPS; rays run along `anterior`.
    neck : array, shape (2,)
        Unit vector of the neck axis, away from the head, in plane coordinates.
    saddle, lesser_tip : arrays, shape (2,)
        In plane coordinates.
    """

    center: NDArray[np.float64]
    lateral: NDArray[np.float64]
    distal: NDArray[np.float64]
    anterior: NDArray[np.float64]
    neck: NDArray[np.float64]
    saddle: NDArray[np.float64]
    lesser_tip: NDArray[np.float64]

    @property
    def axes(self) -> NDArray[np.float64]:
        """Columns `lateral`, `distal`, `anterior`, shape (3, 3)."""
        return np.stack([self.lateral, self.distal, self.anterior], axis=1)

    def to_plane(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map LPS mm, shape (..., 3), along the rays to plane coordinates, shape (..., 2)."""
        result: NDArray[np.float64] = (np.asarray(points, np.float64) - self.center) @ self.axes[:, :2]
        return result

    def along_neck(self, plane: ArrayLike) -> NDArray[np.float64]:
        """Map plane coordinates, shape (..., 2), to (along the neck axis, above it) mm, shape (..., 2)."""
        # Up from the neck axis is its normal that runs lateral and proximal.
        above = np.array([self.neck[1], -self.neck[0]])
        result: NDArray[np.float64] = np.asarray(plane, np.float64) @ np.stack([self.neck, above], axis=1)
        return result

    def name_regions(self, plane: ArrayLike, moved_mm: float = 0.0) -> NDArray[np.uint8]:
        """Say in which region places within the femur's outline lie.

        Parameters
        ----------
        plane : array_like, shape (..., 2)
            Plane coordinates, mm.
        moved_mm : float
            How much further along the neck axis the box is laid, and down the shaft the end of the total hip: what an
            error of the bone's place does.

        Returns
        -------
        array of uint8, shape (...)
            Place in :data:`DXA_REGIONS` plus 1; 0 for head and shaft.
        """
        where = np.asarray(plane, np.float64)
        along, above = np.moveaxis(self.along_neck(where), -1, 0)
        start, end = self.along_neck(self.saddle)[0] + moved_mm + np.array(NECK_BOX_MM)
        lateral, distal = np.moveaxis(where - self.saddle, -1, 0)
        # The greater trochanter's base, as in the contract: from the saddle down and outward at 45 degrees.
        beyond = (lateral > 0) & (distal < lateral)
        past = along >= end
        result = np.zeros(where.shape[:-1], np.uint8)
        result[(along >= start) & ~past] = 1
        result[past & (above <= 0)] = 3
        result[(past & (above > 0)) | (beyond & (along >= start))] = 2
        result[where[..., 1] - self.lesser_tip[1] >= BELOW_TIP_MM + moved_mm] = 0
        return result


def dxa_frame(
    center: ArrayLike,
    axes: ArrayLike,
    landmarks: Mapping[str, NDArray[np.float64]],
    ray: ArrayLike | None = None,
) -> DxaFrame:
    """Return the plane in which densitometry sees a femur, from the bone's own coordinates.

    Parameters
    ----------
    center : array_like, shape (3,)
        Of the head, LPS mm.
    axes : array_like, shape (3, 3)
        Columns ``neck``, ``superior``, ``anterior``, as in :class:`~marrowmap.anatomy.bone_frame.BoneFrame`.
    landmarks : mapping
        ``saddle``, ``lesser_trochanter_tip``, ``neck_shaft_corner`` and ``shaft_distal``, LPS mm.
    ray : array_like, shape (3,), optional
        Unit vector toward the front along which an image was taken; the bone's own anterior axis if not given.
    """
    head = np.asarray(center, np.float64)
    neck, _, front = np.asarray(axes, np.float64).T
    anterior = front if ray is None else np.asarray(ray, np.float64)
    shaft = landmarks["shaft_distal"] - landmarks["neck_shaft_corner"]
    distal = shaft - (shaft @ anterior) * anterior
    distal /= np.linalg.norm(distal)
    lateral = np.cross(distal, anterior)
    lateral = lateral if lateral @ neck > 0 else -lateral
    plane = np.stack([lateral, distal], axis=1)
    way = neck @ plane
    return DxaFrame(
        *(head, lateral, distal, anterior, way / np.linalg.norm(way)),
        *((landmarks[name] - head) @ plane for name in ("saddle", "lesser_trochanter_tip")),
    )
