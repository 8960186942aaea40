"""X-rays through a virtual body: how strongly each tissue attenuates them, and integrals along the rays of a cone.

One energy stands for the whole spectrum, so that there is no beam hardening. Rays are straight lines from a point to
the pixels of a flat detector, so that what lies further from the detector is shown larger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.phantom.layers import Array
from marrowmap.phantom.layers import paint_layers
from marrowmap.phantom.mr import feather
from marrowmap.phantom.scene import Scene

MASS_ATTENUATION = {
    "water": 0.2269,
    "lean": 0.2262,
    "adipose": 0.2123,
    "bone": 0.4242,
    "air": 0.2080,
    "titanium": 1.213,
}
"""cm2/g at 50 keV, coherent scatter included (NIST SRD 126): water, skeletal muscle, adipose tissue and cortical bone
of ICRU-44, dry air, titanium. Adipose tissue and bone were checked against copies of NIST's table; the others are from
memory. 50 keV is the effective energy of a usual 75 to 85 kVp beam behind a pelvis, a choice."""
COMPOSITION: dict[str, tuple[float, dict[str, float]]] = {
    "air": (0.0012, {"air": 1.0}),
    "metal": (4.54, {"titanium": 1.0}),
    "pile_up": (1.05, {"lean": 1.0}),
    "skin": (1.09, {"lean": 1.0}),
    "subcutaneous_fat": (0.95, {"adipose": 1.0}),
    "fat": (0.95, {"adipose": 1.0}),
    "septa": (1.0, {"adipose": 0.5, "lean": 0.5}),
    "fascia": (1.10, {"lean": 1.0}),
    "capsule": (1.10, {"lean": 1.0}),
    "muscle": (1.05, {"lean": 1.0}),
    "cortical_bone": (1.92, {"bone": 1.0}),
    "resorbed_bone": (1.0, {"adipose": 0.7, "lean": 0.3}),
    "yellow_marrow": (0.98, {"adipose": 0.93, "lean": 0.07}),
    "red_marrow": (1.03, {"adipose": 0.4, "lean": 0.6}),
    "edema": (1.03, {"water": 1.0}),
    "granulation": (1.05, {"lean": 1.0}),
    "necrotic_blood": (1.06, {"lean": 1.0}),
    "necrotic_fluid": (1.01, {"water": 1.0}),
    "necrotic_fibrous": (1.10, {"lean": 1.0}),
    "tumor": (1.05, {"lean": 1.0}),
    "cartilage": (1.10, {"lean": 1.0}),
    "joint_fluid": (1.01, {"water": 1.0}),
    "artery": (1.06, {"lean": 1.0}),
    "vein": (1.06, {"lean": 1.0}),
    "nerve": (1.04, {"lean": 1.0}),
    "bowel_wall": (1.04, {"lean": 1.0}),
    "bowel_content": (1.02, {"water": 1.0}),
    "bladder_wall": (1.04, {"lean": 1.0}),
    "urine": (1.01, {"water": 1.0}),
    "uterus": (1.05, {"lean": 1.0}),
    "endometrium": (1.04, {"lean": 1.0}),
    "prostate": (1.05, {"lean": 1.0}),
    "prostate_core": (1.04, {"lean": 1.0}),
    "disc": (1.10, {"lean": 1.0}),
}
"""Density in g/cm3 and shares of mass. Those of muscle, adipose tissue and bone are ICRU-44's; the others are of the
usual size, from memory. Marrow: yellow 93 % fat, red 40 %, as in the rest of the model."""


def attenuation(tissue: str) -> float:
    """Return the linear attenuation coefficient of a tissue at 50 keV, 1/mm.

    Raises
    ------
    KeyError
        If the tissue is not in :data:`COMPOSITION`.
    """
    density, shares = COMPOSITION[tissue]
    return density * sum(share * MASS_ATTENUATION[material] for material, share in shares.items()) / 10


@dataclass(frozen=True, eq=False)
class Cone:
    """A point source and a flat detector.

    Space: LPS mm. Index (i, j) is column and row of a pixel's center.

    Parameters
    ----------
    source : array, shape (3,)
        Focal spot.
    origin : array, shape (3,)
        Center of the first pixel.
    axes : array, shape (2, 3)
        Unit vectors at right angles, in which columns and rows run.
    pixel_mm : float
        At the detector.
    shape : tuple of 2 int
        Columns, rows.
    """

    source: NDArray[np.float64]
    origin: NDArray[np.float64]
    axes: NDArray[np.float64]
    pixel_mm: float
    shape: tuple[int, int]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal of the detector, away from the source."""
        normal = np.cross(self.axes[0], self.axes[1])
        return np.asarray(normal * np.sign((self.origin - self.source) @ normal), np.float64)

    @property
    def source_detector_mm(self) -> float:
        """Distance of the focal spot from the detector's plane."""
        return float((self.origin - self.source) @ self.normal)

    def pixels(self) -> NDArray[np.float64]:
        """Return LPS mm of the centers of all pixels, shape (columns, rows, 3)."""
        column, row = (self.pixel_mm * np.arange(n)[:, None] * a for n, a in zip(self.shape, self.axes, strict=True))
        return np.asarray(self.origin + column[:, None] + row[None], np.float64)

    def magnification(self, points: ArrayLike) -> NDArray[np.float64]:
        """Return how much larger than it is the detector shows what lies at LPS points (..., 3), parallel to it."""
        away = (np.asarray(points, float) - self.source) @ self.normal
        return np.asarray(self.source_detector_mm / away, np.float64)


def project_cone(cone: Cone, points: ArrayLike) -> NDArray[np.float64]:
    """Map LPS mm, shape (..., 3), along the rays of a cone to fractional (column, row), shape (..., 2)."""
    away = np.asarray(points, float) - cone.source
    hit = cone.source + away * (cone.source_detector_mm / (away @ cone.normal))[..., None]
    return np.asarray((hit - cone.origin) @ cone.axes.T / cone.pixel_mm, np.float64)


def _between(image: Array, start: float, step: float, count: int) -> Array:
    """Interpolate linearly along the first axis at start + n * step; beyond the image is nothing."""
    place = np.clip(start + step * np.arange(count), -1, len(image)) + 1
    padded = np.concatenate([np.zeros_like(image[:1]), image, np.zeros_like(image[:1])])
    below = np.minimum(place.astype(np.int64), len(image))
    weight = (place - below).astype(np.float32)[:, None]
    return np.asarray(padded[below] * (1 - weight) + padded[below + 1] * weight, np.float32)


def integrate(cone: Cone, grid: Grid, image: Array, step_mm: float) -> Array:
    """Integrate an image along the rays of a cone.

    Seen from the source, each coronal plane of the image is only scaled and shifted on a coronal plane behind it. There
    the planes add up, and one more interpolation carries their sum to the detector, however that is turned.

    Parameters
    ----------
    cone : Cone
        Its rays must run from front to back (+y) or from back to front.
    grid : Grid
        Axis-aligned.
    image : array, shape of the grid
        Per mm; nothing beyond the grid.
    step_mm : float
        Of the coronal plane in which sums are made, at the detector.

    Returns
    -------
    array of float32, shape (columns, rows)
    """
    spacing, low = grid.spacing, grid.affine[:3, 3]
    pixels = cone.pixels()
    screen_y = float(pixels[..., 1].mean())
    depth = screen_y - cone.source[1]
    # Where each pixel's ray meets the screen.
    reach = (depth / (pixels[..., 1] - cone.source[1]))[..., None]
    hit = cone.source[[0, 2]] + (pixels[..., [0, 2]] - cone.source[[0, 2]]) * reach
    planes = low[1] + spacing[1] * np.arange(grid.shape[1])
    shrink = (planes - cone.source[1]) / depth
    # The part of the screen that the grid is seen on.
    ends = np.stack([low, low + spacing * (np.array(grid.shape) - 1)])[:, [0, 2]]
    seen = cone.source[[0, 2]] + (ends[None] - cone.source[[0, 2]]) / shrink[[0, -1], None, None]
    first = np.maximum(seen.min(axis=(0, 1)), hit.min(axis=(0, 1))) - 2 * step_mm
    last = np.minimum(seen.max(axis=(0, 1)), hit.max(axis=(0, 1))) + 2 * step_mm
    count = np.maximum(np.ceil((last - first) / step_mm).astype(int) + 1, 1)
    total = np.zeros((int(count[0]), int(count[1])), np.float32)
    for number, size in enumerate(shrink):
        plane = image[:, number]
        if not plane.any():
            continue
        start = (cone.source[[0, 2]] + (first - cone.source[[0, 2]]) * size - low[[0, 2]]) / spacing[[0, 2]]
        step = step_mm * size / spacing[[0, 2]]
        rows = _between(plane, float(start[0]), float(step[0]), len(total))
        total += _between(rows.T, float(start[1]), float(step[1]), total.shape[1]).T
    away = pixels - cone.source
    oblique = np.sqrt((away**2).sum(axis=-1)) / np.abs(away[..., 1])
    index = np.moveaxis((hit - first) / step_mm, -1, 0)
    sums = ndimage.map_coordinates(total, index, order=1, mode="constant", output=np.float32)
    return np.asarray(sums * (oblique * spacing[1]).astype(np.float32), np.float32)


def line_integrals(cone: Cone, scene: Scene, value: Callable[[str], float] = attenuation) -> Array:
    """Return what a whole scene adds up to along each ray, shape (columns, rows).

    Parameters
    ----------
    cone : Cone
    scene : Scene
    value : callable
        What each tissue is worth per mm; its attenuation makes the result minus the log of what passes.
    """
    coarse = paint_layers(scene.coarse.layers, scene.coarse.grid.shape, value)
    for part in scene.fine.values():
        coarse *= 1 - feather(part.grid, scene.coarse.grid)
    total = integrate(cone, scene.coarse.grid, coarse, 0.6 * float(scene.coarse.grid.spacing[0]))
    del coarse
    for part in scene.fine.values():
        image = paint_layers(part.layers, part.grid.shape, value) * feather(part.grid, part.grid)
        total += integrate(cone, part.grid, image, 0.5 * float(part.grid.spacing[0]))
    return np.maximum(total, 0)
