"""How often a line across the femoral neck is seen where there is one, and where there is none, by kind.

    .venv/bin/python benchmarks/neck_lines.py --scratch build/neck_lines --seeds 101:111
    .venv/bin/python benchmarks/neck_lines.py --kinds stress_fracture,toh --seeds 1:3      # tuning seeds

Virtual patients only, through the whole chain: phantom, DICOM, analyze. Truth is what the model drew. What each exam
gave is kept as one small JSON in the scratch folder, so that a later run goes on; `--until` says where it stops. Seeds
from 101 on are for reporting, lower ones for tuning.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import shutil
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.signs.neck_fracture_line import NAME
from marrowmap.values import State
from marrowmap.workflow.analyze import analyze

KINDS = ("stress_fracture", "toh", "onfh", "normal", "crps", "tumor", "infection", "osteoarthritis", "sif")
LENGTHS_MM = (0.0, 10.0, 13.0, 20.0)
"""Of drawn lines, from the bone's surface, by which detection is told."""


def run(kind: str, seed: int, scratch: Path) -> dict[str, Any]:
    """Return what an exam gave, from the scratch folder if it is there."""
    file = scratch / f"{kind}-{seed}.json"
    if file.exists():
        return dict(json.loads(file.read_text()))
    folder = scratch / file.stem
    shutil.rmtree(folder, ignore_errors=True)
    found: dict[str, Any] = {"kind": kind, "seed": seed, "hips": []}
    try:
        write_virtual_exam(kind, folder, seed=seed, modalities=("mr",))
        lesions = draw_exam(kind, seed)[1]
        for one in analyze([folder / "dicom"]).findings:
            if one.sign != NAME:
                continue
            line = lesions[one.side].cross_line
            found["hips"].append(
                {
                    "side": one.side.value,
                    "well": lesions[one.side] == WELL,
                    "drawn_mm": None if line is None else line.length_mm,
                    "thick_mm": None if line is None else line.thickness_mm,
                    "state": one.state.value,
                    "note": one.note,
                }
            )
    except MarrowmapError as error:
        found["error"] = str(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    part = file.with_suffix(".part")
    part.write_text(json.dumps(found, indent=1) + "\n")
    part.rename(file)
    print(f"{kind} {seed}: {found.get('error', ', '.join(hip['state'] for hip in found['hips']))}", flush=True)
    return found


def _counts(hips: Sequence[Mapping[str, Any]]) -> str:
    cells = [str(sum(hip["state"] == state.value for hip in hips)) for state in State]
    return f"{len(hips)} | {' | '.join(cells)}"


def report(exams: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the tables as Markdown."""
    states = " | ".join(state.value.replace("_", " ") for state in State)
    yield f"| hips | number | {states} |"
    yield "|---" * (len(State) + 2) + "|"
    hips = [{**hip, "kind": exam["kind"], "seed": exam["seed"]} for exam in exams for hip in exam["hips"]]
    drawn = [hip for hip in hips if hip["drawn_mm"] is not None]
    for low, high in pairwise(LENGTHS_MM):
        mine = [hip for hip in drawn if low <= hip["drawn_mm"] < high]
        yield f"| with a line, {low:g} to {high:g} mm from the bone's surface | {_counts(mine)} |"
    yield f"| with a line, all | {_counts(drawn)} |"
    without = [hip for hip in hips if hip["drawn_mm"] is None]
    for kind in dict.fromkeys(exam["kind"] for exam in exams):
        mine = [hip for hip in without if hip["kind"] == kind and not hip["well"]]
        if mine:
            yield f"| {kind}, affected, no line | {_counts(mine)} |"
    yield f"| well hips | {_counts([hip for hip in without if hip['well']])} |"
    yield f"| no line, all | {_counts(without)} |"
    yield ""
    off = [(hip, length) for hip in drawn if (length := _length_of(hip["note"])) is not None]
    for hip, length in off:
        drawn_mm = f"drawn {hip['drawn_mm']:.1f} mm with its cortex"
        yield f"- {hip['kind']} {hip['seed']}: {drawn_mm}, seen {length:.0f} mm in the marrow"
    for hip in hips:
        wrong = hip["state"] == (State.ABSENT if hip["drawn_mm"] is not None else State.PRESENT).value
        if wrong or hip["state"] == State.UNDETERMINED.value:
            yield f"- {hip['kind']} {hip['seed']} {hip['side']}: {hip['state']}: {hip['note']}"
    for exam in exams:
        if "error" in exam:
            yield f"- {exam['kind']} {exam['seed']}: not read: {exam['error']}"


def _length_of(note: str) -> float | None:
    found = re.search(r"a dark line (\d+) mm long", note)
    return float(found[1]) if found else None


def main() -> None:
    """Go on until all exams are done or the time that is asked for, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build/neck_lines"))
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", default="101:111", help="first and one past the last; each of every kind")
    parser.add_argument("--until", default="", help="HH:MM today: no exam is begun after it")
    options = parser.parse_args()
    options.scratch.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now()
    end = datetime.datetime.combine(today, datetime.time.fromisoformat(options.until)) if options.until else None
    first, last = (int(part) for part in options.seeds.split(":"))
    exams = []
    for seed in range(first, last):
        for kind in options.kinds.split(","):
            known = (options.scratch / f"{kind}-{seed}.json").exists()
            if known or end is None or datetime.datetime.now() < end:
                exams.append(run(kind, seed, options.scratch))
    print("\n".join(report(exams)))


if __name__ == "__main__":
    main()
