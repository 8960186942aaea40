"""What is looked for in one femoral neck, how small it may be to be seen, and why the rest was not looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.anatomy import FEMUR_REGIONS
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import name_regions
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.ingest.exam import Series
from marrowmap.measure.head import estimate_noise
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.image_pair import pair_obstacle
from marrowmap.measure.neck_line import NeckLine
from marrowmap.measure.neck_line import find_neck_line
from marrowmap.values import Evidence
from marrowmap.values import Side

LEAST_SEEN = 0.9
"""Share of the neck's surface that both images must show."""
COARSEST_SLICES_MM = 5.5
"""As in the coarsest images of tuning seeds; a thousandth more is rounding."""


@dataclass(frozen=True, eq=False)
class NeckMeasurement:
    """What lies in one femoral neck.

    Parameters
    ----------
    side : Side
    date : str
        ISO 8601 or empty.
    femur : BoneFrame
    t1, fluid : Series or None
        The two series that were read together.
    line : NeckLine or None
    mask : Mask or None
        The line on the grid of `t1`.
    snr : float
        T1 signal of fatty marrow over noise; 0 where nothing was read.
    blur_mm : float
        How far a voxel reaches along the neck, in the coarser of both images.
    obstacle : str
        Why nothing could be looked for here; empty otherwise.
    """

    side: Side
    date: str
    femur: BoneFrame
    t1: Series | None = None
    fluid: Series | None = None
    line: NeckLine | None = None
    mask: Mask | None = None
    snr: float = 0.0
    blur_mm: float = 0.0
    obstacle: str = ""

    @property
    def evidence(self) -> Evidence | None:
        """The T1 series, with the line's mask where there is one."""
        if self.t1 is None:
            return None
        digest = None if self.mask is None else self.mask.sha256
        return Evidence(self.t1.uid, self.t1.instance_uids, mask_sha256=digest)


def measure_neck(femur: BoneFrame, t1: Series | None, fluid: Series | None, *, date: str) -> NeckMeasurement:
    """Look for a line across one femoral neck; what is missing becomes its obstacle.

    Parameters
    ----------
    femur : BoneFrame
    t1, fluid : Series or None
        In the femur's frame of reference.
    date : str
        ISO 8601 or empty.
    """

    def without(obstacle: str) -> NeckMeasurement:
        return NeckMeasurement(femur.side, date, femur, t1, fluid, obstacle=obstacle)

    obstacle = pair_obstacle(
        femur,
        t1,
        fluid,
        neck_surface(femur),
        part="femoral neck",
        read="a line across the neck is read",
        need="a line across the neck needs",
        least_seen=LEAST_SEEN,
        coarsest_mm=COARSEST_SLICES_MM + 1e-3,
    )
    if t1 is None or fluid is None or obstacle:
        return without(obstacle)
    images = HeadImages.of(femur, t1.volume, fluid.volume)
    if images is None:
        return without("head and neck hold no signal")
    line = find_neck_line(images)
    return NeckMeasurement(
        femur.side,
        date,
        femur,
        t1,
        fluid,
        line,
        None if line is None else line.mask(t1.volume.grid),
        images.marrow_level / max(estimate_noise(t1, femur), 1e-6),
        max(blur_along_neck_mm(femur, series.volume.grid) for series in (t1, fluid)),
    )


def neck_surface(femur: BoneFrame) -> NDArray[np.float64]:
    """Return the vertices of a femur's neck, LPS mm, shape (n, 3)."""
    in_neck = name_regions(femur, femur.vertices) == FEMUR_REGIONS.index("femoral_neck") + 1
    return np.asarray(femur.vertices[in_neck], np.float64)


def blur_along_neck_mm(femur: BoneFrame, grid: Grid) -> float:
    """Return how far a voxel reaches along the neck's axis: what a line across it is blurred over, mm."""
    along = grid.axes.T @ femur.axes[:, 0]
    return float(np.sqrt(((along * grid.spacing) ** 2).sum()))
