"""Collapse of the femoral head: how far its joint surface has sunk below the head's own round shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_map import radius_along
from marrowmap.measure.head_map import upright
from marrowmap.measure.head_trace import trace
from marrowmap.measure.ray_surface import RAY_SPACING
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import spread_rays

SURE_MM = 0.3
"""What lies further off the usual shape counts less and less in its fit."""
SHAPES = 26
INDEPENDENT = 1000.0
"""How many independent places the traced surface is worth: neighbors err alike."""
ROUNDS = 8
LATERAL = 0.8 * HEAD_ENDS_AT_RADII
"""Rays that lead further toward the neck are left out."""
BESIDE_RADII = 0.15
"""How far beside a suspected place, in head radii, the surface is suspected, too."""
ABOVE_LINE_MM = 1.0
"""From the middle of a fracture line to the bone's surface over it, at least: the plate is never thinner."""
LEAST_RAYS = 40
LOOKED_DEG = 50.0
"""Without suspicion a depression is looked for this far around the direction up the shaft."""
DOME_DEG = 60.0
"""With suspicion a little further, but no further: there the head passes into neck and ligament's pit."""
EDGES_DEG = (16.0, 18.0, 20.5, 23.0, 26.0, 29.0, 33.0, 37.0, 41.0, 45.0, 50.0)
"""From the middle of a depression to its edge, seen from the head center: the sizes that are tried."""
FLAT_SHARE = 0.2
"""Part of that over which a depression is as deep as in its middle."""
BESIDE_DEG = 3.0
"""What lies this far outside a depression's edge counts as sound."""
REFITS = 3
EVERY_RAY = 3
"""Middles are tried at every third ray: 4 degrees apart."""


@dataclass(frozen=True, eq=False)
class HeadSurface:
    """The bone's surface as the images show it, against the shape that the rest of it has.

    Parameters
    ----------
    directions : array, shape (n, 3)
        From the head center, bone coordinates.
    radius_mm : array, shape (n,)
    sunken_mm : array, shape (n,)
        How far it has sunk: the smooth-edged depression that fits best where one was looked for, 0 around it.
    depression_mm : float
        Its depth, in its middle.
    noise_mm : float
        Robust standard deviation of single rays around that shape elsewhere.
    """

    directions: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    sunken_mm: NDArray[np.float64]
    depression_mm: float
    noise_mm: float


def trace_surface(
    images: HeadImages,
    model: LineModel,
    suspected: NDArray[np.float64] | None = None,
    broken: NDArray[np.float64] | None = None,
) -> HeadSurface:
    """Trace the head's surface and measure how far it has sunk.

    A depression of some middle and width is fitted to what lies within the head's usual shape; that shape is then
    fitted anew to all that lies outside the depression, and so on: the less is left out, the surer the shape.

    Parameters
    ----------
    images : HeadImages
    model : LineModel
        For ``surface``.
    suspected : array, shape (m, 3), optional
        Directions in bone coordinates under which something was found that may have let the surface sink. At first the
        rest of the surface says alone where it would lie, and a depression is looked for here, within 60 degrees of the
        direction up the shaft; without suspicion, anywhere within 50 degrees of it.
    broken : array, shape (k, 3), optional
        Points of fracture lines, bone coordinates: dark as the plate is, they are not taken for it, as the surface lies
        above them.
    """
    even = spread_rays(RAYS)
    rays = even.within(even.directions[:, 0] < LATERAL)
    nearest = None if broken is None or not len(broken) else _above(broken, rays.directions)
    traced = trace("surface", images, model, np.zeros(3), rays, outward=True, nearest_mm=nearest)
    up, _ = upright(images.femur)
    high = rays.directions @ up
    looked, sound = high > np.cos(np.radians(LOOKED_DEG)), np.ones(len(high), bool)
    if suspected is not None and len(suspected):
        doubted = cKDTree(suspected).query(rays.directions)[0] < BESIDE_RADII
        dome = doubted & (high > np.cos(np.radians(DOME_DEG)))
        if dome.sum() >= LEAST_RAYS:
            looked, sound = dome, ~doubted
    if sound.sum() < LEAST_RAYS:
        return HeadSurface(rays.directions, traced.distance_mm, np.zeros(len(looked)), 0.0, np.inf)
    for _ in range(REFITS):
        expected = _expected_radius(traced.distance_mm, rays.directions, images.femur.head_radius_mm, sound)
        within = expected - traced.distance_mm
        sunken, sound = _fit_depression(within, rays.directions, looked)
    rest = within[sound]
    noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return HeadSurface(rays.directions, traced.distance_mm, sunken, float(sunken.max()), noise)


def _above(broken: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far from the head center the surface lies at least along each ray: above a line, if there is one."""
    away = np.linalg.norm(broken, axis=1)
    apart, nearest = cKDTree(broken / away[:, None]).query(directions)
    return np.where(apart < RAY_SPACING, away[nearest] + ABOVE_LINE_MM, 0.0)


def _fit_depression(
    within_mm: NDArray[np.float64], directions: NDArray[np.float64], looked: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Fit one smooth-edged depression with its middle where it is looked for.

    By least squares over its middle, width and depth: of all middles and widths the one that explains most.

    Parameters
    ----------
    within_mm : array, shape (n,)
        How far the surface lies within the usual shape along each ray.
    directions : array, shape (n, 3)
    looked : array of bool, shape (n,)

    Returns
    -------
    sunken_mm : array, shape (n,)
        The depression, never negative.
    outside : array of bool, shape (n,)
        What lies beyond its edge.
    """
    middles = directions[looked][::EVERY_RAY]
    away = np.degrees(np.arccos(np.clip(middles @ directions.T, -1, 1)))
    most, sunken, outside = -1.0, np.zeros(len(directions)), np.ones(len(directions), bool)
    for edge in EDGES_DEG:
        fall = np.clip((away / edge - FLAT_SHARE) / (1 - FLAT_SHARE), 0, 1)
        shape = 0.5 * (1 + np.cos(np.pi * fall))
        depth = np.maximum(shape @ within_mm, 0.0) / (shape**2).sum(axis=1)
        explained = depth * (shape @ within_mm)
        best = int(explained.argmax())
        if explained[best] > most:
            most, sunken, outside = float(explained[best]), depth[best] * shape[best], away[best] > edge + BESIDE_DEG
    return sunken, outside


@lru_cache(maxsize=2)
def _head_shapes(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the usual head's radius along rays, over its mean radius, and how it varies: (n,) and (n, shapes)."""
    model = load_shape_model()
    even = spread_rays(count)
    directions = even.within(even.directions[:, 0] < LATERAL).directions

    def radii(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        vertices = model.femur.vertices(weights)
        center, radius = head_sphere(vertices)
        local = (vertices - center) @ axes(vertices)
        return radius_along(local, radius, directions) / radius

    mean = radii(np.zeros(SHAPES))
    modes = [(radii(one) - radii(-one)) / 2 for one in np.eye(SHAPES)]
    return mean, np.stack(modes, axis=1)


def _expected_radius(
    radius_mm: NDArray[np.float64],
    directions: NDArray[np.float64],
    head_radius_mm: float,
    sound: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return where the surface would lie had nothing sunk: a head of the shape model through what is sound.

    Iteratively reweighted least squares: what lies far off the shape counts less and less.
    """
    mean, modes = _head_shapes(RAYS)
    columns = np.column_stack([mean, directions, modes * head_radius_mm])
    ridge = np.diag(np.r_[0.0, np.full(3, 1e-3), np.full(SHAPES, (SURE_MM**2) * len(mean) / INDEPENDENT)])
    weight = sound.astype(np.float64)
    fitted = radius_mm
    for _ in range(ROUNDS):
        normal = columns.T @ (weight[:, None] * columns) + ridge
        fitted = columns @ np.linalg.solve(normal, columns.T @ (weight * radius_mm))
        weight = sound / (1 + ((fitted - radius_mm) / SURE_MM) ** 2)
    return np.asarray(fitted, np.float64)
