"""Virtual trabecular bone in MRI: bright marrow, dark bone, k-space of finite extent, coil shading and Rician noise.

Bone has no signal of its own (its T2 is far below the echo time), so a voxel shows the marrow it holds. What a real
7 T image has beside that, and this one has not: dephasing around trabeculae, which makes them look thicker, and the
shift of fat against water.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.phantom.trabecular import TrabecularBlock
from marrowmap.phantom.trabecular import bone_fraction_map

FINE_MM = 0.06
"""Largest step at which the continuous model is asked before it is imaged."""
MARROW_SIGNAL = 1000.0


@dataclass(frozen=True)
class FlashScan:
    """How a block is imaged: a spoiled gradient echo whose k-space is sampled as far as its voxels ask for.

    The default is the published 7 T protocol for the distal femur (Chang 2012, J Bone Miner Metab 30:243-251).

    Parameters
    ----------
    voxel_mm : tuple of float
        Nominal voxel: half the shortest wavelength sampled along each axis.
    signal_to_noise : float
        Mean signal of pure marrow over the standard deviation of noise in either channel.
    shading : float
        Range of the logarithm of the coil's sensitivity over the block.
    marrow_spread : float
        Standard deviation, over its mean, of marrow's own signal (patches of red marrow).
    patch_mm : float
        Size of such patches.
    zero_filling : int
        Along the first two axes, k-space is padded with zeros to this many times its width.
    """

    voxel_mm: tuple[float, float, float] = (0.234, 0.234, 1.0)
    signal_to_noise: float = 15.0
    shading: float = 0.3
    marrow_spread: float = 0.02
    patch_mm: float = 3.0
    zero_filling: int = 1

    def __post_init__(self) -> None:
        if min(self.voxel_mm) <= 0 or self.signal_to_noise <= 0 or self.patch_mm <= 0 or self.zero_filling < 1:
            raise InputError("virtual MRI: voxels, signal to noise, patches and zero filling must be more than 0")
        if self.shading < 0 or self.marrow_spread < 0:
            raise InputError("virtual MRI: shading and spread of marrow must not be negative")


@dataclass(frozen=True)
class MarrowEdema:
    """A ball of edematous marrow.

    Parameters
    ----------
    center_mm : tuple of float
        In the block's own mm.
    radius_mm : float
    factor : float
        Its marrow's signal over that of other marrow; less than 1 where water is darker than fat.
    """

    center_mm: tuple[float, float, float]
    radius_mm: float
    factor: float


@dataclass(frozen=True)
class BlockImage:
    """A virtual image and its truth, from the noise-free model.

    Space: LPS is the block's own mm.

    Parameters
    ----------
    image : Volume
        Magnitude, signal.
    fraction : array of float32, shape of the grid
        Share of bone within each voxel's box, 0 to 1.
    edema : Mask
        Voxels whose center lies in the edema; empty where there is none.
    canal : Mask
        Voxels of the bone-free marrow beside the block; empty where there is none.
    """

    image: Volume
    fraction: NDArray[np.float32]
    edema: Mask
    canal: Mask

    def inner(self, margin_mm: float) -> Mask:
        """Return the voxels whose box lies `margin_mm` or more from the block's sides, where its bone is whole."""
        grid, held = self.image.grid, ~self.canal.array
        size = [int(held.any(axis=tuple(a for a in range(3) if a != axis)).sum()) for axis in range(3)]
        skip = np.ceil(margin_mm / grid.spacing - 1e-9).astype(int)
        array = np.zeros(grid.shape, bool)
        array[tuple(slice(s, n - s) for s, n in zip(skip, size, strict=True))] = True
        return Mask(grid, array)


def scan_block(
    block: TrabecularBlock,
    scan: FlashScan,
    seed: int,
    edema: MarrowEdema | None = None,
    canal_mm: float = 0.0,
) -> BlockImage:
    """Image a block by MRI.

    Parameters
    ----------
    block : TrabecularBlock
    scan : FlashScan
    seed : int
        Of noise, shading and patches of marrow; the block has its own.
    edema : MarrowEdema, optional
    canal_mm : float
        Width of marrow without bone beside the block, beyond its far end along the first axis (a medullary canal).

    Returns
    -------
    BlockImage

    Raises
    ------
    InputError
        If the block is smaller than four voxels along an axis.
    """
    voxel, filling = np.asarray(scan.voxel_mm), np.array([scan.zero_filling, scan.zero_filling, 1])
    finer = np.ceil(voxel / filling / FINE_MM).astype(int) * filling
    step = (float(voxel[0] / finer[0]), float(voxel[1] / finer[1]), float(voxel[2] / finer[2]))
    fine = bone_fraction_map(block, step, 1)
    shape = np.asarray(np.array(fine.shape) // finer)
    if shape.min() < 4:
        raise InputError(f"virtual MRI: the block gives {tuple(int(n) for n in shape)} voxels; make it larger")
    fine = fine[tuple(slice(0, n * f) for n, f in zip(shape, finer, strict=True))]
    canal = round(canal_mm / float(voxel[0]))
    fine = np.pad(fine, ((0, canal * int(finer[0])), (0, 0), (0, 0)))
    held = int(shape[0] * filling[0])
    shape[0] += canal
    rng = np.random.default_rng(seed)
    marrow = _marrow(fine.shape, step, scan, edema, rng)
    filled = shape * filling
    clean = _sampled(marrow * (1 - fine), shape, filled)
    # A receive field changes so slowly that the order of shading and sampling does not matter.
    shaded = clean * _shading(clean.shape, scan.shading, rng)
    noise = rng.normal(0, MARROW_SIGNAL / scan.signal_to_noise, (2, *(int(n) for n in shape)))
    # Noise is white where k-space was sampled and absent where it was filled.
    real, imaginary = (_sampled(part, shape, filled) for part in noise)
    grid = _grid(shape, voxel, filled)
    image = Volume(grid, np.hypot(shaded + real, imaginary).astype(np.float32))
    beside = np.zeros(grid.shape, bool)
    beside[held:] = True
    truth = _box_means(fine, finer // filling)
    return BlockImage(image, truth, Mask(grid, _within(grid.points(), edema)), Mask(grid, beside))


def _grid(shape: NDArray[np.int64], voxel: NDArray[np.float64], filled: NDArray[np.int64]) -> Grid:
    spacing = voxel * shape / filled
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = spacing / 2
    return Grid((int(filled[0]), int(filled[1]), int(filled[2])), affine)


def _within(points: NDArray[np.float64], edema: MarrowEdema | None) -> NDArray[np.bool_]:
    if edema is None:
        return np.zeros(points.shape[:3], bool)
    return np.asarray(((points - np.asarray(edema.center_mm)) ** 2).sum(axis=-1) <= edema.radius_mm**2)


def _marrow(
    shape: tuple[int, ...],
    step: tuple[float, float, float],
    scan: FlashScan,
    edema: MarrowEdema | None,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Return the signal pure marrow would have at each fine point."""
    # Patches are drawn on a coarse lattice: they are smooth, and the fine one is large.
    coarse = [max(2, round(n * s / (scan.patch_mm / 2))) for n, s in zip(shape, step, strict=True)]
    patches = ndimage.gaussian_filter(rng.normal(0, 1, coarse), 1.0, mode="wrap")
    patches = (patches - patches.mean()) / max(float(patches.std()), 1e-9)
    zoomed = ndimage.zoom(patches, [n / c for n, c in zip(shape, coarse, strict=True)], order=1)
    marrow = np.asarray(MARROW_SIGNAL * (1 + scan.marrow_spread * zoomed), np.float32)
    if edema is not None:
        x, y, z = ((np.arange(n) + 0.5) * s - c for n, s, c in zip(shape, step, edema.center_mm, strict=True))
        ball = x[:, None, None] ** 2 + y[None, :, None] ** 2 + z[None, None] ** 2 <= edema.radius_mm**2
        marrow[ball] *= np.float32(edema.factor)
    return marrow


def _sampled(signal: NDArray[np.floating], shape: NDArray[np.int64], filled: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return `signal` as reconstructed from the middle `shape` of its k-space, padded with zeros to `filled`.

    Real signal stays real: the outermost sample of an even axis, which has no partner, is left out.
    """
    result = np.asarray(signal, np.float64)
    for axis in range(3):
        have, kept, wanted = result.shape[axis], int(shape[axis]), int(filled[axis])
        space = np.fft.rfft(result, axis=axis)
        out = np.zeros((*space.shape[:axis], wanted // 2 + 1, *space.shape[axis + 1 :]), complex)
        most = (kept - 1) // 2 + 1 if (have, wanted) != (kept, kept) else have // 2 + 1
        index = tuple(slice(0, most) if a == axis else slice(None) for a in range(3))
        out[index] = space[index]
        # A sample of the finer lattice lies half a voxel of it, not of the coarser one, from the side.
        turn = np.exp(1j * np.pi * np.arange(wanted // 2 + 1) * (1 / wanted - 1 / have))
        out *= turn.reshape([-1 if a == axis else 1 for a in range(3)])
        result = np.fft.irfft(out, n=wanted, axis=axis) * (wanted / have)
    return result


def _shading(shape: tuple[int, ...], span: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the summed sensitivity of three coils around the block, log range `span`, geometric mean 1."""
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij", sparse=True)
    total = np.zeros(shape)
    for angle, height, gain in zip(
        rng.uniform(0, 2 * np.pi, 3), rng.uniform(-1, 1, 3), rng.uniform(0.5, 1, 3), strict=True
    ):
        squared = (x - 3 * np.cos(angle)) ** 2 + (y - 3 * np.sin(angle)) ** 2 + (z - height) ** 2
        # On its axis, a loop's field falls with distance like this (Biot and Savart); loops are as wide as the block.
        total += gain * (1 + squared) ** -1.5
    log = np.log(total)
    log *= span / max(float(np.ptp(log)), 1e-9)
    return np.asarray(np.exp(log - log.mean()))


def _box_means(fine: NDArray[np.float32], finer: NDArray[np.int64]) -> NDArray[np.float32]:
    split = [size for n, f in zip(fine.shape, finer, strict=True) for size in (n // f, f)]
    return np.asarray(fine.reshape(split).mean(axis=(1, 3, 5), dtype=np.float32))
