from __future__ import annotations

import dataclasses

from marrowmap.report import AnalysisResult
from marrowmap.report.figures import draw_bone_fit
from marrowmap.report.figures import draw_boundary
from marrowmap.report.figures import draw_comparison
from marrowmap.report.figures import draw_edema
from marrowmap.values import Side


def test_the_same_pictures_every_time(result: AnalysisResult) -> None:
    for draw in (draw_bone_fit, draw_edema):
        one, other = draw(result, result.readings[0]), draw(result, result.readings[0])
        assert one is not None
        assert one == other
        assert one.data[:4] == b"RIFF"


def test_curves_are_vectors_without_outside_references(result: AnalysisResult) -> None:
    left = next(r for r in result.readings if r.side is Side.LEFT)
    picture = draw_boundary(result, left)
    assert picture is not None
    assert picture.suffix == "svg"
    assert b"<image" not in picture.data
    assert "edge at 3 mm" in picture.alt


def test_no_picture_of_what_was_not_measured(result: AnalysisResult) -> None:
    reading = dataclasses.replace(result.readings[0], edema=None, boundary=None, bones=())
    for draw in (draw_bone_fit, draw_edema, draw_boundary):
        assert draw(result, reading) is None
    assert draw_comparison(result, result.readings[:1]) is None
