"""Trabecular morphometry against analytic bodies, a manufacturer's tables, known fabrics and virtual bone.

python benchmarks/morphometry_exactness.py [--tables FOLDER]
python benchmarks/morphometry_exactness.py --fit   (seeds 1 to 40: what rods lack without CURVED)

FOLDER is `morphometry-ipl-reference` (GPL-3, not part of this repository): thickness of spheres, cylinders and plates
by Scanco's IPL (three versions) and by a Python package. Its bodies are drawn anew: a voxel is in if its center lies
less than half the named width from the middle voxel's.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.anisotropy import gradient_fabric
from marrowmap.measure.anisotropy import intercept_fabric
from marrowmap.measure.connectivity import euler_number
from marrowmap.measure.local_thickness import mid_axis_thickness
from marrowmap.measure.local_thickness import trabecular_number
from marrowmap.measure.local_thickness import trabecular_separation
from marrowmap.measure.local_thickness import trabecular_thickness
from marrowmap.measure.plate_fraction import plate_fraction
from marrowmap.measure.skeleton_topology import name_voxels
from marrowmap.measure.skeleton_topology import skeleton
from marrowmap.measure.skeleton_topology import skeleton_topology
from marrowmap.measure.structure_model import structure_model_index
from marrowmap.measure.wall_distance import CURVED
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import bone_fraction_map
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular import resorbed

Body = NDArray[np.bool_]
TURNS = range(201, 209)
PARTS = ("analytic", "shares", "networks", "fabrics", "bone")
TUNED = range(1, 41)
FINE_MM = 0.02
"""Voxels of the render that the true separation of virtual bone is taken from."""
SHAPES = ("F_SPH", "H_SPH", "F_CYL", "H_CYL", "PLATE")
PADDING = 3
LARGEST = 40
"""Bodies up to this width are drawn; the tables go to 50."""


def mask(body: Body, spacing: float = 1.0) -> Mask:
    return Mask(Grid(body.shape, np.diag([spacing, spacing, spacing, 1.0])), body)


def turned(thick: float, seed: int) -> tuple[NDArray[np.float64], Body]:
    """Return places in a turned and shifted frame, and the inner region where no cut end tells."""
    rng = np.random.default_rng(seed)
    margin = int(thick / 2) + 4
    size = int(2 * thick) + 2 * margin + 8
    at = np.stack(np.indices((size,) * 3), axis=-1) - size / 2 + rng.uniform(-0.5, 0.5, 3)
    inner = np.zeros((size,) * 3, bool)
    inner[margin:-margin, margin:-margin, margin:-margin] = True
    return at @ Rotation.random(random_state=seed).as_matrix(), inner


def analytic() -> None:
    print("| thickness set, voxels | oblique plate | oblique rod | ball |")
    print("|---|---|---|---|")
    for thick in (2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0):
        off: dict[str, list[float]] = {"plate": [], "rod": [], "ball": []}
        for seed in TURNS:
            at, inner = turned(thick, seed)
            bodies = {
                "plate": np.abs(at[..., 0]) < thick / 2,
                "rod": np.hypot(at[..., 0], at[..., 1]) < thick / 2,
                "ball": np.linalg.norm(at, axis=-1) < thick / 2,
            }
            for name, body in bodies.items():
                region = None if name == "ball" else mask(inner)
                off[name].append(trabecular_thickness(mask(body), region).mean_mm - thick)
        cells = " | ".join(f"{np.mean(v):+.2f} (SD {np.std(v):.2f})" for v in off.values())
        print(f"| {thick:.0f} | {cells} |", flush=True)
    print()


def fit() -> None:
    """Print the errors of rods that CURVED is to take away: it is right where their mean over all sizes is 0."""
    errors: list[list[float]] = []
    for thick in (3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0):
        errors.append([])
        for seed in TUNED if thick <= 12 else TUNED[3::4]:
            at, inner = turned(thick, seed)
            rod = mask(np.hypot(at[..., 0], at[..., 1]) < thick / 2)
            errors[-1].append(trabecular_thickness(rod, mask(inner)).mean_mm - thick)
        print(f"rod of {thick:.0f} voxels: {np.mean(errors[-1]):+.3f} (SD {np.std(errors[-1]):.3f})", flush=True)
    print(f"mean of all sizes: {np.mean([np.mean(each) for each in errors]):+.3f} with CURVED = {CURVED}")


def drawn(name: str) -> Body | None:
    """Return the body a row of the tables names; None if it is too large, cut to nothing or not of these."""
    numbers = {key: int(value) for key, value in re.findall(r"(OUTR|INR|LEN|WIDTH)_(\d+)", name)}
    width = numbers.get("OUTR", numbers.get("WIDTH", 0))
    length = numbers.get("LEN", 0)
    if width > LARGEST or ("CYL" in name and length > LARGEST):
        return None
    if "PLATE" in name:
        at = np.abs(np.arange(2 * length) - length)
        body = np.broadcast_to((at < width / 2)[:, None, None], (2 * length,) * 3)
        return np.pad(body, PADDING)
    at = (np.arange(2 * width) - width).astype(float)
    if "CYL" in name:
        squared = np.broadcast_to((at[:, None] ** 2 + at[None] ** 2)[..., None], (len(at), len(at), length))
    else:
        squared = at[:, None, None] ** 2 + at[None, :, None] ** 2 + at[None, None] ** 2
    body = squared < (width / 2) ** 2
    if "INR" in numbers:
        body = body & ~(squared < (numbers["INR"] / 2) ** 2)
    return np.pad(body, PADDING) if body.any() else None


def true_width(name: str) -> float | None:
    """Return the thickness set: diameter, wall or plate width; of cylinders and plates only where it is the least."""
    numbers = {key: int(value) for key, value in re.findall(r"(OUTR|INR|LEN|WIDTH)_(\d+)", name)}
    width = numbers.get("OUTR", numbers.get("WIDTH", 0))
    if "INR" in numbers:
        width = (width - numbers["INR"]) / 2
    reach = 2 * numbers["LEN"] if "PLATE" in name else numbers.get("LEN", width)
    return float(width) if reach >= 2 * width or "LEN" not in numbers else None


def read_column(path: Path, column: int) -> dict[str, float]:
    with path.open() as file:
        rows = list(csv.reader(file))[1:]
    return {re.split(r"_DT_JSW|_OVERSAMPLE|\.LOG", row[0])[0]: float(row[column]) for row in rows}


def against_tables(folder: Path, every: int) -> None:
    """Print mean absolute differences in voxels: of the mean thickness, then of the greatest."""
    print(
        "| bodies, voxels apart | n | ours, IPL 1 / 2 / 3 | ours on the mid-axis, the same | Python, the same | "
        "ours, set | mid-axis, set | Python, set | IPL 2, set |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    csvs = next(folder.rglob("F_SPH_JSW_THICKNESS_IPL.csv")).parent
    for shape in SHAPES:
        ipl_file, python_file = (
            f"{shape}_{end}.csv" for end in ("JSW_THICKNESS_IPL", "OVERSAMPLE_SKEL_DT_THICKNESS_PY")
        )
        mean = [read_column(csvs / ipl_file, column) for column in (2, 8, 14)]
        greatest = [read_column(csvs / ipl_file, column) for column in (4, 10, 16)]
        python = [read_column(csvs / python_file, column) for column in (1, 4)]
        names = [name for name in sorted(mean[0]) if name in python[0] and drawn(name) is not None]
        names = names[:: 1 if shape == "F_SPH" else every]
        ours: list[dict[str, float]] = [{}, {}]
        middle: dict[str, float] = {}
        for name in names:
            body = drawn(name)
            assert body is not None
            bone = mask(body)
            found = trabecular_thickness(bone)
            # A plate as wide as it is thick may have no two walls that face each other closest.
            with suppress(InputError):
                middle[name] = mid_axis_thickness(bone).mean_mm
            ours[0][name], ours[1][name] = found.mean_mm, found.largest_mm
        known = {n: truth for n in names if (truth := true_width(n)) is not None}
        for kind, ipl, mine, other in zip(("mean", "greatest"), (mean, greatest), ours, python, strict=True):
            cells = [f"{len(names)}"]
            for column in (mine, middle, other):
                there = [n for n in names if n in column]
                apart = [np.mean([abs(column[n] - version[n]) for n in there]) for version in ipl]
                fewer = f" (n {len(there)})" if len(there) < len(names) else ""
                cells.append(" / ".join(f"{value:.2f}" for value in apart) + fewer)
            for column in (mine, middle, other, ipl[1]):
                cells.append(f"{np.mean([abs(column[n] - truth) for n, truth in known.items() if n in column]):.2f}")
            print(f"| {shape}, {kind} | " + " | ".join(cells) + " |", flush=True)
    print()


def ellipsoids(axes: tuple[float, float, float], size: float, seed: int) -> Body:
    """Return aligned, turned ellipsoids, none cut: the fabric ellipsoid has their shape, exactly."""
    rng = np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    body = np.zeros((int(size),) * 3, bool)
    reach = int(max(axes)) + 2
    at = np.stack(np.meshgrid(*[np.arange(-reach, reach + 1)] * 3, indexing="ij"), axis=-1)
    for corner in np.ndindex(*(int(size // (2 * reach + 3)),) * 3):
        low = np.array(corner) * (2 * reach + 3) + 1
        shifted = (at + rng.uniform(-0.5, 0.5, 3)) @ turn
        box = tuple(slice(a, a + 2 * reach + 1) for a in low)
        body[box] |= ((shifted / axes) ** 2).sum(axis=-1) < 1
    return body


def plate_share(bone: Mask, region: Mask | None = None) -> float:
    return plate_fraction(bone, name_voxels(skeleton(bone)), region)


def shares() -> None:
    """Print the plate tissue fraction of turned walls, of a grating of rods, and of walls with rods between."""
    print("| thickness, voxels | walls (1) | rods (0) | walls with rods between, off the known share |")
    print("|---|---|---|---|")
    for thick in (3.0, 4.0, 6.0):
        found: list[list[float]] = [[], [], []]
        for seed in TURNS:
            size, apart, between = round(10 * thick), 10 * thick / 3, 2.5 * thick
            at = np.stack(np.indices((size,) * 3), axis=-1) + 0.5 - size / 2
            at = at @ Rotation.random(random_state=seed).as_matrix()
            at = at + np.random.default_rng(seed).uniform(0, apart, 3)
            near = np.abs((at + apart / 2) % apart - apart / 2)
            closer = np.abs((at + between / 2) % between - between / 2)
            walls = near[..., 0] < thick / 2
            rods = np.any([np.hypot(near[..., a], near[..., a - 1]) < thick / 2 for a in range(3)], axis=0)
            both = walls | (np.hypot(closer[..., 1], closer[..., 2]) < thick / 2)
            inner = np.zeros(walls.shape, bool)
            skip = round(apart / 2)
            inner[skip:-skip, skip:-skip, skip:-skip] = True
            known = float(walls[inner].sum() / both[inner].sum())
            for values, body, share in zip(found, (walls, rods, both), (0.0, 0.0, known), strict=True):
                values.append(plate_share(mask(body), mask(inner)) - share)
        cells = [f"{np.mean(v):.3f} (SD {np.std(v):.3f})" for v in found[:2]]
        cells.append(f"{np.median(found[2]):+.3f} (median; {min(found[2]):+.3f} to {max(found[2]):+.3f})")
        print(f"| {thick:.0f} | {' | '.join(cells)} |", flush=True)
    print()


def networks() -> None:
    """Print the plate tissue fraction of virtual bone beside the share of plates in the volume set."""
    print("| virtual bone, 3.2 mm, seed 201 | set | found at 40 um | at 60.7 um | at 82 um |")
    print("|---|---|---|---|---|")
    for name, shared in (
        ("plates alone", (1.0, 0.0)),
        ("half", (0.5, 1.0)),
        ("a quarter", (0.25, 1.0)),
        ("none asked", (0.0, 1.0)),
    ):
        block = grow((3.2,) * 3, Recipe(plate_mm=0.2, rod_mm=0.2, plate_share=shared[0], rod_share=shared[1]), 201)
        plates = sum(plate_area(p.corners) * p.thickness_mm for p in block.plates)
        rods = sum(float(np.linalg.norm(np.diff(r.ends, axis=0))) * np.pi / 4 * r.diameter_mm**2 for r in block.rods)
        cells = []
        for voxel in (0.04, 0.0607, 0.082):
            began = time.perf_counter()
            bone = mask(bone_fraction_map(block, (voxel,) * 3, 2) > 0.5, voxel)
            kinds = name_voxels(skeleton(bone))
            thinned = time.perf_counter()
            cells.append(f"{plate_fraction(bone, kinds):.3f}")
            nanoseconds = 1e9 * (time.perf_counter() - thinned) / bone.array.size
            print(f"  {nanoseconds:.0f} ns a voxel, skeleton and image {thinned - began:.1f} s", file=sys.stderr)
        print(f"| {name} | {plates / (plates + rods):.3f} | {' | '.join(cells)} |", flush=True)
    print()


def plate_area(corners: NDArray[np.float64]) -> float:
    away = corners - corners.mean(axis=0)
    return float(np.linalg.norm(np.cross(away, np.roll(away, -1, axis=0)).sum(axis=0)) / 2)


def fabrics() -> None:
    print("| half axes, voxels | DA set | intercepts | off | gradients | off |")
    print("|---|---|---|---|---|---|")
    for axes, size in (
        ((9.0, 6.0, 6.0), 92),
        ((9.0, 6.0, 4.5), 92),
        ((15.0, 10.0, 10.0), 112),
        ((20.0, 13.0, 10.0), 142),
    ):
        bone = mask(ellipsoids(axes, size, 201))
        truth = axes[0] / axes[2]
        found = [fabric(bone).degree_of_anisotropy for fabric in (intercept_fabric, gradient_fabric)]
        cells = " | ".join(f"{value:.3f} | {100 * (value / truth - 1):+.1f} %" for value in found)
        print(f"| {' '.join(f'{a:g}' for a in axes)} | {truth:.3f} | {cells} |", flush=True)
    print()


def virtual_bone() -> None:
    print(
        "| virtual bone, 3.2 mm, seed 201 | voxel, um | Euler number, true | found | Tb.Th, mm | Tb.Sp fine, mm | "
        "Tb.Sp, mm | Tb.N, 1/mm | SMI | plate/rod | plate tissue fraction |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    base = Recipe(plate_mm=0.2, rod_mm=0.2, plate_share=0.5)
    recipes = {
        "plates and rods of 0.2 mm": base,
        "the same, 15 % thinner, holed, rods lost": resorbed(base, 0.15, 0.6, 0.2),
        "rods of 0.2 mm": Recipe(plate_mm=0.2, rod_mm=0.2, plate_share=0.0),
    }
    for name, recipe in recipes.items():
        block = grow((3.2, 3.2, 3.2), recipe, 201)
        fine = mask(bone_fraction_map(block, (FINE_MM,) * 3, 1) > 0.5, FINE_MM)
        apart = trabecular_separation(fine).mean_mm
        for voxel in (0.03, 0.0607, 0.082):
            bone = mask(bone_fraction_map(block, (voxel,) * 3, 1 if voxel < 0.05 else 3) > 0.5, voxel)
            topology = skeleton_topology(bone)
            row = (
                f"{1000 * voxel:.1f} | {block.euler} | {euler_number(bone):.0f} | "
                f"{trabecular_thickness(bone).mean_mm:.3f} | {apart:.3f} | {trabecular_separation(bone).mean_mm:.3f} | "
                f"{trabecular_number(bone):.3f} | "
                f"{structure_model_index(bone):.2f} | {topology.plate_rod_ratio:.2f} | {plate_share(bone):.3f}"
            )
            print(f"| {name} | {row} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="the folder morphometry-ipl-reference")
    parser.add_argument("--every", type=int, default=7, help="of the larger tables, each n-th body")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--fit", action="store_true", help="only the errors of rods of the seeds for fitting")
    options = parser.parse_args()
    if options.fit:
        fit()
        return
    parts = {
        "analytic": analytic,
        "shares": shares,
        "networks": networks,
        "fabrics": fabrics,
        "bone": virtual_bone,
    }
    for name in options.parts:
        parts[name]()
    if options.tables is not None:
        against_tables(options.tables, options.every)


if __name__ == "__main__":
    main()
