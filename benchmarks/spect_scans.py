"""Uptake of virtual hips in SPECT/CT against what was drawn.

    .venv/bin/python benchmarks/spect_scans.py --seeds 101:125 --keep FOLDER

Virtual people only, at clinical counts (activity, delay, views and times drawn within the guideline), reconstructed
with 4 x 10 OSEM and a Gaussian of 7 mm. The body is a coarse one (2.7 mm, an ellipse of muscle with organs and
vessels), and the bones' frames are the true ones with an error like a fit's in a low-dose CT: moved by 0.6 mm (standard
deviation along each axis), 0.8 % too large or too small. Limits and error sizes were set on seeds 1 to 40. `--keep`
stores the scans, so that measuring again takes seconds and not hours.
"""

from __future__ import annotations

import argparse
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import SpectHip
from marrowmap.measure.spect import SpectSource
from marrowmap.measure.spect import measure_spect
from marrowmap.measure.spect_rows import spect_rows
from marrowmap.phantom import draw_exam
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import coordinates
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.soft_tissue import organ_layers
from marrowmap.phantom.soft_tissue import vessel_layers
from marrowmap.phantom.spect_exam import acquire
from marrowmap.phantom.spect_exam import lay_out_activity
from marrowmap.phantom.spect_exam import reconstruct_suv
from marrowmap.signs import cold_area
from marrowmap.signs import homogeneous_uptake
from marrowmap.signs import uptake_demarcation
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Side

KINDS = ("toh", "onfh", "normal", "onfh")
"""Taken in turn by seed."""
VOXEL_MM = 2.7
SHIFT_MM, SCALE = 0.6, 0.008
SIGNS = (homogeneous_uptake, uptake_demarcation, cold_area)
STATES = ("present", "undetermined", "absent", "not_assessable")


def body(person: Person, lesions: dict[Side, Lesion]) -> Scene:
    """Lay out bones, organs and vessels in an ellipse of muscle."""
    low, high = (person.origin + np.array(corner) for corner in ((-200.0, -130.0, -150.0), (200.0, 130.0, 110.0)))
    grid = make_grid(low, high, VOXEL_MM)
    x, y, _ = (a - np.float32(o) for a, o in zip(coordinates(grid), person.origin, strict=True))
    away = (np.hypot(x / person.half_width_mm, y / person.half_depth_mm) - 1) * person.half_depth_mm
    muscle = np.broadcast_to(occupancy(away, VOXEL_MM), grid.shape)
    found = bone_layers(person, lesions, grid, np.random.default_rng(1), sides=(Side.LEFT, Side.RIGHT))
    layers = [Layer("muscle", tuple(slice(0, n) for n in grid.shape), muscle)]
    layers += organ_layers(person, grid, np.random.default_rng(9)) + vessel_layers(person, grid) + found.layers
    return Scene(person, lesions, Part(grid, layers, found.truths), {})


def scan(seed: int) -> dict[str, Any]:
    """Scan one person and compute the truth."""
    kind = KINDS[seed % len(KINDS)]
    person, lesions, _ = draw_exam(kind, seed)
    activity = lay_out_activity(body(person, lesions), seed)
    how = sample_bone_scan(person, np.random.default_rng([seed, 500]))
    acquired = acquire(person, activity, how, np.random.default_rng([seed, 510]))
    return {
        "kind": kind,
        "seed": seed,
        "hips": person.hips,
        "counts": int(acquired.photopeak.sum()),
        "suv": reconstruct_suv(acquired, activity, how),
        "measurements": scan_measurements(person, activity, how, {}, "", {}),
        "findings": scan_findings(person, activity, "", {}),
    }


def fitted(hip: Hip, side: Side, bone: str, rng: np.random.Generator) -> BoneFrame:
    """Return the true frame with an error like a fit's."""
    shift, scale = rng.normal(0, SHIFT_MM, 3), 1 + rng.normal(0, SCALE)
    center = hip.center + shift
    surface, faces = (hip.femur, hip.femur_faces) if bone == "femur" else (hip.hip_bone, hip.hip_bone_faces)
    marks = {name: point + shift for name, point in hip.landmarks.items()}
    return BoneFrame(
        bone, Joint.HIP, side, "1.2", "", center, hip.radius * scale, hip.axes, marks,
        center + (surface - hip.center) * scale, faces, 0.6, True, "drawn, with a fit's error",
    )  # fmt: skip


def measure(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure both hips of one scan; one row a hip."""
    rng = np.random.default_rng([found["seed"], 730])
    frames = [fitted(hip, side, bone, rng) for side, hip in found["hips"].items() for bone in ("femur", "hip_bone")]
    source = SpectSource(Evidence("1.2"), 1.0, "drawn", "virtual")
    begin = time.perf_counter()
    hips = measure_spect(frames, found["suv"], source, date="", frame_error_mm=1.0)
    rows = spect_rows(hips)
    seconds = time.perf_counter() - begin
    return [_row(found, hip, rows, seconds) for hip in hips]


def _row(found: dict[str, Any], hip: SpectHip, rows: Sequence[Measurement], seconds: float) -> dict[str, Any]:
    side = hip.side.value
    true = {(r["region"], r["quantity"]): r["value"] for r in found["measurements"] if r["side"] == side}
    states = {r["sign"]: r["state"] for r in found["findings"] if r["side"] == side}
    measured = {(m.region, m.name): m.quantity for m in rows if m.side is hip.side}
    judged = HipMeasurement(hip.side, "", None, None, spect=hip)
    assert hip.cold is not None
    return {
        "kind": found["kind"],
        "counts": found["counts"],
        "pairs": {key: (q.value, q.low, q.high, true[key]) for key, q in measured.items() if key in true},
        "signs": {sign.NAME: (states[sign.NAME], sign.assess(judged).state.value) for sign in SIGNS},
        "volumes": {name: region.volume_ml for name, region in (hip.regions or {}).items()},
        "cold": (true["femoral_head", "cold_area_volume"], hip.cold.volume.value, hip.cold.strength),
        "contrast": (true.get(("femoral_head", "cold_area_contrast")), hip.cold.contrast.value),
        "smallest": hip.cold.smallest_mm,
        "resolution": hip.resolution_mm,
        "seconds": seconds,
    }


def print_numbers(hips: list[dict[str, Any]]) -> None:
    """Print bias, spread and coverage of every quantity that truth has."""
    print("| region | quantity | n | bias | spread (SD) | median off | in the 95 % interval |")
    print("|---|---|---|---|---|---|---|")
    for key in dict.fromkeys(key for hip in hips for key in hip["pairs"]):
        # An end of uptake means something where uptake ends by truth.
        mine = [hip for hip in hips if "boundary" not in key[1] or hip["signs"]["uptake_demarcation"][0] == "present"]
        pairs = np.array([hip["pairs"][key] for hip in mine if key in hip["pairs"]], float)
        if not len(pairs):
            continue
        value, low, high, true = pairs.T
        held = f"{int(((low <= true) & (true <= high)).sum())} of {len(true)}"
        in_mm, in_ml = "boundary" in key[1], key[1] == "cold_area_volume"
        error = value - true if in_mm or in_ml else 100 * (value / np.maximum(true, 1e-9) - 1)
        unit = "mm" if in_mm else "mL" if in_ml else "%"
        name = f"| {key[0]} | {key[1]} | {len(true)} "
        middle = np.median(np.abs(error))
        print(f"{name}| {error.mean():+.1f} {unit} | {error.std():.1f} {unit} | {middle:.1f} {unit} | {held} |")


def print_signs(hips: list[dict[str, Any]]) -> None:
    """Print what was said of each sign against the truth, then cold areas by size and each hip's stated limit."""
    print("\n| sign | truth | " + " | ".join(STATES) + " |\n|---|---|---|---|---|---|")
    for sign in SIGNS:
        for truth in ("present", "absent"):
            said = [hip["signs"][sign.NAME][1] for hip in hips if hip["signs"][sign.NAME][0] == truth]
            print(f"| {sign.NAME} | {truth} | " + " | ".join(str(said.count(state)) for state in STATES) + " |")
    print(
        "\n| true cold area, mL | hips | present | undetermined | absent | not assessable |\n|---|---|---|---|---|---|"
    )
    for low, high in ((1, 4), (4, 8), (8, 100)):
        said = [hip["signs"]["cold_area"][1] for hip in hips if low <= hip["cold"][0] < high]
        print(f"| {low} to {high} | {len(said)} | " + " | ".join(str(said.count(state)) for state in STATES) + " |")
    limits = [hip["smallest"] for hip in hips if hip["smallest"] is not None]
    print(f"\nstated limit at 70 % contrast: median {np.median(limits) if limits else 0:.0f} mm; none in "
          f"{len(hips) - len(limits)} of {len(hips)} hips")  # fmt: skip
    above = [
        hip["signs"]["cold_area"][1] == "present"
        for hip in hips
        if hip["smallest"] is not None
        and (hip["contrast"][0] or 0) >= 0.65
        and 2 * (hip["cold"][0] * 750 / np.pi) ** (1 / 3) >= hip["smallest"]
    ]
    print(f"cold areas at least as large as that hip's limit: {sum(above)} of {len(above)} called present")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:125")
    parser.add_argument("--keep", type=Path, help="folder of scans made before, and to be kept")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    hips = []
    for seed in range(first, last):
        kept = None if options.keep is None else options.keep / f"{seed}.pkl"
        if kept is not None and kept.exists():
            found = pickle.loads(kept.read_bytes())  # our own file
        else:
            found = scan(seed)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(pickle.dumps(found))
        hips += measure(found)
    print_numbers(hips)
    print_signs(hips)
    print(f"\n{np.mean([hip['seconds'] for hip in hips]):.1f} s a person; resolution "
          f"{2.3548 * np.mean([hip['resolution'] for hip in hips]):.1f} mm FWHM")  # fmt: skip


if __name__ == "__main__":
    main()
