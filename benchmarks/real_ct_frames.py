"""Bones on a real CT of both hips, one of them with an implant, against its label map.

    python benchmarks/real_ct_frames.py

Issue "Bone found in any contrast", figure 3. Needs ``../shared/data/hip-ct-totalseg``. Exit code 0 with figures, met
or not. Bones are found as by ``marrowmap segment``. Targets: the native side drawn (trusted), its femur Dice at least
0.90 and its head center within 2 mm; the side with the implant either refused (not found or not trusted) or drawn with
its head center within 2 mm, anything else is silently wrong; sides right. No target was set for the Dice of the side
with the implant. The labels are another model's output on 3 mm voxels.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy import ndimage

from marrowmap.anatomy import bone_mask
from marrowmap.anatomy import find_bones
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.shape_model import fit_sphere
from marrowmap.errors import MarrowmapError
from marrowmap.image import Grid
from marrowmap.image import Mask
from marrowmap.ingest import Series
from marrowmap.ingest import read_exam
from marrowmap.values import Joint
from marrowmap.workflow.bones import locate_bones
from marrowmap.workflow.steps import Progress

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "hip-ct-totalseg"
LABELS = {("left", "femur"): 75, ("right", "femur"): 76, ("left", "hip_bone"): 77, ("right", "hip_bone"): 78}
IMPLANT = "left"
TARGET_MM = 2.0
TARGET_DICE = 0.90


def fit_label_head(femur: Mask, hip_bone: Mask) -> tuple[np.ndarray, float]:
    """Fit a sphere to the femur label's surface that faces the hip bone's (LPS mm)."""
    grid = femur.grid
    away = ndimage.distance_transform_edt(~hip_bone.array, sampling=grid.spacing)
    points, distance = [], []
    for axis in range(3):
        for step in (1, -1):
            edge = np.argwhere(femur.array & ~np.roll(femur.array, -step, axis=axis))
            distance.append(away[tuple(edge.T)])
            points.append(edge + 0.5 * step * np.eye(3)[axis])
    surface, near = grid.to_world(np.concatenate(points)), np.concatenate(distance)
    center, radius = fit_sphere(surface[near < 9])
    for _ in range(20):
        off = np.abs(np.linalg.norm(surface - center, axis=1) - radius)
        center, radius = fit_sphere(surface[(off < 3) & (near < 16)])
    return center, radius


def look(series: Sequence[Series]) -> tuple[list[BoneFrame], str]:
    """Find bones as ``marrowmap segment`` does; return all that was found, and why it was refused if it was."""
    seen: list[BoneFrame] = []

    def find(given: Sequence[Series], progress: Progress) -> tuple[BoneFrame, ...]:
        seen.extend(find_bones(given, progress))
        return tuple(seen)

    try:
        locate_bones(series, find=find)
    except MarrowmapError as error:
        return seen, str(error)
    return seen, ""


def overlap(frame: BoneFrame | None, label: Mask) -> float:
    """Return the Dice of a bone and its label; 0 where it was not found."""
    if frame is None:
        return 0.0
    mine = bone_mask(frame, label.grid).array
    return float(2 * (mine & label.array).sum() / (mine.sum() + label.array.sum()))


def judge(side: str, femur: BoneFrame | None, off: float, dice: float, *, stopped: bool) -> tuple[str, bool]:
    """Say what became of a side, and whether that is what was asked for."""
    drawn = femur is not None and femur.trusted and not stopped
    if side == IMPLANT:
        if not drawn:
            return "refused", True
        return ("fitted", True) if off <= TARGET_MM else ("SILENTLY WRONG", False)
    if not drawn:
        return "NOT DRAWN", False
    met = off <= TARGET_MM and dice >= TARGET_DICE
    return ("met" if met else "MISSED"), met


def main() -> int:
    """Print a table."""
    if not DATA.is_dir():
        print(f"the real CT is not on this machine ({DATA.name})", file=sys.stderr)
        return 0
    exam = read_exam([DATA / "example_ct.nii.gz"])
    labels = np.asarray(nib.load(DATA / "example_seg_fast_force_split.nii.gz").dataobj)
    grid: Grid = exam.series[0].volume.grid
    masks = {key: Mask(grid, labels == number) for key, number in LABELS.items()}
    start = time.perf_counter()
    frames, problem = look(exam.series)
    print(f"found {len(frames)} bones in {time.perf_counter() - start:.1f} s{': ' + problem if problem else ''}")
    knees = sum(frame.joint is Joint.KNEE for frame in frames)
    print(
        "side   implant  head center off  label radius  found radius  femur Dice  hip bone Dice  fit rms  drawn  answer"
    )
    missed = []
    heads = {side: fit_label_head(masks[side, "femur"], masks[side, "hip_bone"]) for side in ("left", "right")}
    for side, (center, radius) in heads.items():
        found = {frame.bone: frame for frame in frames if frame.side.value == side and frame.joint is Joint.HIP}
        femur = found.get("femur")
        off = float(np.linalg.norm(femur.head_center_mm - center)) if femur else float("inf")
        dice = [overlap(found.get(bone), masks[side, bone]) for bone in ("femur", "hip_bone")]
        answer, met = judge(side, femur, off, dice[0], stopped=bool(problem))
        missed += [] if met else [side]
        found_radius, fit = (femur.head_radius_mm, femur.fit_rms_mm) if femur else (float("nan"), float("nan"))
        drawn = "yes" if femur and femur.trusted and not problem else "no"
        print(
            f"{side:6s} {'yes' if side == IMPLANT else 'no':7s}  {off:12.2f} mm  {radius:9.1f} mm  "
            f"{found_radius:9.1f} mm  {dice[0]:10.3f}  {dice[1]:13.3f}  {fit:4.2f} mm  {drawn:5s}  {answer}"
        )
    swapped = [side for side, other in (("left", "right"), ("right", "left")) if is_swapped(frames, heads, side, other)]
    print(f"sides swapped: {', '.join(swapped) or 'none'}; knees found where there are none: {knees}")
    missed += [f"{side} (swapped)" for side in swapped]
    print(
        f"native side drawn, femur Dice >= {TARGET_DICE:.2f}, head center within {TARGET_MM:.0f} mm; implant side "
        f"refused or within {TARGET_MM:.0f} mm; sides right: {'MISSED on ' + ', '.join(missed) if missed else 'met'}"
    )
    return 0


def is_swapped(frames: Sequence[BoneFrame], heads: dict[str, tuple[np.ndarray, float]], side: str, other: str) -> bool:
    """Say whether the femur called `side` lies nearer to the other one's head."""
    for frame in frames:
        if frame.bone == "femur" and frame.joint is Joint.HIP and frame.side.value == side:
            away = [float(np.linalg.norm(frame.head_center_mm - heads[name][0])) for name in (side, other)]
            return away[1] < away[0]
    return False


if __name__ == "__main__":
    sys.exit(main())
