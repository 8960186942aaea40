"""A fracture line across the femoral neck: a dark sheet from its cortex into the marrow, edema around it.

A stress fracture of the neck begins at the medial (compressed) or the lateral (tense) cortex and runs about
perpendicular to the neck (Shin and Gillingham 1997, as quoted by others). It is darker than the marrow on either side
of it, in T1 and in the fluid-sensitive image: the marrow around it is edematous there. So a line is what is dark in
both, along all of a way that begins at the cortex. An edge (of edema, of a mass) is darker than one of its sides only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import marrow_mask
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.anatomy.regions import name_regions
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at

STEPS_MM = np.array([0.5, 1.0, 2.0])
"""Of the block in which lines are looked for, along the neck, up and forward (bone coordinates)."""
UP_MM, FORWARD_MM = 28.0, 16.0
"""How far the block reaches either way from the neck's axis."""
BESIDE_MM = 3.0
"""A line is darker than the marrow this far on either side of it."""
ACROSS_MM = 8.0
"""What is looked for is this broad from back to front."""
LEAST_LENGTH_MM = 4.0
"""And dark along at least this much of its way through the marrow."""
NEAR_CORTEX_MM = 3.0
"""It begins this close to the cortex, as far as the bone's surface is known."""
TILTS_DEG = (-20.0, -10.0, 0.0, 10.0, 20.0)
"""Between a line and the plane perpendicular to the neck's axis, in the plane of neck and shaft and across it."""
DARK_T1, DARK_FLUID = 0.2, 0.2
"""Evidence is 1 where a line is darker than what lies beside it by these shares of fatty marrow's signal in T1 and of
fluid's in the fluid-sensitive image, whichever it falls short of more."""
HINT_EVIDENCE, SURE_EVIDENCE = 0.2, 0.35
"""With less evidence than this there is no line; it is seen for sure (benchmarks/neck_lines.py, tuning seeds)."""
ENDS_AT = 0.5
"""A line ends where its evidence falls below this share of what it is at the cortex."""
WITHIN_MM = 1.0
"""Voxels this close to the middle of a line are painted."""
SMALLEST_MM = 13.0
"""Length through the marrow at which each line 1 mm thick was seen for sure, of those drawn into the edematous necks of
seven tuning seeds (7 of 7; 10 mm long and 2.2 mm thick: 7 of 7; 8 mm and 1.5 mm: 5 of 7)."""
MOST_BLUR_MM, LEAST_SNR = 2.6, 29.0
"""Of those images: how far a voxel reached along the neck, and T1 signal of fatty marrow over noise."""


@dataclass(frozen=True, eq=False)
class NeckLine:
    """One dark line across a femoral neck.

    Parameters
    ----------
    femur : BoneFrame
    points : array, shape (n, 3)
        Its middle, bone coordinates, mm.
    cortex : str
        Where it begins: ``medial`` (below, compressed) or ``lateral`` (above, tense).
    place_mm : float
        Of its beginning along the neck's axis from the head center.
    length_mm : float
        From the cortex's inner border through the marrow.
    breadth_mm : float
        From back to front.
    neck_mm : float
        Width of the neck's marrow along the line.
    evidence : float
        How dark it is in the lighter of both images, along its first :data:`LEAST_LENGTH_MM`.
    """

    femur: BoneFrame
    points: NDArray[np.float64]
    cortex: str
    place_mm: float
    length_mm: float
    breadth_mm: float
    neck_mm: float
    evidence: float

    @property
    def share_percent(self) -> float:
        """How much of the neck's width it crosses."""
        return 100 * min(1.0, self.length_mm / self.neck_mm)

    def mask(self, grid: Grid) -> Mask:
        """Paint the line on a grid of the femur's frame of reference."""
        inside = np.zeros(grid.shape, bool)
        places = np.argwhere(bone_mask(self.femur, grid).array)
        # The voxel a point lies in is painted, however far off its center is in thick slices.
        reach = np.maximum(WITHIN_MM, grid.spacing / 2)
        middle = grid.to_index(self.femur.to_world(self.points)) * grid.spacing / reach
        gap = cKDTree(middle).query(places * grid.spacing / reach, p=np.inf)[0]
        inside[tuple(places[gap <= 1.0].T)] = True
        return Mask(grid, inside)


def smallest_length_mm(blur_mm: float, snr: float) -> float | None:
    """Return the length through the marrow at which a line 1 mm thick would be seen; None where none is sure to be.

    Parameters
    ----------
    blur_mm : float
        How far a voxel reaches along the neck.
    snr : float
        T1 signal of fatty marrow over noise.
    """
    return SMALLEST_MM if blur_mm <= MOST_BLUR_MM and snr >= LEAST_SNR else None


def find_neck_line(images: HeadImages) -> NeckLine | None:
    """Find what looks most like a line across the neck; None with less than :data:`HINT_EVIDENCE`.

    Raises
    ------
    GeometryError
        If bone and images have different frames of reference.
    """
    block = _NeckBlock.of(images)
    found = [block.look(tilt, aside, cortex) for tilt in TILTS_DEG for aside in TILTS_DEG for cortex in CORTICES]
    seen = [one for one in found if one is not None and one.evidence >= HINT_EVIDENCE]
    return block.draw(max(seen, key=lambda one: one.evidence)) if seen else None


CORTICES = ("medial", "lateral")


@dataclass(frozen=True)
class _Candidate:
    """Where one look found most evidence: index along the neck, of its beginning, and from back to front."""

    evidence: float
    tilt_deg: float
    aside_deg: float
    cortex: str
    index: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class _NeckBlock:
    """The neck laid out along its axis.

    Parameters
    ----------
    femur : BoneFrame
    axes : tuple of array
        Places along the neck, up and forward, bone coordinates, mm.
    dark : array, shape (along, up, forward)
        How much darker than both its sides a point is, in the lighter of both images; 1 is :data:`DARK_T1`.
    marrow : array of bool, same shape
        Marrow of the neck.
    """

    femur: BoneFrame
    axes: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
    dark: NDArray[np.float32]
    marrow: NDArray[np.bool_]

    @classmethod
    def of(cls, images: HeadImages) -> _NeckBlock:
        femur = images.femur
        corner = float(femur.to_bone(femur.landmarks["neck_shaft_corner"])[0])
        first = HEAD_ENDS_AT_RADII * femur.head_radius_mm
        axes = (
            np.arange(first, corner + STEPS_MM[0] / 2, STEPS_MM[0]),
            np.arange(-UP_MM, UP_MM + STEPS_MM[1] / 2, STEPS_MM[1]),
            np.arange(-FORWARD_MM, FORWARD_MM + STEPS_MM[2] / 2, STEPS_MM[2]),
        )
        world = femur.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
        affine = np.eye(4)
        affine[:3, :3] = femur.axes * STEPS_MM
        affine[:3, 3] = world[0, 0, 0]
        grid = Grid(world.shape[:3], affine, femur.frame_of_reference_uid)
        neck = name_regions(femur, world) == FEMUR_REGIONS.index("femoral_neck") + 1
        t1 = _darker_than_both_sides(sample_at(images.t1, world)) / (images.marrow_level * DARK_T1)
        fluid = _darker_than_both_sides(sample_at(images.fluid, world)) / (images.fluid_level * DARK_FLUID)
        dark = np.minimum(t1, fluid)
        seen = np.isfinite(dark)
        return cls(femur, axes, np.where(seen, dark, 0.0), marrow_mask(femur, grid).array & neck & seen)

    def slanted(self, values: NDArray[np.generic], tilt_deg: float, aside_deg: float) -> NDArray[np.generic]:
        """Shift the block along the neck so that sheets of one slant lie across it; beyond its ends it goes on."""
        index, _ = self._index(tilt_deg, aside_deg)
        return np.take_along_axis(values, index, axis=0)

    def _index(self, tilt_deg: float, aside_deg: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        up, forward = self.axes[1][:, None], self.axes[2][None, :]
        shift = up * np.tan(np.radians(tilt_deg)) + forward * np.tan(np.radians(aside_deg))
        steps = np.rint(shift / STEPS_MM[0]).astype(int)
        index = np.arange(len(self.axes[0]))[:, None, None] + steps
        return np.clip(index, 0, len(self.axes[0]) - 1), steps * STEPS_MM[0]

    def _sheet(self, tilt_deg: float, aside_deg: float, cortex: str) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Darkness smoothed within sheets of one slant, and marrow, both from a cortex inward along the second axis."""
        dark = self.slanted(self.dark, tilt_deg, aside_deg).astype(np.float32)
        marrow = self.slanted(self.marrow, tilt_deg, aside_deg).astype(bool)
        if cortex == "lateral":
            dark, marrow = dark[:, ::-1], marrow[:, ::-1]
        across = int(ACROSS_MM / STEPS_MM[2])
        dark = ndimage.uniform_filter1d(dark, across + 1 - across % 2, axis=2, mode="nearest")
        return ndimage.uniform_filter1d(dark, 3, axis=1, mode="nearest"), marrow

    def look(self, tilt_deg: float, aside_deg: float, cortex: str) -> _Candidate | None:
        """Look for a line of one slant from one cortex."""
        dark, marrow = self._sheet(tilt_deg, aside_deg, cortex)
        rows = int(LEAST_LENGTH_MM / STEPS_MM[1])
        # The darkness a way keeps up over its first rows.
        least = np.lib.stride_tricks.sliding_window_view(dark, rows, axis=1).min(axis=-1)
        whole = np.lib.stride_tricks.sliding_window_view(marrow, rows, axis=1).all(axis=-1)
        first = marrow.argmax(axis=1)[:, None, :]
        from_cortex = (np.arange(least.shape[1])[None, :, None] - first) * STEPS_MM[1]
        possible = whole & (from_cortex >= 0) & (from_cortex <= NEAR_CORTEX_MM)
        if not possible.any():
            return None
        score = np.where(possible, least, -np.inf)
        index = np.unravel_index(int(score.argmax()), score.shape)
        along, inward, forward = (int(n) for n in index)
        return _Candidate(float(score[index]), tilt_deg, aside_deg, cortex, (along, inward, forward))

    def draw(self, found: _Candidate) -> NeckLine:
        """Follow a line from where it was found to its ends."""
        dark, marrow = self._sheet(found.tilt_deg, found.aside_deg, found.cortex)
        along, inward, forward = found.index
        enough = ENDS_AT * found.evidence
        # A line waves: what is darkest within a step or two of its plane belongs to it.
        sheet = ndimage.maximum_filter1d(dark, 5, axis=0)[along]
        pieces, _ = ndimage.label((sheet >= enough) & marrow[along])
        own = pieces == pieces[inward, forward]
        way = own[:, forward]
        first = int(marrow[along, :, forward].argmax())
        last = inward + int(np.argmin(np.append(way[inward:], False))) - 1
        up = self.axes[1][::-1] if found.cortex == "lateral" else self.axes[1]
        _, shift = self._index(found.tilt_deg, found.aside_deg)
        shift = shift[::-1] if found.cortex == "lateral" else shift
        rows, columns = np.nonzero(own)
        points = np.stack([self.axes[0][along] + shift[rows, columns], up[rows], self.axes[2][columns]], axis=1)
        slant = 1 / np.cos(np.radians(found.tilt_deg))
        breadth = float(np.ptp(columns) + 1) * STEPS_MM[2] / np.cos(np.radians(found.aside_deg))
        return NeckLine(
            self.femur,
            points,
            found.cortex,
            float(self.axes[0][along] + shift[first, forward]),
            float(last - first + 1) * STEPS_MM[1] * slant,
            float(breadth),
            float(marrow[along, :, forward].sum()) * STEPS_MM[1] * slant,
            found.evidence,
        )


def _darker_than_both_sides(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much darker each point is than the less bright of its two sides along the neck."""
    smooth = ndimage.uniform_filter1d(signal, 3, axis=0, mode="nearest")
    apart = int(BESIDE_MM / STEPS_MM[0])
    padded = np.pad(smooth, ((apart, apart), (0, 0), (0, 0)), mode="edge")
    return np.asarray(np.minimum(padded[: -2 * apart], padded[2 * apart :]) - smooth, np.float32)
