"""How often a line across the femoral neck is seen where there is one, and where there is none, by kind.

    .venv/bin/python benchmarks/neck_lines.py --scratch build/neck_lines --seeds 101:111
    .venv/bin/python benchmarks/neck_lines.py --kinds stress_fracture,toh --seeds 1:3      # tuning seeds

Virtual patients only, through the whole chain: phantom, DICOM, analyze. Truth is what the model drew. Seeds from 101 on
are for reporting, lower ones for tuning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from kept_exams import Kept
from kept_exams import kept_exams
from kept_exams import read_options
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.lesion import WELL
from marrowmap.report.result import AnalysisResult
from marrowmap.signs.neck_fracture_line import NAME
from marrowmap.values import State

KINDS = ("stress_fracture", "toh", "onfh", "normal", "crps", "tumor", "infection", "osteoarthritis", "sif")
LENGTHS_MM = (0.0, 10.0, 13.0, 20.0)
"""Of drawn lines, from the bone's surface, by which detection is told."""


def look(kind: str, seed: int, result: AnalysisResult, _truth: Mapping[str, Any]) -> list[Kept]:
    """Return what was said of each neck, and what was drawn in it."""
    lesions = draw_exam(kind, seed)[1]
    hips = []
    for one in result.findings:
        if one.sign == NAME:
            line = lesions[one.side].cross_line
            hips.append(
                {
                    "side": one.side.value,
                    "well": lesions[one.side] == WELL,
                    "drawn_mm": None if line is None else line.length_mm,
                    "state": one.state.value,
                    "note": one.note,
                }
            )
    return hips


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


if __name__ == "__main__":
    print("\n".join(report(kept_exams(read_options(__doc__, "neck_lines", KINDS), look))))
