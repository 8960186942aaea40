"""The apparent regime: what voxels as large as trabeculae allow, and thickness refused."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest.microstructure_image import DENSITY_UNIT
from marrowmap.measure.apparent_fraction import apparent_fraction
from marrowmap.measure.apparent_structure import apparent_structure
from marrowmap.measure.bone_fraction import require_region
from marrowmap.measure.microarchitecture import FULL_DENSITY
from marrowmap.measure.microarchitecture import Microarchitecture
from marrowmap.measure.microarchitecture import Regime
from marrowmap.measure.microarchitecture_precision import load_precision
from marrowmap.measure.microarchitecture_resolved import MARGIN_MM
from marrowmap.measure.microarchitecture_resolved import around_region
from marrowmap.values import Quantity

NEEDS_RESOLVED = "needs trabeculae that the voxels resolve"
ONLY_RESOLVED = ("connectivity_density", "degree_of_anisotropy", "structure_model_index", "plate_tissue_fraction")


def measure_apparent(
    whole: Volume,
    region: Mask,
    reason: str,
    *,
    edema: Mask | None = None,
    spared: Mask | None = None,
    topology_voxel_mm: float | None = None,
) -> Microarchitecture:
    """Measure bone whose trabeculae share their voxels with marrow.

    Parameters
    ----------
    whole : Volume
        MR, marrow bright and bone dark; or a density in mgHA/cm3.
    region : Mask
        On the same grid.
    reason : str
        Why this regime.
    edema, spared : Mask, optional
        MR only: marrow whose gray level edema changed, and marrow to calibrate on.
    topology_voxel_mm : float, optional
        Largest side of a voxel up to which plates and rods are told apart; as the shipped data say if not given.

    Raises
    ------
    InputError
        If the region is empty, beyond the image, or shows no contrast of bone and marrow.
    """
    require_region(whole, region)
    if whole.unit == DENSITY_UNIT:
        return _by_density(whole, region, reason)
    fraction = apparent_fraction(whole, region, spared=spared, edema=edema)
    notes = [fraction.note]
    values = {"bone_volume_fraction": fraction.mean}
    refused = dict.fromkeys(ONLY_RESOLVED, NEEDS_RESOLVED)
    refused["trabecular_thickness"] = _thickness_reason(whole)
    try:
        if topology_voxel_mm is None:
            topology_voxel_mm = load_precision("MR").topology_voxel_mm
        structure = apparent_structure(fraction, region, topology_voxel_mm)
    except InputError as error:
        for name in ("trabecular_separation", "trabecular_number", "plate_rod_ratio", "erosion_index"):
            refused[name] = str(error)
    else:
        values |= {
            "trabecular_separation": structure.separation,
            "trabecular_number": structure.number,
        }
        for name, found, lacking in (
            ("plate_rod_ratio", structure.plate_rod_ratio, "rods"),
            ("erosion_index", structure.erosion_index, "plates"),
        ):
            if found is None:
                refused[name] = structure.topology_refused or f"the skeleton has no {lacking} to divide by"
            else:
                values[name] = found
        if structure.thickness is not None:
            values["trabecular_thickness"] = structure.thickness
            del refused["trabecular_thickness"]
        else:
            refused["trabecular_thickness"] = structure.thickness_refused
    how = {
        "bone_volume_fraction": "share of bone by what the signal lacks of marrow's own, coil shading removed",
        "trabecular_separation": "marrow per crossing of the fraction map (plate model, Parfitt 1983)",
        "trabecular_number": "crossings of the fraction map's mean per mm (Rice 1944)",
        "trabecular_thickness": "bone per crossing (plate model, Parfitt 1983)",
        "plate_rod_ratio": "digital topological analysis of the fraction map, subvoxels (Gomberg 2000)",
        "erosion_index": "digital topological analysis of the fraction map, subvoxels (Gomberg 2000)",
    }
    image, inside = around_region(whole, region, MARGIN_MM)
    cropped = _crop_like(fraction.map, whole, image)
    return Microarchitecture(
        Regime.APPARENT,
        reason,
        values,
        {name: f"apparent, compares within one protocol only; {how[name]}" for name in values},
        refused,
        tuple(notes),
        image,
        inside,
        cropped,
        {},
        fraction.from_texture,
    )


def _thickness_reason(whole: Volume) -> str:
    return (
        f"voxels of {float(whole.grid.spacing.max()):.3g} mm are larger than half a trabecula: it would be the voxel's"
    )


def _crop_like(array: NDArray[np.float32], whole: Volume, part: Volume) -> NDArray[np.float32]:
    """Cut from an array on the whole image's grid what lies in a part of it."""
    start = np.rint(whole.grid.to_index(part.grid.to_world((0, 0, 0)))).astype(int)
    i, j, k = (slice(int(a), int(a) + n) for a, n in zip(start, part.grid.shape, strict=True))
    return np.ascontiguousarray(array[i, j, k], np.float32)


def _by_density(whole: Volume, region: Mask, reason: str) -> Microarchitecture:
    """Take the share of bone from a calibrated density: what full bone would have."""
    image, inside = around_region(whole, region, MARGIN_MM)
    share = np.clip(image.array / np.float32(FULL_DENSITY), 0, 1)
    mean = float(share[inside.array].mean(dtype=np.float64))
    if mean <= 0:
        raise InputError(
            "the region holds no bone: its density is 0 mgHA/cm3 or below throughout; check the calibration"
        )
    if float(share[inside.array].min()) >= 1:
        raise InputError(
            f"all of the region is denser than {FULL_DENSITY:g} mgHA/cm3, all bone: check region and calibration"
        )
    names = ("trabecular_separation", "trabecular_number", "plate_rod_ratio", "erosion_index", *ONLY_RESOLVED)
    refused = dict.fromkeys(names, NEEDS_RESOLVED)
    refused["trabecular_thickness"] = _thickness_reason(whole)
    share[~inside.array] = np.nan
    return Microarchitecture(
        Regime.APPARENT,
        reason,
        {"bone_volume_fraction": Quantity(mean, "1")},
        {"bone_volume_fraction": f"apparent; density over {FULL_DENSITY:g} mgHA/cm3 of full bone (Laib 1999)"},
        refused,
        (f"share of bone is density over {FULL_DENSITY:g} mgHA/cm3",),
        image,
        inside,
        share.astype(np.float32),
        {},
    )
