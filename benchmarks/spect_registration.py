"""Registration of SPECT/CT to MR, and of SPECT alone to MR, against the true motion (issue "The bone scan", figure 2).

    .venv/bin/python benchmarks/spect_registration.py ct --seeds 101:110 --keep build/registration
    .venv/bin/python benchmarks/spect_registration.py spect --seeds 101:125 --keep build/spect

Virtual people only: this says nothing about real ones. Between the examinations every person lies down again: the
whole body is turned (standard deviation 4, 3 and 3 degrees about the axes to the left, to the back and to the head) and
shifted (40 mm along each), and each femur is turned about its head (5 degrees of flexion, 3 of abduction, 8 of
rotation). That motion is the truth.

``ct``: MR as drawn (one hip in some, fat saturation, tilt, metal) and the low-dose CT of a SPECT/CT are written as
DICOM, read, their bones found as by ``marrowmap analyze``, and each femur registered. ``--keep`` holds the exams and
the frames, so that it goes on where it stopped.

``spect``: the scans of ``benchmarks/spect_scans.py --keep`` (made there where they are absent) and bones as a fit in MR
finds them, moved by a motion of the same kind, are registered to the SPECT without any CT.

Target registration error is the mean distance of points of the femoral head's surface from where they belong. Tuned on
seeds 1 to 40.
"""

from __future__ import annotations

import argparse
import pickle
import time
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

import spect_scans
from marrowmap.anatomy.bone_frame import BoneFrame
from marrowmap.anatomy.registration import register_bone
from marrowmap.anatomy.registration import register_to_spect
from marrowmap.errors import MarrowmapError
from marrowmap.image.transform import Transform
from marrowmap.ingest import read_exam
from marrowmap.phantom import draw_exam
from marrowmap.phantom.bone_scan import low_dose_ct
from marrowmap.phantom.ct import write_ct
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.exam import scan
from marrowmap.phantom.person import Hip
from marrowmap.phantom.person import Person
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side
from marrowmap.workflow.bones import BONE_IMAGES
from marrowmap.workflow.bones import locate_bones

KINDS = ("toh", "onfh", "normal", "osteoarthritis")
"""Taken in turn by seed."""
BODY_TURN_DEG, BODY_SHIFT_MM = (4.0, 3.0, 3.0), 40.0
FEMUR_TURN_DEG = (5.0, 3.0, 8.0)


@dataclass(frozen=True, eq=False)
class Motion:
    """How a person lies otherwise: a body turned and shifted, femora turned about their heads before that."""

    pivot: np.ndarray
    turn: Rotation
    shift: np.ndarray
    femora: dict[Side, Rotation]

    def body(self, points: np.ndarray) -> np.ndarray:
        """Move points of the pelvis."""
        return self.turn.apply(np.asarray(points) - self.pivot) + self.pivot + self.shift

    def femur(self, hip: Hip, points: np.ndarray) -> np.ndarray:
        """Move points of a femur."""
        return self.body(self.femora[hip.side].apply(np.asarray(points) - hip.center) + hip.center)


def draw_motion(person_origin: np.ndarray, sides: tuple[Side, ...], seed: int) -> Motion:
    """Draw how the person lies in the other examination; no angle beyond two standard deviations."""
    rng = np.random.default_rng([seed, 910])

    def turn(spread: tuple[float, float, float]) -> Rotation:
        return Rotation.from_euler("xyz", np.clip(rng.normal(size=3), -2, 2) * spread, degrees=True)

    body, shift = turn(BODY_TURN_DEG), rng.normal(0, BODY_SHIFT_MM, 3)
    return Motion(person_origin, body, shift, {side: turn(FEMUR_TURN_DEG) for side in sides})


def moved_hip(hip: Hip, motion: Motion) -> Hip:
    """Return a hip as it lies after a motion."""
    turn = (motion.turn * motion.femora[hip.side]).as_matrix()
    return replace(
        hip,
        femur=motion.femur(hip, hip.femur),
        hip_bone=motion.body(hip.hip_bone),
        center=motion.body(hip.center[None])[0],
        landmarks={name: motion.femur(hip, point[None])[0] for name, point in hip.landmarks.items()},
        axes=turn @ hip.axes,
    )


def moved_person(person: Person, motion: Motion) -> Person:
    """Return a person who lies otherwise."""
    hips = {side: moved_hip(hip, motion) for side, hip in person.hips.items()}
    origin = np.mean([hip.center for hip in hips.values()], axis=0)
    reach = max(float(np.abs(hip.femur[:, 0] - origin[0]).max()) for hip in hips.values())
    wide = max(person.half_width_mm, reach + 8.0 + person.fat_mm)
    return replace(person, hips=hips, sacrum=motion.body(person.sacrum), origin=origin, half_width_mm=wide)


def write_pair(seed: int, folder: Path) -> None:
    """Write MR and the CT of a SPECT/CT of one person, who lay down again in between."""
    person, lesions, acquisition = draw_exam(KINDS[seed % len(KINDS)], seed)
    uid = make_uid("registration", seed)
    study = StudyTags(f"VIRTUAL-REGISTRATION-{seed}", uid, make_uid(uid, "frame of reference"), "20260105", person)
    scan(folder / "mr", build_scene(person, lesions, acquisition, seed), acquisition, study, seed)
    again = moved_person(person, draw_motion(person.origin, tuple(person.hips), seed))
    both = replace(acquisition, sides=(Side.LEFT, Side.RIGHT))
    other = make_uid(uid, "spect")
    study = StudyTags(study.person_id, other, make_uid(other, "frame of reference"), "20260105", again)
    ct = low_dose_ct(np.random.default_rng([seed, 520]))
    write_ct(folder / "ct", build_scene(again, lesions, both, seed), ct, study, 23, np.random.default_rng([seed, 521]))


def found_bones(folder: Path) -> dict[str, tuple[BoneFrame, ...]]:
    """Find the bones in both images as the analysis does."""
    found = {}
    for name in ("mr", "ct"):
        exam = read_exam([folder / name])
        try:
            found[name] = locate_bones([series for series in exam.series if series.sequence in BONE_IMAGES])
        except MarrowmapError as error:
            print(f"{folder.name} {name}: {error}", flush=True)
            found[name] = ()
    return found


def kept_bones(seed: int, keep: Path) -> dict[str, tuple[BoneFrame, ...]]:
    """Return the frames of a seed, found now or before."""
    kept = keep / f"{seed}.pkl"
    if not kept.exists():
        begin = time.perf_counter()
        folder = keep / str(seed)
        if not (folder / "done").exists():
            write_pair(seed, folder)
            (folder / "done").touch()
        made = time.perf_counter()
        kept.write_bytes(pickle.dumps(found_bones(folder)))
        print(f"seed {seed}: {made - begin:.0f} s made, {time.perf_counter() - made:.0f} s found", flush=True)
    return dict(pickle.loads(kept.read_bytes()))  # our own file


def head_points(hip: Hip) -> np.ndarray:
    """Return points of the true head's surface, LPS mm."""
    away = np.linalg.norm(hip.femur - hip.center, axis=1)
    return np.asarray(hip.femur[np.abs(away - hip.radius) < 2.0])


def compare(transform: Transform, hip: Hip, motion: Motion, turn: Rotation, *, back: bool) -> dict[str, float]:
    """Compare a femur's map with the motion; `back` where the map leads from after the motion to before it."""
    points, center = head_points(hip), hip.center[None]
    here, there = [points, center], [motion.femur(hip, points), motion.body(center)]
    if back:
        here, there, turn = there, here, turn.inv()
    surface, middle = (transform(a) - b for a, b in zip(here, there, strict=True))
    rest = Rotation.from_matrix(transform.matrix[:3, :3]) * turn.inv()
    return {
        "center": float(np.linalg.norm(middle)),
        "tre": float(np.linalg.norm(surface, axis=1).mean()),
        "worst": float(np.linalg.norm(surface, axis=1).max()),
        "turn": float(np.degrees(rest.magnitude())),
        **{name: float(value) for name, value in zip("xyz", middle[0], strict=True)},
    }


def register_ct(seed: int, keep: Path) -> list[dict[str, Any]]:
    """Register every femur found in both images; one row a hip, with the bones' own errors."""
    kind = KINDS[seed % len(KINDS)]
    person, _, _ = draw_exam(kind, seed)
    motion = draw_motion(person.origin, tuple(person.hips), seed)
    found = kept_bones(seed, keep)
    femora = {name: {f.side: f for f in frames if f.bone == "femur" and f.trusted} for name, frames in found.items()}
    rows = []
    for side, femur in femora["mr"].items():
        if side not in femora["ct"]:
            rows.append({"seed": seed, "kind": kind, "refused": "not found in CT"})
            continue
        registered = register_bone(femur, femora["ct"][side])
        turn = motion.turn * motion.femora[side]
        row = compare(registered.transform, person.hips[side], motion, turn, back=False)
        rows.append({"seed": seed, "kind": kind, "side": side.value, "error": registered.error_mm, **row})
    return rows


def register_alone(seed: int, keep: Path) -> list[dict[str, Any]]:
    """Register bones to the SPECT of a person; one row a hip."""
    kept = keep / f"{seed}.pkl"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(spect_scans.scan(seed)))
    found = pickle.loads(kept.read_bytes())  # our own file
    hips: dict[Side, Hip] = found["hips"]
    motion = draw_motion(np.mean([hip.center for hip in hips.values()], axis=0), tuple(hips), seed)
    rng = np.random.default_rng([seed, 730])
    frames = [
        replace(spect_scans.fitted(moved_hip(hip, motion), side, bone, rng), frame_of_reference_uid="1.3")
        for side, hip in hips.items()
        for bone in ("femur", "hip_bone")
    ]
    begin = time.process_time()
    try:
        registrations, _ = register_to_spect(frames, found["suv"])
    except MarrowmapError as error:
        return [{"seed": seed, "kind": found["kind"], "refused": str(error)}] * len(hips)
    seconds = time.process_time() - begin
    return [
        {
            "seed": seed, "kind": found["kind"], "side": one.bone.side.value, "error": one.error_mm,
            "seconds": seconds,
            **compare(
                one.transform, hips[one.bone.side], motion, motion.turn * motion.femora[one.bone.side], back=True
            ),
        }
        for one in registrations
    ]  # fmt: skip


WITHIN = 2.796
"""Standard deviations along an axis within which 95 % of points lie in space."""


def print_table(rows: list[dict[str, Any]]) -> None:
    """Print errors by kind and of all, and how often the true error lies within the stated one."""
    refused = [row for row in rows if "refused" in row]
    done = [row for row in rows if "refused" not in row]
    print("| hips | n | TRE of the head, median | 95th percentile | greatest | within 2 mm | head center, median "
          "| turn, median | stated SD along an axis, median | true center within the stated 95 % |\n"
          "|---|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for kind in (*dict.fromkeys(row["kind"] for row in done), "all"):
        mine = [row for row in done if kind in (row["kind"], "all")]
        keys = ("tre", "center", "turn", "error")
        tre, center, turn, error = (np.array([row[key] for row in mine]) for key in keys)
        cells = (
            kind, len(mine), f"{np.median(tre):.2f} mm", f"{np.percentile(tre, 95):.2f} mm", f"{tre.max():.2f} mm",
            f"{int((tre <= 2).sum())} of {len(tre)}", f"{np.median(center):.2f} mm", f"{np.median(turn):.2f}°",
            f"{np.median(error):.2f} mm", f"{int((center <= WITHIN * error).sum())} of {len(tre)}",
        )  # fmt: skip
        print("| " + " | ".join(str(cell) for cell in cells) + " |")
    if done:
        away = np.array([[row[axis] for axis in "xyz"] for row in done])
        print(f"\nhead center to the left, to the back, to the head: mean {away.mean(axis=0).round(2)} mm, "
              f"root mean square {np.sqrt((away**2).mean(axis=0)).round(2)} mm")  # fmt: skip
    print(f"refused or not found: {len(refused)} of {len(rows)} hips")
    for row in refused:
        print(f"- seed {row['seed']} ({row['kind']}): {row['refused']}")
    if done and "seconds" in done[0]:
        print(f"{np.mean([row['seconds'] for row in done]):.1f} s of processor time a person")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("ct", "spect"))
    parser.add_argument("--seeds", default="101:109", help="first:end")
    parser.add_argument("--keep", type=Path, required=True, help="folder of what was made before and is to be kept")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    first, end = map(int, options.seeds.split(":"))
    register = register_ct if options.what == "ct" else register_alone
    rows = [row for seed in range(first, end) for row in register(seed, options.keep)]
    print_table(rows)


if __name__ == "__main__":
    main()
