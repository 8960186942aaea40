"""Trabecular structure of real files, end to end through the command.

python benchmarks/real_blocks.py FOLDER

FOLDER holds `trab-shrew` (a binary block of trabecular bone of a shrew, CC0) and `morphometry-ipl-reference` (GPL-3,
not part of this repository; one object of 81 voxels as AIM, ISQ, MHA, NIfTI, NRRD and DICOM).
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.image.nifti import write_nifti
from marrowmap.ingest.microstructure import read_microstructure
from marrowmap.measure.microarchitecture_resolved import choose_threshold
from marrowmap.measure.microarchitecture_resolved import measure_resolved
from marrowmap.terms.quantities import QUANTITIES
from marrowmap.workflow.microarchitecture import measure_microarchitecture
from marrowmap.workflow.microarchitecture_request import Request

FORMATS = ("test_aim.AIM", "test_isq.ISQ", "test_mha.mha", "test_nii.nii", "test_nrrd.nrrd", "test_dicom")


def whole(image: Path, place: Path) -> Path:
    """Write a mask of the whole image."""
    grid = read_microstructure(image).volume.grid
    write_nifti(Mask(grid, np.ones(grid.shape, np.bool_)), place)
    return place


def measure(image: Path, within: Path, out: Path) -> dict[str, float]:
    document = measure_microarchitecture(Request(image, within), out)
    return {row["quantity"]: row["value"] for row in document["rows"]}


def one_object(folder: Path, work: Path) -> None:
    print("## One object in six formats\n")
    found = {}
    for name in FORMATS:
        found[name] = measure(folder / name, whole(folder / name, work / "whole.nii.gz"), work / name)
    names = [name for name in QUANTITIES if name in found[FORMATS[0]]]
    print(
        "| measure | unit | " + " | ".join(name.removeprefix("test_") for name in FORMATS) + " | largest difference |"
    )
    print("|---|---|" + "---|" * (len(FORMATS) + 1))
    for name in names:
        values = [found[one][name] for one in FORMATS]
        spread = 100 * float(np.ptp(values)) / max(abs(float(np.mean(values))), 1e-12)
        cells = " | ".join(f"{value:.5g}" for value in values)
        print(f"| {name.replace('_', ' ')} | {QUANTITIES[name].unit} | {cells} | {spread:.2g} % |")
    print()


def shrew(image: Path, work: Path) -> None:
    print("## The shrew's block\n")
    mask = whole(image, work / "shrew.nii.gz")
    began = time.process_time()
    values = measure(image, mask, work / "shrew")
    taken = time.process_time() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print("| measure | unit | value |\n|---|---|---|")
    for name in QUANTITIES:
        if name in values:
            print(f"| {name.replace('_', ' ')} | {QUANTITIES[name].unit} | {values[name]:.4g} |")
    manifest = json.loads((work / "shrew" / "manifest.json").read_text())
    print(
        f"\n{taken:.0f} s of processor time, of it measuring {manifest['seconds']['measuring']:.0f} s of wall time, ",
        end="",
    )
    print(f"peak {peak:.2f} GiB\n", flush=True)


def coarser(image: Path) -> None:
    """Show how the block's own measures hang on its voxel: every second and every fourth voxel as means."""
    print("## The same block in coarser voxels\n")
    read = read_microstructure(image)
    print("| voxel, um | bone volume fraction | thickness, mm | separation, mm | refused |\n|---|---|---|---|---|")
    for step in (1, 2, 4, 8):
        size = [n // step * step for n in read.volume.grid.shape]
        array = read.volume.array[: size[0], : size[1], : size[2]]
        parts = array.reshape(size[0] // step, step, size[1] // step, step, size[2] // step, step)
        affine = np.array(read.volume.grid.affine)
        affine[:3, :3] *= step
        means = np.ascontiguousarray(parts.mean(axis=(1, 3, 5)), np.float32)
        i, j, k = means.shape
        grid = Grid((i, j, k), affine)
        volume = Volume(grid, means, "native")
        inside = Mask(grid, np.ones(grid.shape, np.bool_))
        threshold = choose_threshold(volume.within(inside), "native", 127.5)
        found = measure_resolved(volume, inside, "", threshold)
        cells = [
            f"{found.values[name].value:.4g}" if name in found.values else "refused"
            for name in ("bone_volume_fraction", "trabecular_thickness", "trabecular_separation")
        ]
        print(f"| {4.1 * step:.3g} | {' | '.join(cells)} | {', '.join(found.refused) or 'none'} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        one_object(folder / "morphometry-ipl-reference" / "tests" / "data", work)
        shrew(folder / "trab-shrew" / "Shrew.nrrd", work)
        coarser(folder / "trab-shrew" / "Shrew.nrrd")


if __name__ == "__main__":
    main()
