"""Areal bone density from density maps and from CT against the model's own mineral.

    .venv/bin/python benchmarks/projected_density.py --maps 101:113 --keep FOLDER             # density maps alone
    .venv/bin/python benchmarks/projected_density.py --kind toh --maps 101:109 --keep FOLDER
    .venv/bin/python benchmarks/projected_density.py --exams 101:105 --keep FOLDER            # CT, and maps beside it
    .venv/bin/python benchmarks/projected_density.py --people 101:131                         # truth by sex alone
    .venv/bin/python benchmarks/projected_density.py --keep FOLDER                             # all that is kept

Truth is the mineral that was painted, integrated along the rays of the densitometer's position; no image has a part in
it. Maps go through DICOM and ``read_exam``, CT also through the program's own search for the bones. The slope of CT is
the scanner's own: what the model's bone has above its yellow marrow, in mineral and in HU. ``usual`` is the same CT
without a declared slope. Report on seeds from 101 on only.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.anatomy.dxa_regions import TOTAL_HIP
from marrowmap.ingest import Exam
from marrowmap.ingest import read_exam
from marrowmap.measure.ct_density import CtCalibration
from marrowmap.measure.ct_density import measure_ct
from marrowmap.measure.ct_density import usual_calibration
from marrowmap.measure.projected_density import ArealHip
from marrowmap.measure.projected_density import areal_rows
from marrowmap.measure.projected_density import measure_map
from marrowmap.phantom import draw_exam
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.ct import HOUNSFIELD
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dxa_exam import femur_part
from marrowmap.phantom.dxa_exam import write_dxa
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.mineral import MINERAL_MG_PER_ML
from marrowmap.phantom.mineral import true_density
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side
from marrowmap.workflow.bones import locate_bones

DATE = "2026-01-05"
TARGET_PERCENT = 2.0
NHANES = {
    ("F", "femoral_neck"): (0.858, 0.120),
    ("F", TOTAL_HIP): (0.942, 0.122),
    ("M", "femoral_neck"): (0.934, 0.137),
    ("M", TOTAL_HIP): (1.041, 0.144),
}
"""Mean and SD at 20 to 29 years, white, Hologic (Looker 1998)."""


def declared_calibration() -> CtCalibration:
    """Return the virtual scanner's own slope, as a calibration phantom would give it, to 1 %."""
    slope = MINERAL_MG_PER_ML["cortical_bone"] / (HOUNSFIELD["cortical_bone"] - HOUNSFIELD["yellow_marrow"])
    return CtCalibration(slope, 0.01, usual_calibration().marrow_fat, "the scanner's own slope")


def compare(source: str, hips: Sequence[ArealHip], truth: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set measured rows beside the truth."""
    true = {(r["side"], r["region"], r["quantity"]): r["value"] for r in truth}
    found = []
    for row in areal_rows(hips):
        side, other = row.side.value, row.side.opposite.value
        if row.name == "bmd_side_difference":
            pair = [true.get((one, row.region, "bmd")) for one in (side, other)]
            value = None if None in pair else 100 * (pair[0] / pair[1] - 1)  # type: ignore[operator]
        else:
            value = true.get((side, row.region, row.name))
        if value is not None:
            q = row.quantity
            found.append({"source": source, "side": side, "region": row.region, "quantity": row.name, "true": value}
                         | {"value": q.value, "low": q.low, "high": q.high})  # fmt: skip
    return found


def of_scanner(folder: Path, truth: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Set what the virtual scanner prints beside the truth."""
    true = {(r["side"], r["region"]): r["value"] for r in truth if r["quantity"] == "bmd"}
    lines = (folder / "records.csv").read_text(encoding="utf-8").splitlines()
    names = lines[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in lines[1:]]
    return [
        {"source": "scanner's print", "side": r["side"], "region": r["region"], "quantity": "bmd"}
        | {"true": true[r["side"], r["region"]], "value": float(r["bmd"]), "low": None, "high": None}
        for r in rows
    ]


def measured_maps(exam: Exam) -> list[ArealHip]:
    """Measure all maps; say what was not."""
    hips = [measure_map(image) for image in exam.densities]
    for hip in hips:
        if hip.doubt:
            print(f"  {hip.side.value}: {hip.doubt}")
    return hips


def map_of(kind: str, seed: int) -> list[dict[str, Any]]:
    """Scan a person under the virtual densitometer alone, read the maps back and measure them."""
    person, lesions, acquisition = draw_exam(kind, seed)
    scene = build_scene(person, lesions, replace(acquisition, sides=(), metal_side=None), seed)
    uid = make_uid("projected density", kind, seed)
    study = StudyTags(f"VIRTUAL-{kind.upper()}-{seed}", uid, make_uid(uid, "frame"), DATE.replace("-", ""), person)
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        _, truth = write_dxa(folder / "DXA", folder / "dxa", scene, study, seed, DATE, None)
        exam = read_exam([folder / "DXA"])
        return compare("map", measured_maps(exam), truth) + of_scanner(folder / "dxa", truth)


def exam_of(kind: str, seed: int) -> list[dict[str, Any]]:
    """Write CT and maps of a person, find the bones in CT and measure both."""
    with tempfile.TemporaryDirectory() as work:
        folder = write_virtual_exam(kind, Path(work) / "exam", seed=seed, modalities=("ct", "dxa"))
        truth = [r for r in json.loads((folder / "truth.json").read_text())["measurements"] if r["modality"] == "DXA"]
        exam = read_exam([folder / "dicom"])
        found = compare("map", measured_maps(exam), truth) + of_scanner(folder / "dxa", truth)
        (ct,) = exam.series
        frames = [frame for frame in locate_bones([ct]) if frame.trusted]
        for name, calibration in (("CT", declared_calibration()), ("CT, usual slope", usual_calibration())):
            hips = []
            for side in Side:
                mine = {frame.bone: frame for frame in frames if frame.side is side}
                if "femur" in mine:
                    hips.append(measure_ct(mine["femur"], mine.get("hip_bone"), ct, calibration, DATE))
            found += compare(name, hips, truth)
        return found


def report_people(seeds: Sequence[int]) -> None:
    """Print the true density of well people by sex."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for seed in seeds:
        person, lesions, _ = draw_exam("normal", seed)
        density = true_density(person.hips[Side.LEFT], femur_part(person, lesions, Side.LEFT, seed))
        for region, found in density.items():
            values[person.sex, region].append(found.bmd)
    print("| sex | region | n | mean, g/cm2 | SD | NHANES III at 20-29, mean (SD) |\n|---|---|---|---|---|---|")
    for (sex, region), found in sorted(values.items()):
        there = NHANES.get((sex, region))
        words = f"{there[0]:.3f} ({there[1]:.3f})" if there else ""
        sd = np.std(found, ddof=1) if len(found) > 1 else float("nan")
        print(f"| {sex} | {region} | {len(found)} | {np.mean(found):.3f} | {sd:.3f} | {words} |")


def report(kept: Sequence[dict[str, Any]]) -> None:
    """Print bias, spread, coverage and side differences by kind, source and region."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in kept:
        groups[row["source"], row["affected"], row["region"], row["quantity"]].append(row)  # type: ignore[index]
    head = (
        "| source | hips | region | n | BMD: bias, % | SD, % | within 2 % | 95 % interval holds truth | area: bias, % |"
    )
    print(f"{head}\n|{'---|' * 9}")
    for key, rows in sorted(groups.items()):
        source, hips, region, quantity = key  # type: ignore[misc]
        if quantity != "bmd":
            continue
        error = np.array([100 * (r["value"] / r["true"] - 1) for r in rows])
        holds = [r["low"] <= r["true"] <= r["high"] for r in rows if r["low"] is not None]
        area = groups.get((source, hips, region, "area"), [])  # type: ignore[arg-type]
        wide = f"{np.mean([100 * (r['value'] / r['true'] - 1) for r in area]):+.1f}" if area else ""
        sd = f"{error.std(ddof=1):.1f}" if len(error) > 1 else ""
        print(
            f"| {source} | {hips} | {region} | {len(rows)} | {error.mean():+.1f} | {sd} | "
            f"{(np.abs(error) <= TARGET_PERCENT).sum()} of {len(rows)} | "
            f"{f'{sum(holds)} of {len(holds)}' if holds else ''} | {wide} |"
        )
    head = "| source | people | region | n | true: mean (range), % | error: bias, points | SD | interval holds truth |"
    print(f"\n{head}")
    print(f"|{'---|' * 8}")
    pairs: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in kept:
        # One row a person: the affected side over the other; of the well, left over right.
        chosen = row["affected"] == "affected" or (row["kind"] == "normal" and row["side"] == "left")
        if row["quantity"] == "bmd_side_difference" and chosen:
            pairs[row["source"], row["kind"], row["region"]].append(row)
    for (source, kind, region), rows in sorted(pairs.items()):
        true = np.array([r["true"] for r in rows])
        error = np.array([r["value"] for r in rows]) - true
        holds = [r["low"] <= r["true"] <= r["high"] for r in rows]
        sd = f"{error.std(ddof=1):.1f}" if len(error) > 1 else ""
        print(
            f"| {source} | {kind} | {region} | {len(rows)} | "
            f"{true.mean():+.1f} ({true.min():+.1f} to {true.max():+.1f}) | "
            f"{error.mean():+.1f} | {sd} | {sum(holds)} of {len(rows)} |"
        )


def main() -> None:
    """Run what is asked for, keep it, and print the tables of all that is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="normal")
    for name in ("maps", "exams", "people"):
        parser.add_argument(f"--{name}", default="", help="FIRST:END seeds")
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    ranges = {
        n: range(*map(int, getattr(options, n).split(":"))) for n in ("maps", "exams", "people") if getattr(options, n)
    }
    if "people" in ranges:
        report_people(ranges["people"])
    if options.keep is None:
        return
    options.keep.mkdir(parents=True, exist_ok=True)
    for name, run in (("exams", exam_of), ("maps", map_of)):
        for seed in ranges.get(name, ()):
            path = options.keep / f"{options.kind}_{seed}_{name}.json"
            if not path.exists():
                lesions = draw_exam(options.kind, seed)[1]
                rows = run(options.kind, seed)
                for row in rows:
                    sick = lesions[Side(row["side"])] != WELL
                    row |= {"kind": options.kind, "seed": seed, "affected": "affected" if sick else "well"}
                path.write_text(json.dumps(rows))
                print(path.name, flush=True)
    kept: list[dict[str, Any]] = []
    for path in sorted(options.keep.glob("*.json")):
        # Of a person with CT the maps are kept with it: none counts twice.
        if not path.name.endswith("_maps.json") or not path.with_name(path.name.replace("_maps", "_exams")).exists():
            kept += json.loads(path.read_text())
    if kept:
        report(kept)


if __name__ == "__main__":
    main()
