"""Bone frames from what a user hands in: a mask of the femur, or three points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.drawn_femur import LaidFemur
from marrowmap.anatomy.drawn_femur import choose_side
from marrowmap.anatomy.drawn_femur import judge_by_mask
from marrowmap.anatomy.drawn_femur import keep_largest_part
from marrowmap.anatomy.hip_fit import COARSE
from marrowmap.anatomy.hip_fit import FINE
from marrowmap.anatomy.hip_fit import FitImage
from marrowmap.anatomy.hip_fit import fit_hip
from marrowmap.anatomy.hip_fit import judge
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.hips import build_frames
from marrowmap.anatomy.laterality import image_side
from marrowmap.anatomy.regions import FEMUR_REGIONS
from marrowmap.anatomy.regions import name_regions
from marrowmap.anatomy.shape_model import landmarks
from marrowmap.anatomy.surface_match import fit_femur_to_surface
from marrowmap.anatomy.surface_match import mask_boundary
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.ingest.exam import Series
from marrowmap.values import Side

MOST_LEFT_MM = 3.5
"""A mask further from any femur than this is not one."""
SHOWN_WITHIN_MM = 5.0
LEAST_SHOWN = {"femoral_head": 0.5, "femoral_neck": 0.5, "intertrochanteric": 0.2}
"""Share of each region, in view or not, that must lie within :data:`SHOWN_WITHIN_MM` of the mask's surface.

Less says too little of where the head lies and how neck and shaft run: a small head fits the end of any shaft. The
view may cut off most of the intertrochanteric region.
"""
BESIDE = "shape model fitted to the image beside the mask given"
_MARKS = ("head_center", "greater_trochanter_tip", "lesser_trochanter_tip")


def _seat_on_points(side: Side, points: NDArray[np.float64]) -> HipPose:
    """Turn the mean femur of a side onto head center and trochanters; the hip bone stays upright.

    It turns little with the thigh.
    """
    marks = landmarks(side_shape("femur", side).mean)
    model = np.stack([marks[name] for name in _MARKS])
    turn, _ = Rotation.align_vectors(points[1:] - points[0], model[1:] - model[0])
    return HipPose(side, np.zeros(26), np.stack([turn.as_rotvec(), np.zeros(3)]), np.tile(points[0], (2, 1)))


def frames_from_points(points: ArrayLike, series: Series, side: Side | None = None) -> tuple[BoneFrame, ...]:
    """Start the fit from three clicked points.

    Parameters
    ----------
    points : array_like, shape (3, 3)
        LPS mm: femoral head center, tip of the greater trochanter, tip of the lesser trochanter.
    series : Series
        The image to fit to.
    side : Side, optional
        Must agree with the points: trochanters lie lateral of the head.

    Returns
    -------
    tuple of BoneFrame
        ``femur`` and ``hip_bone``.

    Raises
    ------
    InputError
        If the points cannot be those of a hip.
    GeometryError
        If they lie outside the image or belong to the other side.
    """
    clicked = np.asarray(points, np.float64)
    if clicked.shape != (3, 3) or not np.isfinite(clicked).all():
        raise InputError("--points needs three points of three numbers (head center, greater and lesser trochanter)")
    if not series.volume.grid.contains(clicked[0]):
        raise GeometryError(f"the head center {clicked[0].round(1).tolist()} lies outside {series.description!r}")
    reach = np.linalg.norm(clicked[1:] - clicked[0], axis=1)
    if reach.min() < 25 or reach.max() > 110:
        raise InputError(
            f"the trochanters lie {reach[0]:.0f} and {reach[1]:.0f} mm from the head center, not 25–110 mm: check the "
            "order (head center, greater trochanter, lesser trochanter) and that the points are LPS mm"
        )
    shown = Side.LEFT if clicked[1, 0] > clicked[0, 0] else Side.RIGHT
    wanted = side or series.side
    if wanted is not None and wanted is not shown:
        raise GeometryError(
            f"series {series.description!r}: {wanted.value} is asked for, but the points are those of a {shown.value} "
            "hip (the greater trochanter lies lateral of the head): check side and points"
        )
    pose = _seat_on_points(shown, clicked)
    images = [FitImage.of(series.volume)]
    fitted = fit_hip(pose, images, (*COARSE, *FINE))
    frames = build_frames(fitted, images, series, judge(fitted, images), "shape model started from three points")
    image_side(series, frames)
    return tuple(frames)


def _carry_hip_bone(pose: HipPose, turn: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """The hip bone follows the head, but does not turn with the thigh."""
    return np.concatenate([turn, shift, np.zeros(3), shift])


def frames_from_mask(mask: Mask, series: Series, side: Side | None = None) -> tuple[BoneFrame, ...]:
    """Lay frames through a femur someone drew.

    The femur follows the mask alone, and is trusted where the mask shows head, neck and intertrochanteric region and
    leaves no doubt of the side; the hip bone is fitted to the image from where the head sits, and trusted where the
    image supports it.

    Parameters
    ----------
    mask : Mask
        Proximal femur, whole or cut by the edge of the image, on the grid of the series.
    series : Series
    side : Side, optional
        Must agree with the shape.

    Returns
    -------
    tuple of BoneFrame
        ``femur`` and ``hip_bone``.

    Raises
    ------
    InputError
        If the mask is empty or not the size of a proximal femur.
    GeometryError
        If mask and series lie on different grids, or the shape is that of the other side.
    """
    series.volume.grid.require_same(mask.grid)
    whole = keep_largest_part(mask, "proximal femur")
    surface = mask_boundary(whole)
    laid = choose_side([_lay(candidate, surface, whole) for candidate in Side], series, side)
    images = [FitImage.of(series.volume)]
    beside = fit_hip(laid.pose, images, FINE)
    known = {"femur": laid.pose.vertices("femur")}
    frames = build_frames(beside, images, series, judge(beside, images), BESIDE, known=known)
    doubt = laid.doubt or _doubt_mask(laid.left_mm, frames[0], surface)
    return judge_by_mask(frames, replace(laid, doubt=doubt), beside)


def _lay(side: Side, surface: NDArray[np.float64], mask: Mask) -> LaidFemur[HipPose]:
    """Fit the femur of a side to a mask's surface from several starts; keep the best."""
    tried = [fit_femur_to_surface(start, surface, mask, _carry_hip_bone) for start in _starts(side, surface)]
    pose, left = min(tried, key=lambda entry: entry[1])
    return LaidFemur(pose, left)


def _doubt_mask(left_mm: float, femur: BoneFrame, surface: NDArray[np.float64]) -> str:
    """Say why a femur laid through a mask's surface, shape (n, 3) LPS mm, is not to be trusted; empty where it is."""
    if left_mm > MOST_LEFT_MM:
        return f"the mask does not fit a femur ({left_mm:.1f} mm, at most {MOST_LEFT_MM} mm)"
    near = cKDTree(surface).query(femur.vertices)[0] < SHOWN_WITHIN_MM
    region = name_regions(femur, femur.vertices)
    for name, least in LEAST_SHOWN.items():
        shown = float(near[region == 1 + FEMUR_REGIONS.index(name)].mean())
        if shown < least:
            words = name.replace("_", " ")
            return f"the mask does not show the {words} region ({100 * shown:.0f} %, needs {100 * least:.0f} %)"
    return ""


def _starts(side: Side, surface: NDArray[np.float64]) -> list[HipPose]:
    """Several poses around the top of a femur's surface: the head lies medial of its upper end."""
    top = surface[:, 2].max()
    upper = surface[surface[:, 2] > top - 60]
    medial = upper[:, 0] * side.sign
    edge = np.percentile(medial, 2)
    starts = []
    for down in (22.0, 38.0):
        for depth in (-8.0, 8.0):
            near = upper[medial < edge + 30]
            center = np.array([(edge + 24.0) * side.sign, near[:, 1].mean() + depth, top - down])
            starts.append(HipPose.at(side, center))
    return starts
