from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from marrowmap.phantom.dx import DxScan
from marrowmap.phantom.dx import beam
from marrowmap.phantom.dx import detector_limits
from marrowmap.phantom.dx import expose
from marrowmap.phantom.dx import lie_down
from marrowmap.phantom.dx import neck_angle_deg
from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx import sample_dx
from marrowmap.phantom.x_rays import Cone
from marrowmap.phantom.x_rays import line_integrals
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Side
from tests.phantom.conftest import still_hip
from tests.phantom.radiographs import BOTH
from tests.phantom.radiographs import FAST
from tests.phantom.radiographs import quick_person
from tests.phantom.radiographs import well_scene

CLEAN = DxScan(pixel_mm=0.5, scatter=0.0, heel=0.0, blur_sd_mm=0.0, focus_mm=0.0)


def _flat(count=200):
    corner = np.array([-(count - 1) / 4, 0.0, (count - 1) / 4])
    return Cone(np.array([0.0, -1100, 0]), corner, np.array([[1.0, 0, 0], [0, 0, -1]]), 0.5, (count, count))


def test_feet_turned_in_lay_the_neck_flat_and_move_nothing_else():
    person = quick_person()
    turned = lie_down(person, replace(FAST, neck_turn_deg={Side.LEFT: 4.0, Side.RIGHT: -2.0}))
    for side, angle in ((Side.LEFT, 4.0), (Side.RIGHT, -2.0)):
        before, after = person.hips[side], turned.hips[side]
        assert neck_angle_deg(after) == pytest.approx(angle, abs=0.5)
        assert after.center == pytest.approx(before.center, abs=0.05)
        assert after.radius == pytest.approx(before.radius, abs=0.01)
        assert np.array_equal(after.hip_bone, before.hip_bone)
        far = np.linalg.norm(after.femur - after.femur[:1], axis=1)
        assert far == pytest.approx(np.linalg.norm(before.femur - before.femur[:1], axis=1))
    assert lie_down(person, FAST) is person
    # In the MR scanner legs lie turned out: necks run well to the back.
    assert neck_angle_deg(still_hip(Side.LEFT)) == pytest.approx(neck_angle_deg(still_hip(Side.RIGHT)))
    assert neck_angle_deg(still_hip()) > 20


def test_detector_lies_behind_the_back_and_shows_the_left_hip_on_the_right():
    person = quick_person()
    cone = place_beam(person, FAST)
    assert cone.source_detector_mm == pytest.approx(FAST.source_detector_mm)
    assert cone.source[1] < person.origin[1] - person.half_depth_mm - 300
    assert (cone.pixels()[..., 1] > person.origin[1] + person.half_depth_mm + 20).all()
    place = {side: project_cone(cone, hip.center) for side, hip in person.hips.items()}
    assert place[Side.LEFT][0] > cone.shape[0] / 2 > place[Side.RIGHT][0]
    tip = project_cone(cone, person.hips[Side.LEFT].landmarks["lesser_trochanter_tip"])
    assert place[Side.LEFT][1] < tip[1] < cone.shape[1]
    assert (cone.magnification([hip.center for hip in person.hips.values()]) > 1.12).all()
    one = place_beam(person, FAST, (Side.RIGHT,))
    assert one.shape[0] < 0.5 * cone.shape[0]
    assert abs(project_cone(one, person.hips[Side.RIGHT].center)[0] / one.shape[0] - 0.5) < 0.15
    assert not 0 < project_cone(one, person.hips[Side.LEFT].center)[0] < one.shape[0]


def test_heads_are_seen_where_the_model_has_them():
    scene = well_scene()
    cone = place_beam(scene.person, FAST)
    lines = line_integrals(cone, scene)
    for hip in scene.person.hips.values():
        place, radius = project_cone(cone, hip.center), hip.radius * float(cone.magnification(hip.center))
        # The head's lateral edge, away from the socket: bone inside, muscle outside.
        index = np.moveaxis(np.indices(lines.shape), 0, -1) - place
        away = np.linalg.norm(index, axis=-1) * cone.pixel_mm
        up_outward = (index[..., 1] < -0.55 * radius) & (index[..., 0] * hip.side.sign > 0.3 * radius)
        inside = lines[up_outward & (away > radius - 4) & (away < radius - 1)].mean()
        assert inside > lines[up_outward & (away > radius + 6) & (away < radius + 9)].mean()


def test_counts_follow_the_body_and_its_quanta():
    cone = _flat()
    lines = np.full(cone.shape, 3.0, np.float32)
    lines[100:] = 4.0
    counts = expose(lines, cone, CLEAN, np.random.default_rng(1))
    thin, thick = counts[20:80, 80:120], counts[120:180, 80:120]
    assert thin.mean() / thick.mean() == pytest.approx(np.e, rel=0.02)
    # Quanta are counted, and the electronics add 5 to their noise.
    assert thick.std() == pytest.approx(np.sqrt(thick.mean() + 25), rel=0.06)
    more = expose(lines, cone, replace(CLEAN, quanta_per_mm2=160000.0), np.random.default_rng(1))
    assert more.mean() / counts.mean() == pytest.approx(4, rel=0.01)
    least, most = detector_limits(CLEAN)
    assert least < counts.min()
    assert counts.max() < most


def test_scatter_fills_and_blur_smooths():
    cone = _flat()
    lines = np.full(cone.shape, 2.0, np.float32)
    lines[90:110, 90:110] = 9.0
    clean = expose(lines, cone, CLEAN, np.random.default_rng(1))
    veiled = expose(lines, cone, replace(CLEAN, scatter=0.3), np.random.default_rng(1))
    assert clean[95:105, 95:105].mean() < 0.01 * clean[:50].mean()
    assert veiled[95:105, 95:105].mean() > 0.05 * veiled[:50].mean()
    soft = expose(lines, cone, replace(CLEAN, blur_sd_mm=0.6), np.random.default_rng(1))
    edge = [np.abs(np.diff(image[:, 95:105].mean(axis=1))).max() for image in (clean, soft)]
    assert edge[1] < 0.7 * edge[0]
    # Larger focal spots blur what is far from the detector.
    wide = expose(lines, cone, replace(CLEAN, focus_mm=6.0, quanta_per_mm2=1e7), np.random.default_rng(1))
    sharp = expose(lines, cone, replace(CLEAN, quanta_per_mm2=1e7), np.random.default_rng(1))
    assert ndimage.laplace(wide).std() < 0.8 * ndimage.laplace(sharp).std()


def test_beam_is_uneven_and_collimated():
    cone = _flat()
    open_beam = beam(cone, replace(CLEAN, heel=0.1, focus_mm=1.0, inset_mm=(10.0, 0.0, 0.0, 20.0)))
    middle = open_beam[100, 100]
    assert open_beam[100, 3] / middle == pytest.approx(1.1, abs=0.01)
    assert (open_beam[:16] == 0).all()
    assert (open_beam[:, -36:] == 0).all()
    assert open_beam[-1, 100] > 0.95
    assert (beam(cone, CLEAN) > 0.9).all()


def test_scans_differ_and_stay_in_bounds():
    scans = [sample_dx(np.random.default_rng([n, 600])) for n in range(1, 31)]
    assert 0.4 < np.mean([scan.neck_turn_deg is not None for scan in scans]) < 0.95
    assert {scan.pixel_mm for scan in scans} == {0.2, 0.25, 0.28}
    assert all(1000 <= scan.source_detector_mm <= 1150 for scan in scans)
    for scan in scans:
        cone = place_beam(quick_person(), scan)
        assert all(1.1 < cone.magnification(quick_person().hips[side].center) < 1.35 for side in BOTH)
