"""What the images of a cohort showed of each sign, against the model that made them.

    .venv/bin/python benchmarks/differential_cohort.py --scratch build/cohort --modalities mr
    .venv/bin/python benchmarks/cohort_signs.py --scratch build/cohort

Reads what differential_cohort.py kept; virtual people only. Truth is the exam's own truth.json, where --keep-images
kept it (a sign that it does not know yet is not counted); else it is computed from the model, for the affected hip.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path

from differential_tables import Hip
from differential_tables import hips_of
from marrowmap.phantom.findings import true_findings
from marrowmap.terms.signs import SIGNS
from marrowmap.values import State

SEEN_IN = ("MR", "model")
STATES = (State.PRESENT, State.UNDETERMINED, State.ABSENT, State.NOT_ASSESSABLE)


def truth_of(hip: Hip, scratch: Path) -> dict[str, str] | None:
    """Return the true state of each MRI sign of a hip, as far as it is known; None where it is not."""
    kept = scratch / f"images-mr-{hip.kind}-{hip.seed}" / "truth.json"
    if kept.exists():
        rows = json.loads(kept.read_text())["findings"]
    elif hip.is_affected:
        rows = true_findings(hip.kind, hip.seed, hip.side)
    else:
        return None
    return {row["sign"]: row["state"] for row in rows if row["side"] == hip.side.value and row["modality"] in SEEN_IN}


def tables(hips: Sequence[Hip], scratch: Path) -> Iterator[str]:
    """Yield the table of all signs, then the calls that were wrong."""
    counts: Counter[tuple[str, bool, State]] = Counter()
    wrong = []
    for hip in hips:
        truth = truth_of(hip, scratch)
        if truth is None:
            continue
        for one in hip.findings:
            true = truth.get(one.sign)
            if one.modality != "MR" or true not in (State.PRESENT.value, State.ABSENT.value):
                continue
            is_there = true == State.PRESENT.value
            counts[one.sign, is_there, one.state] += 1
            if one.state is (State.ABSENT if is_there else State.PRESENT):
                wrong.append(f"- {hip.kind} {hip.seed} {hip.side.value}: {one.sign} {one.state.value}: {one.note}")
    yield "| sign | truly there: present, undetermined, absent, not assessable | truly not: the same |"
    yield "|---|---|---|"
    for sign in SIGNS:
        cells = [", ".join(str(counts[sign, there, state]) for state in STATES) for there in (True, False)]
        if any(counts[sign, there, state] for there in (True, False) for state in STATES):
            yield f"| {sign} | {cells[0]} | {cells[1]} |"
    yield ""
    yield f"{len(wrong)} calls the other way round:"
    yield ""
    yield from wrong


def main() -> None:
    """Print the tables of all MRI exams that lie in the scratch folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build/differential_cohort"))
    scratch = parser.parse_args().scratch
    exams = [
        json.loads(file.read_text()) for file in sorted(scratch.glob("images-mr-*-*.json")) if "worse" not in file.name
    ]
    kept = [exam for exam in exams if "error" not in exam]
    print(f"{len(kept)} exams; seeds {min(e['seed'] for e in kept)} to {max(e['seed'] for e in kept)}\n")
    print("\n".join(tables([hip for exam in kept for hip in hips_of(exam)], scratch)))


if __name__ == "__main__":
    main()
