"""The double line: a bright inner line along a dark band on fluid-sensitive images, granulation (Mitchell 1987)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.necrosis import NecroticSegment

INNER_MM = (0.8, 3.2)
"""Where the bright line may lie, inward of the band's outer border."""
BESIDE_MM = ((-2.5, 0.2), (4.0, 6.5))
"""Sclerosis and marrow outside it, and the interior."""
DEEP_MM = 3.0
"""Border closer to the joint surface is left out: cartilage and fluid are bright, too."""
BRIGHTER = 0.10
"""A line that stands out from both its sides by this share of the fluid level is bright."""


@dataclass(frozen=True)
class DoubleLine:
    """How bright the inner part of a band is.

    Parameters
    ----------
    contrast : float
        Median along the border: signal of the inner line over both its sides, in shares of the fluid level.
    share : float
        Of the border along which a bright line is seen, 0 to 1.
    """

    contrast: float
    share: float


def measure_double_line(images: HeadImages, segment: NecroticSegment) -> DoubleLine | None:
    """Look for a bright line along the inside of a band; None where too little of the band is seen."""
    femur = images.femur
    deep = segment.bordered.copy()
    border = segment.origin + segment.rays.directions * segment.reach_mm[:, None]
    deep &= femur.head_radius_mm - np.linalg.norm(border, axis=1) > DEEP_MM
    if deep.sum() < 20:
        return None
    at = np.arange(BESIDE_MM[0][0], BESIDE_MM[1][1], 0.4)
    local = border[deep][:, None, :] - segment.rays.directions[deep][:, None, :] * at[:, None]
    signal = sample_at(images.fluid, femur.to_world(local)) / images.fluid_level

    def within(reach: tuple[float, float]) -> np.ndarray:
        return (at >= reach[0]) & (at <= reach[1])

    line = np.nanmax(signal[:, within(INNER_MM)], axis=1)
    outer, inner = (np.nanmean(signal[:, within(reach)], axis=1) for reach in BESIDE_MM)
    above = line - np.maximum(outer, inner)
    return DoubleLine(float(np.nanmedian(above)), float(np.nanmean(above > BRIGHTER)))
