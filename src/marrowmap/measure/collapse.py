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
DISC_DEG = 12.0
"""A depression is averaged this far around each place: about 5 mm."""
BESIDE_RADII = 0.15
"""How far beside a suspected place, in head radii, the surface is suspected, too."""
LEAST_RAYS = 40
LOOKED_DEG = 50.0
"""A depression is looked for this far around the direction up the shaft."""


@dataclass(frozen=True, eq=False)
class HeadSurface:
    """The bone's surface as the images show it, against the shape that the rest of it has.

    Parameters
    ----------
    directions : array, shape (n, 3)
        From the head center, bone coordinates.
    radius_mm : array, shape (n,)
    sunken_mm : array, shape (n,)
        How far the surface lies within that shape, averaged over a disc; negative outside.
    depression_mm : float
        The greatest where it was looked for.
    noise_mm : float
        Robust standard deviation of single rays around that shape elsewhere.
    """

    directions: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    sunken_mm: NDArray[np.float64]
    depression_mm: float
    noise_mm: float


def trace_surface(images: HeadImages, model: LineModel, suspected: NDArray[np.float64] | None = None) -> HeadSurface:
    """Trace the head's surface and measure how far it has sunk.

    Parameters
    ----------
    images : HeadImages
    model : LineModel
        For ``surface``.
    suspected : array, shape (m, 3), optional
        Directions in bone coordinates under which something was found that may have let the surface sink. The rest of
        the surface then says alone where it would lie, and a depression is looked for here; else anywhere within
        50 degrees of the direction up the shaft.
    """
    even = spread_rays(RAYS)
    rays = even.within(even.directions[:, 0] < LATERAL)
    traced = trace("surface", images, model, np.zeros(3), rays, outward=True)
    if suspected is None or not len(suspected):
        up, _ = upright(images.femur)
        looked = rays.directions @ up > np.cos(np.radians(LOOKED_DEG))
        sound = np.ones(len(looked), bool)
    else:
        nearest, _ = cKDTree(suspected).query(rays.directions)
        looked = nearest < BESIDE_RADII
        sound = ~looked
    if looked.sum() < LEAST_RAYS or sound.sum() < LEAST_RAYS:
        return HeadSurface(rays.directions, traced.distance_mm, np.zeros(len(looked)), 0.0, np.inf)
    expected = _expected_radius(traced.distance_mm, rays.directions, images.femur.head_radius_mm, sound)
    sunken = expected - traced.distance_mm
    smooth = _mean_around(sunken, rays.directions)
    rest = sunken[~looked]
    noise = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return HeadSurface(rays.directions, traced.distance_mm, smooth, float(smooth[looked].max()), noise)


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


def _mean_around(values: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    near = (directions @ directions.T > np.cos(np.radians(DISC_DEG))).astype(np.float64)
    return np.asarray(near @ values / near.sum(axis=1), np.float64)
