"""Marrow of a proximal femur that something has replaced: as dark as muscle on T1, and thicker than any band or line.

Marrow holds fat, and edema leaves some of it; marrow as dark as muscle or darker is infiltrated (Carroll 1997, J
Magn Reson Imaging 7:394-398). Fracture lines, bands, sclerosis and small cysts are dark, too, but thin; a necrotic
segment is walled off and told by its band; metal and dense bone give no signal at all. These are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import joint_capsule_mask
from marrowmap.anatomy import marrow_mask
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image.crop import box_around
from marrowmap.ingest.exam import Series
from marrowmap.measure.closed_region import bounds
from marrowmap.measure.closed_region import disc
from marrowmap.measure.closed_region import plane_sigma
from marrowmap.measure.closed_region import smooth_within
from marrowmap.measure.head import HeadMeasurement
from marrowmap.measure.muscle_signal import MuscleSignal
from marrowmap.measure.muscle_signal import measure_muscle
from marrowmap.measure.muscle_signal import repeat_voxels
from marrowmap.measure.noise import noise_sd
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

AS_DARK = 1.10
"""Up to this ratio to muscle marrow counts as dark as muscle: muscle's level and the lesion's own are known to about
5 %. A choice; edema that leaves a fifth of the fat is at 1.2 and more."""

VOID = 0.3
"""Below this ratio nothing gives signal: metal, dense bone, gas."""

THICK_MM = 7.0
"""Replaced marrow is dark throughout a disc of this diameter, over slices that together are about as thick: lines,
bands, cortex and small cysts are not. A choice."""

SIGMA_MM = 1.0
"""In-plane smoothing against noise and the grain of trabeculae."""

CORTEX_MM = 1.5
"""This far below the marrow's surface the search begins: cortex differs from person to person, the fit has an error."""

BORDER_LEVEL = 0.5
"""The border lies halfway between the lesion's signal and that of the marrow beside it."""

REACH_MM = 4.0
"""How far outside the dark core the border may lie."""

BESIDE_MM = (5.0, 12.0)
"""Marrow beside the lesion lies between these distances from its core."""

LEAST_CONTRAST = 0.3
"""Marrow beside it is brighter than the lesion by this ratio at least; where all is dark, the core is all that is
said."""

SURROUNDINGS_MM = 35.0
BONE_EDGE_MM = 4.0
"""Muscle is looked for this close to the femur and this far from any bone."""

COARSEST_SLICES_MM = 6.0
BORDER_ERROR = 0.15
"""The interval of the volume moves the border's level by this share of the contrast."""
VOLUME_ERROR = (0.2, 0.08)
"""Standard deviation of the volume's other errors: mL, and share of the volume. A choice."""

METHOD = "marrow replacement/1: T1 over muscle beside the femur, dark throughout 7 mm"


@dataclass(frozen=True, eq=False)
class MarrowReplacement:
    """What of one femur's marrow is as dark as muscle on T1.

    Parameters
    ----------
    series : Series
        The T1.
    mask : Mask
        The replaced marrow on the T1's grid.
    volume : Quantity
        mL with its 95 % interval; 0 without any.
    ratio : Quantity or None
        Signal of the replaced marrow's core over muscle's, with its 95 % interval; None without any.
    darkest : float
        The lowest ratio to muscle that marrow reaches throughout the least thickness, voids and segment left out.
    smallest_detectable : Quantity
        mL: the smallest round lesion that would have been found wherever the slices lie.
    explained_ml : float
        Dark marrow left out as it lies within the necrotic segment that was found.
    void_ml : float
        Marrow left out as it gives no signal over the same thickness.
    in_head : float
        Share of the replaced marrow that lies in the femoral head; 0 without any.
    from_joint_mm : float
        How far what of it lies in the head stays from the joint surface; infinite without any.
    muscle : MuscleSignal
    """

    series: Series
    mask: Mask
    volume: Quantity
    ratio: Quantity | None
    darkest: float
    smallest_detectable: Quantity
    explained_ml: float
    void_ml: float
    in_head: float
    from_joint_mm: float
    muscle: MuscleSignal

    @property
    def evidence(self) -> Evidence:
        """The replaced marrow on the T1 series."""
        return Evidence(self.series.uid, self.series.instance_uids, mask_sha256=self.mask.sha256)


def measure_replacement(
    femur: BoneFrame, bones: Sequence[BoneFrame], t1: Series, head: HeadMeasurement | None
) -> MarrowReplacement:
    """Measure the marrow of one femur that is as dark as muscle.

    Parameters
    ----------
    femur : BoneFrame
    bones : sequence of BoneFrame
        All bones that were found, in the same frame of reference: no muscle is looked for in them.
    t1 : Series
        T1-weighted, fat not suppressed.
    head : HeadMeasurement or None
        Whose necrotic segment is left out.

    Raises
    ------
    InputError
        If the bone's fit, the view, the slices or the soft tissue do not allow it.
    GeometryError
        If the bone and the image have different frames of reference.
    """
    if not femur.trusted:
        raise InputError(f"the bone could not be fitted well enough to measure on: {femur.reason}")
    volume = t1.volume
    if volume.grid.spacing.max() > COARSEST_SLICES_MM:
        raise InputError(
            f"slices of series {t1.description!r} lie {volume.grid.spacing.max():.1f} mm apart: replaced marrow needs "
            f"{COARSEST_SLICES_MM:.0f} mm or less"
        )
    box = box_around(volume.grid, femur.vertices, SURROUNDINGS_MM)
    if box is None:
        raise InputError(f"the femur lies outside series {t1.description!r}")
    near = box.crop(volume)
    grid = near.grid
    marrow = marrow_mask(femur, grid)
    soft = _soft_tissue(femur, bones, grid)
    noise = noise_sd(near.array, grid, soft.array)
    muscle = measure_muscle(near, soft, noise)
    known = marrow.array & (muscle.level.array > 0)
    if not known.any():
        raise InputError("no muscle lies near enough to the femur's marrow on T1 to compare it with")

    part = bounds(known, [2 if axis == grid.slice_axis else 8 for axis in range(3)])
    inside, level = known[part], muscle.level.array[part]
    raw = np.where(inside, near.array[part] / np.where(level > 0, level, 1), np.inf).astype(np.float32)
    ratio = smooth_within(np.where(inside, raw, 0), inside, plane_sigma(grid, SIGMA_MM))
    search = inside & (ndimage.distance_transform_edt(inside, sampling=grid.spacing) > CORTEX_MM)
    dead = _segment(head, grid)[part] & search
    outside_segment = _throughout(np.where(search & ~dead, ratio, np.inf), grid)
    void = _sweep(outside_segment <= VOID, grid) & search
    # Beside metal all is dark: what touches it is no finding.
    beside_void = ndimage.distance_transform_edt(~void, sampling=grid.spacing) < BESIDE_MM[0] if void.any() else void
    solid = (outside_segment > VOID) & ~beside_void
    core = _apart(_sweep(solid & (outside_segment <= AS_DARK), grid) & search, beside_void)
    explained = _sweep(_throughout(np.where(dead, ratio, np.inf), grid) <= AS_DARK, grid) & dead
    found = _measure_core(raw, ratio, core, inside, grid)
    voxel = grid.voxel_volume_ml
    cropped = np.zeros(grid.shape, bool)
    cropped[part] = found.mask
    mask = Mask(grid, cropped)
    in_head, from_joint = _place(femur, grid, mask)
    darkest = outside_segment[solid]
    return MarrowReplacement(
        series=t1,
        mask=box.paste(mask, volume.grid),
        volume=found.volume,
        ratio=_ratio(found.ratio, muscle.relative_sd) if found.mask.any() else None,
        darkest=float(darkest.min()) if darkest.size else float("inf"),
        smallest_detectable=_smallest_detectable(grid),
        explained_ml=float(explained.sum()) * voxel,
        void_ml=float(void.sum()) * voxel,
        in_head=in_head,
        from_joint_mm=from_joint,
        muscle=muscle,
    )


def _soft_tissue(femur: BoneFrame, bones: Sequence[BoneFrame], grid: Grid) -> Mask:
    """Return what lies around the femur, outside all bones and the joint."""
    # Every third voxel is plenty to say how far bone is.
    step = [max(1, int(3.0 / s)) for s in grid.spacing]
    coarse = grid.affine.copy()
    coarse[:3, :3] *= step
    shape = [-(-n // k) for n, k in zip(grid.shape, step, strict=True)]
    thin = Grid((shape[0], shape[1], shape[2]), coarse, grid.frame_of_reference_uid)
    own = bone_mask(femur, thin).array
    others = own.copy()
    for bone in bones:
        others |= bone_mask(bone, thin).array
    near = ndimage.distance_transform_edt(~own, sampling=thin.spacing) < SURROUNDINGS_MM
    near &= ndimage.distance_transform_edt(~others, sampling=thin.spacing) > BONE_EDGE_MM
    near &= ~joint_capsule_mask(femur, None, thin).array
    return Mask(grid, repeat_voxels(near, step, grid.shape))


def _segment(head: HeadMeasurement | None, grid: Grid) -> NDArray[np.bool_]:
    if head is None or head.segment is None:
        return np.zeros(grid.shape, bool)
    return head.segment_mask(grid).array


def _slices_for(grid: Grid) -> int:
    """Return how many slices are about as thick as replaced marrow must be."""
    return max(1, round(THICK_MM / float(grid.spacing[grid.slice_axis])))


def _throughout(ratio: NDArray[np.floating], grid: Grid) -> NDArray[np.floating]:
    """Return the highest ratio within the least thickness around each voxel: a disc, in it and the slices after it."""
    axis, count = grid.slice_axis, _slices_for(grid)
    highest = ndimage.maximum_filter(ratio, footprint=disc(grid, THICK_MM / 2), mode="constant", cval=np.inf)
    highest = np.moveaxis(highest, axis, 0)
    result = highest.copy()
    for n in range(1, count):
        result[:-n] = np.maximum(result[:-n], highest[n:])
        result[-n:] = np.inf
    return np.moveaxis(result, 0, axis)


def _sweep(starts: NDArray[np.bool_], grid: Grid) -> NDArray[np.bool_]:
    """Return all voxels within the least thickness that begins at some voxels: what :func:`_throughout` looked at."""
    axis, count = grid.slice_axis, _slices_for(grid)
    if not starts.any():
        return starts
    wide = np.moveaxis(ndimage.binary_dilation(starts, disc(grid, THICK_MM / 2)), axis, 0)
    result = wide.copy()
    for n in range(1, count):
        result[n:] |= wide[:-n]
    return np.asarray(np.moveaxis(result, 0, axis))


def _apart(core: NDArray[np.bool_], hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the connected parts of a mask that do not touch another."""
    labels, _ = ndimage.label(core, np.ones((3, 3, 3)))
    return core & ~np.isin(labels, np.unique(labels[hidden & core]))


@dataclass(frozen=True, eq=False)
class _Found:
    mask: NDArray[np.bool_]
    volume: Quantity
    ratio: float


def _measure_core(
    raw: NDArray[np.floating],
    ratio: NDArray[np.floating],
    core: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    grid: Grid,
) -> _Found:
    """Carry the border of each dark core out to where the signal lies halfway to the marrow beside it."""
    mask = np.zeros(core.shape, bool)
    volumes = np.zeros(3)
    labels, count = ndimage.label(core, np.ones((3, 3, 3)))
    for number in range(1, count + 1):
        own = labels == number
        away = ndimage.distance_transform_edt(~own, sampling=grid.spacing)
        lesion = float(np.median(raw[own]))
        ring = inside & (away > BESIDE_MM[0]) & (away < BESIDE_MM[1]) & ~core
        beside = float(np.median(raw[ring])) if ring.any() else lesion
        contrast = beside - lesion
        for n, level in enumerate((BORDER_LEVEL - BORDER_ERROR, BORDER_LEVEL, BORDER_LEVEL + BORDER_ERROR)):
            drawn = own
            if contrast >= LEAST_CONTRAST:
                reach = inside & (away <= REACH_MM)
                drawn = own | (reach & (ratio < lesion + level * contrast))
            volumes[n] += float(drawn.sum()) * grid.voxel_volume_ml
            if level == BORDER_LEVEL:
                mask |= drawn
    if not count:
        return _Found(mask, Quantity(0.0, "mL", 0.0, 0.0), float("nan"))
    low, value, high = volumes
    other = 1.96 * float(np.hypot(VOLUME_ERROR[0], VOLUME_ERROR[1] * value))
    interval = max(0.0, value - np.hypot(value - low, other)), value + np.hypot(high - value, other)
    return _Found(mask, Quantity(value, "mL", float(interval[0]), float(interval[1])), float(np.median(raw[core])))


def _ratio(value: float, relative_sd: float) -> Quantity:
    reach = 1.96 * relative_sd * value
    return Quantity(value, "1", max(0.0, value - reach), value + reach)


def _smallest_detectable(grid: Grid) -> Quantity:
    """Return the ball that holds the least thickness wherever the slices cut it, with a pixel to each side for blur."""
    apart = float(grid.spacing[grid.slice_axis])
    half = (_slices_for(grid) + 1) * apart / 2
    across = THICK_MM / 2 + SIGMA_MM
    return Quantity(4 / 3 * np.pi * float(np.hypot(half, across)) ** 3 / 1000, "mL")


def _place(femur: BoneFrame, grid: Grid, mask: Mask) -> tuple[float, float]:
    """Return the share of a mask within the femoral head, and how far that part stays from its joint surface, mm."""
    if not mask.array.any():
        return 0.0, float("inf")
    local = femur.to_bone(grid.to_world(np.argwhere(mask.array)))
    head = local[:, 0] < HEAD_ENDS_AT_RADII * femur.head_radius_mm
    if not head.any():
        return 0.0, float("inf")
    return float(head.mean()), float(femur.head_radius_mm - np.linalg.norm(local[head], axis=1).max())


def replacement_rows(side: Side, found: MarrowReplacement, date: str) -> list[Measurement]:
    """Return the rows of one femur; the ratio only where marrow is replaced."""
    quantities = [("replaced_marrow_volume", found.volume)]
    if found.ratio is not None:
        quantities.append(("t1_to_muscle_ratio", found.ratio))
    return [
        Measurement(name, Joint.HIP, side, "proximal_femur", quantity, "MR", METHOD, date, found.evidence)
        for name, quantity in quantities
    ]
