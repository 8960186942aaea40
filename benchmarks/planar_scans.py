"""Planar bone scans of virtual patients: hips found, side ratios, their intervals, the end of uptake.

    python benchmarks/planar_scans.py [--seeds 101-124] [--real FOLDER]

Seeds 1 to 40 are for tuning, from 101 on nothing was tuned. A seed takes about two minutes on one core: the body is
laid out on 2.4 mm, finer than a gamma camera resolves. With --real the whole-body files of a folder are tried as well;
they do not name their view and are taken as anterior for this table only, which `analyze` never does.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from marrowmap.anatomy.planar_hips import find_planar_hips
from marrowmap.errors import MarrowmapError
from marrowmap.image import Plane
from marrowmap.image import View
from marrowmap.ingest import read_exam
from marrowmap.ingest.scan import Planar
from marrowmap.measure.planar import measure_planar
from marrowmap.measure.planar import planar_rows
from marrowmap.measure.planar_counts import count_region
from marrowmap.measure.planar_counts import region_shares
from marrowmap.measure.planar_counts import side_ratio
from marrowmap.measure.planar_images import PhaseImage
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.planar_exam import emit
from marrowmap.phantom.planar_exam import write_planar_files
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side

BODY_MM = 2.4
KINDS = (
    *("toh", "normal", "onfh", "toh", "toh", "onfh", "toh", "normal", "toh", "osteoarthritis", "toh", "onfh"),
    *("toh", "normal", "toh", "onfh", "toh", "stress_fracture", "toh", "toh", "toh", "onfh", "toh", "toh"),
)
"""What the persons of seeds 101, 102 … have."""
RATIOS = ("flow_ratio", "pool_ratio", "delayed_ratio")


def measure_virtual(kind: str, seed: int) -> tuple[dict, dict]:
    """Return measured quantities and truths by (quantity, side), ratios of the head and the end of uptake."""
    person, lesions, acquisition = draw_exam(kind, seed)
    scene = build_scene(person, lesions, replace(acquisition, sides=()), seed, coarse_mm=BODY_MM)
    scan = emit(scene, seed)
    truth = {
        (row["quantity"], Side(row["side"])): row["value"]
        for row in scan_measurements(person, scan.activity, scan.how, scan.planar, "", {})
        if "planar:" in row["method"] or row["quantity"] == "uptake_boundary_position"
    }
    with tempfile.TemporaryDirectory() as folder:
        study = StudyTags(f"{kind}-{seed}", make_uid(kind, seed), make_uid(kind, seed, "frame"), "20260105", person)
        write_planar_files(Path(folder) / "nm", scan, study, seed)
        exam = read_exam([Path(folder)])
        found = measure_planar(exam.scans, date=exam.date)
    measured = {}
    for row in planar_rows(found):
        if row.region in ("femoral_head", "proximal_femur") and "peak" not in row.method and "rise" not in row.method:
            measured[row.name, row.side] = row.quantity
    return measured, truth


def tell(name: str, pairs: list, *, ratio: bool) -> None:
    """Print bias, spread and coverage."""
    if not pairs:
        print(f"{name}: none")
        return
    errors = np.array([np.log(q.value / t) if ratio else q.value - t for q, t in pairs])
    covered = np.mean([q.low <= t <= q.high for q, t in pairs])
    unit = "%" if ratio else "mm"
    errors = 100 * errors if ratio else errors
    print(
        f"{name}: n {len(pairs)}, bias {errors.mean():+.1f} {unit}, SD {errors.std():.1f} {unit}, "
        f"mean absolute {np.abs(errors).mean():.1f} {unit}, largest {np.abs(errors).max():.1f} {unit}, "
        f"95 % interval holds truth {100 * covered:.0f} %"
    )


def try_real(folder: Path) -> None:
    """Look for hips in real whole-body files."""
    for path in sorted(folder.glob("*.dcm")):
        try:
            scan = next(one for one in read_exam([path]).scans if isinstance(one, Planar))
            plane = scan.views[0]
            grid = replace(plane.grid, view=View.ANTERIOR, axes=np.array([[1.0, 0, 0], [0, 0, -1.0]]))
            front = Plane(grid, plane.array)
            hips = find_planar_hips([front], scan.source.uid)
        except MarrowmapError as error:
            print(f"{path.name}: {error}")
            continue
        if hips is None or hips.doubt:
            print(f"{path.name}: not found: {hips.doubt if hips else 'nothing like two hips'}")
            continue
        image = PhaseImage(scan.source.phase, scan.source, (front,))
        counts = {}
        for side in Side:
            share = region_shares(hips.femur(side), grid, np.zeros(2))["femoral_head"]
            counts[side] = count_region(image, share, side, hips.head_error_mm(side))
        ratio = side_ratio(counts[Side.LEFT], counts[Side.RIGHT])
        print(
            f"{path.name}: both hips, {100 * hips.fit.explained:.0f} % explained; head on the image's right over its "
            f"left {ratio.value:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"
        )


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="101-124")
    parser.add_argument("--real", type=Path)
    asked = parser.parse_args()
    if asked.real:
        try_real(asked.real)
    first, last = (int(n) for n in asked.seeds.split("-"))
    pairs: dict[str, list] = {name: [] for name in (*RATIOS, "uptake_boundary_position")}
    lost = 0
    for seed in range(first, last + 1):
        kind = KINDS[(seed - 101) % len(KINDS)]
        try:
            measured, truth = measure_virtual(kind, seed)
        except MarrowmapError as error:
            lost += 1
            print(f"{kind} {seed}: {error}")
            continue
        for (name, side), quantity in measured.items():
            # One ratio a person: the other side's is its inverse.
            if (name, side) in truth and (name not in RATIOS or side is Side.LEFT):
                pairs[name].append((quantity, truth[name, side]))
        print(f"{kind} {seed}: measured", flush=True)
    print(f"hips not found or not trusted: {lost} of {last - first + 1}")
    for name, found in pairs.items():
        tell(name, found, ratio=name in RATIOS)


if __name__ == "__main__":
    main()
