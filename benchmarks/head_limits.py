"""Where the limits and errors of the signs under the femoral head's joint surface come from.

    python training/heads.py build/training/heads --count 130 --first 5130
    .venv/bin/python benchmarks/head_limits.py build/training/heads --keep build/head_limits.jsonl

Reads drawn heads of the tuning seeds (5130 to 5399), draws heads with small segments, thin bright lines and shallow
depressions besides (5400 to 5459), measures each with the shipped code in a frame that is a little off, and prints for
each sign how often it is found by size, where 95 % are found, what is found where nothing is, and how far measured
values are off. Below each table stand the constants that rest on it, and whether they agree. Depressions are judged
from seed 5265 on: the surface's network has learned from sunken heads before that.
``benchmarks/femoral_heads.py`` reports on other seeds, from DICOM.

Virtual people only. Truth is the phantom's noise-free model.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pickle
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure import head as head_measure
from marrowmap.measure import necrosis_extent
from marrowmap.measure.head import measure_head
from marrowmap.phantom.collapse import deepest_mm
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.collapse import necrotic_edge_deg
from marrowmap.phantom.collapse import sink
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.onfh import band_depth_ratio
from marrowmap.phantom.onfh import deepest_band_ratio
from marrowmap.phantom.onfh import necrotic_arcs_deg
from marrowmap.phantom.onfh import sample_onfh
from marrowmap.phantom.onfh import segment_distance
from marrowmap.phantom.person import Hip
from marrowmap.phantom.truth import region_masks
from marrowmap.signs import double_line
from marrowmap.signs import head_collapse
from marrowmap.signs import subchondral_band

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))
from heads import draw_head
from lines import uncertain_frame

UNSEEN_SURFACE = 5265
SMALL_SEEDS = range(5400, 5460)
SMALL_HALF_ANGLES_DEG = (8.0, 40.0)
SMALL_GRANULATION_MM = (0.2, 1.6)
SMALL_DEPRESSION_MM = 0.2
SPACING_MM = 1.0
WANTED = 0.95
FALSE_AT_MOST = 0.02


def sample_small(hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw a necrotic segment around the limit of what is seen; half have sunk, half of the bands are double lines."""
    lesion = sample_onfh(hip, rng)
    assert lesion.necrosis is not None
    angle = float(rng.uniform(*SMALL_HALF_ANGLES_DEG))
    necrosis = replace(
        lesion.necrosis,
        half_angle_deg=angle,
        depth_radii=1 - float(np.cos(np.radians(angle))) + float(rng.uniform(0.1, 0.3)),
        granulation_mm=float(rng.uniform(*SMALL_GRANULATION_MM)),
        double_line=bool(rng.random() < 0.5),
    )
    most = deepest_mm(necrotic_edge_deg(necrosis), hip.radius)
    depth = float(rng.uniform(SMALL_DEPRESSION_MM, max(most, SMALL_DEPRESSION_MM)))
    return replace(lesion, necrosis=replace(necrosis, depression_mm=depth if rng.random() < 0.5 else 0.0))


def true_values(hip: Hip, lesion: Lesion) -> dict[str, float]:
    """Return what is true of a head, in the rows' units."""
    depression, necrosis = depression_of(lesion, hip.radius), lesion.necrosis
    values = {"head_depression": depression.depth_mm if depression else 0.0, "lesion_fraction": 0.0}
    values["depression_edge_deg"] = depression.half_angle_deg if depression else 0.0
    if necrosis is None:
        return values
    reach = 1.3 * hip.radius
    grid = make_grid(hip.center - reach, hip.center + reach, SPACING_MM)
    points = grid.points().astype(np.float32)
    bone = hip.bone_coordinates(points)
    whole = voxelize(hip.femur, hip.femur_faces, grid).array
    head = region_masks(hip, points)["femoral_head"]
    left = whole & head
    if depression is not None:
        # What lay further out by the depression lies here now.
        outward = bone / np.maximum(np.linalg.norm(bone, axis=-1), 1e-3)[..., None]
        before = points + sink(depression, hip.radius, bone)[..., None] * (outward @ hip.axes.T).astype(np.float32)
        index = np.rint(grid.to_index(before)).astype(int)
        index = np.clip(index, 0, np.array(grid.shape) - 1)
        left &= whole[tuple(np.moveaxis(index, -1, 0))]
    dead = left & (segment_distance(necrosis, hip.radius, bone) < 0)
    arcs = necrotic_arcs_deg(hip, necrosis)
    ratio, deepest = band_depth_ratio(hip, necrosis), deepest_band_ratio(hip, necrosis)
    values |= {
        "lesion_volume": float(dead.sum()) * grid.voxel_volume_ml,
        "lesion_fraction": 100 * float(dead.sum()) / float(left.sum()),
        "kerboul_angle": sum(arcs),
        "koo_index": necrosis_extent.koo_index(*arcs),
        "double_line_mm": necrosis.granulation_mm if necrosis.double_line else 0.0,
    }
    if ratio is not None:
        values["band_depth_ratio"] = ratio
    if deepest is not None:
        values["deepest_band_ratio"] = deepest
    return values


def measured_values(drawn: dict[str, Any]) -> dict[str, float]:
    """Measure one head with the shipped code."""
    femur = uncertain_frame(drawn, np.random.default_rng([drawn["seed"], 905]))
    grid = Grid(drawn["t1"].shape, drawn["affine"], femur.frame_of_reference_uid)

    def series(name: str, sequence: Sequence) -> Series:
        return Series(name, "1", 1, name, "MR", "", Volume(grid, drawn[name]), sequence, "drawn", None, "", ())

    head = measure_head(femur, series("t1", Sequence.T1), series("fluid", Sequence.FLUID_FAT_SUPPRESSED), date="")
    if head.obstacle or head.surface is None:
        return {}
    values = {
        "snr": head.snr,
        "head_depression": head.surface.depression_mm,
        "surface_noise": head.surface.noise_mm,
        "found": float(head.segment is not None),
        "lesion_fraction": head.fraction_percent,
    }
    if head.segment is not None:
        values |= {
            "lesion_volume": head.lesion_ml,
            "kerboul_angle": head.kerboul_deg,
            "koo_index": necrosis_extent.koo_index(*head.arcs_deg),
        }
        ratios = {"band_depth_ratio": head.band_ratio, "deepest_band_ratio": head.deepest_ratio}
        values |= {name: ratio for name, ratio in ratios.items() if ratio is not None}
        if head.double_line is not None:
            values["double_line_share"] = head.double_line.share
    return values


def measure(seed: int, heads: Path) -> dict[str, Any]:
    """Draw or read one head; return what is true and what is measured."""
    if seed in SMALL_SEEDS:
        drawn = draw_head(seed, sample_small)
    else:
        drawn = pickle.loads((heads / f"{seed}.pickle").read_bytes())  # made by training/heads.py on this machine
    return {"seed": seed, "true": true_values(drawn["hip"], drawn["lesion"]), "found": measured_values(drawn)}


def size_found(sizes: list[float], found: list[bool]) -> float:
    """Return the size at which 95 % are found: a logistic curve over the logarithm of size, weakly held."""
    if not sizes or all(found):
        return min(sizes, default=float("nan"))
    x = np.log(np.maximum(sizes, 1e-3))
    y = np.array(found, float)

    def loss(p: np.ndarray) -> float:
        logit = p[0] + p[1] * (x - x.mean())
        return float((np.logaddexp(0, logit) - y * logit).sum() + 0.0002 * (p**2).sum())

    level, slope = minimize(loss, np.array([0.0, 1.0])).x
    if slope <= 0:
        return float("nan")
    return float(np.exp(x.mean() + (np.log(WANTED / (1 - WANTED)) - level) / slope))


def print_detection(name: str, unit: str, edges: tuple[float, ...], sizes: list[float], found: list[bool]) -> float:
    """Print how many of each size are found and where 95 % are; return that size."""
    print(f"| {name}, {unit} | found |\n|---|---|")
    for low, high in itertools.pairwise(edges):
        hits = [hit for size, hit in zip(sizes, found, strict=True) if low <= size < high]
        if hits:
            print(f"| {low:g} to {high:g} | {sum(hits)} of {len(hits)} |")
    size = size_found(sizes, found)
    print(f"\n95 % are found from {size:.2f} {unit} on (logistic curve).")
    return size


def print_constant(name: str, stated: float, printed: float, *, close: float) -> None:
    """Print a constant of the source beside what this run gives."""
    print(f"- `{name}` = {stated:g}; here {printed:.2f}: {'agrees' if abs(stated - printed) <= close else 'DIFFERS'}.")


def print_band(rows: list[dict[str, Any]]) -> None:
    """Segments found by their share of the head, and where there is none."""
    print("\n## Necrotic segment\n")
    dead = [r for r in rows if r["true"]["lesion_fraction"] > 0]
    sizes = [r["true"]["lesion_fraction"] for r in dead]
    found = [r["found"]["found"] > 0 for r in dead]
    size = print_detection("share of the head", "%", (0, 1, 2, 3, 4, 6, 10, 20, 100), sizes, found)
    alive = [r for r in rows if r["true"]["lesion_fraction"] == 0]
    false = [r["found"]["lesion_fraction"] for r in alive if r["found"]["found"] > 0]
    listed = ", ".join(f"{share:.1f} %" for share in sorted(false))
    print(f"Where there is none, {len(false)} of {len(alive)} heads have one found{': ' if false else ''}{listed}.\n")
    print_constant("subchondral_band.SMALLEST_PERCENT", subchondral_band.SMALLEST_PERCENT, size, close=0.5)


def print_double_line(rows: list[dict[str, Any]]) -> None:
    """Share of the band along which a bright line is seen, by its thickness, and where there is none."""
    print("\n## Double line\n")
    seen = [r for r in rows if "double_line_share" in r["found"] and r["true"]["lesion_fraction"] > 0]
    bright = [r for r in seen if r["true"]["double_line_mm"] > 0]
    plain = [r["found"]["double_line_share"] for r in seen if r["true"]["double_line_mm"] == 0]
    sizes = [r["true"]["double_line_mm"] for r in bright]
    shares = [r["found"]["double_line_share"] for r in bright]
    found = [share >= double_line.PRESENT_SHARE for share in shares]
    size = print_detection("thickness of the bright line", "mm", (0, 0.4, 0.6, 0.8, 1, 1.2, 1.4, 2), sizes, found)
    false = sum(share >= double_line.PRESENT_SHARE for share in plain)
    middle, top = np.percentile(plain, (50, 98))
    print(f"Without a bright line the share is {middle:.2f} in the median, {top:.2f} in the 98th percentile;")
    print(f"{false} of {len(plain)} are called present.\n")
    print_constant("double_line.PRESENT_SHARE", double_line.PRESENT_SHARE, float(top), close=0.15)
    print_constant("double_line.SMALLEST_MM", double_line.SMALLEST_MM, size, close=0.1)


def print_collapse(rows: list[dict[str, Any]]) -> None:
    """Depressions found by depth, and what is measured in heads that have not sunk."""
    print("\n## Collapse\n")
    rows = [r for r in rows if r["seed"] >= UNSEEN_SURFACE or r["true"]["head_depression"] == 0]
    sunken = [r for r in rows if r["true"]["head_depression"] > 0]
    # Small segments are far more frequent among those drawn here than among patients.
    usual = [r for r in rows if r["seed"] not in SMALL_SEEDS]
    flat = [r["found"]["head_depression"] for r in usual if r["true"]["head_depression"] == 0]
    depths = [r["true"]["head_depression"] for r in sunken]
    measured = [r["found"]["head_depression"] for r in sunken]
    found = [depth >= head_collapse.PRESENT_MM for depth in measured]
    edges = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0)
    size = print_detection("depression", "mm", edges, depths, found)
    middle, top = np.percentile(flat, (50, 100 * (1 - FALSE_AT_MOST)))
    false = sum(depth >= head_collapse.PRESENT_MM for depth in flat)
    missed = [d for d, m in zip(depths, measured, strict=True) if m <= head_collapse.ABSENT_MM and d >= 1]
    print(f"Heads that have not sunk measure {middle:.2f} mm in the median, {top:.2f} mm in the 98th percentile,")
    print(f"{max(flat):.2f} mm at most; {false} of {len(flat)} are called present.")
    one = [hit for depth, hit in zip(depths, found, strict=True) if depth >= 1]
    print(f"Of 1 mm or more, {sum(one)} of {len(one)} are called present and {len(missed)} absent.")
    off = np.array(measured) - np.array(depths)
    deep = np.array(depths) >= 1
    print(f"Measured less true where it is 1 mm or more: median {np.median(off[deep]):.2f} mm,")
    print(f"standard deviation {off[deep].std():.2f} mm; below 1 mm: {np.median(off[~deep]):.2f} mm.\n")
    print_constant("head_collapse.PRESENT_MM", head_collapse.PRESENT_MM, float(top), close=0.2)
    print_constant("head_collapse.SMALLEST_MM", head_collapse.SMALLEST_MM, size, close=0.15)


def print_errors(rows: list[dict[str, Any]]) -> None:
    """How far values are off, and whether the stated 95 % intervals hold the truth."""
    print("\n## Errors of the rows\n")
    print(
        "| quantity | n | median off | standard deviation (robust) | share of true values within the stated interval |"
    )
    print("|---|---|---|---|---|")
    pairs: dict[str, Callable[[dict[str, Any]], bool]] = {
        name: lambda r: r["true"]["lesion_fraction"] > 0 and r["found"]["found"] > 0
        for name in ("lesion_volume", "lesion_fraction", "kerboul_angle", "koo_index")
    }
    pairs |= {name: lambda r: True for name in ("band_depth_ratio", "deepest_band_ratio", "head_depression")}
    for name, counts in pairs.items():
        chosen = [r for r in rows if counts(r) and name in r["true"] and name in r["found"]]
        true, found = (np.array([max(0.0, r[which][name]) for r in chosen]) for which in ("true", "found"))
        off = found - true
        spread = 1.4826 * np.median(np.abs(off - np.median(off)))
        stated = head_measure.error_of(name.replace("deepest_band", "band_depth"), found)
        inside = float((np.abs(off) <= 1.96 * stated).mean())
        print(f"| {name} | {len(off)} | {np.median(off):.3f} | {off.std():.3f} ({spread:.3f}) | {100 * inside:.0f} % |")


def main() -> None:
    """Measure what is not kept yet; print all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("heads", type=Path, help="folder of training/heads.py")
    parser.add_argument("--seeds", default="5130:5400", help="first:end")
    parser.add_argument("--small", type=int, default=len(SMALL_SEEDS), help="how many small ones are drawn besides")
    parser.add_argument("--keep", type=Path, default=Path("build/head_limits.jsonl"))
    parser.add_argument("--only-kept", action="store_true", help="measure nothing more, print what is kept")
    given = parser.parse_args()
    first, end = (int(part) for part in given.seeds.split(":"))
    seeds = [seed for seed in range(first, end) if (given.heads / f"{seed}.pickle").exists()]
    seeds += list(SMALL_SEEDS)[: given.small]
    given.keep.parent.mkdir(parents=True, exist_ok=True)
    kept = given.keep.read_text().splitlines() if given.keep.exists() else []
    done = {row["seed"]: row for row in map(json.loads, kept)}
    if given.only_kept:
        seeds = [seed for seed in seeds if seed in done]
    for seed in seeds:
        if seed not in done:
            done[seed] = measure(seed, given.heads)
            with given.keep.open("a") as stream:
                stream.write(json.dumps(done[seed]) + "\n")
            print(seed, file=sys.stderr, flush=True)
    rows = [done[seed] for seed in seeds if done[seed]["found"]]
    small = sum(row["seed"] in SMALL_SEEDS for row in rows)
    print(f"{len(rows)} heads measured of {len(seeds)}, {small} of them with a small segment.")
    for part in (print_band, print_double_line, print_collapse, print_errors):
        part(rows)


if __name__ == "__main__":
    main()
