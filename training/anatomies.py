"""Posed anatomies as distance maps: what the networks' training pictures are painted from.

Drawn from the shape model only, with the modes in :data:`HELD_OUT_MODES` at zero, so that virtual test persons (all 26
modes, poses of the phantom) are never people the networks saw::

    python training/anatomies.py hips build/training/pool --count 111
    python training/anatomies.py knees build/training/pool --count 130
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.regions import name_regions
from marrowmap.anatomy.shape_model import load_shape_model
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import signed_distance
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import pose_hip
from marrowmap.values import Joint
from marrowmap.values import Side

HELD_OUT_MODES = (4, 9, 14, 19, 24)
SPACING_MM = 2.0
STEPS_PER_MM = 4.0
"""Distances are kept as int8 in quarters of a millimeter."""
HIP_LOW, HIP_HIGH = np.array([-216.0, -110.0, -200.0]), np.array([216.0, 120.0, 120.0])
KNEE_LOW, KNEE_HIGH = np.array([-90.0, -90.0, -110.0]), np.array([90.0, 90.0, 110.0])

REGION_LABEL = np.array([0, 1, 2, 3, 3, 3, 4], np.uint8)
"""From the regions of the femur (numbered from 1) to head, neck, intertrochanteric with both trochanters, shaft."""


def draw_weights(rng: np.random.Generator) -> np.ndarray:
    """Draw a shape a little beyond the usual spread, the held-out modes at zero."""
    weights = np.clip(rng.normal(0, 1.15, 26), -2.6, 2.6)
    weights[list(HELD_OUT_MODES)] = 0.0
    return weights


def distance_map(vertices: np.ndarray, faces: np.ndarray, grid, reach_mm: float = 16.0) -> np.ndarray:
    """Return quarters of a millimeter to a surface, negative inside, clipped to int8; made at half the spacing."""
    fine = make_grid(grid.to_world(np.zeros(3)), grid.to_world(np.array(grid.shape) - 1.0), SPACING_MM / 2)
    out = np.full(fine.shape, 127.0, np.float32)
    found = signed_distance(vertices, faces, fine, reach_mm)
    if found is not None:
        out[found[0]] = np.clip(np.rint(found[1] * STEPS_PER_MM), -127, 127)
    return out[::2, ::2, ::2][: grid.shape[0], : grid.shape[1], : grid.shape[2]].astype(np.int8)


def _frame(hip: Hip) -> BoneFrame:
    marks = {name: place for name, place in hip.landmarks.items() if name != "head_center"}
    return BoneFrame(
        bone="femur",
        joint=Joint.HIP,
        side=hip.side,
        series_uid="",
        frame_of_reference_uid="",
        head_center_mm=hip.center,
        head_radius_mm=hip.radius,
        axes=hip.axes,
        landmarks=marks,
        vertices=hip.femur,
        faces=hip.femur_faces,
        fit_rms_mm=0.0,
        trusted=True,
        reason="drawn",
    )


def draw_hips(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a person's pelvis and femora.

    Returns
    -------
    dict
        ``distance`` int8 (2, x, y, z): femora; hip bones and sacrum. ``region`` uint8: femoral region (1–4) of places
        in and near a femur. ``low`` (3,) LPS mm of the first voxel. ``centers`` (2, 3): left and right head.
    """
    weights = draw_weights(rng)
    pelvis = Rotation.from_euler("xyz", rng.normal(0, (7.0, 3.0, 3.0)), degrees=True)
    model = load_shape_model()
    hips = []
    for side in Side:
        own = weights + rng.normal(0, 0.2, 26)
        own[list(HELD_OUT_MODES)] = 0.0
        turn = Rotation.from_euler("xyz", np.clip(rng.normal(0, (10.0, 7.0, 14.0)), -30, 30), degrees=True)
        hips.append(pose_hip(own, side, pelvis, turn))
    origin = (hips[0].center + hips[1].center) / 2
    grid = make_grid(HIP_LOW + origin, HIP_HIGH + origin, SPACING_MM)
    femora = np.full(grid.shape, 127, np.int8)
    pelvic = distance_map(pelvis.apply(model.sacrum.vertices(weights)), model.sacrum.faces, grid)
    region = np.zeros(grid.shape, np.uint8)
    for hip in hips:
        own_femur = distance_map(hip.femur, hip.femur_faces, grid)
        near = own_femur < 5 * STEPS_PER_MM
        region[near] = REGION_LABEL[name_regions(_frame(hip), grid.to_world(np.argwhere(near)))]
        femora = np.minimum(femora, own_femur)
        pelvic = np.minimum(pelvic, distance_map(hip.hip_bone, hip.hip_bone_faces, grid))
    return {
        "distance": np.stack([femora, pelvic]),
        "region": region,
        "low": grid.to_world(np.zeros(3)),
        "centers": np.stack([hip.center for hip in hips]),
    }


KNEE_BONES = ("femur", "tibia", "fibula", "patella")


def draw_knee(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Draw a LEFT knee.

    Returns
    -------
    dict
        ``distance`` int8 (4, x, y, z) of :data:`KNEE_BONES`; ``low``; ``centers`` (1, 3): the knee's center, at 0.
    """
    from marrowmap.anatomy.knee_pose import draw_knee_pose  # noqa: PLC0415

    pose = draw_knee_pose(rng, Side.LEFT, np.zeros(3), held_out=HELD_OUT_MODES)
    whole = Rotation.from_euler("xyz", rng.normal(0, (8.0, 6.0, 12.0)), degrees=True)
    grid = make_grid(KNEE_LOW, KNEE_HIGH, SPACING_MM)
    distance = [distance_map(whole.apply(pose.vertices(bone)), pose.faces(bone), grid) for bone in KNEE_BONES]
    return {"distance": np.stack(distance), "low": KNEE_LOW, "centers": np.zeros((1, 3))}


def fill_pool(kind: str, pool: Path, numbers: Iterable[int]) -> list[Path]:
    """Draw the anatomies of these numbers, which are their seeds, unless they are there; return their files."""
    pool.mkdir(parents=True, exist_ok=True)
    files = []
    for number in numbers:
        path = pool / f"{kind}_{number:04d}.npz"
        files.append(path)
        if path.exists():
            continue
        rng = np.random.default_rng([20261121, number, kind == "knees"])
        drawn = draw_hips(rng) if kind == "hips" else draw_knee(rng)
        part = path.with_suffix(".part")
        with part.open("wb") as stream:
            np.savez(stream, **drawn)
        part.rename(path)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["hips", "knees"])
    parser.add_argument("out", type=Path)
    parser.add_argument("--first", type=int, default=0, help="number of the first anatomy, also its seed")
    parser.add_argument("--count", type=int, default=100)
    given = parser.parse_args()
    fill_pool(given.kind, given.out, range(given.first, given.first + given.count))


if __name__ == "__main__":
    main()
