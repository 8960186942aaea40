"""Trabecular bone of a whole bone: hundreds of thousands of cells, grown in arrays.

The cells are those of :mod:`marrowmap.phantom.trabecular`, found as the dual of the Delaunay tetrahedra of their
centers: a vertex is a circumcenter, an edge joins those of neighboring tetrahedra, a face those of all tetrahedra about
a line. Shares and thicknesses may change from place to place, and so may the bone that is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from marrowmap.errors import InputError
from marrowmap.phantom.trabecular import LEAST_HOLE_RADII
from marrowmap.phantom.trabecular import SMALL_FACE_RADII
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular_raster import Elements
from marrowmap.phantom.trabecular_raster import Floats
from marrowmap.phantom.trabecular_raster import Ints

Field = Callable[[Floats], Floats]
"""Maps points, shape (n, 3), to values, shape (n,)."""

THINNING, PLATES_LOST, RODS_LOST, PERFORATION = 0.5, 0.5, 0.8, 0.9
"""What a loss of 1 would do: thinner by this share, this share of plates and of rods gone, this share with a hole.

A choice: together they take about the share of bone that was asked for (a test holds it), and more of the rods."""
_PAIRS = np.array([[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3]])


@dataclass(frozen=True, eq=False)
class Cells:
    """Faces and edges of space-filling cells, and the luck of each.

    Parameters
    ----------
    vertices : array, shape (vertices, 3)
    corners : array of int
        Vertex numbers of all faces, one face after the other, each in order around it.
    first : array of int, shape (faces + 1,)
    edges : array of int, shape (edges, 2)
    sides : array of int
        For each corner the edge from it to the next corner of its face.
    plate_luck, hole_luck : array, shape (faces,)
        0 to 1: a share above it gives the face a plate, or the plate a hole.
    rod_luck : array, shape (edges,)
    """

    vertices: Floats
    corners: Ints
    first: Ints
    edges: Ints
    sides: Ints
    plate_luck: Floats
    hole_luck: Floats
    rod_luck: Floats


@dataclass(frozen=True, eq=False)
class Network:
    """Trabecular bone of a whole bone, with what its truth is counted from.

    Parameters
    ----------
    elements : Elements
    plate_middle, plate_normal : array, shape (plates, 3)
    plate_area : array, shape (plates,)
        mm2, without the hole.
    knots : array, shape (knots, 3)
        Vertices that hold an element.
    bars : array, shape (bars, 3)
        Middles of edges that are bone: rods, and the sides of plates.
    """

    elements: Elements
    plate_middle: Floats
    plate_normal: Floats
    plate_area: Floats
    knots: Floats
    bars: Floats

    @property
    def rod_middle(self) -> Floats:
        """Middles of the rods, shape (rods, 3)."""
        return np.asarray(self.elements.rod_ends.mean(axis=1))

    @property
    def rod_length(self) -> Floats:
        """Lengths of the rods, mm."""
        return np.asarray(np.linalg.norm(np.diff(self.elements.rod_ends, axis=1)[:, 0], axis=1))


def seed_points(low: Floats, high: Floats, recipe: Recipe, rng: np.random.Generator) -> Floats:
    """Return jittered points of a body-centered lattice that fills a box, mm; it is longer along the last axis."""
    # Nearest points of the lattice lie half its cube's diagonal apart.
    cube = recipe.spacing_mm * 2 / np.sqrt(3) * np.array([1.0, 1.0, recipe.stretch])
    counts = np.ceil((high - low) / cube).astype(int) + 1
    corner = np.stack(np.meshgrid(*map(np.arange, counts), indexing="ij"), -1).reshape(-1, 3)
    points = np.concatenate([corner, corner + 0.5])
    return np.asarray(low + (points + rng.normal(0, recipe.jitter * np.sqrt(3) / 2, points.shape)) * cube)


def _circumcenters(points: Floats, tetrahedra: Ints) -> Floats:
    a, b, c = (points[tetrahedra[:, n]] - points[tetrahedra[:, 0]] for n in (1, 2, 3))
    across = np.cross(b, c)
    turned = (
        (a**2).sum(1)[:, None] * across
        + (b**2).sum(1)[:, None] * np.cross(c, a)
        + (c**2).sum(1)[:, None] * np.cross(a, b)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = points[tetrahedra[:, 0]] + turned / (2 * (a * across).sum(1))[:, None]
    return result


def find_cells(
    points: Floats, inside: Callable[[Floats], NDArray[np.bool_]], rng: np.random.Generator, stretch: float = 1.0
) -> Cells:
    """Cut space into cells about points, and keep the faces and edges that lie inside whole.

    Parameters
    ----------
    points : array, shape (n, 3)
        Cell centers, mm; they reach some spacings beyond what counts as inside.
    inside : callable
        Says of vertices, shape (m, 3), which may carry bone.
    rng : Generator
        Luck is drawn in the order of the cells: bone that uses fewer of them shares the rest.
    stretch : float
        Cells are cut about points pressed together by this along the last axis, and stretched again: those about
        stretched points would not be longer (a cubic lattice stretched by 1.41 is another cubic lattice).

    Raises
    ------
    InputError
        If no face lies inside.
    """
    longer = np.array([1.0, 1.0, stretch])
    points = points / longer
    mesh = Delaunay(points)
    tetrahedra = mesh.simplices.astype(np.int64)
    vertices = _circumcenters(points, tetrahedra)
    good: NDArray[np.bool_] = np.asarray(np.isfinite(vertices).all(axis=1))
    good &= np.linalg.norm(np.where(good[:, None], vertices, 0) - points[tetrahedra[:, 0]], axis=1) < 10
    good[good] = inside(vertices[good] * longer)
    other = mesh.neighbors.astype(np.int64)
    whose = np.repeat(np.arange(len(tetrahedra)), 4)
    other = other.ravel()
    joined = (other > whose) & good[whose] & good[other]
    edges = np.stack([whose[joined], other[joined]], axis=1)
    # One record for each line between two centers and tetrahedron about it: together they are the face's corners.
    ends = np.sort(tetrahedra[:, _PAIRS].reshape(-1, 2), axis=1)
    key = ends[:, 0] * len(points) + ends[:, 1]
    order = np.argsort(key, kind="stable")
    key = key[order]
    start = np.flatnonzero(np.r_[True, key[1:] != key[:-1]])
    size = np.diff(np.r_[start, len(key)])
    whole = np.logical_and.reduceat(good[order // 6], start) & (size >= 3)
    if not whole.any():
        raise InputError("virtual trabecular bone: no whole cell face lies inside the bone; use a smaller spacing")
    kept = order[np.repeat(whole, size)]
    size = size[whole]
    first = np.concatenate([[0], np.cumsum(size)])
    corners = kept // 6
    pair = ends[kept[first[:-1]]]
    normal = points[pair[:, 1]] - points[pair[:, 0]]
    away = vertices[corners] - np.repeat(_means(vertices[corners], first), size, axis=0)
    # The corners' order is that of their angles about the line.
    helper = np.eye(3)[np.abs(normal).argmin(axis=1)]
    across = np.cross(normal, helper)
    across /= np.linalg.norm(across, axis=1)[:, None]
    up = np.cross(normal, across)
    up /= np.linalg.norm(up, axis=1)[:, None]
    angle = np.arctan2((away * np.repeat(up, size, axis=0)).sum(1), (away * np.repeat(across, size, axis=0)).sum(1))
    corners = corners[np.lexsort((angle, np.repeat(np.arange(len(size)), size)))]
    del ends, key, order, away
    edges = edges[np.argsort(edges[:, 0] * len(vertices) + edges[:, 1])]
    following = corners[_following(first)]
    wanted = np.minimum(corners, following) * len(vertices) + np.maximum(corners, following)
    sides = np.searchsorted(edges[:, 0] * len(vertices) + edges[:, 1], wanted)
    luck = rng.random((len(size), 2))
    return Cells(vertices * longer, corners, first, edges, sides, luck[:, 0], luck[:, 1], rng.random(len(edges)))


def _means(values: Floats, first: Ints) -> Floats:
    """Return the mean of each run of rows."""
    return np.asarray(np.add.reduceat(values, first[:-1], axis=0) / np.diff(first)[:, None])


def _following(first: Ints) -> Ints:
    """Return for each corner the place of the next one of its face."""
    following = np.arange(1, first[-1] + 1)
    following[first[1:] - 1] = first[:-1]
    return following


def _face_shape(cells: Cells) -> tuple[Floats, Floats, Floats, Floats]:
    """Return middle, unit normal, area and radius of the inscribed circle of each face."""
    corners = cells.vertices[cells.corners]
    size = np.diff(cells.first)
    middle = _means(corners, cells.first)
    away = corners - np.repeat(middle, size, axis=0)
    along = away[_following(cells.first)] - away
    twice = np.cross(away, along)
    vector = np.add.reduceat(twice, cells.first[:-1], axis=0) / 2
    area = np.linalg.norm(vector, axis=1)
    height = np.linalg.norm(twice, axis=1) / np.maximum(np.linalg.norm(along, axis=1), 1e-12)
    return middle, vector / np.maximum(area, 1e-12)[:, None], area, np.minimum.reduceat(height, cells.first[:-1])


def fill_cells(cells: Cells, recipe: Recipe, density: Field, lost: Field) -> Network:
    """Put plates and rods on faces and edges.

    Parameters
    ----------
    cells : Cells
    recipe : Recipe
        Its shares and thicknesses hold where `density` is 1; spacing, stretch and jitter are the cells' own.
    density : callable
        Multiplies the share of plates, its square root that of rods; thickness falls by a fifth as it goes to 0.
    lost : callable
        Share of bone that resorption has taken, 0 to 1. Bone after a loss lies within that before it.

    Returns
    -------
    Network
    """
    middle, normal, area, radius = _face_shape(cells)
    dense, gone = np.clip(density(middle), 0, 2), np.clip(lost(middle), 0, 1)
    ends = cells.vertices[cells.edges]
    at = ends.mean(axis=1)
    edge_dense, edge_gone = np.clip(density(at), 0, 2), np.clip(lost(at), 0, 1)
    rod = cells.rod_luck < recipe.rod_share * np.sqrt(edge_dense) * (1 - RODS_LOST * edge_gone)
    across = recipe.rod_mm * (0.8 + 0.2 * np.minimum(edge_dense, 1)) * (1 - THINNING * edge_gone)

    thick = recipe.plate_mm * (0.8 + 0.2 * np.minimum(dense, 1)) * (1 - THINNING * gone)
    # The rods around a small face close it.
    closed = np.logical_and.reduceat(rod[cells.sides], cells.first[:-1])
    closed &= radius < SMALL_FACE_RADII * 0.5 * recipe.rod_mm
    plate = (cells.plate_luck < recipe.plate_share * dense * (1 - PLATES_LOST * gone)) | closed
    hole = recipe.hole_size * radius
    room = (radius - hole > LEAST_HOLE_RADII * recipe.plate_mm) & (hole > recipe.plate_mm)
    pierced = cells.hole_luck < recipe.hole_share + (1 - recipe.hole_share) * PERFORATION * gone
    hole = np.where(pierced & room, hole, 0.0)

    of_plate = np.repeat(plate, np.diff(cells.first))
    bar = rod.copy()
    bar[cells.sides[of_plate]] = True
    knot = np.zeros(len(cells.vertices), bool)
    knot[cells.edges[bar]] = True
    elements = Elements(
        ends[rod],
        across[rod],
        cells.vertices[cells.corners[of_plate]],
        np.concatenate([[0], np.cumsum(np.diff(cells.first)[plate])]),
        thick[plate],
        hole[plate],
    )
    return Network(
        elements,
        middle[plate],
        normal[plate],
        (area - np.pi * hole**2)[plate],
        cells.vertices[knot],
        at[bar],
    )
