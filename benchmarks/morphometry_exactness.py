"""Trabecular morphometry against analytic bodies, a manufacturer's tables, known graphs, known fabrics and virtual bone.

python benchmarks/morphometry_exactness.py [--tables FOLDER]

FOLDER is `morphometry-ipl-reference` (GPL-3, not part of this repository): thickness of spheres, cylinders and plates by
Scanco's IPL (three versions) and by a Python package. Its bodies are drawn anew: a voxel is in if its center lies less than
half the named width from the middle voxel's.
"""

from __future__ import annotations

import argparse
import csv
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.anisotropy import gradient_fabric
from marrowmap.measure.anisotropy import intercept_fabric
from marrowmap.measure.connectivity import euler_number
from marrowmap.measure.local_thickness import trabecular_number
from marrowmap.measure.local_thickness import trabecular_separation
from marrowmap.measure.local_thickness import trabecular_thickness
from marrowmap.measure.skeleton_topology import skeleton_topology
from marrowmap.measure.structure_model import structure_model_index
from marrowmap.phantom.trabecular import Recipe
from marrowmap.phantom.trabecular import bone_fraction_map
from marrowmap.phantom.trabecular import grow
from marrowmap.phantom.trabecular import resorbed

Body = NDArray[np.bool_]
TURNS = range(101, 109)
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


def drawn(name: str) -> Body | None:
    """Return the body a row of the tables names; None if it is too large, cut to nothing or not of these."""
    numbers = {key: int(value) for key, value in re.findall(r"(OUTR|INR|LEN|WIDTH)_(\d+)", name)}
    width = numbers.get("OUTR", numbers.get("WIDTH", 0))
    length = numbers.get("LEN", 0)
    if width > LARGEST or "CYL" in name and length > LARGEST:
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
    """Return the analytic thickness: diameter, wall or plate width; of cylinders and plates only where it is the least."""
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
    print("| bodies | n | marrowmap, IPL 1 / 2 / 3 | Python column, IPL 1 / 2 / 3 | marrowmap, analytic | Python, analytic | IPL 2 |")
    print("|---|---|---|---|---|---|---|")
    csvs = next(folder.rglob("F_SPH_JSW_THICKNESS_IPL.csv")).parent
    for shape in SHAPES:
        ipl = [read_column(csvs / f"{shape}_JSW_THICKNESS_IPL.csv", column) for column in (2, 8, 14)]
        python = read_column(csvs / f"{shape}_OVERSAMPLE_SKEL_DT_THICKNESS_PY.csv", 1)
        names = [name for name in sorted(ipl[0]) if name in python and drawn(name) is not None]
        names = names[:: 1 if shape == "F_SPH" else every]
        ours = {}
        for name in names:
            body = drawn(name)
            assert body is not None
            ours[name] = trabecular_thickness(mask(body)).mean_mm
        cells = []
        for found in (ours, python):
            apart = [np.mean([abs(found[n] - version[n]) for n in names]) for version in ipl]
            cells.append(" / ".join(f"{value:.2f}" for value in apart))
        known = {n: truth for n in names if (truth := true_width(n)) is not None}
        for found in (ours, python, ipl[1]):
            cells.append(f"{np.mean([abs(found[n] - truth) for n, truth in known.items()]):.2f}")
        print(f"| {shape} | {len(names)} | " + " | ".join(cells) + " |", flush=True)
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


def fabrics() -> None:
    print("| half axes, voxels | DA set | intercepts | off | gradients | off |")
    print("|---|---|---|---|---|---|")
    for axes, size in (((9.0, 6.0, 6.0), 92), ((9.0, 6.0, 4.5), 92), ((15.0, 10.0, 10.0), 112), ((20.0, 13.0, 10.0), 142)):
        bone = mask(ellipsoids(axes, size, 101))
        truth = axes[0] / axes[2]
        found = [fabric(bone).degree_of_anisotropy for fabric in (intercept_fabric, gradient_fabric)]
        cells = " | ".join(f"{value:.3f} | {100 * (value / truth - 1):+.1f} %" for value in found)
        print(f"| {' '.join(f'{a:g}' for a in axes)} | {truth:.3f} | {cells} |", flush=True)
    print()


def virtual_bone() -> None:
    print("| virtual bone, 3.2 mm, seed 101 | voxel, um | Euler number, true | found | Tb.Th, mm | Tb.Sp, mm | Tb.N, 1/mm | SMI | plate/rod |")
    print("|---|---|---|---|---|---|---|---|---|")
    base = Recipe(plate_mm=0.2, rod_mm=0.2, plate_share=0.5)
    recipes = {
        "plates and rods of 0.2 mm": base,
        "the same, 15 % thinner, holed, rods lost": resorbed(base, 0.15, 0.6, 0.2),
        "rods of 0.2 mm": Recipe(plate_mm=0.2, rod_mm=0.2, plate_share=0.0),
    }
    for name, recipe in recipes.items():
        block = grow((3.2, 3.2, 3.2), recipe, 101)
        for voxel in (0.03, 0.0607, 0.082):
            bone = mask(bone_fraction_map(block, (voxel,) * 3, 1 if voxel < 0.05 else 3) > 0.5, voxel)
            topology = skeleton_topology(bone)
            row = (
                f"{1000 * voxel:.1f} | {block.euler} | {euler_number(bone):.0f} | {trabecular_thickness(bone).mean_mm:.3f} | "
                f"{trabecular_separation(bone).mean_mm:.3f} | {trabecular_number(bone):.3f} | "
                f"{structure_model_index(bone):.2f} | {topology.plate_rod_ratio:.2f}"
            )
            print(f"| {name} | {row} |", flush=True)
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=Path, help="the folder morphometry-ipl-reference")
    parser.add_argument("--every", type=int, default=7, help="of the larger tables, each n-th body")
    options = parser.parse_args()
    analytic()
    fabrics()
    virtual_bone()
    if options.tables is not None:
        against_tables(options.tables, options.every)


if __name__ == "__main__":
    main()
