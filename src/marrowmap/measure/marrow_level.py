"""The signal marrow would have without bone in it, and the coils' shading of it.

In MRI of trabecular bone most voxels hold some bone, so that the histogram has one peak, below the signal of marrow
(Vasilic and Wehrli 2005, IEEE Trans Med Imaging 24:1574-1585). Two things tell the level: marrow that is free of bone
(a medullary canal), known by its lack of texture; and, where there is none, the upper end of what a voxel shows. The
first is a measurement, the second an assumption about how bone is laid out.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid

BLOCK_MM = 3.0
"""Level and texture are taken over blocks of this size: several trabeculae wide, small against a coil."""
LEAST_FILLED = 0.6
"""Part of a block's voxels that must count."""
FREE_TEXTURE = 0.05
"""Texture (standard deviation over mean, noise taken off) below which a block holds no bone; trabecular bone has 0.12
and more at voxels of 0.3 mm in plane and 1 mm across, red marrow's patches 0.03."""
UPPER_END = 1.645
"""The upper end of a voxel's signal is its mean and this many standard deviations, its 95th percentile if normal."""
LEAST_FREE_BLOCKS = 4
BLOCKS_FOR_SLOPE, BLOCKS_FOR_BOW = 20, 100
"""From how many blocks on the field may slope, and bow: of few, a bow would follow patches of marrow."""
LEAST_VOXELS = 100
"""A mask too small for blocks is taken as one if it has this many voxels."""
MOST_UNLIKE = 0.08
"""A block whose halves along some axis differ by more than this part of its mean lies across a border: left out."""


@dataclass(frozen=True)
class MarrowLevel:
    """Marrow's signal at every voxel.

    Parameters
    ----------
    signal : array of float64, shape of the grid
    relative_sd : float
        Standard error over value, as the scatter of blocks about the smooth field gives it.
    bone_free : bool
        Whether it was measured in marrow without bone (else at the upper end of trabecular bone's signal).
    shading : float
        Largest over smallest value of the field over the calibrating blocks.
    """

    signal: NDArray[np.float64]
    relative_sd: float
    bone_free: bool
    shading: float


@dataclass(frozen=True)
class Blocks:
    """Position (index), mean and texture of blocks."""

    middle: NDArray[np.float64]
    mean: NDArray[np.float64]
    texture: NDArray[np.float64]

    @property
    def free(self) -> NDArray[np.bool_]:
        """Blocks without bone."""
        return self.texture < FREE_TEXTURE

    @property
    def upper_log(self) -> NDArray[np.float64]:
        """Logarithm of the upper end of signal."""
        return np.asarray(np.log(self.mean * (1 + UPPER_END * self.texture)))


def block_texture(signal: NDArray[np.float64], noise: float, within: NDArray[np.bool_], grid: Grid) -> Blocks:
    """Return mean and texture of blocks of `BLOCK_MM` that lie mostly within a mask and have signal."""
    size = [int(min(max(1, round(BLOCK_MM / s)), n)) for s, n in zip(grid.spacing, grid.shape, strict=True)]
    start = [0, 0, 0]
    found = np.argwhere(within)
    if len(found):
        start = [int(v) for v in found.min(axis=0)]
    rows: list[tuple[float, ...]] = []
    for i in range(start[0], grid.shape[0], size[0]):
        for j in range(start[1], grid.shape[1], size[1]):
            for k in range(start[2], grid.shape[2], size[2]):
                box = (slice(i, i + size[0]), slice(j, j + size[1]), slice(k, k + size[2]))
                values = signal[box][within[box]]
                if values.size < max(8, LEAST_FILLED * np.prod(size)) or values.mean() <= noise:
                    continue
                mean = float(values.mean())
                if _unlike_halves(signal[box], within[box]) > MOST_UNLIKE * mean:
                    continue
                variance = max(float(values.var()) - noise**2, 0.0)
                where = [a + (b - 1) / 2 for a, b in zip((i, j, k), size, strict=True)]
                rows.append((*where, mean, np.sqrt(variance) / mean))
    if not rows and len(found) >= LEAST_VOXELS and signal[within].mean() > noise:
        mean = float(signal[within].mean())
        variance = max(float(signal[within].var()) - noise**2, 0.0)
        rows.append((*found.mean(axis=0), mean, np.sqrt(variance) / mean))
    table = np.array(rows, float).reshape(-1, 5)
    return Blocks(table[:, :3], table[:, 3], table[:, 4])


def _unlike_halves(values: NDArray[np.float64], counted: NDArray[np.bool_]) -> float:
    """Return by how much the means of a block's halves differ at most, along any axis."""
    most = 0.0
    for axis in range(3):
        half = values.shape[axis] // 2
        if half == 0:
            continue
        low, high = np.split(counted, [half], axis=axis)
        a, b = np.split(values, [half], axis=axis)
        if low.any() and high.any():
            most = max(most, abs(float(a[low].mean()) - float(b[high].mean())))
    return most


def _basis(index: NDArray[np.float64], shape: tuple[int, ...], order: int) -> NDArray[np.float64]:
    """Return the monomials up to `order` of positions scaled to -1..1 over the grid, the constant not among them."""
    at = 2 * index / np.maximum(np.array(shape) - 1, 1) - 1
    powers = [power for power in product(range(order + 1), repeat=3) if 0 < sum(power) <= order]
    columns = [at[..., 0] ** a * at[..., 1] ** b * at[..., 2] ** c for a, b, c in powers]
    return np.stack(columns, axis=-1) if columns else np.zeros((*index.shape[:-1], 0))


def marrow_level(
    signal: NDArray[np.float64], noise: float, within: NDArray[np.bool_], grid: Grid
) -> MarrowLevel | None:
    """Estimate marrow's signal from blocks within a mask.

    Blocks with texture and those without share one smooth field (a polynomial of the logarithm, of order 2 where there
    are blocks enough), apart by a step. The upper end of a block's signal follows its bone less than the mean does, so
    that denser bone is not taken for shading.

    Parameters
    ----------
    signal : array, shape of the grid
        Rician bias taken off.
    noise : float
    within : array of bool, shape of the grid
        Marrow with and without bone, no edema.
    grid : Grid

    Returns
    -------
    MarrowLevel or None
        None where there is no block.
    """
    blocks = block_texture(signal, noise, within, grid)
    count = len(blocks.mean)
    if count == 0:
        return None
    free = blocks.free
    measured = int(free.sum()) >= min(LEAST_FREE_BLOCKS, count)
    order = 2 if count >= BLOCKS_FOR_BOW else 1 if count >= BLOCKS_FOR_SLOPE else 0
    value = np.where(free, np.log(blocks.mean), blocks.upper_log)
    shape = _basis(blocks.middle, grid.shape, order)
    middle = shape.mean(axis=0)
    step = (~free if measured else free).astype(float)[:, None]
    design = np.hstack([np.ones((count, 1)), step, shape - middle])
    design = design[:, [0, *range(1 if 0 < step.sum() < count else 2, design.shape[1])]]
    ridge = 1e-3 * np.diag([0.0] + [1.0] * (design.shape[1] - 1))
    weights = np.ones(count)
    for _ in range(20):
        normal = design.T @ (design * weights[:, None]) + ridge
        coefficients = np.linalg.solve(normal, design.T @ (weights * value))
        residual = value - design @ coefficients
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-6
        weights = 1 / np.maximum(1, np.abs(residual) / (2 * scale))
    field_at = coefficients[-shape.shape[1] :] if shape.shape[1] else np.zeros(0)
    log = np.full(grid.shape, coefficients[0])
    if shape.shape[1]:
        index = np.stack(np.meshgrid(*map(np.arange, grid.shape), indexing="ij"), axis=-1).astype(float)
        log += (_basis(index, grid.shape, order) - middle) @ field_at
    spread = float(np.sqrt((weights * residual**2).sum() / max(count - design.shape[1], 1)))
    error = spread * float(np.sqrt(np.linalg.inv(normal)[0, 0]))
    shading = float(np.exp(np.ptp((shape - middle) @ field_at))) if shape.shape[1] else 1.0
    return MarrowLevel(np.exp(log), error, measured, shading)
