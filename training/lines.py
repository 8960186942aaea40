"""Sample lines through drawn femoral heads, to train the networks that read them.

    python training/lines.py build/training/heads build/training/lines

What the images show along each line, and at which step it meets a necrotic band's outer border (``band.npz``) or the
bone's surface (``surface.npz``). Needs marrowmap only.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.head_lines import STEP_MM
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import possible_steps
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import upright
from marrowmap.measure.necrosis import first_look
from marrowmap.measure.ray_surface import RAYS
from marrowmap.measure.ray_surface import spread_rays
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.collapse import sink
from marrowmap.phantom.onfh import segment_distance
from marrowmap.values import Joint

TARGETS = {"band": 901, "surface": 903}
"""What is looked for, and its stream of random numbers."""
LINES = 260
"""Of each look at a head."""
STEPS = 100
SUNKEN_LINES = 160
"""Of these, how many lead to where the joint surface has sunk, if it has."""
SEEDS = range(5000, 5130)
"""Heads as they come. Of all others only those that have sunk are used, and only to learn the surface."""
TUNING_SEEDS = range(5265, 6000)
"""Left out: limits and thresholds are set on these heads."""
SHARE_WITHOUT = 0.6
"""Of lines that hold nothing, how many are kept."""
CENTER_ERROR_MM, RADIUS_ERROR_MM = 0.35, 0.25
"""Frames are never exact."""


def uncertain_frame(drawn: dict[str, Any], rng: np.random.Generator) -> BoneFrame:
    """Return a drawn head's frame with errors like those of a fitted one."""
    hip = drawn["hip"]
    center = hip.center + rng.normal(0, CENTER_ERROR_MM, 3)
    radius = hip.radius + rng.normal(0, RADIUS_ERROR_MM)
    vertices = center + (hip.femur - hip.center) * (radius / hip.radius)
    shape = (vertices, hip.femur_faces, 0.5, True, "drawn")
    return BoneFrame("femur", Joint.HIP, hip.side, "1", "1", center, radius, hip.axes, dict(hip.landmarks), *shape)


def _looks(target: str, femur: Any, lesion: Any, rng: np.random.Generator) -> list[tuple[Any, Any, bool]]:
    """Origins and directions of lines, and whether they lead outward."""
    radius = femur.head_radius_mm
    even = spread_rays(RAYS).directions
    up, _ = upright(femur)
    if target != "band":
        return [(np.zeros(3), even[even[:, 0] < 0.6], True)]
    origin, rays = first_look(femur)
    looks = [(origin, rays.directions, False)]
    for _ in range(2):
        if lesion.necrosis is not None:
            middle = np.array(lesion.necrosis.toward) * radius * (1 - lesion.necrosis.depth_radii / 2)
        else:
            middle = up * radius * rng.uniform(0.2, 0.6)
        middle = middle + rng.normal(0, 2.0, 3)
        if np.linalg.norm(middle) < radius - 4:
            looks.append((middle, even, True))
    return looks


def _truth(target: str, hip: Any, lesion: Any, local: Any, outward: bool) -> Any:
    """Return the step at which each line (n, STEPS, 3) meets what is looked for, -1 where it does not."""
    if target == "surface":
        return _crossing(-true_depth(true_frame(hip), lesion, local), inward=False)
    if lesion.necrosis is None:
        return np.full(local.shape[0], -1.0)
    return _crossing(segment_distance(lesion.necrosis, hip.radius, local), inward=not outward)


def true_depth(femur: BoneFrame, lesion: Any, local: Any) -> Any:
    """Return how deep points (..., 3), bone coordinates, lie below the true surface, sunken or not."""
    away = np.linalg.norm(local, axis=-1)
    surface = surface_radius(femur, local / np.maximum(away, 1e-6)[..., None])
    depression = depression_of(lesion, femur.head_radius_mm)
    sunken = 0.0 if depression is None else sink(depression, femur.head_radius_mm, local.astype(np.float32))
    return (surface - sunken - away).astype(np.float32)


def true_frame(hip: Any) -> BoneFrame:
    """Return the frame of a drawn hip without any error."""
    shape = (hip.femur, hip.femur_faces, 0.0, True, "drawn")
    marks = dict(hip.landmarks)
    return BoneFrame("femur", Joint.HIP, hip.side, "1", "1", hip.center, hip.radius, hip.axes, marks, *shape)


def _crossing(distance: Any, inward: bool) -> Any:
    """Return the first fractional step where a distance changes sign; -1 where it does not."""
    inside = distance < 0
    changes = ~inside[:, :-1] & inside[:, 1:] if inward else inside[:, :-1] & ~inside[:, 1:]
    step = changes.argmax(axis=1)
    row = np.arange(len(step))
    before, after = distance[row, step], distance[row, step + 1]
    share = before / np.where(np.abs(before - after) > 1e-9, before - after, 1.0)
    return np.where(changes.any(axis=1), step + share, -1.0)


def sample_head(path: Path, target: str) -> list[tuple[Any, ...]]:
    """Return for lines through one head what the images show, where the truth lies, where it may lie, which way."""
    drawn = pickle.loads(path.read_bytes())  # made by heads.py on this machine
    rng = np.random.default_rng([drawn["seed"], TARGETS[target]])
    hip, lesion = drawn["hip"], drawn["lesion"]
    femur = uncertain_frame(drawn, rng)
    grid = Grid(drawn["t1"].shape, drawn["affine"], "1")
    images = HeadImages.of(femur, Volume(grid, drawn["t1"]), Volume(grid, drawn["fluid"]))
    if images is None:
        return []
    depression = depression_of(lesion, hip.radius)
    if drawn["seed"] not in SEEDS and (target != "surface" or depression is None):
        return []
    result = []
    for origin, directions, outward in _looks(target, femur, lesion, rng):
        chosen = directions[rng.permutation(len(directions))]
        if target == "surface" and depression is not None:
            there = chosen @ np.array(depression.toward) > np.cos(np.radians(depression.half_angle_deg))
            chosen = np.concatenate([chosen[there][:SUNKEN_LINES], chosen])
        chosen = chosen[:LINES]
        local = origin + chosen[:, None, :] * (np.arange(STEPS) * STEP_MM)[:, None]
        true_local = (femur.to_world(local) - hip.center) @ hip.axes
        step = _truth(target, hip, lesion, true_local, outward)
        if outward and target == "band" and (step < 2).all() and lesion.necrosis is not None:
            continue
        possible, _ = possible_steps(target, femur, origin, chosen, STEPS)
        nearest = np.clip(np.rint(step).astype(int), 0, STEPS - 1)
        step = np.where((step >= 0) & possible[np.arange(len(step)), nearest], step, -1.0)
        kept = (step >= 0) | (rng.random(len(step)) < SHARE_WITHOUT)
        shown = images.describe(origin, chosen[kept], STEPS).astype(np.float16)
        ways = np.full(int(kept.sum()), outward)
        result.append((shown, step[kept].astype(np.float32), possible[kept], ways))
    return result


def sample(heads: Path, folder: Path, targets: Sequence[str]) -> None:
    """Sample lines of all heads."""
    folder.mkdir(parents=True, exist_ok=True)
    for target in targets:
        parts, numbers = [], []
        for path in sorted(path for path in heads.glob("*.pickle") if int(path.stem) not in TUNING_SEEDS):
            for part in sample_head(path, target):
                parts.append(part)
                numbers.append(np.full(len(part[1]), int(path.stem)))
        shown, step, possible, outward = (np.concatenate(column) for column in zip(*parts, strict=True))
        np.savez(
            folder / f"{target}.npz",
            shown=shown,
            step=step,
            possible=possible,
            outward=outward,
            head=np.concatenate(numbers),
        )
        print(f"{target}: {len(step)} lines of {len(set(np.concatenate(numbers)))} heads, {np.mean(step >= 0):.2f} hit")


def main() -> None:
    """Sample lines of all heads in a folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("heads", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("targets", nargs="*", default=TARGETS, help="band, fracture, surface; all if not given")
    given = parser.parse_args()
    sample(given.heads, given.folder, given.targets)


if __name__ == "__main__":
    main()
