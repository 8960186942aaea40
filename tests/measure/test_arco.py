from __future__ import annotations

import pytest

from marrowmap.measure.arco import arco_stage


def test_a_head_without_a_segment_has_no_stage_even_when_sunken() -> None:
    for depression in (None, 0.0, 3.0):
        assert arco_stage(segment_seen=False, depression_mm=depression).stage == ""


@pytest.mark.parametrize("depression", [None, 0.0, -0.4, 0.99])
def test_a_segment_alone_leaves_open_what_a_radiograph_shows(depression: float | None) -> None:
    stage = arco_stage(segment_seen=True, depression_mm=depression)
    assert stage.stage == "I or II"
    assert "at least" in stage.reason
    assert "radiograph or CT is needed" in stage.reason


@pytest.mark.parametrize(("depression", "expected"), [(1.5, "IIIA"), (2.0, "IIIA"), (2.01, "IIIB"), (6.0, "IIIB")])
def test_two_millimeters_divide_the_third_stage(depression: float, expected: str) -> None:
    stage = arco_stage(segment_seen=True, depression_mm=depression)
    assert stage.stage == expected
    assert "as far as MRI shows it" in stage.reason
    assert f"{depression:.1f} mm" in stage.reason


def test_a_crescent_in_ct_is_stage_three_flat_or_not() -> None:
    unknown = arco_stage(segment_seen=True, depression_mm=None, crescent_seen=True)
    flat = arco_stage(segment_seen=True, depression_mm=0.2, crescent_seen=True)
    sunken = arco_stage(segment_seen=True, depression_mm=3.0, crescent_seen=True)
    assert (unknown.stage, flat.stage, sunken.stage) == ("III", "IIIA", "IIIB")
    assert "crescent" in unknown.reason
    assert "crescent" in flat.reason
    assert arco_stage(segment_seen=False, depression_mm=0.2, crescent_seen=True).stage == ""
