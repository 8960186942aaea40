"""Areal bone mineral density by region, from an areal map: what a densitometer shows, or a CT projected as one.

Regions are marrowmap's own (:mod:`marrowmap.anatomy.dxa_regions`), not a vendor's, and no T-score is computed here: a
T-score belongs to the machine and the regions it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.dxa_fit import ProjectedFemur
from marrowmap.anatomy.dxa_fit import fit_areal
from marrowmap.anatomy.dxa_fit import outline_mask
from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.anatomy.dxa_regions import METHOD as REGION_METHOD
from marrowmap.anatomy.dxa_regions import TOTAL_HIP
from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.anatomy.planar_fit import placed
from marrowmap.image import Plane
from marrowmap.image import PlaneGrid
from marrowmap.ingest.density_image import DensityImage
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side

REGIONS = (*DXA_REGIONS, TOTAL_HIP)
MAP_MODALITY = "DXA"
MAP_METHOD = "areal map/1: bones by the shape model's outline, edges at 0.12 g/cm2, parallel rays"
BONE_FROM = 0.12
"""g/cm2: less is the edge's blur."""
EDGE_MARGIN_MM = 1.5
"""Bone may lie this far beyond the fitted outline."""
LEAST_LIKENESS = 0.6
LEAST_SEEN = 0.7
MOST_APART_MM = 1.2
"""Outline and edges; a femur that fits worse is not measured."""
PLACING_MM = 0.7
"""Standard deviation of the neck box along the neck on virtual people (tuning seeds), beside what a fit itself says."""
MAP_SD: Mapping[str, tuple[float, float]] = {
    "femoral_neck": (0.021, 0.020),
    "greater_trochanter": (0.036, 0.022),
    "intertrochanteric": (0.015, 0.030),
    "total_hip": (0.020, 0.015),
}
"""Relative standard deviation of a map's own error, on virtual people (20 of the tuning seeds, both hips, bias of the
region included): a hip's own, and what the hips of a person have in common. Fat beside the bone is not quite that
before and behind it, and more alike in two hips than in two people. The map cannot show it."""
AREA_SD = 0.02


@dataclass(frozen=True)
class RegionSum:
    """Mineral and area of one region, with relative standard deviations.

    Parameters
    ----------
    bmc_g, area_cm2 : float
    own : float
        Of the density, what each hip has for itself: noise, placing, unseen fat.
    shared : float
        What both hips have in common: a scale, a person's fat.
    bounds : tuple of two floats, or None
        The least and greatest density that marrow of another kind would make of it, over that given, beside `own`.
    """

    bmc_g: float
    area_cm2: float
    own: float
    shared: float = 0.0
    bounds: tuple[float, float] = (1.0, 1.0)

    @property
    def bmd(self) -> float:
        """Areal density, g/cm2."""
        return self.bmc_g / self.area_cm2

    def interval(self, *, shared: bool = True) -> tuple[float, float]:
        """Return the ends of the density's 95 % interval over the density."""
        spread = 1.96 * np.hypot(self.own, self.shared if shared else 0.0)
        low, high = 1 - self.bounds[0], self.bounds[1] - 1
        return float(max(1 - np.hypot(spread, low), 0.0)), float(1 + np.hypot(spread, high))


@dataclass(frozen=True, eq=False)
class ArealHip:
    """One hip's areal map with its regions.

    Parameters
    ----------
    side : Side
    date : str
    plane : Plane
        g/cm2.
    outline : array of bool, shape (columns, rows)
        Of the femur.
    labels : array of uint8, shape (columns, rows)
        Place in :data:`~marrowmap.anatomy.dxa_regions.DXA_REGIONS` plus 1.
    regions : dict of str to RegionSum
        Empty where `doubt` says why; a region that does not lie whole in the image is left out.
    modality, method : str
    evidence : Evidence
    doubt : str
    """

    side: Side
    date: str
    plane: Plane
    outline: NDArray[np.bool_]
    labels: NDArray[np.uint8]
    regions: dict[str, RegionSum]
    modality: str
    method: str
    evidence: Evidence
    doubt: str = ""


def pixel_places(grid: PlaneGrid) -> NDArray[np.float64]:
    """Return LPS mm of all pixels of a grid with a known view, shape (columns, rows, 3)."""
    return placed(grid).locate(np.moveaxis(np.indices(grid.shape), 0, -1))


def _doubt(found: ProjectedFemur) -> str:
    if found.likeness < LEAST_LIKENESS:
        return f"no femur is recognized in it (likeness {found.likeness:.2f}, needed {LEAST_LIKENESS})"
    if found.seen < LEAST_SEEN:
        return f"only {100 * found.seen:.0f} % of the femur's outline is seen (needs {100 * LEAST_SEEN:.0f} %)"
    if found.edge_rms_mm > MOST_APART_MM:
        return f"outline and edges lie {found.edge_rms_mm:.1f} mm apart (at most {MOST_APART_MM} mm)"
    return ""


def whole_regions(frame: DxaFrame, outline: NDArray[np.bool_], labels: NDArray[np.uint8], grid: PlaneGrid) -> list[str]:
    """Return the regions that no border of the image cuts."""
    rim = np.ones(grid.shape, bool)
    rim[2:-2, 2:-2] = False
    cut = {DXA_REGIONS[n - 1] for n in np.unique(labels[rim & outline]) if n > 0}
    # The image has to reach below the end of the total hip: else nobody knows what is missing.
    deepest = frame.to_plane(pixel_places(grid)[:, -1][outline[:, -1]])[:, 1] if outline[:, -1].any() else np.array([])
    if deepest.size and (frame.name_regions(np.stack([0 * deepest, deepest], axis=1)) > 0).any():
        cut.add("intertrochanteric")
    whole = [name for name in DXA_REGIONS if name not in cut and (labels == DXA_REGIONS.index(name) + 1).any()]
    return [*whole, TOTAL_HIP] if len(whole) == len(DXA_REGIONS) else whole


def sums_by_region(
    areal: NDArray[np.float64], bone: NDArray[np.bool_], labels: NDArray[np.uint8], pixel_cm2: float
) -> dict[str, tuple[float, float]]:
    """Return mineral (g) and area (cm2) of each region and of the total hip."""
    size = len(DXA_REGIONS) + 1
    grams = np.bincount(labels[bone], areal[bone] * pixel_cm2, minlength=size)[1:]
    area = np.bincount(labels[bone], minlength=size)[1:] * pixel_cm2
    found = {name: (float(grams[n]), float(area[n])) for n, name in enumerate(DXA_REGIONS)}
    return {**found, TOTAL_HIP: (float(grams.sum()), float(area.sum()))}


def measure_map(image: DensityImage) -> ArealHip:
    """Measure one areal map.

    Parameters
    ----------
    image : DensityImage

    Returns
    -------
    ArealHip
        Without regions where no femur is found in it.
    """
    grid, areal = image.plane.grid, np.asarray(image.plane.array, np.float64)
    found = fit_areal(image.plane, image.side)
    evidence = Evidence(image.uid, (image.instance_uid,))
    method = f"{MAP_METHOD}; {REGION_METHOD}; as the machine calibrates it ({image.machine or 'not named'})"
    outline = outline_mask(found.vertices, found.faces, grid)
    doubt = _doubt(found)
    nothing = np.zeros(grid.shape, np.uint8)
    if doubt:
        return ArealHip(
            image.side, image.date, image.plane, outline, nothing, {}, MAP_MODALITY, method, evidence, doubt
        )
    places = found.frame.to_plane(pixel_places(grid))
    near = outline_mask(found.vertices, found.faces, grid, EDGE_MARGIN_MM)
    bone = near & (ndimage.gaussian_filter(areal, 0.4 / np.asarray(grid.spacing_mm)) > BONE_FROM)
    pixel = grid.pixel_area_mm2 / 100
    placing = float(np.hypot(PLACING_MM, found.error_mm))
    labels = found.frame.name_regions(places)
    here, ahead, behind = (
        sums_by_region(areal, bone, found.frame.name_regions(places, moved), pixel)
        for moved in (0.0, placing, -placing)
    )
    noise = _noise(areal, ~ndimage.binary_dilation(bone, iterations=5))
    regions = {}
    for name in whole_regions(found.frame, outline, labels, grid):
        grams, area = here[name]
        bmd = grams / area
        moved = abs(ahead[name][0] / ahead[name][1] - behind[name][0] / behind[name][1]) / 2 / bmd
        alone, shared = MAP_SD[name]
        own = float(np.sqrt(alone**2 + moved**2 + (noise / bmd) ** 2 * pixel / area))
        regions[name] = RegionSum(grams, area, own, shared)
    labels = np.where(bone, labels, 0).astype(np.uint8)
    return ArealHip(image.side, image.date, image.plane, outline, labels, regions, MAP_MODALITY, method, evidence)


def _noise(areal: NDArray[np.float64], soft: NDArray[np.bool_]) -> float:
    """Return the standard deviation of a pixel from its neighbors, g/cm2."""
    apart = np.diff(areal, axis=0)[soft[1:] & soft[:-1]]
    return float(1.4826 * np.median(np.abs(apart)) / np.sqrt(2)) if apart.size else 0.0


def areal_rows(hips: Sequence[ArealHip]) -> tuple[Measurement, ...]:
    """Return rows of all hips of one modality; side differences where both hips were measured."""
    rows: list[Measurement] = []
    by_side = {hip.side: hip for hip in hips if hip.regions}

    def add(hip: ArealHip, name: str, region: str, quantity: Quantity, method: str) -> None:
        where = (Joint.HIP, hip.side, region)
        rows.append(Measurement(name, *where, quantity, hip.modality, method, hip.date, hip.evidence))

    for side, hip in by_side.items():
        other = by_side.get(side.opposite)
        for region, found in hip.regions.items():
            low, high = found.interval()
            area = 1.96 * AREA_SD * found.area_cm2
            # What is not known of the area is not known of its content either.
            content = [float(1 + s * np.hypot(e - 1, 1.96 * AREA_SD)) for s, e in ((-1, low), (1, high))]
            bmd = Quantity(found.bmd, "g/cm2", found.bmd * low, found.bmd * high)
            grams = Quantity(found.bmc_g, "g", max(found.bmc_g * content[0], 0.0), found.bmc_g * content[1])
            add(hip, "bmd", region, bmd, hip.method)
            add(hip, "bmc", region, grams, hip.method)
            extent = Quantity(found.area_cm2, "cm2", found.area_cm2 - area, found.area_cm2 + area)
            add(hip, "area", region, extent, hip.method)
            if other is not None and region in other.regions:
                difference = side_difference(found, other.regions[region])
                add(hip, "bmd_side_difference", region, difference, f"{hip.method}; this side less the other, over it")
    return tuple(rows)


def side_difference(this: RegionSum, other: RegionSum) -> Quantity:
    """Return this side less the other, over the other, percent; what both have in common cancels."""
    ratio = this.bmd / other.bmd
    mine, theirs = this.interval(shared=False), other.interval(shared=False)
    # Lowest where this side is low and the other high.
    low = float(np.hypot(1 - mine[0], 1 - 1 / theirs[1]))
    high = float(np.hypot(mine[1] - 1, 1 / max(theirs[0], 0.05) - 1))
    value = 100 * (ratio - 1)
    return Quantity(value, "%", value - 100 * ratio * low, value + 100 * ratio * high)
