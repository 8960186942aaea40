from __future__ import annotations

from dataclasses import replace

import pytest

from marrowmap.measure.cold_area import STRENGTH_LIMIT
from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs import cold_area
from marrowmap.values import Quantity
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure import spect_hips as made


def _judge(spect):
    return cold_area.assess(HipMeasurement(spect.side, "", None, None, spect=spect))


def test_a_cold_area_is_present_with_its_stage_and_power():
    found = _judge(made.hips("cold")[Side.LEFT])
    assert found.state is State.PRESENT
    assert found.certainty > 0.9
    assert "early osteonecrosis" in found.note
    assert "Ryoo 2019" in found.note


def test_cold_amid_hot_is_told_from_less_hot():
    spect = made.hips("cold")[Side.LEFT]
    usual = spect.regions["femoral_head"].mean / spect.raised["femoral_head"].value
    dead = Quantity(0.9, "1", 0.8, 1.0)
    repair = _judge(replace(spect, cold=replace(spect.cold, head_uptake=2.5 * usual, contrast=dead)))
    assert repair.state is State.PRESENT
    assert "cold amid hot" in repair.note
    contrast = Quantity(0.5, "1", 0.4, 0.6)
    hot = _judge(replace(spect, cold=replace(spect.cold, head_uptake=4 * usual, contrast=contrast)))
    assert hot.state is State.ABSENT
    assert "less than the rest of a hot head" in hot.note
    blind = replace(spect.cold, head_uptake=4 * usual, contrast=contrast, dead_mm=None)
    assert _judge(replace(spect, cold=blind)).state is State.UNDETERMINED
    unsure = replace(spect.cold, head_uptake=2 * usual, contrast=contrast, uptake_sd=0.4 * usual)
    assert _judge(replace(spect, cold=unsure)).state is State.UNDETERMINED


def test_a_faint_candidate_is_left_open():
    spect = made.hips("cold")[Side.LEFT]
    faint = replace(spect.cold, strength=0.9 * STRENGTH_LIMIT, dead_mm=20.0)
    assert _judge(replace(spect, cold=faint)).state is State.UNDETERMINED
    assert _judge(replace(spect, cold=replace(faint, strength=1.0))).state is State.ABSENT


@pytest.mark.slow
def test_absence_says_what_would_have_been_seen():
    found = _judge(made.hips("well")[Side.LEFT])
    assert found.state is State.ABSENT
    assert found.smallest_detectable.unit == "mm"
    assert f"dead bone of {found.smallest_detectable.value:.0f} mm" in found.note
    assert "hot" in _judge(made.hips("hot")[Side.LEFT]).note


def test_without_power_nothing_is_said():
    spect = made.hips("well")[Side.LEFT]
    for size in (None, cold_area.LARGEST_MM + 1):
        found = _judge(replace(spect, cold=replace(spect.cold, dead_mm=size)))
        assert found.state is State.NOT_ASSESSABLE
    assert cold_area.assess(HipMeasurement(Side.LEFT, "", None, None)).state is State.NOT_ASSESSABLE
