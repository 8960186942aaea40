"""The neck-shaft midline: one coordinate along the proximal femur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image.grid import read_only

ROUNDING_MM = 20.0
"""From this far before the corner of neck and shaft axes the midline leaves the neck axis, to join the shaft axis."""
STEP_MM = 0.5


@dataclass(frozen=True, eq=False)
class Midline:
    """From the head center along the neck axis and round into the shaft axis.

    Space: LPS mm. Position 0 is the intertrochanteric plane, + is distal.

    Parameters
    ----------
    curve_mm : array, shape (m, 3)
        Points at most :data:`STEP_MM` apart, from the head center to the distal end of the shaft axis.
    arc_mm : array, shape (m,)
        Their positions, rising.
    """

    curve_mm: NDArray[np.float64]
    arc_mm: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "curve_mm", read_only(np.array(self.curve_mm, np.float64)))
        object.__setattr__(self, "arc_mm", read_only(np.array(self.arc_mm, np.float64)))

    @classmethod
    def of(cls, frame: BoneFrame) -> Midline:
        """Lay the midline through a bone frame."""
        head, corner, end = (frame.head_center_mm, *(frame.landmarks[n] for n in ("neck_shaft_corner", "shaft_distal")))
        to_corner, to_end = corner - head, end - corner
        before, after = np.linalg.norm(to_corner), np.linalg.norm(to_end)
        neck, shaft = to_corner / before, to_end / after
        rounding = min(ROUNDING_MM, 0.45 * before, 0.45 * after)
        t = np.linspace(0, 1, 400)[:, None]
        first, last = corner - rounding * neck, corner + rounding * shaft
        bend = (1 - t) ** 2 * first + 2 * t * (1 - t) * corner + t**2 * last
        way = np.concatenate([head[None], bend, end[None]])
        length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(way, axis=0), axis=1))])
        at = np.linspace(0, length[-1], int(np.ceil(length[-1] / STEP_MM)) + 1)
        curve = np.stack([np.interp(at, length, way[:, axis]) for axis in range(3)], axis=1)
        point, normal = frame.intertrochanteric_plane
        past = (curve - point) @ normal
        crossing = int(np.argmax(past > 0))
        if crossing == 0:
            raise ValueError("the midline does not cross the intertrochanteric plane: the landmarks are wrong")
        share = past[crossing - 1] / (past[crossing - 1] - past[crossing])
        zero = at[crossing - 1] + share * (at[crossing] - at[crossing - 1])
        return cls(curve, at - zero)

    def positions(self, arc_mm: ArrayLike) -> NDArray[np.float64]:
        """Return points, shape (..., 3) LPS mm, at arc lengths in mm; beyond the ends straight on."""
        s = np.asarray(arc_mm, np.float64)
        inner = np.stack([np.interp(s, self.arc_mm, self.curve_mm[:, axis]) for axis in range(3)], axis=-1)
        start = self.curve_mm[1] - self.curve_mm[0]
        stop = self.curve_mm[-1] - self.curve_mm[-2]
        early = np.minimum(s - self.arc_mm[0], 0)[..., None] * start / np.linalg.norm(start)
        late = np.maximum(s - self.arc_mm[-1], 0)[..., None] * stop / np.linalg.norm(stop)
        result: NDArray[np.float64] = inner + early + late
        return result

    def arc_length(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return the position along the midline (mm, + distal) nearest to each point, shape (..., 3) LPS mm."""
        where = np.asarray(points, np.float64)
        flat = where.reshape(-1, 3)
        nearest = cKDTree(self.curve_mm).query(flat)[1]
        tangent = np.gradient(self.curve_mm, axis=0)
        tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
        beyond = ((flat - self.curve_mm[nearest]) * tangent[nearest]).sum(axis=1)
        inner = (nearest > 0) & (nearest < len(self.curve_mm) - 1)
        beyond = np.where(inner, np.clip(beyond, -STEP_MM, STEP_MM), beyond)
        result: NDArray[np.float64] = (self.arc_mm[nearest] + beyond).reshape(where.shape[:-1])
        return result
