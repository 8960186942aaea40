"""Which bones an exam shows: found automatically, or from what the user hands in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy import find_hips
from marrowmap.anatomy import frames_from_mask
from marrowmap.anatomy import frames_from_points
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.errors import MarrowmapError
from marrowmap.errors import UsageError
from marrowmap.ingest import Series
from marrowmap.ingest import read_nifti_mask
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.values import Side
from marrowmap.workflow.steps import Progress
from marrowmap.workflow.steps import silent

BONE_IMAGES = frozenset(
    {
        ImageSequence.T1,
        ImageSequence.T2,
        ImageSequence.PD,
        ImageSequence.FLUID_FAT_SUPPRESSED,
        ImageSequence.DIXON_WATER,
        ImageSequence.DIXON_FAT,
        ImageSequence.DIXON_IN_PHASE,
        ImageSequence.GRADIENT_ECHO,
        ImageSequence.CT,
    }
)
"""What bones are looked for in."""


@dataclass(frozen=True, eq=False)
class BoneHint:
    """What the user knows of the bone.

    Parameters
    ----------
    mask : Path, optional
        NIfTI mask of one femur on the grid of one of the images.
    points : array, shape (3, 3), optional
        LPS mm: femoral head center, tip of the greater trochanter, tip of the lesser trochanter.
    side : Side, optional
        Of mask or points; the image's own side must agree.
    """

    mask: Path | None = None
    points: NDArray[np.float64] | None = None
    side: Side | None = None

    def __post_init__(self) -> None:
        if self.mask is not None and self.points is not None:
            raise UsageError("--bone and --points both say where the bone is: give one of them")
        if self.side is not None and self.mask is None and self.points is None:
            raise UsageError("--side belongs to --bone or --points; without them the side is read from tags and image")


def locate_bones(
    series: Sequence[Series], hint: BoneHint | None = None, *, progress: Progress = silent
) -> tuple[BoneFrame, ...]:
    """Find the bones of all hips in view.

    Parameters
    ----------
    series : sequence of Series
        All in one frame of reference.
    hint : BoneHint, optional
        Start from the user's mask or points instead.

    Raises
    ------
    GeometryError
        If sides contradict each other, or a mask lies on no image's grid.
    InputError
        If a mask holds no femur.
    """
    if hint is None or (hint.mask is None and hint.points is None):
        return find_hips(series, progress=progress)
    if hint.points is not None:
        return frames_from_points(hint.points, series[0], hint.side)
    assert hint.mask is not None  # one of both is given, see BoneHint
    drawn = read_nifti_mask(hint.mask)
    if not drawn.array.any():
        raise InputError(f"{hint.mask.name}: the mask is empty: draw the femur in it")
    for candidate in series:
        grid = candidate.volume.grid
        # A NIfTI file has no frame of reference: the voxels' places decide.
        if drawn.grid.written_alike(grid):
            mask = type(drawn)(grid, drawn.array)
            try:
                return frames_from_mask(mask, candidate, hint.side)
            except MarrowmapError as error:
                raise type(error)(f"{hint.mask.name}: {error}") from error
    raise GeometryError(
        f"{hint.mask.name}: the mask's grid {drawn.grid.shape} is not that of any image: draw it on one of them"
    )
