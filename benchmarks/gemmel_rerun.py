"""The design of Gemmel 2012 once more: AC1 has a value where kappa is 0/0.

python benchmarks/gemmel_rerun.py [--seed 101] [--report FOLDER]

Three virtual readers read twelve episodes of ten virtual people on radiographs, bone scans and MRI, from protocol to
report, as ``marrowmap study demo`` does. The table is that of ``report.json``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from marrowmap.workflow.study_demo import run_study_demo
from marrowmap.workflow.study_report import interval

SHOWN = (("percent_agreement", "agreement, %"), ("fleiss_kappa", "Fleiss kappa"), ("gwet_ac1", "Gwet AC1"))


def print_table(items: Mapping[str, Mapping[str, Any]]) -> None:
    print("| item | categories given | " + " | ".join(words for _, words in SHOWN) + " |")
    print("|---|---|" + "---|" * len(SHOWN))
    for name, row in items.items():
        given = ", ".join(row["categories"]).replace("_", " ")
        print(f"| {name} | {given} | " + " | ".join(interval(row, key) for key, _ in SHOWN) + " |")


def main() -> None:
    """Run the study and print its table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=101)
    parser.add_argument("--report", type=Path, help="a new folder for the whole demo")
    given = parser.parse_args()
    began, worked = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as name:
        page = run_study_demo(given.report or Path(name) / "demo", seed=given.seed)
        results = json.loads((page.parent / "report.json").read_text(encoding="utf-8"))
    spent, work = time.perf_counter() - began, time.process_time() - worked
    # A suspicion is a number: kappa and AC1 are of categories.
    items = {
        name: row
        for name, row in results["agreement"]["items"].items()
        if not name.endswith(".transient_osteoporosis") and "reads" in row
    }
    print_table(items)
    undefined = [row for row in items.values() if row["fleiss_kappa"] is None]
    valued = [row for row in undefined if row["gwet_ac1"] is not None]
    paradox = [
        row
        for row in items.values()
        if row["fleiss_kappa"] is not None and row["fleiss_kappa"] <= 0.2 and row["percent_agreement"] >= 90
    ]
    print(f"\nseed {given.seed}: {len(items)} items, {results['answers']} answers, chain intact")
    print(f"kappa not defined: {len(undefined)}; of these AC1 defined: {len(valued)}")
    print(f"agreement of 90 % or more with a kappa of 0.2 or less: {len(paradox)}")
    print(f"{spent / 60:.1f} min, {work / 60:.1f} CPU min")


if __name__ == "__main__":
    main()
