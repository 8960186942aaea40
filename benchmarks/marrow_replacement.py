"""How surely replaced marrow is called on virtual hips: sensitivity, false calls by kind, error of the volume.

    .venv/bin/python benchmarks/marrow_replacement.py --scratch build/replaced --seeds 101:111 --until 07:52
    .venv/bin/python benchmarks/marrow_replacement.py --scratch build/replaced --kinds tumor,toh --seeds 2:4

Virtual patients only. Each goes through the whole chain: phantom, DICOM, analyze. Truth is what the noise-free model
shows (phantom/replaced.py). Seeds from 101 on are for reporting, lower ones for tuning.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from kept_exams import Kept
from kept_exams import kept_exams
from kept_exams import read_options
from marrowmap.course.proportions import exact_proportion
from marrowmap.report.result import AnalysisResult

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


def look(_kind: str, _seed: int, result: AnalysisResult, truth: Mapping[str, Any]) -> list[Kept]:
    """Return what was said and measured of each hip, and what is true of it."""
    return [
        {
            "side": finding.side.value,
            "state": finding.state.value,
            "note": finding.note,
            "truth": _truth(truth, finding.side.value),
            "found": {
                row.name: [row.quantity.value, row.quantity.low, row.quantity.high]
                for row in result.measurements
                if row.side is finding.side and row.region == "proximal_femur" and row.name in ROWS
            },
        }
        for finding in result.findings
        if finding.sign == SIGN
    ]


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
    hips = [(exam, hip) for exam in exams for hip in exam["hips"]]
    yield f"{len(exams)} exams, {len(hips)} hips; {sum('error' in exam for exam in exams)} exams not read"
    yield ""
    yield "| kind | truth | hips | present | absent | undetermined | not assessable |"
    yield "|---|---|---|---|---|---|---|"
    for kind in dict.fromkeys(exam["kind"] for exam in exams):
        for truth in ("present", "absent"):
            mine = [hip for exam, hip in hips if exam["kind"] == kind and hip["truth"]["state"] == truth]
            if mine:
                counts = " | ".join(str(sum(hip["state"] == state for hip in mine)) for state in STATES)
                yield f"| {kind} | {truth} | {len(mine)} | {counts} |"
    yield ""
    yield "| figure | value |"
    yield "|---|---|"
    for kind in ("tumor", "infection", ""):
        true = [hip for exam, hip in hips if hip["truth"]["state"] == "present" and kind in ("", exam["kind"])]
        called = sum(hip["state"] == "present" for hip in true)
        yield f"| called present where it is, {kind or 'all kinds'} | {share(called, len(true))} |"
    false = [hip for _, hip in hips if hip["truth"]["state"] == "absent"]
    called = sum(hip["state"] == "present" for hip in false)
    yield f"| called present where it is not | {share(called, len(false))} |"
    true = [hip for exam, hip in hips if exam["kind"] == "tumor" and hip["state"] == "present"]
    yield from _errors([hip for hip in true if hip["truth"].get("replaced_marrow_volume", 0) > 0])
    yield ""
    for exam, hip in hips:
        if {hip["state"], hip["truth"]["state"]} == {"present", "absent"}:
            volume = hip["truth"].get("replaced_marrow_volume")
            place = f"{exam['kind']} {exam['seed']} {hip['side']}"
            yield f"- {place}: truth {hip['truth']['state']} ({volume} mL); {hip['note']}"


def _errors(hips: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the errors of volume and ratio in tumors that are called present, and what edema counts of them."""
    if not hips:
        return
    for name, unit in (("replaced_marrow_volume", "mL"), ("t1_to_muscle_ratio", "")):
        true = np.array([hip["truth"][name] for hip in hips])
        value, low, high = np.array([hip["found"][name] for hip in hips], float).T
        held = int(((low <= true) & (true <= high)).sum())
        error = value - true
        spread = np.sqrt(np.mean((error / true) ** 2))
        yield (
            f"| {name.replace('_', ' ')}, tumors: mean error, mean absolute error | {error.mean():+.2f}, "
            f"{np.abs(error).mean():.2f} {unit} |"
        )
        yield f"| the same, root mean square of the error over the true value | {100 * spread:.0f} % |"
        yield f"| true value within the 95 % interval | {share(held, len(hips))} |"
    excess = [hip["found"]["edema_volume"][0] - hip["truth"]["edema_volume"] for hip in hips]
    yield f"| edema volume, tumors: mean excess over truth (a mass is as bright) | {np.mean(excess):+.2f} mL |"


if __name__ == "__main__":
    print("\n".join(report(kept_exams(read_options(__doc__, "marrow_replacement", KINDS), look))))
