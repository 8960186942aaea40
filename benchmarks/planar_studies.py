"""Virtual planar bone scans, written, read, measured and kept beside their truth: what other benchmarks share."""

from __future__ import annotations

import pickle
import sys
import tempfile
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from marrowmap.errors import InputError
from marrowmap.image import View
from marrowmap.ingest import Exam
from marrowmap.ingest import read_exam
from marrowmap.measure.hip import HipMeasurement
from marrowmap.measure.planar import PlanarExam
from marrowmap.measure.planar import measure_planar
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.bone_scan import PHASES
from marrowmap.phantom.bone_scan import planar_series
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.nm_dicom import write_planar
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.person import Person
from marrowmap.phantom.planar_exam import INJECTED_AT
from marrowmap.phantom.planar_exam import LYING_SD_MM
from marrowmap.phantom.planar_exam import VirtualScan
from marrowmap.phantom.planar_exam import write_planar_files
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.uptake import GEMMEL
from marrowmap.phantom.uptake import Frequencies
from marrowmap.phantom.uptake import Uptake
from marrowmap.phantom.uptake import sample_uptake
from marrowmap.values import Finding
from marrowmap.values import Side
from marrowmap.workflow.bone_scan import with_planar
from spect_scans import body

BODY_MM = 2.4


@dataclass(frozen=True)
class Ball:
    """A cold ball drawn into a head.

    Parameters
    ----------
    diameter_mm, contrast : float
        It takes up ``1 - contrast`` of what it did.
    at : tuple of float
        Its center in bone coordinates, over the head's radius.
    """

    diameter_mm: float
    contrast: float
    at: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Study:
    """One virtual study, measured, with its truth.

    Parameters
    ----------
    kind : str
    seed : int
    exam : PlanarExam or None
        None where both hips could not be found.
    present : dict of (Side, str) to bool
        Each sign's truth.
    pattern : dict of Side to str
        Of uptake.
    cold_ml : dict of Side to float
    collapse : dict of Side to str
        Empty without osteonecrosis.
    balls : dict of Side to Ball
    """

    kind: str
    seed: int
    exam: PlanarExam | None
    present: dict[tuple[Side, str], bool]
    pattern: dict[Side, str]
    cold_ml: dict[Side, float]
    collapse: dict[Side, str]
    balls: dict[Side, Ball]


def uptakes_of(lesions: Mapping[Side, Lesion], seed: int, frequencies: Frequencies = GEMMEL) -> dict[Side, Uptake]:
    """Draw what each hip takes up; with the usual frequencies as in a phantom of that seed."""
    return {
        side: sample_uptake(lesions[side], np.random.default_rng([seed, 420 + number]), frequencies)
        for number, side in enumerate(Side)
    }


def carve(activity: Activity, person: Person, balls: Mapping[Side, Ball]) -> None:
    """Draw cold balls into an activity, in place."""
    for side, ball in balls.items():
        hip, model = person.hips[side], activity.hips[side]
        away = hip.bone_coordinates(points_of(model.truth.grid)) - np.float32(hip.radius) * np.float32(ball.at)
        edge = ball.diameter_mm / 2 - np.sqrt((away**2).sum(axis=-1))
        inside = np.clip(edge / activity.grid.spacing[0] + 0.5, 0, 1) * model.truth.bone
        for pool in (Pool.BONE, Pool.CAPILLARY, Pool.EXTRACELLULAR):
            activity.shares[pool][model.box] *= 1 - np.float32(ball.contrast) * inside


def lay_out(kind: str, seed: int, *, whole_body: bool = True) -> Scene:
    """Lay a person out: with fat, fascia and skin, or (seven times faster) as bones, organs and vessels in muscle."""
    person, lesions, acquisition = draw_exam(kind, seed)
    if whole_body:
        return build_scene(person, lesions, replace(acquisition, sides=()), seed, coarse_mm=BODY_MM)
    return body(person, lesions)


def scan_and_measure(
    kind: str,
    seed: int,
    scene: Scene,
    uptakes: Mapping[Side, Uptake],
    balls: Mapping[Side, Ball],
    phases: Collection[str] = ("flow", "pool", "delayed"),
) -> Study:
    """Scan a person in all phases or in the delayed one alone, write the files, read and measure them."""
    person = scene.person
    activity = build_activity(scene, uptakes, seed)
    carve(activity, person, balls)
    how = sample_bone_scan(person, np.random.default_rng([seed, 430]))
    planar = {phase: planar_series(person, activity, how, getattr(how, phase)) for phase in phases}
    scan = VirtualScan(activity, how, planar, np.random.default_rng([seed, 431]).normal(0, LYING_SD_MM, 2))
    with tempfile.TemporaryDirectory() as folder:
        study = StudyTags(f"{kind}-{seed}", make_uid(kind, seed), make_uid(kind, seed, "frame"), "20260105", person)
        if len(phases) == len(PHASES):
            write_planar_files(Path(folder) / "nm", scan, study, seed)
        else:
            write_delayed(Path(folder) / "delayed.dcm", scan, study, seed)
        read = read_exam([Path(folder)])
        exam = measured(read)
    found = scan_findings(person, activity, "", {})
    rows = scan_measurements(person, activity, how, {}, "", {})
    return Study(
        kind,
        seed,
        exam,
        {(Side(row["side"]), row["sign"]): row["state"] == "present" for row in found},
        {side: uptakes[side].pattern.value for side in uptakes},
        {Side(row["side"]): row["value"] for row in rows if row["quantity"] == "cold_area_volume"},
        {side: collapse_of(scene.lesions[side]) for side in Side},
        dict(balls),
    )


def measured(read: Exam) -> PlanarExam | None:
    """Measure an exam; None, and said, where its hips are refused."""
    try:
        exam = measure_planar(read.scans, date=read.date)
    except InputError as error:
        print(f"not measured: {error}", file=sys.stderr)
        return None
    # Frames of the flow are large, and no sign looks at them again.
    return replace(exam, images={phase: replace(image, dynamic=None) for phase, image in exam.images.items()})


def write_delayed(file: Path, scan: VirtualScan, study: StudyTags, seed: int) -> None:
    """Write the delayed images alone."""
    series = scan.planar["delayed"]
    start, seconds = series.frames.start_s[0], series.frames.duration_s[0]
    camera = Camera(43, "DELAYED PELVIS", INJECTED_AT + timedelta(seconds=start), series.detector.pixel_mm)
    injection = Injection(INJECTED_AT, scan.how.injected_mbq, scan.how.mass_g / 1000)
    views = (View.ANTERIOR, View.POSTERIOR)
    write_planar(file, scan.counts("delayed", seed)[0], views, seconds, study, camera, injection)


def collapse_of(lesion: Lesion) -> str:
    """Return the form of a necrotic head; empty without necrosis.

    Round is Ficat and Steinberg I or II, depressed Ficat III and Steinberg IV; the phantom draws no crescent without
    depression.
    """
    if lesion.necrosis is None:
        return ""
    return "depressed" if lesion.necrosis.depression_mm > 0 else "round"


def states(study: Study, signs: Sequence[Any]) -> dict[tuple[Side, str], Finding]:
    """Judge signs of both hips as the program does; not assessable where the hips were refused."""
    hips: Sequence[HipMeasurement] = [HipMeasurement(side, "2026-01-05", None, None) for side in Side]
    if study.exam is not None:
        hips = with_planar((), study.exam, "", "2026-01-05")
    return {(hip.side, sign.NAME): sign.assess(hip) for hip in hips for sign in signs}


def interval(count: int, of: int) -> str:
    """Write a share with its exact 95 % interval (Clopper and Pearson 1934)."""
    if not of:
        return "0 of 0"
    low = 0.0 if count == 0 else float(beta.ppf(0.025, count, of - count + 1))
    high = 1.0 if count == of else float(beta.ppf(0.975, count + 1, of - count))
    return f"{count} of {of}, {100 * count / of:.0f} % ({100 * low:.1f} to {100 * high:.1f})"


def kept(path: Path | None, make: Callable[[], Study]) -> Study:
    """Return what a file of ours holds, else make it and keep it."""
    if path is not None and path.exists():
        found: Study = pickle.loads(path.read_bytes())
        return found
    made = make()
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(made))
    return made
