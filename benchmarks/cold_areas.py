"""Cold areas of set size and contrast in the SPECT of virtual heads: what is called, and does the stated limit match.

    .venv/bin/python benchmarks/cold_areas.py --seeds 101:261 --keep FOLDER [--cohort FOLDER]

One hip of every virtual person gets a ball of less uptake wholly within its head, the other one none; diameters from 6
to 34 mm and contrasts of 50, 70 and 90 % are drawn, in well heads and in heads that are hot all over. Scanned at
clinical counts and measured as ``spect_scans.py`` does (its coarse body, its frames with a fit's error), but rows of
the camera further than 95 mm from the heads are left empty, which saves time. ``--cohort`` adds the people that
``spect_scans.py --keep FOLDER`` has left there: osteonecrosis by its pattern, and hips without. Limits were set on
seeds below 100.
"""

from __future__ import annotations

import argparse
import math
import pickle
from collections.abc import Callable
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest

from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectSource
from marrowmap.measure.spect import measure_spect
from marrowmap.phantom import draw_exam
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.person import Hip
from marrowmap.phantom.spect_exam import acquire
from marrowmap.phantom.spect_exam import lay_out_activity
from marrowmap.phantom.spect_exam import reconstruct_suv
from marrowmap.signs import cold_area
from marrowmap.values import Evidence
from marrowmap.values import Side
from spect_scans import body
from spect_scans import fitted

KINDS = ("normal", "toh", "normal")
CONTRASTS = (0.5, 0.7, 0.9)
DIAMETERS_MM = (6.0, 34.0)
ROWS_MM = 95.0
STATES = ("present", "undetermined", "absent", "not_assessable")
Row = dict[str, Any]


def draw_ball(hip: Hip, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Draw center (LPS mm) and radius of a ball within the upper half of a head."""
    radius = min(float(rng.uniform(*DIAMETERS_MM)) / 2, hip.radius - 2.5)
    away = rng.normal(size=3)
    away /= np.linalg.norm(away)
    away[2] = abs(away[2])
    return hip.center + away * rng.uniform(0, hip.radius - radius - 1.5), radius


def cool(activity: Activity, side: Side, center: np.ndarray, radius: float, contrast: float) -> None:
    """Take uptake of bone out of a ball, in place."""
    model = activity.hips[side]
    away = np.linalg.norm(points_of(model.truth.grid) - center.astype(np.float32), axis=-1) - radius
    inside = occupancy(away, float(model.truth.grid.spacing[0])) * model.truth.bone
    activity.shares[Pool.BONE][model.box] *= 1 - np.float32(contrast) * inside


def scan(seed: int) -> Row:
    """Scan one person with a ball in one head."""
    rng = np.random.default_rng([seed, 740])
    kind = KINDS[seed % len(KINDS)]
    person, lesions, _ = draw_exam(kind, seed)
    activity = lay_out_activity(body(person, lesions), seed)
    side = Side.LEFT if rng.random() < 0.5 else Side.RIGHT
    center, radius = draw_ball(person.hips[side], rng)
    contrast = CONTRASTS[seed % 7 % len(CONTRASTS)]
    cool(activity, side, center, radius, contrast)
    how = sample_bone_scan(person, np.random.default_rng([seed, 500]))
    acquired = acquire(person, activity, how, np.random.default_rng([seed, 510]))
    height = acquired.series.grid.to_world(
        np.stack([np.zeros(how.spect.matrix), np.zeros(how.spect.matrix), np.arange(how.spect.matrix)], axis=1)
    )[:, 2]
    acquired.photopeak[:, np.abs(height - person.origin[2]) > ROWS_MM] = 0
    return {
        "seed": seed,
        "hips": person.hips,
        "ball": (side, center, 2 * radius, contrast),
        "uptakes": {one: hip.uptake.pattern.value for one, hip in activity.hips.items()},
        "suv": reconstruct_suv(acquired, activity, how),
    }


def judge(found: Row) -> list[Row]:
    """Measure both hips of one scan; one row a hip."""
    rng = np.random.default_rng([found["seed"], 730])
    frames = [fitted(hip, side, bone, rng) for side, hip in found["hips"].items() for bone in ("femur", "hip_bone")]
    source = SpectSource(Evidence("1.2"), 1.0, "drawn", "virtual")
    rows = []
    for hip in measure_spect(frames, found["suv"], source, date="", frame_error_mm=1.0):
        finding = cold_area.assess(HipMeasurement(hip.side, "", None, None, spect=hip))
        rows.append({"side": hip.side, "cold": hip.cold, "state": finding.state.value, "note": finding.note})
    return rows


def drawn(seeds: Iterable[int], folder: Path | None) -> list[Row]:
    """Scan or load everyone, measure, and add what was drawn; one row a hip."""
    rows = []
    for seed in seeds:
        found = kept(folder, seed, scan)
        side, center, diameter, contrast = found["ball"]
        for row in judge(found):
            mine = row["side"] is side
            factor = {"homogeneous": "hot"}.get(found["uptakes"][row["side"]], "well")
            rows.append(row | {"head": factor, "diameter": diameter if mine else None, "contrast": contrast})
            rows[-1]["off"] = float(np.linalg.norm(row["cold"].center_mm - center)) if mine else math.nan
    return rows


def kept(folder: Path | None, seed: int, make: Callable[[int], Row]) -> Row:
    """Load a scan, or make it and keep it."""
    path = None if folder is None else folder / f"{seed}.pkl"
    if path is not None and path.exists():
        found: Row = pickle.loads(path.read_bytes())  # our own file
        return found
    found = make(seed)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(found))
    return found


def share(hits: int, of: int) -> str:
    """Return a share with its exact 95 % interval (Clopper and Pearson 1934)."""
    if not of:
        return "–"
    low, high = binomtest(hits, of).proportion_ci(method="exact")
    return f"{hits} of {of} ({100 * low:.0f} to {100 * high:.0f} %)"


def print_limit(rows: list[Row]) -> None:
    """Print what stood out against the limit that was stated of that head for that contrast."""
    print("| diameter over the stated limit | stood out | no cold area called |\n|---|---|---|")
    balls = [row for row in rows if row["diameter"] is not None]
    for low, high in ((0, 0.5), (0.5, 0.75), (0.75, 1), (1, 1.25), (1.25, 9)):
        mine = []
        for row in balls:
            limit = row["cold"].smallest_mm[row["contrast"]]
            if limit is not None and low <= row["diameter"] / limit < high:
                mine.append(row)
        out = sum(row["cold"].present for row in mine)
        name = f"{low:g} to {high:g}" if high < 9 else f"{low:g} and more"
        print(f"| {name} | {share(out, len(mine))} | {share(sum(r['state'] == 'absent' for r in mine), len(mine))} |")
    without = [row for row in balls if row["cold"].smallest_mm[row["contrast"]] is None]
    out = sum(row["cold"].present for row in without)
    absent = sum(row["state"] == "absent" for row in without)
    print(f"| no limit stated | {share(out, len(without))} | {share(absent, len(without))} |")


def print_sizes(rows: list[Row]) -> None:
    """Print what stood out by size and contrast."""
    print("\n| diameter, mm | " + " | ".join(f"{100 * c:.0f} % contrast" for c in CONTRASTS) + " |\n|---|---|---|---|")
    for low, high in ((6, 14), (14, 20), (20, 26), (26, 34)):
        cells = []
        for contrast in CONTRASTS:
            mine = [r for r in rows if r["contrast"] == contrast and low <= (r["diameter"] or 0) < high]
            cells.append(f"{sum(r['cold'].present for r in mine)} of {len(mine)}")
        print(f"| {low} to {high} | " + " | ".join(cells) + " |")
    found = [row for row in rows if row["diameter"] is not None and row["cold"].present]
    if found:
        size = [2 * (row["cold"].volume.value * 750 / math.pi) ** (1 / 3) - row["diameter"] for row in found]
        deep = [row["cold"].contrast.value - row["contrast"] for row in found]
        print(
            f"\nof those that stood out: middle {np.median([r['off'] for r in found]):.1f} mm off (median), diameter "
            f"{np.mean(size):+.1f} mm (SD {np.std(size):.1f}), contrast {100 * np.mean(deep):+.0f} points "
            f"(SD {100 * np.std(deep):.0f})"
        )


def print_states(rows: list[Row]) -> None:
    """Print what was called of hips without a cold area."""
    print("\n| head without a cold area | n | " + " | ".join(STATES) + " |\n|---|---|---|---|---|---|")
    for head in dict.fromkeys(row["head"] for row in rows):
        mine = [row["state"] for row in rows if row["head"] == head and row["diameter"] is None]
        print(f"| {head} | {len(mine)} | " + " | ".join(str(mine.count(state)) for state in STATES) + " |")
    limits = {f"{100 * c:.0f} % contrast": [row["cold"].smallest_mm[c] for row in rows] for c in CONTRASTS}
    for head in ("well", "hot"):
        limits[f"dead bone in a {head} head"] = [row["cold"].dead_mm for row in rows if row["head"] == head]
    for what, sizes in limits.items():
        stated = [size for size in sizes if size is not None]
        middle = f"median {np.median(stated):.0f} mm" if stated else "none"
        print(f"\nstated limit of {what}: {middle}, in {len(stated)} of {len(sizes)} heads", end="")
    print()


def print_cohort(folder: Path, seeds: Iterable[int]) -> None:
    """Print what was called of the people of ``spect_scans.py``, by what each hip has."""
    rows = []
    for seed in seeds:
        if not (folder / f"{seed}.pkl").exists():
            continue
        found = kept(folder, seed, scan)
        for row in judge(found):
            side = row["side"].value
            said = next(r for r in found["findings"] if r["side"] == side and r["sign"] == "cold_area")
            volume = next(
                r["value"] for r in found["measurements"] if (r["side"], r["quantity"]) == (side, "cold_area_volume")
            )
            rows.append(row | {"pattern": said["note"].split(": ")[1], "truth": said["state"], "volume": volume})
    print("\n| pattern | cold area | hips | " + " | ".join(STATES) + " |\n|---|---|---|---|---|---|---|")
    for pattern in ("cold", "cold in hot", "hot", "homogeneous", "normal"):
        for low, high in ((0, 1), (1, 4), (4, 8), (8, 99)):
            mine = [r["state"] for r in rows if r["pattern"] == pattern and low <= r["volume"] < high]
            size = "none" if not low else f"{low} to {high} mL" if high < 99 else f"{low} mL and more"
            if mine:
                print(f"| {pattern} | {size} | {len(mine)} | " + " | ".join(str(mine.count(s)) for s in STATES) + " |")
    for truth in ("present", "absent"):
        mine = [row["state"] for row in rows if row["truth"] == truth]
        print(f"\n{truth} by truth: called {truth} {share(mine.count(truth), len(mine))}", end="")
        judged = [state for state in mine if state in ("present", "absent")]
        print(f"; of those called at all {share(judged.count(truth), len(judged))}", end="")
    stages = [(row["pattern"], row["note"].split(",")[0].split(":")[0]) for row in rows if row["state"] == "present"]
    right = sum(pattern == ("cold in hot" if "amid" in note else "cold") for pattern, note in stages)
    print(f"\nstage named right of those called present: {share(right, len(stages))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:261")
    parser.add_argument("--keep", type=Path, help="folder of scans made before, and to be kept")
    parser.add_argument("--cohort", type=Path, help="folder of spect_scans.py --keep")
    options = parser.parse_args()
    seeds = range(*map(int, options.seeds.split(":")))
    rows = drawn(seeds, options.keep)
    print_limit(rows)
    print_sizes(rows)
    print_states(rows)
    if options.cohort is not None:
        print_cohort(options.cohort, seeds)


if __name__ == "__main__":
    main()
