from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.phantom import draw_exam
from marrowmap.phantom.collapse import DEPRESSION_MM
from marrowmap.phantom.collapse import Depression
from marrowmap.phantom.collapse import deepest_mm
from marrowmap.phantom.collapse import depression_of
from marrowmap.phantom.collapse import necrotic_edge_deg
from marrowmap.phantom.collapse import sink
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.scene import truth_on_slices
from marrowmap.phantom.truth import finding_rows
from marrowmap.phantom.truth import measurement_rows
from marrowmap.phantom.truth import sum_hip
from marrowmap.values import Side


def _surface_mm(built, ways):
    """Where the painted bone ends along unit vectors from the head center, mm."""
    hip, truth = built.person.hips[Side.LEFT], built.fine[Side.LEFT].truths[Side.LEFT]
    reach = np.arange(8.0, 34.0, 0.1)
    found = []
    for way in ways:
        points = hip.center + reach[:, None] * (hip.axes @ way)
        index = truth.grid.to_index(points)
        low = np.floor(index).astype(int)
        part = index - low
        value = np.zeros(len(reach))
        for corner in np.ndindex(2, 2, 2):
            weight = np.prod(np.where(corner, part, 1 - part), axis=1)
            value += weight * truth.bone[tuple((low + corner).T)]
        found.append(reach[0] + (value > 0.5).sum() * 0.1)
    return np.array(found)


def test_the_bone_surface_moves_by_the_depression(necrotic_scene, collapsed_scene):
    necrosis = collapsed_scene.lesions[Side.LEFT].necrosis
    toward = np.array(necrosis.toward)
    aside = np.cross(toward, (0.0, 0.0, 1.0))
    aside /= np.linalg.norm(aside)
    angles = np.radians([0, 5, 20, 35, 44, 70, 120])
    ways = np.cos(angles)[:, None] * toward + np.sin(angles)[:, None] * aside
    moved = _surface_mm(necrotic_scene, ways) - _surface_mm(collapsed_scene, ways)
    assert moved[0] == pytest.approx(3.0, abs=0.15)
    assert moved[1] == pytest.approx(3.0, abs=0.2)
    assert 0.3 < moved[2] < 2.9
    assert (np.diff(moved[:5]) < 0.15).all()
    assert np.abs(moved[4:]).max() < 0.15


def test_joint_fluid_fills_what_has_sunk(necrotic_scene, collapsed_scene):
    hip = necrotic_scene.person.hips[Side.LEFT]
    before, after = (built.fine[Side.LEFT].truths[Side.LEFT] for built in (necrotic_scene, collapsed_scene))
    voxel = before.grid.voxel_volume_ml
    lost, gained = (before.bone - after.bone).sum() * voxel, (after.fluid - before.fluid).sum() * voxel
    assert lost > 0.8
    assert gained == pytest.approx(lost, rel=0.35)
    part = collapsed_scene.fine[Side.LEFT]
    # Between the cartilage of the sunken head and that of the socket the picture shows fluid.
    toward = np.array(collapsed_scene.lesions[Side.LEFT].necrosis.toward)
    place = hip.center + (hip.radius - 0.2) * (hip.axes @ toward)
    stir = paint(part.layers, part.grid.shape, Contrast.STIR, 1.5)
    at = tuple(np.rint(part.grid.to_index(place)).astype(int))
    assert stir[at] > 0.5


def test_truth_of_a_collapsed_head(collapsed_scene):
    seen = slice_grid(Acquisition(), collapsed_scene.person)
    sums = sum_hip(collapsed_scene, Side.LEFT, seen)
    rows = measurement_rows(collapsed_scene, Side.LEFT, sums, seen, "2026-01-05", {})
    values = {row["quantity"]: row["value"] for row in rows}
    assert values["head_depression"] == 3.0
    assert values["koo_index"] == pytest.approx((values["kerboul_angle"] / 360) ** 2 * 100, rel=0.02)
    rows = finding_rows(collapsed_scene, Side.LEFT, sums, seen, "2026-01-05", {})
    states = {row["sign"]: row["state"] for row in rows}
    assert states["head_collapse"] == states["crescent"] == states["subchondral_band"] == "present"
    # Open and bright where fluid is, the cleft is a fracture all the same, and dark in T1.
    assert states["subchondral_fracture_line"] == "present"
    assert next(row["note"] for row in rows if row["sign"] == "subchondral_band").startswith("extent ")
    shares = truth_on_slices(collapsed_scene, replace_slices(seen), 4.0, Side.LEFT)
    assert {"lesion", "band", "line"} <= set(shares)
    assert shares["line"].max() > 0.2
    well = sum_hip(collapsed_scene, Side.RIGHT, seen)
    rows = measurement_rows(collapsed_scene, Side.RIGHT, well, seen, "2026-01-05", {})
    assert [row["value"] for row in rows if row["quantity"] in {"head_depression", "koo_index"}] == [0, 0]


def replace_slices(grid):
    """Fewer slices, for speed."""
    return replace(grid, shape=(*grid.shape[:2], 20))


def test_an_open_crescent_is_bright_and_dark(collapsed_scene):
    part = collapsed_scene.fine[Side.LEFT]
    truth = part.truths[Side.LEFT]
    start = np.rint(part.grid.to_index(truth.grid.to_world((0, 0, 0)))).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(start, truth.grid.shape, strict=True))
    inside, core = (
        truth.line > 0.9,
        (truth.lesion > 0.99) & (truth.band == 0) & (truth.line == 0) & (truth.marrow > 0.99),
    )
    stir, t1 = (paint(part.layers, part.grid.shape, c, 1.5)[box] for c in (Contrast.STIR, Contrast.T1))
    assert np.median(stir[inside]) > 4 * np.median(stir[core])
    assert np.median(t1[inside]) < 0.6 * np.median(t1[core])


@pytest.mark.parametrize(("edge", "depth"), [(25.0, 1.0), (50.0, 5.0)])
def test_the_sunken_top_is_flat_and_no_pit(edge, depth):
    radius = 23.0
    assert depth <= deepest_mm(edge, radius)
    angle = np.radians(np.arange(0, 90, 0.5))
    bone = radius * np.stack([np.sin(angle), np.cos(angle), 0 * angle], axis=-1).astype(np.float32)
    moved = sink(Depression((0.0, 1.0, 0.0), edge, depth), radius, bone)
    assert moved.max() == pytest.approx(depth, abs=1e-4)
    assert moved[0] == moved.max()
    assert moved[angle > np.radians(edge)].max() == 0
    height = (radius - moved) * np.cos(angle)
    assert height.max() - height[0] < 0.35 * depth
    assert np.abs(np.diff(moved)).max() < 0.25


def test_a_third_of_heads_collapses_and_nothing_else_changes():
    hips = [lesion for seed in range(150) for lesion in draw_exam("onfh", seed)[1].values() if lesion.necrosis]
    sunken = [lesion for lesion in hips if lesion.necrosis.depression_mm > 0]
    assert len(sunken) / len(hips) == pytest.approx(0.35, abs=0.07)
    depths = [lesion.necrosis.depression_mm for lesion in sunken]
    assert min(depths) >= DEPRESSION_MM[0]
    assert max(depths) <= DEPRESSION_MM[1]
    assert 0.2 < np.mean([depth > 2 for depth in depths]) < 0.8
    assert all(lesion.fracture_line is None for lesion in hips if lesion.necrosis.depression_mm == 0)
    crescents = [lesion.fracture_line for lesion in sunken if lesion.fracture_line]
    assert 0.4 < len(crescents) / len(sunken) < 0.8
    assert {line.filling for line in crescents} == {"fluid", "bone"}
    for lesion in sunken:
        assert depression_of(lesion, 23.0).half_angle_deg == necrotic_edge_deg(lesion.necrosis)
        assert necrotic_edge_deg(lesion.necrosis) < lesion.necrosis.half_angle_deg
    assert depression_of(WELL, 23.0) is None
