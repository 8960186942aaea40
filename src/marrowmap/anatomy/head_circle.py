"""The femoral head's outline in a radiograph as a circle, found by its edge: bright bone within, joint space without.

The socket's roof runs nearly parallel to it, a few mm outward, and has an edge of the other polarity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize

from marrowmap.anatomy.radiograph_fit import HipPlaneImage

STEP_MM = 0.5
BLUR_MM = 0.9
REACH_MM = 7.0
"""How far the center is looked for."""
RADII = (0.86, 1.14)
"""Of the expected radius: what is looked for."""
CENTER_SD_MM = 2.0
RADIUS_SD = 0.04
"""How well place and radius are known beforehand."""
RAYS = 180
NECK_DEG = 50.0
"""To each side of the neck axis no edge is looked for: there the head goes on into the neck."""
STRONGEST = 3.0
"""An edge counts up to this many times what is usual around the head: a wire or a nail must not decide."""
WEIGHT = 40.0
"""How many independent places an outline's edge is taken to be seen at; set on tuning seeds."""


@dataclass(frozen=True)
class HeadCircle:
    """A circle around a femoral head.

    Parameters
    ----------
    center_mm : tuple of 2 float
        LPS x and z in the plane of the hips.
    radius_mm : float
    sharpness : float
        Mean edge along it over what is usual around the head; about 0 where there is none.
    """

    center_mm: tuple[float, float]
    radius_mm: float
    sharpness: float


def find_head_circle(
    shown: HipPlaneImage, center_mm: NDArray[np.float64], radius_mm: float, neck: NDArray[np.float64]
) -> HeadCircle:
    """Find the head's outline near where it is expected.

    Parameters
    ----------
    shown : HipPlaneImage
    center_mm : array, shape (2,)
        Expected center, LPS x and z.
    radius_mm : float
        Expected radius.
    neck : array, shape (2,)
        Direction of the neck away from the head, x and z.
    """
    half = int(np.ceil((radius_mm * RADII[1] + REACH_MM + 4) / STEP_MM))
    size = 2 * half + 1
    corner = np.array([center_mm[0] - half * STEP_MM, center_mm[1] + half * STEP_MM])
    image, _ = shown.sample(corner, (size, size), STEP_MM)
    sd = BLUR_MM / STEP_MM
    slope = np.stack(
        [ndimage.gaussian_filter(image, sd, order=(1, 0)), -ndimage.gaussian_filter(image, sd, order=(0, 1))]
    )
    usual = float(np.median(np.hypot(*slope))) + 1e-12
    angle = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
    rays = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    rays = rays[rays @ (neck / np.linalg.norm(neck)) < np.cos(np.radians(NECK_DEG))]

    def edge(circle: NDArray[np.float64]) -> float:
        at = circle[:2] + circle[2] * rays
        index = np.stack([at[:, 0] / STEP_MM + half, half - at[:, 1] / STEP_MM])
        seen = [ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in slope]
        inward = -(seen[0] * rays[:, 0] + seen[1] * rays[:, 1]) / usual
        return float(np.clip(inward, -STRONGEST, STRONGEST).mean())

    def cost(circle: NDArray[np.float64]) -> float:
        off = (circle[0] ** 2 + circle[1] ** 2) / CENTER_SD_MM**2 + ((circle[2] / radius_mm - 1) / RADIUS_SD) ** 2
        return -WEIGHT * edge(circle) + off / 2

    steps = np.arange(-REACH_MM, REACH_MM + 0.1, 1.0)
    tried = [
        np.array([x, z, radius_mm * grown])
        for x in steps
        for z in steps
        if np.hypot(x, z) <= REACH_MM
        for grown in np.linspace(*RADII, 13)
    ]
    best = min(tried, key=cost)
    found = minimize(cost, best, method="Nelder-Mead", options={"xatol": 0.02, "fatol": 1e-4}).x
    return HeadCircle(
        (float(center_mm[0] + found[0]), float(center_mm[1] + found[1])), float(found[2]), edge(np.asarray(found))
    )
