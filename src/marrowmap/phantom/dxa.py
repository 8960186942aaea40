"""A virtual densitometer: two X-ray energies, parallel rays, and the mineral its software computes from them.

The patient lies supine and the leg is turned in until the neck lies parallel to the table, the shaft along it: each
femur, painted on its own grid, is turned about its head center and takes the place of what lay there. Pelvis and soft
tissue stay as they were; muscles do not follow the bone.

Space: image columns run along LPS x to the patient's left, rows along -z to the feet, rays along y.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.anatomy.dxa_regions import TOTAL_HIP
from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.phantom.layers import Box
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.mineral import RegionMineral
from marrowmap.phantom.mineral import femur_layers
from marrowmap.phantom.mineral import hip_frame
from marrowmap.phantom.mineral import mineral_of
from marrowmap.phantom.mineral import splat
from marrowmap.phantom.person import Hip
from marrowmap.phantom.scene import Part
from marrowmap.values import Side

ENERGIES_KEV = (38.0, 70.0)
"""What a cerium K-edge filter passes of 80 kVp, each taken as one energy: beam hardening is left out."""
MASS_ATTENUATION: dict[str, tuple[float, float]] = {
    "hydroxyapatite": (1.1234, 0.3131),
    "muscle": (0.2822, 0.1916),
    "fat": (0.2481, 0.1875),
    "water": (0.2817, 0.1929),
    "yellow_marrow": (0.2454, 0.1872),
    "red_marrow": (0.2666, 0.1894),
    "cartilage": (0.2995, 0.1935),
    "matrix": (0.2610, 0.1863),
}
"""cm2/g at :data:`ENERGIES_KEV`, from the elements' tables of Elam, Ravel and Sieber (Radiat Phys Chem 2002;63:121) and
the compositions of ICRU 44; ``matrix`` is what bone holds beside its mineral, collagen and water."""
TISSUES: dict[str, tuple[str, float]] = {
    "air": ("water", 0.0012),
    "skin": ("muscle", 1.09),
    "subcutaneous_fat": ("fat", 0.95),
    "fat": ("fat", 0.95),
    "septa": ("muscle", 0.99),
    "fascia": ("muscle", 1.06),
    "capsule": ("muscle", 1.07),
    "muscle": ("muscle", 1.05),
    "cortical_bone": ("matrix", 0.83),
    "resorbed_bone": ("red_marrow", 1.0),
    "yellow_marrow": ("yellow_marrow", 0.98),
    "red_marrow": ("red_marrow", 1.03),
    "edema": ("water", 1.02),
    "granulation": ("muscle", 1.05),
    "necrotic_blood": ("muscle", 1.05),
    "necrotic_fluid": ("water", 1.01),
    "necrotic_fibrous": ("muscle", 1.07),
    "tumor": ("muscle", 1.05),
    "cartilage": ("cartilage", 1.10),
    "joint_fluid": ("water", 1.01),
    "artery": ("muscle", 1.06),
    "vein": ("muscle", 1.06),
    "nerve": ("muscle", 1.04),
    "bowel_wall": ("muscle", 1.04),
    "bowel_content": ("water", 1.02),
    "bladder_wall": ("muscle", 1.04),
    "urine": ("water", 1.01),
    "uterus": ("muscle", 1.05),
    "endometrium": ("muscle", 1.04),
    "prostate": ("muscle", 1.04),
    "prostate_core": ("muscle", 1.04),
    "disc": ("cartilage", 1.10),
}
"""Material and g/mL of what a tissue holds beside mineral."""
REACH_MM = ((48.0, 82.0), (58.0, 112.0))
"""Of an image from the head center: to the midline and outward, to the head and to the feet."""
BONE_FROM = 0.12
"""g/cm2: the software takes a pixel for bone from here on."""
BONE_BY_TURNS = (0.4, 0.25, 0.15, 0.1, 0.1)
"""g/cm2: what is bone is told from soft tissue ever more closely."""
BESIDE_MM = 2.0
"""Soft tissue counts from this far beside the bone on."""
NEAR_MM = 12.0
"""Standard deviation of what counts as near."""
RIM_SHARE = 0.4
"""Of the higher energy's attenuation in thick parts: what attenuates less is the body's rim and teaches no baseline."""
CALIBRATION = 1.063
"""In vivo, as makers calibrate against known bones in flesh: fatty marrow in the place of leaner tissue takes some
mineral away. Set so that total hips of well virtual people come out right (seeds 1 to 20)."""
PLACED_SD_MM = 0.5
"""How well the operator lays the regions, along the neck; a choice."""


@dataclass(frozen=True)
class DxaScan:
    """How a hip is scanned.

    Parameters
    ----------
    pixel_mm : float
    counts : float
        Photons a pixel of each energy without a patient.
    blur_mm : float
        Standard deviation of beam and detector at the bone.
    """

    pixel_mm: float = 0.6
    counts: float = 2.0e6
    blur_mm: float = 0.5


@dataclass(frozen=True, eq=False)
class DxaImage:
    """What the densitometer's software makes of one hip.

    Parameters
    ----------
    side : Side
    areal : array, shape (columns, rows)
        g/cm2, noise and all.
    corner : array, shape (2,)
        LPS x and z of the first pixel's center.
    scan : DxaScan
    regions : dict of str to RegionMineral
        As the scanner reports them.
    outline : array of bool, shape (columns, rows)
        What an operator leaves as femur: pelvis painted out.
    """

    side: Side
    areal: NDArray[np.float64]
    corner: NDArray[np.float64]
    scan: DxaScan
    regions: dict[str, RegionMineral]
    outline: NDArray[np.bool_]


def attenuation(tissue: str, energy: int) -> float:
    """Return a tissue's linear attenuation, 1/cm, at one of :data:`ENERGIES_KEV`."""
    material, density = TISSUES[tissue]
    mineral = mineral_of(tissue) / 1000 * MASS_ATTENUATION["hydroxyapatite"][energy]
    return mineral + density * MASS_ATTENUATION[material][energy]


def position(frame: DxaFrame, side: Side) -> NDArray[np.float64]:
    """Return the turn, shape (3, 3), about the head center that brings a femur into the scanner's position."""
    outward = 1.0 if side is Side.LEFT else -1.0
    target = np.array([[outward, 0, 0], [0, 0, -1.0], [0, -1.0, 0]]).T
    return np.asarray(target @ frame.axes.T, np.float64)


def _clipped(layers: Sequence[Layer], window: Box) -> list[Layer]:
    """Cut layers to a window of their grid."""
    cut = []
    for layer in layers:
        low = [max(a.start, w.start) for a, w in zip(layer.box, window, strict=True)]
        high = [min(a.stop, w.stop) for a, w in zip(layer.box, window, strict=True)]
        if any(a >= b for a, b in zip(low, high, strict=True)):
            continue
        own = tuple(slice(a - s.start, b - s.start) for a, b, s in zip(low, high, layer.box, strict=True))
        box = tuple(slice(a - w.start, b - w.start) for a, b, w in zip(low, high, window, strict=True))
        cut.append(Layer(layer.tissue, (box[0], box[1], box[2]), layer.share[own], layer.instead_of))
    return cut


def line_integrals(hip: Hip, body: Part, fine: Part, scan: DxaScan) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Integrate attenuation along the rays of one hip's image.

    Parameters
    ----------
    hip : Hip
    body : Part
        The whole body on a coarse grid; its femora are left out.
    fine : Part
        Holds this side's femur.
    scan : DxaScan

    Returns
    -------
    integrals : array, shape (2, columns, rows)
        Without unit, by :data:`ENERGIES_KEV`.
    corner : array, shape (2,)
        LPS x and z of the first pixel's center.
    """
    center, outward = hip.center, 1.0 if hip.side is Side.LEFT else -1.0
    (medial, lateral), (up, down) = REACH_MM
    ends = np.sort([-outward * medial, outward * lateral])
    step = scan.pixel_mm
    shape = (round((ends[1] - ends[0]) / step), round((up + down) / step))
    corner = np.array([center[0] + ends[0], center[2] + up])

    # The body without its femora, then the turned femur in its place.
    grid = body.grid
    low, high = grid.to_world((0, 0, 0)), grid.to_world(np.array(grid.shape) - 1)
    reach = np.array([[center[0] + ends[0], low[1], center[2] - down], [center[0] + ends[1], high[1], center[2] + up]])
    window = box_around(grid, reach, 3.0)
    if window is None:
        raise ValueError("the hip lies outside the body's grid")
    femora = [femur_layers(body.layers, truth) for truth in body.truths.values()]
    rest = [layer for n, layer in enumerate(body.layers) if not any(own.start <= n < own.stop for own in femora)]
    rest = _clipped(rest, window)
    part = sub_grid(grid, window)
    truth = fine.truths[hip.side]
    turn = position(hip_frame(hip), hip.side)
    points = part.points().reshape(-1, 3)
    near = np.flatnonzero(np.abs(points - center)[:, 1] < 80)
    index = truth.grid.to_index((points[near] - center) @ turn + center)
    filled = np.zeros(len(points), np.float32)
    # Coarser voxels than the femur's own hold a mean of it.
    softened = ndimage.uniform_filter(truth.bone, round(float(grid.spacing[0] / truth.grid.spacing[0])))
    filled[near] = ndimage.map_coordinates(softened, index.T, order=1)
    free = 1 - filled.reshape(part.shape)

    place = np.argwhere(truth.bone > 0)
    turned = (truth.grid.to_world(place) - center) @ turn.T + center
    at = np.stack([turned[:, 0] - corner[0], corner[1] - turned[:, 2]], axis=1)
    whole = (slice(None),) * 3
    own = [Layer(one.tissue, whole, one.share, one.instead_of) for one in fine.layers[femur_layers(fine.layers, truth)]]
    columns = (np.arange(shape[0]) * step + corner[0] - part.affine[0, 3]) / part.spacing[0]
    rows = (corner[1] - np.arange(shape[1]) * step - part.affine[2, 3]) / part.spacing[2]
    where = np.stack(np.broadcast_arrays(columns[:, None], rows[None, :]))
    integrals = []
    for energy in range(len(ENERGIES_KEV)):

        def value(tissue: str, energy: int = energy) -> float:
            return attenuation(tissue, energy)

        behind = (paint_layers(rest, part.shape, value) * free).sum(axis=1) * part.spacing[1] / 10
        image = ndimage.map_coordinates(behind, where, order=1, mode="nearest")
        bone = paint_layers(own, truth.grid.shape, value)[tuple(place.T)].astype(np.float64)
        bone *= truth.grid.voxel_volume_ml / (step / 10) ** 2
        # Voxels larger than pixels leave ripples; their own width takes these away.
        own_width = float(truth.grid.spacing[0]) / 2 / step
        integrals.append(image + ndimage.gaussian_filter(splat(at, bone, np.zeros(2), step, shape), own_width))
    return np.stack(integrals), corner


def detect(integrals: NDArray[np.float64], scan: DxaScan, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return measured attenuation, shape (2, columns, rows): blurred, counted, and its logarithm taken."""
    expected = scan.counts * np.exp(-integrals)
    sd = scan.blur_mm / scan.pixel_mm
    expected = ndimage.gaussian_filter(expected, (0, sd, sd), mode="nearest")
    counts = rng.poisson(expected)
    return np.asarray(-np.log(np.maximum(counts, 1) / scan.counts), np.float64)


def fat_beside(measured: NDArray[np.float64], pixel_mm: float) -> NDArray[np.float64]:
    """Return the fat in each ray, g/cm2, shape (columns, rows), as it is found beside the bone.

    Two energies tell two materials apart, not three: what is fat under bone is learned from soft tissue, whose rays are
    all fat and muscle, and carried over from what lies nearest on any side. Carried is the fat and not its share: a
    body that grows thinner to its side loses muscle and keeps its fat. What is bone is found by turns with it.

    Parameters
    ----------
    measured : array, shape (2, columns, rows)
        Attenuation, see :func:`detect`.
    pixel_mm : float

    Raises
    ------
    ValueError
        If the image has next to no soft tissue beside bone.
    """
    even = [ndimage.gaussian_filter(one, 2.0 / pixel_mm) for one in measured]
    (lean_low, lean_high), (fat_low, fat_high) = MASS_ATTENUATION["muscle"], MASS_ATTENUATION["fat"]
    fat = (lean_low * measured[1] - lean_high * measured[0]) / (lean_low * fat_high - lean_high * fat_low)
    # Rays along the body's rim pass little but the fat under the skin.
    margin = round(BESIDE_MM / pixel_mm)
    rim = even[1] < RIM_SHARE * np.percentile(even[1], 90)
    whole = ~ndimage.binary_dilation(rim, iterations=margin)
    # Most of an image may be bone, which raises the ratio: soft tissue is at its lower end.
    low, high = MASS_ATTENUATION["hydroxyapatite"]
    usual = float(np.percentile((even[0] / np.maximum(even[1], 1e-6))[whole], 20))
    areal = (measured[0] - usual * measured[1]) / (low - usual * high)
    # Leaner than muscle is no soft tissue, however little mineral a first guess sees there.
    too_lean = ndimage.gaussian_filter(fat, 1.5 / pixel_mm) < 0
    found = np.zeros(areal.shape)
    for bone_from in BONE_BY_TURNS:
        bone = too_lean | (ndimage.gaussian_filter(areal, 1.5 / pixel_mm) > bone_from)
        soft = whole & ~ndimage.binary_dilation(bone, iterations=margin)
        if soft.mean() < 0.05:
            raise ValueError("a hip image without soft tissue beside the bone")
        sums = np.zeros((2, *areal.shape))
        # What lies far counts only where nothing is near.
        for reach, weight in ((NEAR_MM, 1.0), (3 * NEAR_MM, 0.02)):
            sd = (0, reach / pixel_mm, reach / pixel_mm)
            sums += weight * ndimage.gaussian_filter(np.stack([fat * soft, soft]), sd, mode="constant", truncate=5)
        found = sums[0] / np.maximum(sums[1], 1e-9)
        areal = _mineral(measured, found)
    return np.asarray(found, np.float64)


def _mineral(measured: NDArray[np.float64], fat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return areal mineral, g/cm2, from two attenuations and the fat in each ray; the rest is muscle."""
    low, high = MASS_ATTENUATION["hydroxyapatite"]
    lean_low, lean_high = MASS_ATTENUATION["muscle"]
    rest = [one - of_fat * fat for one, of_fat in zip(measured, MASS_ATTENUATION["fat"], strict=True)]
    return np.asarray((lean_high * rest[0] - lean_low * rest[1]) / (low * lean_high - high * lean_low), np.float64)


def areal_map(measured: NDArray[np.float64], scan: DxaScan) -> NDArray[np.float64]:
    """Return the areal density a scanner's software computes, g/cm2, shape (columns, rows)."""
    return CALIBRATION * _mineral(measured, fat_beside(measured, scan.pixel_mm))


def outline_of(
    hip: Hip, fine: Part, corner: NDArray[np.float64], shape: tuple[int, int], step: float
) -> NDArray[np.bool_]:
    """Return where the turned femur lies in the image."""
    truth = fine.truths[hip.side]
    place = np.argwhere(truth.bone > 0.5)
    turned = (truth.grid.to_world(place) - hip.center) @ position(hip_frame(hip), hip.side).T + hip.center
    at = np.stack([turned[:, 0] - corner[0], corner[1] - turned[:, 2]], axis=1)
    thick = splat(at, np.ones(len(at)), np.zeros(2), step, shape)
    filled = ndimage.binary_closing(thick > 0, iterations=2)
    return np.asarray(ndimage.binary_dilation(filled), np.bool_)


def report_regions(
    hip: Hip,
    areal: NDArray[np.float64],
    outline: NDArray[np.bool_],
    corner: NDArray[np.float64],
    scan: DxaScan,
    moved_mm: float,
) -> dict[str, RegionMineral]:
    """Return what the scanner prints: regions laid by an operator, edges found by threshold, pelvis painted out."""
    outward = 1.0 if hip.side is Side.LEFT else -1.0
    bone = np.argwhere(outline & (ndimage.gaussian_filter(areal, 0.7) > BONE_FROM))
    x = corner[0] + bone[:, 0] * scan.pixel_mm - hip.center[0]
    plane = np.stack([outward * x, bone[:, 1] * scan.pixel_mm - corner[1] + hip.center[2]], axis=1)
    label = hip_frame(hip).name_regions(plane, moved_mm)
    one = (scan.pixel_mm / 10) ** 2
    content = np.bincount(label, areal[tuple(bone.T)] * one, minlength=len(DXA_REGIONS) + 1)
    area = np.bincount(label, minlength=len(DXA_REGIONS) + 1) * one
    found = {name: RegionMineral(float(content[n]), float(area[n])) for n, name in enumerate(DXA_REGIONS, start=1)}
    return {**found, TOTAL_HIP: RegionMineral(float(content[1:].sum()), float(area[1:].sum()))}


def scan_hip(hip: Hip, body: Part, fine: Part, scan: DxaScan, rng: np.random.Generator) -> DxaImage:
    """Scan one hip.

    Parameters
    ----------
    hip : Hip
    body, fine : Part
        See :func:`line_integrals`.
    scan : DxaScan
    rng : Generator
        Of counts and of the operator's hand.
    """
    integrals, corner = line_integrals(hip, body, fine, scan)
    areal = areal_map(detect(integrals, scan, rng), scan)
    outline = outline_of(hip, fine, corner, (areal.shape[0], areal.shape[1]), scan.pixel_mm)
    regions = report_regions(hip, areal, outline, corner, scan, float(rng.normal(0, PLACED_SD_MM)))
    return DxaImage(hip.side, areal, corner, scan, regions, outline)
