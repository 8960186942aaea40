"""Virtual trabecular bone: plates and rods on the faces and edges of space-filling cells.

A body-centered lattice of jittered points, stretched along one axis, is cut into cells (Voronoi); each face may carry a
plate, each edge a rod. Resorption thins both, opens round holes in plates and takes rods away. The model is
continuous: it says of any point whether it is bone, so it can be imaged at any voxel size, and its truth needs no
voxel: connectivity follows from counting vertices, edges, faces and holes, thickness is what was set.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Voronoi

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular_raster import elements_of
from marrowmap.phantom.trabecular_raster import rasterize

Points = NDArray[np.float64]

SMALL_FACE_RADII = 2.0
"""A face whose inscribed circle is smaller than this many rod radii carries a plate: rods alone would close it."""
LEAST_HOLE_RADII = 1.0
"""A hole is left this many plate thicknesses wide of the plate's rim, so that a ring of bone remains."""


@dataclass(frozen=True)
class Recipe:
    """How a virtual block is built.

    Parameters
    ----------
    plate_mm, rod_mm : float
        Thickness of plates, diameter of rods.
    spacing_mm : float
        Distance between neighboring cell centers before stretching.
    stretch : float
        Cells are this many times longer along the last axis.
    plate_share : float
        Part of the faces that carry a plate.
    rod_share : float
        Part of the edges that carry a rod.
    hole_share : float
        Part of the plates with a hole.
    hole_size : float
        Radius of a hole over that of the face's inscribed circle, 0 to 1.
    jitter : float
        Standard deviation of the points' shift over the spacing.
    """

    plate_mm: float = 0.15
    rod_mm: float = 0.15
    spacing_mm: float = 0.9
    stretch: float = 1.0
    plate_share: float = 0.3
    rod_share: float = 1.0
    hole_share: float = 0.0
    hole_size: float = 0.4
    jitter: float = 0.05

    def __post_init__(self) -> None:
        if min(self.plate_mm, self.rod_mm, self.spacing_mm, self.stretch) <= 0:
            raise InputError("virtual trabecular bone: thickness, spacing and stretch must be more than 0")
        if max(self.plate_mm, self.rod_mm) > 0.4 * self.spacing_mm:
            raise InputError("virtual trabecular bone: plates and rods must be thinner than 0.4 of the spacing")
        if not all(0 <= share <= 1 for share in (self.plate_share, self.rod_share, self.hole_share, self.hole_size)):
            raise InputError("virtual trabecular bone: shares lie between 0 and 1")


@dataclass(frozen=True)
class Plate:
    """A flat, convex polygon with thickness; `hole_mm` is the radius of a round hole about its middle, 0 for none."""

    corners: Points
    thickness_mm: float
    hole_mm: float = 0.0


@dataclass(frozen=True)
class Rod:
    """A cylinder with round ends."""

    ends: Points
    diameter_mm: float


@dataclass(frozen=True)
class TrabecularBlock:
    """A piece of virtual trabecular bone, whole within a box from 0 to `size_mm`.

    Parameters
    ----------
    size_mm : tuple of float
    plates : tuple of Plate
    rods : tuple of Rod
    euler : int
        Euler number (vertices less edges plus faces less holes) of the structure, which no cut ends touch.
    """

    size_mm: tuple[float, float, float]
    plates: tuple[Plate, ...]
    rods: tuple[Rod, ...]
    euler: int


def _seeds(size: Points, recipe: Recipe, rng: np.random.Generator) -> Points:
    """Return jittered points of a body-centered lattice, two cells beyond the box on every side, mm."""
    # Nearest points of the lattice lie half its cube's diagonal apart.
    cube = recipe.spacing_mm * 2 / np.sqrt(3) * np.array([1.0, 1.0, recipe.stretch])
    counts = np.ceil(size / cube).astype(int) + 4
    corner = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([corner, corner + 0.5]) - 2.0
    return np.asarray((points + rng.normal(0, recipe.jitter * np.sqrt(3) / 2, points.shape)) * cube)


def _inscribed_mm(corners: Points) -> float:
    """Return the least distance of a convex polygon's middle from its sides."""
    middle = corners.mean(axis=0)
    following = np.roll(corners, -1, axis=0)
    along = following - corners
    along /= np.linalg.norm(along, axis=1)[:, None]
    away = middle - corners
    return float(np.linalg.norm(away - (away * along).sum(1)[:, None] * along, axis=1).min())


def _sides(face: list[int]) -> list[tuple[int, int]]:
    """Return the sides of a polygon as pairs of vertex numbers, the lower first."""
    return [(min(a, b), max(a, b)) for a, b in zip(face, [*face[1:], face[0]], strict=True)]


def grow(size_mm: tuple[float, float, float], recipe: Recipe, seed: int) -> TrabecularBlock:
    """Build virtual trabecular bone.

    Parameters
    ----------
    size_mm : tuple of float
        Box; only faces and edges that lie in it whole, a thickness from its sides, are used.
    recipe : Recipe
    seed : int
        The same seed gives the same cells, and of two recipes that differ in shares the smaller one's plates, rods and
        holes are among the larger one's: a block and its resorbed self can be drawn.

    Raises
    ------
    InputError
        If the box holds no whole face.
    """
    rng = np.random.default_rng(seed)
    size = np.asarray(size_mm, float)
    cells = Voronoi(_seeds(size, recipe, rng))
    margin = max(recipe.plate_mm, recipe.rod_mm)
    inside = ((cells.vertices > margin) & (cells.vertices < size - margin)).all(axis=1)
    # Luck is drawn for all faces and edges there are, so that it does not depend on which of them the recipe uses.
    everywhere = [face for face in cells.ridge_vertices if -1 not in face]
    luck = rng.random((len(everywhere), 2))
    edges = sorted({side for face in everywhere for side in _sides(face)})
    luck_rod = dict(zip(edges, rng.random(len(edges)), strict=True))
    kept_faces = [(face, *lucks) for face, lucks in zip(everywhere, luck, strict=True) if inside[face].all()]
    if not kept_faces:
        raise InputError("virtual trabecular bone: the box holds no whole cell face; use one of three spacings or more")
    sides = sorted({side for face, _, _ in kept_faces for side in _sides(face)})
    plates, held, used, holes = [], set(), set(), 0
    for face, plate_luck, hole_luck in kept_faces:
        corners = cells.vertices[face]
        radius = _inscribed_mm(corners)
        small = radius < SMALL_FACE_RADII * 0.5 * recipe.rod_mm
        if not small and plate_luck >= recipe.plate_share:
            continue
        hole = recipe.hole_size * radius
        room = radius - hole > LEAST_HOLE_RADII * recipe.plate_mm and hole > recipe.plate_mm
        hole = hole if hole_luck < recipe.hole_share and not small and room else 0.0
        holes += hole > 0
        plates.append(Plate(corners, recipe.plate_mm, hole))
        used.update(face)
        held.update(_sides(face))
    kept = [side for side in sides if luck_rod[side] < recipe.rod_share]
    for side in kept:
        used.update(side)
    rods = tuple(Rod(cells.vertices[list(side)], recipe.rod_mm) for side in kept)
    euler = len(used) - len(held | set(kept)) + len(plates) - holes
    return TrabecularBlock(size_mm, tuple(plates), rods, euler)


def resorbed(recipe: Recipe, thinning: float, perforation: float, lost_rods: float) -> Recipe:
    """Return the recipe of the same bone after resorption: thinner by a share, holes in plates, rods gone."""
    return replace(
        recipe,
        plate_mm=recipe.plate_mm * (1 - thinning),
        rod_mm=recipe.rod_mm * (1 - thinning),
        hole_share=max(recipe.hole_share, perforation),
        rod_share=recipe.rod_share * (1 - lost_rods),
    )


def bone_fraction_map(
    block: TrabecularBlock, voxel_mm: tuple[float, float, float], finer: int | Sequence[int] = 3
) -> NDArray[np.float32]:
    """Image a block without noise: the share of bone in every voxel.

    Space: voxel (i, j, k) reaches from (i, j, k) to (i + 1, j + 1, k + 1) times `voxel_mm`, in the block's own mm.

    Parameters
    ----------
    block : TrabecularBlock
    voxel_mm : tuple of float
        Any shape: 0.0607 or 0.082 for HR-pQCT, 0.234 by 0.234 by 1 for 7 T MRI.
    finer : int or three of them
        The model is asked at this many points along each axis of each voxel.

    Returns
    -------
    array of float32, 3-D
        0 to 1.
    """
    i, j, k = np.floor(np.asarray(block.size_mm) / voxel_mm).astype(int)
    return rasterize(elements_of(block), (int(i), int(j), int(k)), voxel_mm, finer)
