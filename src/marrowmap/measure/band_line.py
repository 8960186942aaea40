"""Whether a line runs along the border of a supposed necrotic segment, or the border is only an edge.

A band's outer part is sclerosis, dark in T1 and in fluid-sensitive images; its inner part is often granulation tissue,
a bright line in the latter (Mitchell 1987). The sharp edge of edema, pus or a mass has neither: where fat gives way to
water, T1 loses what the fluid-sensitive image gains, at the same place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.necrosis import NEIGHBORS
from marrowmap.measure.necrosis import NecroticSegment
from marrowmap.measure.necrosis import outward_normals

STEP_MM = 0.5
INNER_MM, GRANULATION_MM, LINE_MM, OUTER_MM = (-6.0, -3.5), (-3.0, -1.0), (-2.0, 0.0), (2.0, 4.5)
"""Of the border, + is out of the segment: what lies inside, where granulation and the band's sclerosis may lie, what
lies outside."""
SHALLOWEST_MM = 2.5
"""What lies closer to the joint surface is its plate and cartilage."""
DEEP_MM = 3.0
"""Border closer to the joint surface is left out."""
DARKER_THAN_BOTH = 0.05
"""A line is darker in T1 than both its sides by this share of fatty marrow's signal."""
DARKER_THAN_EXCHANGE = 0.1
"""Or it is darker than marrow in which water has taken the place of fat, both images together, by this share."""
EXCHANGE = (0.5, 1.5)
"""What water adds to the fluid-sensitive image (over fluid) for one part lost in T1 (over fatty marrow): the inverse of
what is read at the border lies within these, for edema, tumor and fluid at 1.5 and 3 T."""
BRIGHTER_THAN_BOTH = 0.1
"""Or a line is brighter in the fluid-sensitive image than both its sides by this share of fluid's signal."""
SAME_SIGNAL = 0.02
"""Inside and outside that differ by less in the fluid-sensitive image (share of fluid's signal) are alike."""
FEWEST = 40
"""Points of the border that must be known for anything to be said."""


def line_share(images: HeadImages, segment: NecroticSegment) -> float:
    """Return the share of a segment's border, 0 to 1, along which a line is seen.

    Signal is read across the border, averaged over a few millimeters along it. A line is darker in T1 than what lies on
    either side of it. Where the interior is as dark as the line, both images count together, T1 and ``w`` times the
    fluid-sensitive one: ``w`` is such that inside and outside weigh the same, as far as water for fat explains their
    difference, and what is darker than the outside then holds neither. Or granulation is brighter in the
    fluid-sensitive image than either side.

    Parameters
    ----------
    images : HeadImages
    segment : NecroticSegment

    Returns
    -------
    float
        0 where too little of the border lies deep enough to say.

    Notes
    -----
    Thresholds were set on virtual hips of seeds 1 to 62; ``benchmarks/false_bands.py`` prints what they give.
    """
    radius = images.femur.head_radius_mm
    border = segment.border
    border = border[radius - np.linalg.norm(border, axis=-1) > DEEP_MM]
    if len(border) < FEWEST:
        return 0.0
    _, near = cKDTree(border).query(border, k=NEIGHBORS)
    at = np.arange(INNER_MM[0], OUTER_MM[1] + STEP_MM / 2, STEP_MM)
    local = border[:, None, :] + at[:, None] * outward_normals(border, near, segment.origin)[:, None, :]
    shown = radius - np.linalg.norm(local, axis=-1) > SHALLOWEST_MM
    points = images.femur.to_world(local)

    where = (INNER_MM, GRANULATION_MM, LINE_MM, OUTER_MM)

    def read(image: NDArray[np.float32]) -> tuple[NDArray[np.float64], ...]:
        across = _mean(np.where(shown, image, np.nan)[near], axis=1)
        return tuple(_mean(across[:, (at >= a) & (at <= b)], axis=1) for a, b in where)

    fat_inside, _, fat_line, fat_outside = read(sample_at(images.t1, points) / np.float32(images.marrow_level))
    wet_inside, granulation, wet_line, wet_outside = read(
        sample_at(images.fluid, points) / np.float32(images.fluid_level)
    )
    gained = wet_inside - wet_outside
    weight = np.where(
        gained > SAME_SIGNAL, (fat_outside - fat_inside) / np.maximum(gained, SAME_SIGNAL), EXCHANGE[1]
    ).clip(*EXCHANGE)
    lost = fat_outside - fat_line + weight * (wet_outside - wet_line)
    line = np.minimum(fat_inside, fat_outside) - fat_line > DARKER_THAN_BOTH
    line |= lost > DARKER_THAN_EXCHANGE
    line |= granulation - np.maximum(wet_inside, wet_outside) > BRIGHTER_THAN_BOTH
    known = np.isfinite(fat_outside - fat_line)
    return float(line[known].mean()) if known.sum() >= FEWEST else 0.0


def _mean(values: NDArray[np.floating], axis: int) -> NDArray[np.float64]:
    """Return the mean of what is known; not a number where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
