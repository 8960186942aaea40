"""What is true of a virtual bone scan, from the noise-free model, in the rows of contract.md.

In space: means over a region's bone, nothing over or under it, no blur. Planar: what a perfect count would find on the
noise-free planar images, muscle before and behind and blur included; the two differ, and each says so in its method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from marrowmap.phantom.activity import Activity
from marrowmap.phantom.bone_scan import PHASES
from marrowmap.phantom.bone_scan import BoneScan
from marrowmap.phantom.bone_scan import Frames
from marrowmap.phantom.bone_scan import PlanarSeries
from marrowmap.phantom.bone_scan import suv_at
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.kinetics import frame_means
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.person import Person
from marrowmap.phantom.rows import finding_row
from marrowmap.phantom.rows import measurement_row
from marrowmap.phantom.truth import METHOD
from marrowmap.phantom.truth import boundary
from marrowmap.phantom.truth import region_masks
from marrowmap.values import Side

REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
HYPEREMIA_FROM = 1.3
UPTAKE_FROM = 1.5
"""Mean pool, and plateau of bone uptake, over the same bone if it were well: from here they are raised; choices."""
HOMOGENEOUS_FROM = 0.85
"""Share of head and neck that takes up at least half of the plateau's excess; a choice."""
COLD_BELOW = 0.7
"""Uptake over that of the same bone if it were well, below which it is cold; a choice."""
COLD_FROM_ML = 1.0
"""A smaller cold area counts as none, as no camera shows it; a choice."""
BALL_MM = 6.2
"""Of 1 mL: least and greatest SUV are means over such a ball."""


@dataclass(frozen=True, eq=False)
class HipScan:
    """One femur's noise-free uptake.

    Parameters
    ----------
    factor : dict of Pool to array
        Over the usual, on the femur's grid.
    regions : dict of str to array
        Bone share within each region.
    boundary_mm : tuple of float or None
        Position and width of the end of uptake on the midline.
    cold : array
        Bone share that is cold, within the head.
    plateau : float
        90th percentile of bone uptake's factor over head and neck.
    """

    factor: dict[Pool, Array]
    regions: dict[str, Array]
    boundary_mm: tuple[float, float] | None
    cold: Array
    plateau: float


def look(person: Person, activity: Activity, side: Side) -> HipScan:
    """Find what is true of one femur's uptake."""
    hip, model = person.hips[side], activity.hips[side]
    truth = model.truth
    masks = region_masks(hip, points_of(truth.grid))
    regions = {name: truth.bone * masks[name] for name in REGIONS}
    factor = {
        pool: model.involved.factor(model.uptake, pool) for pool in (Pool.CAPILLARY, Pool.EXTRACELLULAR, Pool.BONE)
    }
    delayed = factor[Pool.BONE]
    solid = (regions["femoral_head"] + regions["femoral_neck"]) > 0.5
    plateau = float(np.percentile(delayed[solid], 90))
    end = None
    if plateau >= UPTAKE_FROM:
        excess = np.clip((delayed - 1) / np.float32(plateau - 1), 0, 1)
        end = boundary(hip, replace(truth, marrow=truth.bone, membership=excess))
    cold = regions["femoral_head"] * (delayed < COLD_BELOW)
    return HipScan(factor, regions, end, cold, plateau)


def _phase_means(activity: Activity, scan: BoneScan, phase: Frames, scans: Mapping[Side, HipScan]) -> dict[Any, float]:
    """Return mean activity in space by side and region over a phase's frames, decay included."""
    seconds = np.asarray(phase.duration_s)
    means = {
        pool: float((curve * seconds).sum() / seconds.sum())
        for pool, curve in frame_means(scan.kinetics, phase.start_s, phase.duration_s).items()
    }
    result = {}
    for side, found in scans.items():
        box = activity.hips[side].box
        here = sum(np.float32(mean) * activity.shares[pool][box] for pool, mean in means.items())
        for name, bone in found.regions.items():
            result[side, name] = float((here * bone).sum() / bone.sum())
    return result


def disc_counts(series: PlanarSeries, center: NDArray[np.float64], radius_mm: float) -> float:
    """Return counts a pixel within a disc about a projected LPS point: geometric mean of both views, all frames added.

    Pixels count by how much of them lies inside.
    """
    size, fine = series.detector.matrix, 4
    step = (np.arange(fine) + 0.5) / fine - 0.5
    pixel = np.arange(size)
    product = 1.0
    for view in range(2):
        row, column = series.pixel_of(center, view)
        share = np.zeros((size, size))
        for a in step:
            for b in step:
                away = np.hypot((pixel + a - row)[:, None], (pixel + b - column)[None])
                share += away * series.detector.pixel_mm < radius_mm
        counts = series.counts[:, view].sum(axis=0)
        product *= float((counts * share).sum() / share.sum())
    return float(np.sqrt(product))


def scan_measurements(
    person: Person,
    activity: Activity,
    scan: BoneScan,
    planar: Mapping[str, PlanarSeries],
    date: str,
    evidence: dict[str, Any],
) -> list[dict[str, Any]]:
    """Return the measurement rows of both hips.

    Parameters
    ----------
    person, activity, scan
        The model.
    planar : mapping of str to PlanarSeries
        Noise-free series by ``flow``, ``pool``, ``delayed``; a phase that is left out has no planar row.
    date : str
    evidence : dict
    """
    rows: list[dict[str, Any]] = []
    scans = {side: look(person, activity, side) for side in activity.hips}

    def row(side: Side, region: str, quantity: str, value: float, unit: str, note: str) -> None:
        of = (side, region, quantity, round(value, 4), unit)
        rows.append(measurement_row(*of, date=date, modality="NM", method=f"{METHOD}; {note}", evidence=evidence))

    for quantity, phase in PHASES.items():
        means = _phase_means(activity, scan, getattr(scan, phase), scans)
        for side in scans:
            for name in REGIONS:
                ratio = means[side, name] / means[side.opposite, name]
                row(side, name, quantity, ratio, "1", "in space: mean over bone, this side over the other")
            if phase in planar:
                count = {
                    one: disc_counts(planar[phase], person.hips[one].center, person.hips[one].radius) for one in scans
                }
                note = "planar: geometric mean of both views in the head's outline, this side over the other"
                row(side, "femoral_head", quantity, count[side] / count[side.opposite], "1", note)
    suv = suv_at(activity, scan, scan.spect.middle_s)
    for side, found in scans.items():
        here = suv[activity.hips[side].box]
        end = found.boundary_mm
        if end is not None:
            note = "excess over the same bone if it were well"
            row(side, "proximal_femur", "uptake_boundary_position", end[0], "mm", note)
            row(side, "proximal_femur", "uptake_boundary_width", end[1], "mm", note)
        for name in ("femoral_head", "femoral_neck"):
            bone = found.regions[name]
            low, high = _extremes(here, bone, activity.grid.spacing[0])
            at = f"decay corrected to injection, {scan.spect.middle_s / 3600:.2f} h after it"
            row(side, name, "suv_mean", float((here * bone).sum() / bone.sum()), "g/mL", f"mean over bone; {at}")
            row(side, name, "suv_max", high, "g/mL", f"greatest mean over bone in a ball of 1 mL; {at}")
            row(side, name, "suv_min", low, "g/mL", f"least mean over bone in a ball of 1 mL; {at}")
        volume = float(found.cold.sum()) * activity.grid.voxel_volume_ml
        note = f"of the head; uptake below {COLD_BELOW} of the same bone if it were well"
        row(side, "femoral_head", "cold_area_volume", volume, "mL", note)
        if volume >= COLD_FROM_ML:
            rest = found.regions["femoral_head"] - found.cold
            contrast = 1 - float((here * found.cold).sum() / found.cold.sum() / ((here * rest).sum() / rest.sum()))
            row(
                side, "femoral_head", "cold_area_contrast", contrast, "1", f"{note}; 1 - cold over the rest of the head"
            )
    return rows


def _extremes(suv: Array, bone: Array, voxel_mm: float) -> tuple[float, float]:
    """Return the least and greatest mean over the bone in balls of 1 mL whose center is in it."""
    reach = int(np.ceil(BALL_MM / voxel_mm))
    step = np.arange(-reach, reach + 1) * voxel_mm
    ball = (step[:, None, None] ** 2 + step[:, None] ** 2 + step**2 <= BALL_MM**2).astype(np.float32)
    weight = np.maximum(fftconvolve(bone, ball, mode="same"), 1e-3)
    mean = fftconvolve(bone * suv, ball, mode="same") / weight
    # Balls that lie at least half in the bone.
    inside = (bone > 0.5) & (weight > 0.5 * ball.sum())
    return float(mean[inside].min()), float(mean[inside].max())


def scan_findings(person: Person, activity: Activity, date: str, evidence: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the finding rows of both hips."""
    rows = []
    for side, model in activity.hips.items():
        found = look(person, activity, side)
        head, neck = found.regions["femoral_head"], found.regions["femoral_neck"]
        pool, delayed = found.factor[Pool.EXTRACELLULAR], found.factor[Pool.BONE]

        def mean(image: Array, bone: Array) -> float:
            return float((image * bone).sum() / bone.sum())

        raised = found.plateau >= UPTAKE_FROM
        both = head + neck
        taken = mean((delayed >= 1 + 0.5 * (found.plateau - 1)).astype(np.float32), both) if raised else 0.0
        cold = float(found.cold.sum()) * activity.grid.voxel_volume_ml >= COLD_FROM_ML
        end = found.boundary_mm
        signs = {
            "diffuse_hyperemia": min(mean(pool, head), mean(pool, neck)) >= HYPEREMIA_FROM,
            "homogeneous_uptake": taken >= HOMOGENEOUS_FROM and not cold,
            "uptake_demarcation": end is not None and abs(end[0]) <= 15 and end[1] <= 20,
            "cold_area": cold,
        }
        rows += [
            finding_row(
                side,
                sign,
                present=present,
                in_view=True,
                date=date,
                modality="NM",
                evidence=evidence,
                note=f"pattern of uptake: {model.uptake.pattern.value.replace('_', ' ')}",
            )
            for sign, present in signs.items()
        ]
    return rows
