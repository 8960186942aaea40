"""The two networks that see bone in any contrast, run on the CPU by onnxruntime.

``locate.onnx`` looks at a whole image at 4 mm and says where joints lie; ``label.onnx`` looks at a box of 128 mm around
a joint at 2 mm and says which bone each voxel is. Both were trained on drawn pictures only (see ``training/``, and
``docs/model-card.md`` for what they can and cannot do), after Billot et al., SynthSeg (Med Image Anal 2023; 86:102789).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.anatomy.localize import working_grid
from marrowmap.errors import ModelError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.values import Joint
from marrowmap.values import Side

NETWORKS = ("locate", "label")

LABELS = (
    "background",
    "femoral_head",
    "femoral_neck",
    "intertrochanteric",
    "femoral_shaft",
    "hip_bone",
    "distal_femur",
    "proximal_tibia",
    "fibula",
    "patella",
)
"""What the label network tells apart; ``intertrochanteric`` includes both trochanters, ``hip_bone`` the sacrum."""
HIP_LABELS = {"femur": (1, 2, 3, 4), "hip_bone": (5,)}
KNEE_LABELS = {"femur": (6,), "tibia": (7,), "fibula": (8,), "patella": (9,)}
"""Which labels make up a bone's surface."""

JOINTS = ((Joint.HIP, Side.LEFT), (Joint.HIP, Side.RIGHT), (Joint.KNEE, Side.LEFT), (Joint.KNEE, Side.RIGHT))
"""In the order of the heat maps."""
ROUGH_COUNT = 6
LOCATE_MM = 4.0
LABEL_MM = 2.0
LABEL_VOXELS = 64
HIP_BOX_SHIFT_MM = np.array([14.0, 0.0, -22.0])
"""From the head center to the middle of a LEFT hip's box (LPS)."""
LEAST_HEAT = 0.12
"""Heat below which no joint is looked at."""
APART_MM = 30.0
"""Two places of one joint and side are at least this far apart."""


@dataclass(frozen=True, eq=False)
class JointPlace:
    """Where a joint may lie.

    Parameters
    ----------
    joint : Joint
    side : Side
    center_mm : array, shape (3,)
        LPS: femoral head center, or middle of the femoral condyles' centers.
    heat : float
        How sure the network is, 0 to 1.
    """

    joint: Joint
    side: Side
    center_mm: NDArray[np.float64]
    heat: float


@dataclass(frozen=True, eq=False)
class BoneLabels:
    """What the label network says in a box around a joint.

    Parameters
    ----------
    grid : Grid
        64 x 64 x 64 voxels of 2 mm along the patient's axes.
    chances : array, shape (10, 64, 64, 64)
        Of :data:`LABELS`, summing to 1.
    view : array of bool, shape (64, 64, 64)
        Where the image has voxels.
    center_mm : array, shape (3,)
        Where the joint's center was expected, LPS.
    """

    grid: Grid
    chances: NDArray[np.float32]
    view: NDArray[np.bool_]
    center_mm: NDArray[np.float64]

    def bone_chance(self, labels: Sequence[int]) -> NDArray[np.float32]:
        """Return the chance that a voxel is one of some labels, shape (64, 64, 64)."""
        return np.asarray(self.chances[list(labels)].sum(axis=0), np.float32)


def shipped(name: str) -> bool:
    """Say whether a network is there."""
    return (files("marrowmap.anatomy") / "data" / f"{name}.onnx").is_file()


@lru_cache(maxsize=2)
def _session(name: str) -> onnxruntime.InferenceSession:
    return open_network("marrowmap.anatomy", f"{name}.onnx")


def open_network(package: str, name: str) -> onnxruntime.InferenceSession:
    """Open a shipped network for the CPU: file `name` in the folder ``data`` of a package.

    Raises
    ------
    ModelError
        If the installation lacks it.
    """
    try:
        stored = (files(package) / "data" / name).read_bytes()
    except OSError as error:
        raise ModelError(f"the network {name} is missing from the installation: install marrowmap again") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Two threads are what a small machine has; more bring little at this size.
    options.intra_op_num_threads = 2
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(stored, options, providers=["CPUExecutionProvider"])


def _run(name: str, image: NDArray[np.float32], view: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return logits (channels, *shape) for an image and its view, both of one shape, any size."""
    extent = [(-n) % 8 for n in image.shape]
    pads = [(0, n) for n in extent]
    both = np.stack([np.pad(image, pads), np.pad(view.astype(np.float32), pads)])[None]
    said = _session(name).run(None, {"image": both.astype(np.float32)})[0][0]
    crop = tuple(slice(0, n) for n in image.shape)
    return np.asarray(said[(slice(None), *crop)], np.float32)


def prepare(volume: Volume, grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sample an image on a grid as the networks were trained to see it.

    Returns
    -------
    image : array, shape of `grid`
        About 0 to 1 between the 1st and 98th percentile of what is in view, at most 1.5; 0 outside.
    view : array of bool, shape of `grid`
    """
    array = np.asarray(volume.array, np.float32)
    if volume.unit == "HU":
        array = np.clip(array, -200, 800)
    blur = np.maximum(0.5 * grid.spacing[0] / volume.grid.spacing - 0.3, 0.0)
    if blur.any():
        array = ndimage.gaussian_filter(array, blur)
    view = volume.grid.contains(grid.points(), margin_mm=0.5 * float(volume.grid.spacing.max()))
    sampled = np.asarray(resample(volume.with_array(array), grid).array)
    seen = sampled[view]
    if seen.size < 100:
        return np.zeros(grid.shape, np.float32), np.zeros(grid.shape, bool)
    low, high = np.quantile(seen, (0.01, 0.98))
    return np.asarray(np.clip((sampled - low) / max(high - low, 1e-6), 0, 1.5) * view, np.float32), view


def find_joints(volumes: Sequence[Volume]) -> list[JointPlace]:
    """Say where hips and knees may lie, the surest first.

    Parameters
    ----------
    volumes : sequence of Volume
        Of one frame of reference; what they say is averaged.

    Returns
    -------
    list of JointPlace
        Several places of one joint and side are possible: the fit decides.

    Raises
    ------
    ModelError
        If the network is not installed.
    """
    grid = working_grid(volumes, LOCATE_MM)
    total = np.zeros((len(JOINTS), *grid.shape), np.float32)
    weight = np.zeros(grid.shape, np.float32)
    for volume in volumes:
        image, view = prepare(volume, grid)
        if not view.any():
            continue
        said = _run("locate", image, view)[ROUGH_COUNT:]
        total += view / (1 + np.exp(-said))
        weight += view
    heats = total / np.maximum(weight, 1)
    places = []
    size = 2 * round(APART_MM / 2 / LOCATE_MM) + 1
    for (joint, side), heat in zip(JOINTS, heats, strict=True):
        peaks = np.argwhere((heat == ndimage.maximum_filter(heat, size=size)) & (heat > LEAST_HEAT))
        for peak in peaks:
            center = _center_of_heat(heat, peak)
            places.append(JointPlace(joint, side, grid.to_world(center), float(heat[tuple(peak)])))
    return sorted(places, key=lambda place: -place.heat)


def _center_of_heat(heat: NDArray[np.float32], peak: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the center of the hot voxels around a peak, in voxels."""
    low = np.maximum(peak - 2, 0)
    part = heat[tuple(slice(a, n + 3) for a, n in zip(low, peak, strict=True))].astype(np.float64) ** 2
    return np.asarray(low + np.array(ndimage.center_of_mass(part)), np.float64)


def label_bones(volume: Volume, place: JointPlace) -> BoneLabels:
    """Say which bone each voxel around a joint is.

    Right joints are shown to the network mirrored, and what it says is mirrored back: it only knows left ones.

    Parameters
    ----------
    volume : Volume
    place : JointPlace
        Within about 12 mm of the joint's center.

    Raises
    ------
    ModelError
        If the network is not installed.
    """
    shift = HIP_BOX_SHIFT_MM * (place.side.sign, 1, 1) if place.joint is Joint.HIP else np.zeros(3)
    affine = np.diag([LABEL_MM, LABEL_MM, LABEL_MM, 1.0])
    affine[:3, 3] = place.center_mm + shift - LABEL_MM * (LABEL_VOXELS - 1) / 2
    grid = Grid((LABEL_VOXELS,) * 3, affine, volume.grid.frame_of_reference_uid)
    image, view = prepare(volume, grid)
    step = 1 if place.side is Side.LEFT else -1
    said = _run("label", image[::step], view[::step])[:, ::step]
    said = np.exp(said - said.max(axis=0))
    return BoneLabels(grid, said / said.sum(axis=0), view, place.center_mm)
