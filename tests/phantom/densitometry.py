"""A virtual person's densitometry, coarse and so fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.phantom import dxa_exam
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import build_scene
from marrowmap.values import Side

SEED = 5


@dataclass(frozen=True)
class Densitometry:
    folder: Path
    records: Path
    settings: dict[str, Any]
    rows: list[dict[str, Any]]

    def true(self, side: Side, region: str, quantity: str = "bmd") -> float:
        wanted = (side.value, region, quantity)
        return next(r["value"] for r in self.rows if (r["side"], r["region"], r["quantity"]) == wanted)


def write_small_dxa(folder: Path, left: Lesion = WELL, metal_side: Side | None = None) -> Densitometry:
    """Write a person's densitometry with voxels of 1.6 mm instead of 0.8."""
    person = sample_person(np.random.default_rng([SEED, 101]))
    lesions = {Side.LEFT: left, Side.RIGHT: WELL}
    scene = build_scene(person, lesions, Acquisition(sides=()), SEED, coarse_mm=4.0)
    study = StudyTags("P", make_uid("s", "dxa"), make_uid("f"), "20260105", person)
    usual = dxa_exam.FINE_MM
    dxa_exam.FINE_MM = 1.6
    try:
        where = (folder / "dicom", folder / "dxa")
        settings, rows = dxa_exam.write_dxa(*where, scene, study, SEED, "2026-01-05", metal_side)
    finally:
        dxa_exam.FINE_MM = usual
    return Densitometry(folder / "dicom", folder / "dxa" / "records.csv", settings, rows)
