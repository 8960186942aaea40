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
from numpy.typing import NDArray
from scipy.stats import beta

from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.measure import uptake_boundary
from marrowmap.measure.boundary import WIDTH_PER_SD
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.spect import REGIONS
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
SIGNS = (homogeneous_uptake, uptake_demarcation)
RAISED_FROM = 1.4
"""Side ratio from which a hip is tabled as raised."""
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


def measure_hips(found: dict[str, Any]) -> tuple[SpectHip, ...]:
    """Measure both hips of one scan."""
    rng = np.random.default_rng([found["seed"], 730])
    frames = [fitted(hip, side, bone, rng) for side, hip in found["hips"].items() for bone in ("femur", "hip_bone")]
    source = SpectSource(Evidence("1.2"), 1.0, "drawn", "virtual")
    return measure_spect(frames, found["suv"], source, date="", frame_error_mm=SHIFT_MM)


def measure(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Measure both hips of one scan; one row a hip."""
    begin = time.perf_counter()
    hips = measure_hips(found)
    rows = spect_rows(hips)
    seconds = time.perf_counter() - begin
    return [_row(found, hip, rows, seconds) for hip in hips]


def _row(found: dict[str, Any], hip: SpectHip, rows: Sequence[Measurement], seconds: float) -> dict[str, Any]:
    side = hip.side.value
    true = {(r["region"], r["quantity"]): r["value"] for r in found["measurements"] if r["side"] == side}
    states = {r["sign"]: r["state"] for r in found["findings"] if r["side"] == side}
    measured = {(m.region, m.name): m.quantity for m in rows if m.side is hip.side}
    judged = HipMeasurement(hip.side, "", None, None, spect=hip)
    return {
        "kind": found["kind"],
        "seed": found["seed"],
        # The hip of a person that takes up more; ratios count once a person, hotter over cooler, else biases cancel.
        "hotter": true["femoral_neck", "delayed_ratio"] > 1,
        "raised": max(true["femoral_neck", "delayed_ratio"], true["femoral_head", "delayed_ratio"]) > RAISED_FROM,
        "pairs": {key: (q.value, q.low, q.high, true[key]) for key, q in measured.items() if key in true},
        "signs": {sign.NAME: (states[sign.NAME], sign.assess(judged).state.value) for sign in SIGNS},
        "noise": {name: region.noise for name, region in (hip.regions or {}).items()},
        "mean": {name: region.mean for name, region in (hip.regions or {}).items()},
        "volumes": {name: region.volume_ml for name, region in (hip.regions or {}).items()},
        "resolution": hip.resolution_mm,
        "edge_blur": 0.0 if hip.boundary is None else WIDTH_PER_SD * hip.boundary.slice_blur_mm,
        "seconds": seconds,
    }


def exact(count: int, total: int) -> str:
    """Return a share in percent with its exact 95 % interval (Clopper and Pearson 1934)."""
    if not total:
        return "none"
    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, total - count + 1))
    high = 1.0 if count == total else float(beta.ppf(0.975, count + 1, total - count))
    return f"{count} of {total}: {100 * count / total:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def counted(hips: list[dict[str, Any]], key: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the hips whose quantity counts: one ratio a person; an end of uptake where uptake ends by truth."""
    if key[1] == "delayed_ratio":
        hips = [hip for hip in hips if hip["hotter"]]
    if "boundary" in key[1]:
        hips = [hip for hip in hips if hip["signs"]["uptake_demarcation"][0] == "present"]
    return [hip for hip in hips if key in hip["pairs"]]


def errors_of(hips: list[dict[str, Any]], key: tuple[str, str]) -> tuple[NDArray[np.float64], str]:
    """Return errors: mm of an end of uptake, percent of the region's mean of an extreme, else percent of truth."""
    value, _, _, true = np.array([hip["pairs"][key] for hip in hips], float).T
    if "boundary" in key[1]:
        return value - true, "mm"
    if key[1] in ("suv_min", "suv_max"):
        return 100 * (value - true) / np.array([hip["pairs"][key[0], "suv_mean"][3] for hip in hips]), "% of the mean"
    return 100 * (value / true - 1), "%"


def print_numbers(hips: list[dict[str, Any]]) -> None:
    """Print bias, spread and coverage of every quantity that truth has."""
    print("| region | quantity | n | bias (95 % interval) | spread (SD) | median off | in the 95 % interval |")
    print("|---|---|---|---|---|---|---|")
    pooled: dict[str, list[bool]] = {}
    for key in dict.fromkeys(key for hip in hips for key in hip["pairs"]):
        mine = counted(hips, key)
        if not mine or "cold" in key[1]:
            continue
        error, unit = errors_of(mine, key)
        _, low, high, true = np.array([hip["pairs"][key] for hip in mine], float).T
        held = (low <= true) & (true <= high)
        pooled.setdefault(key[1], []).extend(held.tolist())
        reach = 1.96 * error.std(ddof=1) / np.sqrt(len(error)) if len(error) > 1 else np.nan
        print(
            f"| {key[0]} | {key[1]} | {len(true)} | {error.mean():+.1f} ({error.mean() - reach:+.1f} to "
            f"{error.mean() + reach:+.1f}) {unit} | {error.std():.1f} | {np.median(np.abs(error)):.1f} | "
            f"{exact(int(held.sum()), len(held))} |"
        )
    print("\n| all regions | in the 95 % interval |\n|---|---|")
    for name, held_all in pooled.items():
        print(f"| {name} | {exact(sum(held_all), len(held_all))} |")


def print_means(hips: list[dict[str, Any]]) -> None:
    """Print errors of means and ratios, of hips that are raised and of the rest: blur weighs on them unlike."""
    print("\n| region | quantity | hips | n | bias | spread (SD) |\n|---|---|---|---|---|---|")
    for key in (
        *((region, "suv_mean") for region in REGIONS[:2]),
        *((region, "delayed_ratio") for region in REGIONS),
    ):
        for raised, words in ((True, f"over {RAISED_FROM:g} times the other"), (False, "the rest")):
            mine = [hip for hip in counted(hips, key) if hip["raised"] is raised]
            if mine:
                error, _ = errors_of(mine, key)
                print(f"| {key[0]} | {key[1]} | {words} | {len(mine)} | {error.mean():+.1f} % | {error.std():.1f} % |")


def print_signs(hips: list[dict[str, Any]]) -> None:
    """Print what was said of each sign against the truth."""
    print("\n| sign | truth | " + " | ".join(STATES) + " |\n|---|---|---|---|---|---|")
    called = {}
    for sign in SIGNS:
        for truth in ("present", "absent"):
            said = [hip["signs"][sign.NAME][1] for hip in hips if hip["signs"][sign.NAME][0] == truth]
            called[sign.NAME, truth] = (said.count(truth), len(said))
            print(f"| {sign.NAME} | {truth} | " + " | ".join(str(said.count(state)) for state in STATES) + " |")
    print("\nWhat is left open counts as missed.\n\n| sign | sensitivity | specificity |\n|---|---|---|")
    for sign in SIGNS:
        print(f"| {sign.NAME} | {exact(*called[sign.NAME, 'present'])} | {exact(*called[sign.NAME, 'absent'])} |")


def needed(error: Sequence[float], known: Sequence[float]) -> float:
    """Return the standard deviation to add to known ones so that 95 of 100 errors lie within 1.96 of both together."""
    return float(np.percentile(np.sqrt(np.maximum((np.asarray(error) / 1.96) ** 2 - np.square(known), 0)), 95))


def print_tuning(hips: list[dict[str, Any]], other: dict[tuple[int, bool], dict[str, Any]]) -> None:
    """Print the spreads that become constants of measure/spect.py, spect_rows.py and uptake_boundary.py."""
    print("\n| constant | value on these seeds |\n|---|---|")

    def logs(key: tuple[str, str]) -> tuple[list[dict[str, Any]], NDArray[np.float64]]:
        mine = counted(hips, key)
        value, _, _, true = np.array([hip["pairs"][key] for hip in mine], float).T
        return mine, np.log(value / true)

    for name in REGIONS[:2]:
        mine, error = logs((name, "suv_mean"))
        print(f"| MODEL_SD {name} | {needed(error, [hip['noise'][name] for hip in mine]):.3f} |")
    for name in REGIONS:
        mine, error = logs((name, "delayed_ratio"))
        noise = [np.hypot(hip["noise"][name], other[hip["seed"], False]["noise"][name]) for hip in mine]
        print(f"| RATIO_SD {name} | {needed(error, noise):.3f} |")
    for name in REGIONS[:2]:
        for which in ("suv_min", "suv_max"):
            pairs = [(hip["pairs"][name, which], hip["mean"][name]) for hip in hips]
            off = [(pair[3] - pair[0]) / mean for pair, mean in pairs]
            print(f"| EXTREME_SD {name} {which} | {needed(off, np.zeros(len(off))):.3f} |")
    key = ("proximal_femur", "uptake_boundary_width")
    mine = counted(hips, key)
    if mine:
        value, _, _, true = np.array([hip["pairs"][key] for hip in mine], float).T
        blur = np.array([hip["edge_blur"] for hip in mine])
        off = (np.hypot(value, blur) - np.hypot(true, blur)) / blur
        print(f"| WIDTH_SHARE ({len(mine)} ends) | {needed(off, 0 * off):.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:125")
    parser.add_argument("--tune", action="store_true", help="print the spreads that become constants")
    parser.add_argument("--ready", action="store_true", help="leave out seeds that are not kept yet")
    parser.add_argument("--keep", type=Path, help="folder of scans made before, and to be kept")
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    if options.tune:
        # The fit's own widths, none held at the least that can be told.
        uptake_boundary.WIDTH_SHARE = 0.0
    hips = []
    for seed in range(first, last):
        kept = None if options.keep is None else options.keep / f"{seed}.pkl"
        if options.ready and (kept is None or not kept.exists()):
            continue
        if kept is not None and kept.exists():
            found = pickle.loads(kept.read_bytes())  # our own file
        else:
            found = scan(seed)
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(pickle.dumps(found))
        hips += measure(found)
    if options.tune:
        print_tuning(hips, {(hip["seed"], hip["hotter"]): hip for hip in hips})
        print_means(hips)
        return
    print_numbers(hips)
    print_means(hips)
    print_signs(hips)
    print(f"\n{np.mean([hip['seconds'] for hip in hips]):.1f} s a person; resolution "
          f"{2.3548 * np.mean([hip['resolution'] for hip in hips]):.1f} mm FWHM; {len(hips)} hips")  # fmt: skip


if __name__ == "__main__":
    main()
