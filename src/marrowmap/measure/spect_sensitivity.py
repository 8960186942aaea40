"""What an error of the bones' place does to the uptake of each region.

The bones are laid aside by one standard deviation along each axis, forth and back, and uptake is measured anew: where
uptake differs beside a region, a small shift changes its mean much.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy import ndimage

from marrowmap.image import Volume
from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import correct

HELD_MM = 0.6
"""Standard deviation of the place that other errors of a region's mean hold already: they were set on bones that lay so
far aside (benchmarks/spect_scans.py)."""


def place_sensitivity(parts: Parts, sd_mm: float, error_mm: float) -> dict[str, float]:
    """Return the relative standard deviation of each part's mean that comes from the bones' place alone.

    Parameters
    ----------
    parts : Parts
        One hip, its bones where they were found.
    sd_mm : float
        Standard deviation of the image's blur.
    error_mm : float
        Standard deviation of the bones' place along each axis; :data:`HELD_MM` of it is taken as known elsewhere.

    Returns
    -------
    dict of str to float
        0 or more, for each part. Curvature counts, not the slope alone: where a region lies at its brightest, a shift
        to either side darkens it.
    """
    here = correct(parts, sd_mm)[1]
    squares = dict.fromkeys(here, 0.0)
    for aside in _laid_aside(parts, error_mm):
        there = correct(aside, sd_mm)[1]
        for name, mean in here.items():
            squares[name] += 0.5 * ((there[name] - mean) / max(mean, 1e-9)) ** 2
    return {name: float(np.sqrt(square)) for name, square in squares.items()}


def _laid_aside(parts: Parts, error_mm: float) -> Iterator[Parts]:
    """Lay the bones aside both ways along each axis, which is the image drawn the other way.

    Space: the grid of `parts` lies along the LPS axes.
    """
    away = math.sqrt(max(error_mm**2 - HELD_MM**2, 0.0))
    for axis, sign in itertools.product(range(3), (-1, 1)) if away else ():
        step = [0.0, 0.0, 0.0]
        step[axis] = -sign * away / VOXEL_MM
        drawn = ndimage.shift(parts.uptake.array, step, order=3, mode="nearest")
        uptake = Volume(parts.grid, np.asarray(drawn, np.float32), parts.uptake.unit)
        yield replace(parts, uptake=uptake)
