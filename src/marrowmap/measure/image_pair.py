"""Whether the T1 and the fluid-sensitive image of one bone can be read together for fine lines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.ingest.exam import Series


def share_in_view(places: NDArray[np.float64], grid: Grid) -> float:
    """Return the share (0 to 1) of places, LPS mm, shape (n, 3), that lie within a grid's voxels; 0 of none."""
    return float(grid.contains(places).mean()) if len(places) else 0.0


def pair_obstacle(
    femur: BoneFrame,
    t1: Series | None,
    fluid: Series | None,
    places: NDArray[np.float64],
    *,
    part: str,
    read: str,
    need: str,
    least_seen: float,
    coarsest_mm: float,
) -> str:
    """Return why two images cannot be read together; empty if they can.

    Parameters
    ----------
    femur : BoneFrame
    t1, fluid : Series or None
        In the femur's frame of reference.
    places : array, shape (n, 3)
        LPS mm: of these both images must show a share of at least `least_seen` (0 to 1).
    part : str
        What the places are of, as words.
    read, need : str
        What is looked for, with ``is read`` or ``are read``, and with ``needs`` or ``need``.
    coarsest_mm : float
        Largest spacing that shows it.
    """
    if t1 is None or fluid is None:
        missing = "T1" if t1 is None else "fat-suppressed fluid-sensitive"
        return f"there is no {missing} series: {read} from T1 and STIR (or PD FS) together"
    if not femur.trusted:
        return f"the bone could not be fitted well enough to measure on: {femur.reason}"
    for series in (t1, fluid):
        seen = share_in_view(places, series.volume.grid)
        if seen < least_seen:
            return f"only {100 * seen:.0f} % of the {part} lies within series {series.description!r}"
        apart = float(series.volume.grid.spacing.max())
        if apart > coarsest_mm:
            return (
                f"slices of series {series.description!r} lie {apart:.1f} mm apart: {need} "
                f"{round(coarsest_mm, 1):g} mm or less"
            )
    return ""
