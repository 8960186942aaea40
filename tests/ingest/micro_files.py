"""Small images of trabecular bone with known structure, and files of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti

HR = 0.0607


def lattice(shape=(48, 44, 40), period: int = 12, thick: int = 4) -> np.ndarray:
    """Plates across the first axis, `thick` of every `period` voxels, joined by rods along it; boolean."""
    i, j, k = np.indices(shape)
    rods = (j % period < thick) & (k % period < thick)
    return (i % period < thick) | rods


def inner(shape, margin: int = 6) -> np.ndarray:
    region = np.zeros(shape, bool)
    region[margin:-margin, margin:-margin, margin:-margin] = True
    return region


def grid(shape, spacing=HR, origin=(0.0, 0.0, 0.0)) -> Grid:
    affine = np.diag([*np.broadcast_to(spacing, 3), 1.0])
    affine[:3, 3] = origin
    return Grid(tuple(shape), affine)


def density(bone: np.ndarray, seed: int = 1, noise: float = 40.0) -> np.ndarray:
    """Gray values in mgHA/cm3: marrow at 0, bone at 900, with noise."""
    return (bone * 900.0 + np.random.default_rng(seed).normal(0, noise, bone.shape)).astype(np.float32)


def write_image(path: Path, values: np.ndarray, spacing=HR, sidecar: dict | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Volume(grid(values.shape, spacing), values.astype(np.float32)), path)
    if sidecar is not None:
        path.with_name(path.name.removesuffix(".nii.gz") + ".json").write_text(json.dumps(sidecar))
    return path


def write_mask(path: Path, region: np.ndarray, spacing=HR, origin=(0.0, 0.0, 0.0)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_nifti(Mask(grid(region.shape, spacing, origin), region.astype(bool)), path)
    return path
