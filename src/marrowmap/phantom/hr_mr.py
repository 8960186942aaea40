"""A 7 T image of trabecular bone: spoiled gradient echo, k-space of finite extent, coil shading, Rician noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft
from scipy.fft import ifft

from marrowmap.image import Grid
from marrowmap.phantom.hr_site import Site
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import sub_grid
from marrowmap.phantom.layers import upsample
from marrowmap.phantom.mr import TISSUES
from marrowmap.phantom.trabecular_cells import Network
from marrowmap.phantom.trabecular_raster import Elements
from marrowmap.phantom.trabecular_raster import rasterize_slabs

FINER = (2, 2, 3)
"""Parts of a voxel along each axis in which the signal is painted before it is sampled."""
BEYOND = 2
"""Slices more at each end of the slab, painted and left out: k-space repeats the slab without end."""
POINTS = (2, 2, 4)
"""Points of each part at which the model is asked."""
T1_7T_MS: dict[str, float] = {"muscle": 1550, "cartilage": 1750, "joint_fluid": 3600, "edema": 1900, "red_marrow": 1350}
"""T1 of water at 7 T, from memory (see facts.md: M); others :data:`OTHER_T1_MS`."""
OTHER_T1_MS = 1500.0
FAT_T1_7T_MS = 400.0
T2_STAR_MS: dict[str, float] = {"cortical_bone": 0.4, "fascia": 1.5, "muscle": 18, "skin": 8, "nerve": 12}
"""From memory, others :data:`OTHER_T2_STAR_MS`; bone and tendon are gone before the echo."""
OTHER_T2_STAR_MS = 14.0
INFLOW = {"artery": 1.3, "vein": 0.8}
"""Blood that flows in has not been saturated: its signal over that of yellow marrow, a choice."""


@dataclass(frozen=True)
class HrMr:
    """How one side is scanned.

    The default is the published 7 T protocol (Chang 2012, J Bone Miner Metab 30:243-251) with fewer slices.

    Parameters
    ----------
    pixel_mm, thickness_mm : float
        Slices touch each other.
    matrix, slices : int
    repetition_ms, echo_ms, flip_deg : float
        The flip angle is a choice.
    field_t : float
    signal_to_noise : float
        Of yellow marrow where the coil is at its mean.
    shading : float
        Range of the logarithm of the coil's sensitivity over the body.
    """

    pixel_mm: float = 0.234
    thickness_mm: float = 1.0
    matrix: int = 512
    slices: int = 28
    repetition_ms: float = 20.0
    echo_ms: float = 5.02
    flip_deg: float = 10.0
    field_t: float = 7.0
    signal_to_noise: float = 20.0
    shading: float = 0.7

    @property
    def half_mm(self) -> tuple[float, float, float]:
        """Half the box that is imaged, LPS."""
        wide = self.matrix * self.pixel_mm / 2
        return (wide, wide, self.slices * self.thickness_mm / 2)


def sample_hr_mr(rng: np.random.Generator) -> HrMr:
    """Draw how well a coil works: signal to noise of 15 to 25 and its shading are choices."""
    return HrMr(signal_to_noise=float(rng.uniform(15, 25)), shading=float(rng.uniform(0.5, 0.9)))


def flash_signal(tissue: str, scan: HrMr) -> float:
    """Return a tissue's signal in a spoiled gradient echo; water and fat are nearly in phase at the echo."""
    density, _, _, _, fat = TISSUES[tissue]
    angle = np.radians(scan.flip_deg)

    def spoiled(t1: float) -> float:
        left = np.exp(-scan.repetition_ms / t1)
        return float(np.sin(angle) * (1 - left) / (1 - np.cos(angle) * left))

    water = spoiled(T1_7T_MS.get(tissue, OTHER_T1_MS))
    decay = np.exp(-scan.echo_ms / T2_STAR_MS.get(tissue, OTHER_T2_STAR_MS))
    return float(density * ((1 - fat) * water + fat * spoiled(FAT_T1_7T_MS)) * decay)


def hr_mr_grid(scan: HrMr, site: Site, finer: tuple[int, int, int] = (1, 1, 1), beyond: int = 0) -> Grid:
    """Return the axial slices' grid, LPS without tilt: i to the left, j to the back, k up.

    `beyond` slices more lie at each end.
    """
    shape = np.array([scan.matrix, scan.matrix, scan.slices + 2 * beyond]) * finer
    step = np.array([scan.pixel_mm, scan.pixel_mm, scan.thickness_mm]) / finer
    affine = np.diag([*step, 1.0])
    affine[:3, 3] = site.center - (shape - 1) / 2 * step
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def _bone_box(site: Site, grid: Grid) -> tuple[slice, slice]:
    """Return the columns and rows of a fine grid that hold all bone, in whole voxels of the image."""
    where = np.argwhere(site.fields["any_bone"] < 1.0)
    ends = grid.to_index(site.grid.to_world(np.stack([where.min(axis=0) - 2, where.max(axis=0) + 2])))
    box = []
    for axis in (0, 1):
        step = FINER[axis]
        low = int(np.clip(np.floor(ends[:, axis].min() / step), 0, grid.shape[axis] // step - 1))
        high = int(np.clip(np.ceil(ends[:, axis].max() / step) + 1, low + 1, grid.shape[axis] // step))
        box.append(slice(low * step, high * step))
    return box[0], box[1]


def bone_shares(
    site: Site, elements: Elements, grid: Grid, points: tuple[int, int, int], slab: int
) -> Iterator[tuple[slice, Array, Array]]:
    """Yield the shares of each voxel that are bone and that lie in any bone at all, marrow included, slab by slab.

    Parameters
    ----------
    site : Site
    elements : Elements
        LPS mm.
    grid : Grid
        Axis-aligned.
    points : tuple of int
        How many points of a voxel are asked along each axis.
    slab : int
        Slices at a time.
    """
    step = grid.spacing
    moved = elements.moved(np.eye(3), -(np.asarray(grid.affine[:3, 3]) - step / 2))
    voxel = (float(step[0]), float(step[1]), float(step[2]))
    blur = float(step.max())
    for slices, trabeculae in rasterize_slabs(moved, grid.shape, voxel, points, slab):
        part = sub_grid(grid, (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slices))
        distance = upsample(site.fields["any_bone"], site.grid, part)
        whole = occupancy(distance, blur)
        distance += upsample(site.fields["cortex"], site.grid, part)
        marrow = np.minimum(occupancy(distance, blur), whole)
        yield slices, trabeculae * marrow + (whole - marrow), whole


def _signals(site: Site, scan: HrMr) -> tuple[Array, Array, np.float32]:
    """Return what soft tissue and marrow are worth on the fields' grid, and bone; yellow marrow is 1."""
    unit = flash_signal("yellow_marrow", scan)

    def worth(tissue: str) -> np.float32:
        return np.float32(INFLOW.get(tissue, flash_signal(tissue, scan) / unit))

    soft = np.zeros(site.grid.shape, np.float32)
    for tissue, share in site.tissues.items():
        soft += share * (worth(tissue) - soft)
    marrow = 1 + site.fields["red"] * (worth("red_marrow") - 1)
    marrow += site.fields["edema"] * (worth("edema") - marrow)
    return soft, marrow, worth("cortical_bone")


def paint_hr(site: Site, network: Network, scan: HrMr) -> Iterator[tuple[int, Array, Array]]:
    """Yield the noise-free signal one slice after the other, on the fine grid, and the slice's true share of bone.

    Yields
    ------
    slice_number : int
        From -:data:`BEYOND` on.
    signal : array, shape (matrix * FINER[0], matrix * FINER[1], FINER[2])
        Yellow marrow is 1. Nothing here knows of the image's voxels.
    fraction : array, shape (matrix, matrix)
    """
    grid = hr_mr_grid(scan, site, FINER, BEYOND)
    flat = hr_mr_grid(scan, site, (1, 1, FINER[2]), BEYOND)
    soft, marrow, bone_worth = _signals(site, scan)
    box = _bone_box(site, grid)
    coarse = tuple(slice(s.start // f, s.stop // f) for s, f in zip(box, FINER, strict=False))
    whole_grid = slice(0, grid.shape[2])
    bones = bone_shares(site, network.elements, sub_grid(grid, (*box, whole_grid)), POINTS, FINER[2])
    for number, (planes, bone, whole) in enumerate(bones):
        # Soft tissue changes slowly: it needs no finer columns and rows than the image has.
        image = upsample(soft, site.grid, sub_grid(flat, (slice(0, scan.matrix), slice(0, scan.matrix), planes)))
        image = image.repeat(FINER[0], axis=0).repeat(FINER[1], axis=1)
        view = image[box]
        view *= 1 - whole
        view += (whole - bone) * upsample(marrow, site.grid, sub_grid(grid, (*box, planes)))
        view += bone * bone_worth
        fraction = np.zeros((scan.matrix, scan.matrix), np.float32)
        i, j, _ = bone.shape
        fraction[coarse] = bone.reshape(i // FINER[0], FINER[0], j // FINER[1], FINER[1], -1).mean(axis=(1, 3, 4))
        yield number - BEYOND, image, fraction


def sample_k_space(image: NDArray[np.inexact], axis: int, kept: int) -> NDArray[np.complex64]:
    """Return an image as reconstructed from the middle `kept` samples of its k-space along one axis.

    A fine point (n + 1/2) / finer and a voxel's middle are the same place: the half step between them is a phase.
    """
    have = image.shape[axis]
    frequency = np.fft.fftfreq(kept, 1 / kept)
    turn = np.exp(1j * np.pi * frequency * (1 / kept - 1 / have)).astype(np.complex64)
    space = np.take(fft(image, axis=axis), frequency.astype(int) % have, axis=axis)
    space *= turn.reshape([-1 if n == axis else 1 for n in range(image.ndim)])
    space *= np.float32(kept / have)
    return np.asarray(ifft(space, axis=axis, overwrite_x=True), np.complex64)


def coil_field(grid: Grid, site: Site, shading: float, rng: np.random.Generator) -> Array:
    """Return a coil's sensitivity, mean logarithm 0: brighter near its elements around the limb."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32).reshape(shape) for n, shape in _axes(grid))
    total = np.zeros(grid.shape, np.float32)
    for n in range(8):
        angle = 2 * np.pi * (n + rng.uniform(-0.2, 0.2)) / 8
        a, b, c = 1.15 * np.cos(angle), 1.15 * np.sin(angle), rng.uniform(-1.0, 1.0)
        strength = np.float32(rng.uniform(0.6, 1.2))
        total += strength / (
            (x - np.float32(a)) ** 2 + (y - np.float32(b)) ** 2 + (0.2 * (z - c)) ** 2 + np.float32(0.5)
        )
    total = np.log(total)
    total -= total.mean()
    inner = np.hypot(x, y) < 0.85
    spread = float(np.ptp(total[np.broadcast_to(inner, total.shape)]))
    return np.asarray(np.exp(total * np.float32(shading / max(spread, 1e-6))), np.float32)


def _axes(grid: Grid) -> list[tuple[int, tuple[int, int, int]]]:
    return [(grid.shape[0], (-1, 1, 1)), (grid.shape[1], (1, -1, 1)), (grid.shape[2], (1, 1, -1))]


def scan_hr_mr(site: Site, network: Network, scan: HrMr, seed: int) -> tuple[NDArray[np.uint16], Grid, Array]:
    """Image a site.

    Returns
    -------
    pixels : array of uint16, shape (matrix, matrix, slices)
        12 bits.
    grid : Grid
    fraction : array
        True share of bone in each voxel.
    """
    rng = np.random.default_rng([seed, 420 + (site.side.sign < 0)])
    many = scan.slices + 2 * BEYOND
    planes = np.empty((scan.matrix, scan.matrix, many * FINER[2]), np.complex64)
    fraction = np.zeros((scan.matrix, scan.matrix, scan.slices), np.float32)
    for number, signal, share in paint_hr(site, network, scan):
        start = (number + BEYOND) * FINER[2]
        # Planes that lie together in memory are transformed faster.
        sampled = sample_k_space(sample_k_space(np.moveaxis(signal, 2, 0).copy(), 2, scan.matrix), 1, scan.matrix)
        planes[:, :, start : start + FINER[2]] = np.moveaxis(sampled, 0, 2)
        if 0 <= number < scan.slices:
            fraction[:, :, number] = share
    image = sample_k_space(planes, 2, many)[:, :, BEYOND : BEYOND + scan.slices]
    del planes
    grid = hr_mr_grid(scan, site)
    shape = (scan.matrix, scan.matrix, scan.slices)
    # A coil's field changes so slowly that the order of shading and sampling does not matter.
    image *= coil_field(grid, site, scan.shading, rng)
    sigma = np.float32(1 / scan.signal_to_noise)
    image.real += sigma * rng.standard_normal(shape, np.float32)
    image.imag += sigma * rng.standard_normal(shape, np.float32)
    magnitude = np.abs(image)
    scale = 1200.0 / float(np.percentile(magnitude[::4, ::4], 99))
    return np.asarray(np.clip(np.rint(magnitude * scale), 0, 4095), np.uint16), grid, fraction
