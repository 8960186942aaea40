"""How much less the bone of one hip attenuates than that of the other, region by region: the osteopenia index.

Both hips of one radiograph are laid over each other in mirrored bone coordinates. What lies in front of and behind the
femur, the hip bone's overlap included, is much the same on both sides and drops out of the difference; what soft tissue
differs changes slowly and is taken out by what lies beside the bone. The difference is stated as a share of what the
bone attenuates, which the fit of the bones knows (see `radiograph_fit`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
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
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.values import Side

PIXEL_MM = 1.5
BLUR_MM = 2.0
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
ORDER = 2
"""Of the polynomial that stands for the difference of soft tissue."""
NATURAL = 0.15
"""Standard deviation of a part's difference between the sides before it is looked at, as a share of its level."""
ODD = 3.0


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
    bones : dict of Side to array, shape (parts, columns, rows)
        Levels times thickness of each part, as fitted.
    names : list of str
        Of the parts, without the side.
    regions : dict of str to array, shape (columns, rows)
        Share of each pixel that lies in a region on both sides.
    lit : array of bool, shape (columns, rows)
    """

    origin_mm: NDArray[np.float64]
    images: dict[Side, NDArray[np.float64]]
    bones: dict[Side, NDArray[np.float64]]
    names: list[str]
    regions: dict[str, NDArray[np.float64]]
    lit: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class SideDifference:
    """How much less one side's bone attenuates.

    Parameters
    ----------
    index : mapping of str to float
        Of the left hip by region: 1 - left over right, from the difference of both over their mean.
    level : mapping of str to float
        What the region's bone attenuates, mean of both sides, in the image's unit.
    seen : mapping of str to float
        Share of each region that the beam reached on both sides.
    left_over : float
        Standard deviation of what is not explained of the difference, in the image's unit.
    """

    index: Mapping[str, float]
    level: Mapping[str, float]
    seen: Mapping[str, float]
    left_over: float


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
    images, bones, shares, lit = {}, {}, {}, np.ones(shape, bool)
    names: list[str] = []
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
        bones[side], names = _bones(hips, femur, side, grid, index)
        shares[side] = {name: _pick(share, index) for name, share in project_regions(femur, grid).items()}
    regions = {name: np.minimum(shares[Side.LEFT][name], shares[Side.RIGHT][name]) for name in REGIONS}
    return MirroredHips(origin, images, bones, names, regions, lit)


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


def _bones(
    hips: RadiographHips, femur: BoneFrame, side: Side, grid: PlaneGrid, index: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return what each part of one side attenuates, as fitted, and the parts' names without the side."""
    fit = hips.fit
    moved = femur.head_center_mm[[0, 2]] - hips.image.beam.onto_plane(fit.cloud.center(fit.pose, side))
    pose = fit.pose.copy()
    pose[:2] += (moved[0], -moved[1])
    corner = np.array([grid.origin_mm[0], grid.origin_mm[2]])  # type: ignore[index]
    projector = RadiographProjector(
        fit.cloud, hips.image.beam, corner, grid.shape, PIXEL_MM, float(np.hypot(BLUR_MM, 1))
    )
    # Levels are of points in a pixel of the fit, which is larger.
    area = (fit.explainer.projector.pixel_mm / PIXEL_MM) ** 2
    thick = projector.thickness(pose) * area
    mine = [n for n, name in enumerate(projector.names) if name.startswith(f"{side.value} ")]
    names = [str(projector.names[n]).split(" ", 1)[1] for n in mine]
    level = [np.mean([fit.levels[f"{one.value} {name}"] for one in Side]) for name in names]
    return np.stack([_pick(thick[n], index) * one for n, one in zip(mine, level, strict=True)]), names


FEMUR = ("head", "neck", "intertrochanteric", "greater_trochanter", "shaft", "femur cortex")


def compare_sides(hips: MirroredHips) -> SideDifference:
    """Measure how much less the left femur attenuates than the right one, by region."""
    difference = hips.images[Side.LEFT] - hips.images[Side.RIGHT]
    parts = (hips.bones[Side.LEFT] + hips.bones[Side.RIGHT]) / 2
    shape = difference.shape
    u = np.linspace(-1, 1, shape[0])[:, None] + np.zeros(shape)
    v = np.linspace(-1, 1, shape[1])[None, :] + np.zeros(shape)
    soft = np.array([u**p * v**q for p in range(ORDER + 1) for q in range(ORDER + 1 - p)])
    columns = np.concatenate([soft, parts]).reshape(len(soft) + len(parts), -1)
    sd = float(np.std(difference[hips.lit])) + 1e-12
    weight = hips.lit.astype(np.float64)
    for _ in range(3):
        flat = columns * weight.ravel()
        # Neighboring pixels err together: a few hundred independent places at most.
        scale = np.sqrt(max(weight.sum() / 300.0, 1.0)) * sd
        held = np.concatenate([np.full(len(soft), 1e-6), np.full(len(parts), (scale / NATURAL) ** 2)])
        level = np.linalg.solve(flat @ flat.T + np.diag(held), flat @ (difference * weight).ravel())
        left = difference - np.tensordot(level, columns.reshape(-1, *shape), axes=1)
        sd = float(np.std(left[hips.lit])) + 1e-12
        weight = hips.lit / np.sqrt(1 + (left / (ODD * sd)) ** 2)
    background = np.tensordot(level[: len(soft)], soft, axes=1)
    others = [n for n, name in enumerate(hips.names) if name not in FEMUR]
    own = [n for n, name in enumerate(hips.names) if name in FEMUR]
    lost = difference - background - np.tensordot(level[len(soft) :][others], parts[others], axes=1)
    index, levels, seen = {}, {}, {}
    for name, share in hips.regions.items():
        weight = share * hips.lit
        total = max(float(weight.sum()), 1e-9)
        seen[name] = total / max(float(share.sum()), 1e-9)
        levels[name] = float((parts[own].sum(axis=0) * weight).sum() / total)
        half = float((lost * weight).sum() / total) / max(levels[name], 1e-9) / 2
        # The mean of both sides is known, and their difference: the ratio of one to the other follows.
        index[name] = 1 - (1 + half) / max(1 - half, 1e-3)
    return SideDifference(index, levels, seen, sd)
