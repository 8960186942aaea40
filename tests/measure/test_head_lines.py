"""Lines through a head: what is read along them, and what the networks make of it."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Grid
from marrowmap.image import Volume
from marrowmap.measure.head_lines import BAND_NEAREST_MM
from marrowmap.measure.head_lines import BRIGHTEST
from marrowmap.measure.head_lines import HALF_WINDOW
from marrowmap.measure.head_lines import STEP_MM
from marrowmap.measure.head_lines import SURFACE_REACH_MM
from marrowmap.measure.head_lines import HeadImages
from marrowmap.measure.head_lines import LineModel
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.head_lines import load_line_model
from marrowmap.measure.head_lines import possible_steps
from tests.measure.ball import CENTER_MM
from tests.measure.ball import FRAME
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur

TARGETS = ("band", "surface")
BALL = ball_femur()
X = np.array([[1.0, 0.0, 0.0]])


def some_lines(count: int = 12, steps: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """What images might show, and where a surface might be: no two lines alike, on one nowhere."""
    rng = np.random.default_rng(4)
    described = rng.uniform(0, 1, (count, steps, 3)).astype(np.float32)
    possible = np.zeros((count, steps), bool)
    for line in range(1, count):
        possible[line, 3 * line : 3 * line + 20] = True
    return described, possible


def images(t1: float = 200.0, fluid: float = 50.0, frame: str = FRAME, half_mm: float = 40.0) -> HeadImages | None:
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = np.array(CENTER_MM) - half_mm
    count = int(half_mm) + 1
    grid = Grid((count, count, count), affine, frame)
    return HeadImages.of(
        BALL, Volume(grid, np.full(grid.shape, t1, np.float32)), Volume(grid, np.full(grid.shape, fluid, np.float32))
    )


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("outward", [False, True])
def test_costs_are_probabilities(target, outward):
    described, possible = some_lines()
    cost, none = load_line_model(target).cost(described, possible, outward)
    assert np.exp(-cost).sum(axis=1) + np.exp(-none) == pytest.approx(np.ones(len(cost)), abs=1e-4)
    assert np.isinf(cost[~possible]).all()
    assert np.isfinite(cost[possible]).all()
    assert none[0] == pytest.approx(0.0, abs=1e-6)  # nothing is possible there: for sure none


@pytest.mark.parametrize("target", TARGETS)
def test_outward_reads_the_line_from_its_other_end(target):
    described, possible = some_lines()
    model = load_line_model(target)
    outward, none = model.cost(described, possible, True)
    inward, none_too = model.cost(described[:, ::-1], possible[:, ::-1], False)
    assert np.allclose(outward, inward[:, ::-1])
    assert np.allclose(none, none_too)
    assert not np.allclose(outward[possible], model.cost(described, possible, False)[0][possible], atol=0.1)


def test_each_place_is_judged_by_its_own_neighborhood():
    # One weight, on the middle point's T1: the logit of a place is the T1 there.
    weight = np.zeros((3 * (2 * HALF_WINDOW + 1), 1), np.float32)
    weight[HALF_WINDOW] = 1.0
    model = LineModel(((weight, np.zeros(1, np.float32)),), 0.0)
    described, _ = some_lines()
    possible = np.ones(described.shape[:2], bool)
    for outward in (False, True):
        cost, none = model.cost(described, possible, outward)
        assert none[:, None] - cost == pytest.approx(described[..., 0], abs=1e-4)


@pytest.mark.parametrize("target", TARGETS)
def test_shipped_networks_load_once_and_cannot_be_written_to(target):
    model = load_line_model(target)
    assert load_line_model(target) is model
    assert np.isfinite(model.none)
    assert model.layers[0][0].shape[0] == 3 * (2 * HALF_WINDOW + 1)
    assert model.layers[-1][0].shape[1] == 1
    for (before, _), (after, _) in zip(model.layers, model.layers[1:], strict=False):
        assert before.shape[1] == after.shape[0]
    for weight, bias in model.layers:
        assert weight.shape[1:] == bias.shape
        assert not weight.flags.writeable
        assert not bias.flags.writeable
        with pytest.raises(ValueError, match="read-only"):
            weight[0, 0] = 1.0


def test_lines_leave_the_ball_at_its_surface():
    origin = np.array([3.0, -5.0, 8.0])
    directions = np.random.default_rng(0).normal(size=(50, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    leave = leave_head(origin, directions, RADIUS_MM)
    assert np.linalg.norm(origin + directions * leave[:, None], axis=1) == pytest.approx(np.full(50, RADIUS_MM))
    assert leave_head(np.zeros(3), directions, RADIUS_MM) == pytest.approx(np.full(50, RADIUS_MM))


def test_a_band_lies_below_the_plate_and_past_it_nothing_can_be_said():
    possible, beyond = possible_steps("band", BALL, np.zeros(3), X, 80)
    at = np.arange(80) * STEP_MM
    assert (beyond[0] == (at >= RADIUS_MM - BAND_NEAREST_MM)).all()
    assert (possible[0] == ((at >= 1.0) & ~beyond[0])).all()


def test_the_surface_lies_around_the_sphere_and_always_somewhere():
    possible, beyond = possible_steps("surface", BALL, np.zeros(3), X, 80)
    at = np.flatnonzero(possible[0]) * STEP_MM - RADIUS_MM
    assert (at.min(), at.max()) == SURFACE_REACH_MM
    assert not beyond.any()


def test_signal_is_measured_in_shares_of_marrow_and_fluid():
    found = images()
    assert found is not None
    assert (found.marrow_level, found.fluid_level) == (200.0, 50.0)
    described = found.describe(np.zeros(3), X, 60)
    assert described.shape == (1, 60, 3)
    assert described[0, :, :2] == pytest.approx(np.ones((60, 2)))
    at = np.arange(60) * STEP_MM
    assert described[0, :, 2] == pytest.approx(np.clip(RADIUS_MM - at, -6, 12) / 10, abs=1e-6)


def test_outside_the_image_there_is_no_signal_and_brightness_has_a_limit():
    found = images(half_mm=26.0)
    assert found is not None
    dim = HeadImages(BALL, found.t1, found.fluid, found.marrow_level / 4, found.fluid_level)
    described = dim.describe(np.zeros(3), X, 100)[0]
    assert described[0, :2] == pytest.approx([BRIGHTEST, 1.0])
    assert (described[-1, :2] == 0).all()


def test_images_that_do_not_show_the_head_give_nothing():
    assert images(t1=0.0) is None
    assert images(half_mm=4.0) is None


def test_images_of_another_frame_of_reference_are_refused():
    with pytest.raises(GeometryError, match="different frames of reference"):
        images(frame="1.10")
