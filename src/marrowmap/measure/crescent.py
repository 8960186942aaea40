"""The crescent in CT: a lucent cleft just under the plate of a femoral head, where its dead bone has broken.

Fluid or gas in it is darker than the trabeculae above and below, so it is a dark sheet along the joint surface. What
else is dark there is none: a cyst is as thick as it is long, and marrow with few trabeculae is as dark further down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.ct_surface import smooth_map
from marrowmap.measure.head_map import HeadMap

STEP_MM = 0.25
LOOKED_DEG = 70.0
"""A crescent is looked for this far around the direction up the shaft."""
SHALLOWEST_MM, DEEPEST_MM = 1.25, 6.0
"""Of its middle, below the edge of the bone."""
COMPARED_MM = (2.5, 5.5)
"""It is compared with what lies this much deeper."""
TAIL_MM, FADE_MM = 4.5, 1.5
"""The plate, as scanner and kernel show it, changes nothing deeper than this."""
MARROW_MM = (4.0, 10.0)
"""Depths whose median is the usual density of this head's marrow."""
NULL_MM = (9.0, 13.0)
"""Depths where no crescent lies: what is found there by chance is what chance finds."""
CHANCE = 0.9
LEAST_HU = 45.0
SMOOTH_PIXELS = 1.6
LEAST_PIXELS = 8
TOUCHING_MM = 0.75
"""Neighboring places whose depths differ by more do not belong together."""
LEAST_LENGTH_MM, LEAST_AREA_MM2, LEAST_BREADTH_MM = 9.0, 90.0, 3.0
DOUBT_LENGTH_MM, DOUBT_AREA_MM2 = 7.0, 40.0
MORE_THAN_CHANCE = 1.15
WIDER, BLUR_MM = 1.0, 1.7
"""A cleft is half as dark no further than its thickness, blurred this far; on tuning seeds, as all limits here."""
THICKEST_MM = 5.0
HIDDEN = 1.5
"""The plate, blurred as it is, hides a third of a cleft's darkness."""
SAME_PLANE_MM = 0.7
SHEET_RATIO = 3.0
"""A sheet is this much longer than it is thick; cysts of worn hips (tuning seeds) reach 2.2."""
SCANNER_MM = 1.2
"""Full width at half maximum of what a soft kernel makes of a point, beside the voxels; a usual value."""
FLUID_HU, GAS_HU = 10.0, -1000.0
GAS_BELOW_HU = -200.0
"""Darker than any fat: gas."""


@dataclass(frozen=True, eq=False)
class Cleft:
    """One dark sheet under the joint surface.

    Parameters
    ----------
    place : array of bool, shape (PIXELS, PIXELS)
        Where on the map it was seen.
    depth_mm : float
        Median, of its middle below the edge of the bone.
    thickness_mm : float
        Median of what its darkness adds up to, between its content and the marrow around.
    half_width_mm : float
        Median of how far it is at least half as dark, blurred as it is.
    length_mm, longest_mm : float
        Longest extent along it, in a coronal plane of the bone and in any direction.
    area_mm2 : float
    darkness_hu : float
        Median of how much darker it is than what it is compared with.
    filling : str
        ``fluid`` or ``gas``.
    """

    place: NDArray[np.bool_]
    depth_mm: float
    thickness_mm: float
    half_width_mm: float
    length_mm: float
    longest_mm: float
    area_mm2: float
    darkness_hu: float
    filling: str

    @property
    def breadth_mm(self) -> float:
        """Area over longest extent."""
        return self.area_mm2 / max(self.longest_mm, 1e-6)

    @property
    def sharp(self) -> bool:
        """Whether it is a sheet: as narrow as its darkness says, and much longer than thick as no cyst is."""
        widest = float(np.hypot(WIDER * self.thickness_mm, BLUR_MM))
        sheet = self.longest_mm > SHEET_RATIO * self.half_width_mm and self.breadth_mm >= LEAST_BREADTH_MM
        return sheet and self.half_width_mm <= widest and self.thickness_mm <= THICKEST_MM


@dataclass(frozen=True, eq=False)
class CleftSearch:
    """What was found, and what could have been.

    Parameters
    ----------
    clefts : tuple of Cleft
        The largest first.
    limit_hu : float
        How much darker something must be to be told from this head's own texture and noise.
    marrow_hu : float
        Usual density of this head's marrow.
    by_chance_mm2 : float
        Area of the largest such sheet further down, where there is no crescent.
    smallest_mm : float
        Thickness of a long cleft that is that dark in this image.
    """

    clefts: tuple[Cleft, ...]
    limit_hu: float
    marrow_hu: float
    by_chance_mm2: float
    smallest_mm: float

    @property
    def crescent(self) -> Cleft | None:
        """The largest sheet that is larger than texture and noise make any; None without one."""
        least = max(LEAST_AREA_MM2, MORE_THAN_CHANCE * self.by_chance_mm2)
        return next((c for c in self._sheets if c.longest_mm >= LEAST_LENGTH_MM and c.area_mm2 >= least), None)

    @property
    def doubtful(self) -> Cleft | None:
        """The largest sheet that may be a small crescent or texture; None without one."""
        large = (c for c in self._sheets if c.longest_mm >= DOUBT_LENGTH_MM and c.area_mm2 >= DOUBT_AREA_MM2)
        return next(large, None)

    @property
    def _sheets(self) -> list[Cleft]:
        return [cleft for cleft in self.clefts if cleft.sharp and cleft.depth_mm > SHALLOWEST_MM]


def find_clefts(edge: HeadMap, ct: Volume) -> CleftSearch:
    """Look for dark sheets under the joint surface.

    Parameters
    ----------
    edge : HeadMap
        On the bone's edge in that CT; see :func:`~marrowmap.measure.ct_surface.trace_edge`.
    ct : Volume
        HU, in the femur's frame of reference.
    """
    looked = edge.shown & (edge.directions @ edge.up > np.cos(np.radians(LOOKED_DEG)))
    depth = np.arange(0.0, NULL_MM[1] + COMPARED_MM[1] + STEP_MM, STEP_MM)
    density = smooth_map(edge.sample(ct, depth), SMOOTH_PIXELS).astype(np.float64)
    marrow = float(np.nanpercentile(density[looked][:, (depth >= MARROW_MM[0]) & (depth <= MARROW_MM[1])], 40))
    darker = _darker(density, depth, marrow) + _plate_tail(density[edge.shown], depth)
    null = (depth >= NULL_MM[0]) & (depth <= NULL_MM[1])
    limit = max(LEAST_HU, float(np.nanquantile(np.nanmax(darker[looked][:, null], axis=1), CHANCE)))

    def search(window: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[NDArray[np.bool_]]]:
        best = np.argmax(np.where(window & np.isfinite(darker), darker, -np.inf), axis=-1)
        peak = np.take_along_axis(darker, best[..., None], axis=-1)[..., 0]
        return best, _pieces(looked & (peak > limit), depth[best])

    best, pieces = search((depth >= SHALLOWEST_MM) & (depth <= DEEPEST_MM))
    by_chance = max((int(piece.sum()) for piece in search(null)[1]), default=0) * edge.pixel_mm2
    clefts = [_describe(edge, density, darker, depth, best, piece) for piece in pieces]
    clefts.sort(key=lambda cleft: -cleft.area_mm2)
    return CleftSearch(tuple(clefts), limit, marrow, by_chance, _smallest_mm(limit, marrow, ct.grid))


def _smallest_mm(limit: float, marrow: float, grid: Grid) -> float:
    """Return the thickness of a cleft with fluid that is as dark as the limit after voxels have blurred it."""
    blur = float(np.sqrt((grid.spacing**2).mean() + SCANNER_MM**2))
    return max(limit, 1.0) * blur / max(marrow - FLUID_HU, 1.0)


def _darker(density: NDArray[np.float64], depth: NDArray[np.float64], marrow: float) -> NDArray[np.float64]:
    """Return how much darker each place is than what lies deeper, or than this head's marrow if that is darker."""
    low, high = (round(mm / STEP_MM) for mm in COMPARED_MM)
    total = np.cumsum(np.pad(density, ((0, 0), (0, 0), (1, 0))), axis=-1)
    result = np.full(density.shape, np.nan)
    last = len(depth) - high
    deeper = (total[..., high : high + last] - total[..., low : low + last]) / (high - low)
    result[..., :last] = np.minimum(deeper, marrow) - density[..., :last]
    return result


def _plate_tail(density: NDArray[np.float64], depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the plate usually changes each depth, shape (k,): the median of all of the head's surface.

    A cleft hardly changes it, as it takes less than half of that surface.
    """
    deeper = np.nanmedian(density[:, (depth >= TAIL_MM) & (depth <= MARROW_MM[1])], axis=1)
    usual = np.nanmedian(density - deeper[:, None], axis=0)
    return np.asarray(usual * np.clip((TAIL_MM - depth) / FADE_MM, 0, 1), np.float64)


def _pieces(found: NDArray[np.bool_], depth: NDArray[np.float64]) -> list[NDArray[np.bool_]]:
    """Part a mask of the map into sheets: neighbors belong together where their depths are alike."""
    left, pieces = found.copy(), []
    # Wherever depth jumps, one of the two neighbors is left out of the labeling.
    for axis in (0, 1):
        jump = np.abs(np.diff(depth, axis=axis)) > TOUCHING_MM
        cut = np.zeros_like(found)
        cut[(slice(1, None), slice(None)) if axis == 0 else (slice(None), slice(1, None))] = jump
        left &= ~cut
    labels, count = ndimage.label(left)
    for number in range(1, count + 1):
        piece = labels == number
        if piece.sum() >= LEAST_PIXELS:
            pieces.append(piece)
    return pieces


def _describe(
    edge: HeadMap,
    density: NDArray[np.float64],
    darker: NDArray[np.float64],
    depth: NDArray[np.float64],
    best: NDArray[np.int64],
    place: NDArray[np.bool_],
) -> Cleft:
    """Measure one sheet: where it is darkest on each ray, how far it is half as dark, and how far it reaches."""
    strongest = np.take_along_axis(darker, best[..., None], axis=-1)[..., 0]
    # Its outline lies where it is half as dark as within.
    place = place & (strongest >= 0.5 * np.percentile(strongest[place], 75))
    row, at = np.arange(int(place.sum())), best[place]
    dark, darkest, lowest = darker[place], darker[place][row, at], density[place][row, at]
    # The stretch around the darkest point that is at least half as dark, by what is lighter above and below.
    light = dark <= 0.5 * darkest[:, None]
    step = np.arange(len(depth))
    above = np.where(light & (step < at[:, None]), step, -1).max(axis=1)
    below = np.where(light & (step > at[:, None]), step, len(depth)).min(axis=1)
    half_width = (below - above - 1) * STEP_MM
    counted = (step >= above[:, None] - 1) & (step <= below[:, None] + 1)
    total = np.where(counted, np.maximum(np.nan_to_num(dark), 0.0), 0.0).sum(axis=1) * STEP_MM
    gas = float(np.median(lowest)) < GAS_BELOW_HU
    full = darkest + lowest - (GAS_HU if gas else FLUID_HU)
    thickness = np.minimum(HIDDEN * total / np.maximum(full, 1.0), half_width)
    points = edge.directions[place] * (edge.radius_mm[place] - depth[at])[:, None]
    away = 2 * float(np.median(np.linalg.norm(points, axis=1)))
    apart = points[:, None] - points
    along = away * np.arcsin(np.clip(np.linalg.norm(apart, axis=-1) / away, 0, 1))
    return Cleft(
        place,
        float(np.median(depth[at])),
        float(np.median(thickness)),
        float(np.median(half_width)),
        float(np.where(np.abs(apart[..., 2]) < SAME_PLANE_MM, along, 0.0).max()),
        float(along.max()),
        float(place.sum()) * edge.pixel_mm2,
        float(np.median(darkest)),
        "gas" if gas else "fluid",
    )
