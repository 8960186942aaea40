"""How large a fracture line must be to be seen, and how often one is seen where there is none.

    .venv/bin/python benchmarks/line_detection.py --seeds 6000:6240      # tuning: prints the constants
    .venv/bin/python benchmarks/line_detection.py --seeds 101:341        # report

Drawn heads of virtual people only (``training/heads.py``), none of which the networks saw. Each has a line of a set
size (4 to 25 mm long, 0.6 to 4 mm thick, in fatty or edematous marrow), or none (well, edematous, or with a necrotic
segment), is scanned at 0.6 mm with slices of 3 to 4 mm, and gets three noise levels: SNR of muscle in T1 15, 25 and 40.
Its frame errs as fitted frames do. Truth is what was drawn. What is drawn is kept in ``--keep``, without its noise.

A logistic curve of detection over length, thickness and the blur of the slices (noise hardly matters) gives the length
at which 95 of 100 lines 1 mm thick are seen.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pickle
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

from heads import add_noise
from heads import paint_head
from heads import plan_head
from heads import random_scan
from lines import uncertain_frame
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.head import measure_head
from marrowmap.measure.hip import HipMeasurement
from marrowmap.phantom.collapse import sample_necrotic_collapse
from marrowmap.phantom.fracture import LARGEST_THICKNESS_PER_LENGTH
from marrowmap.phantom.fracture import sample_fracture_line
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import NOISE_OF_MUSCLE
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation
from marrowmap.phantom.onfh import sample_onfh
from marrowmap.phantom.person import Hip
from marrowmap.phantom.toh import sample_toh
from marrowmap.signs import subchondral_fracture_line

MUSCLE_SNRS = (15.0, 25.0, 40.0)
KINDS = ("line", "line in edema", "line", "line in edema", "line in edema", "edema", "well", "segment")
"""In turn by seed."""
LENGTHS_MM, THICKNESSES_MM = (4.0, 25.0), (0.6, 4.0)
LENGTH_BINS = (4, 6, 8, 10, 12.5, 15, 19, 25.1)
THICKNESS_BINS = (0.6, 1.0, 1.6, 2.5, 4.1)
SURE = 0.95
FITTED_FROM_MM = 0.8
"""Thinner lines fade whatever their length: one slope of length does not fit both."""


def draw_lesion(kind: str, hip: Hip, rng: np.random.Generator) -> Lesion:
    """Draw what a head has; sizes of lines are even on a logarithmic scale."""
    if kind == "well":
        return WELL
    if kind == "segment":
        while True:
            lesion = sample_necrotic_collapse(sample_onfh(hip, rng), hip, rng)
            if lesion.fracture_line is None:
                return lesion
    edema = replace(sample_toh(hip, rng, None), fracture_line=None)
    if kind == "edema":
        return edema
    length = float(np.exp(rng.uniform(*np.log(LENGTHS_MM))))
    thickest = min(THICKNESSES_MM[1], LARGEST_THICKNESS_PER_LENGTH * length)
    thickness = float(np.exp(rng.uniform(np.log(THICKNESSES_MM[0]), np.log(thickest))))
    line = sample_fracture_line(hip, rng)
    breadth = float(np.clip(length * rng.uniform(0.6, 1.25), 4.0, 28.0))
    deep = max(line.depth_mm, thickness / 2 + 1.2)
    bow = line.bow_mm * length / line.length_mm
    line = replace(line, length_mm=length, breadth_mm=breadth, thickness_mm=thickness, depth_mm=deep, bow_mm=bow)
    return replace(edema if kind == "line in edema" else WELL, fracture_line=line)


def draw(seed: int) -> dict[str, Any]:
    """Draw one head, without noise."""
    kind = KINDS[seed % len(KINDS)]
    rng = np.random.default_rng([seed, 930])
    head = plan_head(seed, rng)
    lesion = draw_lesion(kind, head.hip, rng)
    thickness = float(rng.choice([3.0, 3.5, 4.0]))
    coronal = bool(rng.random() < 0.8)
    scan = replace(
        random_scan(head, rng),
        pixel_mm=0.6,
        thickness_mm=thickness,
        gap_mm=0.0,
        slice_count=int(np.ceil(76 / thickness)),
        orientation=Orientation.CORONAL if coronal else Orientation.AXIAL,
    )
    grid, images = paint_head(head, lesion, scan)
    femur = uncertain_frame({"hip": head.hip}, rng)
    return {"lesion": lesion, "scan": scan, "grid": grid, "images": images, "femur": femur}


def measure(seed: int, keep: Path) -> list[dict[str, Any]]:
    """Read one head at each noise level."""
    path = keep / f"{seed}.pickle"
    if not path.exists():
        path.write_bytes(pickle.dumps(draw(seed)))
    drawn = pickle.loads(path.read_bytes())  # made here
    scan, grid, images, femur = (drawn[name] for name in ("scan", "grid", "images", "femur"))
    line = drawn["lesion"].fracture_line
    truth = {
        "seed": seed,
        "kind": KINDS[seed % len(KINDS)],
        "true_length": line.length_mm if line else 0.0,
        "true_thickness": line.thickness_mm if line else 0.0,
        "true_depth": line.depth_mm if line else 0.0,
    }
    rows = []
    for number, snr in enumerate(MUSCLE_SNRS):
        noise = (1.4 if scan.field_t > 2 else 1.0) / (NOISE_OF_MUSCLE[Contrast.T1] * snr)
        noisy = add_noise(images, grid, replace(scan, noise=noise), seed + 10_000 * (number + 1))
        t1, fluid = (
            Series(f"1.2.{n}", "1.2", n, "drawn", "MR", "", Volume(grid, image), sequence, "drawn", None, "", ())
            for n, (image, sequence) in enumerate(zip(noisy, (Sequence.T1, Sequence.FLUID_FAT_SUPPRESSED), strict=True))
        )
        placed = replace(femur, frame_of_reference_uid=grid.frame_of_reference_uid)
        found = measure_head(placed, t1, fluid, date="")
        finding = subchondral_fracture_line.assess(HipMeasurement(found.side, "", fluid, placed, head=found))
        best = found.sheets[0] if found.sheets else None
        rows.append(
            truth
            | {
                "muscle_snr": snr,
                "snr": found.snr,
                "blur": found.blur_mm,
                "band": found.segment is not None,
                "state": finding.state.value,
                "evidence": best.evidence if best else 0.0,
                "points": len(best.points) if best else 0,
                "length": best.length_mm if best else 0.0,
                "thickness": best.thickness_mm if best else 0.0,
                "depth": best.depth_middle_mm if best else 0.0,
                "stated": None if finding.smallest_detectable is None else finding.smallest_detectable.value,
            }
        )
    return rows


def features(rows: list[dict[str, Any]]) -> Any:
    """Return what detection is thought to hang on: 1, log length, log thickness, blur in mm."""
    columns = [(1.0, np.log(r["true_length"]), np.log(r["true_thickness"]), r["blur"]) for r in rows]
    return np.array(columns)


def fit_curve(rows: list[dict[str, Any]]) -> Any:
    """Fit the logistic curve of detection, weakly held against infinite slopes."""
    x, seen = features(rows), np.array([r["state"] == "present" for r in rows])

    def loss(weights: Any) -> float:
        z = x @ weights
        return float(np.logaddexp(0, np.where(seen, -z, z)).sum() + 0.02 * (weights[1:] ** 2).sum())

    return minimize(loss, np.zeros(x.shape[1]), method="BFGS").x


def length_at(weights: Any, thickness_mm: float, blur_mm: float, chance: float = SURE) -> float:
    """Return the length at which a line of a thickness is seen with a chance."""
    rest = weights[0] + weights[2] * np.log(thickness_mm) + weights[3] * blur_mm
    return float(np.exp((np.log(chance / (1 - chance)) - rest) / weights[1]))


def _share(rows: list[dict[str, Any]], state: str = "present") -> str:
    if not rows:
        return "–"
    hit = sum(r["state"] == state for r in rows)
    return f"{100 * hit / len(rows):.0f} % ({hit}/{len(rows)})"


def _within(rows: list[dict[str, Any]], key: str, low: float, high: float) -> list[dict[str, Any]]:
    return [r for r in rows if low <= r[key] < high]


def print_tables(rows: list[dict[str, Any]]) -> None:
    """Print detection by size and noise, false lines, the fitted curve, and how far the stated limit holds."""
    lines = [r for r in rows if r["true_length"] > 0]
    print("| length, mm | " + " | ".join(f"{a:g} to {b:.2g} mm thick" for a, b in _pairs(THICKNESS_BINS)) + " | all |")
    print("|---" * (len(THICKNESS_BINS) + 1) + "|")
    for low, high in _pairs(LENGTH_BINS):
        long = _within(lines, "true_length", low, high)
        cells = [_share(_within(long, "true_thickness", a, b)) for a, b in _pairs(THICKNESS_BINS)]
        print(f"| {low:g} to {high:.3g} | " + " | ".join(cells) + f" | {_share(long)} |")
    print("\n| length, mm | " + " | ".join(f"SNR {snr:g}" for snr in MUSCLE_SNRS) + " | fatty marrow | edema |")
    print("|---" * (len(MUSCLE_SNRS) + 3) + "|")
    for low, high in _pairs(LENGTH_BINS):
        long = _within(lines, "true_length", low, high)
        cells = [_share([r for r in long if r["muscle_snr"] == snr]) for snr in MUSCLE_SNRS]
        cells += [_share([r for r in long if r["kind"] == kind]) for kind in ("line", "line in edema")]
        print(f"| {low:g} to {high:.3g} | " + " | ".join(cells) + " |")
    print("\n| no line drawn | present | undetermined | absent |\n|---|---|---|---|")
    for kind in ("well", "edema", "segment"):
        none = [r for r in rows if r["kind"] == kind]
        cells = [_share(none, state) for state in ("present", "undetermined", "absent")]
        print(f"| {kind} | " + " | ".join(cells) + " |")
    stated = [r for r in lines if r["stated"] is not None and r["true_thickness"] >= 1]
    above = [r for r in stated if r["true_length"] >= r["stated"]]
    near = [r for r in above if r["true_length"] < 1.4 * r["stated"]]
    below = [r for r in lines if r["stated"] is None or r["true_length"] < r["stated"] or r["true_thickness"] < 1]
    print(f"\nStated smallest length, mm: {_spread([r['stated'] for r in rows if r['stated'] is not None])}.")
    print(f"At least 1 mm thick and longer than stated: seen {_share(above)}; up to 1.4 times that: {_share(near)}.")
    print(
        f"Below: present {_share(below)}, undetermined {_share(below, 'undetermined')}, "
        f"called absent {_share(below, 'absent')}."
    )
    found = [r for r in above if r["state"] == "present"]
    for name, unit in (("length", "mm"), ("thickness", "mm"), ("depth", "mm")):
        print(f"{name} off, {unit}: {_spread([r[name] - r[f'true_{name}'] for r in found])}.")
    weights = fit_curve([r for r in lines if r["true_thickness"] >= FITTED_FROM_MM])
    told = ", ".join(f"{w:.2f}" for w in weights)
    print(f"Curve of lines at least {FITTED_FROM_MM} mm thick: logit = {told} (1, log length, log thickness, blur).")
    for blur in (0.6, 2.0, 4.0):
        limits = ", ".join(f"{length_at(weights, t, blur):.1f} mm at {t:g} mm thick" for t in (0.8, 1.0, 1.5, 2.5))
        print(f"95 % seen where a voxel reaches {blur:g} mm across the joint surface: {limits}.")
    print(f"SNR of fatty marrow in T1: {_spread([r['snr'] for r in lines])}.")


def _pairs(edges: tuple[float, ...]) -> list[tuple[float, float]]:
    return list(itertools.pairwise(edges))


def _spread(values: list[float]) -> str:
    if not values:
        return "none"
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{middle:.2f} ({low:.2f} to {high:.2f}; n={len(values)})"


def main() -> int:
    """Draw, read, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="101:341")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("build/line_detection"))
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    first, last = (int(part) for part in given.seeds.split(":"))
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.workers) as pool:
        for found in pool.map(partial(measure, keep=given.keep), range(first, last)):
            rows += found
            for row in found:
                print(json.dumps(row), file=sys.stderr, flush=True)
    print_tables(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
