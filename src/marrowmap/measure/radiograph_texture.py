"""Fine structure of one femoral head of a radiograph against the other's: trabeculae, as far as a film shows them.

The socket's edges lie over the head and differ with pose: the ratio follows a loss of mineral, but by less than half,
and varies between well sides by more. It is descriptive; nothing is judged by it. The neck is too small to tell.

The structure is what is left of the attenuation between two smoothings, 1 to 4 mm wide, its spread taken robustly, so
that the few sharp edges of cortex and socket do not decide. Quantum noise is measured in what is finer still, carried
into that band as white noise, and subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.radiograph_fit import HipPlaneImage
from marrowmap.errors import InputError
from marrowmap.values import Quantity
from marrowmap.values import Side

BAND_MM = (0.5, 2.0)
"""Standard deviations of the two smoothings."""
NOISE_PIXELS = (0.0, 0.8)
"""The same, in pixels, for what is nearly noise alone."""
INNER = 0.8
"""Of the head radius: the rim is left out, as its edge is no texture."""
PATCH_MM2 = 8.0
"""One independent place in the band."""
FLOOR = 0.20
"""Standard deviation of the logarithm of the ratio between well sides that counting places does not give: edges of the
socket lie differently over both heads; tuning seeds."""
LEAST_LIT = 0.8
LEAST_SHARE = 0.25
"""Structure below this share of what is measured with the noise is not told from it."""


@dataclass(frozen=True)
class Structure:
    """Fine structure of one head.

    Parameters
    ----------
    spread : float
        Standard deviation of attenuation in the band, noise taken out, in the image's unit.
    noise : float
        What was taken out.
    area_mm2 : float
    """

    spread: float
    noise: float
    area_mm2: float


def _band_noise(pixel_mm: tuple[float, float]) -> float:
    """Return white noise's standard deviation in the band over that in the finest structure."""
    dot = np.zeros((129, 129))
    dot[64, 64] = 1.0
    pixels = np.asarray(pixel_mm)
    band = _between(dot, BAND_MM[0] / pixels, BAND_MM[1] / pixels)
    fine = _between(dot, np.full(2, NOISE_PIXELS[0]), np.full(2, NOISE_PIXELS[1]))
    return float(np.linalg.norm(band) / np.linalg.norm(fine))


def _between(image: NDArray[np.float64], fine: NDArray[np.float64], broad: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(ndimage.gaussian_filter(image, fine) - ndimage.gaussian_filter(image, broad), np.float64)


def _spread(values: NDArray[np.float64]) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def measure_structure(shown: HipPlaneImage, femur: BoneFrame) -> Structure | None:
    """Measure the fine structure of a femoral head; None if too little of it is lit.

    Parameters
    ----------
    shown : HipPlaneImage
    femur : BoneFrame
        In the plane of the hips, laid on the head's outline; see `flattened`.
    """
    pixel = np.asarray(shown.pixel_mm)
    half = (np.array(shown.attenuation.shape) - 1) / 2
    middle = femur.head_center_mm[[0, 2]] * (1, -1) / pixel + half
    reach = femur.head_radius_mm + 4 * BAND_MM[1]
    low = np.maximum(np.floor(middle - reach / pixel).astype(int), 0)
    high = np.minimum(np.ceil(middle + reach / pixel).astype(int) + 1, shown.attenuation.shape)
    if (high - low).min() < 8:
        return None
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    image, lit = shown.attenuation[box].astype(np.float64), shown.lit[box]
    column, row = ((np.arange(low[n], high[n]) - middle[n]) * pixel[n] for n in (0, 1))
    inside = (np.hypot(column[:, None], row[None]) < INNER * femur.head_radius_mm) & lit
    area = float(inside.sum() * pixel.prod())
    if area < LEAST_LIT * np.pi * (INNER * femur.head_radius_mm) ** 2:
        return None
    band = _between(image, BAND_MM[0] / pixel, BAND_MM[1] / pixel)
    fine = _between(image, np.full(2, NOISE_PIXELS[0]), np.full(2, NOISE_PIXELS[1]))
    noise, whole = _band_noise(shown.pixel_mm) * _spread(fine[inside]), _spread(band[inside])
    return Structure(float(np.sqrt(max(whole**2 - noise**2, 0.0))), noise, area)


def compare_texture(shown: HipPlaneImage, femora: dict[Side, BoneFrame], side: Side) -> Quantity:
    """Return the fine structure of one femoral head over the other's, with its 95 % interval.

    Parameters
    ----------
    shown : HipPlaneImage
    femora : dict of Side to BoneFrame
        See :func:`measure_structure`.
    side : Side
        Whose structure stands above the line.

    Raises
    ------
    InputError
        If a head is not lit, or its structure is not told from the film's noise.
    """
    variance, spread = FLOOR**2, {}
    for one in Side:
        found = measure_structure(shown, femora[one])
        if found is None:
            raise InputError(f"too little of the {one.value} femoral head lies in the picture to compare its structure")
        if found.spread**2 < LEAST_SHARE * (found.spread**2 + found.noise**2):
            raise InputError(f"fine structure of the {one.value} femoral head is not told from the film's noise")
        # Of the logarithm of a standard deviation over so many places; the noise that is taken out adds to it.
        variance += PATCH_MM2 / (2 * found.area_mm2) * (1 + (found.noise / found.spread) ** 2) ** 2
        spread[one] = found.spread
    ratio, factor = spread[side] / spread[side.opposite], float(np.exp(1.96 * np.sqrt(variance)))
    return Quantity(ratio, "1", ratio / factor, ratio * factor)
