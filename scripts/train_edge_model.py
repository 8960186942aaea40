r"""Train the networks that read profiles (``anatomy/data/edges_*.npz``) on painted hips and knees.

They were made by (a quarter of an hour on one core)::

    python scripts/train_edge_model.py draw mr.npz --kind mr --anatomies 16 --seed 1
    python scripts/train_edge_model.py draw ct.npz --kind ct --anatomies 12 --seed 2
    for kind in mr ct; do for stage in coarse fine; do
        python scripts/train_edge_model.py fit src/marrowmap/anatomy/data/edges_${kind}_$stage.npz \
            --stage $stage --epochs 20 $kind.npz
    done; done

and those of the knee with ``--joint knee``, 28 and 14 anatomies, seeds 3 and 4, 30 epochs (``edges_knee_*``).

NumPy only. The painted hips are not the virtual patients that figures are reported on: those are drawn by
``marrowmap.phantom``, from other code, tissues and physics, though from the same shape model.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy import ndimage

import paint_hip
import paint_knee
from marrowmap.anatomy import hip_pose
from marrowmap.anatomy import knee_fit
from marrowmap.anatomy import knee_pose
from marrowmap.anatomy.active_shape import ArticulatedPose
from marrowmap.anatomy.hip_pose import vertex_areas
from marrowmap.anatomy.hip_pose import vertex_normals
from marrowmap.anatomy.profiles import SAMPLES
from marrowmap.anatomy.profiles import code_places
from marrowmap.anatomy.profiles import describe_profiles
from marrowmap.anatomy.profiles import sample_profiles
from marrowmap.anatomy.profiles import scale_signal
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.values import Side

STAGES = {"coarse": 1.5, "fine": 0.6}
"""Distance of the points on a profile, mm."""
SPREAD = {"coarse": (8.0, 5.0, 0.8), "fine": (3.0, 1.8, 0.4)}
"""How far poses are put off: turn (deg), shift (mm), weights (SD)."""
HIDDEN = (96, 64)


@dataclass(frozen=True)
class Subject:
    """What is painted: one kind of joint.

    Parameters
    ----------
    draw_pose, paint_tissues, draw_volume : callable
    code_places, weigh_places : callable
        Of a bone's name: what tells its vertices apart, and how often each is drawn (beside its area).
    moved_alone : tuple of int
        Bones that also move against the others.
    contrasts : tuple of str
        Of the MR images of one anatomy.
    """

    draw_pose: Callable
    paint_tissues: Callable
    draw_volume: Callable
    code_places: Callable
    weigh_places: Callable
    moved_alone: tuple[int, ...]
    contrasts: tuple[str, ...]


def _code_hip(bone: str) -> np.ndarray:
    left = hip_pose.side_shape(bone, Side.LEFT)
    return code_places(left.mean, vertex_normals(left.mean, left.faces), hip_pose.BONES.index(bone))


def _weigh(shape: hip_pose.SideShape) -> np.ndarray:
    return np.exp(-((np.linalg.norm(shape.mean, axis=1) / 90) ** 2)) + 0.05


def _draw_hip_volume(rng, pose, grid, tissue, contrast, edema) -> Volume:
    image = paint_hip.color_tissues(rng, pose, grid, tissue, contrast, edema=edema)
    return paint_hip.scan(rng, grid, image, contrast)


def _draw_knee_volume(rng, pose, grid, tissue, contrast, edema) -> Volume:
    return paint_knee.draw_volume(rng, pose, grid, tissue, contrast, edema=edema)


SUBJECTS = {
    "hip": Subject(
        paint_hip.draw_pose,
        paint_hip.paint_tissues,
        _draw_hip_volume,
        _code_hip,
        lambda bone: _weigh(hip_pose.side_shape(bone, Side.LEFT)),
        (0,),
        ("t1", "stir", "stir", "pdfs", "t2", "random"),
    ),
    "knee": Subject(
        knee_pose.draw_knee_pose,
        paint_knee.paint_tissues,
        _draw_knee_volume,
        knee_fit.code_places,
        lambda bone: _weigh(knee_pose.side_shape(bone, Side.LEFT)) * (knee_fit.place_weights(bone) > 0),
        (1, 2, 3),
        ("t1", "stir", "pdfs", "t2", "random"),
    ),
}


def read_truth(distance: np.ndarray, grid: Grid, points: np.ndarray, normals: np.ndarray, reach: float) -> np.ndarray:
    """Place of the true surface along each normal (mm), nan where there is none within `reach`."""
    offsets = np.arange(-reach, reach + 0.25, 0.5)
    places = grid.to_index(points[:, None] + offsets[None, :, None] * normals[:, None])
    values = ndimage.map_coordinates(distance, places.reshape(-1, 3).T, order=1, mode="constant", cval=np.nan)
    values = values.reshape(len(points), -1)
    a, b = values[:, :-1], values[:, 1:]
    crossing = (a < 0) & (b >= 0)
    where = offsets[:-1] + 0.5 * np.where(crossing, -a / np.where(crossing, b - a, 1), 0)
    where = np.where(crossing, where, np.inf)
    best = where[np.arange(len(where)), np.argmin(np.abs(where), axis=1)]
    return np.where(np.isfinite(best), best, np.nan)


def draw_profiles(
    rng: np.random.Generator,
    subject: Subject,
    pose: ArticulatedPose,
    distance: dict,
    grid: Grid,
    volume: Volume,
    stage: str,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Put the pose off a little and read profiles with the truth along them."""
    step = STAGES[stage]
    turn, shift, weights = SPREAD[stage]
    common = np.concatenate([rng.normal(0, np.radians(turn), 3), rng.normal(0, shift, 3)])
    move = np.concatenate([rng.normal(0, weights, 26), *[common] * len(pose.bones)])
    for number in subject.moved_alone:
        own = np.concatenate([rng.normal(0, np.radians(turn), 3), rng.normal(0, shift / 3, 3)])
        move[26 + 6 * number : 32 + 6 * number] += own
    off = pose.moved(move * rng.uniform(0.2, 1.2))
    signal = scale_signal(volume)
    features, targets = [], []
    for bone in pose.bones:
        vertices, faces = off.vertices(bone), off.faces(bone)
        area = vertex_areas(vertices, faces)
        area *= subject.weigh_places(bone)
        chosen = rng.choice(len(vertices), count, p=area / area.sum())
        points, normals = vertices[chosen], vertex_normals(vertices, faces)[chosen]
        profiles, usable = sample_profiles(signal, volume, points, normals, step)
        truth = read_truth(distance[bone], grid, points, normals, step * (SAMPLES // 2))
        kept = usable & np.isfinite(truth)
        features.append(describe_profiles(profiles, normals, volume, subject.code_places(bone)[chosen])[kept])
        targets.append(truth[kept])
    return np.concatenate(features).astype(np.float16), np.concatenate(targets).astype(np.float32)


def draw(out: Path, joint: str, kind: str, anatomies: int, seed: int) -> None:
    """Paint joints and store profiles."""
    rng = np.random.default_rng(seed)
    subject = SUBJECTS[joint]
    stored: dict[str, list] = {f"{stage}_{what}": [] for stage in STAGES for what in "xy"}
    for number in range(anatomies):
        side = Side.LEFT if number % 2 else Side.RIGHT
        pose = subject.draw_pose(rng, side, np.array([90.0 * side.sign, 0, 0]))
        grid, tissue, distance = subject.paint_tissues(rng, pose)
        contrasts = ("ct", "ct", "ct") if kind == "ct" else subject.contrasts
        for place, contrast in enumerate(contrasts):
            edema = rng.uniform(0.6, 1.0) if place in (2, 3) and rng.random() < 0.7 else 0.0
            volume = subject.draw_volume(rng, pose, grid, tissue, contrast, edema)
            for stage in STAGES:
                for _ in range(3):
                    x, y = draw_profiles(rng, subject, pose, distance, grid, volume, stage, 250)
                    stored[f"{stage}_x"].append(x)
                    stored[f"{stage}_y"].append(y)
        print(number, sum(map(len, stored["fine_y"])), file=sys.stderr)
    np.savez(out, **{key: np.concatenate(value) for key, value in stored.items()})


def _forward(layers: list, x: np.ndarray) -> list[np.ndarray]:
    values = [x]
    for number, (weight, bias) in enumerate(layers):
        z = values[-1] @ weight + bias
        values.append(np.maximum(z, 0) if number < len(layers) - 1 else z)
    return values


def _log_softmax(z: np.ndarray) -> np.ndarray:
    z = z - z.max(axis=1, keepdims=True)
    return z - np.log(np.exp(z).sum(axis=1, keepdims=True))


def fit(out: Path, stage: str, sources: list[Path], epochs: int) -> None:
    """Fit the network by cross entropy against the truth smeared a little (Adam, cosine decay)."""
    step = STAGES[stage]
    x, y = [], []
    for source in sources:
        with np.load(source) as stored:
            x.append(stored[f"{stage}_x"])
            y.append(stored[f"{stage}_y"])
    x, y = np.concatenate(x).astype(np.float32), np.concatenate(y)
    held = len(x) * 95 // 100  # anatomies come in order: the last ones are held out of each draw's end
    rng = np.random.default_rng(0)
    offsets = (np.arange(SAMPLES) - SAMPLES // 2) * step
    sizes = [x.shape[1], *HIDDEN, SAMPLES]
    layers = [
        [rng.normal(0, np.sqrt(2 / a), (a, b)).astype(np.float32), np.zeros(b, np.float32)] for a, b in pairwise(sizes)
    ]
    moments = [[np.zeros_like(p), np.zeros_like(p)] for layer in layers for p in layer]
    batch, count = 1024, 0
    total = epochs * (held // batch)
    for epoch in range(epochs):
        order = rng.permutation(held)
        losses = []
        for start in range(0, held - batch, batch):
            pick = order[start : start + batch]
            goal = np.exp(-0.5 * ((offsets[None] - y[pick, None]) / (0.7 * step)) ** 2)
            goal = 0.98 * goal / goal.sum(axis=1, keepdims=True) + 0.02 / SAMPLES
            values = _forward(layers, x[pick])
            log = _log_softmax(values[-1])
            losses.append(-float((goal * log).sum(axis=1).mean()))
            slope = ((np.exp(log) - goal) / batch).astype(np.float32)
            count += 1
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * count / (total + 1)))
            gradients = []
            for number in reversed(range(len(layers))):
                gradients = [values[number].T @ slope, slope.sum(axis=0), *gradients]
                if number:
                    slope = (slope @ layers[number][0].T) * (values[number] > 0)
            flat = [p for layer in layers for p in layer]
            for p, g, m in zip(flat, gradients, moments, strict=True):
                m[0] += 0.1 * (g - m[0])
                m[1] += 0.01 * (g * g - m[1])
                bias_1, bias_2 = 1 - 0.9**count, 1 - 0.99**count
                np.subtract(p, rate * (m[0] / bias_1) / (np.sqrt(m[1] / bias_2) + 1e-8), out=p)
        log = _log_softmax(_forward(layers, x[held:])[-1])
        expected = np.exp(log) @ offsets
        error = np.abs(expected - y[held:])
        print(epoch, round(np.mean(losses), 4), "held out: median", error.round(2).mean(), np.median(error))
    arrays = {f"weight{n}": layer[0].astype(np.float16) for n, layer in enumerate(layers)}
    arrays |= {f"bias{n}": layer[1].astype(np.float32) for n, layer in enumerate(layers)}
    np.savez_compressed(out, step_mm=step, **arrays)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sub = parser.add_subparsers(dest="job", required=True)
    one = sub.add_parser("draw")
    one.add_argument("out", type=Path)
    one.add_argument("--joint", choices=tuple(SUBJECTS), default="hip")
    one.add_argument("--kind", choices=("mr", "ct"), default="mr")
    one.add_argument("--anatomies", type=int, default=60)
    one.add_argument("--seed", type=int, default=1)
    two = sub.add_parser("fit")
    two.add_argument("out", type=Path)
    two.add_argument("sources", type=Path, nargs="+")
    two.add_argument("--stage", choices=tuple(STAGES), required=True)
    two.add_argument("--epochs", type=int, default=12)
    given = parser.parse_args()
    if given.job == "draw":
        draw(given.out, given.joint, given.kind, given.anatomies, given.seed)
    else:
        fit(given.out, given.stage, given.sources, given.epochs)


if __name__ == "__main__":
    main()
