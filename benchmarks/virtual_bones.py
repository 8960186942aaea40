"""How well the bones of virtual hips are found (issue "Bone found in any contrast", figures 1, 2 and 6).

    .venv/bin/python benchmarks/virtual_bones.py --seeds 101:161 --workers 2 --keep build/virtual_bones

Virtual people only: this says nothing about real ones. Seeds 101 to 200 are for reporting and were not used in
development. Kinds, contrasts and conditions are taken in turn by seed; ``--contrast`` measures every exam in all the
contrasts it names instead. Exams and results are kept, one line for each exam and contrast, so that an interrupted run
goes on where it stopped; give another ``--results`` to measure the same exams again.

Test anatomies are drawn with all 26 modes of the shape model and the phantom's poses, left and right a little unlike;
the networks were trained on shapes without modes 4, 9, 14, 19 and 24 (counted from 0), in poses of their own and on
pictures painted by other code.
The fit itself uses that same shape model with all its modes: people whose bones it cannot form are not tested here.

Truth is the mesh of the femur as the phantom posed it, made again from kind and seed (the mesh its pictures were
painted from), with the phantom's own landmarks and regions; nothing comes from the analysis. Dice is that of the voxels
of the exam's own grid whose centers lie within the found and the true mesh, and, for a region, within the region of
that name: ``marrowmap.anatomy.region_labels`` of the found frame against ``marrowmap.phantom.truth.region_masks``. The
surface distance is the mean distance of points spread evenly over one mesh from the triangles of the other, both ways,
of all points inside the view. A hip in view (at least half of its head) that was not found counts as Dice 0 and as
infinitely far.

Full edema fills head, neck and what lies above the plane (amount 0.8, no medial sparing); the well half of its pair is
the same person in the same scan with the same noise, without it. Heads with osteonecrosis are shown before they
collapse, without depression or crescent: the mesh is that of the whole head.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from marrowmap.anatomy import BoneFrame
from marrowmap.anatomy import find_hips
from marrowmap.anatomy import region_labels
from marrowmap.errors import MarrowmapError
from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import read_exam
from marrowmap.phantom import Acquisition
from marrowmap.phantom import Contrast
from marrowmap.phantom import Orientation
from marrowmap.phantom import draw_exam
from marrowmap.phantom import write_virtual_exam
from marrowmap.phantom.exam import write_scan
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.truth import region_masks
from marrowmap.values import Side

KINDS = (("normal", "toh"), ("onfh",), ("red_marrow",))
"""Taken in turn by seed; normal and full edema are two exams of one person."""
SERIES = {"T1": Contrast.T1, "STIR": Contrast.STIR, "PD-FS": Contrast.PD_FAT_SATURATED}
CONTRASTS = {"T1": ("T1",), "STIR": ("STIR",), "PD-FS": ("PD-FS",), "pair": ("T1", "STIR")}
"""What is given to the analysis."""
CONDITIONS = ("cut", "one hip", "6 mm", "implant")
"""Of figure 2, taken in turn by seed."""
SHOWN_OF_HEAD = 0.6

FULL_EDEMA_AMOUNT = 0.8
WEEKS_AT_HEIGHT = 6.0
WRONG_MM = 5.0
"""A trusted hip whose head center is further off than this is wrong."""

TARGETS = {
    "femur Dice, median": (">=", 0.95),
    "mean surface distance, median mm": ("<=", 0.7),
    "head center error, median mm": ("<=", 1.0),
    "head center error, 95th percentile mm": ("<=", 2.5),
    "head Dice, median": (">=", 0.93),
    "neck Dice, median": (">=", 0.88),
    "intertrochanteric Dice, median": (">=", 0.88),
    "paired drop of femur Dice, normal to full edema, median": ("<=", 0.01),
    "sides right, %": (">=", 100.0),
}
MOST_SECONDS = 10.0
MOST_GB = 2.0


@dataclass(frozen=True)
class Case:
    """One exam to make and measure.

    Parameters
    ----------
    figure : int
        1 or 2.
    seed : int
    kind : str
    condition : str
        ``usual``, or one of the conditions of figure 2.
    contrasts : tuple of str
        Which of :data:`CONTRASTS` are measured.
    """

    figure: int
    seed: int
    kind: str
    condition: str
    contrasts: tuple[str, ...]

    @property
    def series(self) -> list[str]:
        """Names of the series that are scanned."""
        return [name for name in SERIES if any(name in CONTRASTS[contrast] for contrast in self.contrasts)]

    @property
    def name(self) -> str:
        """Name of its folder."""
        parts = (f"{self.seed:04d}", str(self.figure), self.kind, self.condition, *self.series)
        return "_".join(parts).replace(" ", "_")

    def key(self, contrast: str) -> tuple[int, int, str, str, str]:
        """Return what a result is kept under."""
        return (self.figure, self.seed, self.kind, self.condition, contrast)

    @property
    def side(self) -> Side:
        """The affected hip, or the one that a small view shows."""
        return Side.LEFT if np.random.default_rng([self.seed, 400]).random() < 0.5 else Side.RIGHT


def cases_of(seed: int, figure: int, contrasts: tuple[str, ...]) -> list[Case]:
    """Return the exams of a seed; without given contrasts these, too, are taken in turn."""
    names = tuple(CONTRASTS)
    if figure == 1:
        mine = contrasts or (names[seed // len(KINDS) % len(names)],)
        return [Case(1, seed, kind, "usual", mine) for kind in KINDS[seed % len(KINDS)]]
    turn = seed // len(CONDITIONS)
    kinds = [kind for group in KINDS for kind in group]
    mine = contrasts or (names[turn % len(names)],)
    # Over seeds, conditions, contrasts and kinds meet in every combination.
    kind = kinds[(turn + turn // len(names)) % len(kinds)]
    return [Case(2, seed, kind, CONDITIONS[seed % len(CONDITIONS)], mine)]


def plan_scan(case: Case) -> tuple[Person, Acquisition]:
    """Draw person and scan: both hips, no metal; then what the condition asks for."""
    person, _, scan = draw_exam(case.kind, case.seed, case.side)
    rng = np.random.default_rng([case.seed, 401])
    both = {"fov_mm": float(np.round(rng.uniform(365, 410))), "pixel_mm": float(np.round(rng.uniform(0.65, 0.8), 3))}
    one = {"fov_mm": float(np.round(rng.uniform(190, 230))), "pixel_mm": float(np.round(rng.uniform(0.5, 0.65), 3))}
    wide: dict[str, Any] = {"sides": (Side.LEFT, Side.RIGHT)} | ({} if len(scan.sides) == 2 else both)
    small: dict[str, Any] = {"sides": (case.side,)} | (one if len(scan.sides) == 2 else {})
    scan = replace(scan, contrasts=tuple(SERIES[name] for name in case.series), metal_side=None)
    if case.condition == "one hip":
        return person, replace(scan, **small)
    if case.condition == "6 mm":
        reach = scan.slice_count * (scan.thickness_mm + scan.gap_mm)
        return person, replace(scan, **wide, thickness_mm=6.0, gap_mm=0.6, slice_count=int(np.ceil(reach / 6.6)))
    if case.condition == "implant":
        return person, replace(scan, **wide, metal_side=case.side)
    if case.condition == "cut":
        return person, cut_view(case, person, replace(scan, **wide), replace(scan, **small))
    return person, replace(scan, **wide)


def cut_view(case: Case, person: Person, wide: Acquisition, small: Acquisition) -> Acquisition:
    """Move a view so that its edge leaves 60 % of the head's diameter inside.

    By seed: the slices begin or end within the head, or the picture of one hip ends there, medially or above.
    """
    turn = case.seed // len(CONDITIONS)
    way = (3 * turn + turn // 4) % 4
    if way < 2:
        scan, axis, sign = wide, 2, 1 - 2 * way
    else:
        scan = replace(small, orientation=Orientation.CORONAL)
        axis, sign = (0, -case.side.sign) if way == 2 else (1, -1)
    grid, hip = slice_grid(scan, person), person.hips[case.side]
    outward = sign * grid.axes[:, axis]
    edge = float(grid.center @ outward) + grid.shape[axis] * float(grid.spacing[axis]) / 2
    wanted = float(hip.center @ outward) + (2 * SHOWN_OF_HEAD - 1) * hip.radius
    shift = np.array(scan.shift_mm) + (wanted - edge) * outward
    return replace(scan, shift_mm=(float(shift[0]), float(shift[1]), float(shift[2])))


def make_patient(case: Case, keep: Path) -> Path:
    """Write the series of a case, unless they are there already."""
    patient = keep / case.name
    if patient.exists():
        return patient
    work = patient.with_name(f".{patient.name}")
    shutil.rmtree(work, ignore_errors=True)
    _, scan = plan_scan(case)
    weeks = WEEKS_AT_HEIGHT if case.kind == "toh" else None
    _, lesions, _ = draw_exam(case.kind, case.seed, case.side, weeks)
    for side, lesion in lesions.items():
        if lesion.necrosis is not None:
            flat = replace(lesion.necrosis, depression_mm=0.0)
            lesions[side] = replace(lesion, necrosis=flat, fracture_line=None)
    if case.kind == "toh":
        lesions[case.side] = replace(lesions[case.side], amount=FULL_EDEMA_AMOUNT, medial_sparing=False)
    write_scan(case.kind, work, seed=case.seed, side=case.side, acquisition=scan, lesions=lesions)
    work.rename(patient)
    return patient


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """Overlap of two masks; not a number where both are empty."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else float("nan")


def spread_points(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centers of four parts of each triangle, shape (4 m, 3), and the area of each part."""
    a, b, c = (vertices[faces[:, n]] for n in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 8
    parts = [(4 * a + b + c) / 6, (a + 4 * b + c) / 6, (a + b + 4 * c) / 6, (a + b + c) / 3]
    return np.concatenate(parts), np.tile(area, 4)


def distance_to_surface(points: np.ndarray, vertices: np.ndarray, faces: np.ndarray, near: int = 16) -> np.ndarray:
    """Return the distance of points (n, 3) from a surface: exact for the triangles whose centers lie nearest."""
    corners = vertices[faces]
    _, chosen = KDTree(corners.mean(axis=1)).query(points, near)
    triangle = corners[chosen]
    p = points[:, None, :]
    best = np.full(chosen.shape, np.inf)
    for n in range(3):
        start, way = triangle[:, :, n], triangle[:, :, (n + 1) % 3] - triangle[:, :, n]
        along = ((p - start) * way).sum(axis=-1) / np.maximum((way**2).sum(axis=-1), 1e-12)
        best = np.minimum(best, np.linalg.norm(p - start - np.clip(along, 0, 1)[..., None] * way, axis=-1))
    one, two = triangle[:, :, 1] - triangle[:, :, 0], triangle[:, :, 2] - triangle[:, :, 0]
    normal = np.cross(one, two)
    squared = np.maximum((normal**2).sum(axis=-1), 1e-12)
    away = p - triangle[:, :, 0]
    second = (np.cross(one, away) * normal).sum(axis=-1) / squared
    first = (np.cross(away, two) * normal).sum(axis=-1) / squared
    above = (first >= 0) & (second >= 0) & (first + second <= 1)
    height = np.abs((away * normal).sum(axis=-1)) / np.sqrt(squared)
    return np.where(above, height, best).min(axis=1)


def surface_distance(hip: Hip, frame: BoneFrame, grid: Grid) -> float:
    """Return the mean symmetric distance (mm) of both surfaces of a femur inside the view."""
    ours, true = (frame.vertices, frame.faces), (hip.femur, hip.femur_faces)
    total, weight = 0.0, 0.0
    for one, other in ((ours, true), (true, ours)):
        points, area = spread_points(*one)
        seen = grid.contains(points)
        if not seen.any():
            return float("nan")
        total += float((distance_to_surface(points[seen], *other) * area[seen]).sum() / area[seen].sum())
        weight += 1
    return total / weight


def compare_hip(hip: Hip, frame: BoneFrame | None, grid: Grid) -> dict[str, Any]:
    """Compare a found femur with the true one; a femur that was not found has Dice 0 and lies infinitely far."""
    row: dict[str, Any] = {"side": hip.side.value, "found": frame is not None, "trusted": False}
    if frame is None:
        names = ("femur", "head", "neck", "intertrochanteric", "with_trochanters")
        return row | {"head_mm": float("inf"), "surface_mm": float("inf")} | {f"{n}_dice": 0.0 for n in names}
    true_bone = voxelize(hip.femur, hip.femur_faces, grid).array
    inside = np.argwhere(true_bone)
    true = {}
    for name, here in region_masks(hip, grid.to_world(inside).astype(np.float32)).items():
        true[name] = np.zeros(grid.shape, bool)
        true[name][tuple(inside[here].T)] = True
    labels = region_labels(frame, grid)
    ours = {name: labels.array == number for number, name in labels.names.items()}
    trochanters = ("intertrochanteric", "greater_trochanter", "lesser_trochanter")
    return row | {
        "trusted": frame.trusted,
        "reason": frame.reason,
        "fit_mm": frame.fit_rms_mm,
        "head_mm": float(np.linalg.norm(frame.head_center_mm - hip.center)),
        "surface_mm": surface_distance(hip, frame, grid),
        "femur_dice": dice(labels.array > 0, true_bone),
        "head_dice": dice(ours["femoral_head"], true["femoral_head"]),
        "neck_dice": dice(ours["femoral_neck"], true["femoral_neck"]),
        "intertrochanteric_dice": dice(ours["intertrochanteric"], true["intertrochanteric"]),
        "with_trochanters_dice": dice(
            np.any([ours[n] for n in trochanters], axis=0), np.any([true[n] for n in trochanters], axis=0)
        ),
    }


def share_of_head(hip: Hip, grid: Grid) -> float:
    """Return how much of a head's ball lies inside the view."""
    axis = np.linspace(-1, 1, 21)
    ball = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    ball = ball[(ball**2).sum(axis=1) <= 1]
    return float(grid.contains(hip.center + hip.radius * ball).mean())


def measure(case: Case, contrast: str, keep: Path) -> dict[str, Any]:
    """Find the bones of one exam in one contrast and compare them with the truth."""
    patient = make_patient(case, keep)
    person, scan = plan_scan(case)
    names = [SERIES[name].value.replace(" ", "_") for name in CONTRASTS[contrast]]
    exam = read_exam([path for name in names for path in patient.glob(f"*_{name}")])
    began = time.perf_counter()
    try:
        frames, problem = find_hips(exam.series), ""
    except MarrowmapError as error:
        frames, problem = (), str(error)
    seconds = time.perf_counter() - began
    grid = exam.series[0].volume.grid
    femora = {frame.side: frame for frame in frames if frame.bone == "femur"}
    sides_right = []
    for frame in femora.values():
        nearest = min(person.hips.values(), key=lambda hip: float(np.linalg.norm(hip.center - frame.head_center_mm)))
        sides_right.append(nearest.side is frame.side)
    hips = []
    for side in scan.sides:
        if share_of_head(person.hips[side], grid) < 0.5:
            continue
        row = compare_hip(person.hips[side], femora.get(side), grid)
        hips.append(row | {"affected": side is case.side, "metal": side is scan.metal_side})
    return {
        "figure": case.figure,
        "seed": case.seed,
        "kind": case.kind,
        "condition": case.condition,
        "contrast": contrast,
        "orientation": scan.orientation.value,
        "thickness_mm": scan.thickness_mm,
        "seconds": seconds,
        "problem": problem,
        "sides_right": sides_right,
        "beside_view": sum(side not in scan.sides for side in femora),
        "hips": hips,
    }


def measure_case(case: Case, keep: Path) -> list[dict[str, Any]]:
    """Measure one exam in its contrasts."""
    return [measure(case, name, keep) for name in case.contrasts]


def hips_of(results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each hip in view, with what its exam was."""
    shared = ("figure", "seed", "kind", "condition", "contrast", "orientation", "thickness_mm")
    return [hip | {key: result[key] for key in shared} for result in results for hip in result["hips"]]


def percentile(values: list[float], q: float) -> float:
    """Return a percentile of values that may be infinite."""
    known = np.sort([value for value in values if not np.isnan(value)])
    if not len(known):
        return float("nan")
    place = q / 100 * (len(known) - 1)
    below, above = known[int(np.floor(place))], known[int(np.ceil(place))]
    return float(below if below == above else below + (above - below) * (place - np.floor(place)))


def spread(values: list[float]) -> str:
    if not values:
        return "-"
    low, middle, high = (percentile(values, q) for q in (5, 50, 95))
    return f"{middle:.3f} ({low:.3f} to {high:.3f})"


def paired_drops(hips: list[dict[str, Any]]) -> list[float]:
    """Return Dice of the well hip less that of the same hip full of edema, for each pair and contrast."""
    halves: dict[tuple[int, str], dict[str, float]] = {}
    for hip in hips:
        if hip["affected"] and hip["kind"] in ("normal", "toh"):
            halves.setdefault((hip["seed"], hip["contrast"]), {})[hip["kind"]] = hip["femur_dice"]
    return [half["normal"] - half["toh"] for half in halves.values() if len(half) == 2]


def figures_of(results: list[dict[str, Any]]) -> dict[str, tuple[float, str]]:
    """Return figure 1's numbers: value for the target, and what to show."""
    own = hips_of(results)

    def column(key: str) -> list[float]:
        return [hip[key] for hip in own]

    drops = paired_drops(own)
    right = [answer for result in results for answer in result["sides_right"]]
    head = column("head_mm")
    return {
        "femur Dice, median": (percentile(column("femur_dice"), 50), spread(column("femur_dice"))),
        "mean surface distance, median mm": (percentile(column("surface_mm"), 50), spread(column("surface_mm"))),
        "head center error, median mm": (percentile(head, 50), spread(head)),
        "head center error, 95th percentile mm": (percentile(head, 95), f"{percentile(head, 95):.2f}"),
        "head Dice, median": (percentile(column("head_dice"), 50), spread(column("head_dice"))),
        "neck Dice, median": (percentile(column("neck_dice"), 50), spread(column("neck_dice"))),
        "intertrochanteric Dice, median": (
            percentile(column("intertrochanteric_dice"), 50),
            spread(column("intertrochanteric_dice"))
            + f"; trochanters included {percentile(column('with_trochanters_dice'), 50):.3f}",
        ),
        "paired drop of femur Dice, normal to full edema, median": (
            percentile(drops, 50),
            f"{spread(drops)}; mean {np.mean(drops) if drops else float('nan'):+.3f}; {len(drops)} pairs",
        ),
        "sides right, %": (100 * float(np.mean(right)) if right else float("nan"), f"{sum(right)} of {len(right)}"),
    }


def summarize_first(results: list[dict[str, Any]]) -> list[str]:
    """Return figure 1 as Markdown: against the targets, then by contrast, by disease and by scan."""
    exams = {(result["seed"], result["kind"]) for result in results}
    own = hips_of(results)
    lines = [
        f"### Figure 1: {len(exams)} virtual exams of {len({seed for seed, _ in exams})} people; T1, STIR and PD-FS "
        "alone, and T1 with STIR (pair)",
        "",
        "| figure (hips in view; 5th to 95th percentile) | result | target | met |",
        "|---|---|---|---|",
    ]
    for name, (value, text) in figures_of(results).items():
        sign, target = TARGETS[name]
        met = value <= target if sign == "<=" else value >= target
        lines.append(f"| {name} | {text} | {sign} {target} | {'yes' if met else 'NO'} |")
    lines += [""]
    lines += [
        "| group | hips | found | trusted | femur Dice | surface mm | head center mm | head / neck / intertr. Dice |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for key, unit in (("contrast", ""), ("kind", ""), ("orientation", ""), ("thickness_mm", " mm slices")):
        for value in sorted({hip[key] for hip in own}):
            lines.append(group_line(f"{value}{unit}", [hip for hip in own if hip[key] == value]))
    for contrast in CONTRASTS:
        mine = [hip for hip in own if hip["contrast"] == contrast]
        for kind in sorted({hip["kind"] for hip in mine}):
            group = [hip for hip in mine if hip["kind"] == kind]
            lines += [group_line(f"{contrast}, {kind}", group)] if group else []
    lines += ["", "| contrast | paired drop of femur Dice, normal to full edema | mean | pairs |", "|---|---|---|---|"]
    for contrast in CONTRASTS:
        drops = paired_drops([hip for hip in hips_of(results) if hip["contrast"] == contrast])
        if drops:
            lines.append(f"| {contrast} | {spread(drops)} | {np.mean(drops):+.3f} | {len(drops)} |")
    return [*lines, "", *wrong_lines(results)]


def group_line(name: str, hips: list[dict[str, Any]]) -> str:
    regions = " / ".join(f"{percentile([h[f'{n}_dice'] for h in hips], 50):.3f}" for n in ("head", "neck"))
    regions += f" / {percentile([h['intertrochanteric_dice'] for h in hips], 50):.3f}"
    found, trusted = sum(hip["found"] for hip in hips), sum(hip["trusted"] for hip in hips)
    columns = [spread([hip[key] for hip in hips]) for key in ("femur_dice", "surface_mm", "head_mm")]
    return f"| {name} | {len(hips)} | {found} | {trusted} | {' | '.join(columns)} | {regions} |"


def wrong_lines(results: list[dict[str, Any]]) -> list[str]:
    """Name what is worst: hips trusted and wrong, sides swapped, bones beside the view."""
    wrong = [hip for hip in hips_of(results) if hip["trusted"] and hip["head_mm"] > WRONG_MM]
    swapped = [result for result in results if not all(result["sides_right"])]
    lines = [
        f"Trusted and wrong (head center off by more than {WRONG_MM:.0f} mm): {len(wrong)}. Exams with a side swapped: "
        f"{len(swapped)}. Hips claimed on a side that is not in view: {sum(r['beside_view'] for r in results)}.",
        f"Seconds to find the hips: {spread([result['seconds'] for result in results])}.",
        "",
    ]
    for hip in wrong:
        lines.append(
            f"- wrong: seed {hip['seed']} {hip['kind']} ({hip['condition']}), {hip['contrast']}, {hip['side']}: head "
            f"{hip['head_mm']:.1f} mm"
        )
    lines += [f"- side swapped: seed {r['seed']} {r['kind']} ({r['condition']}), {r['contrast']}" for r in swapped]
    lines += [
        f"- stopped: seed {r['seed']} {r['kind']} ({r['condition']}), {r['contrast']}: {r['problem']}"
        for r in results
        if r["problem"]
    ]
    return lines


def summarize_second(results: list[dict[str, Any]]) -> list[str]:
    """Return figure 2 as Markdown: by condition, what was refused, and how good the trusted ones are."""
    lines = [
        f"### Figure 2: hard views, {len({r['seed'] for r in results})} virtual exams",
        "",
        "Refused: not found, or found and not trusted. The figures are those of the trusted hips.",
        "",
        "| condition | contrast | hips | not found | not trusted | refused | trusted and wrong | femur Dice "
        "| surface mm | head center mm |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for hip in hips_of(results):
        name = {"cut": "60 % of the head in view", "implant": "implant, other side"}.get(
            hip["condition"], hip["condition"]
        )
        if hip["condition"] == "cut" and not hip["affected"]:
            name += ", other side"
        groups.setdefault("implant side" if hip["metal"] else name, []).append(hip)
    for name, hips in sorted(groups.items()):
        for contrast in [one for one in CONTRASTS if any(hip["contrast"] == one for hip in hips)]:
            mine = [hip for hip in hips if hip["contrast"] == contrast]
            trusted = [hip for hip in mine if hip["trusted"]]
            missing = sum(not hip["found"] for hip in mine)
            wrong = sum(hip["head_mm"] > WRONG_MM for hip in trusted)
            columns = [spread([hip[key] for hip in trusted]) for key in ("femur_dice", "surface_mm", "head_mm")]
            refused = f"{100 * (1 - len(trusted) / len(mine)):.0f} %"
            lines.append(
                f"| {name} | {contrast} | {len(mine)} | {missing} | {len(mine) - missing - len(trusted)} | {refused} | "
                f"{wrong} | {' | '.join(columns)} |"
            )
    return [*lines, "", *wrong_lines(results)]


def time_segment(seed: int) -> list[str]:
    """Return figure 6 as Markdown: ``marrowmap segment`` in a fresh process on at most two cores."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    with tempfile.TemporaryDirectory() as folder:
        patient = write_virtual_exam("toh", Path(folder) / "patient", seed=seed, acquisition=Acquisition())
        program = Path(sys.executable).with_name("marrowmap")
        load = os.getloadavg()[0]
        began = time.perf_counter()
        subprocess.run([program, "segment", patient / "dicom", "--out", Path(folder) / "out"], check=True)
        seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    gigabytes = used.ru_maxrss * 1024 / 1e9
    return [
        "### Figure 6: `marrowmap segment` of T1 and STIR of both hips, 30 slices, fresh process, 2 cores",
        "",
        "| figure | result | target | met |",
        "|---|---|---|---|",
        f"| wall time | {seconds:.1f} s | <= {MOST_SECONDS:.0f} s | {'yes' if seconds <= MOST_SECONDS else 'NO'} |",
        f"| peak memory | {gigabytes:.2f} GB | <= {MOST_GB:.0f} GB | {'yes' if gigabytes <= MOST_GB else 'NO'} |",
        f"| processor time | {used.ru_utime + used.ru_stime:.1f} s | | |",
        f"| load of the machine before | {load:.1f} | | |",
    ]


def key_of(result: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a result is kept under, as :meth:`Case.key` does."""
    return tuple(result[name] for name in ("figure", "seed", "kind", "condition", "contrast"))


def measure_all(cases: list[Case], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure what is not kept yet; return all results of the cases."""
    log = options.keep / options.results
    done: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        kept = json.loads(line)
        done[key_of(kept)] = kept
    todo = [case for case in cases if any(case.key(contrast) not in done for contrast in case.contrasts)]
    with ProcessPoolExecutor(options.workers) as pool:
        for found in pool.map(measure_case, todo, [options.keep] * len(todo)):
            for result in found:
                done[key_of(result)] = result
                with log.open("a") as stream:
                    stream.write(json.dumps(result) + "\n")
                hips = ", ".join(f"{h['side']} {h['femur_dice']:.3f} / {h['head_mm']:.2f} mm" for h in result["hips"])
                what = f"{result['seed']} {result['kind']} ({result['condition']}) {result['contrast']}"
                print(f"{what}: {hips}, {result['seconds']:.1f} s {result['problem']}", file=sys.stderr, flush=True)
    asked = [case.key(contrast) for case in cases for contrast in case.contrasts]
    return [done[key] for key in asked if key in done]


def main() -> None:
    """Make and measure what is not kept yet and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:161", help="first:end, end not included")
    parser.add_argument("--figures", default="1,2,6")
    parser.add_argument("--contrast", default="", help=f"some of {', '.join(CONTRASTS)}; else one an exam, in turn")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("build/virtual_bones"))
    parser.add_argument("--results", default="results.jsonl", help="file in --keep; another one measures anew")
    parser.add_argument("--only-make", action="store_true", help="write the exams, measure them another time")
    options = parser.parse_args()
    first, end = (int(n) for n in options.seeds.split(":"))
    figures = [int(n) for n in options.figures.split(",")]
    contrasts = tuple(name for name in CONTRASTS if name in options.contrast.split(","))
    wanted = [(figure, seed) for figure in figures if figure in (1, 2) for seed in range(first, end)]
    cases = [case for figure, seed in wanted for case in cases_of(seed, figure, contrasts)]
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.only_make:
        with ProcessPoolExecutor(options.workers) as pool:
            for patient in pool.map(make_patient, cases, [options.keep] * len(cases)):
                print(patient, flush=True)
        return
    results = measure_all(cases, options)
    blocks = []
    for figure, summarize in ((1, summarize_first), (2, summarize_second)):
        mine = [result for result in results if result["figure"] == figure]
        blocks += [summarize(mine)] if mine else []
    if 6 in figures:
        blocks.append(time_segment(first))
    print("\n\n".join("\n".join(block) for block in blocks))


if __name__ == "__main__":
    main()
