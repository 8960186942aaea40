"""Search of the pose in which a cloud of hip bones explains a projection best: Gauss and Newton's method, damped.

Held by how people differ, and by what a user clicked.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_cloud import POSE
from marrowmap.anatomy.bone_cloud import BoneCloud
from marrowmap.values import Side

STEPS = 25
POINT_SD_MM = 4.0
"""How well a user clicks."""

_UNIT = np.array([2.0, 2.0, *np.radians([1.0, 2.0, 1.5]), 0.02, *np.radians([2.0] * 6)])
_MODE_UNIT = 0.3


class PoseExplainer(Protocol):
    """Explains an image by bones in a pose."""

    def explain(self, pose: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return levels of the parts, and the residual in its standard deviations."""


def start_at(cloud: BoneCloud, points: tuple[Side, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the usual pose, moved so that a head lies where a user clicked it; arguments as in `search_pose`."""
    start = np.zeros(cloud.size)
    away = points[1][0] - cloud.center(start, points[0])
    start[0], start[1] = away[0], -away[2]
    return start


def search_pose(
    explainer: PoseExplainer,
    cloud: BoneCloud,
    start: NDArray[np.float64],
    points: tuple[Side, NDArray[np.float64]] | None,
    dependent: float,
    steps: int = STEPS,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return pose, residual and its slopes by each number of the pose, in steps of :func:`units`.

    Parameters
    ----------
    explainer : PoseExplainer
    cloud : BoneCloud
    start : array, shape (cloud.size,)
        Where to begin; its scale is what is usual.
    points : (Side, array of shape (3, 3)) or None
        Head center, tips of greater and lesser trochanter as a user clicked them, LPS mm.
    dependent : float
        How many neighboring pixels count as one.
    steps : int
        At most.
    """
    unit, spread = units(cloud), cloud.spread
    usual = np.where(np.isfinite(spread), start * 0, start)

    def residual_of(pose: NDArray[np.float64]) -> NDArray[np.float64]:
        _, left = explainer.explain(pose)
        held = np.where(np.isfinite(spread), (pose - usual) / spread, 0.0)
        return np.concatenate([left / dependent**0.5, held, _off_points(cloud, pose, points)])

    pose, residual, damping = start.copy(), residual_of(start), 1.0
    slopes = np.zeros((len(residual), cloud.size))
    for _ in range(steps):
        for n in range(cloud.size):
            step = np.zeros(cloud.size)
            step[n] = 0.3 * unit[n]
            slopes[:, n] = (residual_of(pose + step) - residual) / 0.3
        normal, downhill = slopes.T @ slopes, -slopes.T @ residual
        before = float(residual @ residual)
        for _ in range(6):
            move = np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-3), downhill)
            tried = pose + np.clip(move, -6, 6) * unit
            left = residual_of(tried)
            if left @ left < before:
                pose, residual, damping = tried, left, damping * 0.3
                break
            damping = max(damping, 1e-3) * 4
        if before - residual @ residual < 1e-4 * before:
            break
    return pose, residual, slopes


def units(cloud: BoneCloud) -> NDArray[np.float64]:
    """Return the step of each number of the pose."""
    return np.concatenate([_UNIT, np.full(cloud.size - len(POSE), _MODE_UNIT)])


def _off_points(
    cloud: BoneCloud, pose: NDArray[np.float64], points: tuple[Side, NDArray[np.float64]] | None
) -> NDArray[np.float64]:
    """Return how far landmarks lie from where a user clicked, in standard deviations."""
    if points is None:
        return np.empty(0)
    side, clicked = points
    marks = cloud.marks(pose, side)
    mine = np.stack([marks[n] for n in ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")])
    return np.asarray(((mine - clicked)[:, [0, 2]] / POINT_SD_MM).ravel(), np.float64)


def head_errors(
    cloud: BoneCloud,
    pose: NDArray[np.float64],
    slopes: NDArray[np.float64],
    residual: NDArray[np.float64],
    dependent: float,
) -> dict[Side, float]:
    """Return the standard deviation of each head's place, from how sharply the misfit rises around the pose."""
    unit = units(cloud)
    misfit = float(residual @ residual) / max(len(residual) / dependent, 1.0)
    covariance = np.linalg.pinv(slopes.T @ slopes) * max(misfit, 1.0)
    errors = {}
    for side in Side:
        here = cloud.center(pose, side)
        moved = np.stack([cloud.center(pose + step, side) - here for step in np.diag(unit)])[:, [0, 2]]
        errors[side] = float(np.sqrt(np.trace(moved.T @ covariance @ moved) / 2))
    return errors
