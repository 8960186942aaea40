"""How far the joint surface has sunk, on painted heads."""

from __future__ import annotations

import numpy as np
import pytest

from marrowmap.measure.collapse import HeadSurface
from marrowmap.measure.collapse import _fit_depression
from marrowmap.measure.collapse import trace_surface
from marrowmap.measure.head_lines import load_line_model
from marrowmap.measure.head_map import surface_radius
from marrowmap.measure.head_map import upright
from marrowmap.measure.ray_surface import spread_rays
from tests.measure.conftest import SUNKEN_MM
from tests.measure.conftest import PaintedHead


def over_the_segment(head: PaintedHead) -> np.ndarray:
    """Directions under which the segment lies."""
    necrosis = head.lesion.necrosis
    directions = spread_rays(1500).directions
    return directions[directions @ np.array(necrosis.toward) > np.cos(np.radians(necrosis.half_angle_deg))]


def surface_of(head: PaintedHead, suspected: np.ndarray | None = None) -> HeadSurface:
    return trace_surface(head.images, load_line_model("surface"), suspected)


def test_a_depression_is_measured_where_a_segment_lies(sunken_head):
    surface = surface_of(sunken_head, over_the_segment(sunken_head))
    assert surface.depression_mm == pytest.approx(SUNKEN_MM, abs=0.7)
    deepest = surface.directions[np.argmax(surface.sunken_mm)]
    cosine = deepest @ np.array(sunken_head.lesion.necrosis.toward)
    assert np.degrees(np.arccos(cosine)) < 25
    assert 0 < surface.noise_mm < 0.5


def test_a_depression_shows_without_suspicion(sunken_head):
    assert surface_of(sunken_head).depression_mm > 1.2


def test_a_well_head_has_not_sunk(well_head):
    assert surface_of(well_head).depression_mm < 1.2


def test_a_segment_over_which_nothing_has_sunk(dead_head):
    assert surface_of(dead_head, over_the_segment(dead_head)).depression_mm < 1.2


def test_the_surface_is_where_it_was_drawn(well_head):
    surface = surface_of(well_head)
    true = surface_radius(well_head.femur, surface.directions)
    off = surface.radius_mm - true
    assert abs(np.median(off)) < 0.5
    assert np.percentile(np.abs(off - np.median(off)), 90) < 0.8


def test_the_mirrored_head_has_sunk_as_far(sunken_head):
    suspected = over_the_segment(sunken_head)
    here, there = (surface_of(head, suspected) for head in (sunken_head, sunken_head.mirrored()))
    assert there.depression_mm == pytest.approx(here.depression_mm, abs=0.1)
    assert there.noise_mm == pytest.approx(here.noise_mm, abs=0.05)


def test_suspicion_all_around_leaves_nothing_to_compare_with(well_head):
    surface = surface_of(well_head, spread_rays(1500).directions)
    assert surface.depression_mm == 0.0
    assert np.isinf(surface.noise_mm)


def test_suspicion_far_from_the_dome_is_no_suspicion(well_head):
    up, _ = upright(well_head.femur)
    directions = spread_rays(1500).directions
    below = directions[(directions @ up < np.cos(np.radians(80))) & (directions @ up > 0)]
    assert surface_of(well_head, below).depression_mm == surface_of(well_head).depression_mm


RNG = np.random.default_rng(3)
DOME = np.array([0.0, 1.0, 0.0])


@pytest.mark.parametrize(("edge_deg", "depth_mm"), [(22.0, 1.4), (30.0, 2.0), (47.0, 4.0)])
def test_a_smooth_edged_depression_is_fitted(edge_deg, depth_mm):
    directions = spread_rays(2600).directions
    middle = np.array([0.3, 0.93, 0.2])
    away = np.degrees(np.arccos(directions @ (middle / np.linalg.norm(middle))))
    drawn = depth_mm * np.exp(-((away / (0.65 * edge_deg)) ** 4))
    looked = directions @ DOME > np.cos(np.radians(50))
    sunken, outside = _fit_depression(drawn + RNG.normal(0, 0.3, len(drawn)), directions, looked)
    assert sunken.max() == pytest.approx(depth_mm, rel=0.2)
    deepest = directions[sunken > 0.999 * sunken.max()].mean(axis=0)
    assert np.degrees(np.arccos(deepest @ middle / np.linalg.norm(deepest) / np.linalg.norm(middle))) < 5
    assert (away[~outside] < edge_deg + 15).all()
    assert (sunken[outside] == 0).all()


def test_what_stands_out_has_not_sunk():
    directions = spread_rays(2600).directions
    sunken, _ = _fit_depression(np.full(len(directions), -1.0), directions, directions @ DOME > 0.7)
    assert (sunken == 0).all()


def test_no_suspected_place_is_no_suspicion(well_head):
    none = surface_of(well_head, np.empty((0, 3)))
    assert none.depression_mm == surface_of(well_head).depression_mm
