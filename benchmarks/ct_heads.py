"""Crescent and joint space of virtual femoral heads in CT, against what was drawn.

    .venv/bin/python benchmarks/ct_heads.py --seeds 101:125 --people 2

Virtual heads only, each alone with its socket in muscle, 0.6 mm pixels, 1 mm slices, noise 10 to 25 HU. Seeds 101 to
200 are for reporting; limits were set on seeds 1 to 40. The bone's frame is the true one with an error like a fit's:
moved by 0.35 mm (standard deviation along each axis) and 0.8 % too large or too small. The second part draws clefts of
given length and thickness, filled with fluid, into necrotic segments.

``subchondral_line_*`` of truth are those of the model; joint space is measured on the model's own bones.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.image import Volume
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.measure.ct_head import measure_ct_head
from marrowmap.measure.hip import HipMeasurement
from marrowmap.phantom import draw_exam
from marrowmap.phantom.ct import sample_ct
from marrowmap.phantom.ct_head import scan_head
from marrowmap.phantom.joint_space import joint_space
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip
from marrowmap.signs.crescent import assess
from marrowmap.values import Joint
from marrowmap.values import Side

KINDS = ("onfh", "osteoarthritis", "onfh", "normal", "onfh", "sif", "onfh", "tumor")
"""Taken in turn by seed; the affected hip, or one of the two."""
LENGTHS_MM = (8.0, 14.0, 22.0)
THICKNESSES_MM = (0.5, 1.0, 1.6)
UNDER_PLATE_MM = 1.4
"""Bone between a drawn cleft and the joint surface, the middle of what the phantom draws."""
FRAME = "1.9"
SHIFT_MM, SCALE = 0.35, 0.008


def fitted(hip: Hip, side: Side, rng: np.random.Generator) -> BoneFrame:
    """Return the true frame with an error like a fit's."""
    shift, scale = rng.normal(0, SHIFT_MM, 3), 1 + rng.normal(0, SCALE)
    center = hip.center + shift
    vertices = center + (hip.femur - hip.center) * scale
    marks = {name: point + shift for name, point in hip.landmarks.items()}
    return BoneFrame(
        "femur", Joint.HIP, side, "1.2", FRAME, center, hip.radius * scale, hip.axes, marks, vertices, hip.femur_faces,
        0.4, True, "drawn, with a fit's error",
    )  # fmt: skip


def as_series(volume: Volume) -> Series:
    return Series("1.2", "1.2", 1, "CT", "CT", "", volume, Sequence.CT, "drawn", None, "", (), slice_thickness_mm=1.0)


def measure(kind: str, seed: int, side: Side | None, lesion: Lesion | None) -> dict[str, Any]:
    """Scan and measure one head; `lesion` replaces the one that is drawn."""
    person, lesions, _ = draw_exam(kind, seed)
    drawn = [one for one in Side if lesions[one] is not WELL]
    side = side or (drawn[seed % len(drawn)] if drawn else Side.LEFT)
    own = lesions[side] if lesion is None else lesion
    hip = person.hips[side]
    rng = np.random.default_rng([seed, 720])
    found = scan_head(person, side, own, sample_ct(rng), seed, FRAME)
    femur = fitted(hip, side, rng)
    begin = time.perf_counter()
    head = measure_ct_head(femur, as_series(found.volume), date="")
    seconds = time.perf_counter() - begin
    finding = assess(HipMeasurement(side, "", None, femur, ct_head=head))
    line, space = own.fracture_line, joint_space(hip, found.truth)
    cleft = head.search.crescent if head.search else None
    open_line = line is not None and line.filling != "bone" and own.necrosis is not None
    return {
        "kind": kind,
        "seed": seed,
        "state": finding.state.value,
        "smallest": finding.smallest_detectable.value if finding.smallest_detectable else None,
        "true": open_line,
        "impacted": line is not None and line.filling == "bone",
        "length": line.length_mm if line else 0.0,
        "thickness": line.thickness_mm if line else 0.0,
        "found_length": cleft.length_mm if cleft else None,
        "found_thickness": cleft.thickness_mm if cleft else None,
        "space": [space.mean_mm, space.least_mm] if space else None,
        "found_space": [head.joint_space.mean_mm, head.joint_space.least_mm] if head.joint_space else None,
        "seconds": seconds,
        "problem": head.obstacle or head.joint_space_obstacle,
    }


def curve_jobs(first: int, people: int) -> list[tuple[int, Side, Lesion]]:
    """Return seed, side and lesion of every cleft of a given size; nothing has sunk."""
    jobs: list[tuple[int, Side, Lesion]] = []
    seed = first
    while people:
        _, lesions, _ = draw_exam("onfh", seed)
        side = next((one for one in Side if lesions[one].necrosis is not None), None)
        seed += 1
        if side is None:
            continue
        people -= 1
        necrosis = lesions[side].necrosis
        assert necrosis is not None
        for length in LENGTHS_MM:
            for thick in THICKNESSES_MM:
                depth = UNDER_PLATE_MM + thick / 2
                line = FractureLine(necrosis.toward, length, 0.8 * length, depth, thick, filling="fluid")
                still = replace(necrosis, depression_mm=0.0)
                jobs.append((seed - 1, side, replace(lesions[side], necrosis=still, fracture_line=line)))
    return jobs


def off(values: list[float]) -> str:
    """Return median and 5th to 95th percentile."""
    if not values:
        return "none"
    low, middle, high = np.percentile(values, (5, 50, 95))
    return f"{middle:+.2f} ({low:+.2f} to {high:+.2f}; n={len(values)})"


def spread(values: list[float]) -> str:
    """Return median and 5th to 95th percentile of what has no sign."""
    return off(values).replace("+", "")


def print_tables(heads: list[dict[str, Any]], curve: list[dict[str, Any]]) -> None:
    """Print what was found."""
    print("| crescent in CT, virtual heads | present | undetermined | absent | not assessable | n |")
    print("|---|---|---|---|---|---|")
    groups = (
        ("open cleft in dead bone", [r for r in heads if r["true"]]),
        ("fracture with impacted bone", [r for r in heads if r["impacted"]]),
        ("no fracture", [r for r in heads if not r["true"] and not r["impacted"]]),
    )
    for name, rows in groups:
        states = [r["state"] for r in rows]
        counts = " | ".join(str(states.count(s)) for s in ("present", "undetermined", "absent", "not_assessable"))
        print(f"| {name} | {counts} | {len(rows)} |")
    hit = [r for r in heads if r["true"] and r["found_length"]]
    print(f"\nLength off, mm: {off([r['found_length'] - r['length'] for r in hit])}.")
    print(f"Thickness off, mm: {off([r['found_thickness'] - r['thickness'] for r in hit])}.")
    told = [r["smallest"] for r in heads + curve if r["smallest"]]
    if told:
        print(f"Stated smallest thickness, mm: {spread(told)}.")
    for kinds, name in (
        (("osteoarthritis",), "worn joints"),
        (tuple(k for k in KINDS if k != "osteoarthritis"), "others"),
    ):
        rows = [r for r in heads if r["kind"] in kinds and r["space"] and r["found_space"]]
        for place, what in enumerate(("mean", "narrowest disc")):
            errors = [r["found_space"][place] - r["space"][place] for r in rows]
            print(f"Joint space off, {what}, {name}, mm: {off(errors)}.")
    print(f"Seconds a head: {spread([r['seconds'] for r in heads])}.")
    for r in heads + curve:
        if r["problem"]:
            print(f"  {r['seed']} {r['kind']}: {r['problem']}")
    for r in heads:
        if (r["state"] == "present") != r["true"]:
            size = f"{r['length']:.0f} mm long, {r['thickness']:.1f} mm thick" if r["length"] else "no fracture"
            print(f"  {r['seed']} {r['kind']}: {r['state']}; {size}")
    if not curve:
        return
    print("\nPresent (and undetermined) of clefts drawn:\n")
    print("| thickness, mm | " + " | ".join(f"{length:g} mm long" for length in LENGTHS_MM) + " |")
    print("|---|" + "---|" * len(LENGTHS_MM))
    for thick in THICKNESSES_MM:
        cells = []
        for length in LENGTHS_MM:
            states = [r["state"] for r in curve if (r["length"], r["thickness"]) == (length, thick)]
            cells.append(f"{states.count('present')} ({states.count('undetermined')}) of {len(states)}")
        print(f"| {thick:g} | " + " | ".join(cells) + " |")


def main() -> int:
    """Scan, measure, compare; print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="101:125")
    parser.add_argument("--people", type=int, default=2, help="for the curve, each with every size of cleft")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/ct_heads.jsonl"), help="rows, one a line; kept, not redone"
    )
    given = parser.parse_args()
    first, last = (int(part) for part in given.seeds.split(":"))
    given.keep.parent.mkdir(parents=True, exist_ok=True)
    kept = [json.loads(line) for line in given.keep.read_text().splitlines()] if given.keep.exists() else []
    done = {row["job"]: row for row in kept}
    heads, curve = [], []
    jobs: list[tuple[str, str, int, Side | None, Lesion | None]] = []
    for seed in range(first, last):
        jobs.append((f"head {seed}", KINDS[seed % len(KINDS)], seed, None, None))
    for number, (seed, side, lesion) in enumerate(curve_jobs(first, given.people)):
        jobs.append((f"cleft {seed} {number % (len(LENGTHS_MM) * len(THICKNESSES_MM))}", "onfh", seed, side, lesion))
    for name, kind, seed, side, lesion in jobs:
        row = done.get(name)
        if row is None:
            row = {"job": name, **measure(kind, seed, side, lesion)}
            with given.keep.open("a") as stream:
                stream.write(json.dumps(row) + "\n")
        (heads if name.startswith("head") else curve).append(row)
    print_tables(heads, curve)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
