"""Medial head sparing and acetabular edema on virtual patients: sensitivity and specificity.

    .venv/bin/python benchmarks/edema_signs.py --seeds 101:141 --keep build/edema_signs

Virtual patients only: this says nothing about real ones. Kinds take turns by seed. Of those with transient osteoporosis
half have their medial head spared and half have edema of the acetabulum, crosswise, so that presence and absence are
seen alike often (in people 88 and 62 % are; facts.md 2.1). Seeds 1 to 12 served for tuning, 13 to 24 for checking;
101 to 140 are for reporting. Results are kept one line an exam, so that an interrupted run goes on where it stopped.
Truth is written by the model that drew the images.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from marrowmap.errors import MarrowmapError
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.exam import scan
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.truth import finding_rows
from marrowmap.phantom.truth import sum_hip
from marrowmap.workflow.analyze import analyze

SIGNS = ("medial_head_sparing", "acetabular_edema")
STATES = ("present", "absent", "undetermined", "not_assessable")

KINDS = (
    ("toh", (True, True)),
    ("toh", (False, True)),
    ("normal", None),
    ("toh", (True, False)),
    ("toh", (False, False)),
    ("red_marrow", None),
    ("osteoarthritis", None),
    ("crps", None),
)
"""Kind of a seed's virtual person; where set, whether the medial head is spared and the acetabulum edematous."""


def make_patient(seed: int, folder: Path) -> dict[str, dict[str, str]]:
    """Write the DICOM of a seed's virtual patient; return the true state of each sign by side."""
    kind, chosen = KINDS[seed % len(KINDS)]
    person, lesions, acquisition = draw_exam(kind, seed)
    for side, lesion in lesions.items():
        if chosen is not None and lesion.amount > 0:
            lesions[side] = replace(lesion, medial_sparing=chosen[0], acetabular_edema=chosen[1])
    scene = build_scene(person, lesions, acquisition, seed)
    study_uid = make_uid("edema signs", kind, seed, acquisition)
    study = StudyTags(f"VIRTUAL-{seed}", study_uid, make_uid(study_uid, "frame of reference"), "20260105", person)
    shutil.rmtree(folder, ignore_errors=True)
    scan(folder, scene, acquisition, study, seed)
    seen = slice_grid(acquisition, person)
    return {
        side.value: {
            row["sign"]: row["state"]
            for row in finding_rows(scene, side, sum_hip(scene, side, seen), seen, "2026-01-05", {})
            if row["sign"] in SIGNS
        }
        for side in acquisition.sides
    }


def run_seed(seed: int, keep: Path) -> dict[str, Any]:
    """Make, analyze and compare one virtual patient."""
    folder = keep / f"{seed:04d}"
    result: dict[str, Any] = {"seed": seed, "kind": KINDS[seed % len(KINDS)][0], "hips": []}
    truth = make_patient(seed, folder)
    began = time.perf_counter()
    found: dict[tuple[str, str], tuple[str, str]] = {}
    try:
        for row in analyze([folder]).findings:
            found[row.side.value, row.sign] = (row.state.value, row.note)
    except MarrowmapError as error:
        result["error"] = str(error)
    result["analyze_s"] = time.perf_counter() - began
    shutil.rmtree(folder, ignore_errors=True)
    for side, states in truth.items():
        for sign, true in states.items():
            ours, note = found.get((side, sign), ("not_assessable", "the hip was not found"))
            result["hips"].append({"side": side, "sign": sign, "true": true, "found": ours, "note": note})
    return result


def share(hits: int, of: int) -> str:
    """Write a share with Wilson's 95 % interval."""
    if of == 0:
        return "-"
    z = 1.96
    middle = (hits + z**2 / 2) / (of + z**2)
    reach = z * math.sqrt(hits * (of - hits) / of + z**2 / 4) / (of + z**2)
    return f"{hits} of {of} ({100 * hits / of:.0f} %; {100 * (middle - reach):.0f} to {100 * (middle + reach):.0f})"


def summarize(results: list[dict[str, Any]]) -> str:
    """Return the table as Markdown."""
    hips = [dict(hip, kind=r["kind"], seed=r["seed"]) for r in results for hip in r["hips"]]
    lines = [
        "| sign (virtual patients) | found present where present | not found present where absent | "
        "found absent where absent and assessable |",
        "|---|---|---|---|",
    ]
    for sign in SIGNS:
        ill = [h for h in hips if h["sign"] == sign and h["true"] == "present"]
        well = [h for h in hips if h["sign"] == sign and h["true"] == "absent"]
        asked = [h for h in well if h["found"] != "not_assessable"]
        lines.append(
            f"| {sign} | {share(sum(h['found'] == 'present' for h in ill), len(ill))} "
            f"| {share(sum(h['found'] != 'present' for h in well), len(well))} "
            f"| {share(sum(h['found'] == 'absent' for h in asked), len(asked))} |"
        )
    lines += [
        "",
        f"| sign | kind | true state | {' | '.join(f'found {state}' for state in STATES)} |",
        "|---" * 7 + "|",
    ]
    groups = sorted({(h["sign"], h["kind"], h["true"]) for h in hips if h["true"] in ("present", "absent")})
    for sign, kind, true in groups:
        states = [h["found"] for h in hips if (h["sign"], h["kind"], h["true"]) == (sign, kind, true)]
        counts = " | ".join(str(states.count(state)) for state in STATES)
        lines.append(f"| {sign} | {kind} | {true} | {counts} |")
    wrong = [h for h in hips if {h["true"], h["found"]} == {"present", "absent"} or h["found"] == "undetermined"]
    lines += ["", "Wrong or undetermined:", ""] if wrong else [""]
    lines += [
        f"- seed {h['seed']} {h['kind']}, {h['side']}: {h['sign']} {h['true']}, found {h['found']}: {h['note']}"
        for h in wrong
    ]
    lines += [f"- seed {r['seed']} ({r['kind']}): {r['error']}" for r in results if "error" in r]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the seeds that are not kept yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:141", help="first:end")
    parser.add_argument("--keep", type=Path, default=Path("build/edema_signs"))
    options = parser.parse_args()
    first, end = (int(n) for n in options.seeds.split(":"))
    options.keep.mkdir(parents=True, exist_ok=True)
    log = options.keep / "results.jsonl"
    done = {r["seed"]: r for r in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    for seed in range(first, end):
        if seed not in done:
            done[seed] = run_seed(seed, options.keep)
            with log.open("a") as stream:
                stream.write(json.dumps(done[seed]) + "\n")
            print(f"seed {seed} {done[seed]['kind']}: {done[seed].get('error', 'done')}", flush=True)
    print(summarize([done[seed] for seed in range(first, end)]))


if __name__ == "__main__":
    main()
