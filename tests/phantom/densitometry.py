"""A virtual person's densitometry, fast: coarse voxels, and even flesh around the bones."""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from marrowmap.phantom import dxa_exam
from marrowmap.phantom.dicom import StudyTags
from marrowmap.phantom.dicom import make_uid
from marrowmap.phantom.hip import bone_layers
from marrowmap.phantom.layers import Layer
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import sample_person
from marrowmap.phantom.scene import Part
from marrowmap.phantom.scene import Scene
from marrowmap.values import Side

SEED = 5
SICK = replace(WELL, bone_loss=0.3, boundary_mm=40.0)
"""Three tenths of its mineral lost, down into the intertrochanteric region."""


@dataclass(frozen=True)
class Densitometry:
    folder: Path
    records: Path
    settings: dict[str, Any]
    rows: list[dict[str, Any]]

    def true(self, side: Side, region: str, quantity: str = "bmd") -> float:
        wanted = (side.value, region, quantity)
        return next(r["value"] for r in self.rows if (r["side"], r["region"], r["quantity"]) == wanted)


@lru_cache(maxsize=2)
def small_scene(left: Lesion) -> Scene:
    """Return a person's bones in even flesh; built once for all tests of a run."""
    person = sample_person(np.random.default_rng([SEED, 101]))
    lesions = {Side.LEFT: left, Side.RIGHT: WELL}
    reach = np.array([[-190.0, -100.0, -130.0], [190.0, 100.0, 80.0]]) + person.origin
    grid = make_grid(*reach, 3.0)
    bones = bone_layers(person, lesions, grid, np.random.default_rng(1), sides=tuple(Side))
    whole = (slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2]))
    flesh = Layer("muscle", whole, np.ones(grid.shape, np.float32))
    fat = Layer("fat", whole, np.full(grid.shape, 0.3, np.float32), "muscle")
    return Scene(person, lesions, Part(grid, [flesh, fat, *bones.layers], bones.truths), {})


def write_small_dxa(folder: Path, left: Lesion = SICK, metal_side: Side | None = None) -> Densitometry:
    """Write a person's densitometry with voxels of 1.6 mm instead of 0.8."""
    scene = small_scene(left)
    study = StudyTags("P", make_uid("s", "dxa"), make_uid("f"), "20260105", scene.person)
    usual = dxa_exam.FINE_MM
    dxa_exam.FINE_MM = 1.6
    try:
        where = (folder / "dicom", folder / "dxa")
        settings, rows = dxa_exam.write_dxa(*where, scene, study, SEED, "2026-01-05", metal_side)
    finally:
        dxa_exam.FINE_MM = usual
    return Densitometry(folder / "dicom", folder / "dxa" / "records.csv", settings, rows)
