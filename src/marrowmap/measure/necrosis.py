"""The necrotic segment of a femoral head: the part of the head that a band walls off.

Two looks. The first goes along rays from below the head up to its joint surface and asks where they cross into a
segment; what they find together is one. The second starts in its middle and finds the band's outer border all around.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from scipy.spatial import cKDTree

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import upright
from marrowmap.measure.head_trace import Trace
from marrowmap.measure.head_trace import trace
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import Rays
from marrowmap.measure.ray_surface import group_rays
from marrowmap.measure.ray_surface import interpolate_rays
from marrowmap.measure.ray_surface import spread_rays

BELOW_RADII = 0.6
"""The first look starts this far below the head center, away from the joint surface that bears weight."""
WIDEST_DEG = 118.0
FIRST_NONE_COST = 2.0
"""Against finding nothing on a ray in the first look; the second look corrects what is too much."""
COVERED_MM, UNCOVERED_COST = 5.0, 4.0
"""A segment may reach the joint surface this far beside where the look before saw it do so; further costs so much."""
RIM_MM, RIM_NEIGHBORS, RIM_SMOOTHING = 4.0, 90, 1.0
"""Closer than this to the joint surface the border is not seen but carried on from below."""
NEIGHBORS = 12
"""Points of a border that are read together."""
CARRIED_MM = 8.0
"""No further than this from where it was seen."""
LEAST_ML = 0.15
LATTICE_MM = 1.0


@dataclass(frozen=True, eq=False)
class NecroticSegment:
    """A necrotic segment, its band included: all that lies on rays from a point within it, up to border or joint.

    Parameters
    ----------
    femur : BoneFrame
    origin : array, shape (3,)
        Bone coordinates, mm.
    rays : Rays
        Directions in bone coordinates.
    reach_mm : array, shape (n,)
        How far the segment reaches along each ray.
    bordered : array of bool, shape (n,)
        Whether it ends at a band there; else at the joint surface.
    chance : float
        Mean probability, 0 to 1, that the images give the border where it was found.
    """

    femur: BoneFrame
    origin: NDArray[np.float64]
    rays: Rays
    reach_mm: NDArray[np.float64]
    bordered: NDArray[np.bool_]
    chance: float

    def contains(self, local: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which points (..., 3) in bone coordinates lie within the segment, given that they lie in the bone."""
        away = local - self.origin
        length = np.linalg.norm(away, axis=-1)
        reach = interpolate_rays(self.rays.directions, self.reach_mm, away / np.maximum(length, 1e-9)[..., None])
        inside = np.asarray(length < reach, bool)
        if self._rim is None:
            return inside
        shallow = inside & (self.femur.head_radius_mm - np.linalg.norm(local, axis=-1) < RIM_MM)
        gap, _ = cKDTree(self.border).query(local[shallow], distance_upper_bound=CARRIED_MM)
        shallow[shallow] = np.isfinite(gap)
        if shallow.any():
            inside[shallow] = self._rim(local[shallow]) < 0
        return inside

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        """Which points of :func:`head_lattice` it contains, shape (n,)."""
        return self.contains(head_lattice(self.femur))

    @cached_property
    def _rim(self) -> RBFInterpolator | None:
        """The border carried on to the joint surface: a smooth signed distance through what was seen of it."""
        points = self.border
        if len(points) < RIM_NEIGHBORS:
            return None
        normals = outward_normals(points, cKDTree(points).query(points, k=NEIGHBORS)[1], self.origin)
        places = np.concatenate([points, points + 2 * normals, points - 2 * normals])
        values = np.repeat([0.0, 2.0, -2.0], len(points))
        return RBFInterpolator(places, values, neighbors=RIM_NEIGHBORS, smoothing=RIM_SMOOTHING)

    @property
    def border(self) -> NDArray[np.float64]:
        """Points of the band's outer border, bone coordinates, shape (m, 3)."""
        kept = self.bordered
        return np.asarray(self.origin + self.rays.directions[kept] * self.reach_mm[kept, None], np.float64)


def outward_normals(
    border: NDArray[np.float64], near: NDArray[np.int64], origin: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return unit normals of a border at its points, away from a place within it.

    Parameters
    ----------
    border : array, shape (n, 3)
        Bone coordinates, mm.
    near : array, shape (n, k)
        Indices of each point's neighbors, itself among them: the normal is that of the plane through them.
    origin : array, shape (3,)
        Bone coordinates, mm.
    """
    spread = border[near] - border[near].mean(axis=1, keepdims=True)
    normals = np.linalg.svd(spread, full_matrices=False)[2][:, -1]
    away = ((border - origin) * normals).sum(axis=1, keepdims=True)
    return np.asarray(normals * np.where(away < 0, -1.0, 1.0), np.float64)


def first_look(femur: BoneFrame) -> tuple[NDArray[np.float64], Rays]:
    """Return a point below the head center and rays from it up to all of the joint surface, bone coordinates."""
    up, lateral = upright(femur)
    turn = np.stack([lateral, np.array([0.0, 0.0, 1.0]), up])
    even = spread_rays(RAYS)
    rays = even.within(even.directions[:, 2] > np.cos(np.radians(WIDEST_DEG)))
    return -BELOW_RADII * femur.head_radius_mm * up, Rays(rays.directions @ turn, rays.edges)


def find_segment(images: HeadImages, model: LineModel) -> NecroticSegment | None:
    """Find the part of a femoral head that a band walls off.

    Parameters
    ----------
    images : HeadImages
    model : LineModel

    Returns
    -------
    NecroticSegment or None
        None where no band is seen at least 1.5 mm below the joint surface.
    """
    femur = images.femur
    radius = femur.head_radius_mm
    origin, rays = first_look(femur)
    first = trace("band", images, model, origin, rays, outward=False, none_cost=FIRST_NONE_COST)
    # What leaves through the neck crosses no joint surface.
    exits = first.points(first.leave_mm)
    groups = group_rays(first.found & (exits[:, 0] < HEAD_ENDS_AT_RADII * radius), rays.edges)
    if not groups:
        return None
    crossed = np.zeros(len(exits), bool)
    crossed[groups[0]] = True
    lattice = head_lattice(femur)
    inside = _past_crossing(lattice, first, crossed)
    covered = exits[crossed]
    found = None
    for _ in range(2):
        if len(inside) * LATTICE_MM**3 / 1000 < LEAST_ML or not len(covered):
            return None
        middle = inside.mean(axis=0)
        around = spread_rays(RAYS)
        exits = middle + around.directions * leave_head(middle, around.directions, radius)[:, None]
        beside = cKDTree(covered).query(exits)[0] > COVERED_MM
        around_it = trace(
            "band", images, model, middle, around, outward=True, none_cost=(UNCOVERED_COST * beside).astype(np.float32)
        )
        reach = np.where(around_it.found, around_it.distance_mm, around_it.leave_mm)
        chance = float(around_it.chance[around_it.found].mean()) if around_it.found.any() else 0.0
        found = NecroticSegment(femur, middle, around, reach, around_it.found, chance)
        covered = exits[~around_it.found]
        inside = lattice[found.inside]
    return found


def head_lattice(femur: BoneFrame, spacing_mm: float = LATTICE_MM) -> NDArray[np.float64]:
    """Return points of a cubic lattice that fills the head up to its neck, bone coordinates, shape (n, 3)."""
    reach = 1.3 * femur.head_radius_mm
    axis = np.arange(-reach, reach, spacing_mm)
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    away = np.linalg.norm(points, axis=1)
    points = points[(away < reach) & (away > 1e-6) & (points[:, 0] < HEAD_ENDS_AT_RADII * femur.head_radius_mm)]
    away = np.linalg.norm(points, axis=1)
    return np.asarray(points[away < surface_radius(femur, points / away[:, None])], np.float64)


def _past_crossing(lattice: NDArray[np.float64], first: Trace, crossed: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return the lattice points of the head that lie past the crossing of their ray."""
    away = lattice - first.origin
    length = np.linalg.norm(away, axis=1)
    start = np.where(crossed, first.distance_mm, first.leave_mm + 10.0)
    return np.asarray(lattice[length > interpolate_rays(first.rays.directions, start, away / length[:, None])])
