"""Trabecular measures of a region, as far as the voxels allow: resolved in HR-pQCT and micro-CT, apparent in MRI."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.microstructure_image import DENSITY_UNIT
from marrowmap.ingest.microstructure_image import MicroImage
from marrowmap.measure.bone_fraction import require_region
from marrowmap.values import Quantity

RESOLVED_MM = 0.1
"""Voxels up to half a trabecula's 0.2 mm may resolve it; that they did is checked on what was found."""
VOXELS_ACROSS = 2.0
"""A mean thickness of fewer voxels is the voxel's, not the trabecula's (choice, after Bouxsein et al. 2010)."""
FULL_DENSITY = 1200.0
"""mgHA/cm3 of bone without marrow, which turns density into a fraction (Laib and Ruegsegger 1999; from memory)."""


class Regime(Enum):
    """What the voxels allow."""

    RESOLVED = "resolved"
    APPARENT = "apparent"


@dataclass(frozen=True, eq=False)
class Microarchitecture:
    """What was measured in one region, and what was not and why.

    Parameters
    ----------
    regime : Regime
    reason : str
        What decided the regime.
    values : mapping of str to Quantity
        By names of :mod:`marrowmap.terms.quantities`.
    methods : mapping of str to str
        How each value was made.
    refused : mapping of str to str
        Quantity to why it is not given.
    notes : tuple of str
    image : Volume
        The part of the image around the region.
    region : Mask
        On that grid.
    fraction : array of float32, shape of the grid
        Share of bone by voxel, 0 to 1; NaN outside the region in the apparent regime.
    maps : mapping of str to array of float32
        Local thickness and separation in mm (0 outside their phase), by quantity; empty in the apparent regime.
    texture : Quantity or None
        MR: mean share of bone as texture alone tells it, unit ``1``, by which sides are compared
        (:mod:`marrowmap.measure.apparent_sides`).
    """

    regime: Regime
    reason: str
    values: Mapping[str, Quantity]
    methods: Mapping[str, str]
    refused: Mapping[str, str]
    notes: tuple[str, ...]
    image: Volume
    region: Mask
    fraction: NDArray[np.float32]
    maps: Mapping[str, NDArray[np.float32]]
    texture: Quantity | None = None


def choose_regime(image: MicroImage, region: Mask) -> tuple[Regime, str]:
    """Say what an image's voxels and modality allow.

    Raises
    ------
    InputError
        If nothing can be measured: CT too coarse and without calibration, or gray levels that fit neither modality.
    """
    require_region(image.volume, region)
    spacing = image.volume.grid.spacing
    widest = float(spacing.max())
    said = f"voxels up to {widest:.3g} mm"
    if image.modality == "MR":
        return Regime.APPARENT, f"MR: bone is dark and shares its voxels with marrow; {said}"
    if widest <= RESOLVED_MM:
        return Regime.RESOLVED, f"{said}, at most half a trabecula of 0.2 mm"
    if image.volume.unit == DENSITY_UNIT:
        return Regime.APPARENT, f"calibrated density in {said}, more than half a trabecula of 0.2 mm"
    if image.modality == "CT":
        raise InputError(
            f"{image.name}: CT with {said} resolves no trabeculae, and Hounsfield units are no bone fraction: pass an "
            "image calibrated to mgHA/cm3 or of finer voxels"
        )
    skew = float(stats.skew(image.volume.within(region).astype(float)))
    if image.volume.array.min() < 0 or skew > 0:
        raise InputError(
            f"{image.name}: nothing says whether this is MR or CT, {said}, and its gray levels in the region (skewness "
            f"{skew:+.2f}) are not those of bright marrow with dark bone: write a sidecar with Modality or give "
            "--modality"
        )
    return Regime.APPARENT, (
        f"{said}, more than half a trabecula of 0.2 mm; nothing says the modality: taken for MR, as most of the region "
        f"is bright with a dark tail (skewness {skew:+.2f})"
    )


Step = Callable[[], Quantity]


def gather(steps: Mapping[str, tuple[Step, str]]) -> tuple[dict[str, Quantity], dict[str, str], dict[str, str]]:
    """Take each measure; one that cannot be taken is left out with its reason, never silently.

    Parameters
    ----------
    steps : mapping of str to (callable, str)
        Quantity to what measures it and how it is described.

    Returns
    -------
    values, methods, refused : dict
    """
    values: dict[str, Quantity] = {}
    methods: dict[str, str] = {}
    refused: dict[str, str] = {}
    for name, (measure, method) in steps.items():
        try:
            values[name] = measure()
            methods[name] = method
        except InputError as error:
            refused[name] = str(error)
    return values, methods, refused


def finite(value: float, unit: str, why_not: str) -> Quantity:
    """Return a quantity.

    Raises
    ------
    InputError
        If the value is not finite, for the reason given.
    """
    if not np.isfinite(value):
        raise InputError(why_not)
    return Quantity(float(value), unit)
