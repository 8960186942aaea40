"""A lucent line under the femoral head's edge in a radiograph: the crescent (Yoon 2020: ARCO III).

It shows only where rays run along the cleft; on an AP film most clefts lie across them. So a dark line that stands out from
the head's own texture is told, and its absence says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.measure.radiograph_head import STEP_MM
from marrowmap.measure.radiograph_head import HeadOutline
from marrowmap.measure.radiograph_head import sample_rays

DEEPEST_MM = 16.0
LOOKED_MM = (1.2, 5.0)
"""Depths under the edge at which a cleft is looked for; what lies deeper than the second plus a margin is comparison."""
BEYOND_MM = 7.0
WIDTH_MM = 1.2
LENGTH_MM = 12.0
"""Over this length along the edge the line is averaged."""


@dataclass(frozen=True)
class LucentLine:
    """The darkest line that runs along the head's edge.

    Parameters
    ----------
    strength : float
        How dark it is, in standard deviations of such lines deeper in the head.
    depth_mm : float
        Of its middle under the edge, mm in the plane of the hips.
    angle_deg : float
        Of its middle from straight up, + outward.
    """

    strength: float
    depth_mm: float
    angle_deg: float


def find_lucent_line(shown: HipPlaneImage, outline: HeadOutline) -> LucentLine | None:
    """Find the darkest line under a head's edge; None where too little of the edge is clear.

    Parameters
    ----------
    shown : HipPlaneImage
    outline : HeadOutline
    """
    known = np.isfinite(outline.head_mm)
    if known.sum() < 40:
        return None
    edge = np.interp(outline.angle_deg, outline.angle_deg[known], outline.head_mm[known])
    edge = ndimage.gaussian_filter1d(edge, 3.0)
    depth = np.arange(0.0, DEEPEST_MM, STEP_MM)
    rays = sample_rays(shown, outline.circle, outline.side, outline.angle_deg, edge[:, None] - depth[None, :])
    sd = WIDTH_MM / 2.355 / STEP_MM
    # A dark line of that width against both its flanks.
    line = ndimage.gaussian_filter1d(rays, sd, axis=1) - ndimage.gaussian_filter1d(rays, 2.5 * sd, axis=1)
    per_ray = np.radians(outline.angle_deg[1] - outline.angle_deg[0]) * outline.circle.radius_mm
    count = max(round(LENGTH_MM / per_ray), 3)
    mean = ndimage.uniform_filter1d(line, count, axis=0)
    share = ndimage.uniform_filter1d(known.astype(float), count)
    compared = mean[share > 0.8][:, depth > BEYOND_MM]
    looked = (depth >= LOOKED_MM[0]) & (depth <= LOOKED_MM[1])
    usable = np.where((share > 0.8)[:, None] & looked[None, :], mean, np.inf)
    if not np.isfinite(usable).any() or compared.size == 0:
        return None
    ray, place = np.unravel_index(int(np.argmin(usable)), usable.shape)
    noise = 1.4826 * float(np.median(np.abs(compared - np.median(compared)))) + 1e-12
    return LucentLine(float(-usable[ray, place] / noise), float(depth[place]), float(outline.angle_deg[ray]))
