"""The place of one side in the other: mirrored, and laid on it as a rigid body.

Space: LPS mm of each side's own image.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import SimpleITK
from numpy.typing import NDArray

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Transform
from marrowmap.image.resample import resample_mask
from marrowmap.values.analyzed import FrameRow

_ITK: Any = SimpleITK  # carries no types
CELLS = 48
"""Voxels along the longest edge of the grid on which masks are laid on each other."""
LEAST_OVERLAP = 0.7
"""Dice of the two regions below which they are not the same part of the bone (choice)."""
MIRROR = np.diag([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class SideMatch:
    """How the sides belong together.

    Parameters
    ----------
    to_other : Transform
        From this side's LPS mm to the other side's; a reflection.
    axes : array, shape (3, 3)
        Unit vectors ``lateral``, ``superior``, ``anterior`` of this side as columns, LPS; ``lateral`` is the patient's
        left where the side is unknown.
    origin_mm : array, shape (3,)
        Middle of this side's region, LPS.
    overlap : float
        Dice of this region with the other one laid on it.
    how : str
    """

    to_other: Transform
    axes: NDArray[np.float64]
    origin_mm: NDArray[np.float64]
    overlap: float
    how: str


def match_by_frames(this: Mask, other: Mask, frame: FrameRow, other_frame: FrameRow) -> SideMatch:
    """Match two sides by the bones' own fitted coordinates.

    Raises
    ------
    GeometryError
        If the regions do not overlap in them.
    """
    here, there = (_frame_matrix(one) for one in (frame, other_frame))
    to_other = _transform(np.asarray(there @ np.linalg.inv(here), np.float64), this.grid, other.grid)
    axes = here[:3, :3].copy()
    return _checked(this, other, to_other, axes, f"fitted bone frames of the {frame.bone.replace('_', ' ')}")


def _frame_matrix(frame: FrameRow) -> NDArray[np.float64]:
    """Return the map from bone coordinates (neck or lateral, superior, anterior) to LPS."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(frame.axes).T
    matrix[:3, 3] = frame.center_mm
    return matrix


def match_by_masks(this: Mask, other: Mask, lateral_sign: int) -> SideMatch:
    """Match two sides by their regions: mirrored in the sagittal plane, then moved as a rigid body.

    The search starts from the patient's axes and from the regions' principal axes; what overlaps best is kept.

    Parameters
    ----------
    this, other : Mask
    lateral_sign : int
        +1 where lateral is the patient's left (LPS x), -1 where it is the right.

    Raises
    ------
    GeometryError
        If the regions do not overlap: they are of different parts of the bone.
    """
    fixed, center = _small(this, np.eye(4))
    mirrored, other_center = _small(other, MIRROR)
    starts = [np.eye(3)]
    if _elongated(this) and _elongated(other):
        starts += _principal_turns(fixed, mirrored)
    best: tuple[float, NDArray[np.float64]] | None = None
    for start in starts:
        turn = _refine(fixed, mirrored, start)
        overlap = _dice(fixed, _pulled(mirrored, fixed.grid, turn))
        if best is None or overlap > best[0]:
            best = overlap, turn
    if best is None:
        raise GeometryError("the two sides' regions cannot be laid on each other")
    away = np.eye(4)
    away[:3, 3] = -center
    back = np.eye(4)
    back[:3, 3] = other_center
    # The reflection is its own inverse.
    to_other = _transform(MIRROR @ back @ best[1] @ away, this.grid, other.grid)
    axes = np.diag([float(lateral_sign), 1.0, 1.0])[:, [0, 2, 1]] * (1.0, 1.0, -1.0)
    return _checked(
        this, other, to_other, axes, "the regions themselves, mirrored and laid on each other as rigid bodies"
    )


def _transform(matrix: NDArray[np.float64], this: Grid, other: Grid) -> Transform:
    return Transform(matrix, this.frame_of_reference_uid, other.frame_of_reference_uid)


def _checked(this: Mask, other: Mask, to_other: Transform, axes: NDArray[np.float64], how: str) -> SideMatch:
    small, _ = _small(this, np.eye(4), centered=False)
    laid = resample_mask(other, small.grid, to_other.inverse)
    overlap = _dice(small, laid)
    if overlap < LEAST_OVERLAP:
        raise GeometryError(
            f"the two sides' regions overlap with a Dice of {overlap:.2f} only, laid on each other by {how}: below "
            f"{LEAST_OVERLAP:g} they are not the same part of the bone; draw both alike"
        )
    origin = this.grid.to_world(np.argwhere(this.array).astype(float)).mean(axis=0)
    return SideMatch(to_other, axes, origin, overlap, f"{how} (Dice {overlap:.2f})")


def _small(mask: Mask, map_: NDArray[np.float64], *, centered: bool = True) -> tuple[Mask, NDArray[np.float64]]:
    """Draw a mask, mapped, on a coarse cubic grid with room around it; return the middle that was taken off, too."""
    points = mask.grid.to_world(np.argwhere(mask.array).astype(float)) @ map_[:3, :3].T + map_[:3, 3]
    center = points.mean(axis=0)
    reach = float(np.abs(points - center).max()) * 1.5
    step = 2 * reach / CELLS
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = -reach if centered else center - reach
    uid = mask.grid.frame_of_reference_uid
    grid = Grid((CELLS + 1,) * 3, affine, uid)
    move = np.eye(4)
    if centered:
        move[:3, 3] = -center
    return resample_mask(mask, grid, Transform(move @ map_, uid, uid)), center


def _elongated(mask: Mask) -> bool:
    """Say whether a region has a long axis to go by."""
    lengths = np.linalg.eigvalsh(np.cov(mask.grid.to_world(np.argwhere(mask.array).astype(float)).T))
    return bool(lengths[2] > 2.0 * lengths[1])


def _principal_turns(fixed: Mask, moving: Mask) -> list[NDArray[np.float64]]:
    """Return the four turns that bring the principal axes of one mask onto the other's."""
    axes = []
    for mask in (fixed, moving):
        points = mask.grid.to_world(np.argwhere(mask.array).astype(float))
        axes.append(np.linalg.eigh(np.cov(points.T))[1])
    turns = (axes[1] @ np.diag(signs) @ axes[0].T for signs in product((1.0, -1.0), repeat=3))
    return [turn for turn in turns if np.linalg.det(turn) > 0]


def _distances(mask: Mask, unit_mm: float) -> Any:
    """Return the signed distance from a mask's surface; lengths over `unit_mm`, so that steps fit bones of any size."""
    image = _ITK.GetImageFromArray(mask.array.astype(np.uint8).transpose(2, 1, 0))
    image.SetSpacing([float(x) for x in mask.grid.spacing / unit_mm])
    image.SetOrigin([float(x) for x in mask.grid.affine[:3, 3] / unit_mm])
    field = _ITK.SignedMaurerDistanceMap(image, squaredDistance=False, useImageSpacing=True)
    return _ITK.Cast(field, _ITK.sitkFloat32)


def _refine(fixed: Mask, moving: Mask, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rigid map, 4 x 4, from the fixed to the moving mask that brings their surfaces together."""
    unit = float(fixed.grid.spacing[0])
    first = _ITK.Euler3DTransform()
    first.SetMatrix([float(x) for x in start.ravel()])
    method = _ITK.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetInterpolator(_ITK.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 100)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetNumberOfThreads(1)
    method.SetInitialTransform(first, inPlace=True)
    method.Execute(_distances(fixed, unit), _distances(moving, unit))
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(first.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = unit * np.array(first.TransformPoint((0.0, 0.0, 0.0)))
    return matrix


def _pulled(moving: Mask, grid: Grid, turn: NDArray[np.float64]) -> Mask:
    uid = moving.grid.frame_of_reference_uid
    target = Grid(grid.shape, grid.affine, uid)
    return resample_mask(moving, target, Transform(np.asarray(np.linalg.inv(turn), np.float64), uid, uid))


def _dice(one: Mask, other: Mask) -> float:
    both = int(one.array.sum()) + int(other.array.sum())
    return 2 * int((one.array & other.array).sum()) / both if both else 0.0
