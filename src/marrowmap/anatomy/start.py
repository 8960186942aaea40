"""Bone frames from what a user hands in: a mask of the femur, or three points."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_fit import COARSE
from marrowmap.anatomy.hip_fit import FINE
from marrowmap.anatomy.hip_fit import FitImage
from marrowmap.anatomy.hip_fit import fit_hip
from marrowmap.anatomy.hip_fit import judge
from marrowmap.anatomy.hip_pose import BONES
from marrowmap.anatomy.hip_pose import HipPose
from marrowmap.anatomy.hip_pose import side_shape
from marrowmap.anatomy.hips import build_frames
from marrowmap.anatomy.laterality import image_side
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

    The femur follows the mask alone; the hip bone comes from the shape and the seat of the head, and is fitted to the
    image only where it is one that shows it.

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
    parts, count = ndimage.label(mask.array)
    if not count:
        raise InputError("the bone mask is empty: draw the proximal femur in it")
    sizes = np.bincount(parts.ravel())[1:]
    whole = Mask(mask.grid, parts == 1 + int(np.argmax(sizes)))
    if not 20.0 < whole.volume_ml < 900.0:
        raise InputError(f"the bone mask holds {whole.volume_ml:.0f} mL, a proximal femur 20–900 mL: check the mask")
    surface = mask_boundary(whole)
    tried = []
    for candidate in Side:
        best = None
        for start in _starts(candidate, surface):
            fitted, left = fit_femur_to_surface(start, surface, whole, _carry_hip_bone)
            if best is None or left < best[0]:
                best = (left, fitted)
        assert best is not None  # there is at least one start
        tried.append((best[0], candidate, best[1]))
    tried.sort(key=lambda entry: entry[0])
    left, shown, pose = tried[0]
    wanted = side or series.side
    if wanted is not None and wanted is not shown and tried[1][0] > 1.15 * left:
        raise GeometryError(
            f"series {series.description!r}: {wanted.value} is asked for, but the mask has the shape of a "
            f"{shown.value} femur: check the side and the mask's orientation"
        )
    if wanted is not None:
        left, shown, pose = next(entry for entry in tried if entry[1] is wanted)
    images = [FitImage.of(series.volume)]
    how = "shape model fitted to the mask given"
    surfaces = {bone: pose.vertices(bone) for bone in BONES}
    doubt = (
        "" if left <= MOST_LEFT_MM else f"; the mask does not fit a femur ({left:.1f} mm, at most {MOST_LEFT_MM} mm)"
    )
    return tuple(
        # The mask is the user's word: it is judged by how well a femur fits it, not by the image's edges.
        replace(frame, fit_rms_mm=left, trusted=not doubt, reason=how + doubt)
        for frame in build_frames(pose, images, series, judge(pose, images), how, surfaces)
    )


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
