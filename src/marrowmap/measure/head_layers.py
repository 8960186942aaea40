"""One layer under the femoral head's joint surface, in every image of an exam that shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marrowmap.image.crop import box_around
from marrowmap.ingest.exam import Series
from marrowmap.measure.head_map import HeadMap

FROM_MM, TO_MM, STEP_MM = 1.5, 6.0, 0.5
"""Below the plate, to where fracture lines, clefts and shallow bands lie; a choice."""
LEAST_SEEN = 0.8
"""Share of the joint surface that a series must show."""
AROUND_MM = 12.0


@dataclass(frozen=True, eq=False)
class HeadLayer:
    """Signal of one series under the joint surface.

    Parameters
    ----------
    series : Series
    mean, least : arrays of float32, shape (PIXELS, PIXELS)
        Over depths of :data:`FROM_MM` to :data:`TO_MM`; not a number where map or series show nothing.
    """

    series: Series
    mean: NDArray[np.float32]
    least: NDArray[np.float32]


def sample_layers(head_map: HeadMap, series: Sequence[Series]) -> tuple[HeadLayer, ...]:
    """Sample the layer in every series of the femur's frame of reference that shows most of the joint surface.

    Parameters
    ----------
    head_map : HeadMap
    series : sequence of Series
        Of any contrast and modality; those in another frame of reference are passed over.
    """
    femur = head_map.femur
    depth = np.arange(FROM_MM, TO_MM + STEP_MM / 2, STEP_MM)
    layers = []
    for one in series:
        grid = one.volume.grid
        box = box_around(grid, femur.head_center_mm, femur.head_radius_mm + AROUND_MM)
        if grid.frame_of_reference_uid != femur.frame_of_reference_uid or box is None:
            continue
        signal = head_map.sample(box.crop(one.volume), depth)
        whole = np.asarray(np.isfinite(signal).all(axis=-1))
        if whole[head_map.shown].mean() < LEAST_SEEN:
            continue
        mean, least = (np.where(whole, values, np.nan) for values in (signal.mean(axis=-1), signal.min(axis=-1)))
        layers.append(HeadLayer(one, np.asarray(mean, np.float32), np.asarray(least, np.float32)))
    return tuple(layers)
