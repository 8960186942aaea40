from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.ingest.scan import Phase
from marrowmap.measure.planar import measure_planar
from marrowmap.measure.planar_cold import DIAMETERS_MM
from marrowmap.measure.planar_cold import OFFSET
from marrowmap.measure.planar_cold import PLACES
from marrowmap.measure.planar_cold import SPREAD
from marrowmap.measure.planar_cold import PlanarColdArea
from marrowmap.measure.planar_cold import find_planar_cold_area
from marrowmap.measure.planar_judgement import judge_cold_area
from marrowmap.measure.planar_judgement import judge_patterns
from marrowmap.values import Side
from marrowmap.values import State
from tests.anatomy.planar_scans import static


@pytest.fixture(scope="module")
def cold():
    return measure_planar([static(Phase.DELAYED, "delayed", dead=(Side.RIGHT, 32.0))], date="")


@pytest.fixture(scope="module")
def cold_in_hot():
    return measure_planar(
        [static(Phase.DELAYED, "delayed", dead=(Side.RIGHT, 30.0), raised=Side.RIGHT, factor=2.5)], date=""
    )


def find(exam, side):
    return find_planar_cold_area(exam.bones.fit, exam.hips[side].femur)


def test_dead_bone_is_called_cold_and_the_well_head_is_not(cold):
    judged = judge_patterns(cold, Side.RIGHT)["cold_area"]
    assert judged.state is State.PRESENT
    assert judged.note.startswith("planar: cold, as in early osteonecrosis")
    assert find(cold, Side.RIGHT).left < 0.7
    assert judge_patterns(cold, Side.LEFT)["cold_area"].state is not State.PRESENT


def test_dead_bone_in_a_hot_head_is_called_cold_amid_hot(cold_in_hot):
    judged = judge_patterns(cold_in_hot, Side.RIGHT)
    assert judged["cold_area"].state is State.PRESENT
    assert "cold amid hot" in judged["cold_area"].note
    # Uptake with a hole in it is not even.
    assert judged["homogeneous_uptake"].state is State.ABSENT
    assert "cold area" in judged["homogeneous_uptake"].note


def test_an_evenly_hot_head_is_hot_and_its_absence_earned():
    exam = measure_planar([static(Phase.DELAYED, "delayed", raised=Side.RIGHT)], date="")
    judged = judge_patterns(exam, Side.RIGHT)["cold_area"]
    assert judged.state is State.ABSENT
    assert "the head is hot" in judged.note
    assert judged.smallest.unit == "mm"
    assert judged.smallest.value <= 26


def test_a_head_that_is_out_of_view_is_not_judged(cold):
    fit = cold.bones.fit
    blind = replace(fit, explainer=replace(fit.explainer, weight=np.zeros_like(fit.explainer.weight)))
    assert find_planar_cold_area(blind, cold.hips[Side.RIGHT].femur) is None
    judged = judge_cold_area(None)
    assert judged.state is State.NOT_ASSESSABLE
    assert judged.smallest is None


AREA = PlanarColdArea(0.0, 18.0, 3.0, 1.0, 0.9, 1.0, 1.0, 22.0, 30.0)


@pytest.mark.parametrize(
    ("area", "state"),
    [
        (AREA, State.ABSENT),
        (replace(AREA, strength=2.5), State.UNDETERMINED),
        (replace(AREA, strength=3.5, diameter_mm=24.0), State.PRESENT),
        (replace(AREA, strength=3.5), State.PRESENT),
        (replace(AREA, strength=3.5, rest=2.0), State.UNDETERMINED),
        (replace(AREA, strength=3.5, rest=2.0, diameter_mm=24.0), State.PRESENT),
        (replace(AREA, dead_mm=36.0), State.UNDETERMINED),
        (replace(AREA, dead_mm=None, half_mm=None), State.NOT_ASSESSABLE),
        (replace(AREA, dead_mm=None, half_mm=None, strength=3.5), State.PRESENT),
    ],
)
def test_absence_is_said_only_where_early_necrosis_would_have_been_seen(area, state):
    judged = judge_cold_area(area)
    assert judged.state is state
    assert (judged.smallest is None) == (area.dead_mm is None)


def test_the_note_states_size_contrast_and_how_often():
    assert "22 mm and 71 % contrast (dead bone), one of 30 mm at 50 % would have been seen 90 times in 100" in (
        judge_cold_area(AREA).note
    )
    assert "not even dead bone of 42 mm" in judge_cold_area(replace(AREA, dead_mm=None)).note


@pytest.mark.slow
def test_fewer_counts_see_only_larger_areas():
    few = measure_planar([static(Phase.DELAYED, "delayed", bone=15.0, soft=6.0, bladder=225.0)], date="")
    many = measure_planar([static(Phase.DELAYED, "delayed")], date="")
    sizes = [find(exam, Side.LEFT).dead_mm or 2 * DIAMETERS_MM[-1] for exam in (few, many)]
    assert sizes[0] > sizes[1]


def test_every_place_has_its_calibration():
    assert len(PLACES) == len(OFFSET) == len(SPREAD)
    assert min(SPREAD) > 0
