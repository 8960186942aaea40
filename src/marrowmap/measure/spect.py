"""Bone uptake of a hip in SPECT: SUV by region, head to head, its boundary, a cold area."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from scipy.signal import fftconvolve

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.errors import InputError
from marrowmap.image import Volume
from marrowmap.measure.boundary import BoundaryProfile
from marrowmap.measure.cold_area import ColdArea
from marrowmap.measure.cold_area import ColdSearch
from marrowmap.measure.spect_parts import GRAIN_MM
from marrowmap.measure.spect_parts import VOXEL_MM
from marrowmap.measure.spect_parts import Array
from marrowmap.measure.spect_parts import Parts
from marrowmap.measure.spect_parts import blurred
from marrowmap.measure.spect_parts import correct
from marrowmap.measure.spect_parts import fit_even
from marrowmap.measure.spect_parts import fit_resolution
from marrowmap.measure.spect_parts import lay_parts
from marrowmap.measure.spect_parts import near_femur
from marrowmap.measure.spect_sensitivity import place_sensitivity
from marrowmap.measure.uptake_boundary import measure_uptake_boundary
from marrowmap.values import Evidence
from marrowmap.values import Quantity
from marrowmap.values import Side

REGIONS = ("femoral_head", "femoral_neck", "intertrochanteric")
METHOD = "SPECT regions/2: mean over bone, iterative Yang partial-volume correction on the fitted bones"
BALL_MM = 6.2
"""Of 1 mL: least and greatest uptake are means over bone in such a ball."""
MODEL_SD: Mapping[str, float] = {
    "femoral_head": 0.042,
    "femoral_neck": 0.029,
    "intertrochanteric": 0.04,
    "femoral_shaft": 0.04,
}
"""Relative standard deviation of a region's mean beyond noise (fit of bones, resolution, convergence of OSEM): what has
to be added so that 95 % of intervals hold on virtual hips; ``benchmarks/spect_scans.py --seeds 1:41 --tune`` prints it.
The last two have no truth of their own there: as the head; of `uptake_ratio` see ``SHAFT_RATIO_SD``."""
WELL_HEAD_SUV = 2.18
"""Of 38 well femoral heads, standard deviation 0.32 (Xiong 2015)."""
WELL_NECK_SUV = 2.32
"""Standard deviation 0.53 (Ryoo 2019)."""
SIDES_SD = 0.1
"""Relative standard deviation of one well head to the other; no published range was found, a choice."""
WELL_OVER_SHAFT = {"femoral_head": 1.45, "femoral_neck": 1.55}
"""Uptake of a well head and neck over that of the shaft; a choice, as no source was found."""
NOISE_SHARE = 0.5
"""Share of the variance that even bones leave unexplained that is taken for noise: a choice (at most what
``benchmarks/spect_regions.py`` prints). It says how intervals grow with noise; :data:`MODEL_SD` adds what they lack."""
RAISED_FROM = 1.5
LEAST_SEEN = 0.9


@dataclass(frozen=True)
class SpectSource:
    """The image uptake is measured in, as far as numbers need it.

    Parameters
    ----------
    evidence : Evidence
    suv_factor : float or None
        SUV of a voxel value of 1.
    suv_reason : str
        How, or why there is none.
    note : str
        How the image came about: corrections, iterations.
    """

    evidence: Evidence
    suv_factor: float | None
    suv_reason: str
    note: str


@dataclass(frozen=True, eq=False)
class RegionUptake:
    """Uptake of one region; SUV where known, else voxel values.

    Parameters
    ----------
    mean : float
        Corrected for partial volume.
    noise, error : float
        Relative standard deviations of the mean (of its logarithm): from noise alone, and of all together.
    recovery : float
        Uncorrected over corrected mean: what partial volume leaves.
    low, high : float
        Least and greatest mean in a ball of 1 mL.
    volume_ml : float
    place : float
        Relative standard deviation of the mean from the bones' place; within `error`.
    """

    mean: float
    noise: float
    error: float
    recovery: float
    low: float
    high: float
    volume_ml: float
    place: float = 0.0


@dataclass(frozen=True, eq=False)
class SpectHip:
    """What SPECT shows of one hip.

    Parameters
    ----------
    side : Side
    date : str
    source : SpectSource
    parts : Parts or None
        None where it could not be measured; `obstacle` says why.
    corrected : array or None
        Uptake without partial volume, on the grid of `parts`.
    resolution_mm : float
        Standard deviation of the image's blur.
    regions : mapping of str to RegionUptake
    raised : mapping of str to Quantity
        Head and neck over the usual.
    usual : str
        What the usual was taken from.
    even_share : float
        Of head and neck, that takes up at least half of their excess over the usual.
    boundary : BoundaryProfile or None
    cold : ColdArea or None
    obstacle : str
    """

    side: Side
    date: str
    source: SpectSource
    parts: Parts | None = None
    corrected: Array | None = None
    resolution_mm: float = 0.0
    regions: Mapping[str, RegionUptake] | None = None
    raised: Mapping[str, Quantity] | None = None
    usual: str = ""
    even_share: float = 0.0
    boundary: BoundaryProfile | None = None
    cold: ColdArea | None = None
    obstacle: str = ""


def measure_spect(
    frames: Sequence[BoneFrame], volume: Volume, source: SpectSource, *, date: str, frame_error_mm: float
) -> tuple[SpectHip, ...]:
    """Measure every hip with a femur among `frames`.

    Parameters
    ----------
    frames : sequence of BoneFrame
        In the volume's frame of reference.
    volume : Volume
        Reconstructed SPECT.
    source : SpectSource
    date : str
    frame_error_mm : float
        Standard deviation of the bones' place in the image.

    Returns
    -------
    tuple of SpectHip
        Left first; what could not be measured says why.

    Raises
    ------
    InputError
        If the image holds no counts.
    """
    if not float(volume.array.max()) > 0:
        raise InputError("the SPECT holds no counts: nothing to measure")
    factor = 1.0 if source.suv_factor is None else source.suv_factor
    image = Volume(volume.grid, volume.array * np.float32(factor), "g/mL" if source.suv_factor else volume.unit)
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    hip_bones = {frame.side: frame for frame in frames if frame.bone == "hip_bone" and frame.trusted}
    hips: dict[Side, SpectHip] = {}
    laid: dict[Side, Parts] = {}
    for side in (side for side in Side if side in femora):
        obstacle = _obstacle(femora[side], image)
        hips[side] = SpectHip(side, date, source, obstacle=obstacle)
        if not obstacle:
            laid[side] = lay_parts(femora[side], hip_bones.get(side), image)
    if not laid:
        return tuple(hips.values())
    sd = fit_resolution(list(laid.values()))
    searches = {side: ColdSearch(parts, sd, frame_error_mm=frame_error_mm) for side, parts in laid.items()}
    for side, parts in laid.items():
        corrected, means = correct(parts, sd)
        hips[side] = replace(
            hips[side],
            parts=parts,
            corrected=corrected,
            resolution_mm=sd,
            regions=_with_place(_regions(parts, corrected, means, sd), place_sensitivity(parts, sd, frame_error_mm)),
            cold=searches[side].find(),
        )
    return tuple(
        _compared(hip, hips.get(side.opposite), searches.get(side), frame_error_mm) for side, hip in hips.items()
    )


def _with_place(regions: Mapping[str, RegionUptake], place: Mapping[str, float]) -> dict[str, RegionUptake]:
    """Add the error from the bones' place."""
    return {
        name: replace(region, place=place.get(name, 0.0), error=float(np.hypot(region.error, place.get(name, 0.0))))
        for name, region in regions.items()
    }


def _obstacle(femur: BoneFrame, image: Volume) -> str:
    if not femur.trusted:
        return f"the bone could not be fitted well enough to measure on: {femur.reason}"
    seen = float(
        image.grid.contains(femur.vertices[np.linalg.norm(femur.vertices - femur.head_center_mm, axis=1) < 60]).mean()
    )
    if seen < LEAST_SEEN:
        return f"only {100 * seen:.0f} % of the proximal femur lies within the SPECT"
    return ""


def _regions(parts: Parts, corrected: Array, means: Mapping[str, float], sd_mm: float) -> dict[str, RegionUptake]:
    _, left = fit_even(parts, sd_mm, near_femur(parts))
    residual = np.zeros(parts.grid.shape, np.float32)
    residual[near_femur(parts)] = left
    found = {}
    names = (*REGIONS, "femoral_shaft")
    # Relative noise of one grain: the middle of all regions', so that a cold area does not pass for noise.
    grain = float(np.median([_spread(residual, parts.shares[n]) / max(means.get(n, 0.0), 1e-9) for n in names]))
    for name in names:
        share = parts.shares[name]
        volume = float(share.sum()) * VOXEL_MM**3
        grains = max(volume / (2 * np.sqrt(np.pi) * GRAIN_MM) ** 3, 1.0)
        mean = max(means.get(name, 0.0), 1e-9)
        noise = float(grain * np.sqrt(NOISE_SHARE / grains))
        raw = float((parts.uptake.array * share).sum() / share.sum())
        recovery = raw / mean
        low, high = ball_extremes(corrected, share, mean, grain * mean / max(recovery, 0.3))
        found[name] = RegionUptake(mean, noise, together(noise, MODEL_SD[name]), recovery, low, high, volume / 1000)
    return found


def together(*relative_sd: float) -> float:
    """Return the relative standard deviation of independent errors together."""
    return float(np.sqrt(np.square(relative_sd).sum()))


def _spread(residual: Array, share: Array) -> float:
    return float(np.sqrt((residual**2 * share).sum() / max(float(share.sum()), 1e-9)))


def ball_extremes(image: Array, share: Array, middle: float, noise: float) -> tuple[float, float]:
    """Return the least and greatest mean over bone in balls of 1 mL that lie at least half in the bone.

    Extremes of a noisy image lie too far out: their distance from the region's mean is shrunk by the share of the
    balls' spread that is not noise (James and Stein 1961).

    Parameters
    ----------
    image, share : array
    middle : float
        Mean of the region.
    noise : float
        Standard deviation that noise alone gives a ball.
    """
    reach = int(np.ceil(BALL_MM / VOXEL_MM))
    step = np.arange(-reach, reach + 1) * VOXEL_MM
    ball = (step[:, None, None] ** 2 + step[:, None] ** 2 + step**2 <= BALL_MM**2).astype(np.float32)
    weight = np.maximum(fftconvolve(share, ball, mode="same"), 1e-3)
    mean = fftconvolve(share * image, ball, mode="same") / weight
    inside = (share > 0.5) & (weight > 0.5 * ball.sum())
    if not inside.any():
        return middle, middle
    kept = max(1 - NOISE_SHARE * noise**2 / max(float(mean[inside].var()), 1e-9), 0.0) ** 0.5
    low, high = (
        middle + kept * (float(mean[inside].min()) - middle),
        middle + kept * (float(mean[inside].max()) - middle),
    )
    return min(low, middle), max(high, middle)


def _compared(hip: SpectHip, other: SpectHip | None, search: ColdSearch | None, frame_error_mm: float) -> SpectHip:
    """Add what needs to know the usual uptake."""
    if hip.regions is None or hip.parts is None or hip.corrected is None or search is None:
        return hip
    usual, spread, reason = usual_uptake(hip, other)
    raised = {}
    for name, value in usual.items():
        ratio = hip.regions[name].mean / value
        reach = 1.96 * ratio * float(np.hypot(hip.regions[name].error, spread))
        raised[name] = Quantity(ratio, "1", max(ratio - reach, 0.0), ratio + reach)
    both = hip.parts.shares["femoral_head"] + hip.parts.shares["femoral_neck"]
    solid = both > 0.5
    level = (
        hip.parts.shares["femoral_head"] * usual["femoral_head"]
        + hip.parts.shares["femoral_neck"] * usual["femoral_neck"]
    )[solid] / both[solid]
    # Over a ball's width, as single voxels are noise.
    factor = (blurred(hip.corrected * both, 3.0) / np.maximum(blurred(both, 3.0), 1e-3))[solid] / level
    plateau = float(np.percentile(factor, 90))
    even = float((factor >= 1 + 0.5 * (plateau - 1)).mean()) if plateau > 1 else 0.0
    well = other if other is not None and other.parts is not None and reason.startswith("the other") else None
    boundary = measure_uptake_boundary(
        hip.parts, None if well is None else well.parts, hip.resolution_mm, frame_error_mm=frame_error_mm
    )
    cold = search.find(usual["femoral_head"], usual["femoral_head"] * float(np.hypot(spread, SIDES_SD)))
    return replace(hip, raised=raised, usual=reason, even_share=even, boundary=boundary, cold=cold)


def usual_uptake(hip: SpectHip, other: SpectHip | None) -> tuple[dict[str, float], float, str]:
    """Return what head and neck of this hip would take up were it well, how uncertain that is, and whence.

    The other hip, if it takes up less, or no more than is usual; else published SUV; else this hip's shaft.
    """
    assert hip.regions is not None
    known = hip.source.suv_factor is not None
    names = ("femoral_head", "femoral_neck")
    if other is not None and other.regions is not None:
        theirs = {name: other.regions[name].mean for name in names}
        well = not known or theirs["femoral_neck"] < RAISED_FROM * WELL_NECK_SUV
        cold = other.cold is not None and other.cold.present
        if well and not cold:
            spread = float(np.mean([other.regions[name].error for name in names]))
            return theirs, spread, "the other hip"
        if well and cold:
            neck = theirs["femoral_neck"]
            return dict.fromkeys(names, neck), 0.12, "the other hip's neck, as its head is cold in part"
    if known:
        return (
            {"femoral_head": WELL_HEAD_SUV, "femoral_neck": WELL_NECK_SUV},
            0.18,
            "published SUV of well hips (Xiong 2015, Ryoo 2019)",
        )
    shaft = max(hip.regions["femoral_shaft"].mean, 1e-9)
    return {name: shaft * WELL_OVER_SHAFT[name] for name in names}, 0.25, "this hip's shaft"
