"""How well the collimated field of a radiograph is estimated where no tag tells it: virtual pelves.

    python benchmarks/radiograph_fields.py --seeds 101 102 103 104 105 106

Each film is written raw and for the eye with its collimator's edges; the field estimated from the pixels alone is
compared with them, and with the open detector where the collimator stood outside the picture.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from marrowmap.ingest import Radiograph
from marrowmap.ingest import read_exam
from marrowmap.ingest.dx_field import estimate_field
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import lie_down
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.dx_dicom import DxFile
from marrowmap.phantom.dx_dicom import Intent
from marrowmap.phantom.dx_dicom import write_dx
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.values import Side


def take(seed: int, folder: Path) -> tuple[tuple[float, ...], dict[Intent, Radiograph]]:
    """Take one virtual pelvis; return how far the collimator reaches in (mm) and the films as read."""
    person, lesions, acquisition = draw_exam("normal", seed)
    scan = sample_dx(np.random.default_rng([seed, 600]))
    scene = build_scene(lie_down(person, scan), lesions, replace(acquisition, sides=tuple(Side)), seed)
    cone = place_beam(scene.person, scan)
    counts = expose(line_integrals(cone, scene), cone, scan, np.random.default_rng([seed, 610]))
    study = StudyTags("P1", make_uid("study"), make_uid("frame"), "20260105", person)
    films = {}
    for number, intent in enumerate(Intent, start=1):
        path = folder / f"{number}.dcm"
        write_dx(path, counts, cone, scan, DxFile(intent), study, number)
        (films[intent],) = read_exam([path]).radiographs
    return scan.inset_mm, films


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103, 104, 105, 106])
    options = parser.parse_args()
    print("| seed | collimator: left, right, top, bottom, mm | film | unlit taken for lit | lit taken for unlit |")
    print("|---|---|---|---|---|")
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            inset, films = take(seed, Path(folder))
        for intent, film in films.items():
            estimated = estimate_field(film.plane.array)
            wrong, lost = (estimated & ~film.lit).sum(), (film.lit & ~estimated).sum()
            print(
                f"| {seed} | {', '.join(f'{side:.0f}' for side in inset)} | {intent.value.lower()} | "
                f"{100 * wrong / max((~film.lit).sum(), 1):.1f} % | {100 * lost / film.lit.sum():.1f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
