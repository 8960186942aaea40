"""A cold area of the femoral head in SPECT: looked for with blurred balls, with its power.

An area that takes up less than the rest of the head is a ball, cut off by the head's surface, whose uptake is lower by
its contrast. Each ball of a list is blurred like the image and fitted beside even uptake of the head and all around it;
the one that explains most is the candidate. How well a ball of any size and contrast would have stood out of this
head's unevenness follows from the same fit, so that absence can be earned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from marrowmap.measure.spect_parts import GRAIN_MM
from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import blurred
from marrowmap.values import Quantity

METHOD = "blurred balls/1: ball within the head fitted beside even uptake of head, neck and surroundings"
RADII_MM = (6.0, 8.0, 10.0, 12.0, 14.5, 17.0, 20.0)
SHELLS = (0.0, 0.45, 0.8, 1.05)
"""Distance of balls' centers from the head center over its radius."""
DIRECTIONS = 32
LEAST_SHARE = 0.25
"""Balls with less of themselves within the head are left out."""
COLD_CONTRAST = 0.5
"""Least contrast of what is called cold; shallow and wide candidates are mostly unevenness."""
FAINT_CONTRAST = 0.3
"""From here to there it is left open."""
LEAST_ML = 1.0
POWER_CONTRAST = 0.7
"""Of dead bone: SUV 0.64 in Ficat I over 2.18 in well heads (Xiong 2015)."""
POWER = 0.9
STRENGTH_LIMIT = 3.5
"""A candidate that stands out by fewer standard errors is none; set on tuning seeds, as the best of many balls."""


@dataclass(frozen=True, eq=False)
class ColdArea:
    """What was looked for in one head, and found.

    Parameters
    ----------
    volume : Quantity
        mL of the best candidate; 0 where no ball lowers the uptake.
    contrast : Quantity
        One less its uptake over that of the rest of the head.
    center_mm : array, shape (3,)
        LPS; of the candidate.
    radius_mm : float
    strength : float
        How many standard errors it stands out.
    head_uptake : float
        Of the head without the candidate, in the image's unit.
    smallest_mm : float or None
        Least diameter of a ball of :data:`POWER_CONTRAST` that would have been called present in 90 of 100 such heads;
        None where not even the largest would.
    """

    volume: Quantity
    contrast: Quantity
    center_mm: NDArray[np.float64]
    radius_mm: float
    strength: float
    head_uptake: float
    smallest_mm: float | None

    @property
    def present(self) -> bool:
        """Whether the candidate is a cold area: large, cold and clear enough."""
        found = self.volume.value >= LEAST_ML and self.contrast.value >= COLD_CONTRAST
        return found and self.strength >= STRENGTH_LIMIT


def _directions() -> NDArray[np.float64]:
    """Return even directions on the sphere, shape (n, 3), by the golden angle."""
    n = np.arange(DIRECTIONS) + 0.5
    up = 1 - 2 * n / DIRECTIONS
    turn = np.pi * (1 + 5**0.5) * n
    return np.stack([np.sqrt(1 - up**2) * np.cos(turn), np.sqrt(1 - up**2) * np.sin(turn), up], axis=1)


@dataclass(frozen=True, eq=False)
class _Ball:
    center_mm: NDArray[np.float64]
    radius_mm: float
    volume_ml: float
    column: NDArray[np.float64]


def _cut(parts: Parts, margin_mm: float) -> tuple[slice, slice, slice]:
    index = parts.grid.to_index(parts.femur.head_center_mm)
    reach = (parts.femur.head_radius_mm + margin_mm) / VOXEL_MM
    low = np.clip(np.floor(index - reach), 0, None).astype(int)
    high = np.clip(np.ceil(index + reach) + 1, None, parts.grid.shape).astype(int)
    a, b, c = (slice(int(x), int(y)) for x, y in zip(low, high, strict=True))
    return a, b, c


def _balls(parts: Parts, box: tuple[slice, slice, slice], where: NDArray[np.bool_], sd_mm: float) -> list[_Ball]:
    head = parts.shares["femoral_head"][box]
    corner = parts.grid.to_world([s.start for s in box])
    axes = [corner[n] + VOXEL_MM * np.arange(head.shape[n]) for n in range(3)]
    center, radius = parts.femur.head_center_mm, parts.femur.head_radius_mm
    middles = [center]
    for shell in SHELLS[1:]:
        middles += list(center + shell * radius * _directions())
    found = []
    for middle in middles:
        away = np.sqrt(
            (axes[0][:, None, None] - middle[0]) ** 2 + (axes[1][:, None] - middle[1]) ** 2 + (axes[2] - middle[2]) ** 2
        )
        for size in RADII_MM:
            ball = np.clip(0.5 + (size - away) / VOXEL_MM, 0, 1).astype(np.float32) * head
            volume = float(ball.sum()) * VOXEL_MM**3 / 1000
            if volume < LEAST_SHARE * 4 / 3 * np.pi * size**3 / 1000:
                continue
            found.append(_Ball(np.asarray(middle), size, volume, blurred(ball, sd_mm)[where].astype(np.float64)))
    return found


def find_cold_area(parts: Parts, sd_mm: float) -> ColdArea:
    """Look for the cold area that explains a head's uptake best.

    Parameters
    ----------
    parts : Parts
    sd_mm : float
        Standard deviation of the image's blur.
    """
    box = _cut(parts, 10.0)
    shares = {name: share[box] for name, share in parts.shares.items()}
    where = blurred(shares["femoral_head"], 1.5) > 0.25
    names = [name for name, share in shares.items() if float(blurred(share, sd_mm)[where].max()) > 0.05]
    base = np.stack([blurred(shares[name], sd_mm)[where] for name in names], axis=1).astype(np.float64)
    seen = parts.uptake.array[box][where].astype(np.float64)
    basis = np.linalg.qr(base)[0]
    rest = seen - basis @ (basis.T @ seen)
    balls = _balls(parts, box, where, sd_mm)
    columns = np.stack([ball.column for ball in balls], axis=1)
    columns = columns - basis @ (basis.T @ columns)
    power = (columns**2).sum(axis=0)
    depth = -(columns.T @ rest) / power
    # No area takes up less than nothing: a small ball may not stand for a larger one by more than full contrast.
    even = max(float(np.linalg.lstsq(base, seen, rcond=None)[0][names.index("femoral_head")]), 1e-9)
    bound = np.clip(depth, 0.0, even)
    gain = (2 * depth - bound) * bound * power
    best = int(np.argmax(gain))
    depth = bound
    ball = balls[best]
    # What is left once the candidate is taken out is this head's unevenness; blurred, so that neighbors say the same.
    left = rest + depth[best] * columns[:, best]
    same = (2 * np.sqrt(np.pi) * GRAIN_MM) ** 3 / VOXEL_MM**3
    noise = float(np.sqrt((left**2).sum() / max(len(left) - base.shape[1] - 4, 1)))
    spread = noise * np.sqrt(same)
    # All balls that explain the image about as well: likelihood falls by less than a 95 % interval's.
    alike = [one.volume_ml for one, won in zip(balls, gain, strict=True) if won >= gain[best] - 3.84 * spread**2]
    full = np.column_stack([base, -ball.column])
    values = np.linalg.lstsq(full, seen, rcond=None)[0]
    level = max(float(values[names.index("femoral_head")]), 1e-9)
    error = spread / np.sqrt(power)
    contrast, contrast_sd = float(depth[best]) / level, float(error[best]) / level
    smallest = _smallest(balls, error, level)
    contrast = max(contrast, 0.0)
    reach = 1.96 * contrast_sd
    return ColdArea(
        Quantity(ball.volume_ml, "mL", min(alike), max(alike)) if contrast > 0 else Quantity(0.0, "mL"),
        Quantity(contrast, "1", max(contrast - reach, 0.0), contrast + reach),
        ball.center_mm,
        ball.radius_mm,
        float(depth[best] / error[best]),
        level,
        smallest,
    )


def _smallest(balls: list[_Ball], error: NDArray[np.float64], level: float) -> float | None:
    """Return the least diameter whose balls of dead bone pass the limit often enough."""
    sizes = np.array([ball.radius_mm for ball in balls])
    for size in RADII_MM:
        mine = POWER_CONTRAST * level / error[sizes == size]
        if mine.size and float(ndtr(np.median(mine) - STRENGTH_LIMIT)) >= POWER:
            return 2 * size
    return None
