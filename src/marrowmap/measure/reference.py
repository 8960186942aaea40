"""Normal marrow of the same person: its level and spread, and which marrow to take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume

SD_FLOOR = 0.15
"""Least spread, as a share of the median: marrow differs by so much within a person even where a small sample does not
show it (robust SD over median of the readers' normal marrow in four people: 0.10 to 0.17)."""

LEAST_VOXELS = 30


@dataclass(frozen=True)
class ReferenceLevel:
    """Level and spread of normal marrow on the bias-corrected image.

    Parameters
    ----------
    median : float
    sd : float
        1.4826 times the median absolute deviation, at least SD_FLOOR times the median.
    voxels : int
        How many voxels it rests on.
    chosen : str
        Which marrow, and why.
    """

    median: float
    sd: float
    voxels: int
    chosen: str

    @property
    def standard_error(self) -> float:
        """Standard error of the median; neighbors are alike, so that only one voxel in ten counts."""
        return float(1.2533 * self.sd / np.sqrt(max(self.voxels / 10, 1.0)))


def _level(values: NDArray[np.floating], chosen: str) -> ReferenceLevel:
    if values.size < LEAST_VOXELS:
        raise InputError(
            f"reference marrow has only {values.size} voxels, {LEAST_VOXELS} are needed: give a larger --reference"
        )
    median = float(np.median(values))
    if median <= 0:
        raise InputError("reference marrow has no signal: check that --reference lies in marrow of this image")
    sd = max(1.4826 * float(np.median(np.abs(values - median))), SD_FLOOR * median)
    return ReferenceLevel(median, sd, int(values.size), chosen)


def level_of(signal: NDArray[np.floating], reference: Mask, grid: Grid, chosen: str) -> ReferenceLevel:
    """Level of the marrow given as reference."""
    grid.require_same(reference.grid)
    return _level(signal[reference.array], chosen)


def level_within(signal: NDArray[np.floating], within: Mask) -> ReferenceLevel:
    """Level of the lower mode of the region itself, where no reference is given.

    The mode is the peak of the smoothed histogram; the spread is that of the values below it, which hold no edema.
    """
    values = signal[within.array].astype(np.float64)
    if values.size < LEAST_VOXELS:
        raise InputError(
            f"the region has only {values.size} voxels: too few to find normal marrow in, give --reference"
        )
    low, high = np.percentile(values, [1, 99])
    if high <= 0:
        raise InputError("the region has no signal: check that --within lies in marrow of this image")
    counts, edges = np.histogram(values, 200, (low, max(high, low * 1.001 + 1e-6)))
    peak = int(np.argmax(ndimage.gaussian_filter1d(counts.astype(float), 10.0)))
    mode = float(edges[peak] + edges[peak + 1]) / 2
    below = values[values <= mode]
    sd = max(1.4826 * float(np.median(mode - below)), SD_FLOOR * mode)
    return ReferenceLevel(mode, sd, int(values.size), "no reference given: most frequent signal inside the region")


@dataclass(frozen=True, eq=False)
class ReferenceCandidate:
    """Marrow that could serve as reference.

    Parameters
    ----------
    mask : Mask
    name : str
        Which marrow it is, e.g. ``mirrored region of the other hip``.
    """

    mask: Mask
    name: str


ABNORMAL = 2.0
"""A candidate this much brighter than the darkest one is itself abnormal: red marrow brightens less, edema more."""


def choose_reference(fluid: Volume, candidates: Sequence[ReferenceCandidate]) -> tuple[Mask, str]:
    """Choose the reference marrow: the first candidate that is not itself abnormal.

    Parameters
    ----------
    fluid : Volume
        Fluid-sensitive image.
    candidates : sequence of ReferenceCandidate
        In order of preference: the same regions of the other hip (they hold the same red marrow), then marrow of the
        same hip that transient osteoporosis spares (shaft, greater trochanter). Never muscle.

    Returns
    -------
    Mask
        The chosen candidate's.
    str
        Which it is and why, for the method and the report.

    Raises
    ------
    InputError
        If no candidate has enough voxels with signal.
    GeometryError
        If a candidate lies on another grid.
    """
    medians: list[float] = []
    rejected: list[str] = []
    usable: list[ReferenceCandidate] = []
    for candidate in candidates:
        fluid.grid.require_same(candidate.mask.grid)
        values = fluid.within(candidate.mask)
        median = float(np.median(values)) if values.size else 0.0
        if values.size < LEAST_VOXELS or median <= 0:
            rejected.append(f"{candidate.name} has {values.size} voxels in view")
        else:
            usable.append(candidate)
            medians.append(median)
    if not usable:
        reasons = "; ".join(rejected) or "none offered"
        raise InputError(f"no normal marrow to compare with ({reasons}): give a mask of normal marrow as --reference")
    darkest = min(medians)
    for candidate, median in zip(usable, medians, strict=True):
        if median <= ABNORMAL * darkest:
            break
        rejected.append(f"{candidate.name} is {median / darkest:.1f} times as bright as the darkest")
    passed = f"; passed over: {', '.join(rejected)}" if rejected else ""
    return candidate.mask, f"{candidate.name}, {median / darkest:.2f} times the darkest candidate{passed}"
