"""What an image shows along lines through a surface, and where on such a line the bone's surface may lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import Volume
from marrowmap.image.grid import read_only

SAMPLES = 25
"""Points on a line, the middle one on the surface."""

Layers = tuple[tuple[NDArray[np.float32], NDArray[np.float32]], ...]
"""Weight (n, m) and bias (m,) of each layer of a small network."""


def load_layers(stored: NpzFile) -> Layers:
    """Take ``weight0``, ``bias0``, ``weight1`` … out of an opened file."""
    count = sum(key.startswith("weight") for key in stored.files)
    return tuple(
        (
            np.asarray(read_only(stored[f"weight{n}"].astype(np.float32)), np.float32),
            np.asarray(read_only(stored[f"bias{n}"].astype(np.float32)), np.float32),
        )
        for n in range(count)
    )


def run_layers(layers: Layers, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pass values (..., n) through a network, rectified linear units between its layers; return (..., m)."""
    for number, (weight, bias) in enumerate(layers):
        values = values @ weight + bias
        if number < len(layers) - 1:
            values = np.maximum(values, 0)
    return values


@dataclass(frozen=True, eq=False)
class EdgeModel:
    """A small network that reads a profile and says how likely the surface lies at each of its points.

    Parameters
    ----------
    step_mm : float
        Distance of the points on a profile.
    layers : tuple of (array (n, m), array (m,))
        Weights and biases; rectified linear units between them.
    """

    step_mm: float
    layers: Layers

    def log_likelihood(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log probability at each point of each profile, shape (n, SAMPLES)."""
        values = run_layers(self.layers, features)
        values = values - values.max(axis=1, keepdims=True)
        result: NDArray[np.float32] = values - np.log(np.exp(values).sum(axis=1, keepdims=True))
        return result


@lru_cache(maxsize=8)
def load_edge_model(kind: str, stage: str) -> EdgeModel:
    """Load the network for ``mr`` or ``ct``, stage ``coarse`` or ``fine``."""
    with (
        (files("marrowmap.anatomy") / "data" / f"edges_{kind}_{stage}.npz").open("rb") as stream,
        np.load(stream, allow_pickle=False) as stored,
    ):
        return EdgeModel(float(stored["step_mm"]), load_layers(stored))


def scale_signal(volume: Volume) -> NDArray[np.float32]:
    """Return the image with bone and soft tissue roughly between 0 and 1, shape of the grid."""
    array = np.asarray(volume.array, np.float32)
    if volume.unit == "HU":
        return np.asarray((np.clip(array, -200, 800) + 200) / 1000, np.float32)
    low, high = np.percentile(array[::2, ::2], (1, 98))
    return np.asarray(np.clip((array - low) / max(high - low, 1e-6), 0, 1.5), np.float32)


def sample_profiles(
    signal: NDArray[np.float32],
    volume: Volume,
    points: NDArray[np.float64],
    normals: NDArray[np.float64],
    step_mm: float,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sample an image along normals.

    Parameters
    ----------
    signal : array, shape of the volume's grid
    volume : Volume
        For its grid.
    points, normals : arrays, shape (n, 3)
        LPS mm; unit vectors.
    step_mm : float

    Returns
    -------
    profiles : array, shape (n, SAMPLES)
        From inside to outside.
    usable : array of bool, shape (n,)
        Where the profile's middle half lies within the image.
    """
    offsets = (np.arange(SAMPLES) - SAMPLES // 2) * step_mm
    places = points[:, None] + offsets[None, :, None] * normals[:, None]
    index = volume.grid.to_index(places)
    last = np.array(volume.grid.shape) - 1
    inside = np.asarray(((index >= -0.5) & (index <= last + 0.5)).all(axis=2))
    quarter = SAMPLES // 4
    usable = np.asarray(inside[:, quarter : SAMPLES - quarter].all(axis=1), np.bool_)
    profiles = ndimage.map_coordinates(signal, index.reshape(-1, 3).T, order=1, mode="nearest", output=np.float32)
    return profiles.reshape(len(points), SAMPLES), usable


def describe_profiles(
    profiles: NDArray[np.float32], normals: NDArray[np.float64], volume: Volume, codes: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Turn profiles into the network's input: shape of the profile, its contrast, blur along it, place on the bone."""
    middle = profiles.mean(axis=1, keepdims=True)
    spread = profiles.std(axis=1, keepdims=True)
    form = (profiles - middle) / (spread + 0.01)
    grid = volume.grid
    spacing = grid.spacing
    along = np.abs(normals @ grid.axes)
    blur = np.sqrt(((along * spacing) ** 2).sum(axis=1, keepdims=True))
    return np.concatenate(
        [form, np.log(spread + 0.01), middle, blur / 3.0, along[:, [grid.slice_axis]], codes], axis=1
    ).astype(np.float32)


def code_places(mean: NDArray[np.float64], normals: NDArray[np.float64], bone: int) -> NDArray[np.float32]:
    """Return what tells places on the bone apart, shape (n, 13), from the LEFT side's mean vertices and normals."""
    scaled = mean / 60.0
    away = np.linalg.norm(mean, axis=1, keepdims=True) / 30.0
    return np.concatenate(
        [
            scaled,
            np.tanh(away - 1.0),
            np.exp(-((away - 0.8) ** 2) / 0.1),
            np.sin(2.0 * scaled),
            normals,
            np.full((len(mean), 1), float(bone)),
            np.full((len(mean), 1), 1.0 - bone),
        ],
        axis=1,
    ).astype(np.float32)


def combine_chances(
    log_likelihoods: Sequence[NDArray[np.float32]], usable: Sequence[NDArray[np.bool_]]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Combine what several images say of the same profiles.

    Returns
    -------
    chance : array, shape (n, SAMPLES)
        How likely the surface lies at each point; each row sums to 1.
    seen : array of bool, shape (n,)
        Where any image shows it.
    """
    total = np.zeros(log_likelihoods[0].shape, np.float64)
    seen = np.zeros(len(total), bool)
    for part, here in zip(log_likelihoods, usable, strict=True):
        total += np.where(here[:, None], part, 0.0)
        seen |= here
    chance = np.exp(total - total.max(axis=1, keepdims=True))
    return chance / chance.sum(axis=1, keepdims=True), seen


def locate_surface(chance: NDArray[np.float64], step_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the expected place along the normal and its standard deviation, each shape (n,), mm, + outward."""
    offsets = (np.arange(SAMPLES) - SAMPLES // 2) * step_mm
    offset = chance @ offsets
    spread = np.sqrt(np.maximum(chance @ offsets**2 - offset**2, 0) + (0.3 * step_mm) ** 2)
    return offset, spread
