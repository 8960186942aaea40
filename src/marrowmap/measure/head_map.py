"""The femoral head unrolled: every place of its joint surface, and the depth below it, in any image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume

PIXELS = 96
MOST_DEG = 125.0
"""How far the map reaches from its middle: to the neck laterally, to the ligament's pit medially."""
WEIGHT_BEARING_DEG = 45.0
"""The weight-bearing sector is what lies within this angle of the map's middle.

A choice: half a right angle about the direction of the femoral shaft; no two papers draw the sector alike.
"""
SURFACE_RADII = (0.7, 1.35)
"""Vertices this far from the head center, in radii, make up the head's surface."""


@dataclass(frozen=True, eq=False)
class HeadMap:
    """Directions from the head center, laid out on a plane (Lambert's azimuthal equal-area projection).

    The middle is the direction up the femoral shaft, so that map position does not depend on how the leg lay; the first
    axis runs from medial to lateral, the second from posterior to anterior, alike in both hips. Equal areas of the map
    are equal areas of the joint surface.

    Parameters
    ----------
    femur : BoneFrame
        Of a hip.
    directions : array, shape (PIXELS, PIXELS, 3)
        Unit vectors in bone coordinates.
    shown : array of bool, shape (PIXELS, PIXELS)
        Where the direction meets the head's joint surface, not the neck.
    radius_mm : array, shape (PIXELS, PIXELS)
        Distance of the fitted bone surface from the head center along each direction.
    up, lateral : arrays, shape (3,)
        The map's middle and first axis in bone coordinates; the second axis is the bone's anterior one.
    """

    femur: BoneFrame
    directions: NDArray[np.float64]
    shown: NDArray[np.bool_]
    radius_mm: NDArray[np.float64]
    up: NDArray[np.float64]
    lateral: NDArray[np.float64]

    @property
    def weight_bearing(self) -> NDArray[np.bool_]:
        """Where the map shows the weight-bearing sector, shape (PIXELS, PIXELS)."""
        result: NDArray[np.bool_] = self.shown & (self.directions @ self.up > np.cos(np.radians(WEIGHT_BEARING_DEG)))
        return result

    @property
    def pixel_mm2(self) -> float:
        """Area of the head's sphere under one pixel."""
        return float((2 * _reach() / (PIXELS - 1) * self.femur.head_radius_mm) ** 2)

    def points(self, depth_mm: ArrayLike) -> NDArray[np.float64]:
        """Return places at depths below the joint surface, + is into the bone.

        Parameters
        ----------
        depth_mm : array_like, shape (k,)

        Returns
        -------
        array, shape (PIXELS, PIXELS, k, 3)
            LPS mm, also where the map does not show the surface.
        """
        away = self.radius_mm[..., None] - np.asarray(depth_mm, np.float64)
        return self.femur.to_world(self.directions[..., None, :] * away[..., None])

    def sample(self, volume: Volume, depth_mm: ArrayLike) -> NDArray[np.float32]:
        """Sample an image below the joint surface, linearly, across its slices too.

        Parameters
        ----------
        volume : Volume
            In the femur's frame of reference.
        depth_mm : array_like, shape (k,)

        Returns
        -------
        array of float32, shape (PIXELS, PIXELS, k)
            Not a number outside the image and where the map does not show the surface.

        Raises
        ------
        GeometryError
            If bone and image have different frames of reference.
        """
        require_frame(self.femur, volume.grid)
        points = self.points(depth_mm)
        result = sample_at(volume, points)
        result[~self.shown] = np.nan
        return result

    def place(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where on the map points lie and how deep.

        Parameters
        ----------
        points : array_like, shape (..., 3)
            LPS mm.

        Returns
        -------
        index : array, shape (..., 2)
            Fractional pixels.
        depth_mm : array, shape (...)
            Below the joint surface along the line from the head center.
        """
        local = self.femur.to_bone(points)
        away = np.linalg.norm(local, axis=-1)
        index = place_direction(local / np.maximum(away, 1e-9)[..., None], self.up, self.lateral)
        surface = ndimage.map_coordinates(self.radius_mm, index.reshape(-1, 2).T, order=1, mode="nearest")
        return index, surface.reshape(away.shape) - away


def _reach() -> float:
    """Radius of the map on a unit sphere."""
    return float(2 * np.sin(np.radians(MOST_DEG) / 2))


def place_direction(
    directions: NDArray[np.float64], up: NDArray[np.float64], lateral: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return fractional pixels (..., 2) of unit vectors (..., 3) in bone coordinates."""
    high = directions @ up
    scale = np.sqrt(2 / np.maximum(1 + high, 1e-6))
    flat = np.stack([directions @ lateral, directions[..., 2]], axis=-1) * scale[..., None]
    return np.asarray((flat / _reach() + 1) * (PIXELS - 1) / 2, np.float64)


def upright(femur: BoneFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return unit vectors up the shaft and lateral to it in the plane of neck and shaft axes, bone coordinates."""
    shaft = femur.landmarks["neck_shaft_corner"] - femur.landmarks["shaft_distal"]
    up = shaft @ femur.axes
    up[2] = 0.0
    up /= np.linalg.norm(up)
    return up, np.array([up[1], -up[0], 0.0])


def require_frame(femur: BoneFrame, grid: Grid) -> None:
    """Raise GeometryError unless bone and image share a frame of reference."""
    if femur.frame_of_reference_uid != grid.frame_of_reference_uid:
        raise GeometryError("the femur and the image have different frames of reference: register them first")


def sample_at(volume: Volume, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sample a volume at LPS points (..., 3), linearly; not a number more than half a voxel outside."""
    index = volume.grid.to_index(points)
    shape = np.array(volume.grid.shape)
    result: NDArray[np.float32] = ndimage.map_coordinates(
        np.asarray(volume.array, np.float32), np.moveaxis(index, -1, 0), order=1, mode="nearest", output=np.float32
    )
    result[((index < -0.5) | (index > shape - 0.5)).any(axis=-1)] = np.nan
    return result


def unroll(femur: BoneFrame) -> HeadMap:
    """Lay out the joint surface of a femoral head.

    Raises
    ------
    ValueError
        If the bone is not a hip's femur.
    """
    if femur.bone != "femur" or "neck_shaft_corner" not in femur.landmarks:
        raise ValueError("only the femoral head of a hip can be unrolled")
    up, lateral = upright(femur)
    directions, within = spread_directions(up, lateral, PIXELS, MOST_DEG)
    radius = surface_radius(femur, directions)
    shown = within & (directions[..., 0] * radius < HEAD_ENDS_AT_RADII * femur.head_radius_mm)
    return HeadMap(femur, directions, shown, radius, up, lateral)


def spread_directions(
    up: NDArray[np.float64], lateral: NDArray[np.float64], pixels: int, most_deg: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Lay directions around `up` out on a square (Lambert's azimuthal equal-area projection).

    Parameters
    ----------
    up, lateral : arrays, shape (3,)
        Unit vectors in bone coordinates, perpendicular to each other and to the anterior axis: the square's middle and
        its first axis. The second is the bone's anterior one.
    pixels : int
    most_deg : float
        From the middle to the middle of an edge.

    Returns
    -------
    directions : array, shape (pixels, pixels, 3)
        Unit vectors in bone coordinates.
    within : array of bool, shape (pixels, pixels)
        Which of them lie within `most_deg` of the middle.
    """
    reach = 2 * np.sin(np.radians(most_deg) / 2)
    axis = np.linspace(-reach, reach, pixels)
    x, y = np.meshgrid(axis, axis, indexing="ij")
    r = np.hypot(x, y)
    angle = 2 * np.arcsin(np.clip(r / 2, 0, 1))
    sine = np.where(r > 0, np.sin(angle) / np.maximum(r, 1e-9), 1.0)
    anterior = np.array([0.0, 0.0, 1.0])
    directions = (x * sine)[..., None] * lateral + (y * sine)[..., None] * anterior + np.cos(angle)[..., None] * up
    return np.asarray(directions, np.float64), np.asarray(r <= reach)


def surface_radius(femur: BoneFrame, directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the head's fitted surface lies from the head center along unit vectors (..., 3), mm.

    Interpolated between the nearest vertices: seen from its center a head's surface has one distance in each direction.
    """
    return radius_along(femur.to_bone(femur.vertices), femur.head_radius_mm, directions)


def radius_along(
    local: NDArray[np.float64], head_radius_mm: float, directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far a head's vertices (n, 3), in bone coordinates, lie from its center along unit vectors (..., 3)."""
    away = np.linalg.norm(local, axis=1)
    low, high = SURFACE_RADII
    head = (away > low * head_radius_mm) & (away < high * head_radius_mm) & (local[:, 0] < 0.9 * head_radius_mm)
    seen = local[head] / away[head][:, None]
    distance, nearest = cKDTree(seen).query(directions, k=4)
    weight = 1 / np.maximum(distance, 1e-3) ** 2
    result: NDArray[np.float64] = (weight * away[head][nearest]).sum(axis=-1) / weight.sum(axis=-1)
    return result
