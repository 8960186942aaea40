"""The necrotic segment, on painted heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.anatomy.regions import HEAD_ENDS_AT_RADII
from marrowmap.measure.head_lines import leave_head
from marrowmap.measure.head_lines import load_line_model
from marrowmap.measure.necrosis import find_segment
from marrowmap.measure.necrosis import first_look
from marrowmap.measure.necrosis import head_lattice
from marrowmap.phantom.onfh import segment_distance
from marrowmap.values import Side
from tests.measure.ball import RADIUS_MM
from tests.measure.ball import ball_femur
from tests.measure.ball import segment_of


def test_a_necrotic_segment_is_found(dead_head, measured):
    head = measured(dead_head)
    assert head.segment is not None
    lattice = head_lattice(dead_head.femur)
    true = segment_distance(dead_head.lesion.necrosis, dead_head.hip.radius, lattice) < 0
    found = head.segment.contains(lattice)
    assert 2 * (true & found).sum() / (true.sum() + found.sum()) > 0.85
    assert head.segment.chance > 0.1


def test_its_border_is_the_band_s_outer_one(dead_head, measured):
    segment = measured(dead_head).segment
    off = segment_distance(dead_head.lesion.necrosis, dead_head.hip.radius, segment.border)
    assert np.abs(off).mean() < 0.8
    assert abs(np.median(off)) < 0.5  # the band's middle lies 1.2 mm further in
    assert np.linalg.norm(segment.border, axis=1).max() < dead_head.hip.radius


def test_where_it_ends_at_the_joint_it_has_no_border(dead_head, measured):
    segment = measured(dead_head).segment
    out = segment.origin + segment.rays.directions * segment.reach_mm[:, None]
    away = np.linalg.norm(out, axis=1)
    assert away[~segment.bordered] == pytest.approx(np.full((~segment.bordered).sum(), dead_head.hip.radius))
    toward = np.array(dead_head.lesion.necrosis.toward)
    assert (out[~segment.bordered] @ toward > 0).all()


def test_the_mirrored_head_has_the_mirrored_segment(dead_head, measured):
    mirrored = dead_head.mirrored()
    assert mirrored.femur.side is Side.RIGHT
    there, here = find_segment(mirrored.images, load_line_model("band")), measured(dead_head).segment
    assert there is not None
    assert there.origin == pytest.approx(here.origin, abs=0.2)
    assert (there.bordered == here.bordered).mean() > 0.98
    both = there.bordered & here.bordered
    assert np.abs(there.reach_mm - here.reach_mm)[both].mean() < 0.1


@pytest.mark.parametrize("name", ["well_head", "broken_head"])
def test_no_segment_is_found_where_there_is_none(name, request, measured):
    assert measured(request.getfixturevalue(name)).segment is None


def test_a_segment_made_by_hand_holds_its_points():
    femur = ball_femur()
    middle = np.array([-4.0, 14.0, 3.0])
    segment = segment_of(femur, middle, lambda p: np.linalg.norm(p - middle, axis=-1) < 7)
    rng = np.random.default_rng(0)
    points = middle + rng.normal(0, 5, (500, 3))
    away = np.linalg.norm(points - middle, axis=1)
    clear = (np.abs(away - 7) > 0.3) & (np.linalg.norm(points, axis=1) < RADIUS_MM)
    assert (segment.contains(points[clear]) == (away[clear] < 7)).all()
    assert segment.contains(points.reshape(50, 10, 3)).shape == (50, 10)
    assert segment.bordered.all()
    assert np.linalg.norm(segment.border - middle, axis=1) == pytest.approx(np.full(len(segment.border), 7), abs=0.06)


def test_near_the_joint_the_border_is_carried_on_from_below():
    femur = ball_femur()
    axis = np.array([0.0, 1.0, 0.0])
    half = np.cos(np.radians(40))
    cone = segment_of(femur, 16 * axis, lambda p: p @ axis >= half * np.linalg.norm(p, axis=-1))
    # Its edge is not seen in the outermost 3 mm: rays there seem to go on to the joint surface.
    out = cone.origin + cone.rays.directions * cone.reach_mm[:, None]
    lost = cone.bordered & (np.linalg.norm(out, axis=1) > RADIUS_MM - 3)
    leave = leave_head(cone.origin, cone.rays.directions, RADIUS_MM)
    seen = replace(cone, bordered=cone.bordered & ~lost, reach_mm=np.where(lost, leave, cone.reach_mm))
    angle = np.radians(np.arange(0, 90, 1.0))
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    ring = np.stack([np.sin(angle) * np.cos(turn), np.cos(angle) + 0 * turn, np.sin(angle) * np.sin(turn)], axis=-1)
    inside = seen.contains(0.98 * RADIUS_MM * ring)
    assert lost.sum() > 50
    assert inside.sum(axis=1) == pytest.approx(np.full(24, 40), abs=3)


def test_the_first_look_sees_the_whole_joint_surface_from_below():
    femur = ball_femur()
    origin, rays = first_look(femur)
    lattice = head_lattice(femur)
    assert np.linalg.norm(origin) < RADIUS_MM
    shell = lattice[np.linalg.norm(lattice, axis=1) > 0.95 * RADIUS_MM]
    weight_bearing = shell[shell @ -origin > 0.3 * RADIUS_MM * np.linalg.norm(origin)]
    toward = weight_bearing - origin
    toward /= np.linalg.norm(toward, axis=1)[:, None]
    assert np.degrees(np.arccos((toward @ rays.directions.T).max(axis=1))).max() < 4


@pytest.mark.parametrize("side", list(Side))
def test_the_lattice_fills_the_head_up_to_its_neck(side):
    lattice = head_lattice(ball_femur(side))
    assert np.linalg.norm(lattice, axis=1).max() < RADIUS_MM
    assert lattice[:, 0].max() < HEAD_ENDS_AT_RADII * RADIUS_MM
    ball_mm3 = 4 / 3 * np.pi * RADIUS_MM**3
    assert len(lattice) == pytest.approx(0.905 * ball_mm3, rel=0.01)
