"""Knee bones found in pictures drawn on real anatomy, against the label maps they were drawn from.

    python benchmarks/real_knees.py [--cases 24] [--contrasts t1 pdfs stir] [--overlay out.png]

The anatomy is real: the label maps of ``knee-dess-labels`` (1 right knee) and ``knee-bml-labels`` (24 scans: 12 people
twice, with bone lesions). The contrast is drawn: tissue levels of T1, PD with fat suppression and STIR, lesions bright
(dark on T1), soft tissue invented around the labels, coil shading and Rician noise, 0.7 mm sagittal slices averaged
five at a time to 3.5 mm. None of these knees was used to train what finds them, but the rest position of the shape
model's bones is that of the `knee-dess-labels` knee: it is shown and left out of every median, count and least value.

All are right knees: the one file that names a side says so, and all lie 48 to 85 mm to the patient's right of the
middle of the scanner. ``--side left`` mirrors anatomy and position, so that all are left ones.

Starts: ``network`` is what ``marrowmap segment`` does (no truth); ``search``, without a network, looks for the mean
knee everywhere in the image (no truth); ``center`` begins at the middle of the image; ``beside`` begins 25 mm off it,
in a random direction. Dice is counted on the label map's own grid (0.7 mm). A bone that is not drawn, because it was
not found, not trusted, or the exam was refused, counts as 0 in medians.
``--overlay`` also finds the knee of ``knee-mese-t2`` (real MR) and writes a picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK
from scipy import ndimage

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import find_bones
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.knees import KneePlace
from marrowmap.anatomy.knees import find_knees
from marrowmap.errors import MarrowmapError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence as ImageSequence
from marrowmap.ingest.exam import Series
from marrowmap.values import Joint
from marrowmap.values import Side
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
DESS = DATA / "knee-dess-labels" / "SAG_3D_DESS_RIGHT_bones_cart_men_fib-label.nrrd"
BML = DATA / "knee-bml-labels" / "OAI_AKOA"
# What the label maps call: femur, tibia, patella, fibula, cartilage, meniscus, lesions within the bones.
DESS_LABELS = {"femur": (5,), "tibia": (6,), "patella": (7,), "fibula": (8,), "cartilage": (1, 2, 3, 4)}
DESS_LABELS |= {"meniscus": (9, 10), "lesion": ()}
BML_LABELS = {"femur": (1, 7), "tibia": (3, 8), "patella": (5, 9), "fibula": (), "cartilage": (2, 4, 6)}
BML_LABELS |= {"meniscus": (), "lesion": (7, 8, 9)}
TISSUES = ("marrow", "lesion", "cortex", "fat", "muscle", "cartilage", "fluid", "meniscus")
LEVELS = {
    "t1": (0.85, 0.40, 0.06, 1.0, 0.36, 0.42, 0.22, 0.10),
    "pdfs": (0.16, 0.80, 0.05, 0.12, 0.40, 0.75, 1.10, 0.10),
    "stir": (0.10, 0.85, 0.04, 0.06, 0.30, 0.50, 1.20, 0.08),
}
AVERAGED = 5
BONES = ("femur", "tibia", "patella")
SIDE = Side.RIGHT
"""Of all these knees."""
AIM = 0.95


def read_labels(path: Path, side: Side) -> tuple[np.ndarray, Grid]:
    """Read a label map in LPS, every second voxel in the slice; the third axis is across slices.

    On the other side than its own it is mirrored in the sagittal plane.
    """
    image = SimpleITK.ReadImage(str(path))
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    across = int(np.argmax(np.array(image.GetSpacing())))
    order = [axis for axis in range(3) if axis != across] + [across]
    array = array.transpose(order)[::2, ::2]
    affine[:3, :3] = affine[:3, order] * (2.0, 2.0, 1.0)
    if side is not SIDE:
        affine[0] *= -1
        # Slices are turned round as well, so that the grid stays as right-handed as it was.
        array = array[:, :, ::-1]
        affine[:3, 3] += affine[:3, 2] * (array.shape[2] - 1)
        affine[:3, 2] *= -1
    return np.ascontiguousarray(array), Grid(array.shape, affine, "1.7")


def smooth_noise(rng: np.random.Generator, shape: tuple[int, ...], length: float) -> np.ndarray:
    small = ndimage.gaussian_filter(rng.normal(size=[int(n / 4) + 2 for n in shape]), length / 4)
    big = ndimage.zoom(small, 4, order=1)[tuple(slice(0, n) for n in shape)]
    return (big / big.std()).astype(np.float32)


def draw_image(
    rng: np.random.Generator, array: np.ndarray, grid: Grid, labels: dict[str, tuple[int, ...]], contrast: str
) -> Volume:
    """Draw one sagittal scan with thick slices."""
    level = dict(zip(TISSUES, np.array(LEVELS[contrast]) * rng.uniform(0.85, 1.15, len(TISSUES)), strict=True))
    part = {name: np.isin(array, numbers) for name, numbers in labels.items()}
    bone = part["femur"] | part["tibia"] | part["patella"] | part["fibula"]
    core = np.zeros_like(bone)
    for name in ("femur", "tibia", "patella", "fibula"):
        core |= ndimage.binary_erosion(part[name], iterations=1, border_value=1)
    septa = np.abs(smooth_noise(rng, array.shape, 14)) < rng.uniform(0.15, 0.4)
    joint = ndimage.binary_dilation(part["cartilage"], iterations=3)
    middle = np.argwhere(bone).mean(axis=0)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in array.shape), indexing="ij"), axis=-1)
    away = ((index - middle) * grid.spacing) @ grid.axes.T
    radius = np.hypot(away[..., 0], 0.9 * away[..., 1]) + 3 * smooth_noise(rng, array.shape, 25)
    image = np.full(array.shape, level["muscle"], np.float32)
    image[septa | (radius > 55)] = level["fat"]
    image[(smooth_noise(rng, array.shape, 10) > 1.6) | (joint & (rng.random() < 0.7))] = level["fluid"]
    image[radius > 68] = 0.02
    image[part["cartilage"]] = level["cartilage"]
    image[part["meniscus"]] = level["meniscus"]
    image[bone] = level["cortex"]
    marrow = level["marrow"] * (1 + 0.08 * smooth_noise(rng, array.shape, 12))
    image[core] = marrow[core]
    lesion = np.clip(ndimage.gaussian_filter((part["lesion"] & core).astype(np.float32), 1.0), 0, 1)
    image += lesion * (level["lesion"] - image)
    count = array.shape[2] // AVERAGED
    thick = image[:, :, : count * AVERAGED].reshape(*array.shape[:2], count, AVERAGED).mean(axis=3)
    affine = np.array(grid.affine)
    affine[:3, 3] += affine[:3, 2] * (AVERAGED - 1) / 2
    affine[:3, 2] *= AVERAGED
    place = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in thick.shape), indexing="ij"), axis=-1)
    shading = np.exp(place @ rng.normal(0, 0.15, 3) - rng.uniform(0, 0.25) * (place**2).sum(axis=-1))
    sigma = 0.03
    noisy = np.hypot(thick * shading + rng.normal(0, sigma, thick.shape), rng.normal(0, sigma, thick.shape))
    return Volume(Grid(thick.shape, affine, "1.7"), (400 * noisy).astype(np.float32))


def make_series(volume: Volume, contrast: str) -> Series:
    sequence = ImageSequence.T1 if contrast == "t1" else ImageSequence.FLUID_FAT_SUPPRESSED
    return Series("1.2.7", "1.2", 1, f"SAG {contrast}", "MR", "2026-01-05", volume, sequence, "drawn", None, "", ())


def dice(frame: BoneFrame, mask: Mask) -> float:
    found = bone_mask(frame, mask.grid).array
    return float(2 * (found & mask.array).sum() / max(found.sum() + mask.array.sum(), 1))


def choose_starts(kind: str, grid: Grid, rng: np.random.Generator) -> list[KneePlace]:
    """Say where to begin without looking at the labels; nothing lets `find_knees` search."""
    if kind == "search":
        return []
    shift = rng.normal(size=3)
    return [KneePlace(None, grid.center + (25.0 * shift / np.linalg.norm(shift) if kind == "beside" else 0.0))]


@dataclass(frozen=True)
class Outcome:
    """What became of one knee.

    Parameters
    ----------
    scan : str
        Name of its file, the first 7 digits being the person's.
    contrast : str
    dice : dict of str to float
        By bone; 0 where it was not found.
    drawn : tuple of str
        The bones that are trusted, and not refused.
    side : Side or None
        Found, trusted or not.
    false_bones : int
        Other knees than the first, and hips.
    words : str
        Why it is not drawn.
    seconds : float
    """

    scan: str
    contrast: str
    dice: dict[str, float]
    drawn: tuple[str, ...]
    side: Side | None
    false_bones: int
    words: str
    seconds: float

    @property
    def person(self) -> str:
        """Return the person's number."""
        return self.scan[:7]

    def value(self, bone: str) -> float:
        """Return the Dice of what is drawn."""
        return self.dice[bone] if bone in self.drawn else 0.0


def look(series: Series, kind: str, rng: np.random.Generator) -> tuple[list[BoneFrame], str]:
    """Find bones from a start of one kind; return all that was found, and why it was refused if it was."""
    seen: list[BoneFrame] = []

    def find(given: Sequence[Series], progress: Progress) -> tuple[BoneFrame, ...]:
        if kind == "network":
            seen.extend(find_bones(given, progress))
        else:
            seen.extend(find_knees(given, choose_starts(kind, series.volume.grid, rng)))
        return tuple(seen)

    try:
        locate_bones([series], find=find)
    except MarrowmapError as error:
        return seen, str(error)
    return seen, "" if seen else "nothing found"


def run_case(path: Path, contrast: str, kind: str, side: Side, seed: int) -> Outcome:
    """Draw, find and compare one knee."""
    rng = np.random.default_rng(seed)
    labels = DESS_LABELS if path == DESS else BML_LABELS
    array, grid = read_labels(path, side)
    series = make_series(draw_image(rng, array, grid, labels, contrast), contrast)
    begin = time.perf_counter()
    found, problem = look(series, kind, rng)
    seconds = time.perf_counter() - begin
    femora = [frame for frame in found if frame.bone == "femur"]
    knees = [frame for frame in femora if frame.joint is Joint.KNEE]
    # Were there two, the one with most of the true femur inside is meant.
    truth = {bone: Mask(grid, np.isin(array, labels[bone])) for bone in BONES}
    femur = max(knees, key=lambda frame: dice(frame, truth["femur"]), default=None)
    mine = {f.bone: f for f in found if femur is not None and f.joint is Joint.KNEE and f.side is femur.side}
    drawn = tuple(bone for bone in BONES if bone in mine and mine[bone].trusted and not problem)
    doubts = [f"{bone}: {mine[bone].reason}" for bone in BONES if bone in mine and not mine[bone].trusted]
    return Outcome(
        "dess" if path == DESS else path.name[:11],
        contrast,
        {bone: dice(mine[bone], truth[bone]) if bone in mine else 0.0 for bone in BONES},
        drawn,
        femur.side if femur else None,
        len(femora) - (femur is not None),
        problem or "; ".join(doubts),
        seconds,
    )


def write_overlay(out: Path) -> None:
    """Find the knee of the real multi-echo scan and draw the bones' outlines on its slices."""
    import matplotlib  # noqa: PLC0415

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    exam = read_exam([DATA / "knee-mese-t2"])
    series = exam.series[0]
    frames = find_bones([series])
    for frame in frames:
        print(f"knee-mese-t2 {frame.side.value} {frame.bone}: trusted {frame.trusted}; {frame.reason}")
    grid, array = series.volume.grid, np.asarray(series.volume.array)
    across = grid.slice_axis
    down = np.array([grid.axes[2, axis] for axis in range(3)])
    picked = np.linspace(0.22, 0.78, 6) * grid.shape[across]
    masks = {frame.bone: bone_mask(frame, grid).array for frame in frames}
    figure, axes = plt.subplots(2, 3, figsize=(9, 6.2), facecolor="black")
    colors = {"femur": "#ffd24d", "tibia": "#57c7ff", "fibula": "#ff7bd0", "patella": "#7dff8a"}
    rest = [axis for axis in range(3) if axis != across]
    upright = abs(down[rest[1]]) > abs(down[rest[0]])
    for axis, number in zip(axes.ravel(), picked.astype(int), strict=True):
        picture = np.take(array, number, axis=across)
        picture = picture.T if upright else picture
        origin = "lower" if down[rest[1] if upright else rest[0]] > 0 else "upper"
        axis.imshow(picture, cmap="gray", origin=origin, vmax=np.percentile(array, 99))
        for bone, mask in masks.items():
            outline = np.take(mask, number, axis=across)
            outline = outline.T if upright else outline
            if outline.any():
                axis.contour(outline, [0.5], colors=colors[bone], linewidths=1.0)
        axis.axis("off")
    figure.tight_layout(pad=0.2)
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=85, facecolor="black")
    print(f"wrote {out}")


def summarize(chosen: list[Outcome], side: Side) -> list[str]:
    """Return medians, least values, sides and what is not drawn, of scans that are not the shape model's own knee."""

    def count(some: list[Outcome]) -> str:
        return f"{len(some)} scans of {len({one.person for one in some})} people"

    lines = []
    for contrast in dict.fromkeys(one.contrast for one in chosen):
        mine = [one for one in chosen if one.contrast == contrast]
        figures = "  ".join(f"{bone} {np.median([one.value(bone) for one in mine]):.3f}" for bone in BONES)
        lines.append(f"median Dice, {contrast} ({count(mine)}): {figures}")
    for bone in BONES:
        drawn = [one.dice[bone] for one in chosen if bone in one.drawn]
        values = [one.value(bone) for one in chosen]
        people: dict[str, list[float]] = {}
        for one in chosen:
            people.setdefault(one.person, []).append(one.value(bone))
        each = [float(np.mean(own)) for own in people.values()]
        lines.append(
            f"{bone} ({count(chosen)}): Dice median of scans {np.median(values):.3f}, of people's means "
            f"{np.median(each):.3f}"
            + (f" (aim {AIM}: {'met' if np.median(values) >= AIM else 'MISSED'})" if bone == "femur" else "")
            + f"; drawn {len(drawn)}, least Dice among them {min(drawn, default=float('nan')):.3f}"
        )
    told = [one for one in chosen if one.side is not None]
    swapped = [one.scan for one in told if one.side is not side]
    lines.append(
        f"sides right: {len(told) - len(swapped)} of {len(told)}, all {side.value}"
        + (f"; SWAPPED: {', '.join(swapped)}" if swapped else "")
        + f"; without a side {len(chosen) - len(told)}; other joints found where there are none: "
        f"{sum(one.false_bones for one in chosen)}"
    )
    return lines


def main() -> int:
    """Print a row for each case, then medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=25)
    parser.add_argument("--contrasts", nargs="+", choices=tuple(LEVELS), default=list(LEVELS))
    parser.add_argument("--start", choices=("network", "search", "center", "beside"), default="network")
    parser.add_argument("--side", choices=[side.value for side in Side], default=SIDE.value, help="mirrored or not")
    parser.add_argument("--overlay", type=Path)
    given = parser.parse_args()
    if not DESS.is_file():
        print(f"the real label maps are not on this machine ({DESS.parent.name})", file=sys.stderr)
        return 0
    if given.overlay:
        write_overlay(given.overlay)
    side = Side(given.side)
    files = [DESS, *sorted(BML.glob("*.nii.gz"))][: given.cases]
    outcomes = []
    print(f"start: {given.start}, {side.value} knees\ncase         contrast  femur  tibia  patella  side   drawn  s")
    for number, path in enumerate(files):
        contrast = given.contrasts[number % len(given.contrasts)]
        one = run_case(path, contrast, given.start, side, 100 + number)
        outcomes.append(one)
        scores = "  ".join(f"{one.dice[bone]:.3f}" for bone in BONES)
        drawn = "all" if len(one.drawn) == len(BONES) else ", ".join(one.drawn) or "none"
        found = one.side.value if one.side else "-"
        print(f"{one.scan:12} {contrast:8}  {scores}    {found:6} {drawn}  {one.seconds:.1f}", flush=True)
        if one.words:
            print(f"    {one.words}", flush=True)
    chosen = [one for one in outcomes if one.scan != "dess"]
    print("\n".join(summarize(chosen, side)) if chosen else "only the shape model's own knee: no figures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
