"""Necrotic bands found in virtual exams, true and false: by kind, by what the hip has, and how often a call is right.

    .venv/bin/python benchmarks/false_bands.py build/bands --kinds onfh,infection,tumor,normal --seeds 101:111

Each exam goes through the real chain: made as DICOM unless it lies in the folder as KIND-SEED/dicom, read, bones found,
heads measured, signs judged. Found bones are kept beside the exam (`bones.pkl`), so that a change in how heads are
measured takes seconds. With `--only-made` no exam is made and no bone looked for: those that are kept, of any kind and
seed asked for. Seeds from 101 on are for reporting. Truth is what the model drew; the share of the head that is dead is
truth.json's. Virtual people only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import pickle
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.measure.head import measure_head
from marrowmap.measure.hip import HipMeasurement
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.kinds import KINDS
from marrowmap.signs import double_line
from marrowmap.signs import subchondral_band
from marrowmap.signs import subchondral_fracture_line
from marrowmap.values import State
from marrowmap.workflow import analyze

SIZES = (0.0, 15.0, 30.0, 100.0)
"""Steinberg's classes, % of the head."""


@dataclass(frozen=True)
class Head:
    """One head: what it has (% of it dead, 0 without; metal), and what was said of it."""

    kind: str
    seed: int
    side: str
    true_percent: float
    metal: bool
    state: str
    certainty: float | None
    percent: float
    line_share: float | None
    double: str
    line: str
    true_line: bool
    note: str


def find_bones(exam: Path) -> dict[str, Any]:
    """Return frames and series of an exam, from the file beside it or as ``analyze`` finds them."""
    kept = exam / "bones.pkl"
    if kept.exists() and kept.stat().st_size:
        found: dict[str, Any] = pickle.loads(kept.read_bytes())  # made on this machine
        return found
    group, _ = analyze._one_frame_of_reference(read_exam([exam / "dicom"]))
    frames = analyze.locate_bones(group, None)
    t1 = next((series for series in group if series.sequence is Sequence.T1), None)
    found = {"frames": frames, "fluid": analyze._fluid_series(group, frames), "t1": t1}
    part = exam / "bones.part"
    part.write_bytes(pickle.dumps(found))
    part.rename(kept)
    return found


def read_heads(kind: str, seed: int, exam: Path) -> list[Head]:
    """Judge the heads of one exam and compare with what was drawn."""
    truth = json.loads((exam / "truth.json").read_text())
    found = find_bones(exam)
    heads = []
    for femur in (frame for frame in found["frames"] if frame.bone == "femur"):
        side = femur.side.value
        head = measure_head(femur, found["t1"], found["fluid"], date="")
        hip = HipMeasurement(femur.side, "", found["fluid"], femur, head=head)
        band, double, line = (sign.assess(hip) for sign in (subchondral_band, double_line, subchondral_fracture_line))
        shares = [
            row["value"]
            for row in truth["measurements"]
            if (row["side"], row["quantity"]) == (side, "lesion_fraction") and row["value"] is not None
        ]
        signs = {row["sign"]: row["state"] for row in truth["findings"] if row["side"] == side}
        dead = truth["lesions"][side]["necrosis"] is not None
        heads.append(
            Head(
                kind,
                seed,
                side,
                float(shares[0]) if dead and shares else 0.0,
                truth["acquisition"]["metal_side"] == side,
                band.state.value,
                band.certainty,
                head.fraction_percent,
                head.line_share,
                double.state.value,
                line.state.value,
                signs.get("subchondral_fracture_line") == State.PRESENT.value,
                band.note,
            )
        )
    return heads


def count(heads: Iterable[Head]) -> str:
    """Return the states of bands, as cells of a table."""
    states = [head.state for head in heads]
    return " | ".join(str(states.count(state.value)) for state in State)


def print_tables(heads: list[Head]) -> None:
    """Print states by kind and truth, how often a call is right, and every head that was called wrongly."""
    print("| heads | n | " + " | ".join(state.value for state in State) + " |\n|---|---|" + "---|" * len(State))
    for kind in sorted({head.kind for head in heads}):
        for name, chosen in (
            ("with a segment", [h for h in heads if h.true_percent > 0]),
            ("without, metal in it", [h for h in heads if h.true_percent == 0 and h.metal]),
            ("without", [h for h in heads if h.true_percent == 0 and not h.metal]),
        ):
            some = [head for head in chosen if head.kind == kind]
            if some:
                print(f"| {kind}, {name} | {len(some)} | {count(some)} |")
    print("\n| a band called present, % of the head | right | (right + 1) / (n + 2) | stated certainty, mean |")
    print("|---|---|---|---|")
    called = [head for head in heads if head.state == State.PRESENT.value]
    for low, high in itertools.pairwise(SIZES):
        some = [head for head in called if low <= head.percent < high]
        if some:
            right = sum(head.true_percent > 0 for head in some)
            stated = sum(head.certainty or 0.0 for head in some) / len(some)
            print(
                f"| {low:g} to {high:g} | {right} of {len(some)} | {(right + 1) / (len(some) + 2):.2f} | {stated:.2f} |"
            )
    absent = [head for head in heads if head.state == State.ABSENT.value]
    right = sum(head.true_percent == 0 for head in absent)
    if absent:
        print(f"\nCalled absent: right in {right} of {len(absent)}, {(right + 1) / (len(absent) + 2):.2f}.")
    for name, chosen in (("with", True), ("without", False)):
        shares = sorted(h.line_share for h in heads if h.line_share is not None and (h.true_percent > 0) is chosen)
        if shares:
            print(
                f"Share of a found border with a line, heads {name} a segment: " + ", ".join(f"{s:.2f}" for s in shares)
            )
    lines = [h for h in heads if h.line == State.PRESENT.value and not h.true_line]
    print(
        "Fracture lines called where none was drawn: "
        + (", ".join(f"{h.kind} {h.seed} {h.side}" for h in lines) or "none")
    )
    for h in heads:
        if h.state not in (State.NOT_ASSESSABLE.value, (State.PRESENT if h.true_percent else State.ABSENT).value):
            what = f"{h.kind} {h.seed} {h.side}, truth {h.true_percent:.0f} %"
            print(f"- {what}: {h.state}, double line {h.double}; {h.note}")


def main() -> None:
    """Make, analyze, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("exams", type=Path, help="folder of exams; KIND-SEED is made in it where it is not there")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", default="101:111", help="first:end")
    parser.add_argument("--only-made", action="store_true")
    given = parser.parse_args()
    first, end = (int(part) for part in given.seeds.split(":"))
    given.exams.mkdir(parents=True, exist_ok=True)
    heads: list[Head] = []
    for kind in given.kinds.split(","):
        for seed in range(first, end):
            exam = given.exams / f"{kind}-{seed}"
            if given.only_made and not (exam / "bones.pkl").exists():
                continue
            if not (exam / "truth.json").exists():
                write_virtual_exam(kind, exam, seed=seed)
            heads += read_heads(kind, seed, exam)
            print(f"{kind} {seed}", file=sys.stderr, flush=True)
    print(f"{len(heads)} heads.\n")
    print_tables(heads)


if __name__ == "__main__":
    main()
