"""A fracture line under the joint surface, on painted heads."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.measure.fracture_line import LEAST_SNR
from marrowmap.measure.fracture_line import LENGTHS_MM
from marrowmap.measure.fracture_line import SEEN_EVIDENCE
from marrowmap.measure.fracture_line import SURE_EVIDENCE
from marrowmap.measure.fracture_line import FractureSheet
from marrowmap.measure.fracture_line import blur_across_surface_mm
from marrowmap.measure.fracture_line import find_sheets
from marrowmap.measure.fracture_line import smallest_length_mm
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import upright
from tests.measure.ball import ball_femur
from tests.measure.conftest import LINE_DEPTH_MM
from tests.measure.conftest import LINE_LENGTH_MM
from tests.measure.conftest import LINE_THICKNESS_MM


@pytest.fixture(scope="module")
def sheet(broken_head, measured) -> FractureSheet:
    return measured(broken_head).sheets[0]


def test_a_line_is_found_with_its_length_depth_and_thickness(sheet):
    assert sheet.evidence > SURE_EVIDENCE
    assert sheet.length_mm == pytest.approx(LINE_LENGTH_MM, abs=5)
    assert sheet.longest_mm == pytest.approx(LINE_LENGTH_MM, abs=5)
    assert sheet.longest_mm >= sheet.length_mm
    assert sheet.depth_middle_mm == pytest.approx(LINE_DEPTH_MM, abs=1)
    assert sheet.thickness_mm == pytest.approx(LINE_THICKNESS_MM, abs=0.8)


def test_it_lies_where_it_was_drawn_and_runs_parallel(sheet, broken_head):
    middle = sheet.points.mean(axis=0)
    cosine = middle @ np.array(broken_head.lesion.fracture_line.toward) / np.linalg.norm(middle)
    assert np.degrees(np.arccos(cosine)) < 6
    assert abs(sheet.bow_mm) < 1.0
    assert len(sheet.points) == len(sheet.depth_mm) == len(sheet.chance)
    away = np.linalg.norm(sheet.points, axis=1)
    surface = surface_radius(broken_head.femur, sheet.points / away[:, None])
    assert surface - away == pytest.approx(sheet.depth_mm, abs=0.05)


def test_the_mirrored_head_has_the_same_line(sheet, broken_head):
    there = find_sheets(broken_head.mirrored().images)[0]
    for name in ("evidence", "length_mm", "longest_mm", "thickness_mm", "depth_middle_mm", "bow_mm"):
        assert getattr(there, name) == pytest.approx(getattr(sheet, name), rel=0.05, abs=0.1), name


def test_a_well_head_has_no_line(well_head):
    sheets = find_sheets(well_head.images)
    assert [sheet for sheet in sheets if sheet.evidence >= SEEN_EVIDENCE] == []


def test_blur_is_what_a_voxel_measures_along_the_shaft():
    femur = ball_femur()
    up, _ = upright(femur)
    toward = femur.axes @ up
    across = np.linalg.svd(toward[None])[2][1:]
    affine = np.eye(4)
    affine[:3, :3] = np.stack([0.6 * across[0], 0.6 * across[1], 4.0 * toward], axis=1)
    assert blur_across_surface_mm(femur, Grid((5, 5, 5), affine, "1.9")) == pytest.approx(4.0)
    affine[:3, :3] = np.stack([0.6 * toward, 0.6 * across[1], 4.0 * across[0]], axis=1)
    assert blur_across_surface_mm(femur, Grid((5, 5, 5), affine, "1.9")) == pytest.approx(0.6)


def test_the_smallest_length_grows_with_blur_and_in_noise_nothing_is_sure():
    # As docs/benchmarks/line_detection.md prints them.
    assert smallest_length_mm(0.6, 60.0) == pytest.approx(6.3, abs=0.05)
    assert smallest_length_mm(2.0, 60.0) == pytest.approx(8.7, abs=0.05)
    assert smallest_length_mm(4.0, 60.0) == pytest.approx(13.8, abs=0.05)
    assert smallest_length_mm(0.0, 60.0) >= LENGTHS_MM[0]
    assert smallest_length_mm(9.0, 60.0) is None
    assert smallest_length_mm(0.7, 0.9 * LEAST_SNR) is None
