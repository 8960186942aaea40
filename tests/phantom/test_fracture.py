from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.phantom import draw_exam
from marrowmap.phantom.fracture import LENGTH_MM
from marrowmap.phantom.fracture import THICKNESS_MM
from marrowmap.phantom.fracture import UNDER_SURFACE_MM
from marrowmap.phantom.fracture import line_extents_mm
from marrowmap.phantom.fracture import line_share
from marrowmap.phantom.fracture import sample_fracture_line
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import points_of
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import paint
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.person import pose_hip
from marrowmap.phantom.truth import finding_rows
from marrowmap.phantom.truth import measurement_rows
from marrowmap.phantom.truth import sum_hip
from marrowmap.values import Side

RADIUS = 23.0


def _hip(side=Side.LEFT):
    still = Rotation.identity()
    return pose_hip(np.zeros(26), side, still, still)


def _paint(line, step=0.4):
    """Lay a line out in a round head: its share and the points in bone coordinates."""
    points = points_of(make_grid(np.full(3, -26.0), np.full(3, 26.0), step))
    depth = RADIUS - np.sqrt((points**2).sum(axis=-1))
    return line_share(line, RADIUS, depth, points, step), points


UP = (0.0, 1.0, 0.0)


@pytest.mark.parametrize("thickness", [0.6, 1.5, 4.0])
@pytest.mark.parametrize("bow", [0.0, 1.5])
def test_a_line_is_as_thick_as_it_says(thickness, bow):
    line = FractureLine(UP, 16.0, 12.0, 4.0, thickness, bow)
    step = 0.4
    share, points = _paint(line, step)
    middle = (np.abs(points[..., 0]) < 0.3) & (np.abs(points[..., 2]) < 0.3)
    columns = round(middle.sum() / points.shape[1])
    # Darkness adds up to the thickness at any voxel size.
    assert share[middle].sum() * step / columns == pytest.approx(thickness, rel=0.04)
    depth = RADIUS - np.linalg.norm(points, axis=-1)
    assert (depth * share)[middle].sum() / share[middle].sum() == pytest.approx(4.0, abs=0.15)


def test_thickness_across_a_bowed_line_is_the_same_at_its_ends():
    line = FractureLine(UP, 20.0, 20.0, 3.0, 2.0, 2.5)
    share, points = _paint(line)
    x, y = points[..., 0], points[..., 1]
    volume = share[(np.abs(points[..., 2]) < 1.9) & (np.abs(x) < 7)].sum() * 0.4**3
    radius = RADIUS - 3.0
    flat = 2 * 7 * 3.6 * 2.0
    # A plane cut over the same opening holds a little less than the dome does.
    assert 1.04 * flat < volume < 1.3 * flat
    assert share.max() <= 1
    assert y[share > 0.5].max() < radius + 1.4


@pytest.mark.parametrize(("length", "breadth"), [(8.0, 12.0), (20.0, 10.0)])
def test_a_line_is_as_long_as_it_says(length, breadth):
    share, points = _paint(FractureLine(UP, length, breadth, 3.0, 2.0))
    arm = RADIUS - 3.0
    seen = share > 0.5
    for axis, expected in ((0, length), (2, breadth)):
        in_plane = seen & (np.abs(points[..., 2 - axis]) < 0.3)
        angle = np.arctan2(points[in_plane][:, axis], points[in_plane][:, 1])
        assert (angle.max() - angle.min()) * arm == pytest.approx(expected, abs=0.8)
    assert line_extents_mm(FractureLine(UP, length, breadth, 3.0, 2.0)) == (length, max(length, breadth))


def test_a_line_never_turns_up_to_the_surface_at_its_ends():
    hip = _hip()
    for seed in range(40):
        line = sample_fracture_line(hip, np.random.default_rng(seed))
        assert LENGTH_MM[0] <= line.length_mm <= LENGTH_MM[1]
        assert THICKNESS_MM[0] <= line.thickness_mm <= THICKNESS_MM[1]
        assert line.bow_mm >= 0
        assert line.depth_mm - line.thickness_mm / 2 >= UNDER_SURFACE_MM - 1e-9
        assert line.depth_mm <= 6.0
        assert np.array(line.toward) @ np.array(upright(hip)[0]) > np.cos(np.radians(45))
        share, points = _paint(replace(line, toward=UP), 1.0)
        depth = RADIUS - np.linalg.norm(points, axis=-1)
        outer = share > 0.5
        aside = np.abs(np.arctan2(points[..., 0], points[..., 1]))
        ends, middle = outer & (aside > np.percentile(aside[outer], 80)), outer & (aside < 0.1)
        if middle.any() and ends.any():
            assert depth[ends].mean() > depth[middle].mean() - 0.9


def test_left_and_right_lines_mirror_each_other():
    left, right = _hip(Side.LEFT), _hip(Side.RIGHT)
    one, two = (sample_fracture_line(hip, np.random.default_rng(3)) for hip in (left, right))
    assert np.allclose(one.toward, two.toward, atol=1e-6)
    a, b = left.axes @ np.array(one.toward), right.axes @ np.array(two.toward)
    assert np.allclose(a * (-1, 1, 1), b, atol=1e-6)
    assert (one.length_mm, one.thickness_mm) == (two.length_mm, two.thickness_mm)


def test_a_line_is_dark_in_every_sequence_and_has_its_truth(scene):
    built, seen = scene
    hip, part = built.person.hips[Side.LEFT], built.fine[Side.LEFT]
    line, truth = built.lesions[Side.LEFT].fracture_line, part.truths[Side.LEFT]
    start = np.rint(part.grid.to_index(truth.grid.to_world((0, 0, 0)))).astype(int)
    box = tuple(slice(a, a + n) for a, n in zip(start, truth.grid.shape, strict=True))
    bone = hip.bone_coordinates(truth.grid.points().astype(np.float32))
    near = (bone @ np.array(line.toward, np.float32) > 0.5 * hip.radius) & (truth.marrow > 0.99)
    dark, around = near & (truth.line > 0.9), near & (truth.line == 0)
    assert dark.sum() > 100
    for contrast in Contrast:
        image = paint(part.layers, part.grid.shape, contrast, 1.5)[box]
        assert np.median(image[dark]) < 0.5 * np.median(image[around])
    volume = truth.line.sum() * truth.grid.voxel_volume_ml * 1000
    assert volume == pytest.approx(np.pi / 4 * line.length_mm * line.breadth_mm * line.thickness_mm, rel=0.12)
    sums = sum_hip(built, Side.LEFT, seen)
    rows = measurement_rows(built, Side.LEFT, sums, seen, "2026-01-05", {})
    found = [(row["quantity"], row["value"]) for row in rows if row["region"] == "subchondral"]
    assert found == [
        ("subchondral_line_thickness", 2.0),
        ("subchondral_line_length", 14.0),
        ("subchondral_line_length", 14.0),
    ]
    states = {row["sign"]: row["state"] for row in finding_rows(built, Side.LEFT, sums, seen, "2026-01-05", {})}
    assert states["subchondral_fracture_line"] == "present"
    assert states["crescent"] == states["subchondral_band"] == states["head_collapse"] == "absent"


def test_toh_with_a_fracture_always_has_its_line():
    for seed in range(20):
        person, lesions, _ = draw_exam("toh_fracture", seed)
        plain_person, plain, _ = draw_exam("toh", seed)
        side = next(side for side in Side if lesions[side].amount > 0)
        assert lesions[side].fracture_line is not None
        assert lesions[side].necrosis is None
        assert person.age_years == plain_person.age_years
        assert replace(lesions[side], fracture_line=None) == replace(plain[side], fracture_line=None)


def test_half_of_transient_osteoporosis_has_a_line_and_it_goes_with_the_edema():
    drawn = [lesion for seed in range(100) for lesion in draw_exam("toh", seed)[1].values() if lesion.amount > 0]
    assert np.mean([lesion.fracture_line is not None for lesion in drawn]) == pytest.approx(0.49, abs=0.12)
    healed = [lesion for seed in range(10) for lesion in draw_exam("toh", seed, None, 40.0)[1].values()]
    assert not any(lesion.fracture_line for lesion in healed)
