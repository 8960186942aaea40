"""Collapse of the femoral head: how far its joint surface has sunk below the head's own sphere."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_map import NECK_RADII
from marrowmap.measure.head_map import radius_along
from marrowmap.measure.head_map import upright
from marrowmap.measure.head_trace import trace
from marrowmap.measure.necrosis import RAYS
from marrowmap.measure.ray_surface import spread_rays

SURE_MM = 0.5
"""Residuals above this count less and less in the sphere's fit, so that a sunken part does not pull it."""
SHAPES = 26
INDEPENDENT = 150.0
"""How many independent places the traced surface is worth: neighbors err alike."""
ROUNDS = 12
LATERAL = 0.8 * NECK_RADII
"""Rays that lead further toward the neck are left out."""
MEDIAN_RAYS = 7
LOOKED_DEG = 65.0
"""A depression is looked for this far around the direction up the shaft."""


@dataclass(frozen=True, eq=False)
class HeadSurface:
    """The bone's surface as the images show it, against the sphere that the rest of it forms.

    Parameters
    ----------
    directions : array, shape (n, 3)
        From the head center, bone coordinates.
    radius_mm : array, shape (n,)
    sunken_mm : array, shape (n,)
        How far the surface lies within the sphere, smoothed over neighbors; negative outside.
    depression_mm : float
        The greatest where a head bears weight.
    noise_mm : float
        Robust standard deviation of the surface around the sphere elsewhere.
    """

    directions: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    sunken_mm: NDArray[np.float64]
    depression_mm: float
    noise_mm: float


def trace_surface(images: HeadImages, model: LineModel) -> HeadSurface:
    """Trace the head's surface and measure how far it has sunk.

    Parameters
    ----------
    images : HeadImages
    model : LineModel
        For ``surface``.
    """
    even = spread_rays(RAYS)
    rays = even.within(even.directions[:, 0] < LATERAL)
    traced = trace("surface", images, model, np.zeros(3), rays, outward=True)
    expected = _expected_radius(traced.distance_mm, rays.directions, images.femur.head_radius_mm)
    sunken = expected - traced.distance_mm
    smooth = _median_of_neighbors(sunken, rays.directions)
    up, _ = upright(images.femur)
    top = rays.directions @ up > np.cos(np.radians(LOOKED_DEG))
    rest = sunken[~top]
    noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return HeadSurface(rays.directions, traced.distance_mm, smooth, float(smooth[top].max()), noise)


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
    radius_mm: NDArray[np.float64], directions: NDArray[np.float64], head_radius_mm: float
) -> NDArray[np.float64]:
    """Return where the surface would lie had nothing sunk: a head of the shape model through what is well.

    Iteratively reweighted least squares: parts that lie within the shape by more than about a millimeter soon count
    nothing, so that a depression does not pull the shape into it.
    """
    mean, modes = _head_shapes(RAYS)
    columns = np.column_stack([mean, directions, modes * head_radius_mm])
    ridge = np.diag(np.r_[0.0, np.full(3, 1e-3), np.full(SHAPES, (SURE_MM**2) * len(mean) / INDEPENDENT)])
    weight = np.ones(len(mean))
    fitted = radius_mm
    for _ in range(ROUNDS):
        normal = columns.T @ (weight[:, None] * columns) + ridge
        fitted = columns @ np.linalg.solve(normal, columns.T @ (weight * radius_mm))
        off = (fitted - radius_mm) / SURE_MM
        # Only inward errors can be collapse; outward ones are noise as any.
        weight = np.where(off > 0, 1 / (1 + off**2) ** 2, 1 / (1 + off**2))
    return np.asarray(fitted, np.float64)


def _median_of_neighbors(values: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    nearest = np.argsort(-(directions @ directions.T), axis=1)[:, :MEDIAN_RAYS]
    return np.asarray(np.median(values[nearest], axis=1), np.float64)
