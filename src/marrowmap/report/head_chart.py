"""Where on an unrolled femoral head each thing under its joint surface lies, and how deep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from marrowmap.measure.arco import LEAST_DEPRESSION_MM
from marrowmap.measure.collapse import LATERAL
from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.head_map import MOST_DEG
from marrowmap.measure.head_map import PIXELS
from marrowmap.measure.head_map import HeadMap
from marrowmap.measure.head_map import place_direction
from marrowmap.measure.head_map import unroll
from marrowmap.measure.head_map import upright
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.ray_surface import RAY_SPACING
from marrowmap.report.result import AnalysisResult
from marrowmap.report.result import JointReading
from marrowmap.values import State

DEPTHS_MM = (3.0, 6.0, 10.0)
"""Depths below the joint surface at which the map shows signal: under the plate, fracture lines, shallow bands."""
STEP_MM = 0.5
UNDER_MM = DEPTHS_MM[0]
"""A segment lies under a place of the joint surface if it holds the point this deep below it."""


@dataclass(frozen=True, eq=False)
class Seen:
    """What was seen under one head's joint surface; `doubtful` names the signs that are undetermined."""

    segment: NecroticSegment | None
    lines: tuple[FractureSheet, ...]
    surface: HeadSurface | None
    doubtful: frozenset[str] = frozenset()

    @property
    def anything(self) -> bool:
        """Whether there is anything but the head itself."""
        return self.segment is not None or bool(self.lines) or self.surface is not None


def see_head(result: AnalysisResult, reading: JointReading) -> Seen:
    """Choose what of a reading's head is drawn: what its signs call present or undetermined.

    Where a sign was not judged, what was measured counts as seen by the measure's own limit.
    """
    head = reading.head
    if head is None:
        return Seen(None, (), None)
    states = {f.sign: f.state for f in result.findings if (f.joint, f.side) == (reading.joint, reading.side)}

    def unseen(sign: str) -> bool:
        return states.get(sign) in (State.ABSENT, State.NOT_ASSESSABLE)

    sunken = head.surface is not None and head.surface.depression_mm >= LEAST_DEPRESSION_MM
    return Seen(
        None if unseen("subchondral_band") else head.segment,
        ()
        if unseen("subchondral_fracture_line")
        else tuple(s for s in head.sheets if s.evidence >= SEEN_EVIDENCE and _under_joint_surface(s)),
        head.surface if sunken and not unseen("head_collapse") else None,
        frozenset(sign for sign, state in states.items() if state is State.UNDETERMINED),
    )


def _under_joint_surface(line: FractureSheet) -> bool:
    """Say whether a dark sheet lies under the joint surface, not at the head's underside where the neck begins."""
    up, _ = upright(line.femur)
    middle = np.median(line.points, axis=0)
    return bool(middle @ up > np.cos(np.radians(MOST_DEG)) * np.linalg.norm(middle))


@dataclass(frozen=True, eq=False)
class HeadChart:
    """The unrolled head with what lies under it; every array has the shape of the map, (PIXELS, PIXELS).

    Parameters
    ----------
    map : HeadMap
    t1, fluid : arrays, shape (PIXELS, PIXELS, len(DEPTHS_MM))
        Signal below the joint surface; not a number beside the head.
    band_mm : array
        Depth of the necrotic segment's border below the joint surface; not a number where there is no segment.
    line_mm : array
        The same of fracture lines.
    sunken_mm : array
        How far the surface has sunk, in one piece around the greatest depression; not a number elsewhere.
    """

    map: HeadMap
    t1: NDArray[np.float32]
    fluid: NDArray[np.float32]
    band_mm: NDArray[np.float64]
    line_mm: NDArray[np.float64]
    sunken_mm: NDArray[np.float64]

    @property
    def axis_mm(self) -> NDArray[np.float64]:
        """Map coordinates of the pixels along either axis, mm on the head's sphere (true at the middle)."""
        middle = place_direction(self.map.up[None], self.map.up, self.map.lateral)[0, 0]
        return np.asarray((np.arange(PIXELS) - middle) * np.sqrt(self.map.pixel_mm2), np.float64)

    def place_mm(self, directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return map coordinates (n, 2), mm, of directions (n, 3) in bone coordinates, and which of them it shows."""
        index = place_direction(directions, self.map.up, self.map.lateral)
        pixel = np.rint(index).astype(int)
        within = ((pixel >= 0) & (pixel < PIXELS)).all(axis=-1)
        shown = within & self.map.shown[tuple(np.clip(pixel, 0, PIXELS - 1).T)]
        return np.asarray(self.axis_mm[0] + index * np.sqrt(self.map.pixel_mm2), np.float64), shown


def chart_head(head: HeadMeasurement, seen: Seen) -> HeadChart | None:
    """Lay out one head with what was seen in it; None where it was not measured."""
    if head.obstacle or head.t1 is None or head.fluid is None:
        return None
    unrolled = unroll(head.femur)
    nothing = np.full((PIXELS, PIXELS), np.nan)
    return HeadChart(
        unrolled,
        unrolled.sample(head.t1.volume, DEPTHS_MM),
        unrolled.sample(head.fluid.volume, DEPTHS_MM),
        nothing if seen.segment is None else band_depth_mm(unrolled, seen.segment),
        line_depth_mm(unrolled, seen.lines) if seen.lines else nothing,
        nothing if seen.surface is None else sunken_mm(unrolled, seen.surface),
    )


def band_depth_mm(head_map: HeadMap, segment: NecroticSegment) -> NDArray[np.float64]:
    """Return how deep below the joint surface the segment ends along each line to the head center.

    Where it reaches the center or beyond, the depth of the center. Not a number where none lies under the surface.
    """
    directions = head_map.directions[head_map.shown]
    radius = head_map.radius_mm[head_map.shown]
    met = segment.contains(directions * (radius - UNDER_MM)[:, None])
    depth = np.arange(UNDER_MM + STEP_MM, float(radius.max()), STEP_MM)
    away = np.maximum(radius[met, None] - depth, 0.1)
    outside = ~segment.contains(directions[met, None, :] * away[..., None])
    first = np.where(outside.any(axis=1), outside.argmax(axis=1), len(depth) - 1)
    known = np.full(len(directions), np.nan)
    known[met] = np.minimum(depth[first] - STEP_MM / 2, radius[met])
    result = np.full(head_map.shown.shape, np.nan)
    result[head_map.shown] = known
    return smooth_known(result, 1.0)


def line_depth_mm(head_map: HeadMap, lines: Sequence[FractureSheet]) -> NDArray[np.float64]:
    """Return how deep below the joint surface fracture lines lie; not a number where none was seen."""
    points = np.concatenate([line.points for line in lines])
    depths = np.concatenate([line.depth_mm for line in lines])
    away = np.linalg.norm(points, axis=1)
    distance, nearest = cKDTree(points / away[:, None]).query(head_map.directions, k=min(3, len(away)))
    distance, nearest = distance.reshape(*distance.shape[:2], -1), nearest.reshape(*nearest.shape[:2], -1)
    weight = 1 / np.maximum(distance, 1e-3)
    depth = (weight * depths[nearest]).sum(axis=-1) / weight.sum(axis=-1)
    return np.where(head_map.shown & (distance[..., 0] < 0.75 * RAY_SPACING), depth, np.nan)


def sunken_mm(head_map: HeadMap, surface: HeadSurface) -> NDArray[np.float64]:
    """Return how far the surface has sunk in the one piece of the map that holds its greatest depression."""
    distance, nearest = cKDTree(surface.directions).query(head_map.directions, k=4)
    weight = 1 / np.maximum(distance, 1e-3)
    sunken = (weight * surface.sunken_mm[nearest]).sum(axis=-1) / weight.sum(axis=-1)
    seen = head_map.shown & (head_map.directions[..., 0] < LATERAL)
    pieces, _ = ndimage.label(seen & (sunken > 0.5))
    deepest = np.rint(place_direction(deepest_direction(surface), head_map.up, head_map.lateral)).astype(int)
    piece = pieces[tuple(np.clip(deepest, 0, PIXELS - 1))]
    return np.where((pieces == piece) & (piece > 0), sunken, np.nan)


def deepest_direction(surface: HeadSurface) -> NDArray[np.float64]:
    """Return the unit vector, bone coordinates, under which the greatest depression was measured."""
    # A depression may be equally deep over part of its width.
    off = np.abs(surface.sunken_mm - surface.depression_mm)
    middle = surface.directions[off <= off.min() + 1e-6].mean(axis=0)
    return np.asarray(middle / np.linalg.norm(middle), np.float64)


def smooth_known(values: NDArray[np.float64], pixels: float) -> NDArray[np.float64]:
    """Smooth what is a number by a Gaussian, without what is not."""
    known = np.isfinite(values)
    weight = ndimage.gaussian_filter(known.astype(np.float64), pixels)
    total = ndimage.gaussian_filter(np.where(known, values, 0.0), pixels)
    return np.where(known, total / np.maximum(weight, 1e-6), np.nan)
