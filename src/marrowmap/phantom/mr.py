"""MR physics and geometry: from layers of tissue to noisy slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from marrowmap.image import Grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.layers import smoothstep
from marrowmap.phantom.person import Person
from marrowmap.values import Side


class Orientation(Enum):
    """Which way slices are stacked."""

    CORONAL = "coronal"
    AXIAL = "axial"


class Contrast(Enum):
    """The sequences of a hip exam."""

    T1 = "T1"
    STIR = "STIR"
    PD_FAT_SATURATED = "PD FS"

    @property
    def fluid_sensitive(self) -> bool:
        """Say whether edema shows bright."""
        return self is not Contrast.T1


@dataclass(frozen=True)
class Timing:
    """Times of a sequence in ms, and its echo train."""

    repetition_ms: float
    echo_ms: float
    inversion_ms: float | None
    echo_train: int


@dataclass(frozen=True)
class Acquisition:
    """How an exam is scanned.

    Parameters
    ----------
    contrasts : tuple of Contrast
        One series each, all with the same slices.
    orientation : Orientation
    sides : tuple of Side
        One side: small field of view around that hip; both: around the middle.
    slice_count : int
    thickness_mm, gap_mm : float
        Slices lie `thickness_mm` + `gap_mm` apart.
    pixel_mm, fov_mm : float
        Square pixels and field of view.
    field_t : float
        1.5 or 3.
    noise : float
        1: usual; standard deviation relative to that.
    bias : float
        Logarithm of the strongest coil shading, about 0.3.
    ghost : float
        Strength of the motion ghost, about 0.015.
    tilt_deg : tuple of float
        Rotation of the slices about x, y, z.
    shift_mm : tuple of float
        Of the slices' middle from the hips' usual middle, LPS.
    metal_side : Side or None
        A hip with a screw in it.
    """

    contrasts: tuple[Contrast, ...] = (Contrast.T1, Contrast.STIR)
    orientation: Orientation = Orientation.CORONAL
    sides: tuple[Side, ...] = (Side.LEFT, Side.RIGHT)
    slice_count: int = 30
    thickness_mm: float = 4.0
    gap_mm: float = 0.4
    pixel_mm: float = 0.75
    fov_mm: float = 380.0
    field_t: float = 1.5
    noise: float = 1.0
    bias: float = 0.25
    ghost: float = 0.012
    tilt_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    metal_side: Side | None = None


def sample_acquisition(rng: np.random.Generator, affected: Side | None) -> Acquisition:
    """Draw how an exam is scanned; a small field of view always shows the affected hip."""
    orientation = Orientation.CORONAL if rng.random() < 0.75 else Orientation.AXIAL
    one_hip = rng.random() < 0.2
    side = affected or (Side.LEFT if rng.random() < 0.5 else Side.RIGHT)
    fluid = Contrast.STIR if rng.random() < 0.75 else Contrast.PD_FAT_SATURATED
    third = rng.random() < 0.15 and fluid is Contrast.STIR
    thickness = float(rng.choice([3.0, 3.5, 4.0, 4.0, 5.0]))
    gap = float(np.round(thickness * rng.choice([0.0, 0.1, 0.1, 0.2]), 2))
    reach = 118.0 if orientation is Orientation.CORONAL else 150.0
    metal = rng.random() < 0.06
    other = side.opposite if affected is not None else side
    fov = float(rng.uniform(190, 230) if one_hip else rng.uniform(365, 410))
    return Acquisition(
        contrasts=(Contrast.T1, fluid, Contrast.PD_FAT_SATURATED) if third else (Contrast.T1, fluid),
        orientation=orientation,
        sides=(side,) if one_hip else (Side.LEFT, Side.RIGHT),
        slice_count=int(np.clip(np.ceil(reach / (thickness + gap) + rng.integers(-1, 3)), 22, 40)),
        thickness_mm=thickness,
        gap_mm=gap,
        pixel_mm=float(np.round(rng.uniform(0.5, 0.65) if one_hip else rng.uniform(0.65, 0.8), 3)),
        fov_mm=float(np.round(fov)),
        field_t=float(rng.choice([1.5, 3.0])),
        noise=float(rng.uniform(0.7, 1.5)),
        bias=float(rng.uniform(0.12, 0.38)),
        ghost=float(rng.uniform(0.0, 0.025)),
        tilt_deg=tuple(float(v) for v in rng.normal(0, (2.5, 2.0, 2.0))),  # type: ignore[arg-type]
        shift_mm=tuple(float(v) for v in rng.normal(0, (4.0, 4.0, 6.0))),  # type: ignore[arg-type]
        metal_side=other if metal and not (one_hip and affected is not None) else None,
    )


def slice_grid(acquisition: Acquisition, person: Person) -> Grid:
    """Return the slices' grid: i column, j row, k slice in order of rising position along the normal, LPS mm."""
    if len(acquisition.sides) == 1:
        middle = person.hips[acquisition.sides[0]].center + np.array([10.0 * acquisition.sides[0].sign, 8.0, -14.0])
    else:
        middle = person.origin + np.array([0.0, 8.0, -18.0])
    middle = middle + np.array(acquisition.shift_mm)
    # Coronal: columns to the patient's left, rows to the feet, slices to the back. Axial: left, back, up.
    usual = (
        np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) if acquisition.orientation is Orientation.CORONAL else np.eye(3)
    )
    turn = Rotation.from_euler("xyz", acquisition.tilt_deg, degrees=True).as_matrix() @ usual
    count = round(acquisition.fov_mm / acquisition.pixel_mm / 2) * 2
    shape = (count, count, acquisition.slice_count)
    spacing = np.array([acquisition.pixel_mm, acquisition.pixel_mm, acquisition.thickness_mm + acquisition.gap_mm])
    if acquisition.orientation is Orientation.AXIAL:
        middle = middle + np.array([0.0, 0.0, -6.0])
    affine = np.eye(4)
    affine[:3, :3] = turn * spacing
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


# Tissue: proton density, T1 at 1.5 T, T1 at 3 T, T2 (ms) of its water, and its share of fat.
# T1 and T2 of fat, muscle, cartilage, synovial fluid and marrow follow Gold 2004 (AJR 183:343), the others usual review
# values; all from memory (facts.md: M). Fat's T1 is shortened to what turbo spin echo trains null at TI 150-160 ms.
# Resorbed bone is worth what bone is: MR does not show the loss of mineral (bone_loss.py).
TISSUES: dict[str, tuple[float, float, float, float, float]] = {
    "air": (0.0, 1000, 1000, 50, 0.0),
    "metal": (0.0, 1000, 1000, 50, 0.0),
    "pile_up": (1.6, 600, 800, 60, 0.5),
    "skin": (0.7, 900, 1100, 35, 0.1),
    "subcutaneous_fat": (1.0, 900, 1100, 40, 0.96),
    "fat": (0.98, 900, 1100, 40, 0.92),
    "septa": (0.45, 900, 1100, 28, 0.2),
    "fascia": (0.25, 900, 1100, 18, 0.05),
    "capsule": (0.35, 900, 1100, 22, 0.05),
    "muscle": (0.82, 1050, 1350, 36, 0.02),
    "cortical_bone": (0.06, 800, 900, 5, 0.1),
    "resorbed_bone": (0.06, 800, 900, 5, 0.1),
    "yellow_marrow": (0.98, 900, 1100, 60, 0.94),
    "red_marrow": (0.92, 900, 1100, 48, 0.42),
    "edema": (0.95, 1300, 1600, 78, 0.03),
    "granulation": (0.90, 1500, 1800, 90, 0.0),
    "necrotic_blood": (0.95, 420, 520, 90, 0.2),
    "necrotic_fluid": (1.0, 1800, 2200, 200, 0.0),
    "necrotic_fibrous": (0.40, 900, 1100, 20, 0.05),
    "tumor": (0.85, 1600, 1900, 75, 0.0),
    "cartilage": (0.75, 1050, 1240, 40, 0.0),
    "joint_fluid": (1.05, 2850, 3600, 500, 0.0),
    "artery": (0.10, 1400, 1650, 150, 0.0),
    "vein": (0.75, 1400, 1650, 130, 0.0),
    "nerve": (0.8, 1000, 1250, 55, 0.25),
    "bowel_wall": (0.8, 1000, 1250, 50, 0.02),
    "bowel_content": (0.8, 900, 1100, 65, 0.15),
    "bladder_wall": (0.8, 1050, 1300, 45, 0.0),
    "urine": (1.0, 3200, 3800, 900, 0.0),
    "uterus": (0.85, 1150, 1400, 70, 0.0),
    "endometrium": (0.95, 1500, 1800, 140, 0.0),
    "prostate": (0.85, 1150, 1400, 75, 0.0),
    "prostate_core": (0.85, 1100, 1300, 60, 0.0),
    "disc": (0.8, 1100, 1300, 75, 0.0),
}
FAT_T1_MS = {1.5: 250.0, 3.0: 325.0}
FAT_T2_MS = 105.0
FAT_SATURATION_LEFT = 0.07
"""Share of fat signal that chemical fat saturation leaves."""

# Standard deviation of noise over muscle's signal, per sequence; 1.4 times less at 3 T.
NOISE_OF_MUSCLE = {Contrast.T1: 0.055, Contrast.STIR: 0.13, Contrast.PD_FAT_SATURATED: 0.07}


def timing(contrast: Contrast, field_t: float) -> Timing:
    """Return the usual times of a sequence."""
    if contrast is Contrast.T1:
        return Timing(600.0 if field_t < 2 else 720.0, 11.0, None, 3)
    if contrast is Contrast.STIR:
        return Timing(4600.0, 42.0, 160.0 if field_t < 2 else 208.0, 10)
    return Timing(3200.0, 36.0, None, 8)


def _spin_echo(times: Timing, t1: float, t2: float) -> float:
    if times.inversion_ms is None:
        along = 1 - np.exp(-times.repetition_ms / t1)
    else:
        along = abs(1 - 2 * np.exp(-times.inversion_ms / t1) + np.exp(-times.repetition_ms / t1))
    return float(along * np.exp(-times.echo_ms / t2))


def tissue_signal(tissue: str, contrast: Contrast, field_t: float) -> float:
    """Return the signal of a tissue: magnitude of spin echo or inversion recovery, water and fat added.

    Raises
    ------
    KeyError
        If the tissue is not in :data:`TISSUES`.
    """
    density, t1_low, t1_high, t2, fat = TISSUES[tissue]
    times = timing(contrast, field_t)
    water_signal = _spin_echo(times, t1_low if field_t < 2 else t1_high, t2)
    fat_signal = _spin_echo(times, FAT_T1_MS[field_t], FAT_T2_MS)
    if contrast is Contrast.PD_FAT_SATURATED:
        fat_signal *= FAT_SATURATION_LEFT
    return density * ((1 - fat) * water_signal + fat * fat_signal)


def paint(layers: Sequence[Layer], shape: tuple[int, ...], contrast: Contrast, field_t: float) -> Array:
    """Paint layers of tissue into an image of signal on their grid."""
    image = paint_layers(layers, shape, lambda tissue: tissue_signal(tissue, contrast, field_t))
    return np.maximum(image, 0)


def feather(fine: Grid, grid: Grid, margin_mm: float = 12.0) -> Array:
    """Return how much a fine grid counts at points of an axis-aligned grid: 1 inside, 0 at its edge and beyond.

    It rises smoothly: a kink would show as a line where the coarser grid is interpolated.
    """
    low = fine.affine[:3, 3]
    high = fine.to_world(np.array(fine.shape) - 1)
    result = np.ones(grid.shape, np.float32)
    for axis, values in enumerate(coordinates(grid)):
        inside = np.minimum(values - np.float32(low[axis]), np.float32(high[axis]) - values)
        result *= smoothstep(inside, 1.0, 1.0 + margin_mm)
    return result


def _profile(thickness_mm: float, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Offsets through the slice (mm) and weights: a box with edges softened over 0.8 mm."""
    reach = thickness_mm / 2 + 0.8
    offsets = (np.arange(count) + 0.5) / count * 2 * reach - reach
    weights = np.clip((reach - np.abs(offsets)) / 1.6, 0, 1)
    return offsets, weights / weights.sum()


def through_slices(image: Array, source: Grid, target: Grid, thickness_mm: float, out: Array, count: int = 5) -> None:
    """Average an image over each slice's profile and add it to `out` (on the target grid), where it reaches."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (np.array(source.shape) - 1)
    index = target.to_index(source.to_world(corners))
    reach = np.array([1.0, 1.0, thickness_mm / target.spacing[2] + 1])
    low = np.clip(np.floor(index.min(axis=0) - reach), 0, target.shape).astype(int)
    high = np.clip(np.ceil(index.max(axis=0) + reach) + 1, 0, target.shape).astype(int)
    if (high - low).min() < 1:
        return
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    offsets, weights = _profile(thickness_mm, count)
    matrix = np.linalg.inv(source.affine[:3, :3]) @ target.affine[:3, :3]
    for offset, weight in zip(offsets, weights, strict=True):
        start = source.to_index(target.to_world(low) + target.axes[:, 2] * offset)
        out[box] += np.float32(weight) * ndimage.affine_transform(
            image, matrix, offset=start, output_shape=tuple(high - low), order=1, mode="constant", output=np.float32
        )


def _coil_shading(grid: Grid, rng: np.random.Generator, strength: float) -> Array:
    """Smooth shading: near the front and back coil elements brighter than deep inside."""
    axis = [np.linspace(-1, 1, n, dtype=np.float32) for n in grid.shape]
    i, j, k = axis[0][:, None, None], axis[1][None, :, None], axis[2][None, None, :]
    total = np.zeros(grid.shape, np.float32)
    for _ in range(4):
        a, b, c = (np.float32(v) for v in rng.uniform(-1.1, 1.1, 3))
        total += np.float32(rng.uniform(0.5, 1.0)) * np.exp(-((i - a) ** 2 + (j - b) ** 2 + 0.5 * (k - c) ** 2) / 0.9)
    total -= total.mean()
    total *= np.float32(strength / max(float(np.abs(total).max()), 1e-6))
    return np.asarray(np.exp(total), np.float32)


def degrade(
    image: Array, grid: Grid, acquisition: Acquisition, contrast: Contrast, rng: np.random.Generator
) -> NDArray[np.uint16]:
    """Add coil shading, a motion ghost and Rician noise, and scale to 12 bit like a scanner."""
    field_t = acquisition.field_t
    shaded = image * _coil_shading(grid, rng, acquisition.bias)
    shift = int(rng.integers(image.shape[1] // 6, image.shape[1] // 3))
    phase = rng.uniform(0, np.pi)
    strength = np.asarray(acquisition.ghost * rng.uniform(0.5, 1.0, image.shape[2]), np.float32)
    ghost = np.roll(shaded, shift, axis=1) * strength
    muscle = tissue_signal("muscle", contrast, field_t)
    sigma = NOISE_OF_MUSCLE[contrast] * muscle * acquisition.noise / (1.4 if field_t > 2 else 1.0)
    real = shaded + ghost * np.float32(np.cos(phase)) + sigma * rng.standard_normal(image.shape, np.float32)
    imaginary = ghost * np.float32(np.sin(phase)) + sigma * rng.standard_normal(image.shape, np.float32)
    magnitude = np.sqrt(real**2 + imaginary**2)
    body = image[image > np.float32(0.2 * muscle)]
    scale = 900.0 / float(np.percentile(body, 98)) if body.size else 1.0
    return np.asarray(np.clip(np.rint(magnitude * scale), 0, 4095), np.uint16)
