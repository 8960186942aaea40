"""Marrow edema on real MRI against real readers.

STIR and T1 of sacroiliac joints with masks of two readers, two trials each (R11, R12: first reader; R21, R22: second).
Prints Dice with every reader mask, the readers' Dice with each other, volumes, and the nearest open rule beside it
(third quartile + k times the interquartile range of normal marrow, k tuned on these very subjects).
The parameters of marrowmap were looked at on these subjects too: the second table re-chooses k for each subject from
the other ones, and k only; docs/benchmarks/real_mri_edema.md says what the other choices do when left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest import read_nifti
from marrowmap.ingest import read_nifti_mask
from marrowmap.measure.edema import DEFAULT_K
from marrowmap.measure.edema import measure_edema

READERS = ("R11", "R12", "R21", "R22")
TARGET = 0.585
OPEN_RULE_KS = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
OWN_KS = (2.5, 2.75, 3.0, 3.25, 3.5)

Bools = NDArray[np.bool_]


def dice(first: Bools, second: Bools) -> float:
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.rglob(pattern))
    if len(found) != 1:
        raise SystemExit(f"{folder}: expected one file {pattern}, found {len(found)}")
    return found[0]


class Case:
    """One subject's images and masks."""

    def __init__(self, data: Path, subject: str) -> None:
        masks = data / "segmentations"
        self.subject = subject
        self.fluid: Volume = read_nifti(only(data / "STIR", f"{subject}_STIR.nii.gz"))
        self.t1: Volume = read_nifti(only(data / "T1W", f"{subject}_T1W.nii.gz"))
        grid = self.fluid.grid

        def read(folder: str, name: str) -> Mask:
            # The masks' headers differ from the image's by rounding only.
            return Mask(grid, read_nifti_mask(only(masks / folder, name)).array)

        self.within = read("Disease_region_manual_segmentation", f"{subject}_disease_region.nii.gz")
        self.reference = read("Normal_marrow_manual_segmentation", f"{subject}_normal_marrow.nii.gz")
        self.readers = {
            r: read(f"Inflammation_manual_segmentation/{r}", f"{subject}_inflammation_{r}.nii.gz") for r in READERS
        }

    def against(self, drawn: Bools) -> list[float]:
        """Dice with each reader mask."""
        return [dice(drawn, self.readers[r].array) for r in READERS]

    def open_rule(self, k: float) -> Bools:
        """Voxels above the third quartile + k interquartile ranges of normal marrow."""
        low, high = np.percentile(self.fluid.within(self.reference), [25, 75])
        return self.within.array & (self.fluid.array > high + k * (high - low))

    def closed(self, k: float) -> Bools:
        """Draw what marrowmap draws at a k."""
        return measure_edema(self.fluid, self.within, self.reference, self.t1, k=k).closed.array


def row(label: str, values: list[float]) -> str:
    return f"{label:<22}" + "".join(f"{v:7.3f}" for v in values)


def asked_cases(description: str | None) -> dict[str, Case]:
    """Read the command line and return every subject's case."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "bme-sij-mri"
    parser.add_argument("data", type=Path, nargs="?", default=default)
    data = parser.parse_args().data
    subjects = sorted(p.name.split("_")[0] for p in (data / "STIR").rglob("*_STIR.nii.gz"))
    if not subjects:
        raise SystemExit(f"no STIR images under {data}: give the folder of bme-sij-mri")
    return {subject: Case(data, subject) for subject in subjects}


def main() -> None:
    cases = asked_cases(__doc__)

    ours, between, spans, by_k, open_by_k = [], [], [], [], []
    print(
        f"{'subject':<22}" + "".join(f"{r:>7}" for r in READERS) + "   Dice of the closed region with each reader mask"
    )
    for subject, case in cases.items():
        result = measure_edema(case.fluid, case.within, case.reference, case.t1)
        scores = case.against(result.closed.array)
        volumes = [case.readers[r].volume_ml for r in READERS]
        inside = min(volumes) <= result.closed_volume_ml <= max(volumes)
        spans.append(inside)
        ours.append(scores)
        between.append(dice(case.readers["R11"].array, case.readers["R21"].array))
        print(
            row(subject, scores)
            + f"   readers R11-R21 {between[-1]:.3f}; closed {result.closed_volume_ml:.2f} mL, membership "
            + f"{result.edema_volume}; readers {min(volumes):.2f} to {max(volumes):.2f} mL: "
            + ("in span" if inside else "NOT in span")
        )
        by_k.append([float(np.mean(case.against(case.closed(k)))) for k in OWN_KS])
        open_by_k.append([float(np.mean(case.against(case.open_rule(k)))) for k in OPEN_RULE_KS])

    means = np.mean(ours, axis=0)
    print(row("mean", [float(m) for m in means]) + f"   readers R11-R21 {np.mean(between):.3f}")
    per_k, open_per_k = np.array(by_k), np.array(open_by_k)
    best = int(np.argmax(open_per_k.mean(axis=0)))
    print(f"\nnearest open rule, best k={OPEN_RULE_KS[best]:g} on these: mean Dice {open_per_k[:, best].mean():.3f}")
    left_out = [
        per_k[i, int(np.argmax(np.delete(per_k, i, axis=0).mean(axis=0)))] for i in range(len(cases))
    ] if len(cases) > 1 else []  # fmt: skip
    if left_out:
        print(f"k chosen on the other subjects (leave one out): mean Dice {np.mean(left_out):.3f}")
    for k, value in zip(OWN_KS, per_k.mean(axis=0), strict=True):
        print(f"  k={k:g}{' (default)' if k == DEFAULT_K else ''}: mean Dice {value:.3f}")

    print(f"\nDice with each reader at least {TARGET}: ", end="")
    for reader in ("R11", "R21"):
        value = float(means[READERS.index(reader)])
        verdict = "met" if value >= TARGET else f"MISSED by {TARGET - value:.3f}"
        print(f"{reader} {value:.3f} {verdict}; ", end="")
    print(f"volume in the readers' span in {sum(spans)} of {len(spans)} subjects")


if __name__ == "__main__":
    main()
