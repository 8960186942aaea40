"""Lay the shape model's femur onto an areal map of bone mineral.

Such a map has no soft tissue: outside the bone it is nothing. The projected outline of the femur is pulled onto the
steepest fall of the map along its normals; the shape model says how an outline can be (an active shape model, Cootes et
al. 1995, whose outline is found anew in each step). Where the pelvis lies over the femur the outline is left alone.

Space: LPS mm of the image; rays run along y, and depth has no meaning in what is returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation
from skimage.feature import match_template

from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.anatomy.dxa_regions import dxa_frame
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.planar_fit import placed
from marrowmap.anatomy.shape_model import axes
from marrowmap.anatomy.shape_model import head_sphere
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.values import Side

MODES = 20
"""Of the shape model's modes; the others move the outline by less than it is known to."""
COARSE_MM = 2.0
"""Pixels in which the femur is looked for."""
TEMPLATE_MM = ((-20.0, 70.0), (-15.0, 80.0))
"""What of the femur is looked for, lateral and distal of the head center."""
SCALES = (0.9, 1.0, 1.1)
TURNS_DEG = (-10.0, 0.0, 10.0)
REACHES_MM = (10.0, 10.0, 8.0, 6.0, 5.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0)
"""How far the outline looks for the bone's edge, step by step."""
STEP_MM = 0.25
LEAST_FALL = 0.05
"""g/cm2 over 1 mm: a weaker edge is none."""
EDGE_SD_MM = 0.7
INDEPENDENT_MM = 8.0
"""Along the outline; edges that lie closer err together."""
TILT_SD_DEG = 4.0
"""How well a leg is turned in and laid flat."""
HEAD_RADII = -0.3
"""Further toward the pelvis than this, along the neck, the socket hides the head's edge."""
TIP_BEHIND_MM = 1.5
"""The lesser trochanter's tip lies behind the shaft, where an outline does not show it; the fit puts it this much too
far up (virtual people, tuning seeds)."""
BELOW_TIP_MM = 30.0
"""The shaft further down says nothing of the regions."""


@dataclass(frozen=True, eq=False)
class ProjectedFemur:
    """A femur found in an areal map.

    Parameters
    ----------
    side : Side
    vertices, faces : arrays, shape (n, 3) LPS mm and (m, 3)
        Depth without meaning.
    frame : DxaFrame
        As seen along the image's rays.
    likeness : float
        Correlation of the usual femur's projection with the map at the best place.
    edge_rms_mm : float
        Between the outline and the map's edges.
    seen : float
        Share of the outline, pelvis and shaft apart, where there is an edge.
    error_mm : float
        Standard deviation along the neck of where the neck box is laid, as the fit itself says.
    """

    side: Side
    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    frame: DxaFrame
    likeness: float
    edge_rms_mm: float
    seen: float
    error_mm: float


@dataclass(frozen=True, eq=False)
class _Posed:
    """The mean femur in the densitometer's position, head center at the origin, with its modes."""

    mean: NDArray[np.float64]
    modes: NDArray[np.float64]
    faces: NDArray[np.int64]
    edges: NDArray[np.int64]
    beside: NDArray[np.int64]
    frame: DxaFrame


@lru_cache(maxsize=2)
def _posed(side: Side) -> _Posed:
    shape = side_shape("femur", side)
    frame = dxa_frame(np.zeros(3), axes(shape.mean), landmarks(shape.mean))
    outward = 1.0 if side is Side.LEFT else -1.0
    turn = np.array([[outward, 0, 0], [0, 0, -1.0], [0, -1.0, 0]]).T @ frame.axes.T
    mean, modes = shape.mean @ turn.T, shape.modes[:MODES] @ turn.T
    # Each edge once, with the two faces beside it.
    pairs = np.sort(np.concatenate([shape.faces[:, [0, 1]], shape.faces[:, [1, 2]], shape.faces[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(shape.faces)), 3)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, owner = pairs[order], owner[order]
    twin = np.flatnonzero((pairs[1:] == pairs[:-1]).all(axis=1))
    turned = dxa_frame(np.zeros(3), axes(mean), landmarks(mean), (0.0, -1.0, 0.0))
    return _Posed(mean, modes, shape.faces, pairs[twin], np.stack([owner[twin], owner[twin + 1]], axis=1), turned)


def outline_mask(
    vertices: NDArray[np.float64], faces: NDArray[np.int64], grid: PlaneGrid, margin_mm: float = 0.0
) -> NDArray[np.bool_]:
    """Return the pixels, shape (columns, rows), that a closed surface covers, seen along the rays.

    Parameters
    ----------
    vertices, faces : arrays
        LPS mm.
    grid : PlaneGrid
        With a known view.
    margin_mm : float
        Widened by so much.
    """
    where = placed(grid).project(vertices)
    mask = np.zeros(grid.shape, bool)
    # Triangles are smaller than a few pixels: their corners and middles, closed and filled, are the outline.
    dots = np.concatenate(
        [where, where[faces].mean(axis=1), *((where[faces] + where[faces[:, [1, 2, 0]]]) / 2).transpose(1, 0, 2)]
    )
    index = np.rint(dots).astype(int)
    inside = ((index >= 0) & (index < np.array(grid.shape))).all(axis=1)
    mask[tuple(index[inside].T)] = True
    reach = max(round(2.5 / min(grid.spacing_mm)), 1)
    wide = np.pad(mask, reach + 1, mode="edge")
    mask = ndimage.binary_closing(wide, iterations=reach)[reach + 1 : -reach - 1, reach + 1 : -reach - 1]
    mask = ndimage.binary_fill_holes(mask)
    if margin_mm > 0:
        mask = ndimage.distance_transform_edt(~mask, sampling=grid.spacing_mm) <= margin_mm
    return np.asarray(mask, np.bool_)


def _template(posed: _Posed, scale: float, turn_deg: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the usual femur's coarse outline, and where in it the head center lies (column, row)."""
    outward = np.sign(posed.frame.lateral[0])
    turn = Rotation.from_euler("y", turn_deg, degrees=True).as_matrix()
    shape = scale * posed.mean @ turn.T
    (medial, lateral), (up, down) = TEMPLATE_MM
    ends = np.sort([outward * medial, outward * lateral])
    size = (round((ends[1] - ends[0]) / COARSE_MM) + 1, round((down - up) / COARSE_MM) + 1)
    grid = PlaneGrid(
        size,
        (COARSE_MM, COARSE_MM),
        SpacingSource.CALIBRATED,
        View.ANTERIOR,
        axes=np.array([[1.0, 0, 0], [0, 0, -1.0]]),
        origin_mm=np.array([ends[0], 0.0, -up]),
    )
    mask = outline_mask(shape, posed.faces, grid).astype(np.float64)
    return ndimage.gaussian_filter(mask, 0.7), np.array([-ends[0], -up]) / COARSE_MM


def _start(
    areal: NDArray[np.float64], grid: PlaneGrid, posed: _Posed
) -> tuple[float, NDArray[np.float64], float, float]:
    """Return likeness, head center (x, z), scale and turn (degrees) of the most likely place."""
    spacing = np.asarray(grid.spacing_mm)
    coarse = ndimage.zoom(np.clip(ndimage.gaussian_filter(areal, 0.8 / spacing), 0, 0.6), spacing / COARSE_MM, order=1)
    # A femur may reach a little beyond the image.
    border = round(24.0 / COARSE_MM)
    coarse = np.pad(coarse, border, mode="edge")
    best = (-1.0, np.zeros(2), 1.0, 0.0)
    for scale in SCALES:
        for turn in TURNS_DEG:
            template, head = _template(posed, scale, turn)
            if any(a < b for a, b in zip(coarse.shape, template.shape, strict=True)):
                continue
            found = match_template(coarse, template)  # type: ignore[no-untyped-call]
            at = np.unravel_index(int(found.argmax()), found.shape)
            if found[at] > best[0]:
                pixel = (np.array(at) + head - border) * COARSE_MM / spacing
                best = (float(found[at]), pixel, scale, turn)
    likeness, pixel, scale, turn = best
    return likeness, placed(grid).locate(pixel)[[0, 2]], scale, turn


@dataclass(frozen=True, eq=False)
class _Outline:
    """Where the femur's outline lies, and how it moves.

    Parameters
    ----------
    places, normals : arrays, shape (n, 2)
        x and z, mm; outward.
    slopes : array, shape (n, 5 + modes)
        How far each place moves along its normal with each number of the pose.
    length_mm : array, shape (n,)
        Of the outline that each place stands for.
    """

    places: NDArray[np.float64]
    normals: NDArray[np.float64]
    slopes: NDArray[np.float64]
    length_mm: NDArray[np.float64]


class _Pose:
    """A femur that a few numbers pose: x, z, turns about x, y and z (radians), weights of modes."""

    def __init__(self, posed: _Posed, start: NDArray[np.float64]) -> None:
        self.posed, self.numbers = posed, start

    @property
    def turn(self) -> NDArray[np.float64]:
        return np.asarray(Rotation.from_rotvec(self.numbers[2:5]).as_matrix(), np.float64)

    def vertices(self) -> NDArray[np.float64]:
        shape = self.posed.mean + np.tensordot(self.numbers[5:], self.posed.modes, axes=1)
        return np.asarray(shape @ self.turn.T + np.array([self.numbers[0], 0.0, self.numbers[1]]), np.float64)

    def slopes(self, vertices: NDArray[np.float64]) -> NDArray[np.float64]:
        """How x and z of points move with each number, shape (numbers, n, 2)."""
        away = vertices - np.array([self.numbers[0], 0.0, self.numbers[1]])
        moves = [np.broadcast_to(np.eye(3)[axis], away.shape) for axis in (0, 2)]
        moves += [np.cross(np.eye(3)[axis], away) for axis in range(3)]
        modes = self.posed.modes @ self.turn.T
        return np.concatenate([np.stack(moves), modes])[:, :, [0, 2]]


def _outline(pose: _Pose, grid: PlaneGrid) -> _Outline:
    """Find the edges between front and back of the surface that bound it in the image, head and lower shaft apart."""
    posed, vertices = pose.posed, pose.vertices()
    corners = vertices[posed.faces]
    depth = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 1]
    rim = posed.edges[(depth[posed.beside[:, 0]] > 0) != (depth[posed.beside[:, 1]] > 0)]
    flat, normals = vertices[:, [0, 2]], vertex_normals(vertices, posed.faces)[:, [0, 2]]
    places, way = flat[rim].mean(axis=1), flat[rim[:, 1]] - flat[rim[:, 0]]
    length = np.linalg.norm(way, axis=1)
    outward = np.stack([way[:, 1], -way[:, 0]], axis=1) / np.maximum(length, 1e-9)[:, None]
    outward *= np.sign((outward * normals[rim].mean(axis=1)).sum(axis=1))[:, None]
    inside = outline_mask(vertices, posed.faces, grid)
    away = np.stack([places + 3.0 * outward, places - 3.0 * outward])
    points = np.stack([away[..., 0], 0 * away[..., 0], away[..., 1]], axis=-1)
    index = np.moveaxis(placed(grid).project(points), -1, 0)
    beyond, within = ndimage.map_coordinates(inside.astype(np.float32), index, order=0, mode="nearest")
    place3 = np.stack([places[:, 0], 0 * places[:, 0], places[:, 1]], axis=-1)
    column = placed(grid).project(place3)
    seen = ((column > 1) & (column < np.array(grid.shape) - 2)).all(axis=1)
    # In the mean shape's own coordinates, which the pose hardly changes.
    frame, mean = posed.frame, posed.mean[rim].mean(axis=1)
    plane = frame.to_plane(mean)
    radius = head_sphere(posed.mean)[1]
    free = frame.along_neck(plane)[:, 0] > HEAD_RADII * radius
    free &= plane[:, 1] - frame.lesser_tip[1] < BELOW_TIP_MM
    keep = (beyond < 0.5) & (within > 0.5) & seen & free & (length > 0.1)
    moves = pose.slopes(vertices)[:, rim[keep]].mean(axis=2)
    slopes = (moves * outward[keep]).sum(axis=-1).T
    return _Outline(places[keep], outward[keep], slopes, length[keep])


def _edges(
    smooth: NDArray[np.float64], grid: PlaneGrid, outline: _Outline, reach_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far along each normal the map falls most steeply, and how much there (g/cm2 over 1 mm)."""
    steps = np.arange(-reach_mm, reach_mm + STEP_MM / 2, STEP_MM)
    places = outline.places[:, None] + steps[:, None] * outline.normals[:, None]
    points = np.stack([places[..., 0], 0 * places[..., 0], places[..., 1]], axis=-1)
    index = np.moveaxis(placed(grid).project(points), -1, 0)
    profile = ndimage.map_coordinates(smooth, index, order=1, mode="nearest")
    fall = -np.gradient(profile, STEP_MM, axis=1)
    # Where two edges are within reach the nearer one is meant, and where bone lies outside this is no edge of it.
    likely = fall * np.exp(-0.5 * (steps / (0.6 * reach_mm)) ** 2)
    best = np.clip(likely.argmax(axis=1), 1, len(steps) - 2)
    row = np.arange(len(best))
    before, here, after = (fall[row, best + n] for n in (-1, 0, 1))
    bend = np.minimum(before - 2 * here + after, -1e-9)
    return steps[best] - 0.5 * STEP_MM * np.clip((after - before) / bend, -1, 1), here


def fit_areal(plane: Plane, side: Side) -> ProjectedFemur:
    """Find a hip's femur in an areal map.

    Parameters
    ----------
    plane : Plane
        g/cm2; columns to the patient's left, rows to the feet; leg in the densitometer's position.
    side : Side

    Returns
    -------
    ProjectedFemur
        Whether it is good enough is not judged here.
    """
    posed, grid = _posed(side), plane.grid
    areal = np.asarray(plane.array, np.float64)
    likeness, place, scale, turn = _start(areal, grid, posed)
    smooth = ndimage.gaussian_filter(areal, 0.5 / np.asarray(grid.spacing_mm))
    start = np.zeros(5 + MODES)
    start[:2], start[3] = place, np.radians(turn)
    # The first mode is size.
    size = np.linalg.norm(posed.mean + posed.modes[0]) / np.linalg.norm(posed.mean) - 1
    start[5] = np.clip((scale - 1) / size, -2, 2)
    pose = _Pose(posed, start)
    held = np.concatenate([np.zeros(2), np.radians([TILT_SD_DEG, 0, TILT_SD_DEG]), np.ones(MODES)])
    prior = np.divide(1.0, held**2, out=np.zeros_like(held), where=held > 0)
    normal = np.diag(prior)
    for reach in REACHES_MM:
        outline = _outline(pose, grid)
        offset, fall = _edges(smooth, grid, outline, reach)
        weight = np.clip((fall - LEAST_FALL) / (4 * LEAST_FALL), 0, 1) * outline.length_mm / INDEPENDENT_MM
        weight *= 1 / np.maximum(1.0, np.abs(offset) / (2 * EDGE_SD_MM)) / EDGE_SD_MM**2
        normal = (outline.slopes * weight[:, None]).T @ outline.slopes + np.diag(prior)
        downhill = (outline.slopes * weight[:, None]).T @ offset - prior * pose.numbers
        move = np.linalg.solve(normal + 1e-9 * np.eye(len(normal)), downhill)
        numbers = pose.numbers + np.clip(move, -10, 10)
        numbers[5:] = np.clip(numbers[5:], -3, 3)
        pose = _Pose(posed, numbers)
    outline = _outline(pose, grid)
    offset, fall = _edges(smooth, grid, outline, REACHES_MM[-1])
    sure = fall > 2 * LEAST_FALL
    vertices = pose.vertices()
    marks = landmarks(vertices)
    frame = dxa_frame(head_sphere(vertices)[0], axes(vertices), marks, (0.0, -1.0, 0.0))
    frame = replace(frame, lesser_tip=frame.lesser_tip + np.array([0.0, TIP_BEHIND_MM]))
    chosen = np.linalg.norm(vertices - marks["saddle"], axis=1).argsort()[:4]
    along = frame.neck @ np.stack([frame.lateral, frame.distal])[:, [0, 2]]
    slope = pose.slopes(vertices)[:, chosen].mean(axis=1) @ along
    return ProjectedFemur(
        side,
        vertices,
        posed.faces,
        frame,
        likeness,
        float(np.sqrt((offset[sure] ** 2).mean())) if sure.any() else float("inf"),
        float(outline.length_mm[sure].sum() / max(outline.length_mm.sum(), 1e-9)),
        float(np.sqrt(slope @ np.linalg.solve(normal + 1e-9 * np.eye(len(normal)), slope))),
    )
