"""Time and memory of one exam: T1 and STIR of both hips, 30 slices each (issue "First light", figure 4).

    .venv/bin/python benchmarks/exam_time.py

Runs the command line as a user does, on at most two cores, and prints wall time, processor time, peak memory and the
time of each step from the manifest. Run it on a quiet machine. The exam is a virtual patient's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from marrowmap.phantom import Acquisition
from marrowmap.phantom import write_virtual_exam

MOST_SECONDS = 60.0
MOST_GIB = 3.0


def main() -> None:
    """Make the exam, analyze it, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as folder:
        patient = write_virtual_exam("toh", Path(folder) / "patient", seed=options.seed, acquisition=Acquisition())
        program = Path(sys.executable).with_name("marrowmap")
        began = time.perf_counter()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([program, "analyze", patient / "dicom", "--out", Path(folder) / "out"], check=True)
        wall = time.perf_counter() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        manifest = json.loads((Path(folder) / "out" / "manifest.json").read_text())
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    peak = used.ru_maxrss / 2**20
    print("| figure | result | target | met |")
    print("|---|---|---|---|")
    print(
        f"| wall time, 2 cores | {wall:.1f} s | <= {MOST_SECONDS:.0f} s | {'yes' if wall <= MOST_SECONDS else 'NO'} |"
    )
    print(f"| peak memory | {peak:.2f} GiB | <= {MOST_GIB:.0f} GiB | {'yes' if peak <= MOST_GIB else 'NO'} |")
    print(f"| processor time | {processor:.1f} s | | |")
    print(f"| load of the machine before | {os.getloadavg()[0]:.1f} | | |")
    for step, seconds in manifest["seconds"].items():
        print(f"| step: {step} | {seconds:.1f} s | | |")


if __name__ == "__main__":
    main()
