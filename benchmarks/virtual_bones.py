"""How well the bones of virtual hips are found: head center and femur against the truth.

    python benchmarks/virtual_bones.py --seeds 101:141

Seeds 1–200 are for reporting, 1000–1999 were used for development. Exit code 0 with figures, met or not.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import find_hips
from marrowmap.errors import MarrowmapError
from marrowmap.ingest import read_exam
from marrowmap.phantom import KINDS
from marrowmap.phantom import write_virtual_exam

TARGET_HEAD_MM = 1.5
TARGET_DICE = 0.92


def measure_seed(kind: str, seed: int, folder: Path) -> list[dict[str, Any]]:
    """Write one virtual exam, find its bones and compare them with the truth; one row for each hip in view."""
    write_virtual_exam(kind, folder, seed=seed)
    truth = json.loads((folder / "truth.json").read_text())
    exam = read_exam([folder / "dicom"])
    start = time.perf_counter()
    try:
        frames, problem = find_hips(exam.series), ""
    except MarrowmapError as error:
        frames, problem = (), str(error)
    seconds = time.perf_counter() - start
    acquisition = truth["acquisition"]
    base = {"kind": kind, "seed": seed, "seconds": seconds, "problem": problem}
    base |= {"orientation": acquisition["orientation"], "hips": len(acquisition["sides"])}
    rows = []
    claimed = {f.side.value for f in frames if f.trusted}
    for side in acquisition["sides"]:
        row = base | {"side": side, "found": False, "trusted": False, "head_mm": np.inf, "dice": 0.0}
        row["edema"] = truth["lesions"][side].get("strength", 0) if kind == "toh" else 0
        true_frame = next(f for f in truth["frames"] if f["side"] == side)
        frame = next((f for f in frames if f.side.value == side and f.bone == "femur"), None)
        if frame is not None:
            image = nib.load(folder / "truth" / f"femur_{side}.nii.gz")
            true_femur = np.asarray(image.dataobj)
            grid = exam.series[0].volume.grid
            # Share of the voxel inside, as the truth has it: the found surface voxelized through the slice as well.
            found = bone_mask(frame, grid).array
            true_mask = true_femur >= 0.5
            row |= {
                "found": True,
                "trusted": frame.trusted,
                "head_mm": float(np.linalg.norm(frame.head_center_mm - np.array(true_frame["head_center_mm"]))),
                "dice": float(2 * (found & true_mask).sum() / max(found.sum() + true_mask.sum(), 1)),
                "fit_mm": frame.fit_rms_mm,
                "reason": frame.reason,
            }
        rows.append(row)
    for side in claimed - set(acquisition["sides"]):
        rows.append(
            base | {"side": side, "found": True, "trusted": True, "wrong": True, "head_mm": np.inf, "dice": 0.0}
        )
    return rows


def print_summary(rows: list[dict[str, Any]]) -> None:
    """Print median and 5th and 95th percentiles by kind, orientation and number of hips in view."""
    groups: dict[str, list[dict[str, Any]]] = {"all": rows}
    for row in rows:
        for key in ("kind", "orientation", "hips"):
            groups.setdefault(f"{key} {row[key]}", []).append(row)
    titles = ("group", "n", "found", "trusted", "head center mm: median (5–95 %)", "femur Dice")
    print("{:28s} {:>4s} {:>6s} {:>7s} {:>34s} {:>24s}".format(*titles))
    for name, members in groups.items():
        seen = [row for row in members if row["found"] and np.isfinite(row["head_mm"])]
        if not seen:
            continue
        head = np.percentile([row["head_mm"] for row in seen], (50, 5, 95))
        dice = np.percentile([row["dice"] for row in seen], (50, 5, 95))
        print(
            f"{name:28s} {len(members):4d} {len(seen):6d} {sum(row['trusted'] for row in members):7d} "
            f"{head[0]:18.2f} ({head[1]:.2f}–{head[2]:.2f}) {dice[0]:14.3f} ({dice[1]:.3f}–{dice[2]:.3f})"
        )
    head = float(np.median([row["head_mm"] for row in rows]))
    dice = float(np.median([row["dice"] for row in rows]))
    for name, value, target, met in (
        ("head center error, median mm", head, f"at most {TARGET_HEAD_MM}", head <= TARGET_HEAD_MM),
        ("femur Dice, median", dice, f"at least {TARGET_DICE}", dice >= TARGET_DICE),
    ):
        print(f"{name}: {value:.3f} ({target}): {'met' if met else 'MISSED'}")
    wrong = [row for row in rows if row["trusted"] and (row.get("wrong") or row["head_mm"] > 5)]
    print(f"trusted and wrong (another side, or head center off by more than 5 mm): {len(wrong)}")
    seconds = [row["seconds"] for row in rows]
    print(f"finding took {np.median(seconds):.1f} s (median), {max(seconds):.1f} s (most), ", end="")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB (making the exam included)")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", default="101:141", help="first:end, end not included")
    parser.add_argument("--kinds", default=",".join(KINDS), help="taken in turn, one for each seed")
    given = parser.parse_args()
    first, end = map(int, given.seeds.split(":"))
    kinds = given.kinds.split(",")
    rows: list[dict[str, Any]] = []
    for number, seed in enumerate(range(first, end)):
        with tempfile.TemporaryDirectory() as folder:
            found = measure_seed(kinds[number % len(kinds)], seed, Path(folder) / "exam")
        for row in found:
            print(
                f"{row['seed']:5d} {row['kind']:10s} {row['orientation']:8s} {row['hips']} hip(s) {row['side']:5s} "
                f"head {row['head_mm']:6.2f} mm, Dice {row['dice']:.3f}, trusted {row['trusted']!s:5s} "
                f"{row['seconds']:5.1f} s {row['problem']}{'' if row['trusted'] else row.get('reason', 'not found')}",
                flush=True,
            )
        rows += found
    print_summary(rows)


if __name__ == "__main__":
    main()
