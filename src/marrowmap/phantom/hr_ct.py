"""An HR-pQCT image of trabecular bone: density of hydroxyapatite in small cubic voxels, blurred and noisy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.phantom.hr_mr import bone_shares
from marrowmap.phantom.hr_site import FAR_MM
from marrowmap.phantom.hr_site import MARGIN_MM
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.layers import Array
from marrowmap.phantom.trabecular_cells import Network

POINTS = (2, 2, 2)
BONE_MG_PER_ML = 1000.0
"""Hydroxyapatite in trabecular bone without pores: a choice."""
YELLOW_MARROW_MG_PER_ML, RED_MARROW_MG_PER_ML = -50.0, 20.0
"""What marrow looks like on a scale calibrated with hydroxyapatite in water: a choice."""
LOWEST_MG_PER_ML = -600.0
STEP_MG_PER_ML = 0.6
"""Of one stored unit; with 12 bits the scale ends at 1857 mg/mL."""


@dataclass(frozen=True)
class HrCt:
    """How one side is scanned.

    Parameters
    ----------
    voxel_mm : float
        60.7 um: the second generation's standard (Whittier 2020, Osteoporos Int 31:1607).
    field_mm : tuple of float
        What is reconstructed, LPS.
    blur_mm : float
        Standard deviation of the point spread: full width at half maximum about 0.1 mm, a choice.
    noise_mg_per_ml : float
        Standard deviation, a choice.
    """

    voxel_mm: float = 0.0607
    field_mm: tuple[float, float, float] = (15.0, 15.0, 8.0)
    blur_mm: float = 0.042
    noise_mg_per_ml: float = 70.0


def hr_ct_grid(scan: HrCt, site: Site) -> Grid:
    """Return the grid of the field in the measured bone where it lies deepest under the cortex, LPS without tilt.

    Raises
    ------
    InputError
        If the field does not fit into the trabecular bone.
    """
    depth = -(site.fields["bone"] + site.fields["cortex"])
    # The whole field lies in trabecular bone and in the slab.
    beyond = int(np.ceil(MARGIN_MM / site.grid.spacing[2]))
    depth[:, :, :beyond] = depth[:, :, -beyond:] = -FAR_MM
    size = np.ceil(np.array(scan.field_mm) / site.grid.spacing).astype(int) + 1
    inner = ndimage.minimum_filter(depth, tuple(int(n) for n in size), mode="constant", cval=-99.0)
    place = np.unravel_index(int(inner.argmax()), inner.shape)
    if inner[place] < 0.3:
        raise InputError(f"virtual HR-pQCT: no field of {scan.field_mm} mm fits into the bone; make it smaller")
    shape = np.floor(np.array(scan.field_mm) / scan.voxel_mm).astype(int)
    affine = np.diag([scan.voxel_mm] * 3 + [1.0])
    affine[:3, 3] = site.grid.to_world(np.array(place)) - (shape - 1) / 2 * scan.voxel_mm
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def scan_hr_ct(site: Site, network: Network, scan: HrCt, seed: int) -> tuple[NDArray[np.uint16], Grid, Array]:
    """Image part of a site.

    Returns
    -------
    pixels : array of uint16
        Density is :data:`LOWEST_MG_PER_ML` + :data:`STEP_MG_PER_ML` times them.
    grid : Grid
    fraction : array
        True share of bone in each voxel.
    """
    rng = np.random.default_rng([seed, 430 + (site.side.sign < 0)])
    grid = hr_ct_grid(scan, site)
    fraction = np.empty(grid.shape, np.float32)
    for slices, share, _ in bone_shares(site, network.elements, grid, POINTS, 32):
        fraction[:, :, slices] = share
    red = float(site.field("red")(grid.to_world(np.array(grid.shape)[None] / 2))[0])
    marrow = YELLOW_MARROW_MG_PER_ML + red * (RED_MARROW_MG_PER_ML - YELLOW_MARROW_MG_PER_ML)
    density = ndimage.gaussian_filter(fraction, scan.blur_mm / scan.voxel_mm, mode="nearest")
    density *= np.float32(BONE_MG_PER_ML - marrow)
    density += np.float32(marrow)
    # Reconstruction smooths noise a little more than a voxel wide.
    noise = ndimage.gaussian_filter(rng.standard_normal(grid.shape, np.float32), 0.6)
    density += noise * np.float32(scan.noise_mg_per_ml / noise.std())
    stored = np.rint((density - LOWEST_MG_PER_ML) / STEP_MG_PER_ML)
    return np.asarray(np.clip(stored, 0, 4095), np.uint16), grid, fraction
