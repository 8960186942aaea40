"""Edema drawn as balls in a head, in bone coordinates that are turned and moved against the image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import LabelMap
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti

# A bone's coordinates turned by 30 degrees about z and moved: neck, superior, anterior as rows.
TURN = np.array([[0.8660254, 0.5, 0.0], [0.0, 0.0, 1.0], [0.5, -0.8660254, 0.0]])
CENTER = np.array([20.0, -5.0, 8.0])

Ball = tuple[tuple[float, float, float], float]


def draw_balls(*balls: Ball) -> tuple[Volume, LabelMap]:
    """Draw balls (center in bone coordinates, radius; mm) on a grid of 1.5 mm, and the head's label."""
    affine = np.diag([1.5, 1.5, 1.5, 1.0])
    affine[:3, 3] = CENTER - 36
    grid = Grid((48, 48, 48), affine)
    world = grid.to_world(np.indices(grid.shape).reshape(3, -1).T.astype(float)).reshape((*grid.shape, 3))
    share = np.zeros(grid.shape)
    for at_bone, radius in balls:
        center = CENTER + np.array(at_bone) @ TURN
        share = np.maximum(share, np.clip(radius + 0.5 - np.linalg.norm(world - center, axis=-1), 0, 1))
    head = np.linalg.norm(world - CENTER, axis=-1) < 25
    return Volume(grid, share.astype(np.float32), "1"), LabelMap(grid, head.astype(np.uint16), {1: "femoral_head"})


def frame_row(
    series: str, *, center: tuple[float, ...] = tuple(CENTER), bone: str = "femur", space: str = "1.9"
) -> Any:
    """Return a row of ``frames.json``."""
    return {
        "bone": bone,
        "joint": "hip",
        "side": "left",
        "series": series,
        "frame_of_reference_uid": space,
        "head_center_mm": list(center),
        "head_radius_mm": 25.0,
        "axes": dict(zip(("neck", "superior", "anterior"), TURN.tolist(), strict=True)),
        "fit_rms_mm": 0.3,
        "trusted": True,
    }


def write_balls(folder: Path, stem: str, *balls: Ball) -> None:
    """Write edema and regions of the left hip as ``analyze`` does, into ``masks/`` of a folder."""
    (folder / "masks").mkdir(exist_ok=True)
    (folder / "masks" / "regions.json").write_text(json.dumps({"1": "femoral_head"}))
    membership, regions = draw_balls(*balls)
    write_nifti(membership, folder / "masks" / f"{stem}_hip_left_edema-membership.nii.gz")
    write_nifti(regions, folder / "masks" / f"{stem}_hip_left_regions.nii.gz")
