"""Marrow edema inside a given region of any bone, against marrow of the same person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.measure.bias import estimate_bias
from marrowmap.measure.closed_region import BORDER_LEVEL
from marrowmap.measure.closed_region import CLOSING_RADIUS_MM
from marrowmap.measure.closed_region import COHERENT_RADIUS_MM
from marrowmap.measure.closed_region import EDGE_MM
from marrowmap.measure.closed_region import SEED_DEPTH_MM
from marrowmap.measure.closed_region import SEED_FACTOR
from marrowmap.measure.closed_region import SURE_FACTOR
from marrowmap.measure.closed_region import bounds
from marrowmap.measure.closed_region import close_in_plane
from marrowmap.measure.closed_region import dilate_in_plane
from marrowmap.measure.closed_region import erode_in_plane
from marrowmap.measure.closed_region import find_areas
from marrowmap.measure.closed_region import in_plane_depth
from marrowmap.measure.closed_region import plane_sigma
from marrowmap.measure.closed_region import redraw_border
from marrowmap.measure.closed_region import smooth_within
from marrowmap.measure.noise import noise_sd
from marrowmap.measure.reference import ReferenceLevel
from marrowmap.measure.reference import level_of
from marrowmap.measure.reference import level_within
from marrowmap.values import Quantity

DEFAULT_K = 3.0
"""Threshold in robust standard deviations of reference marrow above its median."""

K_DOUBT = 0.15
"""The interval of the volume spans thresholds whose k is this share lower and higher."""

COHERENT_SIGMA_MM = 0.9
FOCAL_SIGMA_MM = 0.6
"""In-plane smoothing (standard deviation) before wide and before small lesions are looked for."""

T1_SIGMA_MM = 1.8
"""Neighborhood over which T1 is averaged."""

T1_EXPONENT = 0.4
"""Small lesions: signal times relative T1 to minus this power; readers' calls follow lines of such a slope."""

T1_LEAST, T1_MOST = 0.5, 1.5
"""Relative T1 is held within these bounds: darker is cortex, brighter is subcutaneous fat."""

T1_FATTY = 1.1
"""Where T1 is this much above the region's median marrow is fatty, and no small lesion starts there."""

LEVEL_SIGMA_MM = 25.0
LEVEL_MOST = 1.2
"""Normal marrow varies from bone to bone: its level follows the surroundings by at most this factor."""

CURVE_K = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0)
VERSION = "2"

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class EdemaResult:
    """Edema of one region with all that is needed to judge and repeat it.

    Space: every array lies on the grid of the fluid-sensitive image (LPS mm).

    Parameters
    ----------
    membership : Volume
        Share of edema in each voxel, 0 to 1, unit ``1``; 0 outside the region.
    voxels : Mask
        Voxels of the region above the threshold, vessels and fluid included (bias taken out, not smoothed).
    closed : Mask
        Coherent areas, gaps closed: what a reader would draw.
    within : Mask
        The region that was searched.
    corrected : Volume
        The fluid-sensitive image without its shading.
    t1_relative : Volume or None
        T1 signal without its shading over its median in the reference (in the region where there is none); None where
        T1 was not used.
    bias_field : Volume
        Multiplicative shading that was taken out, unit ``1``.
    reference : ReferenceLevel
        Level and spread of normal marrow after the bias is taken out, and how it was chosen.
    k : float
        Threshold is reference median + k times its standard deviation.
    threshold : float
        In units of the bias-corrected signal.
    plateau : float or None
        Signal at which membership is 1; None where there is no edema.
    curve_k, curve_voxel_ml, curve_closed_ml : arrays, shape (n,)
        Volume against threshold.
    t1_note : str
        Whether T1 was used, and why not.
    noise_sd : float
        Voxel noise in units of the bias-corrected signal.
    smallest_detectable : Quantity
        Least volume of edema, mL, that would have been drawn.
    smallest_detectable_reason : str
        In words.
    signal_ratio : float or None
        Mean signal of the closed region over the reference median; None where nothing was drawn.
    t1_ratio : float or None
        Mean T1 signal of the closed region over that of the reference; None without T1 or edema.
    edema_volume : Quantity
        Integral of membership, mL, with its interval.
    method : str
        Name, version and every choice that changes the number.
    """

    membership: Volume
    voxels: Mask
    closed: Mask
    within: Mask
    corrected: Volume
    t1_relative: Volume | None
    bias_field: Volume
    reference: ReferenceLevel
    k: float
    threshold: float
    plateau: float | None
    curve_k: NDArray[np.float64]
    curve_voxel_ml: NDArray[np.float64]
    curve_closed_ml: NDArray[np.float64]
    t1_note: str
    noise_sd: float
    smallest_detectable: Quantity
    smallest_detectable_reason: str
    edema_volume: Quantity
    signal_ratio: float | None
    t1_ratio: float | None
    method: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the numbers should know, in sentences."""
        level = self.reference
        return (
            f"Reference marrow: {level.chosen}; median {level.median:.4g}, SD {level.sd:.3g}, {level.voxels} voxels.",
            f"T1: {self.t1_note}.",
            f"Smallest detectable edema {self.smallest_detectable}: {self.smallest_detectable_reason}.",
        )

    @property
    def edema_volume_ml(self) -> float:
        """Integral of membership over the region in mL."""
        return self.edema_volume.value

    @property
    def closed_volume_ml(self) -> float:
        """Volume of the closed region in mL."""
        return self.closed.volume_ml

    @property
    def voxel_volume_ml(self) -> float:
        """Volume of all voxels above the threshold in mL, vessels and fluid included."""
        return self.voxels.volume_ml


def _t1_on(grid: Grid, t1: Volume | None, within: Mask) -> tuple[Volume | None, str]:
    """Bring T1 to the fluid-sensitive grid by its coordinates."""
    if t1 is None:
        return None, "not used: none given; small lesions cannot be told from vessels and are left out"
    if t1.grid.same_as(grid):
        moved, how = t1, "used as it is: same grid as the fluid-sensitive image"
    else:
        try:
            moved, how = resample(t1, grid), "used, resampled to the fluid-sensitive grid by its coordinates"
        except GeometryError:
            return None, "not used: its frame of reference differs from the fluid-sensitive image's"
    if np.mean(moved.array[within.array] > 0) < 0.9:
        return None, "not used: it covers less than 90 % of the region"
    return moved, how


def _local_level(
    signal: NDArray[np.floating], within: NDArray[np.bool_], level: float, grid: Grid
) -> NDArray[np.floating]:
    """Level of normal marrow around each voxel over the reference's: close to 1, slowly varying."""
    sigma = [LEVEL_SIGMA_MM / s / (2 if axis == grid.slice_axis else 1) for axis, s in enumerate(grid.spacing)]
    # Every third voxel is plenty for a mean over centimeters.
    step = tuple(1 if s > 1.5 else 3 for s in grid.spacing)
    coarse = tuple(slice(None, None, n) for n in step)
    relative = np.clip(signal[coarse] / level, 0.6, 1.4)
    local = smooth_within(relative, within[coarse], [s / n for s, n in zip(sigma, step, strict=True)])
    local = np.clip(np.where(local > 0, local, 1), 1 / LEVEL_MOST, LEVEL_MOST)
    for axis, n in enumerate(step):
        local = np.repeat(local, n, axis=axis)
    local = local[tuple(slice(0, n) for n in grid.shape)]
    return np.asarray(ndimage.uniform_filter(local, [2 * n - 1 for n in step], mode="nearest"))


def _crop(within: NDArray[np.bool_], grid: Grid, margin_mm: float = 8.0) -> tuple[slice, ...]:
    """Index range that holds the region and a margin: nothing beyond it plays a part."""
    return bounds(within, [int(np.ceil(margin_mm / s)) for s in grid.spacing])


def _plateau(signal: NDArray[np.floating], closed: NDArray[np.bool_], grid: Grid) -> float:
    """Signal of pure edema: lower quartile of the lesion's inside, so that its own texture counts as whole."""
    inside = erode_in_plane(closed, grid, 2 * COHERENT_SIGMA_MM)
    values = signal[inside] if inside.sum() >= 20 else signal[closed]
    return float(np.percentile(values, 25))


def _membership(
    signal: NDArray[np.floating], closed: NDArray[np.bool_], within: NDArray[np.bool_], low: float, grid: Grid
) -> tuple[NDArray[np.float32], float | None]:
    """Share of edema by voxel: linear from the reference level to the plateau, on and beside what was drawn."""
    if not closed.any():
        return np.zeros(closed.shape, np.float32), None
    high = max(_plateau(signal, closed, grid), low * 1.05)
    reach = dilate_in_plane(closed, grid, 2 * COHERENT_SIGMA_MM) & within
    share = np.clip((signal - low) / (high - low), 0, 1)
    return np.where(reach, share, 0).astype(np.float32), high


def _smallest_detectable(level: ReferenceLevel, k: float, noise: float, grid: Grid) -> tuple[Quantity, str]:
    radius, why = COHERENT_RADIUS_MM, "the narrowest area that is found anywhere in the region"
    if k * level.sd < 3 * noise:
        radius *= 3 * noise / (k * level.sd)
        why += ", widened as noise comes close to the threshold"
    volume = np.pi * radius**2 * float(grid.spacing[grid.slice_axis]) / 1000
    return Quantity(volume, "mL"), f"a disc of radius {radius:.2g} mm in one slice: {why}"


def measure_edema(
    fluid: Volume,
    within: Mask,
    reference: Mask | None = None,
    t1: Volume | None = None,
    *,
    k: float = DEFAULT_K,
    reference_note: str = "given as reference marrow",
) -> EdemaResult:
    """Measure marrow edema inside a region.

    The threshold lies k robust standard deviations above the median of reference marrow of the same person, after the
    coils' shading is taken out. A voxel threshold alone also counts vessels and joint fluid; drawn are therefore areas
    that are bright and wide, and small ones that stand out clearly once T1 is weighed in (edema replaces fat, a vessel
    does not darken its surroundings). Membership rises linearly from the reference level to the lesion's plateau.

    Parameters
    ----------
    fluid : Volume
        Fluid-sensitive fat-suppressed MR image.
    within : Mask
        Marrow region to search, on the grid of `fluid`.
    reference : Mask, optional
        Normal marrow of the same person, on the grid of `fluid`. Without it the most frequent signal inside `within`
        serves.
    t1 : Volume, optional
        T1-weighted image in the same frame of reference, on any grid.
    k : float
        Threshold in standard deviations of the reference.
    reference_note : str
        Which marrow the reference is and why, for the method.

    Raises
    ------
    InputError
        If the region is empty, the reference is too small or has no signal, or `k` is not positive.
    GeometryError
        If a mask lies on another grid.
    """
    fluid.grid.require_same(within.grid)
    if not within.array.any():
        raise InputError("the region to search for edema is empty: check the mask given as --within")
    if not k > 0:
        raise InputError(f"k must be positive, got {k}: give the threshold in standard deviations of the reference")
    marrow = within if reference is None else within | reference
    bias = estimate_bias(fluid, marrow)
    corrected = (np.maximum(fluid.array, 0) / bias.array).astype(np.float32)
    level = (
        level_within(corrected, within)
        if reference is None
        else level_of(corrected, reference, fluid.grid, reference_note)
    )
    aligned, t1_note = _t1_on(fluid.grid, t1, within)

    box = _crop(within.array, fluid.grid)
    start = [s.start for s in box]
    inside = within.array[box]
    corner = fluid.grid.affine.copy()
    corner[:3, 3] = fluid.grid.to_world(start)
    grid = Grid(inside.shape, corner, fluid.grid.frame_of_reference_uid)
    signal = corrected[box]
    local = _local_level(signal, inside, level.median, grid)
    smooth = smooth_within(signal, inside, plane_sigma(grid, COHERENT_SIGMA_MM))
    focal, fatty, relative_t1, t1_ratio = None, None, None, None
    if aligned is not None:
        flat_t1 = np.maximum(aligned.array, 0) / estimate_bias(aligned, marrow).array
        normal_t1 = float(np.median(flat_t1[(reference or within).array]))
        near = smooth_within(flat_t1[box], inside, plane_sigma(grid, T1_SIGMA_MM)) / np.median(flat_t1[within.array])
        relative_t1 = Volume(fluid.grid, (flat_t1 / max(normal_t1, 1e-6)).astype(np.float32), "1")
        fine = smooth_within(signal, inside, plane_sigma(grid, FOCAL_SIGMA_MM))
        fatty = near > T1_FATTY
        focal = fine * np.clip(near, T1_LEAST, T1_MOST) ** -T1_EXPONENT

    depth = in_plane_depth(inside, grid)

    def draw(at_k: float) -> NDArray[np.bool_]:
        scale = at_k * level.sd
        excess = (smooth / local - level.median) / scale
        focal_excess = None if focal is None else (focal / local - level.median) / scale
        found = find_areas(excess, focal_excess, inside, depth, fatty, grid)
        drawn = redraw_border(smooth if focal is None else focal, found, inside, level.median, grid)
        return close_in_plane(drawn, grid, CLOSING_RADIUS_MM) & inside

    closed = draw(k)
    if relative_t1 is not None and closed.any():
        t1_ratio = float(relative_t1.array[box][closed].mean())
    membership, plateau = _membership(smooth, closed, inside, level.median, grid)
    voxel_ml = grid.voxel_volume_ml
    noise = noise_sd(signal, grid, inside)
    smallest, smallest_reason = _smallest_detectable(level, k, noise, grid)
    threshold = level.median + k * level.sd
    return EdemaResult(
        membership=Volume(fluid.grid, _paste(membership, box, fluid.grid), "1"),
        voxels=Mask(fluid.grid, within.array & (corrected > threshold)),
        closed=Mask(fluid.grid, _paste(closed, box, fluid.grid)),
        within=within,
        corrected=fluid.with_array(corrected),
        t1_relative=relative_t1,
        bias_field=bias,
        reference=level,
        k=k,
        threshold=threshold,
        plateau=plateau,
        curve_k=np.array(CURVE_K),
        curve_voxel_ml=np.array([np.sum(signal[inside] > level.median + c * level.sd) for c in CURVE_K]) * voxel_ml,
        curve_closed_ml=np.array([draw(c).sum() for c in CURVE_K]) * voxel_ml,
        t1_note=t1_note,
        noise_sd=noise,
        smallest_detectable=smallest,
        smallest_detectable_reason=smallest_reason,
        edema_volume=_volume_interval(
            lambda at_k, low: float(_membership(smooth, draw(at_k), inside, low, grid)[0].sum()) * voxel_ml,
            float(membership.sum()) * voxel_ml,
            k,
            level,
        ),
        signal_ratio=float(signal[closed].mean()) / level.median if closed.any() else None,
        t1_ratio=t1_ratio,
        method=_method(k, level, bias, t1_note),
    )


def _paste(part: NDArray[Scalar], box: tuple[slice, ...], grid: Grid) -> NDArray[Scalar]:
    whole: NDArray[Scalar] = np.zeros(grid.shape, part.dtype)
    whole[box] = part
    return whole


def _volume_interval(
    volume: Callable[[float, float], float], value: float, k: float, level: ReferenceLevel
) -> Quantity:
    """Bounds of the volume where k is K_DOUBT lower or higher and the reference level is off by 2 standard errors."""
    error = 2 * level.standard_error
    others = [volume(k * (1 - K_DOUBT), level.median - error), volume(k * (1 + K_DOUBT), level.median + error)]
    return Quantity(value, "mL", min(value, *others), max(value, *others))


def _method(k: float, level: ReferenceLevel, bias: Volume, t1_note: str) -> str:
    shading = "no shading found" if np.ptp(bias.array) == 0 else "quadratic shading taken out"
    return (
        f"marrowmap edema {VERSION}: {shading}; reference {level.median:.4g} SD {level.sd:.3g} ({level.chosen}); "
        f"k={k:g} SD; local level within {LEVEL_MOST:g}; wide areas radius {COHERENT_RADIUS_MM:g} mm, "
        f"{SURE_FACTOR:g} thresholds somewhere; small lesions from {SEED_FACTOR:g} thresholds, "
        f"depth {SEED_DEPTH_MM:g} mm, rim {EDGE_MM:g} mm, T1^-{T1_EXPONENT:g} and below {T1_FATTY:g}; "
        f"border at {BORDER_LEVEL:g} of lesion over marrow beside it; closing {CLOSING_RADIUS_MM:g} mm; T1 {t1_note}"
    )
