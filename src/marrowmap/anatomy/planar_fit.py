"""Lay a cloud of hip bones onto a planar bone scan.

The image is explained as a sum: each part of each bone (head, neck, ilium …) takes up tracer at a level of its own,
seen through its projected thickness and the camera's blur, on a smooth soft tissue. The levels follow by non-negative
least squares, so that a hot or a cold head moves no bone; place, turn, size and form are searched by Gauss and Newton's
method, held by how people differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls
from skimage.feature import match_template
from skimage.feature import peak_local_max

from marrowmap.anatomy.bone_cloud import BoneCloud
from marrowmap.anatomy.pose_search import head_errors
from marrowmap.anatomy.pose_search import search_pose
from marrowmap.anatomy.pose_search import start_at
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.values import Side

PIXEL_MM = 4.8
"""Of the image that is explained; a gamma camera resolves about 9 mm."""
SMOOTH_MM = 2.5
BLUR_MM = 5.0
"""Standard deviation of camera, smoothing and pixel together at the depth of the hips."""
WINDOW_MM = (165.0, 95.0, 110.0)
"""To the sides, to the head and to the feet from the middle between the hips."""
BLADDER_MM = (50.0, 75.0, 50.0)
"""What is left out around the midline: to each side, to the head, to the feet; urine is brighter than any bone."""
THIGHS_APART_MM = 30.0
"""Below the bladder so much to each side is left out: urine again, and nothing of the hips."""
UNEVEN = 0.12
"""What a level for each part cannot explain, as a share of the counts."""
DEPENDENT = 16.0
"""Neighboring pixels err together, over some 20 mm: this many count as one."""
ODD = 3.0
"""From this many standard deviations on a pixel holds something else (urine on the skin, a wrist) and loses weight."""
SCALES = (0.9, 1.0, 1.1)


@dataclass(frozen=True, eq=False)
class PlanarFit:
    """Where the bones lie in a planar image.

    Parameters
    ----------
    cloud : BoneCloud
    pose : array
        See :data:`~marrowmap.anatomy.bone_cloud.POSE`; LPS mm of the image.
    explained : float
        Share of what soft tissue alone leaves unexplained that bones explain, 0 to 1.
    likeness : float
        Correlation of the bones' usual projection with the image before anything was fitted.
    levels : dict of str to float
        Uptake of each part, counts per mL in the fitted image.
    head_error_mm : dict of Side to float
        Standard deviation of each head's place along an axis, as the fit itself says.
    explainer : Explainer
        The window that was explained.
    model : array, shape (columns, rows)
        How it was explained; pixels of :data:`PIXEL_MM`.
    """

    cloud: BoneCloud
    pose: NDArray[np.float64]
    explained: float
    likeness: float
    levels: dict[str, float]
    head_error_mm: dict[Side, float]
    explainer: Explainer
    model: NDArray[np.float64]


def placed(grid: PlaneGrid) -> PlaneGrid:
    """Return a grid with a place: where the file gives none, the image's middle is the origin."""
    if grid.origin_mm is not None or grid.axes is None:
        return grid
    half = (np.array(grid.shape) - 1) / 2 * np.array(grid.spacing_mm)
    return replace(grid, origin_mm=-(half @ grid.axes))


def sampled(plane: Plane, corner_mm: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return smoothed counts per pixel of :data:`PIXEL_MM` at LPS x and z from a corner on; 0 outside."""
    grid = placed(plane.grid)
    x = corner_mm[0] + np.arange(shape[0]) * PIXEL_MM
    z = corner_mm[1] - np.arange(shape[1]) * PIXEL_MM
    points = np.stack([*np.broadcast_arrays(x[:, None], 0.0, z[None, :])], axis=-1)
    spacing = np.asarray(grid.spacing_mm)
    # Pixels larger than the smoothing need none.
    smooth = ndimage.gaussian_filter(plane.array.astype(np.float64), SMOOTH_MM / spacing)
    counts = ndimage.map_coordinates(smooth, np.moveaxis(grid.project(points), -1, 0), order=1, cval=0.0)
    return np.asarray(np.maximum(counts, 0) * PIXEL_MM**2 / grid.pixel_area_mm2, np.float64)


def conjugate(planes: tuple[Plane, ...], corner_mm: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Return the geometric mean of the smoothed views, or the only one."""
    views = [sampled(plane, corner_mm, shape) for plane in planes]
    return np.asarray(np.prod(views, axis=0) ** (1 / len(views)), np.float64)


class Projector:
    """Projects a posed cloud part by part onto a window.

    Parameters
    ----------
    cloud : BoneCloud
    corner_mm : array, shape (2,)
        LPS x and z of the first pixel's center; rows run to the feet.
    shape : tuple of 2 int
        Columns, rows.
    """

    def __init__(self, cloud: BoneCloud, corner_mm: NDArray[np.float64], shape: tuple[int, int]) -> None:
        self.cloud, self.corner_mm, self.shape = cloud, corner_mm, shape
        names = np.array(cloud.part_names())
        self.names, self._part = np.unique(names, return_inverse=True)

    def thickness(self, pose: NDArray[np.float64], share: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """Return each part's blurred volume in pixels, shape (parts, columns, rows), mL; of `share` of each point."""
        points = self.cloud.points(pose)
        column = (points[:, 0] - self.corner_mm[0]) / PIXEL_MM
        row = (self.corner_mm[1] - points[:, 2]) / PIXEL_MM
        weight = np.full(len(points), 0.125) if share is None else 0.125 * share
        image = np.zeros((len(self.names), *self.shape))
        low_c, low_r = np.floor(column).astype(int), np.floor(row).astype(int)
        for c, r in ((0, 0), (0, 1), (1, 0), (1, 1)):
            at_c, at_r = low_c + c, low_r + r
            inside = (at_c >= 0) & (at_c < self.shape[0]) & (at_r >= 0) & (at_r < self.shape[1])
            part = (1 - np.abs(column - at_c)) * (1 - np.abs(row - at_r)) * weight
            index = (self._part * self.shape[0] + at_c) * self.shape[1] + at_r
            image += np.bincount(index[inside], part[inside], minlength=image.size).reshape(image.shape)
        return np.asarray(ndimage.gaussian_filter(image, (0, BLUR_MM / PIXEL_MM, BLUR_MM / PIXEL_MM)), np.float64)


def _find_start(planes: tuple[Plane, ...], cloud: BoneCloud) -> list[tuple[float, NDArray[np.float64]]]:
    """Look for the hips everywhere: likeness and pose of the most likely places, the best first."""
    grid = placed(planes[0].grid)
    if grid.origin_mm is None or grid.axes is None:
        return []
    ends = np.stack([grid.origin_mm, grid.origin_mm + (np.array(grid.shape) - 1) * grid.spacing_mm @ grid.axes])
    low, high = ends.min(axis=0), ends.max(axis=0)
    shape = (int((high[0] - low[0]) / PIXEL_MM) + 1, int((high[2] - low[2]) / PIXEL_MM) + 1)
    corner = np.array([low[0], high[2]])
    image = conjugate(planes, corner, shape)
    body = image[image > 0.05 * np.percentile(image, 99)]
    if body.size < 200:
        return []
    # Urine and a hot lesion must not outweigh the bones: brightness is cut off.
    flat = np.sqrt(np.minimum(image, np.percentile(body, 85)))
    found = []
    for scale in SCALES:
        pose = np.zeros(cloud.size)
        pose[5] = np.log(scale)
        half = (int(WINDOW_MM[0] * scale / PIXEL_MM), int(WINDOW_MM[1] * scale / PIXEL_MM))
        below = int(WINDOW_MM[2] * scale / PIXEL_MM)
        size = (2 * half[0] + 1, half[1] + below + 1)
        window = Projector(cloud, np.array([-half[0], half[1]]) * PIXEL_MM, size)
        template = np.sqrt(window.thickness(pose).sum(axis=0))
        padded = np.pad(flat, [(size[0] // 2, size[0] // 2), (half[1], below)])
        likeness = match_template(padded, template)  # type: ignore[no-untyped-call]
        peaks = peak_local_max(likeness, min_distance=8, num_peaks=2, exclude_border=False)  # type: ignore[no-untyped-call]
        for c, r in peaks:
            start = pose.copy()
            start[0], start[1] = corner[0] + c * PIXEL_MM, -(corner[1] - r * PIXEL_MM)
            found.append((float(likeness[c, r]), start))
    return sorted(found, key=lambda one: -one[0])


@dataclass(eq=False)
class Explainer:
    """Explains one window of an image by bones in a pose, and soft tissue.

    Parameters
    ----------
    projector : Projector
        Knows the window: corner and shape.
    image, weight : array, shape (columns, rows)
        Counts, and one over their standard deviation; 0 where nothing is looked at.
    soft : array, shape (n, columns, rows)
        What soft tissue is mixed from.
    """

    projector: Projector
    image: NDArray[np.float64]
    weight: NDArray[np.float64]
    soft: NDArray[np.float64]

    def solve(
        self, columns: NDArray[np.float64], weight: NDArray[np.float64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return levels of the columns, and the residual weighted by `weight`, else by its own."""
        weights = self.weight if weight is None else weight
        flat = columns.reshape(len(columns), -1).T * weights.ravel()[:, None]
        target = (self.image * weights).ravel()
        size = np.maximum(np.linalg.norm(flat, axis=0), 1e-9)
        # Solved by its normal equations: few columns, many pixels.
        gram = (flat / size).T @ (flat / size) + 1e-7 * np.eye(len(columns))
        root = np.linalg.cholesky(gram).T
        level, _ = nnls(root, np.linalg.solve(root.T, (flat / size).T @ target))
        return level / size, target - (flat / size) @ level

    def explain(self, pose: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return levels of the parts, and the weighted residual."""
        bones = self.projector.thickness(pose)
        return self.solve(np.concatenate([bones, self.soft]))


def _soft_tissue(image: NDArray[np.float64], bladder: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return smooth images that together make any soft tissue, and the haze around a bladder."""
    even = ndimage.gaussian_filter(image, 10.0 / PIXEL_MM)
    body = ndimage.binary_fill_holes(even > 0.15 * np.median(even[even > 0.02 * even.max()]))
    depth = np.minimum(ndimage.distance_transform_edt(body) * PIXEL_MM, 60.0) / 60.0
    shade = ndimage.gaussian_filter(body.astype(float), BLUR_MM / PIXEL_MM)
    u = np.linspace(-1, 1, image.shape[0])[:, None]
    v = np.linspace(-1, 1, image.shape[1])[None, :]
    smooth = [shade * one for one in (1 + 0 * u * v, u + 0 * v, v + 0 * u, u**2 + 0 * v, v**2 + 0 * u, u * v, depth)]
    urine = image * bladder
    haze = [ndimage.gaussian_filter(urine, sd / PIXEL_MM) for sd in (8.0, 20.0, 40.0)]
    return np.array([*smooth, *(-one for one in smooth[1:]), np.ones(image.shape), *haze])


def _window(planes: tuple[Plane, ...], cloud: BoneCloud, start: NDArray[np.float64]) -> Explainer:
    scale = float(np.exp(start[5]))
    side, above, below = (int(np.ceil(reach * scale / PIXEL_MM)) for reach in WINDOW_MM)
    shape = (2 * side + 1, above + below + 1)
    corner = np.array([start[0] - side * PIXEL_MM, -start[1] + above * PIXEL_MM])
    image = conjugate(planes, corner, shape)
    x = (np.arange(shape[0]) - side)[:, None] * PIXEL_MM / scale
    z = (above - np.arange(shape[1]))[None, :] * PIXEL_MM / scale
    bladder = (np.abs(x) < BLADDER_MM[0]) & (z < BLADDER_MM[1]) & (z > -BLADDER_MM[2])
    bladder |= (np.abs(x) < THIGHS_APART_MM) & (z <= -BLADDER_MM[2])
    # Rows beyond the detector are dark for another reason than a lack of bone.
    lit = ndimage.gaussian_filter1d(image.max(axis=0), 1.0)
    seen = lit > 0.1 * np.median(lit)
    even = ndimage.gaussian_filter(image, 1.0)
    weight = (~bladder & seen[None, :]) / np.sqrt(even + (UNEVEN * even) ** 2 + 1.0)
    return Explainer(Projector(cloud, corner, shape), image, weight, _soft_tissue(image, bladder))


def fit_planar(
    planes: tuple[Plane, ...],
    cloud: BoneCloud,
    points: tuple[Side, NDArray[np.float64]] | None = None,
) -> PlanarFit | None:
    """Lay bones onto delayed images.

    Parameters
    ----------
    planes : tuple of Plane
        Anterior and posterior of one acquisition, or one of them; columns to the patient's left, rows to the feet.
    cloud : BoneCloud
    points : (Side, array of shape (3, 3)), optional
        Head center, tips of greater and lesser trochanter of one side as a user clicked them, LPS mm of the image;
        depth is not looked at.

    Returns
    -------
    PlanarFit or None
        None where there is no image to speak of. Whether it is good enough is not judged here.
    """
    starts = _find_start(planes, cloud)
    if points is not None:
        starts = [(max((likeness for likeness, _ in starts), default=0.0), start_at(cloud, points))]
    if not starts:
        return None
    likeness, start = starts[0]
    explainer = _window(planes, cloud, start)
    pose, residual, slopes = search_pose(explainer, explainer.projector.cloud, start, points, DEPENDENT)
    # Where the hips were found decides what is looked at: once more around their place, without what fits nothing.
    explainer = _window(planes, cloud, _place_of(pose, start))
    _, left = explainer.explain(pose)
    explainer.weight = explainer.weight / np.sqrt(1 + (left.reshape(explainer.image.shape) / ODD) ** 2)
    pose, residual, slopes = search_pose(explainer, explainer.projector.cloud, pose, points, DEPENDENT)
    bones = explainer.projector.thickness(pose)
    columns = np.concatenate([bones, explainer.soft])
    levels, left = explainer.solve(columns)
    _, without = explainer.solve(explainer.soft)
    names = explainer.projector.names
    return PlanarFit(
        cloud,
        pose,
        1 - float((left**2).sum() / max((without**2).sum(), 1e-12)),
        likeness,
        {str(name): float(level) for name, level in zip(names, levels, strict=False)},
        head_errors(cloud, pose, slopes, residual, DEPENDENT),
        explainer,
        np.tensordot(levels, columns, axes=1),
    )


def _place_of(pose: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    middle = start.copy()
    middle[:2], middle[5] = pose[:2], pose[5]
    return middle
