"""Regions of hip and knee, defined once in bone coordinates (contract.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Mask
from marrowmap.image.voxelize import voxelize
from marrowmap.values import Joint

FEMUR_REGIONS = (
    "femoral_head",
    "femoral_neck",
    "intertrochanteric",
    "greater_trochanter",
    "lesser_trochanter",
    "femoral_shaft",
)
"""In the order of their label numbers, from 1; together the proximal femur."""

HEAD_ENDS_AT_RADII = 0.62
"""Where the neck leaves the head's sphere, along the neck axis."""
SHAFT_BELOW_TIP_MM = 12.0
ACETABULUM_REACH_MM = 20.0
"""Hip bone this close to the head's sphere is acetabulum."""
CAPSULE_REACH_MM = 12.0
CARTILAGE_REACH_MM = 4.5
LESSER_TROCHANTER_OUT = 0.68
"""The lesser trochanter begins at this share of its tip's distance from the shaft axis."""


def name_regions(frame: BoneFrame, points: ArrayLike) -> NDArray[np.uint16]:
    """Say in which region of the femur points lie, given that they lie in the femur.

    Parameters
    ----------
    frame : BoneFrame
        Of a femur.
    points : array_like, shape (..., 3)
        LPS mm.

    Returns
    -------
    array of uint16, shape (...)
        Place in :data:`FEMUR_REGIONS` plus 1.
    """
    where = np.asarray(points, np.float64)
    marks = frame.landmarks
    shaft = marks["shaft_distal"] - marks["neck_shaft_corner"]
    shaft = shaft / np.linalg.norm(shaft)
    anterior = frame.axes[:, 2]
    lateral = np.cross(shaft, anterior)
    lateral /= np.linalg.norm(lateral)
    if lateral @ frame.axes[:, 0] < 0:
        lateral = -lateral

    plane_point, plane_normal = frame.intertrochanteric_plane
    from_saddle = where - marks["saddle"]
    outward, upward = from_saddle @ lateral, -(from_saddle @ shaft)
    along_neck = frame.to_bone(where)[..., 0]
    away = np.linalg.norm(where - frame.head_center_mm, axis=-1)
    below_tip = (where - marks["lesser_trochanter_tip"]) @ shaft
    below_edge = (where - marks["lesser_trochanter_upper"]) @ shaft

    on_axis = where - marks["neck_shaft_corner"]
    across = on_axis - (on_axis @ shaft)[..., None] * shaft
    tip = marks["lesser_trochanter_tip"] - marks["neck_shaft_corner"]
    tip = tip - (tip @ shaft) * shaft
    out = np.linalg.norm(across, axis=-1)
    toward = (across @ tip) / np.maximum(out * np.linalg.norm(tip), 1e-9)

    result = np.full(where.shape[:-1], FEMUR_REGIONS.index("intertrochanteric") + 1, np.uint16)
    # Below the lesser trochanter's upper edge the plane has left the neck: what it still cuts off is shaft.
    proximal = ((where - plane_point) @ plane_normal < 0) & (below_edge < 0)
    result[proximal] = FEMUR_REGIONS.index("femoral_neck") + 1
    lesser = (toward > np.cos(np.radians(55))) & (out > LESSER_TROCHANTER_OUT * np.linalg.norm(tip))
    lesser &= (below_edge > 0) & (below_tip < SHAFT_BELOW_TIP_MM) & ~proximal
    result[lesser] = FEMUR_REGIONS.index("lesser_trochanter") + 1
    # The greater trochanter's base runs from the saddle down and outward at 45 degrees to the shaft.
    result[(outward > 0) & (upward > -outward)] = FEMUR_REGIONS.index("greater_trochanter") + 1
    result[~proximal & (below_tip >= SHAFT_BELOW_TIP_MM)] = FEMUR_REGIONS.index("femoral_shaft") + 1
    radius = frame.head_radius_mm
    head = proximal & (along_neck < HEAD_ENDS_AT_RADII * radius) & (away < 1.25 * radius)
    result[head] = FEMUR_REGIONS.index("femoral_head") + 1
    return result


KNEE_REGIONS = {
    "femur": ("medial_condyle", "lateral_condyle", "distal_femur"),
    "tibia": ("medial_plateau", "lateral_plateau", "proximal_tibia"),
    "fibula": ("fibula",),
    "patella": ("patella",),
}
"""By bone, in the order of their label numbers, from 1.

``distal_femur`` here is what lies above the condyles, ``proximal_tibia`` what lies below the plateaus; the distal femur
and the proximal tibia as a whole are the bones.
"""
CONDYLE_ABOVE_RADII = 0.75
"""The condyles end this far above the line of their centers."""
PLATEAU_DEPTH_MM = 20.0
"""Tibia this close below the plateaus' middles is plateau, about as far down as the old growth plate."""


def name_knee_regions(frame: BoneFrame, points: ArrayLike) -> NDArray[np.uint16]:
    """Say in which region of a knee's bone points lie, given that they lie in the bone.

    Parameters
    ----------
    frame : BoneFrame
        Of a knee.
    points : array_like, shape (..., 3)
        LPS mm.

    Returns
    -------
    array of uint16, shape (...)
        Place in :data:`KNEE_REGIONS` of the bone plus 1.
    """
    where = np.asarray(points, np.float64)
    marks = frame.landmarks
    if frame.bone == "femur":
        local = frame.to_bone(where)
        notch = frame.to_bone(marks["intercondylar_notch"])[0]
        condyle = local[..., 1] < CONDYLE_ABOVE_RADII * frame.head_radius_mm
        return np.where(condyle, np.where(local[..., 0] < notch, 1, 2), 3).astype(np.uint16)
    if frame.bone == "tibia":
        shaft = marks["tibia_shaft_distal"] - marks["tibia_shaft_proximal"]
        shaft = shaft / np.linalg.norm(shaft)
        middle = (marks["medial_plateau"] + marks["lateral_plateau"]) / 2
        across = marks["lateral_plateau"] - marks["medial_plateau"]
        plateau = (where - middle) @ shaft < PLATEAU_DEPTH_MM
        lateral = (where - marks["tibial_eminence"]) @ across > 0
        return np.where(plateau, np.where(lateral, 2, 1), 3).astype(np.uint16)
    return np.full(where.shape[:-1], len(KNEE_REGIONS[frame.bone]), np.uint16)


def _require_frame(frame: BoneFrame, grid: Grid) -> None:
    if frame.frame_of_reference_uid != grid.frame_of_reference_uid:
        raise GeometryError("the bone and the image have different frames of reference: register them first")


def bone_mask(frame: BoneFrame, grid: Grid) -> Mask:
    """Set the voxels of `grid` whose centers lie in the bone, cortex included."""
    _require_frame(frame, grid)
    return voxelize(frame.vertices, frame.faces, grid)


def region_labels(frame: BoneFrame, grid: Grid) -> LabelMap:
    """Paint the bone's regions on a grid, cortex included.

    Parameters
    ----------
    frame : BoneFrame
        Of a hip: a femur (labels 1–6, see :data:`FEMUR_REGIONS`) or a hip bone (label 1, ``acetabulum``); any bone of
        a knee (see :data:`KNEE_REGIONS`).
    grid : Grid
        Any grid of the same frame of reference.

    Raises
    ------
    GeometryError
        If frame and grid have different frames of reference.
    """
    inside = bone_mask(frame, grid).array
    labels = np.zeros(grid.shape, np.uint16)
    points = grid.to_world(np.argwhere(inside))
    if frame.joint is Joint.KNEE:
        labels[inside] = name_knee_regions(frame, points)
        return LabelMap(grid, labels, {n + 1: name for n, name in enumerate(KNEE_REGIONS[frame.bone])})
    if frame.bone == "femur":
        labels[inside] = name_regions(frame, points)
        return LabelMap(grid, labels, {n + 1: name for n, name in enumerate(FEMUR_REGIONS)})
    away = np.linalg.norm(points - frame.head_center_mm, axis=1)
    labels[inside] = away < frame.head_radius_mm + ACETABULUM_REACH_MM
    return LabelMap(grid, labels, {1: "acetabulum"})


def cortex_thickness(frame: BoneFrame, points: ArrayLike) -> NDArray[np.float64]:
    """Return the usual thickness in mm of an adult femur's cortex near points, shape (..., 3) LPS mm, on its surface.

    Thin over the head (under 1 mm), thicker at neck and calcar, several millimeters at the shaft. The values are rough
    textbook ones (facts.md has none): what the mask leaves out must be cortex, what it keeps may hold a little.
    """
    where = np.asarray(points, np.float64)
    marks = frame.landmarks
    shaft = marks["shaft_distal"] - marks["neck_shaft_corner"]
    shaft = shaft / np.linalg.norm(shaft)
    along, up, _ = np.moveaxis(frame.to_bone(where), -1, 0)
    radius = frame.head_radius_mm
    below = (where - marks["lesser_trochanter_upper"]) @ shaft
    neck = np.interp(along, [0.5 * radius, radius], [1.0, 1.4])
    calcar = np.interp(-up, [6.0, 16.0], [0.0, 1.5]) * (along > 0.6 * radius)
    result: NDArray[np.float64] = neck + calcar + np.interp(below, [0.0, 60.0], [0.0, 4.0])
    return result


def marrow_mask(frame: BoneFrame, grid: Grid) -> Mask:
    """Set the voxels whose centers lie in the marrow: deeper below the femur's surface than the cortex is thick.

    Parameters
    ----------
    frame : BoneFrame
        Of a femur.
    grid : Grid
        Any grid of the same frame of reference; depth is in true mm, whatever the voxels.

    Raises
    ------
    GeometryError
        If frame and grid have different frames of reference.
    """
    _require_frame(frame, grid)
    depth = cortex_thickness(frame, frame.vertices)[:, None]
    inward = frame.vertices - depth * vertex_normals(frame.vertices, frame.faces)
    return voxelize(inward, frame.faces, grid) & voxelize(frame.vertices, frame.faces, grid)


def joint_capsule_mask(femur: BoneFrame, hip_bone: BoneFrame | None, grid: Grid) -> Mask:
    """Set the voxels of the joint's recesses, outside the bones, in which joint fluid is looked for.

    The capsule reaches from the socket's rim to the intertrochanteric line and, distended, stands off the bone by less
    than :data:`CAPSULE_REACH_MM`. The joint space proper is left out: there cartilage is as bright as a film of fluid.

    Parameters
    ----------
    femur : BoneFrame
    hip_bone : BoneFrame or None
        Taken out where given.
    grid : Grid

    Raises
    ------
    GeometryError
        If frame and grid have different frames of reference.
    """
    _require_frame(femur, grid)
    radius = femur.head_radius_mm
    bone = voxelize(femur.vertices, femur.faces, grid).array
    points = grid.points()
    neck, superior, anterior = np.moveaxis(femur.to_bone(points), -1, 0)
    away = np.sqrt(neck**2 + superior**2 + anterior**2) - radius
    joint_space = (away < CARTILAGE_REACH_MM) & (neck < 0.35 * radius)
    plane_point, plane_normal = femur.intertrochanteric_plane
    proximal = (points - plane_point) @ plane_normal < 0
    proximal &= name_regions(femur, points) != FEMUR_REGIONS.index("greater_trochanter") + 1
    near = ndimage.distance_transform_edt(~bone, sampling=grid.spacing) < CAPSULE_REACH_MM
    capsule = Mask(grid, near & proximal & ~bone & ~joint_space & (neck > -0.3 * radius))
    return capsule if hip_bone is None else capsule - voxelize(hip_bone.vertices, hip_bone.faces, grid)
