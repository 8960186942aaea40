"""The piece of a bone that high resolution shows: what lies where in it, as smooth fields.

Trabeculae are far finer than these fields; they say how thick the cortex is, how dense trabeculae stand, how much of
them is lost and what fills the space between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import signed_distance
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular_cells import Field
from marrowmap.phantom.trabecular_cells import Network
from marrowmap.phantom.trabecular_cells import fill_cells
from marrowmap.phantom.trabecular_cells import find_cells
from marrowmap.phantom.trabecular_cells import seed_points
from marrowmap.phantom.trabecular_raster import Floats
from marrowmap.values import Side

FIELD_MM = 0.8
"""Grid of the fields."""
MARGIN_MM = 4.0
"""How far the fields reach beyond the slab on each side, and with them trabeculae."""
FAR_MM = np.float32(30.0)
RECIPE = Recipe(
    plate_mm=0.17,
    rod_mm=0.17,
    spacing_mm=0.95,
    stretch=1.5,
    plate_share=0.38,
    rod_share=0.75,
    hole_share=0.1,
    jitter=0.25,
)
"""Choices, with which the distal femur has about the thickness, separation and number of trabeculae that HR-pQCT finds
in the well."""
SIDE_SD = 0.03
"""Standard deviation of the natural difference between the sides, as a share of plates and rods: a choice."""
ANCHOR = 0.5
"""Trabeculae reach into the cortex as far as this share of its thickness."""


@dataclass(frozen=True, eq=False)
class Site:
    """One bone of one side within a slab.

    Parameters
    ----------
    side : Side
    joint, region, body_part : str
        ``hip`` or ``knee``; the region's name in the contract; DICOM's defined term.
    grid : Grid
        Of the fields: cubic, axis-aligned.
    center : array, shape (3,)
        Middle of the slab, LPS mm.
    axes : array, shape (3, 3)
        Columns: the trabeculae's own directions; they are longest along the last.
    fields : mapping of str to array
        ``bone``: signed distance from the measured bone's surface (negative inside); ``any_bone``: from that of the
        nearest bone; ``cortex`` mm; ``density`` (1: as in the recipe); ``lost`` share of trabecular bone; ``edema``
        share of marrow that is edema; ``red`` share of the rest that is red marrow.
    tissues : mapping of str to array
        Share of soft tissues outside bone.
    """

    side: Side
    joint: str
    region: str
    body_part: str
    grid: Grid
    center: Floats
    axes: Floats
    fields: Mapping[str, Array]
    tissues: Mapping[str, Array]

    def field(self, name: str) -> Field:
        """Return a function of LPS points, shape (n, 3), that interpolates a field; its edge goes on outward."""
        values = self.fields[name]

        def at(points: Floats) -> Floats:
            index = self.grid.to_index(points).T
            return np.asarray(ndimage.map_coordinates(values, index, order=1, mode="nearest"), np.float64)

        return at

    def depth(self, points: Floats, bone: str = "bone") -> Floats:
        """Return how deep LPS points, shape (n, 3), lie under the cortex, mm; negative in it and outside."""
        return np.asarray(-self.field(bone)(points) - self.field("cortex")(points))


def field_grid(center: NDArray[np.float64], half_mm: Sequence[float]) -> Grid:
    """Return the cubic grid of the fields about a point, `half_mm` and a little more to each side."""
    count = np.ceil(2 * (np.asarray(half_mm) + MARGIN_MM) / FIELD_MM).astype(int)
    affine = np.diag([FIELD_MM, FIELD_MM, FIELD_MM, 1.0])
    affine[:3, 3] = center - (count - 1) / 2 * FIELD_MM
    return Grid((int(count[0]), int(count[1]), int(count[2])), affine)


def distance_field(vertices: NDArray[np.float64], faces: NDArray[np.int64], grid: Grid) -> Array:
    """Return signed distance (mm, negative inside) from a closed surface on a whole grid, far away :data:`FAR_MM`."""
    result = np.full(grid.shape, FAR_MM, np.float32)
    found = signed_distance(vertices, faces, grid, 6.0)
    if found is not None:
        result[found[0]] = found[1]
    return result


def grow_site(site: Site, seed: Sequence[int], factor: float = 1.0) -> tuple[Network, Network]:
    """Grow the trabecular bone of a site, as it is and as it was before any loss.

    Parameters
    ----------
    site : Site
    seed : sequence of int
        Of the cells: each side has its own.
    factor : float
        Multiplies the shares of plates and rods.

    Returns
    -------
    now, before : Network
        LPS mm.
    """
    rng = np.random.default_rng(seed)
    own = site.grid.points().reshape(-1, 3)[(site.fields["any_bone"] < 0).ravel()] @ site.axes
    spread = 2.5 * RECIPE.spacing_mm * np.array([1, 1, RECIPE.stretch])
    points = seed_points(own.min(axis=0) - spread, own.max(axis=0) + spread, RECIPE, rng) @ site.axes.T
    points = points[site.field("any_bone")(points) < spread[2]]
    low = site.grid.to_world((1, 1, 1))
    high = site.grid.to_world(np.array(site.grid.shape) - 2)
    bone, cortex, density = site.field("any_bone"), site.field("cortex"), site.field("density")

    def inside(vertices: Floats) -> NDArray[np.bool_]:
        return np.asarray(
            (bone(vertices) < -ANCHOR * cortex(vertices)) & ((vertices > low) & (vertices < high)).all(axis=1)
        )

    recipe = replace(RECIPE, plate_share=RECIPE.plate_share * factor, rod_share=min(RECIPE.rod_share * factor, 1.0))
    cells = find_cells(points @ site.axes, lambda vertices: inside(vertices @ site.axes.T), rng, RECIPE.stretch)
    cells = replace(cells, vertices=cells.vertices @ site.axes.T)
    before = fill_cells(cells, recipe, density, lambda points: np.zeros(len(points)))
    if not site.fields["lost"].any():
        return before, before
    return fill_cells(cells, recipe, density, site.field("lost")), before
