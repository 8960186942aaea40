"""A grid laid over a joint in the bone's own coordinates, whose cells are ticked from masks: a score without a reader.

HIMRISS lays a grid over each slice of an MR image and counts the cells that hold edema (Jaremko 2014, J Rheumatol
41:370). Here slices are slabs from front to back and cells run from medial to lateral along the neck axis, both
measured from the head center, so that neither the patient's position nor the slice thickness moves the grid. How many
slabs and cells there are is the form's; where the grid ends and from which volume a cell counts are choices of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

from marrowmap.anatomy.regions import CAPSULE_REACH_MM
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import InputError
from marrowmap.image import Mask

CELL_FROM_ML = 0.1
"""Less than this in a cell is no edema: an eighth of a cell of the head; a choice."""

FINE_MM = 1.0
"""Voxels are divided to this size: a slice is thicker than a slab, and would leave every few slabs empty."""


@dataclass(frozen=True, eq=False)
class JointGrid:
    """Slabs and cells over a joint.

    Parameters
    ----------
    origin_mm, neck, anterior : array, shape (3,)
        Head center, LPS mm, and unit vectors along the neck axis (away from the head) and to the front.
    front_mm, back_mm : float
        Where the first slab begins and the last one ends, along `anterior`; front above back.
    medial_mm, lateral_mm : float
        Where the first cell begins and the last one ends, along `neck`; medial below lateral.
    slices, columns : int
    """

    origin_mm: NDArray[np.float64]
    neck: NDArray[np.float64]
    anterior: NDArray[np.float64]
    front_mm: float
    back_mm: float
    medial_mm: float
    lateral_mm: float
    slices: int
    columns: int

    def cell_of(self, points: ArrayLike) -> NDArray[np.intp]:
        """Return slab and cell, shape (..., 2), of LPS points in mm; -1 and -1 outside the grid."""
        from_head = np.asarray(points, float) - self.origin_mm
        slab = (self.front_mm - from_head @ self.anterior) / (self.front_mm - self.back_mm) * self.slices
        column = (from_head @ self.neck - self.medial_mm) / (self.lateral_mm - self.medial_mm) * self.columns
        cell = np.floor(np.stack([slab, column], axis=-1)).astype(np.intp)
        inside = np.logical_and(cell >= 0, cell < (self.slices, self.columns)).all(axis=-1, keepdims=True)
        return np.where(inside, cell, -1)


def head_grid(
    center_mm: ArrayLike, radius_mm: float, neck: ArrayLike, anterior: ArrayLike, *, slices: int, columns: int
) -> JointGrid:
    """Lay a grid over the femoral head: from its front to its back, from its medial end to where the neck begins."""
    return JointGrid(
        origin_mm=np.asarray(center_mm, np.float64),
        neck=np.asarray(neck, np.float64),
        anterior=np.asarray(anterior, np.float64),
        front_mm=radius_mm,
        back_mm=-radius_mm,
        medial_mm=-radius_mm,
        lateral_mm=HEAD_ENDS_AT_RADII * radius_mm,
        slices=slices,
        columns=columns,
    )


def capsule_grid(
    center_mm: ArrayLike, radius_mm: float, neck: ArrayLike, anterior: ArrayLike, *, slices: int, columns: int
) -> JointGrid:
    """Lay a grid over the joint's capsule: the head with what reaches around it, a radius further along the neck."""
    reach = radius_mm + CAPSULE_REACH_MM
    head = head_grid(center_mm, radius_mm, neck, anterior, slices=slices, columns=columns)
    return replace(head, front_mm=reach, back_mm=-reach, medial_mm=-reach, lateral_mm=reach + radius_mm)


def ticked_cells(signal: Mask, grid: JointGrid, from_ml: float = CELL_FROM_ML) -> tuple[tuple[int, int], ...]:
    """Return the cells that hold a signal; the score is their number.

    Parameters
    ----------
    signal : Mask
        Edema within the region asked for, or fluid.
    grid : JointGrid
        In the same frame of reference.
    from_ml : float
        Least volume of the signal within a cell.

    Returns
    -------
    tuple of (slice, column)
        From 0: from front to back, from medial to lateral.

    Raises
    ------
    InputError
        If the least volume is not above 0: every cell would be ticked.
    """
    if not from_ml > 0:
        raise InputError(f"a cell of the grid needs a least volume above 0, got {from_ml:g} mL")
    voxels = np.argwhere(signal.array)
    parts = np.maximum(1, np.ceil(signal.grid.spacing / FINE_MM)).astype(int)
    held = np.zeros((grid.slices, grid.columns))
    for corner in np.ndindex(*parts):
        offset = (np.array(corner) + 0.5) / parts - 0.5
        cells = grid.cell_of(signal.grid.to_world(voxels + offset))
        cells = cells[cells[:, 0] >= 0]
        np.add.at(held, (cells[:, 0], cells[:, 1]), signal.grid.voxel_volume_ml / parts.prod())
    return tuple((int(row), int(column)) for row, column in np.argwhere(held >= from_ml))
