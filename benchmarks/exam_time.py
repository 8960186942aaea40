"""Time and memory of one exam, by step, through the command line as a user runs it.

    .venv/bin/python benchmarks/exam_time.py
    .venv/bin/python benchmarks/exam_time.py --exam bone-scan --seeds 101 102 103

`mri`: T1 and STIR of both hips, 30 slices each (issue "First light", figure 4). `bone-scan`: a three-phase bone scan
and a SPECT/CT (issue "The bone scan", figure 4), once with the camera's reconstruction and once with the projections
only, which marrowmap then reconstructs itself. On at most two cores; prints wall time, processor time, peak memory and
the time of each step from the manifest. Run it on a quiet machine. The exams are virtual patients'.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam

MOST_SECONDS = 60.0
MOST_GIB = 3.0
MODALITIES = {"mri": ("mr",), "bone-scan": ("scan", "spect")}
PROGRAM = "import sys; from marrowmap.cli import main; sys.exit(main())"
"""What the installed command runs; so that the benchmark times the code beside it."""


@dataclass(frozen=True)
class Run:
    """One analysis: what was in the folder, s of wall and processor, GiB at most, load before, and s by step."""

    what: str
    wall: float
    processor: float
    peak: float
    load: float
    steps: dict[str, float]


def analyze(source: Path, out: Path, what: str) -> Run:
    """Analyze a folder in a process of its own and wait for it."""
    load, began = os.getloadavg()[0], time.perf_counter()
    command = [sys.executable, "-c", PROGRAM, "analyze", str(source), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"analyze ended with {process.returncode} on {what}: run it by hand to see why")
    steps = json.loads((out / "manifest.json").read_text())["seconds"]
    return Run(what, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20, load, steps)


def runs(exam: str, seed: int) -> Iterator[Run]:
    """Make a virtual exam and analyze it; a bone scan a second time without the camera's reconstruction."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        patient = write_virtual_exam(
            "toh", folder / "patient", seed=seed, modalities=MODALITIES[exam], acquisition=Acquisition()
        )
        yield analyze(patient / "dicom", folder / "out", f"seed {seed}")
        if exam == "bone-scan":
            (found,) = patient.rglob("reconstruction.dcm")
            found.unlink()
            yield analyze(patient / "dicom", folder / "again", f"seed {seed}, projections only")


def main() -> None:
    """Analyze the exams one after another, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exam", choices=MODALITIES, default="mri")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    found = [run for seed in options.seeds for run in runs(options.exam, seed)]
    wall, peak = max(run.wall for run in found), max(run.peak for run in found)
    rows = {
        "wall time, 2 cores": [f"{run.wall:.1f} s" for run in found],
        "processor time": [f"{run.processor:.1f} s" for run in found],
        "peak memory": [f"{run.peak:.2f} GiB" for run in found],
        "load of the machine before": [f"{run.load:.1f}" for run in found],
    }
    for step in dict.fromkeys(step for run in found for step in run.steps):
        rows[f"step: {step}"] = [f"{run.steps.get(step, 0.0):.1f} s" for run in found]
    print("| | " + " | ".join(run.what for run in found) + " |")
    print("|---|" + "---|" * len(found))
    for label, cells in rows.items():
        print(f"| {label} | " + " | ".join(cells) + " |")
    print()
    print("| figure | longest of all | target | met |")
    print("|---|---|---|---|")
    print(f"| wall time | {wall:.1f} s | <= {MOST_SECONDS:.0f} s | {'yes' if wall <= MOST_SECONDS else 'NO'} |")
    print(f"| peak memory | {peak:.2f} GiB | <= {MOST_GIB:.0f} GiB | {'yes' if peak <= MOST_GIB else 'NO'} |")


if __name__ == "__main__":
    main()
