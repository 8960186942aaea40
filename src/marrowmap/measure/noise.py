"""Noise of an image, from what changes from one pixel to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Grid


def noise_sd(signal: NDArray[np.floating], grid: Grid, inside: NDArray[np.bool_] | None = None) -> float:
    """Return the standard deviation of white noise: the median absolute second difference along the finest axis.

    Slow change, shading or a broad lesion, does not count; edges are few and leave a median as it is.

    Parameters
    ----------
    signal : array, shape of the grid
    grid : Grid
    inside : array of bool, same shape, optional
        Where the middle of the three pixels must lie; everywhere if not given.

    Returns
    -------
    float
        0 where there is nothing to measure it on.
    """
    axis = int(np.argmin(grid.spacing))
    if grid.shape[axis] < 3:
        return 0.0
    values = np.abs(np.diff(np.asarray(signal, np.float64), n=2, axis=axis))
    if inside is not None:
        values = values[inside[tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))]]
    return float(1.4826 * np.median(values) / np.sqrt(6)) if values.size else 0.0
