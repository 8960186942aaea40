"""Bone regions seen in a planar view: what of each pixel lies within a region's outline, and how thick the bone is.

Space: rays run along LPS y (anterior and posterior views); depth has no meaning in what is returned.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.planar_fit import placed
from marrowmap.anatomy.regions import FEMUR_REGIONS
from marrowmap.anatomy.regions import name_regions
from marrowmap.image import Grid
from marrowmap.image import PlaneGrid
from marrowmap.image.voxelize import voxelize

POINT_MM = 2.0
"""Distance of the points that fill a bone."""
FINE = 4
"""Parts into which a pixel is divided to each side."""
LEAST_THICKNESS = 0.3
"""Of a region's own greatest projected thickness: less is its rim, where other regions overlap it."""


def bone_points(frame: BoneFrame) -> NDArray[np.float64]:
    """Return points that fill a bone, :data:`POINT_MM` apart, shape (n, 3), LPS mm."""
    low, high = frame.vertices.min(axis=0), frame.vertices.max(axis=0)
    affine = np.diag([POINT_MM] * 3 + [1.0])
    affine[:3, 3] = low
    a, b, c = (int(n) for n in np.ceil((high - low) / POINT_MM) + 1)
    grid = Grid((a, b, c), affine)
    return grid.to_world(np.argwhere(voxelize(frame.vertices, frame.faces, grid).array))


def project_points(points: ArrayLike, grid: PlaneGrid) -> NDArray[np.float64]:
    """Return how many of the points, shape (n, 3), fall into each pixel, shape (columns, rows)."""
    where = np.rint(placed(grid).project(points)).astype(int)
    inside = ((where >= 0) & (where < np.array(grid.shape))).all(axis=1)
    index = where[inside, 0] * grid.shape[1] + where[inside, 1]
    return np.bincount(index, minlength=grid.shape[0] * grid.shape[1]).reshape(grid.shape).astype(np.float64)


def project_head(frame: BoneFrame, grid: PlaneGrid, moved_mm: Sequence[float] = (0.0, 0.0)) -> NDArray[np.float64]:
    """Return what share of each pixel, shape (columns, rows), lies within the femoral head's outline: a disc.

    Parameters
    ----------
    frame : BoneFrame
        Of a femur.
    grid : PlaneGrid
    moved_mm : two floats
        How much further to the left and to the feet the disc is laid.
    """
    center = frame.head_center_mm + np.array([moved_mm[0], 0.0, -moved_mm[1]])
    column, row = placed(grid).project(center)
    step = (np.arange(FINE) + 0.5) / FINE - 0.5
    columns = (np.arange(grid.shape[0])[:, None] + step).ravel() - column
    rows = (np.arange(grid.shape[1])[:, None] + step).ravel() - row
    away = np.hypot(columns[:, None] * grid.spacing_mm[0], rows[None] * grid.spacing_mm[1])
    inside = (away < frame.head_radius_mm).reshape(grid.shape[0], FINE, grid.shape[1], FINE)
    return np.asarray(inside.mean(axis=(1, 3)), np.float64)


def project_regions(
    frame: BoneFrame, grid: PlaneGrid, moved_mm: Sequence[float] = (0.0, 0.0)
) -> dict[str, NDArray[np.float64]]:
    """Return for each region of a femur what share of each pixel lies within its outline.

    The head is its sphere's disc. Of the others each pixel belongs to the region that is thickest there, the head's
    disc apart: regions that overlap along the rays are told from each other as well as a projection allows.

    Returns
    -------
    dict of str to array, shape (columns, rows)
        0 to 1; a region outside the view is all zero.
    """
    head = project_head(frame, grid, moved_mm)
    points = bone_points(frame)
    labels = name_regions(frame, points)
    moved = points + np.array([moved_mm[0], 0.0, -moved_mm[1]])
    # As wide as the points lie apart, so that no pixel between them stays empty.
    blur = np.maximum(POINT_MM / np.asarray(grid.spacing_mm), 0.5)
    thick = np.stack(
        [ndimage.gaussian_filter(project_points(moved[labels == n + 1], grid), blur) for n in range(len(FEMUR_REGIONS))]
    )
    most = thick.argmax(axis=0)
    shares = {"femoral_head": head}
    for n, name in enumerate(FEMUR_REGIONS):
        if name != "femoral_head":
            own = (most == n) & (thick[n] > LEAST_THICKNESS * max(float(thick[n].max()), 1e-9))
            shares[name] = own * (1 - head)
    return shares
