from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.phantom.dx import place_beam
from marrowmap.phantom.dx_truth import FOCAL_FROM
from marrowmap.phantom.dx_truth import REGIONS
from marrowmap.phantom.dx_truth import describe_cone
from marrowmap.phantom.dx_truth import finding_rows
from marrowmap.phantom.dx_truth import hip_in_view
from marrowmap.phantom.dx_truth import measurement_rows
from marrowmap.phantom.dx_truth import mirrored
from marrowmap.phantom.dx_truth import rays_by_region
from marrowmap.phantom.dx_truth import read_cone
from marrowmap.phantom.dx_truth import region_bone
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import FractureLine
from marrowmap.phantom.lesion import Lesion
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.onfh import upright
from marrowmap.phantom.x_rays import project_cone
from marrowmap.values import Side
from tests.phantom.radiographs import FAST
from tests.phantom.radiographs import quick_person
from tests.phantom.radiographs import quick_scene
from tests.phantom.radiographs import well_scene

LOSS = 0.25


@pytest.fixture(scope="module")
def cone():
    return place_beam(quick_person(), FAST)


@pytest.fixture(scope="module")
def sick():
    """Left: lost a quarter of its mineral. Right: collapsed over a necrotic segment, with a crescent."""
    person = quick_person()
    toward = upright(person.hips[Side.RIGHT])[0]
    necrosis = Necrosis(toward, 50.0, 0.75, "fat", depression_mm=3.0)
    crescent = FractureLine(toward, 20.0, 16.0, 2.2, 1.6, filling="fluid")
    lost = Lesion(width_mm=4.0, amount=0.6, bone_loss=LOSS, weeks=10.0)
    return quick_scene(person, {Side.LEFT: lost, Side.RIGHT: Lesion(necrosis=necrosis, fracture_line=crescent)})


def _rows(scene, cone, scan=FAST):
    rows = measurement_rows(scene, cone, scan, region_bone(scene, cone), "2026-01-05", {})
    return {(row["side"], row["region"], row["quantity"]): row for row in rows}


def test_loss_of_mineral_takes_as_much_bone_from_the_rays(cone, sick):
    before, after = region_bone(well_scene(), cone), region_bone(sick, cone)
    for region, loss in (("femoral_head", LOSS), ("femoral_neck", 0.9 * LOSS), ("intertrochanteric", 0.0)):
        one, two = before[Side.LEFT][region], after[Side.LEFT][region]
        assert 1 - two.femur_mm / one.femur_mm == pytest.approx(loss, abs=0.035)
        assert one.femur_mm < 1.01 * one.all_mm
        assert 1 - two.mineral_ml / one.mineral_ml == pytest.approx(loss, abs=0.035)
        assert two.area_mm2 == one.area_mm2
    # The pelvis in front of and behind the head has lost nothing.
    assert before[Side.LEFT]["femoral_head"].femur_mm < 0.8 * before[Side.LEFT]["femoral_head"].all_mm
    head = {name: found[Side.LEFT]["femoral_head"] for name, found in (("before", before), ("after", after))}
    lost = head["before"].femur_mm - head["after"].femur_mm
    assert head["before"].all_mm - head["after"].all_mm == pytest.approx(lost, rel=0.15)


def test_index_of_a_well_person_is_small_and_turns_with_the_sides(cone):
    rows = _rows(well_scene(), cone)
    for region in REGIONS:
        left, right = (rows[side, region, "osteopenia_index"]["value"] for side in ("left", "right"))
        # Legs lie differently, and so rays run longer through one neck than through the other.
        assert abs(left) < (0.04 if region == "femoral_head" else 0.15)
        assert (1 - left) * (1 - right) == pytest.approx(1, abs=1e-3)


def test_rows_hold_what_the_model_has(cone, sick):
    rows, well = _rows(sick, cone), _rows(well_scene(), cone)
    assert all(row["modality"] == "DX" for row in rows.values())
    index = rows["left", "femoral_head", "osteopenia_index"]
    assert index["unit"] == "1"
    assert 0.1 < index["value"] < 0.4
    assert rows["right", "femoral_head", "head_depression"]["value"] == pytest.approx(3.0, abs=0.01)
    assert ("left", "femoral_head", "head_depression") not in rows
    space = well["left", "weight_bearing", "joint_space_width"]
    assert 2 < space["value"] < 6
    assert rows["left", "weight_bearing", "joint_space_width"]["value"] == pytest.approx(space["value"], abs=0.05)
    assert rows["right", "weight_bearing", "joint_space_width"]["value"] > space["value"]


def test_signs_are_those_of_the_lesions(cone, sick):
    states = {(r["side"], r["sign"]): r["state"] for r in finding_rows(sick, cone, FAST, "2026-01-05", {})}
    assert states == {
        ("left", "focal_osteopenia"): "present",
        ("left", "head_collapse"): "absent",
        ("left", "crescent"): "absent",
        ("right", "focal_osteopenia"): "absent",
        ("right", "head_collapse"): "present",
        ("right", "crescent"): "present",
    }
    slight = Lesion(bone_loss=FOCAL_FROM - 0.01, weeks=5.0)
    scene = replace(sick, lesions={Side.LEFT: slight, Side.RIGHT: WELL})
    rows = [r for r in finding_rows(scene, cone, FAST, "2026-01-05", {}) if r["sign"] == "focal_osteopenia"]
    assert [row["state"] for row in rows] == ["absent", "absent"]
    assert "9.0 % of mineral lost, 5.0 weeks after onset" in rows[0]["note"]


def test_what_the_collimator_covers_is_not_assessable(cone, sick):
    covered = replace(FAST, inset_mm=(0.0, 160.0, 0.0, 0.0))
    assert hip_in_view(sick, cone, FAST, Side.LEFT)
    assert not hip_in_view(sick, cone, covered, Side.LEFT)
    assert hip_in_view(sick, cone, covered, Side.RIGHT)
    states = {(r["side"], r["state"]) for r in finding_rows(sick, cone, covered, "2026-01-05", {}) if not r["in_view"]}
    assert states == {("left", "not_assessable")}
    assert {side for side, _, quantity in _rows(sick, cone, covered)} == {"right"}


def test_described_geometry_projects_as_the_cone_does(cone):
    points = np.array([quick_person().hips[side].center for side in Side])
    assert project_cone(read_cone(describe_cone(cone)), points) == pytest.approx(project_cone(cone, points), abs=1e-3)
    back = project_cone(mirrored(cone), points)
    assert back[:, 0] == pytest.approx(cone.shape[0] - 1 - project_cone(cone, points)[:, 0])
    assert back[:, 1] == pytest.approx(project_cone(cone, points)[:, 1])


def test_rays_of_a_region_pass_where_it_lies(cone):
    hip = quick_person().hips[Side.LEFT]
    rays = rays_by_region(cone, hip)
    for region, point in (("femoral_head", hip.center), ("femoral_neck", hip.landmarks["neck_center"])):
        column, row = np.rint(project_cone(cone, point)).astype(int)
        assert rays[region][column, row]
    assert not (rays["femoral_head"] & rays["femoral_neck"]).any()
    # The head's rays on the bone make a disc as large as the head is shown.
    within = np.linalg.norm(np.moveaxis(np.indices(cone.shape), 0, -1) - project_cone(cone, hip.center), axis=-1)
    medial = rays["femoral_head"] & (within * cone.pixel_mm < 0.5 * hip.radius)
    assert medial.sum() > 0.9 * (within * cone.pixel_mm < 0.5 * hip.radius).sum()
