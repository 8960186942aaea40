"""Bone lesions of real knees, from the label maps of `knee-bml-labels`: volume, depth under the joint surface, change.

    .venv/bin/python benchmarks/real_knee_lesions.py

Nothing is found here: readers drew the lesions; this measures what they drew, at both time points. It shows that depth
and change can be read from real anatomy, not how well lesions are found.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import SimpleITK

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.measure.lesion_depth import LesionDepth
from marrowmap.measure.lesion_depth import measure_lesion

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "knee-bml-labels" / "OAI_AKOA"
BONES = {"femur": (1, 7, 2), "tibia": (3, 8, 4), "patella": (5, 9, 6)}
"""Labels of bone, lesion and cartilage."""


def read_lesions(path: Path) -> dict[str, LesionDepth]:
    """Measure the lesions of each bone of one knee."""
    image = SimpleITK.ReadImage(str(path))
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    grid = Grid(array.shape, affine, "1")
    found = {}
    for name, (bone, lesion, cartilage) in BONES.items():
        mask = Mask(grid, array == lesion)
        if mask.array.any():
            whole = Mask(grid, (array == bone) | mask.array)
            measured = measure_lesion(mask, whole, Mask(grid, array == cartilage))
            if measured is not None:
                found[name] = measured
    return found


def main() -> int:
    """Print a row for each bone, person and time."""
    files = sorted(DATA.glob("*.nii.gz"))
    if not files:
        print("the real label maps are not on this machine (knee-bml-labels)", file=sys.stderr)
        return 0
    people: dict[str, dict[str, dict[str, LesionDepth]]] = {}
    for path in files:
        person, time = path.name.split(".")[0].split("_")[:2]
        people.setdefault(person, {})[time] = read_lesions(path)
    print("| person | bone | months | volume mL | depth nearest / median / deepest mm | at the surface | change mL |")
    print("|---|---|---|---|---|---|---|")
    changes = []
    for person, times in sorted(people.items()):
        for bone in BONES:
            before: LesionDepth | None = None
            for number, (time, found) in enumerate(sorted(times.items())):
                lesion = found.get(bone)
                if lesion is None and before is None:
                    continue
                volume = lesion.volume_ml if lesion else 0.0
                change = ""
                if number:
                    changes.append(volume - (before.volume_ml if before else 0.0))
                    change = f"{changes[-1]:+.2f}"
                depth = (
                    "none"
                    if lesion is None
                    else (f"{lesion.nearest_mm:.1f} / {lesion.median_mm:.1f} / {lesion.deepest_mm:.1f}")
                )
                touches = "" if lesion is None else ("yes" if lesion.touches else "no")
                months = time.removesuffix("m")
                print(f"| {person} | {bone} | {months} | {volume:.2f} | {depth} | {touches} | {change} |")
                before = lesion
    grown, shrunk = sum(change > 0.05 for change in changes), sum(change < -0.05 for change in changes)
    print(f"\n{len(people)} people, {len(files)} knees.")
    print(f"Of {len(changes)} lesions seen twice or new, {grown} grew and {shrunk} shrank by more than 0.05 mL.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
