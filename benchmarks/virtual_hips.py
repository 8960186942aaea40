"""Virtual hips against their truth: bones, edema, boundary, false alarms (issue "First light", figure 3).

    .venv/bin/python benchmarks/virtual_hips.py --seeds 101:141 --workers 2 --keep build/virtual_hips

Virtual patients only: this says nothing about real ones. Seeds 101 to 200 are for reporting and were not used
in development. Kinds take turns by seed: toh, normal, toh, red_marrow. Results are kept one line an exam, so that an
interrupted run goes on where it stopped. Truth is written by the model that drew the images.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.report import write_report
from marrowmap.workflow.analyze import analyze

KINDS = ("toh", "normal", "toh", "red_marrow")

TARGETS = {
    "head center error, median mm": ("<=", 1.5),
    "femur Dice, median": (">=", 0.92),
    "edema volume error, median %": ("<=", 10.0),
    "edema Dice, median": (">=", 0.80),
    "boundary position error, median mm": ("<=", 3.0),
    "exams of normal and red_marrow without a call of edema, %": (">=", 95.0),
}


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks, 1 where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0


def load(path: Path) -> np.ndarray:
    return np.asanyarray(nibabel.load(path).dataobj)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["rows"] if path.exists() else []


def pick(rows: Iterable[dict[str, Any]], **wanted: str) -> dict[str, Any] | None:
    return next((row for row in rows if all(row.get(key) == value for key, value in wanted.items())), None)


def compare_hip(side: str, truth: dict[str, Any], truth_dir: Path, out: Path) -> dict[str, Any]:
    """Compare one hip with its truth; missing numbers stay out."""
    frame = pick(truth["frames"], side=side, bone="femur") or pick(truth["frames"], side=side)
    assert frame is not None
    result: dict[str, Any] = {"side": side, "radius": frame["head_radius_mm"]}
    found = pick(rows_of(out / "frames.json"), side=side, bone="femur")
    result["found"] = found is not None
    result["trusted"] = bool(found and found["trusted"])
    if found is None:
        return result
    result["head_mm"] = float(np.linalg.norm(np.subtract(found["head_center_mm"], frame["head_center_mm"])))
    measured, expected = rows_of(out / "measurements.json"), truth["measurements"]
    for key, quantity in (
        ("volume", "edema_volume"),
        ("closed", "edema_closed_volume"),
        ("position", "edema_boundary_position"),
        ("width", "edema_boundary_width"),
        ("effusion", "effusion_volume"),
    ):
        region = None
        for candidate in ("proximal_femur", "hip_joint"):
            row = pick(expected, side=side, quantity=quantity, region=candidate)
            if row is not None:
                region = candidate
                result[f"true_{key}"] = row["value"]
        ours = [r for r in measured if r["side"] == side and r["quantity"] == quantity]
        ours = [r for r in ours if region is None or r["region"] == region] or ours
        if ours:
            result[f"our_{key}"] = ours[0]["value"]
            result[f"interval_{key}"] = [ours[0]["low"], ours[0]["high"]]
    result["signs"] = {
        row["sign"]: [row["state"], (pick(truth["findings"], side=side, sign=row["sign"]) or {}).get("state")]
        for row in rows_of(out / "findings.json")
        if row["side"] == side
    }
    smallest = pick(rows_of(out / "findings.json"), side=side, sign="diffuse_edema") or {}
    result["smallest"] = (smallest.get("smallest_detectable") or {}).get("value")
    for key, ours_name, truth_name in (
        ("femur_dice", "femur", "femur"),
        ("edema_dice", "edema-closed", "edema"),
        ("edema_membership_dice", "edema-membership", "edema"),
    ):
        ours_path = next(iter(sorted((out / "masks").glob(f"*fluid_hip_{side}_{ours_name}.nii.gz"))), None)
        truth_path = truth_dir / f"{truth_name}_{side}.nii.gz"
        if ours_path and truth_path.exists():
            a, b = load(ours_path), load(truth_path)
            if a.shape == b.shape:
                result[key] = dice(a >= 0.5, b >= 0.5)
    return result


def make_patient(seed: int, keep: Path) -> Path:
    """Write the virtual patient of a seed, unless they are there already."""
    patient = keep / f"{seed:04d}" / "patient"
    if not (patient / "dicom").exists():
        shutil.rmtree(patient, ignore_errors=True)
        write_virtual_exam(KINDS[seed % len(KINDS)], patient, seed=seed)
    return patient


def run_seed(seed: int, keep: Path) -> dict[str, Any]:
    """Make, analyze and compare one virtual patient."""
    kind = KINDS[seed % len(KINDS)]
    folder = keep / f"{seed:04d}"
    began = time.perf_counter()
    patient = make_patient(seed, keep)
    made = time.perf_counter()
    result: dict[str, Any] = {"seed": seed, "kind": kind, "make_s": made - began, "hips": []}
    truth = json.loads((patient / "truth.json").read_text())
    result["acquisition"] = truth.get("acquisition", {})
    try:
        write_report(analyze([patient / "dicom"]), folder / "out")
    except MarrowmapError as error:
        result["error"] = str(error)
    result["analyze_s"] = time.perf_counter() - made
    for side in sorted({row["side"] for row in truth["frames"] if row.get("in_view", True)}):
        result["hips"].append(compare_hip(side, truth, patient / "truth", folder / "out"))
    shutil.rmtree(folder / "patient" / "dicom", ignore_errors=True)
    shutil.rmtree(folder / "out" / "dicom", ignore_errors=True)
    return result


def called(hip: dict[str, Any]) -> bool:
    """Say whether edema was called: a closed region larger than what the image can show at least."""
    return hip.get("our_closed", 0.0) > (hip.get("smallest") or 0.0)


def coverage(hips: list[dict[str, Any]], key: str) -> str:
    """Count how often the truth lies within the stated interval."""
    asked = [h for h in hips if f"interval_{key}" in h and f"true_{key}" in h and h[f"interval_{key}"][0] is not None]
    held = sum(h[f"interval_{key}"][0] <= h[f"true_{key}"] <= h[f"interval_{key}"][1] for h in asked)
    return f"{held} of {len(asked)}"


def quantiles(values: list[float]) -> str:
    if not values:
        return "-"
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"{middle:.2f} (5-95 %: {low:.2f} to {high:.2f}; n={len(values)})"


def summarize(results: list[dict[str, Any]]) -> str:
    """Return the table as Markdown."""
    hips = [dict(hip, kind=r["kind"]) for r in results for hip in r["hips"]]
    found = [h for h in hips if h["found"]]
    trusted = [h for h in found if h["trusted"]]
    ill = [h for h in trusted if h.get("true_volume", 0.0) > 1.0]
    head = [h["head_mm"] for h in found]
    femur = [h["femur_dice"] for h in found if "femur_dice" in h]
    volume = [100 * abs(h["our_volume"] - h["true_volume"]) / h["true_volume"] for h in ill if "our_volume" in h]
    overlap = [h["edema_dice"] for h in ill if "edema_dice" in h]
    edges = [h for h in ill if "true_position" in h]
    position = [abs(h["our_position"] - h["true_position"]) for h in edges if "our_position" in h]
    width = [abs(h["our_width"] - h["true_width"]) for h in edges if "our_width" in h and "true_width" in h]
    effusion = [
        abs(h["our_effusion"] - h["true_effusion"]) for h in trusted if "our_effusion" in h and "true_effusion" in h
    ]
    well = [r for r in results if r["kind"] != "toh"]
    quiet = [r for r in well if not any(called(h) for h in r["hips"])]
    figures = {
        "head center error, median mm": (float(np.median(head)) if head else math.nan, quantiles(head)),
        "femur Dice, median": (float(np.median(femur)) if femur else math.nan, quantiles(femur)),
        "edema volume error, median %": (float(np.median(volume)) if volume else math.nan, quantiles(volume)),
        "edema Dice, median": (float(np.median(overlap)) if overlap else math.nan, quantiles(overlap)),
        "boundary position error, median mm": (
            float(np.median(position)) if position else math.nan,
            quantiles(position),
        ),
        "exams of normal and red_marrow without a call of edema, %": (
            100 * len(quiet) / len(well) if well else math.nan,
            f"{len(quiet)} of {len(well)}",
        ),
    }
    lines = ["| figure (virtual patients) | result | target | met |", "|---|---|---|---|"]
    for name, (value, text) in figures.items():
        sign, target = TARGETS[name]
        met = value <= target if sign == "<=" else value >= target
        lines.append(f"| {name} | {text} | {sign} {target} | {'yes' if met else 'NO'} |")
    lines += [
        "",
        f"Hips in view: {len(hips)}; found {len(found)}, trusted {len(trusted)}; heads further than 5 mm off: "
        f"{sum(x > 5 for x in head)} of {len(head)}, of the trusted ones {sum(h['head_mm'] > 5 for h in trusted)}.",
        f"Ill hips (true edema over 1 mL) that could be measured: {len(ill)}; "
        f"edges measured: {len(position)} of {len(edges)}.",
        f"Boundary width error, mm: {quantiles(width)}. Joint fluid error, mL: {quantiles(effusion)}.",
        f"Truth within the 95 % interval: edema volume {coverage(ill, 'volume')}, "
        f"boundary position {coverage(edges, 'position')}, width {coverage(edges, 'width')}.",
        f"Seconds to make / to analyze an exam: {quantiles([r['make_s'] for r in results])} / "
        f"{quantiles([r['analyze_s'] for r in results])}.",
        "",
        "| sign | state found against true state: count |",
        "|---|---|",
    ]
    signs: dict[str, dict[str, int]] = {}
    for hip in hips:
        for sign, (ours, true) in hip.get("signs", {}).items():
            counts = signs.setdefault(sign, {})
            counts[f"{ours} / {true}"] = counts.get(f"{ours} / {true}", 0) + 1
    lines += [
        f"| {sign} | {', '.join(f'{k}: {v}' for k, v in sorted(c.items()))} |" for sign, c in sorted(signs.items())
    ]
    failures = [f"seed {r['seed']} ({r['kind']}): {r['error']}" for r in results if "error" in r]
    lines += ["", *(f"- {failure}" for failure in failures)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the seeds that are not kept yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:141", help="first:end")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("build/virtual_hips"))
    parser.add_argument("--only-make", action="store_true", help="write the patients, analyze them another time")
    options = parser.parse_args()
    first, end = (int(n) for n in options.seeds.split(":"))
    options.keep.mkdir(parents=True, exist_ok=True)
    log = options.keep / "results.jsonl"
    done = {r["seed"]: r for r in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    todo = [seed for seed in range(first, end) if seed not in done]
    with ProcessPoolExecutor(options.workers) as pool:
        if options.only_make:
            for patient in pool.map(make_patient, todo, [options.keep] * len(todo)):
                print(patient, flush=True)
            return
        for result in pool.map(run_seed, todo, [options.keep] * len(todo)):
            done[result["seed"]] = result
            with log.open("a") as stream:
                stream.write(json.dumps(result) + "\n")
            print(f"seed {result['seed']} {result['kind']}: {result.get('error', 'done')}", flush=True)
    print(summarize([done[seed] for seed in range(first, end) if seed in done]))


if __name__ == "__main__":
    main()
