"""Apparent bone volume fraction from MRI whose voxels are as large as trabeculae: each holds part marrow, part bone.

Bone gives no signal, so a voxel's share of bone is what its signal lacks of pure marrow's. All rests on that level; see
:mod:`marrowmap.measure.marrow_level` for where it is taken from and :data:`LEVEL_SD` for how sure it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field

import numpy as np
from numpy.typing import NDArray

from marrowmap.errors import InputError
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.measure.bone_fraction import CLIPPED_SHARE
from marrowmap.measure.bone_fraction import require_region
from marrowmap.measure.marrow_level import MarrowLevel
from marrowmap.measure.marrow_level import block_texture
from marrowmap.measure.marrow_level import marrow_level
from marrowmap.measure.rician import finest_noise
from marrowmap.measure.rician import remove_rician_bias
from marrowmap.values import Quantity

LEVEL_SD = {True: 0.022, False: 0.05}
"""Relative standard deviation of marrow's level beyond its blocks' scatter, with and without bone-free marrow: how far
it was off on virtual bone of several layouts at the published voxel size (benchmarks/apparent_trabeculae.py). With
bone-free marrow intervals then held 25 of 28 tuning seeds (3 to 30), with 0.012 before 21."""
BESIDE_SD = 0.025
"""The same where the level is carried over from marrow outside the region: shading is then known beside it only
(the same seeds)."""
UNTRIED_SD = 0.15
"""The same without bone-free marrow at voxels much smaller or larger than those published (in mm3, `TRIED_MM3`): there
the upper end was up to 0.14 of fraction off on tuning seeds."""
TRIED_MM3 = (0.045, 0.07)
LEAST_SIGNAL_TO_NOISE = 3.0
LEAST_TEXTURE = 1e-4
"""Standard deviation of fraction below which an image without any noise is flat."""


@dataclass(frozen=True, eq=False)
class ApparentFraction:
    """Share of bone in each voxel and its mean.

    Parameters
    ----------
    map : array of float32, shape of the image's grid
        1 is bone, 0 marrow, NaN outside the region; noise carries it below 0 and above 1, which keeps means true.
    mean : Quantity
        Over the region, unit ``1``, edema taken into account.
    note : str
        How marrow's level was found, and what edema changed; a sentence each.
    image : Volume
        Where the map lies.
    from_texture : Quantity
        Mean fraction as texture alone tells it, unit ``1``: pure marrow is put at the upper end of trabecular bone's
        signal. It needs no level of marrow and feels neither shading nor edema, and so repeats well; how far it is
        off depends on voxels and layout. For comparing sides or times of one protocol; its interval is that of
        repetition in another such region.
    mean_ignoring_edema : Quantity
        What comes out if edema is not marked; the same where none is.
    bone_free : bool
        Whether marrow's level was measured in marrow without bone.
    noise : float
        Standard deviation of the map from the image's noise.
    """

    map: NDArray[np.float32]
    mean: Quantity
    note: str
    image: Volume = field(repr=False)
    from_texture: Quantity
    mean_ignoring_edema: Quantity
    bone_free: bool
    noise: float


def apparent_fraction(
    image: Volume,
    region: Mask,
    *,
    spared: Mask | None = None,
    edema: Mask | None = None,
    cortex: Mask | None = None,
) -> ApparentFraction:
    """Map the share of bone in the voxels of an MR image with bright marrow (gradient or spin echo, no fat saturation).

    Parameters
    ----------
    image : Volume
        Magnitude signal.
    region : Mask
        Trabecular bone, no cortex.
    spared : Mask, optional
        Where marrow's level is calibrated: marrow that edema spared, with or without bone. A medullary canal in it
        makes the answer a measurement; the region, less edema, if not given.
    edema : Mask, optional
        Marrow of another signal; its level is its own, from its own upper end against that of spared bone.
    cortex : Mask, optional
        Solid bone, for its signal; none (0 after noise is taken off) if not given.

    Returns
    -------
    ApparentFraction

    Raises
    ------
    InputError
        If a mask is empty or the region lies beyond the image; if edema leaves nothing to calibrate on; if marrow is
        not brighter than noise or bone, shows no texture (no bone, or voxels too large), or was cut off at 8 bits.
    GeometryError
        If masks lie on other grids.
    """
    require_region(image, region)
    for name, mask in (("spared bone", spared), ("edema", edema), ("cortex", cortex)):
        if mask is not None:
            image.grid.require_same(mask.grid)
            if name != "edema" and not mask.array.any():
                raise InputError(f"the mask of {name} is empty: give one with at least one voxel set, or none")
    _refuse_clipped(image.within(region))
    swollen = edema.array if edema is not None else np.zeros(image.grid.shape, bool)
    calibrating = (region.array if spared is None else spared.array) & ~swollen
    if not calibrating.any():
        raise InputError("edema covers all bone that marrow's level could be taken from: give a mask of spared bone")
    noise = finest_noise(image, calibrating | region.array)
    signal = remove_rician_bias(image.array, noise)
    dark = float(signal[cortex.array].mean()) if cortex is not None else 0.0
    level = _level(signal, noise, calibrating, image)
    if float(np.median(level.signal[region.array])) <= 1.5 * dark:
        raise InputError("marrow is hardly brighter than the cortex in this image: fraction needs bright marrow")
    share = (level.signal - signal) / (level.signal - dark)
    inside, touched = region.array, region.array & swollen
    texture_sd = float(np.std(share[inside]))
    if texture_sd <= max(1.1 * noise / float(np.median(level.signal[inside])), LEAST_TEXTURE):
        raise InputError("the region shows no trabeculae beyond noise: no bone in it, or voxels too large to tell")
    tried = TRIED_MM3[0] <= float(np.prod(image.grid.spacing)) <= TRIED_MM3[1]
    level_sd = LEVEL_SD[level.bone_free] if level.bone_free or tried else UNTRIED_SD
    if not (calibrating & region.array).any():
        level_sd = float(np.hypot(level_sd, BESIDE_SD))
    sure = float(np.hypot(level.relative_sd, level_sd))
    note = _calibration_note(level, spared is not None)
    variance = ((1 - float(share[inside].mean())) * sure) ** 2
    unmarked, even = None, signal / level.signal
    if touched.any():
        compared = calibrating | (inside & ~swollen)
        factor, factor_sd = _edema_factor(signal, noise, level, compared, touched, image)
        changed = level.signal * factor
        share = np.where(touched, (changed - signal) / (changed - dark), share)
        even = np.where(touched, signal / changed, even)
        part = touched.sum() / inside.sum()
        variance += (part * (1 - float(share[touched].mean())) * factor_sd) ** 2
        everything = Mask(image.grid, calibrating | swollen)
        unmarked = apparent_fraction(image, region, spared=everything, cortex=cortex).mean
        note += (
            f" Marrow in edema has {factor:.3f} (SD {factor_sd:.3f}) of spared marrow's signal; not taken into account,"
            f" the mean would be {unmarked.value:.3f}."
        )
    mean = _quantity(float(share[inside].mean()), float(np.sqrt(variance)))
    mapped = np.full(image.grid.shape, np.nan, np.float32)
    mapped[inside] = share[inside]
    spread = float(noise / np.median(level.signal[inside]))
    texture = _texture_fraction(even, noise / float(np.median(level.signal[inside])), inside, image)
    return ApparentFraction(mapped, mean, note, image, texture, unmarked or mean, level.bone_free, spread)


def _texture_fraction(signal: NDArray[np.float64], noise: float, inside: NDArray[np.bool_], image: Volume) -> Quantity:
    """Return what blocks lack of their own upper end, in the mean, with the interval its scatter gives."""
    blocks = block_texture(signal, noise, inside, image.grid)
    if not len(blocks.mean):
        raise InputError("the region is too small for trabecular texture: give a larger one")
    lacking = 1 - blocks.mean / np.exp(blocks.upper_log)
    count = len(lacking)
    error = float(lacking.std(ddof=1)) / np.sqrt(count) if count > 1 else 0.1 * float(lacking.mean())
    return _quantity(float(lacking.mean()), float(error))


def _refuse_clipped(values: NDArray[np.float32]) -> None:
    """Raise InputError for marrow cut off at 255."""
    share = float((values == 255).mean())
    if values.max() == 255 and share > CLIPPED_SHARE and bool((values == np.rint(values)).all()):
        raise InputError(
            f"{100 * share:.0f} % of the region is 255, the top of 8 bits: marrow was cut off there, and its level "
            "is lost; export the image with its full range"
        )


def _level(signal: NDArray[np.float64], noise: float, calibrating: NDArray[np.bool_], image: Volume) -> MarrowLevel:
    level = marrow_level(signal, noise, calibrating, image.grid)
    if level is None or float(np.median(level.signal[calibrating])) < LEAST_SIGNAL_TO_NOISE * noise:
        raise InputError(
            "marrow to calibrate on is not brighter than noise, or too small: give a larger mask "
            "or an image with bright marrow"
        )
    return level


def _calibration_note(level: MarrowLevel, given: bool) -> str:
    where = "the spared bone given" if given else "the region itself, less edema"
    how = (
        "in marrow without bone"
        if level.bone_free
        else "from the upper end of trabecular bone's signal, as no marrow without bone was found: an assumption"
    )
    return (
        f"Marrow's level was taken {how}, within {where}; coil shading there {level.shading:.2f}-fold, taken out;"
        f" bone has no signal."
    )


def _edema_factor(
    signal: NDArray[np.float64],
    noise: float,
    level: MarrowLevel,
    calibrating: NDArray[np.bool_],
    touched: NDArray[np.bool_],
    image: Volume,
) -> tuple[float, float]:
    """Return marrow's signal in edema over that outside, and its standard error, from the upper ends of blocks.

    Bone is compared with bone and marrow without bone with its like: next to a medullary canal trabecular bone alone
    would look like edema.
    """
    even = signal / level.signal
    relative = noise / float(np.median(level.signal[touched | calibrating]))
    well, ill = (block_texture(even, relative, where, image.grid) for where in (calibrating, touched))
    if not len(ill.mean):
        raise InputError("edema within the region is too small for a level of its own: leave it out")
    chosen = [~well.free, ~ill.free] if (~ill.free).any() else [well.free, ill.free]
    if not chosen[0].any():
        raise InputError(
            "edema covers the region, and the spared marrow holds nothing alike to compare it with (bone with bone, or "
            "marrow without bone with its like): give a mask of spared bone"
        )
    ends = [blocks.upper_log[which] for blocks, which in zip((well, ill), chosen, strict=True)]
    error = np.sqrt(sum(float(e.var(ddof=1)) / len(e) if len(e) > 1 else 0.05**2 for e in ends))
    factor = float(np.exp(ends[1].mean() - ends[0].mean()))
    return factor, float(factor * error)


def _quantity(value: float, sd: float) -> Quantity:
    low, high = value - 1.96 * sd, value + 1.96 * sd
    return Quantity(value, "1", min(max(low, 0.0), value), max(min(high, 1.0), value))
