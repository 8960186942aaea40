"""The femoral head's outline in a radiograph as a circle, found by its edge: bright bone within, joint space without.

The socket's roof runs nearly parallel to it, a few mm outward, and has an edge of the other polarity.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import minimize

from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.values import Side

STEP_MM = 0.5
BLUR_MM = 0.9
REACH_MM = 7.0
"""How far the center is looked for."""
RADII = (0.86, 1.14)
"""Of the expected radius: what is looked for."""
CENTER_SD_MM = 2.0
RADIUS_SD = 0.04
"""How well place and radius are known beforehand."""
SIDES_SD = 0.02
"""How much, relatively, the radii of a person's two heads differ."""
RAYS = 180
NECK_DEG = 50.0
"""To each side of the neck axis no edge is looked for: there the head goes on into the neck."""
STRONGEST = 3.0
"""An edge counts up to this many times what is usual around the head: a wire or a nail must not decide."""
WEIGHT = 20.0
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


@dataclass(frozen=True)
class ExpectedHead:
    """Where a head is expected.

    Parameters
    ----------
    center_mm : array, shape (2,)
        LPS x and z in the plane of the hips.
    radius_mm : float
    neck : array, shape (2,)
        Direction of the neck away from the head, x and z.
    """

    center_mm: NDArray[np.float64]
    radius_mm: float
    neck: NDArray[np.float64]


class _Edges:
    """Edges of an image around one expected head."""

    def __init__(self, shown: HipPlaneImage, expected: ExpectedHead) -> None:
        self.expected = expected
        self.half = int(np.ceil((expected.radius_mm * RADII[1] + REACH_MM + 4) / STEP_MM))
        corner = expected.center_mm + np.array([-1.0, 1.0]) * self.half * STEP_MM
        image, _ = shown.sample(corner, (2 * self.half + 1,) * 2, STEP_MM)
        sd = BLUR_MM / STEP_MM
        across = ndimage.gaussian_filter(image, sd, order=(1, 0))
        self.slope = (across, -ndimage.gaussian_filter(image, sd, order=(0, 1)))
        self.usual = float(np.median(np.hypot(*self.slope))) + 1e-12
        angle = np.linspace(0, 2 * np.pi, RAYS, endpoint=False)
        rays = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        neck = expected.neck / np.linalg.norm(expected.neck)
        self.rays = rays[rays @ neck < np.cos(np.radians(NECK_DEG))]

    def edge(self, circle: NDArray[np.float64]) -> float:
        """Return the mean edge along a circle (x and z from the expected center, radius)."""
        at = circle[:2] + circle[2] * self.rays
        index = np.stack([at[:, 0] / STEP_MM + self.half, self.half - at[:, 1] / STEP_MM])
        seen = [ndimage.map_coordinates(part, index, order=1, mode="nearest") for part in self.slope]
        inward = -(seen[0] * self.rays[:, 0] + seen[1] * self.rays[:, 1]) / self.usual
        return float(np.clip(inward, -STRONGEST, STRONGEST).mean())

    def cost(self, circle: NDArray[np.float64], radius_mm: float, radius_sd: float) -> float:
        """Return what speaks against a circle: a faint edge, a place or a radius off the expected."""
        off = (circle[0] ** 2 + circle[1] ** 2) / CENTER_SD_MM**2 + ((circle[2] / radius_mm - 1) / radius_sd) ** 2
        return float(-WEIGHT * self.edge(circle) + off / 2)


def find_head_circles(shown: HipPlaneImage, expected: Mapping[Side, ExpectedHead]) -> dict[Side, HeadCircle]:
    """Find the outlines of both heads near where they are expected; a person's heads are nearly of one size.

    Parameters
    ----------
    shown : HipPlaneImage
    expected : mapping of Side to ExpectedHead
    """
    steps = np.arange(-REACH_MM, REACH_MM + 0.1, 1.0)
    places = [(x, z) for x in steps for z in steps if np.hypot(x, z) <= REACH_MM]
    edges = {side: _Edges(shown, head) for side, head in expected.items()}
    grown = np.linspace(*RADII, 13)
    starts = {side: [_best_place(one, share, places) for share in grown] for side, one in edges.items()}
    common = int(np.argmin(np.sum([[cost for cost, _ in row] for row in starts.values()], axis=0)))
    found = {}
    for side, one in edges.items():
        usual = one.expected.radius_mm * grown[common]
        best = minimize(
            one.cost,
            starts[side][common][1],
            args=(usual, SIDES_SD),
            method="Nelder-Mead",
            options={"xatol": 0.02, "fatol": 1e-4},
        ).x
        center = one.expected.center_mm + best[:2]
        found[side] = HeadCircle((float(center[0]), float(center[1])), float(best[2]), one.edge(np.asarray(best)))
    return found


def _best_place(
    edges: _Edges, grown: float, places: Sequence[tuple[float, float]]
) -> tuple[float, NDArray[np.float64]]:
    """Return the least cost, and its circle, of circles of one radius."""
    expected = edges.expected.radius_mm
    circles = [np.array([x, z, expected * grown]) for x, z in places]
    costs = [edges.cost(circle, expected, RADIUS_SD) for circle in circles]
    best = int(np.argmin(costs))
    return costs[best], circles[best]
