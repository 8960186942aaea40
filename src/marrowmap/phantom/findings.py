"""The true findings of a virtual exam without taking its images: a fraction of the work."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from marrowmap.phantom.activity import build_activity
from marrowmap.phantom.dx import lie_down
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.dx_truth import finding_rows as radiograph_findings
from marrowmap.phantom.kinds import draw_exam
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.planar_exam import draw_uptakes
from marrowmap.phantom.scan_truth import scan_findings
from marrowmap.phantom.scene import build_scene
from marrowmap.phantom.truth import finding_rows
from marrowmap.phantom.truth import sum_hip
from marrowmap.values import Side

COARSE_MM = 4.0
"""Of the body around the hip: findings need the fine hip only."""


def true_findings(kind: str, seed: int, side: Side) -> list[dict[str, Any]]:
    """Return what is true of one hip on MRI, bone scan and radiograph, as rows of ``truth.json``.

    Parameters
    ----------
    kind, seed
        As of :func:`~marrowmap.phantom.exam.write_virtual_exam`.
    side : Side
        The hip that is asked for; also the affected one.
    """
    person, lesions, acquisition = draw_exam(kind, seed, side)
    if side not in acquisition.sides:
        acquisition = replace(acquisition, sides=(side,))
    grid = slice_grid(acquisition, person)
    scene = build_scene(person, lesions, replace(acquisition, sides=(side,)), seed, coarse_mm=COARSE_MM)
    rows = finding_rows(scene, side, sum_hip(scene, side, grid), grid, "", {})
    rows += scan_findings(person, build_activity(scene, draw_uptakes(scene, seed), seed), "", {})
    scan = sample_dx(np.random.default_rng([seed, 600]))
    lying = replace(scene, person=lie_down(person, scan))
    rows += radiograph_findings(lying, place_beam(lying.person, scan), scan, "", {})
    return [row for row in rows if row["side"] == side.value]
