"""A cold area of the femoral head in SPECT: looked for with blurred balls, with its power.

An area that takes up less than the rest of the head is a ball, cut off by the head's surface, whose uptake is lower by
its contrast. Each ball of a list is blurred like the image and fitted beside even uptake of every part, by generalized
least squares: what else makes a head look uneven (noise of its grain, uneven bone, a bone's place, size and the image's
blur not quite known, hip bone and soft tissue around that are not even) is in the covariance, so that it is not taken
for cold. The ball that explains most is the candidate. How well a ball of any size and contrast would have stood out
follows from the same fit, so that absence can be earned.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy import ndimage
from scipy.special import ndtr

from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Array
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import blurred
from marrowmap.values import Quantity

Square = NDArray[np.float64]

METHOD = "blurred balls/2: ball within the head, generalized least squares beside even parts and their unevenness"
RADII_MM = (4.0, 6.0, 8.0, 10.0, 12.0, 14.5, 17.0, 20.0)
SHELLS = (0.0, 0.45, 0.8, 1.05)
"""Distance of balls' centers from the head center over its radius."""
DIRECTIONS = 32
LEAST_SHARE = 0.25
"""Balls with less of themselves within the head are left out."""
STRIDE = 2
"""Every second voxel along each axis is fitted: closer ones say the same, as they are blurred."""
MARGIN_MM = 14.0

FEMUR, HIP_BONE, REST = (0.10, 8.0), (0.25, 10.0), (0.4, 15.0)
"""Relative standard deviation of true uptake within a part, and over how many mm (SD) it is alike."""
SIZE_SD = 0.012
BLUR_SD_MM, BLUR_STEP_MM = 0.5, 0.3
LOBE, LOBE_MM, CORE_MM = 0.08, 6.0, 3.5
"""Noise of an OSEM image with resolution recovery is alike nearby and a little opposed further off: this share of a
wider Gaussian is taken off a narrow one. Of repeated draws of two virtual people's counts (tuning seeds)."""
NOISE = (0.03, 0.05, 0.07, 0.10, 0.14, 0.20, 0.28, 0.40)
"""Relative standard deviations of the image's noise that are tried; the likeliest is taken."""
CONTRASTS = (0.5, 0.7, 0.9)
"""For which the least diameter is stated."""
DEAD_SHARE = 0.3
"""Uptake of dead bone over the usual: SUV 0.64 in Ficat I, 2.18 in well heads (Xiong 2015)."""
RECOVERED = 0.85
"""Share of a cold area's contrast that OSEM gives back, as cold converges late: on tuning seeds what stood out was
found with that share of its contrast. Power counts on no more."""
POWER = 0.9
LEAST_ML = 1.0
STRENGTH_LIMIT = 4.5
"""A candidate that stands out by fewer standard errors is none: the best of many balls in heads without a cold area
stands out by up to that (``benchmarks/cold_areas.py``, tuning seeds)."""
WHOLE = 0.9
"""Balls with that share of themselves within the head tell the power."""


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
    uptake_sd : float
        Standard deviation of the candidate's own uptake, in the image's unit.
    dead_mm : float or None
        The same for dead bone, :data:`DEAD_SHARE` of the usual: the hotter the head, the more contrast that is.
    smallest_mm : mapping of float to (float or None)
        By contrast (:data:`CONTRASTS`) the least diameter of a ball that would have stood out in 90 of 100 such heads;
        None where not even the largest that a head holds would.
    """

    volume: Quantity
    contrast: Quantity
    center_mm: NDArray[np.float64]
    radius_mm: float
    strength: float
    head_uptake: float
    uptake_sd: float
    smallest_mm: Mapping[float, float | None]
    dead_mm: float | None

    @property
    def uptake(self) -> float:
        """Uptake of the candidate, in the image's unit."""
        return self.head_uptake * max(1 - self.contrast.value, 0.0)

    @property
    def present(self) -> bool:
        """Whether the candidate stands out: large and clear enough."""
        return self.volume.value >= LEAST_ML and self.strength >= STRENGTH_LIMIT


@dataclass(frozen=True, eq=False)
class _Ball:
    center_mm: NDArray[np.float64]
    radius_mm: float
    volume_ml: float
    whole: bool
    column: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Head:
    """A head's voxels and what may be seen in them.

    Parameters
    ----------
    box : tuple of slice
        Part of the grid.
    where : array of bool, shape of the box
        Voxels that are fitted.
    seen : array, shape (n,)
    base : array, shape (n, parts)
        Each part, blurred.
    names : list of str
    place_mm : array, shape (n, 3)
    """

    box: tuple[slice, slice, slice]
    where: NDArray[np.bool_]
    seen: NDArray[np.float64]
    base: NDArray[np.float64]
    names: list[str]
    place_mm: NDArray[np.float64]


def _directions() -> NDArray[np.float64]:
    """Return even directions on the sphere, shape (n, 3), by the golden angle."""
    n = np.arange(DIRECTIONS) + 0.5
    up = 1 - 2 * n / DIRECTIONS
    turn = np.pi * (1 + 5**0.5) * n
    return np.stack([np.sqrt(1 - up**2) * np.cos(turn), np.sqrt(1 - up**2) * np.sin(turn), up], axis=1)


def _cut(parts: Parts) -> tuple[slice, slice, slice]:
    index = parts.grid.to_index(parts.femur.head_center_mm)
    reach = (parts.femur.head_radius_mm + MARGIN_MM) / VOXEL_MM
    low = np.clip(np.floor(index - reach), 0, None).astype(int)
    high = np.clip(np.ceil(index + reach) + 1, None, parts.grid.shape).astype(int)
    a, b, c = (slice(int(x), int(y)) for x, y in zip(low, high, strict=True))
    return a, b, c


def _head(parts: Parts, sd_mm: float) -> _Head:
    box = _cut(parts)
    shares = {name: share[box] for name, share in parts.shares.items()}
    every = np.zeros(shares["rest"].shape, bool)
    every[::STRIDE, ::STRIDE, ::STRIDE] = True
    where = every & (blurred(shares["femoral_head"], 1.5) > 0.2)
    images = {name: blurred(share, sd_mm)[where] for name, share in shares.items()}
    names = [name for name, image in images.items() if float(image.max(initial=0)) > 0.03]
    base = np.stack([images[name] for name in names], axis=1).astype(np.float64)
    seen = parts.uptake.array[box][where].astype(np.float64)
    return _Head(box, where, seen, base, names, np.asarray(np.argwhere(where) * VOXEL_MM, np.float64))


def _blur_matrix(size: int, sd_mm: float) -> Array:
    """Return the matrix (every :data:`STRIDE`-th voxel, voxel) that blurs along one axis."""
    every = ndimage.gaussian_filter1d(np.eye(size), sd_mm / VOXEL_MM, axis=0, mode="constant", truncate=3.5)
    return np.asarray(every[::STRIDE], np.float32)


def _balls(parts: Parts, head: _Head, sd_mm: float) -> list[_Ball]:
    share = parts.shares["femoral_head"][head.box]
    corner = parts.grid.to_world([s.start for s in head.box])
    axes = [corner[n] + VOXEL_MM * np.arange(share.shape[n]) for n in range(3)]
    center, radius = parts.femur.head_center_mm, parts.femur.head_radius_mm
    middles = [center]
    for shell in SHELLS[1:]:
        middles += list(center + shell * radius * _directions())
    # Blurred along each axis at the fitted voxels only: one small matrix an axis, far quicker than filters.
    blurs = [_blur_matrix(size, sd_mm) for size in share.shape]
    where = head.where[::STRIDE, ::STRIDE, ::STRIDE]
    sizes = np.array(RADII_MM, np.float32)[:, None, None, None]
    full = 4 / 3 * np.pi * np.array(RADII_MM) ** 3 / 1000
    found = []
    for middle in middles:
        away = np.sqrt(
            (axes[0][:, None, None] - middle[0]) ** 2 + (axes[1][:, None] - middle[1]) ** 2 + (axes[2] - middle[2]) ** 2
        )
        balls = np.clip(0.5 + (sizes - away.astype(np.float32)) / VOXEL_MM, 0, 1) * share
        volumes = balls.sum(axis=(1, 2, 3), dtype=np.float64) * VOXEL_MM**3 / 1000
        for axis, blur in enumerate(blurs, start=1):
            balls = np.moveaxis(np.tensordot(balls, blur, axes=(axis, 1)), -1, axis)
        found += [
            _Ball(
                np.asarray(middle), size, float(volume), bool(volume >= WHOLE * whole), ball[where].astype(np.float64)
            )
            for size, volume, whole, ball in zip(RADII_MM, volumes, full, balls, strict=True)
            if volume >= LEAST_SHARE * whole
        ]
    return found


def _slopes(image: Array) -> list[Array]:
    return [np.asarray(np.gradient(image, VOXEL_MM, axis=axis), np.float32) for axis in range(3)]


def _covariance(
    head: _Head, parts: Parts, levels: Mapping[str, float], sd_mm: float, frame_error_mm: float
) -> tuple[Square, Square]:
    """Return the covariance of the voxels without noise, and that of noise with a relative SD of 1."""
    shares = {name: parts.shares[name][head.box] for name in head.names}
    spread = {name: blurred(share, sd_mm) for name, share in shares.items()}
    rest = levels.get("rest", 0.0)

    def look(names: Sequence[str], over: float) -> Array:
        weights = [np.float32(levels[name] - over) for name in names]
        return np.asarray(np.tensordot(weights, [spread[name] for name in names], axes=1), np.float32)

    femur = [name for name in spread if name not in ("hip_bone", "rest")]
    slopes = _slopes(look(femur, rest))
    known = [frame_error_mm * slope[head.where] for slope in slopes]
    if "hip_bone" in spread:
        known += [frame_error_mm * slope[head.where] for slope in _slopes(look(["hip_bone"], rest))]
    middle = (parts.grid.to_index(parts.femur.head_center_mm) - [s.start for s in head.box]) * VOXEL_MM
    away = head.place_mm - middle
    known.append(SIZE_SD * sum(slope[head.where] * away[:, n] for n, slope in enumerate(slopes)))
    wider = np.zeros(len(head.seen))
    for name, share in shares.items():
        band = blurred(share, sd_mm + BLUR_STEP_MM) - blurred(share, sd_mm - BLUR_STEP_MM)
        wider += levels[name] * band[head.where]
    known.append(BLUR_SD_MM / (2 * BLUR_STEP_MM) * wider)
    columns = np.stack(known, axis=1).astype(np.float64)
    total = columns @ columns.T
    apart = ((head.place_mm[:, None] - head.place_mm[None]) ** 2).sum(axis=-1)
    for names, (sd, length) in ((femur, FEMUR), (["hip_bone"], HIP_BONE), (["rest"], REST)):
        if all(name in spread for name in names):
            image = look(names, 0.0)[head.where].astype(np.float64)
            # A Gaussian field that is alike over `length`, blurred.
            wide = length**2 + sd_mm**2
            total += sd**2 * np.outer(image, image) * np.exp(-apart / (4 * wide)) * (length**2 / wide) ** 1.5
    seen = look(list(spread), 0.0)[head.where].astype(np.float64)
    alike = (1 + LOBE) * np.exp(-apart / (4 * CORE_MM**2)) - LOBE * np.exp(-apart / (4 * LOBE_MM**2))
    return total, alike * np.outer(seen, seen)


class ColdSearch:
    """Balls of less uptake in one head, fitted.

    Parameters
    ----------
    parts : Parts
    sd_mm : float
        Standard deviation of the image's blur.
    frame_error_mm : float
        Standard deviation of a bone's place along an axis.
    """

    def __init__(self, parts: Parts, sd_mm: float, *, frame_error_mm: float) -> None:
        head = _head(parts, sd_mm)
        start = np.maximum(np.linalg.lstsq(head.base, head.seen, rcond=None)[0], 0)
        levels = dict(zip(head.names, start.tolist(), strict=True))
        white = _whitening(head, *_covariance(head, parts, levels, sd_mm, frame_error_mm))
        self._balls = _balls(parts, head, sd_mm)
        self._mine = head.names.index("femoral_head")
        self._base, self._seen = white(head.base), white(head.seen)
        self._columns = white(np.stack([ball.column for ball in self._balls], axis=1))
        self._even = max(levels["femoral_head"], 1e-9)

    def find(self, usual: float | None = None, usual_sd: float = 0.0) -> ColdArea:
        """Return the ball that explains most.

        Parameters
        ----------
        usual : float, optional
            Uptake of the head if it were well, in the image's unit. A head that takes up less than that on the whole
            has lost it somewhere: the rest of it is held to the usual. Without, an area that fills most of a head looks
            like a head that takes up little.
        usual_sd : float
            Standard deviation of `usual`.
        """
        base, seen, columns = self._base, self._seen, self._columns
        if usual is not None and self._even < usual:
            known = np.zeros((1, base.shape[1]))
            known[0, self._mine] = 1 / usual_sd
            base = np.concatenate([base, known])
            seen = np.append(seen, usual / usual_sd)
            columns = np.concatenate([columns, np.zeros((1, columns.shape[1]))])
        basis, upper = np.linalg.qr(base)
        rest = seen - basis @ (basis.T @ seen)
        apart = columns - basis @ (basis.T @ columns)
        power = (apart**2).sum(axis=0)
        free = -(apart.T @ rest) / power
        # No area takes up less than nothing: a small ball may not stand for a larger one by more than full contrast.
        depth = np.clip(free, 0.0, max(self._even, usual or 0.0))
        gain = (2 * free - depth) * depth * power
        best = int(np.argmax(gain))
        ball, error = self._balls[best], 1 / np.sqrt(power)
        # All balls that explain the image about as well: likelihood falls by less than a 95 % interval's.
        alike = [one.volume_ml for one, won in zip(self._balls, gain, strict=True) if won >= gain[best] - 3.84]
        values = linalg.solve_triangular(upper, basis.T @ (seen + depth[best] * columns[:, best]))
        level = max(float(values[self._mine]), 1e-9)
        contrast, reach = min(float(depth[best]) / level, 1.0), 1.96 * float(error[best]) / level
        return ColdArea(
            Quantity(ball.volume_ml, "mL", min(alike), max(alike)) if contrast > 0 else Quantity(0.0, "mL"),
            Quantity(contrast, "1", max(contrast - reach, 0.0), min(contrast + reach, 1.0)),
            ball.center_mm,
            ball.radius_mm,
            float(depth[best] / error[best]),
            level,
            float(error[best]),
            {share: _smallest(self._balls, error, RECOVERED * share * level) for share in CONTRASTS},
            _smallest(self._balls, error, RECOVERED * max(level - DEAD_SHARE * (usual or level), 0.0)),
        )


def _whitening(head: _Head, uneven: Square, grain: Square) -> Callable[[Square], Square]:
    """Return what makes voxels independent and of unit variance, for the likeliest noise (restricted likelihood)."""
    jitter = 1e-4 * float(head.seen.mean()) ** 2 * np.eye(len(head.seen))
    tried = []
    for noise in NOISE:
        lower = np.linalg.cholesky(uneven + noise**2 * grain + jitter)
        base, seen = (linalg.solve_triangular(lower, one, lower=True) for one in (head.base, head.seen))
        basis, upper = np.linalg.qr(base)
        rest = seen - basis @ (basis.T @ seen)
        size = np.log(np.diag(lower)).sum() + np.log(np.abs(np.diag(upper))).sum()
        tried.append((2 * float(size) + float(rest @ rest), lower))
    lower = min(tried, key=lambda one: one[0])[1]
    return lambda image: np.asarray(linalg.solve_triangular(lower, image, lower=True), np.float64)


def _smallest(balls: list[_Ball], error: NDArray[np.float64], depth: float) -> float | None:
    """Return the least diameter of whole balls that stand out often enough, straight between the sizes of the list."""
    sizes = np.array([ball.radius_mm for ball in balls])
    whole = np.array([ball.whole for ball in balls])
    chances = []
    for size in RADII_MM:
        mine = depth / error[(sizes == size) & whole]
        if not mine.size:
            break
        chances.append((2 * size, float(ndtr(mine - STRENGTH_LIMIT).mean())))
    if chances and chances[0][1] >= POWER:
        return chances[0][0]
    for (before, less), (after, more) in pairwise(chances):
        if more >= POWER:
            return before + (after - before) * (POWER - less) / (more - less)
    return None
