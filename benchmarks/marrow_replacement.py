"""How surely replaced marrow is called on virtual hips: sensitivity, false calls by kind, error of the volume.

    .venv/bin/python benchmarks/marrow_replacement.py --scratch build/replaced --seeds 101-110 --until 07:52
    .venv/bin/python benchmarks/marrow_replacement.py --scratch build/replaced --kinds tumor,toh --seeds 2-3

Virtual patients only. Each goes through the whole chain: phantom, DICOM, analyze. Truth is what the noise-free model
shows (phantom/replaced.py). Seeds from 101 on are for reporting, lower ones for tuning. What each exam gave is kept as
one small JSON in the scratch folder, so that a later run goes on; `--until` says when the last one is begun.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.course.proportions import exact_proportion
from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.workflow.analyze import analyze

KINDS = (
    "tumor",
    "infection",
    "toh",
    "onfh",
    "sif",
    "stress_fracture",
    "osteoarthritis",
    "crps",
    "normal",
    "red_marrow",
)
SIGN = "marrow_replacement"
ROWS = ("replaced_marrow_volume", "t1_to_muscle_ratio", "lesion_volume", "edema_volume")
STATES = ("present", "absent", "undetermined", "not_assessable")


def run(kind: str, seed: int, scratch: Path) -> dict[str, Any]:
    """Return what one exam gave; from the scratch folder if it is there."""
    kept = scratch / f"{kind}_{seed}.json"
    if kept.exists():
        done: dict[str, Any] = json.loads(kept.read_text())
        return done
    folder = scratch / "exam"
    shutil.rmtree(folder, ignore_errors=True)
    write_virtual_exam(kind, folder, seed=seed)
    truth = json.loads((folder / "truth.json").read_text())
    result: dict[str, Any] = {"kind": kind, "seed": seed, "hips": {}}
    try:
        seen = analyze([folder / "dicom"])
    except MarrowmapError as error:
        result["error"] = str(error)
    else:
        for finding in seen.findings:
            if finding.sign == SIGN and finding.side is not None:
                side = finding.side.value
                result["hips"][side] = {
                    "state": finding.state.value,
                    "certainty": finding.certainty,
                    "note": finding.note,
                    "truth": _truth(truth, side),
                    "found": {
                        row.name: [row.quantity.value, row.quantity.low, row.quantity.high]
                        for row in seen.measurements
                        if row.side is finding.side and row.region == "proximal_femur" and row.name in ROWS
                    },
                }
    part = kept.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1))
    part.replace(kept)
    shutil.rmtree(folder)
    return result


def _truth(truth: Mapping[str, Any], side: str) -> dict[str, Any]:
    rows = {
        row["quantity"]: row["value"]
        for row in truth["measurements"]
        if row["side"] == side and row["region"] == "proximal_femur" and row["quantity"] in ROWS
    }
    state = [row["state"] for row in truth["findings"] if row["side"] == side and row["sign"] == SIGN]
    return {"state": state[0] if state else "not_assessable", **rows}


def share(count: int, of: int) -> str:
    """Write a share with its 95 % interval."""
    if not of:
        return "none"
    proportion = exact_proportion(count, of)
    return f"{count} of {of} ({100 * proportion.low:.0f} to {100 * proportion.high:.0f} %)"


def report(exams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables as Markdown."""
    hips = [(exam, side, hip) for exam in exams for side, hip in exam["hips"].items()]
    yield f"{len(exams)} exams, {len(hips)} hips; {sum('error' in exam for exam in exams)} exams not read"
    yield ""
    yield "| kind | truth | hips | present | absent | undetermined | not assessable |"
    yield "|---|---|---|---|---|---|---|"
    for kind in dict.fromkeys(exam["kind"] for exam in exams):
        for truth in ("present", "absent"):
            mine = [hip for exam, _, hip in hips if exam["kind"] == kind and hip["truth"]["state"] == truth]
            if mine:
                counts = " | ".join(str(sum(hip["state"] == state for hip in mine)) for state in STATES)
                yield f"| {kind} | {truth} | {len(mine)} | {counts} |"
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for kind in ("tumor", "infection", ""):
        true = [hip for exam, _, hip in hips if hip["truth"]["state"] == "present" and kind in ("", exam["kind"])]
        called = sum(hip["state"] == "present" for hip in true)
        yield f"| called present where it is, {kind or 'all kinds'} | {share(called, len(true))} |"
    false = [hip for _, _, hip in hips if hip["truth"]["state"] == "absent"]
    called = sum(hip["state"] == "present" for hip in false)
    yield f"| called present where it is not | {share(called, len(false))} |"
    true = [hip for exam, _, hip in hips if exam["kind"] == "tumor" and hip["state"] == "present"]
    yield from _errors([hip for hip in true if hip["truth"].get("replaced_marrow_volume", 0) > 0])
    yield ""
    for exam, side, hip in hips:
        if {hip["state"], hip["truth"]["state"]} == {"present", "absent"}:
            volume = hip["truth"].get("replaced_marrow_volume")
            yield f"- {exam['kind']} {exam['seed']} {side}: truth {hip['truth']['state']} ({volume} mL); {hip['note']}"


def _errors(hips: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the errors of volume and ratio in tumors that are called present, and what edema counts of them."""
    if not hips:
        return
    for name, unit in (("replaced_marrow_volume", "mL"), ("t1_to_muscle_ratio", "")):
        true = np.array([hip["truth"][name] for hip in hips])
        value, low, high = np.array([hip["found"][name] for hip in hips], float).T
        held = int(((low <= true) & (true <= high)).sum())
        error = value - true
        yield (
            f"| {name.replace('_', ' ')}, tumors: mean error, mean absolute error | {error.mean():+.2f}, "
            f"{np.abs(error).mean():.2f} {unit} |"
        )
        yield f"| true value within the 95 % interval | {share(held, len(hips))} |"
    excess = [hip["found"]["edema_volume"][0] - hip["truth"]["edema_volume"] for hip in hips]
    yield f"| edema volume, tumors: mean excess over truth (a mass is as bright) | {np.mean(excess):+.2f} mL |"


def main() -> None:
    """Go through kinds and seeds until the time that is given, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build/marrow_replacement"))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", default="101-110", help="FIRST-LAST")
    parser.add_argument("--until", default="", help="HH:MM today: no exam is begun after it")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now()
    end = datetime.datetime.combine(now, datetime.time.fromisoformat(options.until)) if options.until else None
    first, last = (int(seed) for seed in options.seeds.split("-"))
    exams = []
    for seed in range(first, last + 1):
        for kind in options.kinds.split(","):
            if end is None or datetime.datetime.now() < end or (options.scratch / f"{kind}_{seed}.json").exists():
                exams.append(run(kind, seed, options.scratch))
    print("\n".join(report(exams)))


if __name__ == "__main__":
    main()
