"""Virtual exams through the whole chain, one by one; what each gave is kept, so that a later run goes on.

Used by the benchmarks of single signs (neck_lines.py, marrow_replacement.py, false_bands.py). Virtual people only.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from marrowmap.errors import MarrowmapError
from marrowmap.phantom import write_virtual_exam
from marrowmap.report.result import AnalysisResult
from marrowmap.workflow.analyze import analyze

Kept = dict[str, Any]
Look = Callable[[str, int, AnalysisResult, Mapping[str, Any]], list[Kept]]
"""Takes kind, seed, what analyze gave and truth.json; returns one entry a hip, as JSON holds it."""


def read_options(description: str, scratch: str, kinds: Sequence[str]) -> argparse.Namespace:
    """Read the command line that these benchmarks share."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scratch", type=Path, default=Path("build") / scratch)
    parser.add_argument("--kinds", default=",".join(kinds))
    parser.add_argument("--seeds", default="101:111", help="first:end or first:end:step, of every kind")
    parser.add_argument("--until", default="", help="HH:MM today: no exam is begun after it")
    parser.add_argument(
        "--keep-images", action="store_true", help="leave exams as KIND-SEED in the scratch folder, use those there"
    )
    return parser.parse_args()


def kept_exams(options: argparse.Namespace, look: Look) -> list[Kept]:
    """Return what the asked exams gave, by seed and kind: ``kind``, ``seed``, ``hips`` and ``error`` where not read."""
    options.scratch.mkdir(parents=True, exist_ok=True)
    today = datetime.datetime.now()
    end = datetime.datetime.combine(today, datetime.time.fromisoformat(options.until)) if options.until else None
    exams = []
    for seed in range(*(int(part) for part in options.seeds.split(":"))):
        for kind in options.kinds.split(","):
            file = options.scratch / f"{kind}-{seed}.json"
            if not file.exists() and (end is None or datetime.datetime.now() < end):
                part = file.with_suffix(".part")
                part.write_text(json.dumps(_examine(kind, seed, options, look), indent=1) + "\n")
                part.rename(file)
                print(f"{kind} {seed}", flush=True)
            if file.exists():
                exams.append(json.loads(file.read_text()))
    return exams


def _examine(kind: str, seed: int, options: argparse.Namespace, look: Look) -> Kept:
    folder = options.scratch / f"{kind}-{seed}"
    found: Kept = {"kind": kind, "seed": seed, "hips": []}
    try:
        if not (options.keep_images and (folder / "truth.json").exists()):
            shutil.rmtree(folder, ignore_errors=True)
            write_virtual_exam(kind, folder, seed=seed)
        truth = json.loads((folder / "truth.json").read_text())
        found["hips"] = look(kind, seed, analyze([folder / "dicom"]), truth)
    except MarrowmapError as error:
        found["error"] = str(error)
    finally:
        if not options.keep_images:
            shutil.rmtree(folder, ignore_errors=True)
    return found
