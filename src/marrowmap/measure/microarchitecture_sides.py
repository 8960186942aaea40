"""One side against the other, place by place in the bone's own coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.apparent_sides import difference_by_texture
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture_match import SideMatch
from marrowmap.measure.microarchitecture_precision import Precision
from marrowmap.measure.paired_difference import LIMIT
from marrowmap.measure.paired_difference import PairedDifference
from marrowmap.measure.paired_difference import side_limit
from marrowmap.measure.paired_difference import spread_percent

WHOLE = "whole region"
NO_RATIO = ("structure_model_index",)
"""Its zero is a plate, not nothing: a percentage of it means nothing."""
THIRDS = ("lower", "middle", "upper")
LEAST_SHARE = 0.02
"""Parts smaller than this share of the region on either side are not compared (choice)."""
PERIODS = 3.0
"""A part must be this many trabeculae wide (cube root of its volume), or single ones make its difference (choice)."""
MAP_CELLS = 40
"""Cells of the difference map along the region's longest extent."""
SMOOTHING_SHARE = 1 / 8
"""Width of the box over which bone is averaged for the map, as a share of the region's cube-root volume (choice)."""


@dataclass(frozen=True, eq=False)
class SideComparison:
    """Everything that both sides give.

    Parameters
    ----------
    match : SideMatch
    other : Microarchitecture
    differences : tuple of PairedDifference
    precision : Precision
    left_out : tuple of str
        Parts and measures not compared, and why.
    map : Volume
        This side's local bone fraction less the other's, on a grid along this side's bone axes, LPS mm; 0 outside
        both regions.
    map_region : Mask
        Where the map means something.
    smoothing_mm : float
    """

    match: SideMatch
    other: Microarchitecture
    differences: tuple[PairedDifference, ...]
    precision: Precision
    left_out: tuple[str, ...]
    map: Volume
    map_region: Mask
    smoothing_mm: float

    def of(self, quantity: str, part: str = WHOLE) -> PairedDifference | None:
        """Return the difference of one quantity in one part, None where it was not compared."""
        return next((d for d in self.differences if (d.quantity, d.part) == (quantity, part)), None)


def compare_sides(
    this: Microarchitecture, other: Microarchitecture, match: SideMatch, precision: Precision, lateral: str
) -> SideComparison:
    """Compare two sides measured alike.

    Parameters
    ----------
    this, other : Microarchitecture
    match : SideMatch
    precision : Precision
    lateral : str
        What the first bone axis points to, for the parts' names: ``lateral``, or ``left`` where the side is unknown.
    """
    by_texture = difference_by_texture(this, other, precision, WHOLE)
    differences = [
        by_texture if by_texture and name == by_texture.quantity else _difference(name, this, other, precision)
        for name in this.values
        if name in other.values and other.values[name].value != 0 and name not in NO_RATIO
    ]
    left_out = [f"{name.replace('_', ' ')}: {reason}" for name, reason in {**other.refused, **this.refused}.items()]
    here, there = _parts(this.region, match, None), _parts(other.region, match, this.region)
    names = _part_names(lateral)
    total_here, total_there = max(int((here > 0).sum()), 1), max(int((there > 0).sum()), 1)
    for number, part in enumerate(names, start=1):
        in_here, in_there = here == number, there == number
        if in_here.sum() < LEAST_SHARE * total_here or in_there.sum() < LEAST_SHARE * total_there:
            left_out.append(f"{part}: less than {100 * LEAST_SHARE:g} % of the region on one side")
            continue
        wide = min(_width(this, in_here), _width(other, in_there))
        if wide < PERIODS:
            left_out.append(f"{part}: {wide:.1f} trabeculae wide, less than {PERIODS:g}")
            continue
        mine, theirs = _part_values(this, in_here), _part_values(other, in_there)
        differences += [
            PairedDifference(
                name, part, value, theirs[name], None, None, f"mean of its map: {this.methods.get(name, '')}"
            )
            for name, value in mine.items()
            if theirs.get(name, 0.0) > 0
        ]
    volume, region, smoothing = _difference_map(this, other, match)
    return SideComparison(match, other, tuple(differences), precision, tuple(left_out), volume, region, smoothing)


def _difference(name: str, this: Microarchitecture, other: Microarchitecture, precision: Precision) -> PairedDifference:
    """Hold a difference of the whole region against what repeats, and against what well sides differ in."""
    here, there = this.values[name].value, other.values[name].value
    published, own_cv = precision.cv_percent.get(name), max(spread_percent(one.values[name]) for one in (this, other))
    if published is None and own_cv == 0:
        return PairedDifference(name, WHOLE, here, there, None, None, this.methods.get(name, ""))
    error = 2**0.5 * max(published or 0.0, own_cv)
    return PairedDifference(
        name, WHOLE, here, there, LIMIT * error, side_limit(error, precision), this.methods.get(name, "")
    )


def _part_names(lateral: str) -> list[str]:
    medial = {"lateral": "medial", "left": "right"}[lateral]
    return [
        f"{third}, {front} {side}"
        for third in THIRDS
        for front in ("posterior", "anterior")
        for side in (medial, lateral)
    ]


def _parts(region: Mask, match: SideMatch, this: Mask | None) -> NDArray[np.uint8]:
    """Number a region's voxels by part, in this side's bone coordinates; 0 outside.

    Parameters
    ----------
    region : Mask
        Of this side, or of the other one.
    match : SideMatch
    this : Mask or None
        This side's region where `region` is the other side's: its extent sets the thirds.
    """
    points = region.grid.to_world(np.argwhere(region.array).astype(float))
    reference = points
    if this is not None:
        points = match.to_other.inverse(points)
        reference = this.grid.to_world(np.argwhere(this.array).astype(float))
    local, base = ((p - match.origin_mm) @ match.axes for p in (points, reference))
    low, high = float(base[:, 1].min()), float(base[:, 1].max())
    third = np.clip(((local[:, 1] - low) / max(high - low, 1e-9) * 3).astype(int), 0, 2)
    number = 1 + third * 4 + (local[:, 2] > 0) * 2 + (local[:, 0] > 0)
    parts = np.zeros(region.array.shape, np.uint8)
    parts[region.array] = number
    return parts


def _width(side: Microarchitecture, part: NDArray[np.bool_]) -> float:
    """Return how many trabeculae go across a part; infinite where their distance is not known."""
    if "trabecular_number" not in side.values:
        return float("inf")
    volume = int(part.sum()) * float(np.prod(side.region.grid.spacing))
    return float(volume ** (1 / 3)) * side.values["trabecular_number"].value


def _part_values(side: Microarchitecture, part: NDArray[np.bool_]) -> Mapping[str, float]:
    """Return what can be told of a part: its bone fraction, and local thickness and separation where resolved."""
    values = {"bone_volume_fraction": float(np.nanmean(side.fraction[part]))}
    for name, local in side.maps.items():
        inside = local[part & (local > 0)]
        if name in side.values and len(inside):
            values[name] = float(inside.mean(dtype=np.float64))
    return values


def _local_fraction(side: Microarchitecture, width_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return bone fraction averaged over boxes thrice (about a Gaussian), and the share of the box in the region."""
    size = np.maximum(1, np.rint(width_mm / side.region.grid.spacing).astype(int)).tolist()
    weight = side.region.array.astype(np.float32)
    field = np.where(side.region.array, np.nan_to_num(side.fraction), 0).astype(np.float32)
    for _ in range(3):
        field = ndimage.uniform_filter(field, size, mode="constant")
        weight = ndimage.uniform_filter(weight, size, mode="constant")
    return np.asarray(field / np.maximum(weight, 1e-6), np.float32), weight


def _difference_map(this: Microarchitecture, other: Microarchitecture, match: SideMatch) -> tuple[Volume, Mask, float]:
    """Return the difference of local bone fraction on a grid along the bone's axes, and where both sides have bone."""
    points = this.region.grid.to_world(np.argwhere(this.region.array).astype(float))
    local = (points - match.origin_mm) @ match.axes
    low, high = local.min(axis=0), local.max(axis=0)
    step = float((high - low).max()) / MAP_CELLS
    width = SMOOTHING_SHARE * float(len(points) * np.prod(this.region.grid.spacing)) ** (1 / 3)
    shape = np.maximum(1, np.ceil((high - low) / step).astype(int))
    affine = np.eye(4)
    affine[:3, :3] = match.axes * step
    affine[:3, 3] = match.origin_mm + match.axes @ (low + (high - low - (shape - 1) * step) / 2)
    grid = Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, this.region.grid.frame_of_reference_uid)
    places = grid.points().reshape(-1, 3)
    found = []
    for side, at in ((this, places), (other, match.to_other(places))):
        smooth, _ = _local_fraction(side, width)
        index = side.region.grid.to_index(at).T
        value = ndimage.map_coordinates(smooth, index, order=1, mode="constant")
        inside = ndimage.map_coordinates(side.region.array.astype(np.float32), index, order=1, mode="constant")
        found.append((value.reshape(grid.shape), inside.reshape(grid.shape) >= 0.5))
    inside = found[0][1] & found[1][1]
    difference = np.where(inside, found[0][0] - found[1][0], 0).astype(np.float32)
    return Volume(grid, difference, "1"), Mask(grid, inside), width
