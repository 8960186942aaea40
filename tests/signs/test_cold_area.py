from __future__ import annotations

from dataclasses import replace

from marrowmap.measure.hip import HipMeasurement
from marrowmap.signs import cold_area
from marrowmap.values import Side
from marrowmap.values import State
from tests.measure import spect_hips as made


def _judge(spect):
    return cold_area.assess(HipMeasurement(spect.side, "", None, None, spect=spect))


def test_a_cold_area_is_left_open_with_its_stage_and_power():
    found = _judge(made.hips("cold")[Side.LEFT])
    assert found.state is State.UNDETERMINED
    assert cold_area.UNSURE in found.note
    assert "early osteonecrosis" in found.note
    assert "Ryoo 2019" in found.note


def test_absence_says_what_would_have_been_seen():
    found = _judge(made.hips("well")[Side.LEFT])
    assert found.state is State.ABSENT
    assert found.smallest_detectable.unit == "mm"
    assert "70 % contrast would have been seen" in found.note
    assert "hot" in _judge(made.hips("hot")[Side.LEFT]).note


def test_without_power_nothing_is_said():
    spect = made.hips("well")[Side.LEFT]
    found = _judge(replace(spect, cold=replace(spect.cold, smallest_mm=None)))
    assert found.state is State.NOT_ASSESSABLE
    assert cold_area.assess(HipMeasurement(Side.LEFT, "", None, None)).state is State.NOT_ASSESSABLE
