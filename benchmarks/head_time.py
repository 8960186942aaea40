"""Time of the unrolled femoral head: measured and drawn (issue "The femoral head under the surface", figure 5).

    .venv/bin/python benchmarks/head_time.py --seeds 101:109

Exams of one hip as in ``femoral_heads.py`` (kept in ``--keep``): sick heads, which take longest, are among them. Each
is analyzed as a user would have it; what is timed is looking under the joint surface and drawing the map. Run it on a
quiet machine.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

from femoral_heads import KINDS
from femoral_heads import plan_scan
from femoral_heads import side_of
from marrowmap.phantom import write_virtual_exam
from marrowmap.report.head_figures import draw_head_map
from marrowmap.workflow.analyze import analyze

MOST_SECONDS = 5.0


def main() -> None:
    """Analyze and draw; print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="101:109")
    parser.add_argument("--keep", type=Path, default=Path("build/femoral_heads"))
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    load = os.getloadavg()[0]
    first, last = (int(part) for part in given.seeds.split(":"))
    measured, drawn = [], []
    for seed in range(first, last):
        kind, side = KINDS[seed % len(KINDS)], side_of(seed)
        patient = given.keep / f"{seed:04d}_{kind}"
        if not patient.exists():
            write_virtual_exam(kind, patient, seed=seed, side=side, acquisition=plan_scan(kind, seed, side))
        result = analyze([patient / "dicom"])
        reading = next(r for r in result.readings if r.side is side and r.head is not None)
        measured.append(result.steps["looking under the joint surface"])
        begin = time.perf_counter()
        draw_head_map(result, reading)
        drawn.append(time.perf_counter() - begin)
    both = np.add(measured, drawn)
    print("| one head, seconds | median | most |\n|---|---|---|")
    for name, seconds in (("measured", measured), ("map drawn", drawn), ("both", both)):
        print(f"| {name} | {np.median(seconds):.1f} | {np.max(seconds):.1f} |")
    met = "met" if both.max() <= MOST_SECONDS else "NOT met"
    print(f"\nTarget {MOST_SECONDS:.0f} s a head: {met}, {len(both)} heads.")
    print(f"Load of the machine before: {load:.1f}.")


if __name__ == "__main__":
    main()
