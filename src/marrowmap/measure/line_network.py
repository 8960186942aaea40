"""Where a dark sheet may run under the joint surface: a network that looks at the head's dome unrolled.

Both images are laid out as a block, two axes along the joint surface and one in depth, so that a sheet that runs under
the surface lies flat, however the slices were turned. A small 3-D U-Net, trained on drawn hips
(``training/sheets.py``), says for each point of the block how likely a fracture line runs through it. A line alone
tells little in thick slices; what lies beside it tells it from the rim of a necrotic segment and from cortex that folds
inward at the neck.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.networks import open_network
from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.measure.head_lines import BRIGHTEST
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_map import sample_at
from marrowmap.measure.head_map import spread_directions
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import upright

PIXELS = 48
"""Along either axis of the block."""
DOME_DEG = 75.0
"""The block reaches this far around the direction up the shaft. Further down, at ligament and neck, cortex folds inward
and looks like a line, and no load would break it."""
DEPTH_STEP_MM = 0.5
DEPTHS_MM = -3.0 + DEPTH_STEP_MM * np.arange(32)
"""Below the bone's fitted surface, along the line to the head center; negative is outside."""
NETWORK = "fracture_lines.onnx"


@dataclass(frozen=True, eq=False)
class Dome:
    """The upper head laid out along its joint surface.

    Parameters
    ----------
    directions : array, shape (PIXELS, PIXELS, 3)
        Unit vectors from the head center in bone coordinates; the first axis runs from medial to lateral, the second
        from posterior to anterior.
    radius_mm : array, shape (PIXELS, PIXELS)
        Distance of the bone's fitted surface along each.
    shown : array of bool, shape (PIXELS, PIXELS)
        Where that is joint surface, not neck.
    pixel_rad : float
        Of neighboring directions.
    """

    directions: NDArray[np.float64]
    radius_mm: NDArray[np.float64]
    shown: NDArray[np.bool_]
    pixel_rad: float

    def points(self) -> NDArray[np.float64]:
        """Return all points of the block, bone coordinates, shape (PIXELS, PIXELS, len(DEPTHS_MM), 3)."""
        away = self.radius_mm[..., None] - DEPTHS_MM
        return np.asarray(self.directions[..., None, :] * away[..., None], np.float64)


def unroll_dome(femur: BoneFrame) -> Dome:
    """Lay out the upper part of a femoral head."""
    up, lateral = upright(femur)
    directions, _ = spread_directions(up, lateral, PIXELS, DOME_DEG)
    radius = surface_radius(femur, directions)
    shown = directions[..., 0] * radius < HEAD_ENDS_AT_RADII * femur.head_radius_mm
    return Dome(directions, radius, shown, float(4 * np.sin(np.radians(DOME_DEG) / 2) / (PIXELS - 1)))


def describe_dome(dome: Dome, images: HeadImages) -> NDArray[np.float32]:
    """Sample both images as the network reads them.

    Returns
    -------
    array of float32, shape (4, PIXELS, PIXELS, len(DEPTHS_MM))
        T1 over fatty marrow, fluid-sensitive signal over fluid (0 outside the images), depth in cm, and how far the
        point lies along the neck in head radii.
    """
    local = dome.points()
    world = images.femur.to_world(local)
    t1 = np.nan_to_num(sample_at(images.t1, world)) / np.float32(images.marrow_level)
    fluid = np.nan_to_num(sample_at(images.fluid, world)) / np.float32(images.fluid_level)
    depth = np.broadcast_to(DEPTHS_MM / 10, t1.shape)
    along = local[..., 0] / images.femur.head_radius_mm
    return np.stack([np.clip(t1, 0, BRIGHTEST), np.clip(fluid, 0, BRIGHTEST), depth, along]).astype(np.float32)


def shipped() -> bool:
    """Say whether the network is there."""
    return (files("marrowmap.measure") / "data" / NETWORK).is_file()


@lru_cache(maxsize=1)
def _session() -> onnxruntime.InferenceSession:
    return open_network("marrowmap.measure", NETWORK)


def line_chance(dome: Dome, images: HeadImages) -> NDArray[np.float32]:
    """Return how likely a fracture line runs through each point of the block.

    Returns
    -------
    array of float32, shape (PIXELS, PIXELS, len(DEPTHS_MM))
        0 to 1; 0 where the surface is that of the neck.

    Raises
    ------
    ModelError
        If the installation lacks the network.
    """
    logits = _session().run(None, {"dome": describe_dome(dome, images)[None]})[0][0, 0]
    return np.asarray(np.where(dome.shown[..., None], 1 / (1 + np.exp(-logits)), 0.0), np.float32)
