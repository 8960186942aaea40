"""Joint fluid of the hip on fluid-sensitive MR.

A well hip holds 2.7 mL on average, 0.7 to 5.6 mL (52 asymptomatic hips; left and right differ by 0.8 mL, at most
2.9 mL): Moss et al., Radiology 1998;208:43 (abstract read).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.values import Quantity

LARGEST_NORMAL_ML = 5.6
"""Upper end of the fluid volume of asymptomatic hips (Moss 1998)."""

LEAST_FLUID_RATIO = 3.5
"""Fluid is at least this many times as bright as the soft tissue around the joint (muscle, suppressed fat)."""

BRIGHTEST_SHARE = 0.98
"""Quantile of the bright voxels taken as the signal of pure fluid."""

LEAST_SHARE = 0.25
"""Voxels with less fluid are left to cartilage and noise."""

LEAST_VOXELS = 6
"""Smaller islands of bright voxels are vessels or noise."""

METHOD = "joint fluid/1: partial-volume share between soft tissue and fluid within the capsule"


@dataclass(frozen=True, eq=False)
class Effusion:
    """Fluid in one hip joint.

    Parameters
    ----------
    mask : Mask
        Voxels at least half filled with fluid.
    volume : Quantity
        mL, partial volume counted, with its 95 % interval.
    smallest_detectable : Quantity
        mL: a film of fluid one voxel thick over a tenth of the capsule would have been seen.
    note : str
    """

    mask: Mask
    volume: Quantity
    smallest_detectable: Quantity
    note: str


def measure_effusion(fluid: Volume, capsule: Mask, surroundings: Mask, fluid_level: float | None = None) -> Effusion:
    """Measure the fluid inside a hip's joint capsule.

    Parameters
    ----------
    fluid : Volume
        Fluid-sensitive fat-suppressed image, coil bias removed.
    capsule : Mask
        Space within the capsule outside both bones, same grid.
    surroundings : Mask
        Soft tissue around the joint (muscle, suppressed fat), same grid; its median is the dark level.
    fluid_level : float, optional
        Signal of pure fluid, known from elsewhere in the same image (the other hip); else found in this capsule.

    Returns
    -------
    Effusion

    Raises
    ------
    GeometryError
        If the grids differ.
    InputError
        If capsule or surroundings are empty.
    """
    inside, outside = fluid.within(capsule), fluid.within(surroundings)
    if inside.size < 50 or outside.size < 200:
        raise InputError("the joint capsule lies outside the images: fluid cannot be measured")
    soft = float(np.median(outside))
    level = max(find_fluid_level(fluid, capsule, surroundings), fluid_level or 0.0)
    share = np.clip((fluid.array - soft) / (level - soft), 0.0, 1.0)
    inside_share = np.where(capsule.array, share, 0.0)
    # Thin films fill their voxels in part: what hangs together with voxels of fluid counts down to a quarter.
    labels, _ = ndimage.label(inside_share > LEAST_SHARE)
    sizes = np.bincount(labels.ravel())
    large = np.flatnonzero(sizes >= LEAST_VOXELS)
    seeded = np.unique(labels[inside_share >= 0.5])
    rim = (labels > 0) & np.isin(labels, np.intersect1d(large, seeded))
    core = rim & (share >= 0.5)
    volume = float(share[rim].sum()) * fluid.grid.voxel_volume_ml
    voxels = float(core.sum()) * fluid.grid.voxel_volume_ml
    reach = 1.96 * max(abs(volume - voxels), 0.1 * volume, 0.2)
    # A film one voxel thick over a tenth of the capsule, about 4 mm deep, would have been seen.
    film = 0.1 * capsule.volume_ml * float(fluid.grid.spacing.min()) / 4.0
    return Effusion(
        Mask(fluid.grid, core),
        Quantity(volume, "mL", max(0.0, volume - reach), volume + reach),
        Quantity(max(film, LEAST_VOXELS * fluid.grid.voxel_volume_ml), "mL"),
        f"fluid {level / max(soft, 1e-6):.1f} times as bright as the soft tissue around the joint",
    )


def find_fluid_level(fluid: Volume, capsule: Mask, surroundings: Mask) -> float:
    """Return the signal of pure fluid in a capsule, at least :data:`LEAST_FLUID_RATIO` times the soft tissue's."""
    inside = fluid.within(capsule)
    soft = float(np.median(fluid.within(surroundings)))
    least = LEAST_FLUID_RATIO * soft
    bright = inside[inside > least]
    return max(least, float(np.quantile(bright, BRIGHTEST_SHARE))) if bright.size else least
