"""Hips found in virtual radiographs: where their heads lie, how wide the joint space is, how round the outline.

    .venv/bin/python benchmarks/radiograph_hips.py [--seeds 101:113]

Each seed draws a person (by turns well, with transient osteoporosis, osteonecrosis, a worn hip), how they lie, tube,
detector and file. The file is read as any other. Truth comes from the body and the rays that made the film: heads
projected by the cone, joint space in space (see `phantom/joint_space.py`; a film shows its projection). Magnification
is taken as known, as where a ball of known size lay beside the hip: most files tell none to be trusted, and then no
length is told at all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from pathlib import Path

import numpy as np

from marrowmap.errors import InputError
from marrowmap.ingest import read_exam
from marrowmap.measure.radiograph import RadiographExam
from marrowmap.measure.radiograph import measure_radiograph
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.dx_truth import read_cone
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Side

KINDS = ("normal", "toh", "onfh", "osteoarthritis")


def _place(measured: RadiographExam, truth: dict, frame: dict) -> tuple[np.ndarray, float]:
    """Return where a head is and how large, mm in the plane of the hips as the measurement takes it."""
    film, image = measured.film, measured.bones.image
    pixel = project_cone(read_cone(truth["geometry"]), np.array(frame["head_center_mm"]))
    shape = np.array(film.plane.array.shape)
    if film.plane.grid.mirrored:
        pixel[0] = shape[0] - 1 - pixel[0]
    away = (pixel - (shape - 1) / 2) * np.asarray(image.pixel_mm)
    shown = frame["head_radius_mm"] * truth["hips"][frame["side"]]["magnification"]
    return away * (1, -1), shown * image.pixel_mm[0] / film.plane.grid.spacing_mm[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="101:113")
    first, last = (int(n) for n in parser.parse_args().seeds.split(":"))
    print("| seed | person | values | hip | center off, mm | radius off, mm | joint space, mm (truth) |", end="")
    print(" narrowest (truth) | depression (truth) | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    off, space, least, held = [], [], [], []
    refused = 0
    for seed in range(first, last):
        kind = KINDS[seed % len(KINDS)]
        with tempfile.TemporaryDirectory() as folder:
            truth = _truth(write_virtual_exam(kind, Path(folder) / "exam", seed=seed, modalities=("dx",)))
            film = read_exam([Path(folder) / "exam" / "dicom"]).radiographs[0]
        grown = float(np.mean([hip["magnification"] for hip in truth["radiograph"]["hips"].values()]))
        film = dataclasses.replace(film, magnification=grown, length_doubt="")
        start = time.process_time()
        try:
            measured = measure_radiograph(film, date="")
        except InputError as error:
            refused += 1
            print(f"| {seed} | {kind} | {film.intensity.value} | both | refused: {error} | | | | | |", flush=True)
            continue
        seconds = time.process_time() - start
        for frame in truth["radiograph"]["frames"]:
            side = Side(frame["side"])
            hip = measured.hips[side]
            if hip.circle is None:
                continue
            center, radius = _place(measured, truth["radiograph"], frame)
            away = float(np.hypot(*(np.array(hip.circle.center_mm) - center)))
            off.append(away)
            rows = {
                (row["quantity"], row["region"]): row["value"]
                for row in truth["measurements"]
                if row["side"] == side.value and row["modality"] == "DX"
            }
            cells = []
            for name, region, found, kept in (
                ("joint_space_width", "weight_bearing", hip.joint_space, space),
                ("joint_space_width", "hip_joint", hip.least_space, least),
                ("head_depression", "femoral_head", hip.depression, []),
            ):
                true = rows.get((name, region))
                if found is not None and true is not None:
                    kept.append(found.value - true)
                    if name == "joint_space_width":
                        held.append(found.low <= true <= found.high)
                told = "–" if found is None else f"{found.value:.2f}"
                cells.append(f"{told} ({'none' if true is None else f'{true:.2f}'})")
            grown = hip.circle.radius_mm - radius
            print(f"| {seed} | {kind} | {film.intensity.value} | {side.value} | {away:.2f} | {grown:+.2f} |", end="")
            print(f" {' | '.join(cells)} | {seconds:.0f} |", flush=True)
    print(f"\nfilms refused: {refused}; heads {len(off)}: center off {np.median(off):.2f} mm (median), ", end="")
    print(f"{np.percentile(off, 95):.1f} (95th percentile), {np.max(off):.1f} at most")
    for name, errors in (("joint space, mean", space), ("narrowest", least)):
        if errors:
            print(f"{name}: {np.mean(errors):+.2f} mm (SD {np.std(errors):.2f}) in {len(errors)}")
    print(f"intervals of joint space that hold: {sum(held)} of {len(held)}")


def _truth(folder: Path) -> dict:
    return dict(json.loads((folder / "truth.json").read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
