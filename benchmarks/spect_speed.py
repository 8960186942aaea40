"""SPECT reconstruction of 128^3 voxels from 120 views, beside another package on the same projections.

    .venv/bin/python benchmarks/spect_speed.py --peer PYTHON [--real FOLDER]

PYTHON is the interpreter of an environment that has PyTomography (``pip install torch pytomography``), which marrowmap
neither needs nor imports. Both get the same counts, scatter estimate, attenuation map, width at each distance, order
and grouping of views, start image, number of iterations and of threads, and run by turns.

The object is a body of water (380 mm by 250 mm, all slices) with balls in it, projected on a grid twice as fine as the
one it is reconstructed on. `--real` is the folder `spect-interfile-stir` of the public files: a cylinder 20 cm wide,
simulated with SimSET by others, without an attenuation map of its own; an even cylinder of water is assumed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image.spect_projector import LEHR
from marrowmap.image.spect_projector import Orbit
from marrowmap.image.spect_projector import Projector
from marrowmap.image.spect_reconstruction import SCATTER_STRENGTH
from marrowmap.image.spect_reconstruction import Osem
from marrowmap.image.spect_reconstruction import reconstruct
from marrowmap.image.spect_reconstruction import scatter_from_windows
from marrowmap.image.spect_reconstruction import scatter_source

Array = NDArray[np.float32]
PIXEL, SIZE, VIEWS = 4.42, 128, 120
WATER_PER_MM = 0.01538
BODY_MM = (125.0, 190.0)
"""Half widths of the body, front to back and left to right."""
BALLS_MM = (12.7, 19.1, 25.4, 31.8)
HOT = 4.0
MOST_SECONDS = 60.0
OSEM = Osem(4, 10)


@dataclass(frozen=True)
class Problem:
    """What both reconstruct: counts and scatter (views, rows, columns), and mu (slices, rows, columns) in 1/mm."""

    counts: Array
    orbit: Orbit
    scatter: Array
    mu: Array


@dataclass(frozen=True)
class Run:
    """One reconstruction: its volume, wall and processor time in s, load of the machine before it, and by what."""

    volume: Array
    seconds: float
    processor: float
    load: float
    version: str = "marrowmap"


def places(size: int, pixel: float) -> list[NDArray[np.float64]]:
    """Return z, y and x of every voxel in mm from the middle, ready to be broadcast."""
    step = (np.arange(size) - (size - 1) / 2) * pixel
    return [step[:, None, None], step[None, :, None], step[None, None, :]]


def build(size: int, pixel: float) -> tuple[Array, Array, dict[tuple[str, float], Array]]:
    """Return activity (1 in the body), attenuation map, and the share of each ball."""
    z, y, x = places(size, pixel)
    edge = (1 - np.hypot(y / BODY_MM[0], x / BODY_MM[1])) * min(BODY_MM) / pixel
    water = np.broadcast_to(np.clip(0.5 + edge, 0, 1), (size,) * 3).astype(np.float32)
    activity, balls = water.copy(), {}
    for number, diameter in enumerate(BALLS_MM):
        angle = (number + 0.5) * np.pi / 2
        for kind, height in (("hot", 70.0), ("cold", -70.0)):
            away = np.sqrt((z - height) ** 2 + (y - 65 * np.sin(angle)) ** 2 + (x - 100 * np.cos(angle)) ** 2)
            balls[kind, diameter] = np.clip(0.5 + (diameter / 2 - away) / pixel, 0, 1).astype(np.float32)
            activity += balls[kind, diameter] * np.float32(HOT - 1 if kind == "hot" else -1)
    return activity, water * np.float32(WATER_PER_MM), balls


def virtual(counts: float) -> tuple[Problem, float, dict[tuple[str, float], Array]]:
    """Return the problem of the virtual body, what its voxels are scaled by, and its balls."""
    orbit = Orbit(np.arange(VIEWS) * 360.0 / VIEWS, np.full(VIEWS, 240.0), PIXEL)
    activity, mu, _ = build(2 * SIZE, PIXEL / 2)
    fine = Projector(Orbit(orbit.angles_deg, orbit.radius_mm, PIXEL / 2), activity.shape, attenuation=mu, response=LEHR)
    # A voxel of the coarse grid holds eight of the fine one.
    primary = fine.project(activity).reshape(VIEWS, SIZE, 2, SIZE, 2).sum(axis=(2, 4)) / 8
    activity, mu, balls = build(SIZE, PIXEL)
    spread = scatter_source(activity, mu, PIXEL, SCATTER_STRENGTH)
    scattered = Projector(orbit, mu.shape, attenuation=mu, response=LEHR).project(spread)
    scale = counts / float((primary + scattered).sum())
    rng = np.random.default_rng(101)
    drawn = rng.poisson((primary + scattered) * scale).astype(np.float32)
    window = rng.poisson(2 * scattered * scale).astype(np.float32)
    return Problem(drawn, orbit, scatter_from_windows(window), mu), scale, balls


def real(folder: Path) -> Problem:
    """Return the problem of the public projections."""
    counts = np.fromfile(folder / "input.s", "<f4").reshape(120, 64, 128)
    orbit = Orbit(180.0 - np.arange(120) * 3.0, np.full(120, 150.0), 3.32)
    _, y, x = places(128, 3.32)
    mu = np.broadcast_to((np.hypot(y, x) < 100) * np.float32(WATER_PER_MM), (64, 128, 128)).astype(np.float32)
    return Problem(counts, orbit, np.zeros_like(counts), mu)


def ours(problem: Problem) -> Run:
    """Reconstruct with marrowmap."""
    load, began, worked = os.getloadavg()[0], time.perf_counter(), time.process_time()
    volume = reconstruct(problem.counts, problem.orbit, OSEM, attenuation=problem.mu, scatter=problem.scatter)
    return Run(volume, time.perf_counter() - began, time.process_time() - worked, load)


def theirs(problem: Problem, python: Path, threads: int) -> Run:
    """Reconstruct with PyTomography in its own process; start of the interpreter and files are not in its times."""
    views, rows, columns = problem.counts.shape
    order = np.argsort(np.mod(problem.orbit.angles_deg, 360.0), kind="stable")
    _, y, x = places(columns, 1.0)
    circle = np.broadcast_to(np.hypot(y, x) <= columns / 2, (rows, columns, columns))
    start = circle * np.float32(problem.counts.sum() / views / circle.sum())
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder) / "problem.npz", Path(folder) / "result.npz"
        np.savez(
            given,
            counts=problem.counts[order],
            scatter=problem.scatter[order],
            attenuation=problem.mu,
            start=start.astype(np.float32),
            angles_deg=problem.orbit.angles_deg[order],
            radius_mm=problem.orbit.radius_mm[order],
            pixel_mm=problem.orbit.pixel_mm,
            response_mm=[LEHR.hole_mm, LEHR.length_mm, LEHR.intrinsic_fwhm_mm],
            osem=[OSEM.iterations, OSEM.subsets],
        )
        done = subprocess.run(
            [python, Path(__file__).with_name("spect_peer.py"), given, made, str(threads)],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": ""},
        )
        told = json.loads(done.stdout.splitlines()[-1])
        with np.load(made) as file:
            return Run(file["volume"], told["seconds"], told["processor"], load, told["version"])


def by_turns(problem: Problem, options: argparse.Namespace) -> dict[int, tuple[list[Run], list[Run]]]:
    """Run both by turns with each number of threads, held to as many cores: (ours, theirs) by number of threads."""
    cores = sorted(os.sched_getaffinity(0))
    found: dict[int, tuple[list[Run], list[Run]]] = {threads: ([], []) for threads in options.threads}
    for _ in range(options.repeats):
        for threads, (mine, other) in found.items():
            os.sched_setaffinity(0, cores[:threads])
            mine.append(ours(problem))
            other.append(theirs(problem, options.peer, threads))
    os.sched_setaffinity(0, cores)
    return found


def quality(volume: Array, water: Array, balls: dict[tuple[str, float], Array]) -> dict[str, float]:
    """Return contrast recovery of each ball, level and noise of even water, all in %."""
    reached = sum(ndimage.maximum_filter(ball, 9) for ball in balls.values()) > 0
    even = (ndimage.minimum_filter(water, 9) > 0.99) & ~reached
    # What blurs over the last slices is not in the picture.
    even[:8] = even[-8:] = False
    mean = float(volume[even].mean())
    result = {}
    for (kind, diameter), ball in balls.items():
        inside = float((volume * ball).sum() / ball.sum()) / mean
        result[f"contrast recovered, {kind} ball of {diameter} mm"] = 100 * (
            (inside - 1) / (HOT - 1) if kind == "hot" else 1 - inside
        )
    result["even water over truth"] = 100 * mean
    result["noise: SD over mean of even water"] = 100 * float(volume[even].std()) / mean
    return result


def print_agreement(where: str, volumes: list[Array], inside: NDArray[np.bool_]) -> None:
    """Print correlation of two volumes and the ratio of their means."""
    first, second = (volume[inside] for volume in volumes)
    print(f"| correlation of both {where} | {np.corrcoef(first, second)[0, 1]:.4f} | |")
    # What remains after a filter as is usual in the clinic: noise is no part of the comparison.
    smooth = [ndimage.gaussian_filter(volume, 1.0)[inside] for volume in volumes]
    print(f"| the same after a Gaussian with an SD of one voxel | {np.corrcoef(*smooth)[0, 1]:.4f} | |")
    print(f"| mean of marrowmap over mean of PyTomography | {first.mean() / second.mean():.4f} | |")
    print(flush=True)


def print_times(title: str, found: dict[int, tuple[list[Run], list[Run]]]) -> None:
    """Print the shortest of each one's times and their ratio."""
    print(f"| {title} | marrowmap | {next(iter(found.values()))[1][0].version} | ratio | target | met |")
    print("|---|---|---|---|---|---|")
    for threads, pair in found.items():
        wall = [min(run.seconds for run in runs) for runs in pair]
        met = "yes" if wall[0] <= MOST_SECONDS else "NO"
        cells = f"{wall[0]:.1f} s | {wall[1]:.1f} s | {wall[1] / wall[0]:.1f} | <= {MOST_SECONDS:.0f} s | {met}"
        print(f"| wall time, cores and threads: {threads} | {cells} |")
        work = [min(run.processor for run in runs) for runs in pair]
        print(f"| processor time, the same | {work[0]:.1f} s | {work[1]:.1f} s | {work[1] / work[0]:.1f} | | |")
        loads = [" ".join(f"{run.load:.1f}" for run in runs) for runs in pair]
        print(f"| load of the machine before | {loads[0]} | {loads[1]} | | | |")
    print(flush=True)


def main() -> None:
    """Make the projections, reconstruct them with both by turns, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, required=True, help="Python that has PyTomography")
    parser.add_argument("--real", type=Path, help="the folder spect-interfile-stir")
    parser.add_argument("--counts", type=float, default=12e6, help="in all views together")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    problem, scale, balls = virtual(options.counts)
    found = by_turns(problem, options)
    print_times(f"{SIZE} x {SIZE} x {SIZE}, {VIEWS} views, 4 x 10", found)
    volumes = [runs[-1].volume / np.float32(scale) for runs in found[options.threads[0]]]
    seen = [quality(volume, problem.mu / np.float32(WATER_PER_MM), balls) for volume in volumes]
    print("| picture | marrowmap | PyTomography |")
    print("|---|---|---|")
    for key in seen[0]:
        print(f"| {key} | {seen[0][key]:.1f} % | {seen[1][key]:.1f} % |")
    print_agreement("in the body", volumes, problem.mu > 0)
    if options.real is None:
        return
    problem = real(options.real)
    found = by_turns(problem, options)
    print_times("spect-interfile-stir, 120 x 64 x 128, 4 x 10", found)
    print("| picture | both | |")
    print("|---|---|---|")
    along = problem.counts.sum(axis=(0, 2))
    filled = (problem.mu > 0) & (along > 0.2 * along.max())[:, None, None]
    print_agreement("in the cylinder", [runs[-1].volume for runs in found[options.threads[0]]], filled)


if __name__ == "__main__":
    main()
