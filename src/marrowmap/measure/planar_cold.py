"""A cold area of the femoral head in a planar image: looked for with projected balls, with its power.

The delayed image is explained once more around the head: bones part by part, the soft tissue that was fitted, and a
ball within the head whose bone takes up less than the rest. Each ball of a list is cut off by the head's surface,
projected and blurred like the bones. What it explains is counted in standard errors. Two things make the count honest.
A head that is cold through and through looks like a head at a lower level: so the level is held near what the person's
necks say of it, unless the head is hotter. And what no model explains (uneven bone, the fossa, the haze of urine) is
larger than counting noise: limits come from virtual heads without a cold area (tuning seeds), not from Poisson
statistics.

Only the upper head is searched, where osteonecrosis lies: behind the lower medial head lies the fossa of the
acetabulum, whose lack of bone looks like a cold area in every hip.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import ndtr

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.planar_fit import BLUR_MM
from marrowmap.anatomy.planar_fit import PIXEL_MM
from marrowmap.anatomy.planar_fit import PlanarFit
from marrowmap.anatomy.planar_fit import Projector
from marrowmap.values import Side

DIAMETERS_MM = (18.0, 22.0, 26.0, 30.0, 36.0, 42.0)
PLACES = ((0.0, 0.0), *((shell, aside) for shell in (0.35, 0.65, 0.95) for aside in (-40.0, -20.0, 0.0, 20.0, 40.0)))
"""Balls' centers in the projection: distance from the head center over its radius, degrees lateral of straight up."""
OFFSET = (-1.0, -0.6, -0.5, -0.3, -0.2, -0.2, -0.4, -0.2, 0.2, 0.5, 0.6, -0.3, -0.1, 0.4, 1.0, 1.2)
SPREAD = (0.9, 0.9, 1.0, 1.2, 1.4, 1.5, 0.9, 1.0, 1.4, 1.7, 1.8, 0.7, 0.7, 1.2, 1.5, 1.6)
"""What a ball in each of :data:`PLACES` explains on average, and its standard deviation, in weighted counts, in heads
without a cold area (``benchmarks/planar_signs.py --tune``)."""
LEAST_SHARE = 0.4
"""Balls with less of themselves within the head are left out."""
REACH_MM = 25.0
"""So far beyond the head the image is explained."""
UNEVEN = 0.06
"""What one level for each part cannot explain, as a share of the counts."""
HEAD_OVER_NECKS = 0.75
"""Fitted level of a well head over those of neck and intertrochanteric region (tuning seeds): the body before and
behind a head is thicker than at the trochanters, and the fit knows no attenuation."""
HEAD_SPREAD = 0.14
"""Relative standard deviation of it (tuning seeds)."""
COLD_BELOW = 0.7
"""Uptake of an area over the usual, above which it is only less hot than the rest of a hot head; a choice."""
DEAD = 0.29
"""Uptake of dead bone over the usual: SUV 0.64 in Ficat I over 2.18 (Xiong 2015)."""
HOT_FROM = 1.3
"""The rest of the head over the usual, from which it is called hot; a choice."""
STRENGTH_LIMIT = 3.0
"""Fewer standard errors are none: what the best of many balls reaches in heads without a cold area (tuning seeds)."""
POWER = 0.9
LEAST_SEEN = 0.9
"""Share of the head's pixels that must be in view, and clear of the bladder."""


@dataclass(frozen=True)
class PlanarColdArea:
    """What was looked for in one head, and found.

    Parameters
    ----------
    strength : float
        Standard errors by which the best ball that would be cold stands out; 0 where none would.
    diameter_mm, volume_ml : float
        Of that ball; its volume within the head.
    rest, left : float
        Uptake of the rest of the head, and of the ball, over the usual.
    head : float
        Uptake of the head as a whole, over the usual.
    surely : float
        Uptake over the usual that power is stated for: that of the head as far as the neck is as hot. In a head that is
        hotter than its neck heat is uneven, and a hot rim hides what it surrounds.
    dead_mm, half_mm : float or None
        Least diameter of a ball of dead bone, and of one with half of the rest's uptake, that would have been called
        present in 90 of 100 such heads; None where not even the largest would.
    """

    strength: float
    diameter_mm: float
    volume_ml: float
    rest: float
    left: float
    head: float
    surely: float
    dead_mm: float | None
    half_mm: float | None

    @property
    def present(self) -> bool:
        """Whether the ball stands out more than in heads without a cold area.

        In a hot head it must be one that surely would have: smaller ones are mostly uneven heat.
        """
        shown = self.dead_mm is not None and self.diameter_mm >= self.dead_mm
        return self.strength >= STRENGTH_LIMIT and (self.rest < HOT_FROM or shown)


@dataclass(frozen=True, eq=False)
class Balls:
    """Balls within one head.

    Parameters
    ----------
    diameter_mm, volume_ml : array, shape (n,)
    place : array of int, shape (n,)
        Number in :data:`PLACES`.
    columns : array, shape (n, columns, rows)
        Blurred volume in each pixel, mL.
    """

    diameter_mm: NDArray[np.float64]
    volume_ml: NDArray[np.float64]
    place: NDArray[np.int64]
    columns: NDArray[np.float64]


def _project_balls(projector: Projector, femur: BoneFrame) -> Balls:
    """Project balls cut off by a head."""
    center_mm, radius_mm = femur.head_center_mm[[0, 2]], femur.head_radius_mm
    fine, step = 4, PIXEL_MM / 4
    reach = int(np.ceil(radius_mm / PIXEL_MM)) + 4
    corner_mm = projector.corner_mm
    away = np.array([center_mm[0] - corner_mm[0], corner_mm[1] - center_mm[1]])
    middle = np.round(away / PIXEL_MM)
    first = middle.astype(int) - reach
    count = 2 * reach + 1
    sub = (np.arange(count * fine) + 0.5) / fine - 0.5
    x = (corner_mm[0] + (first[0] + sub) * PIXEL_MM - center_mm[0])[:, None]
    z = (corner_mm[1] - (first[1] + sub) * PIXEL_MM - center_mm[1])[None, :]
    head = radius_mm**2 - x**2 - z**2
    found = []
    for diameter in DIAMETERS_MM:
        for n, (shell, aside) in enumerate(PLACES):
            left = femur.side.sign * shell * radius_mm * np.sin(np.radians(aside))
            up = shell * radius_mm * np.cos(np.radians(aside))
            ball = (diameter / 2) ** 2 - (x - left) ** 2 - (z - up) ** 2
            thick = 2 * np.sqrt(np.clip(np.minimum(ball, head), 0, None))
            volume = float(thick.sum()) * step**2 / 1000
            if volume < LEAST_SHARE * np.pi / 6 * diameter**3 / 1000:
                continue
            pixels = thick.reshape(count, fine, count, fine).mean(axis=(1, 3)) * PIXEL_MM**2 / 1000
            found.append((diameter, volume, n, _laid(pixels, first, projector.shape)))
    diameters, volumes, places, columns = zip(*found, strict=True)
    blurred = ndimage.gaussian_filter(np.array(columns), (0, BLUR_MM / PIXEL_MM, BLUR_MM / PIXEL_MM))
    return Balls(
        np.array(diameters),
        np.array(volumes),
        np.array(places),
        np.asarray(blurred, np.float64),
    )


def _laid(pixels: NDArray[np.float64], first: NDArray[np.int64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """Lay a small image into a window; what lies outside is lost."""
    window = np.zeros(shape)
    low = np.maximum(first, 0)
    high = np.minimum(first + pixels.shape, shape)
    if (high > low).all():
        a, b = low - first, high - first
        window[low[0] : high[0], low[1] : high[1]] = pixels[a[0] : b[0], a[1] : b[1]]
    return window


@dataclass(frozen=True, eq=False)
class Explained:
    """The best that each ball does beside a basis.

    Parameters
    ----------
    without : float
        Misfit without a ball.
    signed : array, shape (n,)
        What a ball explains, in weighted counts; below 0 where more than even uptake is seen.
    gain, depth, level : array, shape (n,)
        By how much a ball lowers the misfit; how much less its bone takes up, and the rest of the head, counts/mL.
    shared : array, shape (n, n)
        Products of the balls, less what the basis explains of them.
    even : float
        The head's level without a ball.
    """

    without: float
    signed: NDArray[np.float64]
    gain: NDArray[np.float64]
    depth: NDArray[np.float64]
    level: NDArray[np.float64]
    shared: NDArray[np.float64]
    even: float


def _explain(base: NDArray[np.float64], balls: NDArray[np.float64], seen: NDArray[np.float64]) -> Explained:
    """Fit each ball beside a basis whose first column is the head; no ball takes up less than nothing."""
    basis = np.linalg.qr(base)[0]
    rest = seen - basis @ (basis.T @ seen)
    beside = balls - basis @ (basis.T @ balls)
    shared = beside.T @ beside
    power = np.maximum(shared.diagonal(), 1e-12)
    wanted = -(beside.T @ rest) / power
    even = float(np.linalg.lstsq(base, seen, rcond=None)[0][0])
    # A ball that is taken out raises the level of the rest.
    raises = np.linalg.lstsq(base, balls, rcond=None)[0][0]
    most = max(even, 0.0) / np.maximum(1 - raises, 1e-3)
    depth = np.clip(wanted, 0.0, most)
    gain = (2 * wanted - depth) * depth * power
    return Explained(float(rest @ rest), wanted * np.sqrt(power), gain, depth, even + depth * raises, shared, even)


def explain_head(fit: PlanarFit, femur: BoneFrame) -> tuple[Balls, Explained, Explained, float] | None:
    """Explain the image around a head with each ball of the list.

    Parameters
    ----------
    fit : PlanarFit
        Of the delayed image.
    femur : BoneFrame
        As fitted, LPS mm of the image.

    Returns
    -------
    Balls
    Explained
        The head's level free.
    Explained
        The head's level held near the usual.
    float
        The usual level, counts/mL.

    None where the head is not wholly in view or lies behind the bladder, or where nothing tells the usual uptake.
    """
    projector, window = fit.explainer.projector, fit.explainer
    center, radius = femur.head_center_mm[[0, 2]], femur.head_radius_mm
    x = (projector.corner_mm[0] + np.arange(projector.shape[0]) * PIXEL_MM - center[0])[:, None]
    z = (projector.corner_mm[1] - np.arange(projector.shape[1]) * PIXEL_MM - center[1])[None, :]
    away = np.hypot(x, z)
    usual = _usual(fit)
    whole = np.pi * (radius / PIXEL_MM) ** 2
    if usual <= 0 or ((away < radius) & (window.weight > 0)).sum() < LEAST_SEEN * whole:
        return None
    # Not the fit's own weights: those let go of what its even parts cannot explain, which is what is looked for here.
    even = ndimage.gaussian_filter(window.image, 1.0)
    own = 1 / np.sqrt(even + (UNEVEN * even) ** 2 + 1.0)
    where = (away < radius + REACH_MM) & (window.weight > 0)
    weight = own[where]
    base = _base(fit, femur.side, where, x, z) * weight[:, None]
    balls = _project_balls(projector, femur)
    columns = (balls.columns[:, where] * weight).T
    seen = window.image[where] * weight
    hold = np.zeros(base.shape[1])
    hold[0] = 1 / (HEAD_SPREAD * usual)
    held = _explain(
        np.vstack([base, hold]), np.vstack([columns, np.zeros(columns.shape[1])]), np.append(seen, 1 / HEAD_SPREAD)
    )
    return balls, _explain(base, columns, seen), held, usual


def find_planar_cold_area(fit: PlanarFit, femur: BoneFrame) -> PlanarColdArea | None:
    """Look for the cold area that explains a head's projection best; see :func:`explain_head`."""
    explained = explain_head(fit, femur)
    if explained is None:
        return None
    balls, free, held, usual = explained
    # A head may take up more than the usual at no cost, and less only at one.
    hot = free.level >= usual
    without = free.without if free.even >= usual else held.without
    gain = np.where(hot, without - free.without + free.gain, without - held.without + held.gain)
    depth, level = np.where(hot, free.depth, held.depth), np.where(hot, free.level, held.level)
    spread = np.array(SPREAD)[balls.place]
    strength = (np.sqrt(np.maximum(gain, 0.0)) - np.array(OFFSET)[balls.place]) / spread
    cold = (level - depth < COLD_BELOW * usual) & (depth > 0)
    best = int(np.argmax(np.where(cold, strength, -np.inf)))
    found = bool(cold[best])
    neck, other = (fit.levels[f"{side.value} neck"] for side in (femur.side, femur.side.opposite))
    surely = max(min(free.even / usual, neck / other if other > 0 else 1.0), 1.0)
    shared = free.shared if surely > 1 + HEAD_SPREAD else held.shared
    return PlanarColdArea(
        max(float(strength[best]), 0.0) if found else 0.0,
        float(balls.diameter_mm[best]),
        float(balls.volume_ml[best]),
        float(level[best] / usual),
        float((level - depth)[best] / usual),
        free.even / usual,
        surely,
        _smallest(balls, shared / spread, (surely - DEAD) * usual),
        # Half of what a hot head takes up is not cold.
        _smallest(balls, shared / spread, surely * usual / 2) if surely / 2 < COLD_BELOW else None,
    )


def _usual(fit: PlanarFit) -> float:
    """Return the level of a well head, from neck and intertrochanteric region of whichever side takes up less."""
    lower = [min(fit.levels.get(f"{one.value} {part}", 0.0) for one in Side) for part in ("neck", "intertrochanteric")]
    return HEAD_OVER_NECKS * float(np.mean(lower))


def _base(
    fit: PlanarFit, side: Side, where: NDArray[np.bool_], x: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return what explains the image without a ball, shape (pixels, n): head, other bones seen here, soft tissue."""
    projector = fit.explainer.projector
    bones = projector.thickness(fit.pose)
    levels = np.array([fit.levels[str(name)] for name in projector.names])
    soft = fit.model - np.tensordot(levels, bones, axes=1)
    head = projector.names.tolist().index(f"{side.value} head")
    most = bones[:, where].max(axis=1)
    others = [n for n in range(len(bones)) if n != head and most[n] > 0.1 * most[head]]
    slopes = [soft, soft * x / 50.0, soft * z / 50.0]
    return np.stack([bones[head][where], *(bones[n][where] for n in others), *(one[where] for one in slopes)], axis=1)


def _smallest(balls: Balls, shared: NDArray[np.float64], depth: float) -> float | None:
    """Return the least diameter whose balls pass the limit often enough, wherever in the upper head they lie.

    Parameters
    ----------
    balls : Balls
    shared : array, shape (n, n)
        Products of the balls, each column over the spread of its ball.
    depth : float
        How much less their bone takes up, counts/mL.
    """
    own = np.einsum("nn->n", shared * np.array(SPREAD)[balls.place])
    # A ball is found by whichever ball of the list it is most like.
    expected = (depth * shared / np.sqrt(np.maximum(own, 1e-12))).max(axis=1)
    for diameter in DIAMETERS_MM:
        mine = balls.diameter_mm == diameter
        if mine.any() and float(ndtr(expected[mine] - STRENGTH_LIMIT).mean()) >= POWER:
            return diameter
    return None
