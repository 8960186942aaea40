"""How well the bones of virtual hips are found (issue "Bone found in any contrast", figures 1, 2 and 6).

    .venv/bin/python benchmarks/virtual_bones.py --seeds 101:161 --figures 1 --workers 2
    .venv/bin/python benchmarks/virtual_bones.py --seeds 101:161 --figures 2 --workers 2 --gallery build/gallery

Virtual people only: this says nothing about real ones. Seeds 101 to 200 are for reporting and were not used in
development. Kinds, contrasts and conditions are taken in turn by seed; ``--contrast`` measures every exam in all the
contrasts it names instead. Exams and results are kept, one line for each exam and contrast, so that an interrupted run
goes on where it stopped. The name of the results file holds a fingerprint of the code and weights that find bones:
other code measures the same exams again into a file of its own. ``--results`` names a file instead.

Bones are found as by ``marrowmap segment``: hips and knees are looked for, and an exam where nothing found is trusted
is refused. Only what is trusted is drawn. A hip in view (at least half of its head) that is not drawn, because it was
not found, not trusted, or its exam was refused or stopped by a contradiction of sides, counts as Dice 0 and as
infinitely far, but where a column says "drawn only". Knees and hips found where there are none are counted as false
bones, with how many of them are trusted.

**How far these people are held out.** They are drawn with all 26 modes of the shape model and the phantom's poses, left
and right a little unlike. The two networks that locate and label bones never saw modes 4, 9, 14, 19 and 24 (counted
from 0). The edge models that guide the fit were trained on people of all 26 modes (``scripts/paint_hip.py``), and the
fit itself forms bones with all 26. None saw these seeds or the phantom's pictures; but people whose bones the shape
model cannot form are not tested here, and figures are optimistic for that.

Truth is the mesh of the femur as the phantom posed it, made again from kind and seed (the mesh its pictures were
painted from), with the phantom's own landmarks and regions; nothing comes from the analysis. Dice is that of the voxels
of the exam's own grid whose centers lie within the found and the true mesh, and, for a region, within the region of
that name: ``marrowmap.anatomy.region_labels`` of the found frame against ``marrowmap.phantom.truth.region_masks``. The
surface distance is the mean distance of points spread evenly over one mesh from the triangles of the other, both ways,
of all points inside the view.

Sides are judged for every hip in view that was given a side, trusted or not, or whose exam was stopped by a
contradiction of sides, which counts as wrong; hips without a side (not found, or refused) are counted apart.

Full edema fills head, neck and what lies above the plane (amount 0.8, no medial sparing); the well half of its pair is
the same person in the same scan with the same noise, without it. Heads with osteonecrosis are shown before they
collapse, without depression or crescent: the mesh is that of the whole head.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from marrowmap.anatomy import BoneFrame
from marrowmap.anatomy import find_bones
from marrowmap.anatomy import region_labels
from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.image import Grid
from marrowmap.image.voxelize import voxelize
from marrowmap.ingest import Series
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
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress

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
ELSEWHERE_MM = 40.0
"""A hip found this far from every true head is a bone where none is."""
NAMED = 10
"""How many of the worst are named, and shown in the gallery."""

SOURCE = Path(__file__).resolve().parents[1] / "src" / "marrowmap"
FINDERS = ("anatomy", "image", "ingest", "workflow/bones.py")
"""What decides which bones are found, and how they are compared."""
MEASURED = "2: as marrowmap segment"
"""Which measuring the results are of; to be changed with it, so that they are never mixed."""

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


def fingerprint() -> str:
    """Return a short name of the code and weights that find bones, and of how they are measured."""
    known = hashlib.sha256(MEASURED.encode())
    for name in FINDERS:
        place = SOURCE / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                known.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return known.hexdigest()[:10]


@dataclass(frozen=True)
class Answer:
    """What came out of looking for the bones of an exam.

    Parameters
    ----------
    outcome : str
        ``drawn`` (something is trusted), ``nothing found``, ``refused`` (nothing trusted) or ``conflict`` (of sides).
    problem : str
        What the refusal said.
    frames : tuple of BoneFrame
        All that was found, also where it was refused then.
    """

    outcome: str
    problem: str
    frames: tuple[BoneFrame, ...]
    seconds: float

    @property
    def hips(self) -> dict[Side, BoneFrame]:
        """Return the proximal femora."""
        return {f.side: f for f in self.frames if f.joint is Joint.HIP and f.bone == "femur"}

    @property
    def knees(self) -> list[BoneFrame]:
        """Return the distal femora."""
        return [frame for frame in self.frames if frame.joint is Joint.KNEE and frame.bone == "femur"]


def look(series: Sequence[Series]) -> Answer:
    """Find bones as ``marrowmap segment`` does; keep what it found before it refused."""
    seen: list[BoneFrame] = []

    def find(given: Sequence[Series], progress: Progress) -> tuple[BoneFrame, ...]:
        seen.extend(find_bones(given, progress))
        return tuple(seen)

    began = time.perf_counter()
    try:
        locate_bones(series, find=find)
        outcome, problem = ("drawn", "") if seen else ("nothing found", "neither hip nor knee was found")
    except InputError as error:
        outcome, problem = "refused", str(error)
    except GeometryError as error:
        outcome, problem = "conflict", str(error)
    return Answer(outcome, problem, tuple(seen), time.perf_counter() - began)


def read_case(case: Case, contrast: str, keep: Path) -> tuple[Person, Acquisition, tuple[Series, ...]]:
    """Read an exam, made if it is not kept, in one contrast; with who was scanned and how."""
    patient = make_patient(case, keep)
    person, scan = plan_scan(case)
    names = [SERIES[name].value.replace(" ", "_") for name in CONTRASTS[contrast]]
    series = read_exam([path for name in names for path in patient.glob(f"*_{name}")]).series
    if not np.allclose(slice_grid(scan, person).center, series[0].volume.grid.center, atol=0.05):
        raise RuntimeError(f"{patient}: not the exam that is drawn from its seed today: delete the folder")
    return person, scan, tuple(series)


def measure(case: Case, contrast: str, keep: Path) -> dict[str, Any]:
    """Find the bones of one exam in one contrast and compare them with the truth."""
    person, scan, series = read_case(case, contrast, keep)
    answer = look(series)
    grid = series[0].volume.grid
    femora = answer.hips
    in_view = [side for side in scan.sides if share_of_head(person.hips[side], grid) >= 0.5]
    named: dict[Side, list[Side]] = {side: [] for side in person.hips}
    elsewhere = []
    for frame in femora.values():
        away = {side: float(np.linalg.norm(hip.center - frame.head_center_mm)) for side, hip in person.hips.items()}
        nearest = min(away, key=lambda side: away[side])
        if away[nearest] > ELSEWHERE_MM:
            elsewhere.append(frame)
        else:
            named[nearest].append(frame.side)
    hips = []
    for side in in_view:
        row = compare_hip(person.hips[side], femora.get(side), grid)
        drawn = answer.outcome == "drawn" and row["trusted"]
        told = [False] if answer.outcome == "conflict" else [one is side for one in named[side]]
        known = {"drawn": drawn, "side_right": all(told) if told else None}
        hips.append(row | known | {"affected": side is case.side, "metal": side is scan.metal_side})
    false = [("knee", frame) for frame in answer.knees] + [("hip", frame) for frame in elsewhere]
    return {
        "figure": case.figure,
        "seed": case.seed,
        "kind": case.kind,
        "condition": case.condition,
        "contrast": contrast,
        "contrasts": list(case.contrasts),
        "orientation": scan.orientation.value,
        "thickness_mm": scan.thickness_mm,
        "seconds": answer.seconds,
        "outcome": answer.outcome,
        "problem": answer.problem,
        "false_bones": [{"joint": name, "side": f.side.value, "trusted": f.trusted} for name, f in false],
        "hips": hips,
    }


def measure_case(case: Case, keep: Path) -> list[dict[str, Any]]:
    """Measure one exam in its contrasts."""
    return [measure(case, name, keep) for name in case.contrasts]


def hips_of(results: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return one row for each hip in view, with what its exam was."""
    shared = ("figure", "seed", "kind", "condition", "contrast", "contrasts", "orientation", "thickness_mm")
    shared += ("outcome", "problem")
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
            halves.setdefault((hip["seed"], hip["contrast"]), {})[hip["kind"]] = value_of(hip, "femur_dice")
    return [half["normal"] - half["toh"] for half in halves.values() if len(half) == 2]


def value_of(hip: dict[str, Any], key: str) -> float:
    """Return a figure of a hip as it is drawn; what is not drawn overlaps nothing and lies infinitely far."""
    if hip["drawn"]:
        return float(hip[key])
    return 0.0 if key.endswith("_dice") else float("inf")


def column(hips: list[dict[str, Any]], key: str) -> list[float]:
    return [value_of(hip, key) for hip in hips]


def drawn_of(hips: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [hip for hip in hips if hip["drawn"]]


def count_sides(hips: list[dict[str, Any]]) -> tuple[int, int, int, int]:
    """Return sides right, sides given or stopped by a conflict, those by conflict, and hips without a side."""
    told = [hip for hip in hips if hip["side_right"] is not None]
    conflicts = sum(hip["outcome"] == "conflict" for hip in told)
    return sum(hip["side_right"] for hip in told), len(told), conflicts, len(hips) - len(told)


def figures_of(hips: list[dict[str, Any]]) -> dict[str, tuple[float, str, str]]:
    """Return figure 1's numbers: value for the target, what to show of all hips, and of those drawn."""
    figures: dict[str, tuple[float, str, str]] = {}

    def add(name: str, key: str, q: float = 50, more: str = "") -> None:
        both = [column(group, key) for group in (hips, drawn_of(hips))]
        shown = [f"{percentile(values, q):.2f}" if q != 50 else spread(values) for values in both]
        figures[name] = (percentile(both[0], q), shown[0] + more, shown[1])

    add("femur Dice, median", "femur_dice")
    add("mean surface distance, median mm", "surface_mm")
    add("head center error, median mm", "head_mm")
    add("head center error, 95th percentile mm", "head_mm", 95)
    add("head Dice, median", "head_dice")
    add("neck Dice, median", "neck_dice")
    whole = f"; trochanters included {percentile(column(hips, 'with_trochanters_dice'), 50):.3f}"
    add("intertrochanteric Dice, median", "intertrochanteric_dice", more=whole)
    texts = []
    for group in (hips, drawn_of(hips)):
        drops = paired_drops(group)
        texts.append(f"{spread(drops)}; mean {np.mean(drops) if drops else float('nan'):+.3f}; n = {len(drops)} pairs")
    name = "paired drop of femur Dice, normal to full edema, median"
    figures[name] = (percentile(paired_drops(hips), 50), texts[0], texts[1])
    right, told, conflicts, silent_ones = count_sides(hips)
    text = f"{right} of {told} ({conflicts} stopped by a conflict); without a side {silent_ones}"
    figures["sides right, %"] = (100 * right / told if told else float("nan"), text, "")
    return figures


def head_line(results: list[dict[str, Any]]) -> str:
    """Say what was measured: exams, hips, kinds, contrasts, and what became of them."""

    def count(values: Iterable[str]) -> str:
        listed = list(values)
        return ", ".join(f"{listed.count(value)} {value}" for value in sorted(set(listed)))

    own = hips_of(results)
    exams = {(result["seed"], result["kind"], result["condition"]) for result in results}
    drawn, trusted = len(drawn_of(own)), sum(hip["trusted"] for hip in own)
    false = [bone for result in results for bone in result["false_bones"]]
    sure = sum(bone["trusted"] for bone in false)
    return (
        f"{len(exams)} virtual exams of {len({result['seed'] for result in results})} people, {len(results)} "
        f"measurements, {len(own)} hips in view. Kinds: {count(r['kind'] for r in results)}. Contrasts: "
        f"{count(r['contrast'] for r in results)}. Exams: {count(r['outcome'] for r in results)}. Hips: {drawn} drawn, "
        f"{sum(hip['found'] and not hip['trusted'] for hip in own)} found but not trusted, "
        f"{sum(not hip['found'] for hip in own)} not found"
        + (f", {trusted - drawn} trusted in a stopped exam" if trusted > drawn else "")
        + f". False bones: {count(bone['joint'] for bone in false) or 'none'}"
        + (f", {sure} of them trusted" if false else "")
        + f". Seconds to find the bones: {spread([result['seconds'] for result in results])}. "
        f"Code {', '.join(sorted({result['code'] for result in results}))}."
    )


GROUP_HEAD = (
    "| group | hips | drawn | femur Dice | surface mm | head center mm | head / neck / intertr. Dice | sides right |",
    "|---|---|---|---|---|---|---|---|",
)


def group_line(name: str, hips: list[dict[str, Any]]) -> str:
    regions = " / ".join(
        f"{percentile(column(hips, f'{n}_dice'), 50):.3f}" for n in ("head", "neck", "intertrochanteric")
    )
    columns = [spread(column(hips, key)) for key in ("femur_dice", "surface_mm", "head_mm")]
    right, told, _, _ = count_sides(hips)
    return f"| {name} | {len(hips)} | {len(drawn_of(hips))} | {' | '.join(columns)} | {regions} | {right} of {told} |"


def summarize_first(results: list[dict[str, Any]]) -> list[str]:
    """Return figure 1 as Markdown: against the targets, then by contrast, disease and scan, then the worst."""
    own = hips_of(results)
    lines = [
        "### Figure 1: the usual views",
        "",
        head_line(results),
        "",
        "| figure: median (5th to 95th percentile) | all hips in view | drawn only | target | met |",
        "|---|---|---|---|---|",
    ]
    for name, (value, text, drawn) in figures_of(own).items():
        sign, target = TARGETS[name]
        met = value <= target if sign == "<=" else value >= target
        lines.append(f"| {name} | {text} | {drawn} | {sign} {target} | {'yes' if met else 'NO'} |")
    lines += ["", "All hips in view; what is not drawn counts as 0 and as infinitely far:", "", *GROUP_HEAD]
    for key, unit in (("contrast", ""), ("kind", ""), ("orientation", ""), ("thickness_mm", " mm slices")):
        for value in sorted({hip[key] for hip in own}):
            lines.append(group_line(f"{value}{unit}", [hip for hip in own if hip[key] == value]))
    for contrast in CONTRASTS:
        mine = [hip for hip in own if hip["contrast"] == contrast]
        for kind in sorted({hip["kind"] for hip in mine}):
            lines.append(group_line(f"{contrast}, {kind}", [hip for hip in mine if hip["kind"] == kind]))
    lines += ["", "| contrast | paired drop of femur Dice, normal to full edema | mean | pairs |", "|---|---|---|---|"]
    for contrast in CONTRASTS:
        drops = paired_drops([hip for hip in own if hip["contrast"] == contrast])
        if drops:
            lines.append(f"| {contrast} | {spread(drops)} | {np.mean(drops):+.3f} | {len(drops)} |")
    return [*lines, "", *wrong_lines(results)]


def condition_of(hip: dict[str, Any]) -> str:
    """Name what is hard about a hip of figure 2."""
    if hip["metal"]:
        return "implant side"
    if hip["condition"] == "cut" and hip["affected"]:
        return "60 % of the head in view"
    if hip["condition"] in ("cut", "implant"):
        return f"{'head whole' if hip['condition'] == 'cut' else 'implant'}, other side"
    return "6 mm slices" if hip["condition"] == "6 mm" else str(hip["condition"])


def condition_line(name: str, contrast: str, hips: list[dict[str, Any]]) -> str:
    drawn = drawn_of(hips)
    refused = [hip["outcome"] in ("refused", "nothing found") for hip in hips]
    stopped = [hip["outcome"] == "conflict" for hip in hips]
    missing = sum(not hip["found"] and hip["outcome"] == "drawn" for hip in hips)
    doubtful = sum(hip["found"] and not hip["trusted"] and hip["outcome"] == "drawn" for hip in hips)
    counts = [sum(refused), missing, doubtful, sum(stopped)]
    share = f"{len(hips) - len(drawn)} ({100 * (1 - len(drawn) / len(hips)):.0f} %)"
    columns = [spread([hip[key] for hip in drawn]) for key in ("femur_dice", "surface_mm", "head_mm")]
    wrong = sum(hip["head_mm"] > WRONG_MM for hip in drawn)
    right, told, _, _ = count_sides(hips)
    what = " | ".join(str(n) for n in counts)
    shown = " | ".join(columns)
    return f"| {name} | {contrast} | {len(hips)} | {what} | {share} | {wrong} | {shown} | {right} of {told} |"


def summarize_second(results: list[dict[str, Any]]) -> list[str]:
    """Return figure 2 as Markdown: by condition what was refused, how good the drawn ones are, and the worst."""
    lines = [
        "### Figure 2: hard views",
        "",
        head_line(results),
        "",
        "Not drawn: the exam refused (nothing found or nothing trusted), this hip not found, found and not trusted, or "
        f"the exam stopped by a conflict of sides. Errors are those of the drawn hips; wrong: head off by > "
        f"{WRONG_MM:.0f} mm.",
        "",
        "| condition | contrast | hips | exam refused | hip not found | not trusted | conflict | not drawn | drawn and "
        "wrong | femur Dice | surface mm | head center mm | sides right |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for hip in hips_of(results):
        groups.setdefault(condition_of(hip), []).append(hip)
    for name, hips in sorted(groups.items()):
        lines.append(condition_line(name, "all", hips))
        for contrast in CONTRASTS:
            mine = [hip for hip in hips if hip["contrast"] == contrast]
            lines += [condition_line(name, contrast, mine)] if mine else []
    return [*lines, "", *wrong_lines(results)]


def title_of(hip: dict[str, Any]) -> str:
    """Name a hip by seed, what it has and how it was scanned."""
    scan = f"{hip['orientation']}, {hip['thickness_mm']:g} mm"
    return f"seed {hip['seed']} {hip['kind']} ({hip['condition']}), {hip['contrast']}, {scan}, {hip['side']}"


def rank_worst(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the drawn hips by how far their head is off, worst first."""
    return sorted(drawn_of(hips_of(results)), key=lambda hip: -hip["head_mm"])


def list_refused(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the hips in view that were not drawn."""
    return [hip for hip in hips_of(results) if not hip["drawn"]]


def wrong_lines(results: list[dict[str, Any]]) -> list[str]:
    """Name what is worst by seed: drawn and wrong, sides swapped, not drawn, false bones."""
    own = hips_of(results)
    wrong = [hip for hip in drawn_of(own) if hip["head_mm"] > WRONG_MM]
    lines = [f"Drawn and wrong (head off by more than {WRONG_MM:.0f} mm): {len(wrong)}. The worst that were drawn:", ""]
    for hip in rank_worst(results)[: max(NAMED, len(wrong))]:
        surface = f"surface {hip['surface_mm']:.2f} mm"
        lines.append(f"- {title_of(hip)}: head {hip['head_mm']:.1f} mm, {surface}, femur Dice {hip['femur_dice']:.3f}")
    failed = []
    for hip in list_refused(results):
        words = hip["problem"] or hip.get("reason") or "not found"
        off = f" (head {hip['head_mm']:.1f} mm off)" if hip["found"] else ""
        failed.append(f"- {title_of(hip)}: {hip['outcome'] if hip['problem'] else 'not drawn'}: {words}{off}")
    failed += [f"- {title_of(hip)}: SIDE WRONG" for hip in own if hip["side_right"] is False]
    for result in results:
        for bone in result["false_bones"]:
            sure = "trusted" if bone["trusted"] else "not trusted"
            what = f"seed {result['seed']} {result['kind']} ({result['condition']}), {result['contrast']}"
            failed.append(f"- {what}: FALSE {bone['side']} {bone['joint']}, {sure}")
    return [*lines, "", "Not drawn, false, or with the wrong side:", "", *(failed or ["none"])]


def show_hip(axis: Any, hip: dict[str, Any], keep: Path) -> None:
    """Draw the slice through a true head with the true outline (green) and the found one (yellow, doubtful red)."""
    case = Case(hip["figure"], hip["seed"], hip["kind"], hip["condition"], tuple(hip["contrasts"]))
    person, _, series = read_case(case, hip["contrast"], keep)
    side = Side(hip["side"])
    true, found = person.hips[side], look(series).hips.get(side)
    volume = series[0].volume
    grid = volume.grid
    across = grid.slice_axis
    middle = np.rint(grid.to_index(true.center)).astype(int)
    number = int(np.clip(middle[across], 0, grid.shape[across] - 1))
    # Columns and rows of the shown slice: the patient's left to the right, front to the left, up above.
    flat = sorted((a for a in range(3) if a != across), key=lambda a: int(np.argmax(np.abs(grid.axes[:, a]))))
    along = [int(np.argmax(np.abs(grid.axes[:, a]))) for a in flat]
    turned = [grid.axes[d, a] < 0 for d, a in zip(along, flat, strict=True)]
    turned[1] = turned[1] != (along[1] == 2)

    def lay(array: np.ndarray) -> np.ndarray:
        picture = np.take(array, number, axis=across)
        picture = picture.T if flat[0] < flat[1] else picture
        return picture[:: -1 if turned[1] else 1, :: -1 if turned[0] else 1]

    picture = lay(np.asarray(volume.array))
    pixel = [float(grid.spacing[a]) for a in flat]
    reach = (0, picture.shape[1] * pixel[0], picture.shape[0] * pixel[1], 0)
    axis.imshow(picture, cmap="gray", extent=reach, vmax=np.percentile(picture, 99.5))
    meshes = [("#5dff6e", true.femur, true.femur_faces)]
    if found is not None:
        meshes.append(("#ffe14d" if hip["drawn"] else "#ff4d4d", found.vertices, found.faces))
    for color, vertices, faces in meshes:
        outline = lay(voxelize(vertices, faces, grid).array)
        if outline.any():
            axis.contour(outline, [0.5], colors=color, linewidths=0.8, extent=reach, origin="upper")
    place = [middle[a] * p for a, p in zip(flat, pixel, strict=True)]
    place = [r - x if t else x for r, x, t in zip((reach[1], reach[2]), place, turned, strict=True)]
    axis.set_xlim(place[0] - 65, place[0] + 65)
    axis.set_ylim(place[1] + 85, place[1] - 45)
    off = f"head {hip['head_mm']:.1f} mm off" if hip["found"] else "not found"
    words = f"{title_of(hip)}\n{off}" if hip["drawn"] else f"{title_of(hip)}\nnot drawn; {off}"
    axis.set_title(words.replace("), ", ")\n"), fontsize=6, color="white")


def draw_gallery(results: list[dict[str, Any]], folder: Path, keep: Path) -> None:
    """Write the worst drawn hips and those not drawn of each figure, a sheet each."""
    import matplotlib.figure  # noqa: PLC0415

    folder.mkdir(parents=True, exist_ok=True)
    for number in (1, 2):
        mine = [result for result in results if result["figure"] == number]
        for name, hips in (("worst_drawn", rank_worst(mine)[:NAMED]), ("not_drawn", list_refused(mine)[:NAMED])):
            if not hips:
                continue
            rows = -(-len(hips) // 5)
            figure = matplotlib.figure.Figure(figsize=(11, 2.9 * rows), facecolor="black", layout="constrained")
            axes = figure.subplots(rows, 5, squeeze=False).ravel()
            for axis in axes:
                axis.axis("off")
            for axis, hip in zip(axes, hips, strict=False):
                show_hip(axis, hip, keep)
            path = folder / f"figure{number}_{name}.png"
            figure.savefig(path, dpi=100, facecolor="black")
            print(f"wrote {path}", file=sys.stderr)


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
    code = fingerprint()
    log = options.keep / (options.results or f"segment_{code}.jsonl")
    done: dict[tuple[Any, ...], dict[str, Any]] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        kept = json.loads(line)
        if "code" not in kept:
            raise SystemExit(f"{log}: written by an older benchmark that measured something else: name another file")
        done[key_of(kept)] = kept
    todo = [case for case in cases if any(case.key(contrast) not in done for contrast in case.contrasts)]
    with ProcessPoolExecutor(options.workers) as pool:
        for found in pool.map(measure_case, todo, [options.keep] * len(todo)):
            for result in found:
                result["code"] = code
                done[key_of(result)] = result
                with log.open("a") as stream:
                    stream.write(json.dumps(result) + "\n")
                hips = ", ".join(f"{h['side']} {h['femur_dice']:.3f} / {h['head_mm']:.2f} mm" for h in result["hips"])
                what = f"{result['seed']} {result['kind']} ({result['condition']}) {result['contrast']}"
                print(
                    f"{what}: {hips}, {result['seconds']:.1f} s {result['outcome']} {result['problem']}",
                    file=sys.stderr,
                    flush=True,
                )
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
    parser.add_argument(
        "--results", help="file in --keep to go on with, whatever code it is from; else one for each code"
    )
    parser.add_argument("--gallery", type=Path, help="folder for pictures of the worst drawn hips and those not drawn")
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
    if options.gallery:
        draw_gallery(results, options.gallery, options.keep)
    if 6 in figures:
        blocks.append(time_segment(first))
    print("\n\n".join("\n".join(block) for block in blocks))


if __name__ == "__main__":
    main()
