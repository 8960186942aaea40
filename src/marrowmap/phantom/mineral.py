"""Bone mineral of a virtual hip, and what densitometry's numbers truly are.

Truth is integrated from the mineral that was painted, voxel by voxel, along the rays of the densitometer's position
(leg turned in until the neck lies parallel to the table): no image and no pixel of one has a part in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.dxa_regions import DXA_REGIONS
from marrowmap.anatomy.dxa_regions import METHOD as REGION_METHOD
from marrowmap.anatomy.dxa_regions import TOTAL_HIP
from marrowmap.anatomy.dxa_regions import DxaFrame
from marrowmap.anatomy.dxa_regions import dxa_frame
from marrowmap.image import Grid
from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.person import Hip
from marrowmap.phantom.scene import Part
from marrowmap.values import Side

MINERAL_MG_PER_ML: dict[str, float] = {"cortical_bone": 1400.0}
"""Hydroxyapatite in each mL of a tissue; none in those not named. Of bone a choice, see docs/density.md: the bones of
the model then have about the density of people (NHANES III, facts.md 5.4). CT keeps its own Hounsfield units."""
METHOD = f"noise-free model/1: painted mineral along rays at right angles to neck and shaft; {REGION_METHOD}"
RASTER_MM = 0.4
"""Pixels in which the outline's area is counted."""


@dataclass(frozen=True)
class RegionMineral:
    """What a perfect densitometer finds in one region.

    Parameters
    ----------
    bmc_g : float
        Bone mineral content.
    area_cm2 : float
        Projected area of bone.
    """

    bmc_g: float
    area_cm2: float

    @property
    def bmd(self) -> float:
        """Areal density, g/cm2."""
        return self.bmc_g / self.area_cm2


def mineral_of(tissue: str) -> float:
    """Return a tissue's mineral, mg/mL."""
    return MINERAL_MG_PER_ML.get(tissue, 0.0)


def femur_layers(layers: list[Layer], truth: HipTruth) -> slice:
    """Return which of a part's layers are one femur: they begin with its whole bone and share its box."""
    first = next(n for n, layer in enumerate(layers) if layer.share is truth.bone)
    last = first
    while last < len(layers) and layers[last].box == layers[first].box:
        last += 1
    return slice(first, last)


def paint_mineral(part: Part, side: Side) -> Array:
    """Return the mineral of one femur alone, mg/mL, on the grid of its truth."""
    truth = part.truths[side]
    own = part.layers[femur_layers(part.layers, truth)]
    whole = (slice(None),) * 3
    alone = [Layer(one.tissue, whole, one.share, one.instead_of) for one in own]
    return paint_layers(alone, truth.grid.shape, mineral_of)


def hip_frame(hip: Hip) -> DxaFrame:
    """Return the plane in which densitometry sees a virtual femur."""
    return dxa_frame(hip.center, hip.axes, hip.landmarks)


def splat(
    places: NDArray[np.float64],
    weights: NDArray[np.float64],
    corner: NDArray[np.float64],
    step: float,
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Drop weights onto the four pixels around each place.

    Parameters
    ----------
    places : array, shape (n, 2)
        Plane coordinates, mm.
    weights : array, shape (n,)
    corner : array, shape (2,)
        Center of the first pixel.
    step : float
        Pixel size, mm.
    shape : tuple of 2 int

    Returns
    -------
    array, shape `shape`
        Sums; what falls beyond is lost.
    """
    index = (places - corner) / step
    low = np.floor(index).astype(np.int64)
    rest = index - low
    image = np.zeros(shape[0] * shape[1])
    for a in (0, 1):
        for b in (0, 1):
            at = low + np.array([a, b])
            share = weights * (rest[:, 0] if a else 1 - rest[:, 0]) * (rest[:, 1] if b else 1 - rest[:, 1])
            inside = ((at >= 0) & (at < np.array(shape))).all(axis=1)
            image += np.bincount(at[inside, 0] * shape[1] + at[inside, 1], share[inside], minlength=image.size)
    return image.reshape(shape)


def sum_regions(frame: DxaFrame, mineral: Array, bone: Array, grid: Grid) -> dict[str, RegionMineral]:
    """Sum mineral and outline by region.

    Parameters
    ----------
    frame : DxaFrame
    mineral : array
        Of the femur alone, mg/mL.
    bone : array
        Share of each voxel that is femur.
    grid : Grid
        Of both.

    Returns
    -------
    dict of str to RegionMineral
        By :data:`~marrowmap.anatomy.dxa_regions.DXA_REGIONS`, and the total hip.
    """
    place = np.argwhere(bone > 0)
    share = bone[tuple(place.T)].astype(np.float64)
    plane = frame.to_plane(grid.to_world(place))
    grams = mineral[tuple(place.T)].astype(np.float64) * grid.voxel_volume_ml / 1000
    label = frame.name_regions(plane)
    content = np.bincount(label, grams, minlength=len(DXA_REGIONS) + 1)
    low = plane.min(axis=0) - 2
    shape = np.ceil((plane.max(axis=0) + 2 - low) / RASTER_MM).astype(int)
    voxel = float(grid.spacing[0])
    thick = splat(plane, share * voxel**3, low, RASTER_MM, (int(shape[0]), int(shape[1]))) / RASTER_MM**2
    # Voxels are larger than the pixels: their own width closes the gaps between them.
    thick = ndimage.uniform_filter(thick, 2 * round(voxel / RASTER_MM / 2) + 1)
    outline = np.argwhere(thick > 0.5 * voxel) * RASTER_MM + low
    pixels = np.bincount(frame.name_regions(outline), minlength=len(DXA_REGIONS) + 1)
    area = pixels * RASTER_MM**2 / 100
    found = {name: RegionMineral(float(content[n]), float(area[n])) for n, name in enumerate(DXA_REGIONS, start=1)}
    found[TOTAL_HIP] = RegionMineral(float(content[1:].sum()), float(area[1:].sum()))
    return found


def true_density(hip: Hip, part: Part) -> dict[str, RegionMineral]:
    """Return a virtual hip's true densitometry by region."""
    truth = part.truths[hip.side]
    return sum_regions(hip_frame(hip), paint_mineral(part, hip.side), truth.bone, truth.grid)
