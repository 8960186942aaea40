"""Local loss of bone mineral: how much of it a sick hip has lost, when, and where.

Every bit of bone in head and neck, trabecular or cortical, loses the same share of its mineral, and marrow takes its
place: at voxels larger than trabeculae, thinner ones and a more porous cortex look alike. Trevisan 2002 measured more
loss from trabecular than from cortical bone; one share for both is a choice. X-ray pictures show the loss; MR and gamma
camera are painted as if the bone were still there.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from marrowmap.phantom.focus import WIDTH_PER_SD
from marrowmap.phantom.layers import Array
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip

RESORBED = "resorbed_bone"
"""The tissue in the place of mineral that is lost: marrow to X-rays, bone to all else."""
LOSS = (0.10, 0.35)
"""Share of mineral lost at its height: around the 29.5 % and 24.8 % of Berman 2016; a choice."""
SEEN_FROM_WEEK = 3.0
"""Osteopenia shows after 3 to 6 weeks (Pol J Radiol 2014) or within 8 of pain (Hayes 1993)."""
HEIGHT_WEEKS = (8.0, 12.0)
RECOVERS_FROM_WEEK = 16.0
RECOVERED_WEEK = 52.0
RESIDUAL = (0.0, 0.30)
"""Share of the loss that stays after a year (Trevisan 2002: a residual of 26 % in recovery, and 5 of 6 not recovered).

There is no source with monthly values: when it is at its height and recovers, and all of the course between, are
choices."""
ROUNDING_MM = 3.0
"""How softly the plane's end of the disease turns into the one above the lesser trochanter."""


def loss_course(weeks: float, height_week: float, residual: float) -> float:
    """Return the share of the greatest loss that is there some weeks after onset."""
    course = (SEEN_FROM_WEEK, height_week, RECOVERS_FROM_WEEK, RECOVERED_WEEK), (0.0, 1.0, 1.0, residual)
    return float(np.interp(weeks, *course))


def sample_bone_loss(lesion: Lesion, rng: np.random.Generator) -> Lesion:
    """Draw what a hip has lost, by `lesion.weeks`; at its height where those are unknown."""
    height, week, residual = float(rng.uniform(*LOSS)), float(rng.uniform(*HEIGHT_WEEKS)), float(rng.uniform(*RESIDUAL))
    course = 1.0 if lesion.weeks is None else loss_course(lesion.weeks, week, residual)
    return replace(lesion, bone_loss=height * course)


def past_boundary(lesion: Lesion, hip: Hip, points: Array) -> Array:
    """Return how far points (..., 3), LPS mm, lie past the end of the disease at the intertrochanteric plane, mm.

    The plane is steep: alone, it would let the disease run down the medial shaft. So its end turns softly into one at
    the level of the lesser trochanter's upper edge.
    """
    below_edge = (points - hip.landmarks["lesser_trochanter_upper"].astype(np.float32)) @ hip.shaft.astype(np.float32)
    rounding = np.float32(ROUNDING_MM)
    past = rounding * np.logaddexp(hip.past_plane(points) / rounding, below_edge / rounding)
    return np.asarray(past - np.float32(lesion.boundary_mm), np.float32)


def within_disease(lesion: Lesion, hip: Hip, points: Array, unevenness: Array) -> Array:
    """Return how much each point belongs to the disease, 0 to 1, float32; it ends as sharply as the lesion says.

    Parameters
    ----------
    lesion : Lesion
    hip : Hip
    points : array, shape (..., 3)
        LPS mm.
    unevenness : array, shape (...)
        Smooth noise of unit variance: the end waves by about a millimeter.
    """
    past = past_boundary(lesion, hip, points) + np.float32(1.2) * unevenness
    return np.asarray(ndtr(-past / np.float32(lesion.width_mm / WIDTH_PER_SD)), np.float32)


def lost_share(lesion: Lesion, hip: Hip, points: Array, unevenness: Array) -> Array:
    """Return the share of bone mineral that each point has lost.

    Parameters
    ----------
    lesion : Lesion
    hip : Hip
    points : array, shape (..., 3)
        LPS mm.
    unevenness : array, shape (...)
        Smooth noise of unit variance: the loss ends as unevenly as edema does.

    Returns
    -------
    array of float32, shape (...)
        `lesion.bone_loss` in head and neck; it ends where, and as sharply as, the disease's edema does.
    """
    if lesion.bone_loss <= 0:
        return np.zeros(points.shape[:-1], np.float32)
    return np.asarray(np.float32(lesion.bone_loss) * within_disease(lesion, hip, points, unevenness), np.float32)
