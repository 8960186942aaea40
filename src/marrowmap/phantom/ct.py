"""CT of a virtual pelvis: the layers of the MR painted in Hounsfield units, thin axial slices, written as DICOM."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import CTImageStorage
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import add_person_and_study
from marrowmap.phantom.dicom import add_slice
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dicom import new_file
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import box_around
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.layers import upsample
from marrowmap.phantom.mr import feather
from marrowmap.phantom.person import Person
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

HOUNSFIELD: dict[str, float] = {
    "air": -1000,
    "metal": 3000,
    "pile_up": 60,
    "skin": 40,
    "subcutaneous_fat": -105,
    "fat": -100,
    "septa": -20,
    "fascia": 50,
    "capsule": 60,
    "muscle": 58,
    "cortical_bone": 1600,
    "resorbed_bone": -20,
    "yellow_marrow": -75,
    "red_marrow": 20,
    "edema": 15,
    "granulation": 45,
    "necrotic_blood": 50,
    "necrotic_fluid": 12,
    "necrotic_fibrous": 70,
    "tumor": 45,
    "cartilage": 85,
    "joint_fluid": 10,
    "artery": 45,
    "vein": 42,
    "nerve": 30,
    "bowel_wall": 40,
    "bowel_content": 25,
    "bladder_wall": 40,
    "urine": 5,
    "uterus": 50,
    "endometrium": 40,
    "prostate": 40,
    "prostate_core": 38,
    "disc": 80,
}
"""Usual textbook values without contrast medium, from memory. Bone is a choice: with the model's trabeculae it comes
near the 261 HU of healthy heads (Xiong 2015, facts.md 4.2); in the place of lost mineral is marrow, half of it red.
Metal and what MR sees around it are choices."""
AIR_HU = -1000.0
LOWEST_HU = -1024
"""What a stored 0 stands for."""
SLAB = 16
"""Slices made at a time, so that memory stays small."""


@dataclass(frozen=True)
class CtScan:
    """How a CT of the pelvis is scanned.

    Parameters
    ----------
    pixel_mm, thickness_mm, fov_mm : float
        Slices touch each other.
    above_mm, below_mm : float
        How far the slices reach from the level of the head centers.
    noise_hu : float
        Standard deviation in soft tissue.
    kernel_mm : float
        Standard deviation of the soft kernel that smooths noise.
    """

    pixel_mm: float = 0.6
    thickness_mm: float = 1.0
    fov_mm: float = 384.0
    above_mm: float = 46.0
    below_mm: float = 82.0
    noise_hu: float = 16.0
    kernel_mm: float = 0.7


def sample_ct(rng: np.random.Generator) -> CtScan:
    """Draw how a CT is scanned; noise of 10 to 25 HU is a choice."""
    return CtScan(noise_hu=float(rng.uniform(10, 25)), kernel_mm=float(rng.uniform(0.5, 0.9)))


def ct_grid(scan: CtScan, person: Person) -> Grid:
    """Return the axial slices' grid: i to the left, j to the back, k up, LPS mm, without tilt."""
    count = round(scan.fov_mm / scan.pixel_mm / 2) * 2
    slices = round((scan.above_mm + scan.below_mm) / scan.thickness_mm)
    affine = np.diag([scan.pixel_mm, scan.pixel_mm, scan.thickness_mm, 1.0])
    half = (count - 1) / 2 * scan.pixel_mm
    affine[:3, 3] = person.origin + np.array((-half, 8.0 - half, -scan.below_mm))
    return Grid((count, count, slices), affine)


def _cut(image: Array, grid: Grid, target: Grid) -> tuple[Array, Grid]:
    """Return the part of an axis-aligned image that the slices of a target lie in, two voxels more on each side."""
    ends = grid.to_index(np.stack([target.to_world((0, 0, 0)), target.to_world(np.array(target.shape) - 1)]))[:, 2]
    low = int(np.clip(np.floor(ends[0]) - 2, 0, grid.shape[2] - 2))
    high = int(np.clip(np.ceil(ends[1]) + 3, low + 2, grid.shape[2]))
    return image[:, :, low:high], sub_grid(grid, (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(low, high)))


def render_ct(scene: Scene, grid: Grid) -> Iterator[tuple[slice, Array]]:
    """Yield the noise-free image in HU, some slices of the grid at a time."""

    def above_air(tissue: str) -> float:
        return HOUNSFIELD[tissue] - AIR_HU

    coarse = paint_layers(scene.coarse.layers, scene.coarse.grid.shape, above_air)
    fine = []
    for part in scene.fine.values():
        coarse *= 1 - feather(part.grid, scene.coarse.grid)
        fine.append((part.grid, paint_layers(part.layers, part.grid.shape, above_air) * feather(part.grid, part.grid)))
    for start in range(0, grid.shape[2], SLAB):
        slices = slice(start, min(start + SLAB, grid.shape[2]))
        slab = sub_grid(grid, (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slices))
        out = upsample(*_cut(coarse, scene.coarse.grid, slab), slab)
        for source, image in fine:
            corners = np.stack([source.to_world((0, 0, 0)), source.to_world(np.array(source.shape) - 1)])
            box = box_around(slab, corners, 0.0)
            if box is not None:
                # The feathered image is 0 at its edge, so that nothing is added beyond it.
                part_grid = sub_grid(slab, box)
                out[box] += upsample(*_cut(image, source, part_grid), part_grid)
        yield slices, np.asarray(out + np.float32(AIR_HU), np.float32)


def degrade_ct(image: Array, scan: CtScan, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Add noise smoothed by the kernel, and store HU above :data:`LOWEST_HU` in 12 bits."""
    noise = rng.standard_normal(image.shape, np.float32)
    pixels = scan.kernel_mm / scan.pixel_mm
    noise = ndimage.gaussian_filter(noise, (pixels, pixels, 0.0))
    # What a Gaussian of this width leaves of white noise, by its own discrete weights.
    line = np.zeros(61)
    line[30] = 1
    kept = float((ndimage.gaussian_filter1d(line, pixels) ** 2).sum())
    noisy = image + noise * np.float32(scan.noise_hu / kept)
    return np.asarray(np.clip(np.rint(noisy - LOWEST_HU), 0, 4095), np.uint16)


def write_ct(
    folder: Path, scene: Scene, scan: CtScan, study: StudyTags, number: int, rng: np.random.Generator
) -> tuple[str, Grid]:
    """Write a CT of a scene, one file a slice, in the frame of reference of its MR.

    Parameters
    ----------
    folder : Path
        To make; file names are the instance numbers.
    scene : Scene
    scan : CtScan
    study : StudyTags
    number : int
        Series Number.
    rng : Generator

    Returns
    -------
    series_uid : str
    grid : Grid
    """
    grid = ct_grid(scan, scene.person)
    series_uid = make_uid(study.study_uid, "series", number)
    folder.mkdir(parents=True)
    both = (Side.LEFT, Side.RIGHT)
    for slices, image in render_ct(scene, grid):
        pixels = degrade_ct(image, scan, rng)
        for index in range(slices.start, slices.stop):
            data = new_file(CTImageStorage, make_uid(series_uid, index))
            data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
            data.SeriesInstanceUID = series_uid
            data.SeriesNumber = number
            data.SeriesDescription = data.ProtocolName = "CT PELVIS 1.0 SOFT"
            data.SliceThickness = scan.thickness_mm
            add_person_and_study(data, study, both, number, "CT")
            data.KVP = 120
            data.ConvolutionKernel = "SOFT"
            data.RescaleIntercept, data.RescaleSlope, data.RescaleType = LOWEST_HU, 1, "HU"
            slab = sub_grid(grid, (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slices))
            add_slice(data, pixels, slab, index - slices.start)
            data.InstanceNumber = index + 1
            del data.SpacingBetweenSlices
            data.WindowCenter, data.WindowWidth = 300, 1500
            data.save_as(folder / f"{index + 1:04d}.dcm", enforce_file_format=True)
    return series_uid, grid
