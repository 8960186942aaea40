"""A CT projected as densitometry would show it: synthetic DXA.

Hounsfield units become mineral by a declared slope above marrow. Marrow cannot be seen beside trabeculae in CT of one
energy: its density is taken between the person's own fat and muscle (internal calibration), and what marrow of another
kind, red or edematous, would change is in the interval (the fat error of quantitative CT). Edema in the place of fatty
marrow reads as mineral: in an edematous hip the density comes out too high, and the interval's lower end is the one to
look at. Not comparable with any densitometer's numbers.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.dxa_fit import outline_mask
from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.anatomy.dxa_regions import METHOD as REGION_METHOD
from marrowmap.anatomy.dxa_regions import TOTAL_HIP
from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.anatomy.dxa_regions import dxa_frame
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.errors import InputError
from marrowmap.errors import UsageError
from marrowmap.image import Grid
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.image import SpacingSource
from marrowmap.image import View
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest.exam import Series
from marrowmap.measure.projected_density import ArealHip
from marrowmap.measure.projected_density import RegionSum
from marrowmap.measure.projected_density import pixel_places
from marrowmap.measure.projected_density import whole_regions
from marrowmap.values import Evidence
from marrowmap.values import Side

MODALITY = "CT"
SLOPE_RANGE = (0.3, 2.0)
"""mg/mL per HU, from 80 to 150 kVp with room to spare."""
DECLARED_SD = 0.02
"""Relative, of a slope that was measured; a choice."""
PIXEL_MM = 0.6
MARGIN_MM = 12.0
SHELL_MM = 1.2
"""Around the fitted surface, where only what is clearly bone counts: the fit and the voxels are no finer."""
SHELL_FROM_HU = 200.0
FAT_HU = (-140.0, -60.0)
MUSCLE_HU = (20.0, 95.0)
LEAST_SHARE = 0.01
"""Of the voxels, fat and muscle each: less gives no reference."""
PLACING_MM = 0.6
"""Standard deviation of the neck box along the neck on virtual people (tuning seeds)."""
OWN_SD = 0.015
"""Relative standard deviation of a hip's density beside placing and marrow, of the same source: surface and voxels."""


@dataclass(frozen=True)
class CtCalibration:
    """How Hounsfield units become mineral.

    Parameters
    ----------
    mg_per_ml_per_hu : float
        Of hydroxyapatite, above marrow.
    relative_sd : float
        Of that slope.
    marrow_fat : tuple of 3 float
        Share of fat in marrow: usual, least and greatest; 0 is as dense as muscle, 1 as fat.
    source : str
        Where slope and marrow are from, in a few words.
    """

    mg_per_ml_per_hu: float
    relative_sd: float
    marrow_fat: tuple[float, float, float]
    source: str


@lru_cache(maxsize=1)
def usual_calibration() -> CtCalibration:
    """Return what is taken where the scanner's own slope is not declared (``data/ct_mineral.toml``)."""
    text = files("marrowmap.measure").joinpath("data", "ct_mineral.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    usual, least, greatest = table["marrow_fat"]
    return CtCalibration(
        table["mg_per_ml_per_hu"], table["relative_sd"], (float(usual), float(least), float(greatest)), table["source"]
    )


def declared_calibration(mg_per_ml_per_hu: float) -> CtCalibration:
    """Return the calibration of a scanner whose slope is known, from a calibration phantom scanned as the patient was.

    Raises
    ------
    UsageError
        If it is no slope of any CT.
    """
    low, high = SLOPE_RANGE
    if not low <= mg_per_ml_per_hu <= high:
        raise UsageError(f"a slope of {mg_per_ml_per_hu:g} mg/mL per HU is no CT's: give one from {low:g} to {high:g}")
    marrow = usual_calibration().marrow_fat
    return CtCalibration(mg_per_ml_per_hu, DECLARED_SD, marrow, "slope as the user declares it")


def soft_tissue_hu(hu: NDArray[np.float32]) -> tuple[float, float]:
    """Return the person's own fat and muscle, HU: the commonest values in their ranges.

    Raises
    ------
    InputError
        If there is too little of either in the image.
    """
    values = np.asarray(hu).ravel()[:: max(hu.size // 2_000_000, 1)]
    found = []
    for name, (low, high) in (("fat", FAT_HU), ("muscle", MUSCLE_HU)):
        inside = values[(values >= low) & (values <= high)]
        body = int((values > FAT_HU[0]).sum())
        if inside.size < LEAST_SHARE * max(body, 1):
            raise InputError(f"CT shows too little {name} to be calibrated by: no areal density from it")
        count = np.histogram(inside, bins=np.arange(low, high + 1, 1.0))[0].astype(np.float64)
        smooth = ndimage.gaussian_filter1d(count, 6.0, mode="nearest")
        found.append(float(low + 0.5 + int(smooth.argmax())))
    return found[0], found[1]


def _view_grid(frame: DxaFrame, femur: BoneFrame) -> PlaneGrid:
    """Return an image grid in the densitometer's position: columns to the patient's left, rows down the shaft."""
    left = 1.0 if femur.side is Side.LEFT else -1.0
    plane = frame.to_plane(femur.vertices) * (left, 1.0)
    tip = frame.lesser_tip[1] + 30.0
    low = plane.min(axis=0) - MARGIN_MM
    high = np.array([plane[:, 0].max() + MARGIN_MM, min(float(plane[:, 1].max()), tip) + MARGIN_MM])
    shape = np.ceil((high - low) / PIXEL_MM).astype(int) + 1
    axes = np.stack([left * frame.lateral, frame.distal])
    origin = frame.center + low @ axes
    size = (int(shape[0]), int(shape[1]))
    return PlaneGrid(size, (PIXEL_MM, PIXEL_MM), SpacingSource.CALIBRATED, View.ANTERIOR, axes=axes, origin_mm=origin)


def _box(grid: Grid, points: NDArray[np.float64], margin_mm: float) -> tuple[tuple[slice, slice, slice], Grid] | None:
    """Return the part of a grid around points, and its own grid."""
    index = grid.to_index(points)
    reach = margin_mm / grid.spacing
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, grid.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, grid.shape).astype(int)
    if (high - low).min() < 1:
        return None
    affine = np.array(grid.affine)
    affine[:3, 3] = grid.to_world(low)
    shape = (int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2]))
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    return box, Grid(shape, affine, grid.frame_of_reference_uid)


def _project(
    view: PlaneGrid, points: NDArray[np.float64], grams: NDArray[np.float64], voxel_mm: float
) -> NDArray[np.float64]:
    """Project mineral along the rays, g/cm2; each voxel as wide as it is."""
    index = view.project(points)
    low = np.floor(index).astype(np.int64)
    rest = index - low
    image = np.zeros(view.shape[0] * view.shape[1])
    for a in (0, 1):
        for b in (0, 1):
            at = low + np.array([a, b])
            part = grams * (rest[:, 0] if a else 1 - rest[:, 0]) * (rest[:, 1] if b else 1 - rest[:, 1])
            inside = ((at >= 0) & (at < np.array(view.shape))).all(axis=1)
            image += np.bincount(at[inside, 0] * view.shape[1] + at[inside, 1], part[inside], minlength=image.size)
    smooth = ndimage.gaussian_filter(image.reshape(view.shape), voxel_mm / 2 / PIXEL_MM)
    return np.asarray(smooth / (view.pixel_area_mm2 / 100), np.float64)


def measure_ct(
    femur: BoneFrame, hip_bone: BoneFrame | None, ct: Series, calibration: CtCalibration, date: str
) -> ArealHip:
    """Project one femur of a CT in the densitometer's position.

    Parameters
    ----------
    femur : BoneFrame
        Trusted, in the frame of reference of the CT.
    hip_bone : BoneFrame or None
        Left out where it lies within the femur's shell.
    ct : Series
        HU.
    calibration : CtCalibration
    date : str

    Raises
    ------
    InputError
        If the CT shows too little fat or muscle to be calibrated by.
    """
    fat, muscle = soft_tissue_hu(ct.volume.array)
    shares = calibration.marrow_fat
    marrow, dense, light = (muscle + share * (fat - muscle) for share in shares)
    frame = dxa_frame(femur.head_center_mm, femur.axes, femur.landmarks)
    view = _view_grid(frame, femur)
    method = (
        f"synthetic DXA/1: CT projected along parallel rays at right angles to neck and shaft, not comparable with a "
        f"densitometer; {REGION_METHOD}; {calibration.mg_per_ml_per_hu:g} mg/mL per HU above marrow of {marrow:.0f} HU "
        f"(internal: own fat {fat:.0f}, muscle {muscle:.0f} HU; interval for marrow of {light:.0f} to {dense:.0f} HU); "
        f"{calibration.source}"
    )
    evidence = Evidence(ct.uid, ct.instance_uids)
    outline = outline_mask(femur.vertices, femur.faces, view)
    places = frame.to_plane(pixel_places(view))
    labels = np.where(outline, frame.name_regions(places), 0).astype(np.uint8)

    found = _box(ct.volume.grid, femur.vertices, 4.0)
    nothing = Plane(view, np.zeros(view.shape, np.float32), "g/cm2")
    if found is None:
        return ArealHip(femur.side, date, nothing, outline, 0 * labels, {}, MODALITY, method, evidence, "not in the CT")
    box, part = found
    hu = np.asarray(ct.volume.array[box], np.float64)
    inner = voxelize(femur.vertices, femur.faces, part).array
    wide = femur.vertices + SHELL_MM * vertex_normals(femur.vertices, femur.faces)
    shell = voxelize(wide, femur.faces, part).array & ~inner & (hu > SHELL_FROM_HU)
    if hip_bone is not None:
        shell &= ~voxelize(hip_bone.vertices, hip_bone.faces, part).array
    base = np.where(inner, marrow, muscle)
    mask = inner | shell
    slope = calibration.mg_per_ml_per_hu / 1000 * part.voxel_volume_ml
    points = part.to_world(np.argwhere(mask))
    grams = slope * (hu - base)[mask]
    areal = _project(view, points, grams, float(part.spacing.max()))

    plane = frame.to_plane(points)
    within = inner[mask]
    # What 1 HU of marrow changes.
    volume = np.asarray(slope * within, np.float64)

    def content(moved: float = 0.0, weights: NDArray[np.float64] = grams) -> dict[str, float]:
        sums = np.bincount(frame.name_regions(plane, moved), weights, minlength=len(DXA_REGIONS) + 1)[1:]
        return {**dict(zip(DXA_REGIONS, sums.tolist(), strict=True)), TOTAL_HIP: float(sums.sum())}

    def extent(moved: float = 0.0) -> dict[str, float]:
        pixels = np.bincount(frame.name_regions(places[outline], moved), minlength=len(DXA_REGIONS) + 1)[1:]
        area = pixels * view.pixel_area_mm2 / 100
        return {**dict(zip(DXA_REGIONS, area.tolist(), strict=True)), TOTAL_HIP: float(area.sum())}

    mineral, area, by_hu = content(), extent(), content(weights=volume)
    ahead, behind = (content(m) for m in (PLACING_MM, -PLACING_MM))
    wider, narrower = (extent(m) for m in (PLACING_MM, -PLACING_MM))
    shown = _covered(ct.volume.grid, femur, frame)
    regions = {}
    for name in whole_regions(frame, outline, labels, view):
        if name not in shown or mineral[name] <= 0:
            continue
        bmd = mineral[name] / area[name]
        moved = abs(ahead[name] / wider[name] - behind[name] / narrower[name]) / 2 / bmd
        bounds = tuple(1 + by_hu[name] * (marrow - other) / mineral[name] for other in (dense, light))
        own = float(np.hypot(OWN_SD, moved))
        regions[name] = RegionSum(
            mineral[name], area[name], own, calibration.relative_sd, (min(bounds[0], 1.0), max(bounds[1], 1.0))
        )
    doubt = "" if regions else "the CT does not show a whole region"
    picture = Plane(view, areal.astype(np.float32), "g/cm2")
    return ArealHip(femur.side, date, picture, outline, labels, regions, MODALITY, method, evidence, doubt)


def _covered(grid: Grid, femur: BoneFrame, frame: DxaFrame) -> set[str]:
    """Return the regions whose surface lies in the CT."""
    label = frame.name_regions(frame.to_plane(femur.vertices))
    inside = grid.contains(femur.vertices)
    shown = {name for n, name in enumerate(DXA_REGIONS, start=1) if inside[label == n].all()}
    return shown | {TOTAL_HIP} if len(shown) == len(DXA_REGIONS) else shown
