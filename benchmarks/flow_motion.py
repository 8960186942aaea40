"""A patient who moves during the flow phase: found or not, by how far.

    .venv/bin/python benchmarks/flow_motion.py --seeds 101:113

Virtual flows at clinical counts, written and read as gamma camera files; from a third or two thirds of the counts on
the person lies further along or across by a set distance. The limit was set on seeds 1 to 9. About 8 s a person.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
from scipy import ndimage

from marrowmap.image import View
from marrowmap.ingest import read_exam
from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import MOST_UNREST_MM
from marrowmap.measure.planar_images import find_unrest
from marrowmap.measure.planar_images import phase_images
from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.bone_scan import PlanarSeries
from marrowmap.phantom.bone_scan import planar_series
from marrowmap.phantom.bone_scan import sample_bone_scan
from marrowmap.phantom.camera import poisson
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.nm_dicom import TimedFrames
from marrowmap.phantom.nm_dicom import write_dynamic
from marrowmap.phantom.nm_file import Camera
from marrowmap.phantom.nm_file import Injection
from marrowmap.phantom.planar_exam import INJECTED_AT
from planar_studies import lay_out
from planar_studies import uptakes_of

KINDS = ("toh", "onfh", "normal")
MOVES_MM = ((0.0, 0.0), (6.0, 0.0), (0.0, 6.0), (12.0, 0.0), (0.0, 12.0), (20.0, 0.0), (0.0, 20.0))
"""To the left and to the feet."""
VIEWS = (View.ANTERIOR, View.POSTERIOR)


def moved(series: PlanarSeries, move: tuple[float, float], share: float) -> np.ndarray:
    """Return the expected counts of a person who moves once `share` of the counts has come."""
    counts = np.array(series.counts)
    seen = np.cumsum(counts.sum(axis=(1, 2, 3)))
    late = seen > share * seen[-1]
    right, down = np.array(move) / series.detector.pixel_mm
    for view in range(len(VIEWS)):
        columns = right if view == 0 else -right
        counts[late, view] = ndimage.shift(counts[late, view], (0, down, columns), order=1)
    return counts


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="101:113")
    first, last = map(int, parser.parse_args().seeds.split(":"))
    found: dict[tuple[float, float], list[float]] = {move: [] for move in MOVES_MM}
    for seed in range(first, last):
        kind = KINDS[seed % len(KINDS)]
        scene = lay_out(kind, seed, whole_body=False)
        activity = build_activity(scene, uptakes_of(scene.lesions, seed), seed)
        how = sample_bone_scan(scene.person, np.random.default_rng([seed, 430]))
        series = planar_series(scene.person, activity, how, how.flow)
        middle = np.mean([hip.center[[0, 2]] for hip in scene.person.hips.values()], axis=0)
        # A file's coordinates: the middle of the detector is their origin.
        middle = middle - [series.axis_x_mm, series.detector.center_z_mm]
        study = StudyTags(
            f"{kind}-{seed}", make_uid(kind, seed), make_uid(kind, seed, "frame"), "20260105", scene.person
        )
        camera = Camera(41, "BONE 3 PHASE FLOW", INJECTED_AT + timedelta(seconds=0), series.detector.pixel_mm)
        injection = Injection(INJECTED_AT, how.injected_mbq, how.mass_g / 1000)
        for number, move in enumerate(MOVES_MM):
            rng = np.random.default_rng([seed, number, 860])
            expected = moved(series, move, float(rng.choice([1 / 3, 2 / 3])))
            with tempfile.TemporaryDirectory() as folder:
                frames = TimedFrames(poisson(expected, rng), how.flow.duration_s[0])
                own = replace(study, study_uid=make_uid(study.study_uid, "flow", number))
                write_dynamic(Path(folder) / "flow.dcm", [frames], VIEWS, own, camera, injection)
                images, _ = phase_images(read_exam([Path(folder)]).scans)
            found[move].append(find_unrest(images[Phase.FLOW], middle))
    print("| moved to the left, to the feet, mm | flows | read as moved, median, mm | least to greatest | left out |")
    print("|---|---|---|---|---|")
    for (left, feet), read in found.items():
        out = sum(value > MOST_UNREST_MM for value in read)
        print(
            f"| {left:g}, {feet:g} | {len(read)} | {np.median(read):.1f} | {min(read):.1f} to {max(read):.1f} | {out} |"
        )


if __name__ == "__main__":
    main()
