"""Joint fluid of the hip on fluid-sensitive MR.

A well hip holds 2.7 mL on average, 0.7 to 5.6 mL (52 asymptomatic hips; left and right differ by 0.8 mL, at most
2.9 mL): Moss et al., Radiology 1998;208:43 (abstract read).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.regions import CAPSULE_REACH_MM
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.values import Quantity

LARGEST_NORMAL_ML = 5.6
"""Upper end of the fluid volume of asymptomatic hips (Moss 1998)."""

LEAST_FLUID_RATIO = 2.2
"""Pure fluid is at least this many times as bright as muscle on fat-suppressed fluid-sensitive images."""

BRIGHTEST_SHARE = 0.999
"""Quantile of the whole image taken as the signal of pure fluid (bladder, vessels, bowel, the joint itself)."""

MUSCLE_SHARE = 0.8
"""Quantile of the surroundings taken as muscle; the rest is suppressed fat and bone's edge."""

LEAST_SHARE = 0.5
"""Voxels with less fluid count only at the rim of those with more."""

SEED_SHARE = 0.6
"""Fluid begins where a voxel holds this much."""

LEAST_VOXELS = 8
"""Smaller islands of bright voxels are vessels or noise."""

ABSOLUTE_ERROR_ML = 0.3
RELATIVE_ERROR = 0.10
"""Standard deviations of the error in the recesses on virtual hips (tuning seeds)."""

FILM_ML = (1.0, 1.7, 2.5)
"""Least, usual and most fluid between the cartilages, which is not seen (virtual hips; not measured in people)."""

METHOD = "joint fluid/1: partial-volume share of fluid in the capsule's recesses, the film between cartilages left out"


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


def measure_effusion(fluid: Volume, capsule: Mask, surroundings: Mask, brightest: float) -> Effusion:
    """Measure the fluid in the recesses of a hip's joint capsule.

    The film between the cartilages (:data:`FILM_ML`) is too thin for these voxels and is not counted.

    Parameters
    ----------
    fluid : Volume
        Fluid-sensitive fat-suppressed image, coil bias removed.
    capsule : Mask
        Recesses of the capsule outside both bones, same grid.
    surroundings : Mask
        Soft tissue around the joint (muscle, suppressed fat), same grid.
    brightest : float
        Signal of pure fluid in the whole image, see :func:`find_brightest`.

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
    muscle = float(np.quantile(outside, MUSCLE_SHARE))
    level = max(brightest, LEAST_FLUID_RATIO * muscle)
    share = np.where(capsule.array, np.clip(fluid.array / level, 0.0, 1.0), 0.0)
    labels, _ = ndimage.label(share > LEAST_SHARE)
    large = np.flatnonzero(np.bincount(labels.ravel()) >= LEAST_VOXELS)
    seeded = np.unique(labels[share >= SEED_SHARE])
    core = (labels > 0) & np.isin(labels, np.intersect1d(large, seeded))
    # The rim within the slice holds the rest of the voxels that fluid fills in part.
    rim = ndimage.binary_dilation(core, _in_plane(fluid.grid)) & capsule.array
    volume = float(share[rim].sum()) * fluid.grid.voxel_volume_ml
    reach = 1.96 * float(np.hypot(ABSOLUTE_ERROR_ML, RELATIVE_ERROR * volume))
    # A film one voxel thick over a tenth of the capsule would have been seen.
    film = 0.1 * capsule.volume_ml * float(fluid.grid.spacing.min()) / CAPSULE_REACH_MM
    return Effusion(
        Mask(fluid.grid, core),
        Quantity(volume, "mL", max(0.0, volume - reach), volume + reach),
        Quantity(max(film, LEAST_VOXELS * fluid.grid.voxel_volume_ml), "mL"),
        f"fluid {level / max(muscle, 1e-6):.1f} times as bright as muscle",
    )


def _in_plane(grid: Grid) -> NDArray[np.bool_]:
    """Return the eight neighbors of a voxel within its slice as a structuring element."""
    extent = [1 if axis == grid.slice_axis else 3 for axis in range(3)]
    return np.ones(extent, np.bool_)


def find_brightest(fluid: Volume) -> float:
    """Return the signal of the brightest tissue of an image: fluid in bladder, vessels, bowel or the joint itself."""
    return float(np.quantile(fluid.array, BRIGHTEST_SHARE))
