"""The resolved regime: bone by threshold, and every measure of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage import filters

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.crop import Box
from marrowmap.ingest.microstructure_image import DENSITY_UNIT
from marrowmap.ingest.microstructure_spacing import is_hr_pqct
from marrowmap.measure.anisotropy import intercept_fabric
from marrowmap.measure.bone_fraction import bone_volume_fraction
from marrowmap.measure.bone_fraction import require_region
from marrowmap.measure.bone_fraction import segment_bone
from marrowmap.measure.connectivity import connectivity_density
from marrowmap.measure.local_thickness import local_thickness
from marrowmap.measure.local_thickness import summarize_thickness
from marrowmap.measure.local_thickness import trabecular_number
from marrowmap.measure.microarchitecture import VOXELS_ACROSS
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture import finite
from marrowmap.measure.microarchitecture import gather
from marrowmap.measure.plate_fraction import plate_fraction
from marrowmap.measure.skeleton_topology import count_kinds
from marrowmap.measure.skeleton_topology import name_voxels
from marrowmap.measure.skeleton_topology import skeleton
from marrowmap.measure.structure_model import structure_model_index
from marrowmap.values import Quantity

DENSITY_THRESHOLD = 320.0
"""mgHA/cm3, trabecular bone in second-generation HR-pQCT (Whittier et al. 2020; from memory: configurable)."""
SMOOTHING_VOXELS = 0.8
"""SD of the Gaussian before the threshold in HR-pQCT, voxels (the same)."""
FINE_VOXELS = 4.0
"""Below so many voxels thickness was 11 to 23 % too high in a real block (docs/benchmarks/real_blocks.md)."""
LEAST_SEPARABILITY = 0.68
"""Otsu's separability (variance between both classes over all variance) below which gray levels are not of two kinds:
noise alone has 0.64 (2 / pi). In virtual bone below it Otsu marked two to fourteen times what was there; a choice."""
MARGIN_MM = 3.0
"""Bone this far around the region is looked at: no marrow space is wider."""


@dataclass(frozen=True)
class Threshold:
    """Where bone begins, in the image's unit, and what said so."""

    level: float
    how: str


def choose_threshold(values: NDArray[np.float32], unit: str, given: float | None) -> Threshold:
    """Return the threshold of bone.

    Parameters
    ----------
    values : array
        In the region, or in both sides' regions, which must share one threshold.
    unit : str
        Of the image.
    given : float or None
        What the user says.

    Raises
    ------
    InputError
        If there is one value only, or one kind of gray levels where Otsu must part two.
    """
    if given is not None:
        return Threshold(given, f"threshold {given:g} {unit}, given")
    kinds = np.unique(values)
    if len(kinds) == 1:
        raise InputError(
            f"every voxel of the region is {kinds[0]:g} ({unit}): it is all bone or holds none, or the region lies "
            "in the wrong place"
        )
    if len(kinds) == 2:
        middle = float(kinds.mean())
        return Threshold(middle, f"segmented already ({kinds[0]:g} and {kinds[1]:g}), parted at {middle:g}")
    if unit == DENSITY_UNIT:
        return Threshold(
            DENSITY_THRESHOLD, f"threshold {DENSITY_THRESHOLD:g} mgHA/cm3 (default for HR-pQCT, Whittier 2020)"
        )
    level = float(filters.threshold_otsu(values))  # type: ignore[no-untyped-call]
    apart = _separability(values, level)
    if apart < LEAST_SEPARABILITY:
        raise InputError(
            f"the region's gray levels are not of two kinds (Otsu's separability {apart:.2f}, noise alone has 0.64, "
            f"{LEAST_SEPARABILITY:g} is needed): all bone, no bone, or too much noise; check the region or give "
            "--threshold"
        )
    return Threshold(level, f"threshold {level:.5g} {unit} by Otsu 1979 within the region")


def _separability(values: NDArray[np.float32], level: float) -> float:
    """Return the share of all variance that lies between the values below a level and those from it on (Otsu 1979)."""
    upper = values >= level
    share = float(upper.mean())
    apart = float(values[upper].mean(dtype=np.float64) - values[~upper].mean(dtype=np.float64))
    return share * (1 - share) * apart**2 / float(values.var(dtype=np.float64))


def around_region(image: Volume, region: Mask, margin_mm: float) -> tuple[Volume, Mask]:
    """Crop image and region to the region's box with a margin."""
    seen = [np.flatnonzero(region.array.any(axis=axes)) for axes in ((1, 2), (0, 2), (0, 1))]
    reach = np.ceil(margin_mm / image.grid.spacing).astype(int)
    start = [max(0, int(each[0]) - int(r)) for each, r in zip(seen, reach, strict=True)]
    stop = [min(n, int(each[-1]) + 1 + int(r)) for each, r, n in zip(seen, reach, image.grid.shape, strict=True)]
    box = Box((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
    cropped = box.crop(image)
    return cropped, Mask(cropped.grid, np.ascontiguousarray(region.array[box.slices]))


def measure_resolved(whole: Volume, region: Mask, reason: str, threshold: Threshold) -> Microarchitecture:
    """Measure bone that the voxels resolve.

    Parameters
    ----------
    whole : Volume
        Bone brighter than marrow.
    region : Mask
        On the same grid.
    reason : str
        Why this regime.
    threshold : Threshold
        From :func:`choose_threshold`.

    Raises
    ------
    InputError
        If the region is empty, beyond the image, all bone or without any, or its values were cut off.
    """
    require_region(whole, region)
    image, inside = around_region(whole, region, MARGIN_MM)
    level, how = threshold.level, threshold.how
    bone = segment_bone(image, level, inside)
    if is_hr_pqct(image.grid.spacing) and len(np.unique(image.within(inside))) > 2:
        smooth = ndimage.gaussian_filter(image.array, SMOOTHING_VOXELS, mode="nearest", truncate=2.0)
        bone = segment_bone(image.with_array(smooth), level, inside)
        how += f" after a Gaussian of {SMOOTHING_VOXELS:g} voxels"
    marrow = Mask(bone.grid, ~bone.array)
    thickness, separation = local_thickness(bone), local_thickness(marrow)
    widest = float(image.grid.spacing.max())

    mean = summarize_thickness(thickness, bone, inside).mean_mm
    notes = [how]
    if mean < FINE_VOXELS * widest:
        notes.append(
            f"trabeculae are {mean / widest:.1f} voxels thick in the mean: below {FINE_VOXELS:g}, thickness and "
            "separation read a tenth to a quarter too high"
        )

    def thick() -> Quantity:
        if mean < VOXELS_ACROSS * widest:
            raise InputError(
                f"trabeculae are {mean / widest:.1f} voxels of {widest:.3g} mm thick in the mean: below "
                f"{VOXELS_ACROSS:g} the number would be the voxel's"
            )
        return Quantity(mean, "mm")

    kinds = name_voxels(skeleton(bone))
    topology = count_kinds(kinds[inside.array])
    fabric_text = "longest over shortest mean intercept length, 400 directions (Harrigan and Mann 1984)"
    thinning = "voxels of the skeleton by kind (Wehrli 2001, Gomberg 2000)"
    balls = "maximal balls (Hildebrand and Ruegsegger 1997)"
    values, methods, refused = gather(
        {
            "bone_volume_fraction": (
                lambda: Quantity(bone_volume_fraction(bone, inside), "1"),
                "bone voxels over voxels of the region",
            ),
            "trabecular_thickness": (thick, balls),
            "trabecular_separation": (
                lambda: Quantity(summarize_thickness(separation, marrow, inside).mean_mm, "mm"),
                f"{balls} between trabeculae",
            ),
            "trabecular_number": (
                lambda: Quantity(trabecular_number(bone, inside), "1/mm"),
                "one over the mean distance of mid-axes (Hildebrand 1999)",
            ),
            "connectivity_density": (
                lambda: Quantity(connectivity_density(bone, inside), "1/mm3"),
                "from the Euler number, free of border effects (Odgaard and Gundersen 1993)",
            ),
            "degree_of_anisotropy": (
                lambda: Quantity(intercept_fabric(bone, inside).degree_of_anisotropy, "1"),
                fabric_text,
            ),
            "structure_model_index": (
                lambda: Quantity(structure_model_index(bone, inside), "1"),
                "0 plates, 3 rods; too low where surfaces are hollow (Hildebrand and Ruegsegger 1997)",
            ),
            "plate_rod_ratio": (
                lambda: finite(topology.plate_rod_ratio, "1", "the skeleton has no rods: the ratio has no end"),
                f"surface over curve, {thinning}",
            ),
            "plate_tissue_fraction": (
                lambda: Quantity(plate_fraction(bone, kinds, inside), "1"),
                "share of bone nearest to the skeleton's plates, not its rods (after Liu 2008)",
            ),
            "erosion_index": (
                lambda: finite(topology.erosion_index, "1", "the skeleton has no plates: the index has no end"),
                f"curves, edges and their junctions over surfaces, {thinning}",
            ),
        }
    )
    return Microarchitecture(
        Regime.RESOLVED,
        reason,
        values,
        {name: f"resolved; {how}; {method}" for name, method in methods.items()},
        refused,
        tuple(notes),
        image,
        inside,
        bone.array.astype(np.float32),
        {"trabecular_thickness": thickness, "trabecular_separation": separation},
    )
