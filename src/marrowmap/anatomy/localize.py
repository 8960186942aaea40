"""Where a hip lies: the surface of femur and hip bone tried at every place, whatever the contrast.

A surface fits an image where edges run along it. Whether they go from dark to bright or back depends on the sequence
and on edema, so only their direction counts: the match of unit normal n and edge e (direction times strength, 0–1) is
(n . e) squared, which is linear in the products of the components of e. The match of a rigid template at all places
is thus six correlations, done by FFT.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy import ndimage

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image import resample
from marrowmap.values import Side

_PAIRS = ((0, 0, 1.0), (1, 1, 1.0), (2, 2, 1.0), (0, 1, 2.0), (0, 2, 2.0), (1, 2, 2.0))
"""Components of a symmetric 3 x 3 tensor, and how often each occurs."""


@dataclass(frozen=True, eq=False)
class Template:
    """A posed surface around a head center.

    Parameters
    ----------
    side : Side
    pose : int
        Number of the pose it was made from.
    points : array, shape (n, 3)
        Vertices relative to the head center, mm along the patient's axes (LPS).
    normals : array, shape (n, 3)
        Unit normals.
    weights : array, shape (n,)
        Sum to 1.
    """

    side: Side
    pose: int
    points: NDArray[np.float64]
    normals: NDArray[np.float64]
    weights: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """A place where a template matches.

    Parameters
    ----------
    center_mm : array, shape (3,)
        Head center, LPS.
    template : Template
    match : float
        Relative to other places of the same image only.
    in_view : float
        Share of the template's weight that lies within an image.
    """

    center_mm: NDArray[np.float64]
    template: Template
    match: float
    in_view: float


def working_grid(volumes: Sequence[Volume], spacing_mm: float) -> Grid:
    """Return an isotropic grid along the patient's axes around all volumes."""
    corners = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    ends = np.concatenate([v.grid.to_world(corners * np.array(v.grid.shape) - 0.5) for v in volumes])
    low, high = ends.min(axis=0), ends.max(axis=0)
    shape = np.maximum(np.ceil((high - low) / spacing_mm).astype(int), 2)
    affine = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = low + spacing_mm / 2
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine, volumes[0].grid.frame_of_reference_uid)


def edge_field(volume: Volume, grid: Grid) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return direction times strength (0–1) of edges on `grid`, shape (3, *shape), and where the volume has voxels.

    The strength is relative to the edges around, so that neither the coil's sensitivity nor the contrast matters.
    """
    array = np.asarray(volume.array, np.float32)
    if volume.unit == "HU":
        array = np.clip(array, 80, 400)  # bone against all else
    else:
        array = np.minimum(array, np.float32(np.percentile(array[::2, ::2], 99.7)))
    blur = np.maximum(0.5 * grid.spacing[0] / volume.grid.spacing - 0.3, 0.0)
    blurred = volume.with_array(ndimage.gaussian_filter(array, blur))
    sampled = ndimage.gaussian_filter(np.asarray(resample(blurred, grid).array), 0.6)
    inside = volume.grid.contains(grid.points())
    safe = ndimage.binary_erosion(inside, iterations=2)
    edge = np.stack(np.gradient(sampled)).astype(np.float32) * safe
    size = np.sqrt((edge**2).sum(axis=0))
    reach = 25.0 / grid.spacing[0]
    weight = ndimage.gaussian_filter(safe.astype(np.float32), reach)
    around = ndimage.gaussian_filter(size, reach) / np.maximum(weight, 0.05)
    floor = 0.5 * float(size[safe].mean()) if safe.any() else 1.0
    edge /= size + around + floor + 1e-12
    return edge, inside


def _paint(
    template: Template, shape: tuple[int, ...], spacing_mm: float
) -> tuple[NDArray[np.float32], list[NDArray[np.float32]]]:
    """Put a template's weights and normal products on a grid whose voxel 0 is the head center (wrapping round)."""
    index = np.rint(template.points / spacing_mm).astype(np.int64) % np.array(shape)
    flat = np.ravel_multi_index(tuple(index.T), shape)
    size = int(np.prod(shape))
    n = template.normals

    def put(values: NDArray[np.float64]) -> NDArray[np.float32]:
        return np.bincount(flat, weights=values, minlength=size).reshape(shape).astype(np.float32)

    return put(template.weights), [put(template.weights * n[:, a] * n[:, b] * times) for a, b, times in _PAIRS]


def find_places(
    fields: Sequence[tuple[NDArray[np.float32], NDArray[np.bool_]]],
    grid: Grid,
    templates: Sequence[Template],
    count: int = 6,
    least_in_view: float = 0.25,
) -> list[Place]:
    """Try all templates at all places and return the best places of each side, best first.

    Parameters
    ----------
    fields : sequence of (array (3, *shape), array shape)
        Of `edge_field`, one for each series, on `grid`.
    grid : Grid
        Isotropic, along the patient's axes.
    templates : sequence of Template
    count : int
        How many places to return for each side.
    least_in_view : float
        Share of a template's weight that must lie within an image.
    """
    spacing = float(grid.spacing[0])
    reach = np.ceil(np.max([np.abs(t.points).max(axis=0) for t in templates], axis=0) / spacing).astype(int)
    shape = tuple(fft.next_fast_len(int(n + r), real=True) for n, r in zip(grid.shape, reach, strict=True))
    view = np.zeros(grid.shape, np.float32)
    tensors = [np.zeros(grid.shape, np.float32) for _ in _PAIRS]
    for edge, inside in fields:
        safe = ndimage.binary_erosion(inside, iterations=2)
        view += safe
        chance = float((edge**2).sum(axis=0)[safe].mean()) / 3 if safe.any() else 0.0
        for number, (a, b, _) in enumerate(_PAIRS):
            tensors[number] += np.where(safe, edge[a] * edge[b] - (chance if a == b else 0.0), 0.0)
    tensors = [ndimage.gaussian_filter(t, 3.5 / spacing) for t in tensors]
    spectra = [fft.rfftn(t, shape) for t in tensors]
    view_spectrum = fft.rfftn(view / max(len(fields), 1), shape)
    crop = tuple(slice(0, n) for n in grid.shape)
    scale = float(np.std(tensors[0])) + 1e-9
    best = {t.side: (np.full(grid.shape, -np.inf, np.float32), np.zeros(grid.shape, np.int32)) for t in templates}
    shown = {side: np.zeros(grid.shape, np.float32) for side in best}
    for number, template in enumerate(templates):
        weight, parts = _paint(template, shape, spacing)
        total = sum(s * np.conj(fft.rfftn(p)) for s, p in zip(spectra, parts, strict=True))
        match = fft.irfftn(total, shape)[crop]
        in_view = fft.irfftn(view_spectrum * np.conj(fft.rfftn(weight)), shape)[crop]
        score = match / np.sqrt(np.maximum(in_view, 0.05)) / scale
        score[in_view < least_in_view] = -np.inf
        value, which = best[template.side]
        better = score > value
        value[better] = score[better]
        which[better] = number
        shown[template.side][better] = in_view[better]
    places = []
    for side, (value, which) in best.items():
        size = 2 * int(np.ceil(12.0 / spacing)) + 1
        peaks = np.argwhere((value == ndimage.maximum_filter(value, size=size)) & np.isfinite(value) & (value > 0))
        order = np.argsort(-value[tuple(peaks.T)])[:count]
        for n in order:
            at = tuple(peaks[n])
            places.append(
                Place(grid.to_world(peaks[n]), templates[which[at]], float(value[at]), float(shown[side][at]))
            )
    return sorted(places, key=lambda place: -place.match)
