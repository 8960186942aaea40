"""Necrotic bands found in virtual exams, true and false: by kind, by what the hip has, and how often a call is right.

    .venv/bin/python benchmarks/false_bands.py --kinds onfh,infection,tumor,normal --seeds 101:111

Virtual people only, through the whole chain: phantom, DICOM, analyze. Seeds from 101 on are for reporting. Truth is
what the model drew; the share of the head that is dead is truth.json's.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from kept_exams import Kept
from kept_exams import kept_exams
from kept_exams import read_options
from marrowmap.phantom.kinds import KINDS
from marrowmap.report.result import AnalysisResult
from marrowmap.values import State

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


def look(kind: str, seed: int, result: AnalysisResult, truth: Mapping[str, Any]) -> list[Kept]:
    """Compare what was said of each head with what was drawn."""
    heads = []
    for reading in result.readings:
        if reading.head is None:
            continue
        side = reading.side.value
        found = {one.sign: one for one in result.findings if one.side is reading.side}
        band = found["subchondral_band"]
        shares = [
            row["value"]
            for row in truth["measurements"]
            if (row["side"], row["quantity"]) == (side, "lesion_fraction") and row["value"] is not None
        ]
        signs = {row["sign"]: row["state"] for row in truth["findings"] if row["side"] == side}
        dead = truth["lesions"][side]["necrosis"] is not None
        head = Head(
            kind,
            seed,
            side,
            float(shares[0]) if dead and shares else 0.0,
            truth["acquisition"]["metal_side"] == side,
            band.state.value,
            band.certainty,
            reading.head.fraction_percent,
            reading.head.line_share,
            found["double_line"].state.value,
            found["subchondral_fracture_line"].state.value,
            signs.get("subchondral_fracture_line") == State.PRESENT.value,
            band.note,
        )
        heads.append(asdict(head))
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
    """Go through the exams, then print the tables."""
    exams = kept_exams(read_options(__doc__, "false_bands", tuple(KINDS)), look)
    heads = [Head(**hip) for exam in exams for hip in exam["hips"]]
    print(f"{len(heads)} heads.\n")
    print_tables(heads)


if __name__ == "__main__":
    main()
