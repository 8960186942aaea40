"""A virtual three-phase planar bone scan: drawn, emitted, counted, and written as gamma camera files with its truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from datetime import datetime
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from marrowmap.image import View
from marrowmap.phantom.activity import Activity
from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.bone_scan import PHASES
from marrowmap.phantom.bone_scan import BoneScan
from marrowmap.phantom.bone_scan import PlanarSeries
from marrowmap.phantom.bone_scan import planar_series
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.camera import poisson
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.nm_dicom import TimedFrames
from marrowmap.phantom.nm_dicom import write_dynamic
from marrowmap.phantom.nm_dicom import write_planar
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scan_truth import scan_measurements
from marrowmap.phantom.scene import Scene
from marrowmap.phantom.uptake import Uptake
from marrowmap.phantom.uptake import sample_uptake
from marrowmap.values import Side

INJECTED_AT = datetime(2026, 1, 5, 8, 30)
LYING_SD_MM = 7.0
"""How differently a person lies under the camera for the delayed images, along and across; a choice."""
SERIES = {"flow": 41, "pool": 42, "delayed": 43}
_VIEWS = (View.ANTERIOR, View.POSTERIOR)


@dataclass(frozen=True, eq=False)
class VirtualScan:
    """What one person's bone scan is made from.

    Parameters
    ----------
    activity : Activity
    how : BoneScan
    planar : dict of str to PlanarSeries
        Noise-free, by ``flow``, ``pool``, ``delayed``; the person lies in each as in the scene.
    moved_mm : array, shape (2,)
        How much further to the left and to the feet the person lies in the delayed images than in the others.
    """

    activity: Activity
    how: BoneScan
    planar: dict[str, PlanarSeries]
    moved_mm: NDArray[np.float64]

    def counts(self, phase: str, seed: int) -> NDArray[np.uint16]:
        """Draw counts, shape (frames, views, rows, columns), as the detectors see them."""
        series = self.planar[phase]
        expected = series.counts
        if phase == "delayed":
            right, down = self.moved_mm / series.detector.pixel_mm
            expected = np.stack(
                [
                    ndimage.shift(expected[:, view], (0, down, right if view == 0 else -right), order=1)
                    for view in range(len(_VIEWS))
                ],
                axis=1,
            )
        return poisson(expected, np.random.default_rng([seed, 440 + SERIES[phase]]))


def draw_uptakes(scene: Scene, seed: int) -> dict[Side, Uptake]:
    """Draw what each hip of a scene takes up; the same for planar images and SPECT of one seed."""
    return {
        side: sample_uptake(scene.lesions[side], np.random.default_rng([seed, 420 + number]))
        for number, side in enumerate(Side)
    }


def emit(scene: Scene, seed: int, uptakes: Mapping[Side, Uptake] | None = None) -> VirtualScan:
    """Lay the tracer out in a scene and take its noise-free planar images."""
    activity = build_activity(scene, draw_uptakes(scene, seed) if uptakes is None else uptakes, seed)
    how = sample_bone_scan(scene.person, np.random.default_rng([seed, 430]))
    planar = {phase: planar_series(scene.person, activity, how, getattr(how, phase)) for phase in PHASES.values()}
    return VirtualScan(activity, how, planar, np.random.default_rng([seed, 431]).normal(0, LYING_SD_MM, 2))


def write_planar_files(folder: Path, scan: VirtualScan, study: StudyTags, seed: int) -> str:
    """Write flow, blood pool and delayed images, one file each.

    Returns
    -------
    str
        Series Instance UID of the delayed images.
    """
    folder.mkdir(parents=True)
    # A camera knows nothing of the scanner's coordinates.
    study = replace(study, frame_of_reference_uid=make_uid(study.study_uid, "gamma camera"))
    injection = Injection(INJECTED_AT, scan.how.injected_mbq, scan.how.mass_g / 1000)

    def camera(phase: str, words: str) -> Camera:
        series = scan.planar[phase]
        start = INJECTED_AT + timedelta(seconds=series.frames.start_s[0])
        return Camera(SERIES[phase], words, start, series.detector.pixel_mm)

    flow = TimedFrames(scan.counts("flow", seed), scan.planar["flow"].frames.duration_s[0])
    write_dynamic(folder / "flow.dcm", [flow], _VIEWS, study, camera("flow", "BONE 3 PHASE FLOW"), injection)
    for phase, words in (("pool", "BLOOD POOL PELVIS"), ("delayed", "DELAYED PELVIS")):
        counts, seconds = scan.counts(phase, seed)[0], scan.planar[phase].frames.duration_s[0]
        write_planar(folder / f"{phase}.dcm", counts, _VIEWS, seconds, study, camera(phase, words), injection)
    return make_uid(study.study_uid, "nm", SERIES["delayed"])


def write_planar_scan(
    folder: Path, scene: Scene, study: StudyTags, seed: int, date: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write a scene's three-phase scan and return its truth: measurement and finding rows."""
    scan = emit(scene, seed)
    study = replace(study, study_uid=make_uid(study.study_uid, "bone scan"))
    evidence = {"series_uid": write_planar_files(folder, scan, study, seed), "image_uids": []}
    return (
        scan_measurements(scene.person, scan.activity, scan.how, scan.planar, date, evidence),
        scan_findings(scene.person, scan.activity, date, evidence),
    )
