"""Both hips of one radiograph laid over each other in mirrored bone coordinates.

What lies in front of and behind the femur, the hip bone's overlap included, is much the same on both sides and drops
out of the difference, and so does what the femora's pose explains. Soft tissue differs smoothly (`smooth_difference`).
The rest is stated as a share of what the bone attenuates, which the fit of the bones knows: the osteopenia index.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.projection import project_regions
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.anatomy.radiograph_hips import RadiographHips
from marrowmap.anatomy.radiograph_projector import Beam
from marrowmap.anatomy.radiograph_projector import RadiographProjector
from marrowmap.errors import InputError
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.ingest.radiograph import Intensity
from marrowmap.measure.smooth_difference import find_patterns
from marrowmap.measure.smooth_difference import overlay
from marrowmap.values import Quantity
from marrowmap.values import Side

PIXEL_MM = 1.5
BLUR_MM = 2.0
POINTS_BLUR_MM = 2.7
"""Of the bones: the image has been smoothed twice, and points lie apart."""
REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
MARKS = (
    "head_center",
    "saddle",
    "greater_trochanter_tip",
    "lesser_trochanter_tip",
    "neck_shaft_corner",
    "shaft_distal",
)
"""By which one hip is laid onto the other."""
REACH_MM = (40.0, 84.0, 50.0, 84.0)
"""Of the window around the head center: to the middle, outward, up and down, times the head radius over 24 mm."""
USUAL_RADIUS_MM = 24.0
FEMUR = ("head", "neck", "intertrochanteric", "greater_trochanter", "shaft", "femur cortex")
INNER = FEMUR[:-1]
REGION_PARTS = {
    "femoral_head": ("head",),
    "femoral_neck": ("neck",),
    "intertrochanteric": ("intertrochanteric",),
    "head_and_neck": ("head", "neck"),
}
TOGETHER = "head_and_neck"
RING_MM = 20.0
"""How far around the femur is looked at."""
SMOOTH = 0.07
"""Amplitude of soft tissue's difference at the longest wavelengths, as a share of what head and neck attenuate."""
NOISE = 0.39
"""What else differs, of as many pixels as err together, as a share of the same."""
USUAL_LEFT_OVER = 0.10
"""What is left of the difference, as a share of the same, where both hips were found well."""
NATURAL = 0.05
"""Standard deviation of a part's difference between the sides before it is looked at, as a share of its level."""
MISPLACED_MM = 1.0
GAIN = {Intensity.ATTENUATION: 0.76, Intensity.DISPLAY: 0.72}
"""Share of a loss of mineral that is found: marrow takes its place, and the smooth part takes some; tuning seeds."""
GAIN_SD = {Intensity.ATTENUATION: 0.16, Intensity.DISPLAY: 0.24}
"""Relative, among virtual persons (tuning seeds)."""
FLOOR = {Intensity.ATTENUATION: 0.06, Intensity.DISPLAY: 0.09}
"""Standard deviation of head and neck's difference without loss that the fit does not know of; tuning seeds."""
LESS_SURE = {"femoral_head": 1.3, "femoral_neck": 2.0, "intertrochanteric": 2.5}
"""How many times larger that is for a region alone; tuning seeds."""
MARROW = 0.10
"""Water in place of fat attenuates more: drawn edema of usual strength hid 0.07 to 0.10 of the mineral (three tuning
persons painted with and without it)."""


def flattened(frame: BoneFrame, beam: Beam, moved: NDArray[np.float64]) -> BoneFrame:
    """Return a bone as its rays show it in the plane of the hips, moved (x, z): x and z there, y kept."""

    def flat(points: NDArray[np.float64]) -> NDArray[np.float64]:
        where = beam.onto_plane(points) + moved
        return np.stack([where[..., 0], points[..., 1], where[..., 1]], axis=-1)

    return dataclasses.replace(
        frame,
        head_center_mm=flat(frame.head_center_mm),
        vertices=flat(frame.vertices),
        landmarks={name: flat(place) for name, place in frame.landmarks.items()},
    )


@dataclass(frozen=True, eq=False)
class MirroredHips:
    """Both hips in one mirrored window: columns run outward from the midline, rows to the feet.

    Parameters
    ----------
    origin_mm : array, shape (2,)
        Outward and up of the first pixel from the head center.
    images : dict of Side to array, shape (columns, rows)
    thickness : dict of Side to array, shape (parts, columns, rows)
        Of each part, as fitted.
    levels : array, shape (parts,)
        What each part attenuates by its thickness, mean of both sides.
    names : list of str
        Of the parts, without the side.
    regions : dict of str to array, shape (columns, rows)
        Share of each pixel that lies in a region on both sides.
    lit : array of bool, shape (columns, rows)
    """

    origin_mm: NDArray[np.float64]
    images: dict[Side, NDArray[np.float64]]
    thickness: dict[Side, NDArray[np.float64]]
    levels: NDArray[np.float64]
    names: list[str]
    regions: dict[str, NDArray[np.float64]]
    lit: NDArray[np.bool_]

    @property
    def bones(self) -> dict[Side, NDArray[np.float64]]:
        """What each part attenuates on each side if both sides' bone were alike, shape (parts, columns, rows)."""
        return {side: self.levels[:, None, None] * thick for side, thick in self.thickness.items()}


def _marks(frame: BoneFrame) -> NDArray[np.float64]:
    """Return landmarks outward and up from the head center, shape (n, 2)."""
    places = {**frame.landmarks, "head_center": frame.head_center_mm}
    away = np.stack([places[name] - frame.head_center_mm for name in MARKS])
    return np.stack([away[:, 0] * frame.side.sign, away[:, 2]], axis=-1)


def _affine(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the affine map, shape (3, 2), that lays points (n, 2) onto others best."""
    padded = np.column_stack([source, np.ones(len(source))])
    return np.asarray(np.linalg.lstsq(padded, target, rcond=None)[0], np.float64)


def mirror_hips(hips: RadiographHips, femora: dict[Side, BoneFrame]) -> MirroredHips:
    """Lay both hips over each other.

    Parameters
    ----------
    hips : RadiographHips
    femora : dict of Side to BoneFrame
        As `flattened` gives them, laid on the heads' outlines.
    """
    marks = {side: _marks(femora[side]) for side in Side}
    middle = (marks[Side.LEFT] + marks[Side.RIGHT]) / 2
    grown = np.mean([frame.head_radius_mm for frame in femora.values()]) / USUAL_RADIUS_MM
    inner, outer, up, down = (reach * grown for reach in REACH_MM)
    shape = (int((inner + outer) / PIXEL_MM) + 1, int((up + down) / PIXEL_MM) + 1)
    origin = np.array([-inner, up])
    u = origin[0] + np.arange(shape[0]) * PIXEL_MM
    v = origin[1] - np.arange(shape[1]) * PIXEL_MM
    place = np.stack(np.broadcast_arrays(u[:, None], v[None, :], 1.0), axis=-1)
    images, thickness, shares, lit = {}, {}, {}, np.ones(shape, bool)
    levels, names = _levels(hips)
    for side in Side:
        own = place @ _affine(middle, marks[side])
        femur = femora[side]
        at = np.stack(
            [femur.head_center_mm[0] + side.sign * own[..., 0], femur.head_center_mm[2] + own[..., 1]], axis=-1
        )
        image, seen, grid = _window(hips.image, at)
        index = np.stack([(at[..., 0] - grid.origin_mm[0]) / PIXEL_MM, (grid.origin_mm[2] - at[..., 1]) / PIXEL_MM])  # type: ignore[index]
        images[side] = _pick(image, index)
        lit &= _pick(seen, index) > 0.9
        thickness[side] = _thickness(hips, femur, side, grid, index)
        shares[side] = {name: _pick(share, index) for name, share in project_regions(femur, grid).items()}
    regions = {name: np.minimum(shares[Side.LEFT][name], shares[Side.RIGHT][name]) for name in REGIONS}
    return MirroredHips(origin, images, thickness, levels, names, regions, lit)


def _pick(image: NDArray[np.float64], index: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndimage.map_coordinates(image, index, order=1, mode="nearest"), np.float64)


def _window(
    shown: HipPlaneImage, at: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], PlaneGrid]:
    """Return image, share lit and grid of the upright window that holds places (..., 2)."""
    low, high = at.reshape(-1, 2).min(axis=0) - PIXEL_MM, at.reshape(-1, 2).max(axis=0) + PIXEL_MM
    shape = (int((high[0] - low[0]) / PIXEL_MM) + 2, int((high[1] - low[1]) / PIXEL_MM) + 2)
    axes = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])
    origin = np.array([low[0], 0.0, high[1]])
    grid = PlaneGrid(shape, (PIXEL_MM, PIXEL_MM), SpacingSource.DETECTOR, View.ANTERIOR, axes=axes, origin_mm=origin)
    image, seen = shown.sample(np.array([low[0], high[1]]), shape, PIXEL_MM)
    return ndimage.gaussian_filter(image, BLUR_MM / PIXEL_MM), seen, grid


def _levels(hips: RadiographHips) -> tuple[NDArray[np.float64], list[str]]:
    """Return what each part attenuates by its thickness, mean of both sides, and the parts' names without the side."""
    left = f"{Side.LEFT.value} "
    names = [str(name)[len(left) :] for name in hips.fit.explainer.projector.names if str(name).startswith(left)]
    level = [np.mean([hips.fit.levels[f"{side.value} {name}"] for side in Side]) for name in names]
    return np.array(level), names


def _thickness(
    hips: RadiographHips, femur: BoneFrame, side: Side, grid: PlaneGrid, index: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how thick each part of one side is, laid on the head's outline, shape (parts, columns, rows)."""
    fit = hips.fit
    moved = femur.head_center_mm[[0, 2]] - hips.image.beam.onto_plane(fit.cloud.center(fit.pose, side))
    pose = fit.pose.copy()
    pose[:2] += (moved[0], -moved[1])
    corner = np.array([grid.origin_mm[0], grid.origin_mm[2]])  # type: ignore[index]
    projector = RadiographProjector(fit.cloud, hips.image.beam, corner, grid.shape, PIXEL_MM, POINTS_BLUR_MM)
    # Levels are of points in a pixel of the fit, which is larger.
    area = (fit.explainer.projector.pixel_mm / PIXEL_MM) ** 2
    mine = [n for n, name in enumerate(projector.names) if name.startswith(f"{side.value} ")]
    return np.stack([_pick(thick, index) for thick in projector.thickness(pose)[mine] * area])


@dataclass(frozen=True, eq=False)
class SideDifference:
    """How much less one side's bone attenuates, beyond what pose and form of the fitted bones explain.

    Parameters
    ----------
    lacking : mapping of str to float
        By region, `head_and_neck` among them: right less left over the mean of both, + where the left has less.
    sd : mapping of str to float
        Standard deviation of each.
    level : float
        What the bone of head and neck attenuates, mean of both sides, in the image's unit.
    left_over : float
        Standard deviation of what is not explained of the difference, as a share of `level`.
    """

    lacking: Mapping[str, float]
    sd: Mapping[str, float]
    level: float
    left_over: float

    def index(self, side: Side) -> dict[str, Quantity]:
        """Return by region 1 - mineral of this side / mineral of the other, with its 95 % interval.

        The upper bound is wider: edema in place of fat attenuates more, and hides some loss.
        """
        found = {}
        for name, value in self.lacking.items():
            own, reach = value * side.sign, 1.96 * self.sd[name]
            low, middle, high = (_to_ratio(own + away) for away in (-reach, 0.0, reach + MARROW))
            found[name] = Quantity(middle, "1", low, high)
        return found


def _to_ratio(lacking: float) -> float:
    """Return 1 - one / other from the difference of both over their mean; bounded, as no bone is negative."""
    half = float(np.clip(lacking, -1.8, 1.8)) / 2
    return 1 - (1 - half) / (1 + half)


def compare_sides(hips: MirroredHips, intensity: Intensity = Intensity.ATTENUATION) -> SideDifference:
    """Measure how much less the left femur attenuates than the right one, by region.

    Parameters
    ----------
    hips : MirroredHips
    intensity : Intensity
        Of the film: a display curve bends every ratio in a way that is not known, and the interval is wider.

    Raises
    ------
    InputError
        If head and neck have no bone to compare, or the beam reached too little of them.
    """
    thick = hips.thickness
    inside = _sum(hips, thick[Side.LEFT] + thick[Side.RIGHT], INNER)
    mask = ndimage.binary_dilation(inside > 0.1 * inside.max(), iterations=3) & hips.lit
    left, right = hips.images[Side.LEFT], hips.images[Side.RIGHT]
    if mask.sum() < 0.5 * (inside > 0.1 * inside.max()).sum():
        raise InputError("the beam reached less than half of both femora: the sides cannot be compared")
    at = overlay(left, right, mask, PIXEL_MM)
    other = np.stack([_pick(part, at) for part in thick[Side.RIGHT]])
    lit = hips.lit & (_pick(hips.lit.astype(np.float64), at) > 0.9)
    scale = hips.levels[:, None, None]
    both = (thick[Side.LEFT] + other) / 2
    parts = scale * both
    expected = (scale * (thick[Side.LEFT] - other)).sum(axis=0)
    regions = _patterns(hips, both, parts)
    together = regions[TOGETHER]
    level = float(np.median(together[together > 0.5 * together.max()])) if together.max() > 0 else 0.0
    femur = _sum(hips, parts, FEMUR)
    use = lit & (ndimage.distance_transform_edt(femur < 0.05 * femur.max()) * PIXEL_MM < RING_MM)
    seen = (together * use).sum() / max(float(together.sum()), 1e-12)
    if level <= 0 or seen < 0.8:
        raise InputError("head and neck are not seen on both sides: the sides cannot be compared")
    moved = np.concatenate([_moves(femur), _moves(parts.sum(axis=0) - femur)])
    held = np.concatenate([parts, moved])
    held_sd = np.concatenate([np.full(len(parts), NATURAL), np.full(len(moved), MISPLACED_MM / PIXEL_MM)])
    # Every other pixel: the image holds nothing finer.
    thin = np.zeros(use.shape, bool)
    thin[::2, ::2] = True
    lacking, sd = {}, {}
    left_over = 0.0
    for names in ((TOGETHER,), REGIONS):
        free = np.stack([regions[name] for name in names])
        found = find_patterns(
            left - _pick(right, at) - expected,
            use & thin,
            free,
            held,
            held_sd,
            pixel_mm=PIXEL_MM,
            smooth_sd=SMOOTH * level,
            noise_sd=NOISE / 2 * level,
        )
        left_over = found.left_over / level
        worse = max(1.0, left_over / USUAL_LEFT_OVER)
        for name, amount, error in zip(names, found.amount, found.sd, strict=True):
            lacking[name] = -float(amount) / GAIN[intensity]
            known = float(error) * worse / GAIN[intensity]
            sd[name] = _together(known, FLOOR[intensity] * LESS_SURE.get(name, 1.0), GAIN_SD[intensity] * lacking[name])
    return SideDifference(lacking, sd, level, left_over)


def _together(*errors: float) -> float:
    return float(np.sqrt(np.sum(np.square(errors))))


def _sum(hips: MirroredHips, parts: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.float64]:
    return np.asarray(parts[[hips.names.index(name) for name in names]].sum(axis=0), np.float64)


def _patterns(
    hips: MirroredHips, thickness: NDArray[np.float64], parts: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Return what each region's bone attenuates, its share of the cortex included."""
    whole = _sum(hips, thickness, INNER)
    whole = whole + 0.02 * whole.max()
    cortex = _sum(hips, parts, ["femur cortex"]) / whole
    return {
        region: _sum(hips, parts, names) + cortex * _sum(hips, thickness, names)
        for region, names in REGION_PARTS.items()
    }


def _moves(bone: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how a picture changes when its bone is shifted, turned or enlarged, shape (4, columns, rows), pixels."""
    across, down = np.gradient(ndimage.gaussian_filter(bone, 0.7))
    u, v = np.meshgrid(*(np.arange(n) - n / 2 for n in bone.shape), indexing="ij")
    reach = bone.shape[0] / 3
    return np.stack([across, down, (across * v - down * u) / reach, (across * u + down * v) / reach])
