"""How edema moves within one bone, in the bone's own coordinates: moved, spread or receded.

A center of edema also moves where edema merely goes, as from the neck toward the head in recovery, or merely grows.
Only where edema has come where none was, and gone from where it was, did it move.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from datetime import date
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import chi2

from marrowmap.course.trajectory import floors
from marrowmap.image import LabelMap
from marrowmap.image import Volume
from marrowmap.values.analyzed import FrameRow

SHIFT_ALPHA = 0.01
"""Chance of any false move within a bone in a stable person; with that of changes it makes 5 %."""
LEAST_ML = 1.0
"""Less edema has no center worth following. A choice."""
LEAST_SHARE = 0.1
"""Less than this part of an exam's edema is no edema elsewhere. A choice."""


@dataclass(frozen=True)
class EdemaCenter:
    """Where edema lies within a bone.

    Space: the bone's own coordinates, mm from the center of the head along neck, superior, anterior.

    Parameters
    ----------
    day : date
    region : str
        Within which the center was taken.
    center_mm : tuple of 3 float
    error_mm : float
        One standard error along each axis.
    volume_ml : float
    radius_mm : float
        Of the head.
    points_mm : (n, 3) float array
        Centers of the voxels that hold edema.
    shares_ml : (n,) float array
        How much each holds.
    grain_mm : float
        Half the diagonal of a voxel.
    """

    day: date
    region: str
    center_mm: tuple[float, float, float]
    error_mm: float
    volume_ml: float
    radius_mm: float
    points_mm: NDArray[np.float64] = field(compare=False, repr=False)
    shares_ml: NDArray[np.float64] = field(compare=False, repr=False)
    grain_mm: float


def find_center(
    membership: Volume, regions: LabelMap, frame: FrameRow, region: str | None, day: date
) -> EdemaCenter | None:
    """Return the center of edema within a region of a bone, weighted by membership.

    Parameters
    ----------
    membership : Volume
        Share of edema by voxel, 0 to 1.
    regions : LabelMap
        On the same grid.
    frame : FrameRow
        In the same frame of reference, LPS mm.
    region : str or None
        A region of the map; None for the whole bone.
    day : date

    Returns
    -------
    EdemaCenter or None
        None with less than 1 mL of edema there, or without the region.
    """
    membership.grid.require_same(regions.grid)
    bone = tuple(name for name in regions.names.values() if name not in ("acetabulum", "hip_joint"))
    names = bone if region is None else tuple(name for name in bone if name == region)
    if not names:
        return None
    grid = membership.grid
    index = np.argwhere(regions.mask(*names).array & (membership.array > 0))
    shares = membership.array[tuple(index.T)].astype(float) * grid.voxel_volume_ml
    volume = float(shares.sum())
    if volume < LEAST_ML:
        return None
    points = (grid.to_world(index.astype(float)) - np.array(frame.center_mm)) @ np.array(frame.axes).T
    center = np.average(points, axis=0, weights=shares)
    error = float(np.hypot(float(floors()["edema_centroid"]["absolute"]), frame.fit_rms_mm or 0.0))
    where = (float(center[0]), float(center[1]), float(center[2]))
    grain = float(np.linalg.norm(grid.spacing)) / 2
    return EdemaCenter(day, region or "whole bone", where, error, volume, frame.radius_mm, points, shares, grain)


class Move(Enum):
    """What edema did between two exams."""

    MOVED = "moved"
    SPREAD = "spread"
    RECEDED = "receded"
    STAYED = "stayed"


@dataclass(frozen=True)
class Shift:
    """How far edema moved within a bone between two exams.

    Space: the bone's own coordinates, mm along neck, superior, anterior.

    Parameters
    ----------
    start, end : date
    region : str
    by_mm : tuple of 3 float
    distance_mm : float
    repeatability_mm : float
        A distance that error alone exceeds in 5 % of pairs.
    p : float
        Of the distance, by errors alone.
    come_ml, gone_ml : float
        Edema of the later exam further than that (and a voxel) from all of the earlier's, and the other way round.
    elsewhere : tuple of 2 bool
        Whether each of them is edema elsewhere: 1 mL and a tenth of its exam's.
    beyond : bool
        Whether the distance is beyond error, after Holm's correction over all pairs of the person.
    """

    start: date
    end: date
    region: str
    by_mm: tuple[float, float, float]
    distance_mm: float
    repeatability_mm: float
    p: float
    come_ml: float
    gone_ml: float
    elsewhere: tuple[bool, bool]
    beyond: bool = False

    @property
    def move(self) -> Move:
        """What edema did: it moved only where some came and some went."""
        if not self.beyond or not any(self.elsewhere):
            return Move.STAYED
        come, gone = self.elsewhere
        return Move.MOVED if come and gone else Move.SPREAD if come else Move.RECEDED

    @property
    def words(self) -> str:
        """Return the direction a reader would name."""
        names = (("lateral", "medial"), ("superior", "inferior"), ("anterior", "posterior"))
        largest = int(np.argmax(np.abs(self.by_mm)))
        return names[largest][0 if self.by_mm[largest] > 0 else 1]


def _apart_ml(one: EdemaCenter, other: EdemaCenter, reach_mm: float) -> float:
    """Return how much edema of `one` lies further than `reach_mm` from all that of `other`."""
    # What is hardly edema marks no place as taken; of small edema everything does.
    sure = other.shares_ml >= 0.5 * other.shares_ml.max()
    distance, _ = KDTree(other.points_mm[sure]).query(one.points_mm)
    return float(one.shares_ml[distance > reach_mm].sum())


def shift_between(earlier: EdemaCenter, later: EdemaCenter) -> Shift:
    """Compare two centers of one region: the distance against that of errors alone, chi-square with 3 degrees.

    And what came and what went, beyond that distance and the voxels of both.
    """
    by = np.subtract(later.center_mm, earlier.center_mm)
    variance = earlier.error_mm**2 + later.error_mm**2
    repeatability = float(np.sqrt(chi2.ppf(0.95, 3) * variance))
    reach = repeatability + earlier.grain_mm + later.grain_mm
    come, gone = _apart_ml(later, earlier, reach), _apart_ml(earlier, later, reach)
    elsewhere = tuple(
        part >= max(LEAST_ML, LEAST_SHARE * whole.volume_ml) for part, whole in ((come, later), (gone, earlier))
    )
    return Shift(
        earlier.day,
        later.day,
        earlier.region,
        (float(by[0]), float(by[1]), float(by[2])),
        float(np.linalg.norm(by)),
        repeatability,
        float(chi2.sf(float(by @ by) / variance, 3)),
        come,
        gone,
        (elsewhere[0], elsewhere[1]),
    )
