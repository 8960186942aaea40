"""Lay bones found in MR onto a SPECT that has no CT.

The image around the hips is explained as a sum: each part of each bone (head, neck, ilium …) takes up tracer at a level
of its own, seen through the camera's blur, on a smooth soft tissue. The levels follow by non-negative least squares, so
that a hot or a cold head moves no bone (as in :mod:`~marrowmap.anatomy.planar_fit`). The pelvis moves rigidly, and each
femur turns about its head: nothing else changes between two examinations of one person.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import nnls
from skimage.feature import match_template
from skimage.feature import peak_local_max

from marrowmap.anatomy.bone_activity import GRID_MM
from marrowmap.anatomy.bone_activity import ActiveBones
from marrowmap.anatomy.bone_activity import Array
from marrowmap.anatomy.bone_activity import Spreader
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.resample import resample
from marrowmap.values import Side

BLUR_MM = 5.6
"""Standard deviation of the blur of a usual bone SPECT, its sampling included."""
SEARCH_MM = 10.0
SEARCH_BLUR_MM = 9.0
STARTS = 3
NEAR_MM = 22.0
"""How far from the bones the image is explained."""
SEEN_MM = 80.0
"""How far from the heads: less far than points reach, as what is cut off there goes on in the image."""
BLADDER_MM = (48.0, 75.0, 55.0)
"""What is left out around the midline: to each side, to the head, to the feet; urine is brighter than any bone."""
UNEVEN = 0.15
"""What a level for each part cannot explain, as a share of the image."""
FAINT = 0.15
"""The same, as a share of the usual uptake of bone: noise of a faint voxel."""
ODD = 2.5
"""From this many standard deviations on a voxel holds something else and loses weight."""
DEPENDENT = 27.0
"""Neighboring voxels err together, over some 15 mm: this many count as one."""
TURN_SD = np.radians(np.array([8.0, 5.0, 5.0]))
"""How differently a pelvis lies, LPS axes."""
FEMUR_TURN_SD = np.radians(np.array([8.0, 6.0, 12.0]))
"""How differently a hip is bent: flexion, abduction, rotation."""
STEPS = 14
_TURN, _SHIFT, _FEMUR = 0.035, 2.0, 0.07


@dataclass(frozen=True, eq=False)
class Optimum:
    """A pose that a search ended in.

    Parameters
    ----------
    pose : array
        See :meth:`ActiveBones.matrix`.
    misfit : float
        Weighted sum of squares, per independent voxel, and of what the motion costs.
    explained : float
        Share of what soft tissue alone leaves unexplained that bones explain, 0 to 1.
    covariance : array, shape (size, size)
        Of the pose, from how sharply the misfit rises around it.
    """

    pose: Array
    misfit: float
    explained: float
    covariance: Array


@dataclass(frozen=True, eq=False)
class SpectFit:
    """Where bones lie in a SPECT.

    Parameters
    ----------
    bones : ActiveBones
    best : Optimum
    rivals : tuple of Optimum
        Where searches from elsewhere ended.
    """

    bones: ActiveBones
    best: Optimum
    rivals: tuple[Optimum, ...]

    def head_sd_mm(self, number: int) -> float:
        """Return the standard deviation of a head's place along an axis, as the fit itself says."""
        here = self.bones.heads(self.best.pose)[number]
        unit = _units(self.bones)
        slopes = np.stack([(self.bones.heads(self.best.pose + step)[number] - here) for step in np.diag(unit)], axis=1)
        scaled = self.best.covariance / np.outer(unit, unit)
        return float(np.sqrt(np.trace(slopes @ scaled @ slopes.T) / 3))

    def turn_sd_deg(self, number: int) -> float:
        """Return the standard deviation of a femur's turn about an axis in degrees."""
        mine = slice(6 + 3 * number, 9 + 3 * number)
        both = self.best.covariance[:3, :3] + self.best.covariance[mine, mine]
        both = both + self.best.covariance[:3, mine] + self.best.covariance[mine, :3]
        return float(np.degrees(np.sqrt(np.trace(both) / 3)))


def _units(bones: ActiveBones) -> Array:
    return np.array([_TURN] * 3 + [_SHIFT] * 3 + [_FEMUR] * (3 * len(bones.sides)))


def _spread(bones: ActiveBones) -> Array:
    """Return the usual spread of each number of a pose; where the hips lie in the image is open."""
    return np.concatenate([TURN_SD, np.full(3, np.inf), *([FEMUR_TURN_SD] * len(bones.sides))])


def fit_spect(bones: ActiveBones, image: Volume) -> SpectFit | None:
    """Lay bones onto a SPECT.

    Parameters
    ----------
    bones : ActiveBones
    image : Volume
        Any unit; its coordinates have nothing to do with the bones'.

    Returns
    -------
    SpectFit or None
        None where there is no image to speak of. Whether it is good enough is not judged here.
    """
    starts = find_starts(bones, image)
    found = [_search_from(bones, image, start) for start in starts]
    if not found:
        return None
    found.sort(key=lambda one: -one.explained)
    return SpectFit(bones, found[0], tuple(found[1:]))


def find_starts(bones: ActiveBones, image: Volume) -> list[Array]:
    """Look for the hips everywhere: poses of the most likely places, the best first."""
    ends = image.grid.to_world(np.array([[0, 0, 0], np.array(image.grid.shape) - 1], float))
    low, high = ends.min(axis=0), ends.max(axis=0)
    affine = np.diag([SEARCH_MM] * 3 + [1.0])
    affine[:3, 3] = low
    count = ((high - low) / SEARCH_MM).astype(int) + 1
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), affine, image.grid.frame_of_reference_uid)
    smooth = ndimage.gaussian_filter(image.array.astype(np.float32), SEARCH_MM / 3 / image.grid.spacing)
    coarse = np.maximum(resample(Volume(image.grid, smooth, image.unit), grid).array, 0)
    body = coarse[coarse > 0.05 * np.percentile(coarse, 99.5)]
    if body.size < 100:
        return []
    # Urine and a hot lesion must not outweigh the bones: brightness is cut off.
    flat = np.sqrt(np.minimum(coarse, np.percentile(body, 90)))
    seen = np.argwhere(coarse > 0.05 * np.percentile(coarse, 99.5))
    first, last = seen.min(axis=0), seen.max(axis=0) + 1
    flat = flat[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
    low = low + SEARCH_MM * first
    middle = float(low[0] + SEARCH_MM * (flat.sum(axis=(1, 2)) * np.arange(flat.shape[0])).sum() / flat.sum())
    corner = bones.points.min(axis=0) - 15
    size = np.ceil((bones.points.max(axis=0) + 15 - corner) / SEARCH_MM).astype(int) + 1
    thick = np.zeros(tuple(size))
    np.add.at(thick, tuple(np.rint((bones.points - corner) / SEARCH_MM).astype(int).T), 1.0)
    template = np.sqrt(ndimage.gaussian_filter(thick, SEARCH_BLUR_MM / SEARCH_MM))
    margin = [(int(n) // 2, int(n) // 2) for n in size]
    padded = np.pad(flat, margin)
    if (np.array(padded.shape) < size).any():
        return []
    likeness = match_template(padded, template)  # type: ignore[no-untyped-call]
    # Where hardly anything is seen, any likeness is one of rounding.
    amount = ndimage.uniform_filter(padded, tuple(size))[
        tuple(slice(b, b + n) for (b, _), n in zip(margin, likeness.shape, strict=True))
    ]
    likeness = np.where(amount > 0.3 * amount.max(), likeness, -1.0)
    peaks = peak_local_max(likeness, min_distance=3, exclude_border=False)  # type: ignore[no-untyped-call]
    peaks = sorted(peaks.tolist(), key=lambda at: -float(likeness[tuple(at)]))
    starts: list[Array] = []
    for peak in peaks:
        pose = np.zeros(bones.size)
        at = np.array(peak) - np.array([before for before, _ in margin])
        pose[3:6] = low + SEARCH_MM * at - corner
        if len(starts) < STARTS and _on_its_side(bones, pose, middle):
            starts.append(pose)
    return starts


def _on_its_side(bones: ActiveBones, pose: Array, middle_mm: float) -> bool:
    """Say whether heads lie on their sides of the body's middle: a left hip looks much like a right one."""
    away = [
        (head[0] - middle_mm) * (1 if side is Side.LEFT else -1)
        for side, head in zip(bones.sides, bones.heads(pose), strict=True)
    ]
    return bool(min(away) > 10)


@dataclass(eq=False)
class Explainer:
    """Explains the image around the hips by bones in a pose, and soft tissue.

    Parameters
    ----------
    spreader : Spreader
        Knows the grid.
    where : array of bool
        What is looked at.
    image, weight : array, shape (voxels,)
        Uptake there, and one over its standard deviation.
    soft : array, shape (n, voxels)
        What soft tissue is mixed from.
    """

    spreader: Spreader
    where: NDArray[np.bool_]
    image: Array
    weight: Array
    soft: Array

    def columns(self, parts: Array) -> Array:
        """Return parts, then soft tissue, where it is looked, shape (n, voxels)."""
        return np.concatenate([parts[:, self.where], self.soft])

    def solve(self, columns: Array) -> tuple[Array, Array]:
        """Return levels of the columns, shape (n, voxels), and the weighted residual."""
        flat = columns * self.weight
        size = np.maximum(np.linalg.norm(flat, axis=1), 1e-9)
        flat = flat / size[:, None]
        target = self.image * self.weight
        gram = flat @ flat.T + 1e-7 * np.eye(len(columns))
        root = np.linalg.cholesky(gram).T
        level, _ = nnls(root, np.linalg.solve(root.T, flat @ target))
        return level / size, target - level @ flat

    def slopes(self, bones: ActiveBones, pose: Array, parts: Array, level: Array) -> Array:
        """Return how the weighted model changes with each number of a pose, shape (voxels, size), at fixed levels.

        What is moved rigidly and blurred evenly moves rigidly itself: its change is its gradient along the motion.
        """
        by_body = [
            np.tensordot(level[mine], parts[mine], axes=1)
            for mine in (np.flatnonzero(bones.body_of == body) for body in range(len(bones.sides) + 1))
        ]
        gradients = [
            np.stack([np.gradient(image, GRID_MM, axis=axis) for axis in range(3)], axis=-1)[self.where]
            * self.weight[:, None]
            for image in by_body
        ]
        everything = np.sum(gradients, axis=0)
        where = self.spreader.grid.points()[self.where]
        pelvis = bones.matrix(pose, 0)[:3, :3]
        # (a x r) . g = a . (r x g)
        found = [-np.cross(where - bones.pivot - pose[3:6], everything), -everything]
        for gradient, head in zip(gradients[1:], bones.heads(pose), strict=True):
            found.append(-np.cross(where - head, gradient) @ pelvis)
        return np.asarray(np.concatenate(found, axis=1), np.float64)


def _around(bones: ActiveBones, image: Volume, pose: Array) -> Explainer:
    """Choose what is looked at around a pose."""
    points = bones.moved(pose)
    low, high = points.min(axis=0) - 25, points.max(axis=0) + 25
    affine = np.diag([GRID_MM] * 3 + [1.0])
    affine[:3, 3] = low
    count = ((high - low) / GRID_MM).astype(int) + 1
    grid = Grid((int(count[0]), int(count[1]), int(count[2])), affine, image.grid.frame_of_reference_uid)
    uptake = np.maximum(resample(image, grid, order=1).array.astype(np.float64), 0)
    spreader = Spreader(grid, BLUR_MM)
    bone = np.zeros(grid.shape, bool)
    bone[tuple(np.rint((points - low) / GRID_MM).astype(int).T)] = True
    where = ndimage.distance_transform_edt(~bone) * GRID_MM < NEAR_MM
    where &= image.grid.contains(grid.points().reshape(-1, 3)).reshape(grid.shape)
    x, y, z = (np.asarray(a, np.float64) for a in np.moveaxis(grid.points(), -1, 0))
    heads = bones.heads(pose)
    away = np.min([np.linalg.norm(grid.points() - head, axis=-1) for head in heads], axis=0)
    where &= away < SEEN_MM
    middle = _midline(bones, heads)
    bladder = (np.abs(x - middle) < BLADDER_MM[0]) & (z < heads[:, 2].mean() + BLADDER_MM[1])
    bladder &= z > heads[:, 2].mean() - BLADDER_MM[2]
    urine = np.where(bladder, uptake, 0.0)
    where &= ~bladder
    # No body, no bone: what lies beyond the end of the image or of a phantom says nothing.
    even = ndimage.gaussian_filter(uptake, 1.0)
    usual = float(np.median(even[bone & where])) if (bone & where).any() else 0.0
    u, v, w = (np.asarray((a - a.mean()) / np.ptp(a) * 2, np.float64) for a in (x, y, z))
    smooth = np.stack([np.ones(grid.shape), u, v, w, -u, -v, -w])[:, where]
    haze = np.stack([ndimage.gaussian_filter(urine, sd / GRID_MM)[where] for sd in (8.0, 20.0)])
    weight = 1 / np.sqrt((FAINT * usual) ** 2 + (UNEVEN * even[where]) ** 2 + 1e-12)
    return Explainer(spreader, where, uptake[where], weight, np.concatenate([smooth, haze]))


def _midline(bones: ActiveBones, heads: Array) -> float:
    if len(heads) == 2:
        return float(heads[:, 0].mean())
    return float(heads[0, 0]) + (-85.0 if bones.sides[0] is Side.LEFT else 85.0)


def _search_from(bones: ActiveBones, image: Volume, start: Array) -> Optimum:
    explainer = _around(bones, image, start)
    pose, _, _ = _search(explainer, bones, start, rigid=True)
    pose, _, _ = _search(explainer, bones, pose)
    # Where the hips were found decides what is looked at: once more around them, without what fits nothing.
    explainer = _around(bones, image, pose)
    _, left = explainer.solve(explainer.columns(explainer.spreader.parts(bones, pose)))
    explainer.weight = explainer.weight / np.sqrt(1 + (left / ODD) ** 2)
    pose, residual, slopes = _search(explainer, bones, pose)
    _, left = explainer.solve(explainer.columns(explainer.spreader.parts(bones, pose)))
    _, without = explainer.solve(explainer.soft)
    misfit = float(left @ left) / max(len(left), 1)
    unit = _units(bones)
    covariance = np.linalg.pinv(slopes.T @ slopes) * max(misfit, 1.0) * np.outer(unit, unit)
    explained = 1 - float(left @ left) / max(float(without @ without), 1e-12)
    return Optimum(pose, float(residual @ residual), explained, covariance)


def _search(
    explainer: Explainer, bones: ActiveBones, start: Array, *, rigid: bool = False
) -> tuple[Array, Array, Array]:
    """Search by Gauss and Newton's method; return pose, residual and its slopes in units of :func:`_units`.

    Slopes are taken at fixed levels, less what the levels could make up for (Kaufman 1975, variable projection).
    """
    unit, spread = _units(bones), _spread(bones)
    free = np.arange(6 if rigid else bones.size)
    scale = DEPENDENT**-0.5

    def residual_of(pose: Array) -> tuple[Array, Array, Array]:
        parts = explainer.spreader.parts(bones, pose)
        level, left = explainer.solve(explainer.columns(parts))
        return np.concatenate([left * scale, pose / spread]), parts, level

    pose, damping = start.copy(), 0.1
    residual, parts, level = residual_of(pose)
    slopes = np.zeros((len(residual), bones.size))
    for _ in range(STEPS):
        columns = explainer.columns(parts) * explainer.weight
        basis, _ = np.linalg.qr(columns[level > 0].T)
        change = -explainer.slopes(bones, pose, parts, level) * unit
        change -= basis @ (basis.T @ change)
        slopes = np.concatenate([change * scale, np.diag(unit / spread)])
        mine = slopes[:, free]
        normal, downhill = mine.T @ mine, -mine.T @ residual
        before = float(residual @ residual)
        for _ in range(5):
            move = np.zeros(bones.size)
            move[free] = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-3), downhill)
            tried = pose + np.clip(move, -5, 5) * unit
            new = residual_of(tried)
            if new[0] @ new[0] < before:
                pose, (residual, parts, level), damping = tried, new, damping * 0.3
                break
            damping = max(damping, 1e-3) * 4
        else:
            break
        if before - float(residual @ residual) < 1e-3 * before:
            break
    return pose, residual, slopes
