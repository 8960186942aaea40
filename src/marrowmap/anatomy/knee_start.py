"""Knee frames from what a user hands in: a mask of the lower femur, or three points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.active_shape import FitImage
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.drawn_femur import LaidFemur
from marrowmap.anatomy.drawn_femur import choose_side
from marrowmap.anatomy.drawn_femur import judge_by_mask
from marrowmap.anatomy.drawn_femur import keep_largest_part
from marrowmap.anatomy.knee_fit import COARSE
from marrowmap.anatomy.knee_fit import FINE
from marrowmap.anatomy.knee_fit import fit_knee
from marrowmap.anatomy.knee_fit import judge
from marrowmap.anatomy.knee_landmarks import knee_landmarks
from marrowmap.anatomy.knee_pose import BONES
from marrowmap.anatomy.knee_pose import KneePose
from marrowmap.anatomy.knees import NEAR_MM
from marrowmap.anatomy.knees import build_knee_frames
from marrowmap.anatomy.laterality import image_side
from marrowmap.anatomy.surface_match import fit_femur_to_surface
from marrowmap.anatomy.surface_match import mask_boundary
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.ingest.exam import Series
from marrowmap.values import Side

MOST_LEFT_MM = 3.0
"""A mask further from any lower femur than this is not one."""
SHOWN_WITHIN_MM = 5.0
LEAST_SHOWN = 0.5
"""Share of the condyles in view that must lie within :data:`SHOWN_WITHIN_MM` of the mask's surface."""
BESIDE = "shape model fitted to the image beside the mask given"
MODEL_REACH_MM = 105.0
"""The model's femur reaches this far up; more of a mask is left out."""
CENTER_ABOVE_MM = 22.0
"""The knee's center lies about this far above the femur's lowest point."""


def _require_mr(series: Series) -> None:
    if series.volume.unit == "HU":
        raise InputError(f"series {series.description!r} is CT: knees are fitted to MR only")


def knee_frames_from_points(points: ArrayLike, series: Series, side: Side | None = None) -> tuple[BoneFrame, ...]:
    """Start the fit from three clicked points.

    Parameters
    ----------
    points : array_like, shape (3, 3)
        LPS mm: medial epicondyle, lateral epicondyle, middle of the tibial plateau.
    series : Series
        The MR to fit to.
    side : Side, optional
        Must agree with the points: of the left knee the lateral epicondyle lies to the left.

    Returns
    -------
    tuple of BoneFrame
        ``femur``, ``tibia``, ``fibula`` and ``patella``.

    Raises
    ------
    InputError
        If the points cannot be those of a knee, or the series is CT.
    GeometryError
        If they lie outside the image or belong to the other side.
    """
    _require_mr(series)
    clicked = np.asarray(points, np.float64)
    if clicked.shape != (3, 3) or not np.isfinite(clicked).all():
        raise InputError("a knee needs three points of three numbers (medial and lateral epicondyle, tibial plateau)")
    middle = (clicked[0] + clicked[1]) / 2
    if not series.volume.grid.contains(middle):
        raise GeometryError(f"the knee's center {middle.round(1).tolist()} lies outside {series.description!r}")
    width, depth = float(np.linalg.norm(clicked[1] - clicked[0])), float(np.linalg.norm(clicked[2] - middle))
    if not 55.0 < width < 115.0 or not 10.0 < depth < 55.0:
        raise InputError(
            f"the epicondyles lie {width:.0f} mm apart (not 55–115 mm) and the plateau {depth:.0f} mm below (not "
            "10–55 mm): check the order (medial, lateral epicondyle, tibial plateau) and that the points are LPS mm"
        )
    shown = Side.LEFT if clicked[1, 0] > clicked[0, 0] else Side.RIGHT
    wanted = side or series.side
    if wanted is not None and wanted is not shown:
        raise GeometryError(
            f"series {series.description!r}: {wanted.value} is asked for, but the points are those of a {shown.value} "
            "knee (the lateral epicondyle lies outward): check side and points"
        )
    pose = _seat_on_points(shown, clicked)
    images = [FitImage.of(series.volume)]
    fitted = fit_knee(pose, images, (*COARSE, *FINE))
    frames = build_knee_frames(fitted, images, series, judge(fitted, images), "shape model started from three points")
    image_side(series, frames)
    return tuple(frames)


def _seat_on_points(side: Side, points: NDArray[np.float64]) -> KneePose:
    """Turn the mean knee as a whole onto epicondyles and plateau."""
    rest = KneePose.at(side, np.zeros(3))
    marks = knee_landmarks({bone: rest.vertices(bone) for bone in BONES})
    plateau = (marks["medial_plateau"] + marks["lateral_plateau"]) / 2
    model = np.stack([marks["medial_epicondyle"], marks["lateral_epicondyle"], plateau])
    turn, _ = Rotation.align_vectors(points - points.mean(axis=0), model - model.mean(axis=0))
    center = points.mean(axis=0) - turn.apply(model.mean(axis=0))
    return rest.placed((turn * Rotation.from_rotvec(rest.turns[0])).as_rotvec(), center)


def _carry_all(pose: KneePose, turn: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """All bones move with the femur."""
    parts = [np.concatenate([turn, shift + np.cross(turn, pivot - pose.pivots[0])]) for pivot in pose.pivots]
    return np.concatenate(parts)


def knee_frames_from_mask(mask: Mask, series: Series, side: Side | None = None) -> tuple[BoneFrame, ...]:
    """Lay frames through a lower femur someone drew.

    The femur follows the mask alone; tibia, fibula and patella are fitted to the image from where they usually stand.

    Parameters
    ----------
    mask : Mask
        Lower femur, whole or cut by the edge of the image, on the grid of the series.
    series : Series
        MR.
    side : Side, optional
        Must agree with the shape.

    Returns
    -------
    tuple of BoneFrame
        ``femur``, ``tibia``, ``fibula`` and ``patella``.

    Raises
    ------
    InputError
        If the mask is empty or not the size of a lower femur, or the series is CT.
    GeometryError
        If mask and series lie on different grids, or the shape is that of the other side.
    """
    _require_mr(series)
    series.volume.grid.require_same(mask.grid)
    whole = keep_largest_part(mask, "distal femur")
    surface = mask_boundary(whole)
    lowest = float(np.percentile(surface[:, 2], 0.2))
    surface = surface[surface[:, 2] < lowest + MODEL_REACH_MM]
    end = surface[surface[:, 2] < lowest + 45.0]
    center = (end.min(axis=0) + end.max(axis=0)) / 2
    center[2] = lowest + CENTER_ABOVE_MM
    laid = choose_side([_lay(KneePose.at(candidate, center), surface, whole) for candidate in Side], series, side)
    images = [FitImage.of(series.volume)]
    beside = fit_knee(laid.pose, images, (*COARSE, *FINE))
    known = {"femur": laid.pose.vertices("femur")}
    frames = build_knee_frames(beside, images, series, judge(beside, images), BESIDE, known=known)
    doubt = laid.doubt or _doubt_mask(laid, surface, mask.grid)
    return judge_by_mask(frames, replace(laid, doubt=doubt), beside)


def _lay(start: KneePose, surface: NDArray[np.float64], mask: Mask) -> LaidFemur[KneePose]:
    return LaidFemur(*fit_femur_to_surface(start, surface, mask, _carry_all))


def _doubt_mask(laid: LaidFemur[KneePose], surface: NDArray[np.float64], view: Grid) -> str:
    """Say why a femur laid through a mask's surface, shape (n, 3) LPS mm, is not to be trusted; empty where it is."""
    if laid.left_mm > MOST_LEFT_MM:
        return f"the mask does not fit a distal femur ({laid.left_mm:.1f} mm, at most {MOST_LEFT_MM} mm)"
    vertices = laid.pose.vertices("femur")
    condyles = vertices[np.linalg.norm(vertices - laid.pose.pivots[0], axis=1) < NEAR_MM]
    condyles = condyles[view.contains(condyles)]
    near = cKDTree(surface).query(condyles)[0] < SHOWN_WITHIN_MM if len(condyles) else np.zeros(1)
    shown = float(near.mean())
    if shown < LEAST_SHOWN:
        return f"the mask does not show the condyles ({100 * shown:.0f} %, needs {100 * LEAST_SHOWN:.0f} %)"
    return ""
