"""Lay a cloud of hip bones onto a radiograph of the pelvis.

The attenuation is explained as a sum, as a planar bone scan is (see `planar_fit`): each part of each bone attenuates at
a level of its own, through the thickness that the rays cross and through its cortex; soft tissue changes slowly and is
filtered out of image and bones alike. Levels follow by non-negative least squares, so that bone that lost its mineral
moves nothing; place, turn, size and form are searched.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.anatomy.radiograph_projector import RadiographProjector
from marrowmap.values import Side

COARSE_MM = 5.0
FINE_MM = 2.5
BLUR = 0.8
"""Standard deviation of the smoothing, in pixels."""
SOFT_MM = 14.0
"""What is smooth over this many mm (standard deviation) is soft tissue, as far as the fit is concerned."""
WINDOW_MM = (165.0, 95.0, 110.0)
"""To the sides, to the head and to the feet from the middle between the hips."""
DEPENDENT = 12.0
"""Neighboring pixels err together: this many count as one."""
UNEVEN = 0.35
"""What a level for each part cannot explain, as a share of the filtered image's own spread."""
ODD = 3.0
"""From this many standard deviations on a pixel holds something else (bowel gas, metal) and loses weight."""
SCALES = (0.88, 0.96, 1.04, 1.12)
STEPS = 12


@dataclass(frozen=True, eq=False)
class HipPlaneImage:
    """The part of a radiograph that is looked at, in the plane of the hips.

    Parameters
    ----------
    attenuation : array, shape (columns, rows)
        Larger where more is attenuated.
    lit : array of bool, shape (columns, rows)
        What the beam reached.
    pixel_mm : tuple of 2 float
        Side of a pixel in the plane of the hips.
    beam : Beam
        Its (0, 0) is the image's middle.
    """

    attenuation: NDArray[np.float32]
    lit: NDArray[np.bool_]
    pixel_mm: tuple[float, float]
    beam: Beam

    def sample(
        self, corner_mm: NDArray[np.float64], shape: tuple[int, int], step_mm: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return attenuation and share of it that was lit on a window, each smoothed, shape (columns, rows)."""
        spacing = np.asarray(self.pixel_mm)
        sd = np.maximum(BLUR * step_mm / spacing, 0.1)
        lit = self.lit.astype(np.float32)
        weight = ndimage.gaussian_filter(lit, sd)
        image = ndimage.gaussian_filter(self.attenuation * lit, sd) / np.maximum(weight, 1e-3)
        half = (np.array(self.attenuation.shape) - 1) / 2
        column = (corner_mm[0] + np.arange(shape[0]) * step_mm) / spacing[0] + half[0]
        row = (-corner_mm[1] + np.arange(shape[1]) * step_mm) / spacing[1] + half[1]
        where = np.stack(np.broadcast_arrays(column[:, None], row[None, :]))
        inside = np.asarray(ndimage.map_coordinates(weight, where, order=1, cval=0.0), np.float64)
        return np.asarray(ndimage.map_coordinates(image, where, order=1, mode="nearest"), np.float64), inside


@dataclass(eq=False)
class RadiographExplainer:
    """Explains one window of a radiograph by bones in a pose.

    Parameters
    ----------
    projector : RadiographProjector
    image : array, shape (columns, rows)
        Filtered attenuation.
    weight : array, shape (columns, rows)
        One over the standard deviation; 0 where nothing is looked at.
    seen : array, shape (columns, rows)
        Share of a pixel that the beam reached.
    """

    projector: RadiographProjector
    image: NDArray[np.float64]
    weight: NDArray[np.float64]
    seen: NDArray[np.float64]

    def columns(self, pose: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the parts as the filtered image would show them, shape (parts, columns, rows)."""
        return without_soft(self.projector.thickness(pose), self.seen, self.projector.pixel_mm)

    def explain(self, pose: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return levels of the parts, and the residual in its standard deviations."""
        flat = self.columns(pose).reshape(len(self.projector.names), -1) * self.weight.ravel()
        target = (self.image * self.weight).ravel()
        size = np.maximum(np.linalg.norm(flat, axis=1), 1e-9)
        flat /= size[:, None]
        # Solved by its normal equations: few columns, many pixels.
        root = np.linalg.cholesky(flat @ flat.T + 1e-6 * np.eye(len(flat))).T
        level, _ = nnls(root, np.linalg.solve(root.T, flat @ target))
        return level / size, target - level @ flat


def without_soft(image: NDArray[np.float64], seen: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    """Take out what changes slowly, over the lit part alone; of the last two axes."""
    sd = (0,) * (image.ndim - 2) + (SOFT_MM / pixel_mm,) * 2
    slow = ndimage.gaussian_filter(image * seen, sd) / np.maximum(
        ndimage.gaussian_filter(seen, SOFT_MM / pixel_mm), 1e-3
    )
    return np.asarray((image - slow) * (seen > 0.5), np.float64)


@dataclass(frozen=True, eq=False)
class RadiographFit:
    """Where the bones lie in a radiograph.

    Parameters
    ----------
    cloud : BoneCloud
    pose : array
        See :data:`~marrowmap.anatomy.bone_cloud.POSE`; mm in the plane of the hips.
    explained : float
        Share of the filtered attenuation that bones explain, 0 to 1.
    likeness : float
        Correlation of the bones' usual projection with the image before anything was fitted.
    levels : dict of str to float
        Attenuation of each part.
    head_error_mm : dict of Side to float
        Standard deviation of each head's place along an axis, as the fit itself says.
    explainer : RadiographExplainer
        The window that was explained.
    """

    cloud: BoneCloud
    pose: NDArray[np.float64]
    explained: float
    likeness: float
    levels: dict[str, float]
    head_error_mm: dict[Side, float]
    explainer: RadiographExplainer


def _window(shown: HipPlaneImage, cloud: BoneCloud, pose: NDArray[np.float64], pixel_mm: float) -> RadiographExplainer:
    scale = float(np.exp(pose[5]))
    side, above, below = (int(np.ceil(reach * scale / pixel_mm)) for reach in WINDOW_MM)
    shape = (2 * side + 1, above + below + 1)
    corner = np.array([pose[0] - side * pixel_mm, -pose[1] + above * pixel_mm])
    image, seen = shown.sample(corner, shape, pixel_mm)
    image = without_soft(image, seen, pixel_mm)
    spread = float(np.std(image[seen > 0.5])) if (seen > 0.5).any() else 1.0
    weight = (seen > 0.9) / max(UNEVEN * spread, 1e-9)
    projector = RadiographProjector(cloud, shown.beam, corner, shape, pixel_mm, BLUR * pixel_mm)
    return RadiographExplainer(projector, image, weight, seen)


def _starts(shown: HipPlaneImage, cloud: BoneCloud) -> list[tuple[float, NDArray[np.float64]]]:
    """Look for the hips everywhere: likeness and pose of the most likely places, the best first."""
    extent = np.array(shown.attenuation.shape) * shown.pixel_mm
    shape = (int(extent[0] / COARSE_MM), int(extent[1] / COARSE_MM))
    if min(shape) < 20:
        return []
    corner = np.array([-(shape[0] - 1) / 2, (shape[1] - 1) / 2]) * COARSE_MM
    image, seen = shown.sample(corner, shape, COARSE_MM)
    image = without_soft(image, seen, COARSE_MM)
    found = []
    for scale in SCALES:
        pose = np.zeros(cloud.size)
        pose[5] = np.log(scale)
        side, above, below = (int(reach * scale / COARSE_MM) for reach in WINDOW_MM)
        size = (2 * side + 1, above + below + 1)
        corner_here = np.array([-side, above]) * COARSE_MM
        window = RadiographProjector(cloud, shown.beam, corner_here, size, COARSE_MM, BLUR * COARSE_MM)
        bones = window.thickness(pose).sum(axis=0)
        template = without_soft(bones, np.ones(size), COARSE_MM)
        padded = np.pad(image, [(side, side), (above, below)])
        likeness = match_template(padded, template)  # type: ignore[no-untyped-call]
        peaks = peak_local_max(likeness, min_distance=8, num_peaks=2, exclude_border=False)  # type: ignore[no-untyped-call]
        for c, r in peaks:
            start = pose.copy()
            start[0], start[1] = corner[0] + c * COARSE_MM, -(corner[1] - r * COARSE_MM)
            found.append((float(likeness[c, r]), start))
    return sorted(found, key=lambda one: -one[0])


def fit_radiograph(
    shown: HipPlaneImage,
    coarse: BoneCloud,
    fine: BoneCloud,
    points: tuple[Side, NDArray[np.float64]] | None = None,
) -> RadiographFit | None:
    """Lay bones onto a radiograph.

    Parameters
    ----------
    shown : HipPlaneImage
    coarse, fine : BoneCloud
        The same bones filled with few and with many points.
    points : (Side, array of shape (3, 3)), optional
        Head center, tips of greater and lesser trochanter of one side as a user clicked them, mm in the plane of the
        hips; depth is not looked at.

    Returns
    -------
    RadiographFit or None
        None where there is no image to speak of. Whether it is good enough is not judged here.
    """
    starts = _starts(shown, coarse)
    if points is not None:
        starts = [(max((likeness for likeness, _ in starts), default=0.0), start_at(coarse, points))]
    if not starts:
        return None
    likeness, pose = starts[0]
    for cloud, pixel_mm in ((coarse, COARSE_MM), (fine, FINE_MM)):
        explainer = _window(shown, cloud, pose, pixel_mm)
        if cloud is fine:
            _, left = explainer.explain(pose)
            explainer.weight = explainer.weight / np.sqrt(1 + (left.reshape(explainer.image.shape) / ODD) ** 2)
        pose, residual, slopes = search_pose(explainer, cloud, pose, points, DEPENDENT, STEPS)
    levels, left = explainer.explain(pose)
    whole = float(((explainer.image * explainer.weight) ** 2).sum())
    return RadiographFit(
        fine,
        pose,
        1 - float((left**2).sum()) / max(whole, 1e-12),
        likeness,
        {str(name): float(level) for name, level in zip(explainer.projector.names, levels, strict=True)},
        head_errors(fine, pose, slopes, residual, DEPENDENT),
        explainer,
    )
