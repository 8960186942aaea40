"""Marrow edema inside a given region of any bone, against marrow of the same person."""

from __future__ import annotations

from dataclasses import dataclass

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
from marrowmap.measure.closed_region import CLOSING_RADIUS_MM
from marrowmap.measure.closed_region import COHERENT_RADIUS_MM
from marrowmap.measure.closed_region import FINE_MM
from marrowmap.measure.closed_region import T1_RADIUS_MM
from marrowmap.measure.closed_region import close_in_plane
from marrowmap.measure.closed_region import coherent_lesions
from marrowmap.measure.closed_region import disc
from marrowmap.measure.closed_region import erode_in_plane
from marrowmap.measure.closed_region import focal_lesions
from marrowmap.measure.closed_region import plane_sigma
from marrowmap.measure.closed_region import smooth_within
from marrowmap.measure.reference import ReferenceLevel
from marrowmap.measure.reference import level_of
from marrowmap.measure.reference import level_within
from marrowmap.values import Quantity

DEFAULT_K = 3.3
"""Threshold in robust standard deviations of reference marrow above its median."""

T1_LOWERED = 0.95
"""A neighborhood's T1 signal is lowered where it is under this share of the region's median."""

CURVE_K = tuple(np.arange(1.0, 8.01, 0.5).tolist())
VERSION = "1"


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
    edema_volume : Quantity
        Integral of membership, mL, with its interval.
    method : str
        Name, version and every choice that changes the number.
    """

    membership: Volume
    voxels: Mask
    closed: Mask
    within: Mask
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


def _t1_on(grid: Grid, t1: Volume | None) -> tuple[Volume | None, str]:
    """Bring T1 to the fluid-sensitive grid by its coordinates."""
    if t1 is None:
        return None, "not used: none given; small lesions cannot be told from vessels and are left out"
    if t1.grid.same_as(grid):
        return t1, "used as it is: same grid as the fluid-sensitive image"
    try:
        moved = resample(t1, grid)
    except GeometryError:
        return None, "not used: its frame of reference differs from the fluid-sensitive image's"
    if not (moved.array > 0).any():
        return None, "not used: it does not cover the region"
    return moved, "used, resampled to the fluid-sensitive grid by its coordinates"


def _draw(
    excess: NDArray[np.floating], within: NDArray[np.bool_], lowered: NDArray[np.bool_] | None, grid: Grid
) -> NDArray[np.bool_]:
    drawn = coherent_lesions(excess, within, grid)
    if lowered is not None:
        drawn = drawn | focal_lesions(excess, within, lowered, grid)
    return close_in_plane(drawn, grid, CLOSING_RADIUS_MM) & within


def _plateau(signal: NDArray[np.floating], closed: NDArray[np.bool_], grid: Grid) -> float:
    """Signal of pure edema: lower quartile of the lesion's inside, so that its own texture counts as whole."""
    inside = erode_in_plane(closed, grid, 2 * FINE_MM)
    values = signal[inside] if inside.sum() >= 20 else signal[closed]
    return float(np.percentile(values, 25))


def _membership(
    signal: NDArray[np.floating], closed: NDArray[np.bool_], within: NDArray[np.bool_], low: float, grid: Grid
) -> tuple[NDArray[np.float32], float | None]:
    if not closed.any():
        return np.zeros(grid.shape, np.float32), None
    high = max(_plateau(signal, closed, grid), low * 1.05)
    reach = ndimage.binary_dilation(closed, disc(grid, 1.5 * float(grid.spacing.min()))) & within
    share = np.clip((signal - low) / (high - low), 0, 1)
    return np.where(reach, share, 0).astype(np.float32), high


def measure_edema(
    fluid: Volume,
    within: Mask,
    reference: Mask | None = None,
    t1: Volume | None = None,
    *,
    k: float = DEFAULT_K,
) -> EdemaResult:
    """Measure marrow edema inside a region.

    The threshold lies k robust standard deviations above the median of reference marrow of the same person, after the
    coils' shading is taken out. A voxel threshold alone also counts vessels and joint fluid; drawn are therefore areas
    that are bright and wide, and smaller ones where T1 is lowered around them.

    Parameters
    ----------
    fluid : Volume
        Fluid-sensitive fat-suppressed MR image.
    within : Mask
        Marrow region to search, on the grid of `fluid`.
    reference : Mask, optional
        Normal marrow of the same person, on the grid of `fluid`. Without it the lower mode of `within` serves.
    t1 : Volume, optional
        T1-weighted image in the same frame of reference, on any grid.
    k : float
        Threshold in standard deviations of the reference.

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
    grid = fluid.grid
    inside = within.array
    bias = estimate_bias(fluid)
    signal = np.maximum(fluid.array, 0) / bias.array
    level = level_of(signal, reference, grid) if reference is not None else level_within(signal, within)
    scale = k * level.sd
    threshold = level.median + scale

    aligned, t1_note = _t1_on(grid, t1)
    lowered = None
    if aligned is not None:
        flat_t1 = np.maximum(aligned.array, 0) / estimate_bias(aligned).array
        near = smooth_within(flat_t1, inside, plane_sigma(grid, T1_RADIUS_MM))
        lowered = near < T1_LOWERED * float(np.median(flat_t1[inside]))
    smooth = smooth_within(signal, inside, plane_sigma(grid, FINE_MM))
    closed = _draw((smooth - level.median) / scale, inside, lowered, grid)
    membership, plateau = _membership(smooth, closed, inside, level.median, grid)
    voxel_ml = grid.voxel_volume_ml
    value = float(membership.sum()) * voxel_ml

    curve_k = np.array(CURVE_K)
    closed_ml = np.array([_draw((smooth - level.median) / (c * level.sd), inside, lowered, grid).sum() for c in curve_k])
    above_ml = np.array([(signal[inside] > level.median + c * level.sd).sum() for c in curve_k])
    bounds = []
    for factor in (0.85, 1.15):
        other = _draw((smooth - level.median) / (factor * scale), inside, lowered, grid)
        bounds.append(float(_membership(smooth, other, inside, level.median, grid)[0].sum()) * voxel_ml)

    noise = _noise_sd(signal, inside, grid)
    smallest = np.pi * COHERENT_RADIUS_MM**2 * float(grid.spacing[grid.slice_axis]) / 1000
    return EdemaResult(
        membership=Volume(grid, membership, "1"),
        voxels=Mask(grid, inside & (signal > threshold)),
        closed=Mask(grid, closed),
        within=within,
        bias_field=bias,
        reference=level,
        k=k,
        threshold=threshold,
        plateau=plateau,
        curve_k=curve_k,
        curve_voxel_ml=above_ml * voxel_ml,
        curve_closed_ml=closed_ml * voxel_ml,
        t1_note=t1_note,
        noise_sd=noise,
        smallest_detectable=Quantity(smallest, "mL"),
        smallest_detectable_reason=f"a disc of radius {COHERENT_RADIUS_MM:g} mm in one slice",
        edema_volume=Quantity(value, "mL", min(*bounds, value), max(*bounds, value)),
        signal_ratio=float(signal[closed].mean() / level.median) if closed.any() else None,
        t1_ratio=None,
        method=f"marrowmap edema {VERSION}, k={k:g} SD",
    )


def _noise_sd(signal: NDArray[np.floating], inside: NDArray[np.bool_], grid: Grid) -> float:
    """Median absolute second difference along the finest axis, as the standard deviation of white noise."""
    axis = int(np.argmin(grid.spacing))
    second = np.diff(signal, n=2, axis=axis)
    middle = tuple(slice(1, -1) if a == axis else slice(None) for a in range(3))
    values = np.abs(second[inside[middle]]) if grid.shape[axis] > 2 else np.zeros(0)
    return float(1.4826 * np.median(values) / np.sqrt(6)) if values.size else 0.0
