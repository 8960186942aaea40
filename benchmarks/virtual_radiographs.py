"""Virtual radiographs: how long they take, and what their truth says of bone that is lost and of legs that lie askew.

    .venv/bin/python benchmarks/virtual_radiographs.py [--seeds 101:109] [--picture FILE]

For each seed a person with transient osteoporosis of twelve weeks lies down for a radiograph, and the same person with
well hips in the same position: the truth of both, by region, from the model alone. `osteopenia_index` is mineral per
area of the affected against the other side; what the well person has is position and build, not disease. No image is
measured here. `--picture` writes the last radiograph as PNG.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from matplotlib import image as pictures

from marrowmap.phantom import draw_exam
from marrowmap.phantom.dx import neck_angle_deg
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import store
from marrowmap.phantom.dx_exam import Radiograph
from marrowmap.phantom.dx_exam import pose
from marrowmap.phantom.dx_exam import take_radiograph
from marrowmap.phantom.dx_truth import REGIONS
from marrowmap.phantom.dx_truth import RegionBone
from marrowmap.phantom.dx_truth import region_bone
from marrowmap.phantom.lesion import WELL
from marrowmap.values import Side

WEEKS = 12.0
WIDE = 900


def save_picture(film: Radiograph, path: Path) -> None:
    """Write a radiograph as displayed by the virtual vendor, 900 pixels wide."""
    shown = store(film.counts, film.scan, DxFile(intent=Intent.PRESENTATION)).T.astype(float)
    aside = shown.shape[1] // 6
    low, high = np.quantile(shown[:, aside:-aside], (0.02, 0.98))
    step = shown.shape[1] / WIDE
    rows, columns = (np.minimum((np.arange(int(n / step)) + 0.5) * step, n - 1).astype(int) for n in shown.shape)
    grey = np.clip((shown - low) / (high - low), 0, 1)[np.ix_(rows, columns)]
    pictures.imsave(path, grey, cmap="gray", vmin=0, vmax=1)


def _indices(mine: dict[str, RegionBone], other: dict[str, RegionBone]) -> list[tuple[float, float]]:
    """Return by region 1 - (this side over the other), per area on the rays and in space."""
    return [(1 - mine[r].femur_mm / other[r].femur_mm, 1 - mine[r].mineral_ml / other[r].mineral_ml) for r in REGIONS]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="101:109")
    parser.add_argument("--picture", type=Path)
    options = parser.parse_args()
    first, last = (int(n) for n in options.seeds.split(":"))
    print(
        "| seed | mineral lost | feet turned in | necks to the coronal plane, ill and other | head magnified |", end=""
    )
    print(" index of head, neck, intertrochanteric | the same in space | the same of well hips, per area |")
    print("|---|---|---|---|---|---|---|---|")
    seconds: list[tuple[float, float, float]] = []
    for seed in range(first, last):
        person, lesions, acquisition = draw_exam("toh", seed, None, WEEKS)
        side = next(side for side in Side if lesions[side].bone_loss > 0)
        scan = sample_dx(np.random.default_rng([seed, 600]))
        start = time.process_time()
        scene = pose(person, lesions, acquisition, scan, seed)
        laid = time.process_time()
        film = take_radiograph(scene, scan, seed)
        taken = time.process_time()
        bone = region_bone(scene, film.cone)
        seconds.append((laid - start, taken - laid, time.process_time() - taken))
        well = region_bone(pose(person, dict.fromkeys(Side, WELL), acquisition, scan, seed), film.cone)
        sick, usual = (_indices(found[side], found[side.opposite]) for found in (bone, well))
        necks = " and ".join(f"{neck_angle_deg(scene.person.hips[s]):.0f}" for s in (side, side.opposite))
        cells = [", ".join(f"{pair[n]:+.3f}" for pair in rows) for rows, n in ((sick, 0), (sick, 1), (usual, 0))]
        turned = "yes" if scan.neck_turn_deg is not None else "no"
        magnified = float(film.cone.magnification(scene.person.hips[side].center))
        print(f"| {seed} | {lesions[side].bone_loss:.3f} | {turned} | {necks} | {magnified:.3f} |", end="")
        print(f" {cells[0]} | {cells[1]} | {cells[2]} |", flush=True)
    if options.picture is not None:
        save_picture(film, options.picture)
    lay, take, truth = np.median(seconds, axis=0)
    print(f"\nprocessor seconds, median: laying the body out {lay:.1f}, radiograph {take:.1f}, truth {truth:.1f}")
    print(f"largest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
