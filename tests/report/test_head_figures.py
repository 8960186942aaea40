from __future__ import annotations

import dataclasses
import io

from PIL import Image

from marrowmap.report import AnalysisResult
from marrowmap.report.head_figures import draw_head_map
from marrowmap.values import Side


def test_the_map_is_the_same_every_time_and_says_what_it_shows(heads: AnalysisResult) -> None:
    reading = next(r for r in heads.readings if r.head is not None and r.side is Side.LEFT)
    one, other = draw_head_map(heads, reading), draw_head_map(heads, reading)
    assert one is not None
    assert one == other
    assert "necrotic segment" in one.alt
    assert "fracture line 10 mm long, 3.0 mm deep" in one.alt
    assert "sunken 2.6 mm" in one.alt


def test_a_well_head_is_shown_but_smaller(heads: AnalysisResult) -> None:
    areas = {}
    for reading in heads.readings:
        if reading.head is not None:
            picture = draw_head_map(heads, reading)
            assert picture is not None
            wide, high = Image.open(io.BytesIO(picture.data)).size
            areas[reading.side] = wide * high
            if reading.side is Side.RIGHT:
                assert "no band, no fracture line and no depression" in picture.alt
    assert areas[Side.RIGHT] < areas[Side.LEFT] / 2


def test_no_map_of_what_was_not_measured(heads: AnalysisResult) -> None:
    reading = next(r for r in heads.readings if r.head is not None)
    assert reading.head is not None
    assert draw_head_map(heads, dataclasses.replace(reading, head=None)) is None
    blind = dataclasses.replace(reading.head, obstacle="there is no T1 series")
    assert draw_head_map(heads, dataclasses.replace(reading, head=blind)) is None
