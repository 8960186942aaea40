"""A line across the femoral neck, on painted hips."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy import bone_mask
from marrowmap.measure.neck_line import LEAST_LENGTH_MM
from marrowmap.measure.neck_line import LEAST_SNR
from marrowmap.measure.neck_line import MOST_BLUR_MM
from marrowmap.measure.neck_line import SMALLEST_MM
from marrowmap.measure.neck_line import SURE_EVIDENCE
from marrowmap.measure.neck_line import NeckLine
from marrowmap.measure.neck_line import find_neck_line
from marrowmap.measure.neck_line import smallest_length_mm
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.person import Hip
from marrowmap.phantom.stress_fracture import sample_stress_fracture
from tests.measure.conftest import PaintedHead
from tests.measure.conftest import paint_head

LENGTH_MM = 15.0
"""From the bone's surface: cortex included."""


@pytest.fixture(scope="module")
def stress(hip: Hip) -> Lesion:
    lesion = sample_stress_fracture(hip, np.random.default_rng(3))
    line = replace(lesion.cross_line, length_mm=LENGTH_MM, breadth_mm=16.0, thickness_mm=1.8)
    return replace(lesion, cross_line=line)


@pytest.fixture(scope="module")
def broken_neck(stress: Lesion) -> PaintedHead:
    return paint_head(stress)


@pytest.fixture(scope="module")
def line(broken_neck: PaintedHead) -> NeckLine:
    return find_neck_line(broken_neck.images)


def test_a_line_is_found_at_its_place_from_the_medial_cortex(line, stress):
    assert line.evidence > SURE_EVIDENCE
    assert line.cortex == "medial"
    drawn = stress.cross_line
    off = (line.points - np.array(drawn.start)) @ np.array(drawn.normal)
    assert np.sqrt((off**2).mean()) < 1.5
    assert line.place_mm == pytest.approx(drawn.start[0], abs=3)
    inward = (line.points - np.array(drawn.start)) @ np.array(drawn.way)
    assert inward.min() > 0
    assert inward.max() < LENGTH_MM + 3


def test_its_length_is_that_through_the_marrow(line):
    # The cortex is 2 to 4 mm thick there.
    assert LENGTH_MM - 7 < line.length_mm < LENGTH_MM + 1
    assert line.length_mm >= LEAST_LENGTH_MM
    assert 100 * line.length_mm / line.neck_mm == pytest.approx(line.share_percent)
    assert 10 < line.share_percent < 70
    assert line.breadth_mm == pytest.approx(16.0, abs=7)


def test_its_mask_lies_in_the_bone_and_on_the_line(line, broken_neck, stress):
    grid = broken_neck.t1.volume.grid
    mask = line.mask(grid)
    assert mask.array.any()
    assert not (mask.array & ~bone_mask(line.femur, grid).array).any()
    local = line.femur.to_bone(grid.to_world(np.argwhere(mask.array)))
    off = (local - np.array(stress.cross_line.start)) @ np.array(stress.cross_line.normal)
    assert np.abs(off).max() < 5


def test_the_mirrored_hip_has_the_same_line(line, broken_neck):
    there = find_neck_line(broken_neck.mirrored().images)
    assert there.cortex == line.cortex
    for name in ("evidence", "place_mm", "length_mm", "breadth_mm", "neck_mm"):
        assert getattr(there, name) == pytest.approx(getattr(line, name), rel=0.05, abs=0.1), name
    assert there.points == pytest.approx(line.points, abs=1e-6)


def test_edema_without_a_line_has_none(stress):
    assert find_neck_line(paint_head(replace(stress, cross_line=None)).images) is None


def test_a_well_neck_has_none_nor_one_with_a_dead_head(well_head, dead_head):
    assert find_neck_line(well_head.images) is None
    assert find_neck_line(dead_head.images) is None


def test_a_line_in_t1_alone_is_none(broken_neck, stress):
    without = paint_head(replace(stress, cross_line=None))
    assert find_neck_line(replace(broken_neck, fluid=without.fluid).images) is None
    assert find_neck_line(replace(broken_neck, t1=without.t1).images) is None


def test_in_blur_or_noise_nothing_is_sure_to_be_seen():
    assert smallest_length_mm(MOST_BLUR_MM, LEAST_SNR) == SMALLEST_MM
    assert smallest_length_mm(1.01 * MOST_BLUR_MM, 60.0) is None
    assert smallest_length_mm(1.0, 0.99 * LEAST_SNR) is None
