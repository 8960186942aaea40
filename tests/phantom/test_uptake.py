from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.image import Grid
from marrowmap.phantom import KINDS
from marrowmap.phantom import draw_exam
from marrowmap.phantom.kinetics import Pool
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.uptake import GEMMEL
from marrowmap.phantom.uptake import STAUDENHERZ
from marrowmap.phantom.uptake import Factors
from marrowmap.phantom.uptake import Pattern
from marrowmap.phantom.uptake import Uptake
from marrowmap.phantom.uptake import involvement
from marrowmap.phantom.uptake import sample_uptake
from marrowmap.values import Side
from tests.phantom.conftest import still_hip

EXPECTED = {
    "normal": {Pattern.NORMAL},
    "red_marrow": {Pattern.NORMAL},
    "toh": {Pattern.HOMOGENEOUS},
    "toh_fracture": {Pattern.HOMOGENEOUS},
    "onfh": {Pattern.COLD, Pattern.COLD_IN_HOT, Pattern.HOT},
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_its_pattern(kind):
    for seed in range(4):
        _, lesions, _ = draw_exam(kind, seed, Side.LEFT, 8.0)
        drawn = sample_uptake(lesions[Side.LEFT], np.random.default_rng(seed))
        assert drawn.pattern in EXPECTED.get(kind, {Pattern.FOCAL})
        assert drawn == sample_uptake(lesions[Side.LEFT], np.random.default_rng(seed))
        if drawn.pattern not in {Pattern.NORMAL, Pattern.COLD}:
            assert drawn.involved.delayed > 1.5


def test_a_literature_setting_changes_how_often_and_nothing_else():
    _, lesions, _ = draw_exam("toh", 1, Side.LEFT, 8.0)
    toh = lesions[Side.LEFT]
    _, lesions, _ = draw_exam("onfh", 1, Side.LEFT)
    dead = lesions[Side.LEFT]
    seeds = range(600)

    def share(lesion, frequencies, patterns):
        return np.mean(
            [sample_uptake(lesion, np.random.default_rng(n), frequencies).pattern in patterns for n in seeds]
        )

    cold = {Pattern.COLD, Pattern.COLD_IN_HOT}
    assert share(toh, GEMMEL, {Pattern.HOMOGENEOUS}) == 1
    assert share(toh, STAUDENHERZ, {Pattern.HOMOGENEOUS}) == pytest.approx(0.36, abs=0.05)
    assert share(dead, STAUDENHERZ, cold) == pytest.approx(0.24, abs=0.05)
    assert share(dead, GEMMEL, cold) == pytest.approx(0.7, abs=0.05)


def test_uptake_fades_with_the_edema():
    _, lesions, _ = draw_exam("toh", 1, Side.LEFT, 8.0)
    strengths = [
        sample_uptake(replace(lesions[Side.LEFT], amount=amount), np.random.default_rng(2)).involved.delayed
        for amount in (0.7, 0.3, 0.1)
    ]
    assert strengths[0] > strengths[1] > strengths[2] > 1
    assert sample_uptake(WELL, np.random.default_rng(2)) == Uptake()


def _laid_out(lesion, uptake, side, spacing=2.0):
    hip = still_hip(side)
    low, high = np.array([-40.0, -40, -90]), np.array([60.0, 40, 35])
    grid = make_grid(hip.center + low, hip.center + high, spacing)
    if side is Side.RIGHT:
        left = still_hip(Side.LEFT)
        grid = make_grid(left.center + low, left.center + high, spacing)
        affine = np.array(grid.affine)
        affine[0, 3] = -(grid.affine[0, 3] + (grid.shape[0] - 1) * spacing)
        grid = Grid(grid.shape, affine)
    return hip, grid, involvement(lesion, uptake, hip, grid, np.zeros(grid.shape, np.float32))


@pytest.mark.parametrize("kind", ["toh", "onfh", "osteoarthritis", "tumor", "infection"])
def test_left_and_right_are_mirror_images(kind):
    _, lesions, _ = draw_exam(kind, 2, Side.LEFT, 8.0)
    lesion = lesions[Side.LEFT]
    uptake = sample_uptake(lesion, np.random.default_rng(2))
    _, _, left = _laid_out(lesion, uptake, Side.LEFT)
    _, _, right = _laid_out(lesion, uptake, Side.RIGHT)
    for name in ("involved", "core", "socket"):
        assert np.abs(getattr(left, name) - getattr(right, name)[::-1]).max() < 0.02, name
    assert left.involved.max() > 0.5


def test_homogeneous_uptake_ends_at_the_plane_and_takes_in_the_medial_head():
    _, lesions, _ = draw_exam("toh", 2, Side.LEFT, 8.0)
    lesion = replace(lesions[Side.LEFT], medial_sparing=True, boundary_mm=0.0, width_mm=4.0)
    hip, grid, found = _laid_out(lesion, Uptake(Pattern.HOMOGENEOUS), Side.LEFT)
    past = hip.past_plane(grid.points().astype(np.float32))
    above = (grid.points() - hip.landmarks["lesser_trochanter_upper"]) @ hip.shaft < -8
    medial = np.linalg.norm(grid.points() - (hip.center - 0.7 * hip.radius * hip.axes[:, 0]), axis=-1) < 4
    assert found.involved[medial].min() > 0.95
    assert found.involved[(past < -8) & above].min() > 0.95
    assert found.involved[past > 12].max() < 0.05


def test_core_is_dead_and_its_rim_alive():
    _, lesions, _ = draw_exam("onfh", 2, Side.LEFT)
    uptake = Uptake(Pattern.COLD_IN_HOT, Factors(1.5, 1.5, 3.0), Factors(0.2, 0.6, 0.2), 6.0)
    _, _, found = _laid_out(lesions[Side.LEFT], uptake, Side.LEFT)
    delayed = found.factor(uptake, Pool.BONE)
    assert delayed[found.core > 0.99].max() < 0.25
    assert delayed.max() > 2.8
    assert np.allclose(found.factor(uptake, Pool.URINE), 1)
