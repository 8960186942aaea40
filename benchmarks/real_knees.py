"""Knee bones found in pictures drawn on real anatomy, against the label maps they were drawn from.

    python benchmarks/real_knees.py [--cases 24] [--contrasts t1 pdfs stir] [--overlay out.png]

The anatomy is real: the label maps of ``knee-dess-labels`` (1 right knee) and ``knee-bml-labels`` (12 people twice,
with bone lesions). The contrast is drawn: tissue levels of T1, PD with fat suppression and STIR, lesions bright (dark
on T1), soft tissue invented around the labels, coil shading and Rician noise, 0.7 mm sagittal slices averaged five at a
time to 3.5 mm. None of these knees was used to train what finds them, but the rest position of the shape model's bones
is that of the `knee-dess-labels` knee: it is left out of the medians.

Starts: ``network`` is what ``marrowmap segment`` does (no truth); ``search``, without a network, looks for the mean
knee everywhere in the image (no truth); ``center`` begins at the middle of the image; ``beside`` begins 25 mm off it,
in a random direction. Dice is counted on the label map's own grid (0.7 mm).
``--overlay`` also finds the knee of ``knee-mese-t2`` (real MR) and writes a picture.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK
from scipy import ndimage

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import find_bones
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.knees import KneePlace
from marrowmap.anatomy.knees import find_knees
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.image import Volume
from marrowmap.ingest import read_exam
from marrowmap.ingest.exam import Sequence
from marrowmap.ingest.exam import Series
from marrowmap.values import Joint

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


def read_labels(path: Path) -> tuple[np.ndarray, Grid]:
    """Read a label map in LPS, every second voxel in the slice; the third axis is across slices."""
    image = SimpleITK.ReadImage(str(path))
    array = SimpleITK.GetArrayFromImage(image).transpose(2, 1, 0)
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    across = int(np.argmax(np.array(image.GetSpacing())))
    order = [axis for axis in range(3) if axis != across] + [across]
    array = array.transpose(order)[::2, ::2]
    affine[:3, :3] = affine[:3, order] * (2.0, 2.0, 1.0)
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
    sequence = Sequence.T1 if contrast == "t1" else Sequence.FLUID_FAT_SUPPRESSED
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


def run_case(path: Path, contrast: str, kind: str, seed: int) -> dict[str, float | str]:
    """Draw, find and compare one knee."""
    rng = np.random.default_rng(seed)
    labels = DESS_LABELS if path == DESS else BML_LABELS
    array, grid = read_labels(path)
    volume = draw_image(rng, array, grid, labels, contrast)
    begin = time.perf_counter()
    series = [make_series(volume, contrast)]
    found = find_bones(series) if kind == "network" else find_knees(series, choose_starts(kind, volume.grid, rng))
    frames = [frame for frame in found if frame.joint is Joint.KNEE]
    row: dict[str, float | str] = {"seconds": time.perf_counter() - begin}
    by_bone = {frame.bone: frame for frame in frames}
    for bone in BONES:
        mask = Mask(grid, np.isin(array, labels[bone]))
        row[bone] = dice(by_bone[bone], mask) if bone in by_bone else 0.0
    femur = by_bone.get("femur")
    row["side"] = femur.side.value if femur else "-"
    row["trusted"] = "yes" if femur and femur.trusted else "no"
    row["reason"] = femur.reason if femur else "nothing found"
    return row


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


def main() -> int:
    """Print a row for each case, then medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=25)
    parser.add_argument("--contrasts", nargs="+", choices=tuple(LEVELS), default=list(LEVELS))
    parser.add_argument("--start", choices=("network", "search", "center", "beside"), default="network")
    parser.add_argument("--overlay", type=Path)
    given = parser.parse_args()
    if not DESS.is_file():
        print(f"the real label maps are not on this machine ({DESS.parent.name})", file=sys.stderr)
        return 0
    if given.overlay:
        write_overlay(given.overlay)
    files = [DESS, *sorted(BML.glob("*.nii.gz"))][: given.cases]
    rows = []
    print(f"start: {given.start}\ncase              contrast  femur  tibia  patella  side   trusted  s")
    for number, path in enumerate(files):
        contrast = given.contrasts[number % len(given.contrasts)]
        row = run_case(path, contrast, given.start, 100 + number)
        rows.append((path, contrast, row))
        name = "dess" if path == DESS else path.name[:11]
        scores = "  ".join(f"{row[bone]:.3f}" for bone in BONES)
        print(f"{name:17} {contrast:8} {scores}    {row['side']:6} {row['trusted']:7} {row['seconds']:.1f}", flush=True)
        if row["trusted"] == "no":
            print(f"    {row['reason']}", flush=True)
    for contrast in given.contrasts:
        chosen = [row for path, kind, row in rows if kind == contrast and path != DESS]
        if chosen:
            figures = "  ".join(f"{bone} {np.median([float(row[bone]) for row in chosen]):.3f}" for bone in BONES)
            print(f"median Dice, lesion knees, {contrast} (n = {len(chosen)}): {figures}")
    chosen = [row for _, _, row in rows]
    trusted = [row for row in chosen if row["trusted"] == "yes"]
    femur = [float(row["femur"]) for row in chosen]
    print(
        f"all (n = {len(chosen)}): distal femur Dice median {np.median(femur):.3f} (aim 0.95), least {min(femur):.3f}; "
        f"trusted {len(trusted)}, least Dice among them {min((float(r['femur']) for r in trusted), default=np.nan):.3f}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
