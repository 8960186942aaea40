"""A surface found for all rays together."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.measure.ray_surface import Rays
from marrowmap.measure.ray_surface import find_surface
from marrowmap.measure.ray_surface import group_rays
from marrowmap.measure.ray_surface import interpolate_rays
from marrowmap.measure.ray_surface import spread_rays

STEPS = 40


@pytest.fixture(scope="module")
def rays() -> Rays:
    return spread_rays(600)


def smooth_steps(rays: Rays) -> np.ndarray:
    """A surface that bulges gently: neighbors differ by one step at most."""
    x, y, z = rays.directions.T
    return np.rint(20 + 4 * z + 3 * x * y).astype(int)


def noisy_cost(true: np.ndarray, misled: float, seed: int = 0) -> np.ndarray:
    """Costs lowest at the true step, but on a share of rays at a false one."""
    rng = np.random.default_rng(seed)
    cost = 3.0 + rng.normal(0, 0.4, (len(true), STEPS))
    row = np.arange(len(true))
    cost[row, true] -= 2.5
    wrong = rng.random(len(true)) < misled
    cost[row[wrong], rng.integers(0, STEPS, int(wrong.sum()))] -= 4.0
    return cost.astype(np.float32)


def test_rays_are_spread_evenly(rays):
    assert np.linalg.norm(rays.directions, axis=1) == pytest.approx(np.ones(600))
    assert np.abs(rays.directions.mean(axis=0)).max() < 0.01
    assert len(rays.edges) == 3 * 600 - 6  # a triangulated sphere (Euler)
    angle = np.arccos((rays.directions[rays.edges[:, 0]] * rays.directions[rays.edges[:, 1]]).sum(axis=1))
    assert np.degrees(angle).max() < 3 * np.degrees(np.sqrt(4 * np.pi / 600))
    assert not rays.directions.flags.writeable


def test_part_of_the_rays_keeps_its_own_edges(rays):
    kept = rays.directions[:, 2] > 0.3
    part = rays.within(kept)
    assert np.array_equal(part.directions, rays.directions[kept])
    assert len(part.edges) == kept[rays.edges].all(axis=1).sum()
    away = np.linalg.norm(part.directions[part.edges[:, 0]] - part.directions[part.edges[:, 1]], axis=1)
    assert away.max() < 0.5


def test_a_smooth_surface_is_found_where_single_rays_mislead(rays):
    true = smooth_steps(rays)
    cost = noisy_cost(true, misled=0.25)
    alone = cost.argmin(axis=1)
    together = find_surface(cost, rays.edges, 0.35, 4.0)
    assert (np.abs(alone - true) > 1).mean() > 0.15
    assert (np.abs(together - true) > 1).mean() < 0.01


def test_a_step_in_the_surface_is_kept(rays):
    true = np.where(rays.directions[:, 2] > 0, 10, 30)
    found = find_surface(noisy_cost(true, misled=0.0), rays.edges, 0.35, 2.0)
    assert (found == true).mean() > 0.98


def test_without_a_slope_cost_each_ray_chooses_for_itself(rays):
    cost = noisy_cost(smooth_steps(rays), misled=0.3)
    assert np.array_equal(find_surface(cost, rays.edges, 0.0, 4.0), cost.argmin(axis=1))


def test_a_ray_without_neighbors_chooses_for_itself():
    cost = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 5.0], [0.0, 5.0, 5.0]], np.float32)
    assert list(find_surface(cost, np.array([[1, 2]]), 1.0, 2.0)) == [1, 0, 0]
    assert list(find_surface(cost, np.empty((0, 2), np.int64), 1.0, 2.0)) == [1, 0, 0]


def test_the_order_of_edges_and_of_their_ends_does_not_matter(rays):
    cost = noisy_cost(smooth_steps(rays), misled=0.25)
    rng = np.random.default_rng(1)
    shuffled = rays.edges[rng.permutation(len(rays.edges))]
    turned = rng.random(len(shuffled)) < 0.5
    shuffled = np.where(turned[:, None], shuffled[:, ::-1], shuffled)
    assert np.array_equal(find_surface(cost, rays.edges, 0.35, 4.0), find_surface(cost, shuffled, 0.35, 4.0))


def test_a_chain_is_solved_exactly():
    # On a tree belief propagation is exact: compare with all possible choices.
    edges = np.array([[0, 1], [1, 2], [2, 3]])
    ways = np.stack(np.meshgrid(*[np.arange(5)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    slopes = np.minimum(0.7 * np.abs(np.diff(ways, axis=1)), 1.5).sum(axis=1)
    for seed in range(30):
        cost = np.random.default_rng(seed).uniform(0, 3, (4, 5)).astype(np.float32)
        total = cost[np.arange(4), ways].sum(axis=1) + slopes
        assert list(find_surface(cost, edges, 0.7, 1.5)) == list(ways[total.argmin()]), seed


def test_groups_are_neighbors_and_the_largest_comes_first(rays):
    high, low = rays.directions[:, 2] > 0.8, rays.directions[:, 2] < -0.5
    groups = group_rays(high | low, rays.edges)
    assert [set(group) for group in groups] == [set(np.flatnonzero(low)), set(np.flatnonzero(high))]
    assert group_rays(np.zeros(600, bool), rays.edges) == []


def test_interpolation_is_exact_on_its_own_rays_and_smooth_between(rays):
    values = rays.directions @ np.array([1.0, 2.0, -0.5])
    assert interpolate_rays(rays.directions, values, rays.directions) == pytest.approx(values, abs=0.01)
    other = spread_rays(501).directions.reshape(3, 167, 3)
    between = interpolate_rays(rays.directions, values, other)
    assert between.shape == (3, 167)
    assert np.abs(between - other @ np.array([1.0, 2.0, -0.5])).max() < 0.15
    constant = interpolate_rays(rays.directions, np.full(600, 7.0), other)
    assert constant == pytest.approx(np.full((3, 167), 7.0))
