"""The receive coils' shading, taken out without knowing the anatomy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.closed_region import bounds

BLOCK_MM = 6.0
"""The field is smooth: gradients are taken between averages over blocks of this size."""

ORDER = 2
"""Degree of the polynomial in the logarithm of the field."""

LEAST_GAIN = 0.12
"""Fall of entropy (nats) of marrow's log signal from which on a correction is made: its own error is of that size."""


def _block_means(array: NDArray[np.floating], block: tuple[int, ...]) -> NDArray[np.float64]:
    shape = [n // b for n, b in zip(array.shape, block, strict=True)]
    cut = array[tuple(slice(0, n * b) for n, b in zip(shape, block, strict=True))]
    split = [size for n, b in zip(shape, block, strict=True) for size in (n, b)]
    means: NDArray[np.float64] = cut.reshape(split).mean(axis=(1, 3, 5), dtype=np.float64)
    return means


def _degrees() -> list[tuple[int, int, int]]:
    """Return the exponents along the three axes of the monomials of degree 1 to ORDER."""
    some = range(ORDER + 1)
    return [(a, b, c) for a in some for b in some for c in some if 0 < a + b + c <= ORDER]


def _entropy(log: NDArray[np.floating]) -> float:
    low, high = np.percentile(log, [1, 99])
    counts = np.histogram(log, np.arange(low - 0.5, high + 0.52, 0.02))[0].astype(float)
    share = ndimage.gaussian_filter1d(counts, 2.0)
    share = share[share > 0] / share.sum()
    return float(-(share * np.log(share)).sum())


def estimate_bias(volume: Volume, marrow: Mask) -> Volume:
    """Estimate the shading of an MR image as far as taking it out makes marrow more alike.

    Scanners mostly take the shading out themselves. A field found in such an image is tissue contrast taken for
    shading, so the share of the field (0 to 1) is used that leaves the lowest entropy of log signal in marrow, and
    none where the gain is small.

    Parameters
    ----------
    volume : Volume
        MR signal.
    marrow : Mask
        Marrow, normal or not, on the same grid.

    Returns
    -------
    Volume
        The field on the same grid, unit ``1``, geometric mean 1 over the body.
    """
    grid = volume.grid
    grid.require_same(marrow.grid)
    flat = Volume(grid, np.ones(grid.shape, np.float32), "1")
    if not marrow.array.any():
        return flat
    field = _body_log_field(volume)
    box = bounds(marrow.array, [1, 1, 1])
    inside = marrow.array[box]
    smooth = ndimage.uniform_filter(np.maximum(volume.array[box], 0), [3 if s < 1.5 else 1 for s in grid.spacing])
    values = smooth[inside]
    seen = values > 0.02 * np.median(values)
    if field is None or seen.sum() < 200:
        return flat
    log, log_field = np.log(values[seen]), field[box][inside][seen]
    shares = np.linspace(0, 1, 6)
    entropies = [_entropy(log - share * log_field) for share in shares]
    best = int(np.argmin(entropies))
    if shares[best] == 0 or entropies[0] - entropies[best] < LEAST_GAIN:
        return flat
    return Volume(grid, np.exp(np.float32(shares[best]) * field), "1")


def _body_log_field(volume: Volume) -> NDArray[np.float32] | None:
    """Estimate the logarithm of the smooth multiplicative field over the whole body.

    Tissues are nearly constant and their borders few, so that most gradients of the logarithm of the signal are the
    field's and the others are outliers (Zheng 2009, CVPR, doi 10.1109/CVPR.2009.5206637). A polynomial's gradient is
    fitted to them with Cauchy weights. A bright lesion changes only the gradients on its rim, so it stays in the image.

    Parameters
    ----------
    volume : Volume
        MR signal, not negative.

    Returns
    -------
    ndarray or None, shape of the grid
        Mean 0 over the body. None where the image is too small or too empty to tell.
    """
    grid = volume.grid
    block = tuple(int(min(max(1, round(BLOCK_MM / s)), n)) for s, n in zip(grid.spacing, grid.shape, strict=True))
    means = _block_means(np.maximum(volume.array, 0), block)
    bright = means[means > 0]
    if bright.size < 200:
        return None
    # Air, cortex and gas follow the noise and not the field.
    body = means > 0.3 * np.median(bright[bright > 0.3 * bright.mean()])
    log = np.log(np.where(body, means, 1.0))
    centers = [((np.arange(n) + 0.5) * b - 0.5) / max(size - 1, 1) * 2 - 1
               for n, b, size in zip(means.shape, block, grid.shape, strict=True)]  # fmt: skip
    x, y, z = np.meshgrid(*centers, indexing="ij", sparse=True)
    basis = [np.broadcast_to(x**a * y**b * z**c, means.shape) for a, b, c in _degrees()]

    rows, steps = [], []
    for axis in range(3):
        first, second = [slice(None)] * 3, [slice(None)] * 3
        first[axis], second[axis] = slice(0, -1), slice(1, None)
        both = body[tuple(first)] & body[tuple(second)]
        rows.append(np.stack([np.diff(b, axis=axis)[both] for b in basis], axis=1))
        steps.append(np.diff(log, axis=axis)[both])
    design, step = np.concatenate(rows), np.concatenate(steps)
    if len(step) < 20 * len(basis):
        return None
    # A weak ridge keeps directions that the body hardly covers from running away.
    ridge = 1e-4 * np.diag((design**2).sum(axis=0)) + 1e-9 * np.eye(len(basis))
    weights = np.ones(len(step))
    coefficients = np.zeros(len(basis))
    for _ in range(30):
        weighted = design * weights[:, None]
        before, coefficients = coefficients, np.linalg.solve(weighted.T @ design + ridge, weighted.T @ step)
        if np.abs(coefficients - before).max() < 1e-4:
            break
        residual = step - design @ coefficients
        scale = 1.4826 * np.median(np.abs(residual)) + 1e-9
        weights = 1 / (1 + (residual / scale) ** 2)

    # A polynomial is a product of small tables along the axes: no monomial is ever spread over the whole grid.
    table = np.zeros((ORDER + 1,) * 3)
    table[tuple(np.array(_degrees()).T)] = coefficients
    table[0, 0, 0] = -np.mean(np.stack([b[body] for b in basis], axis=-1) @ coefficients)
    for n in grid.shape:
        powers = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1))[:, None] ** np.arange(ORDER + 1)
        table = np.tensordot(table, powers.astype(np.float32), axes=(0, 1)).astype(np.float32)
    return np.clip(table, -1.5, 1.5)
