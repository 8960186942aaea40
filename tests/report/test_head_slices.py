from __future__ import annotations

import numpy as np

from marrowmap.report import AnalysisResult
from marrowmap.report.head_slices import draw_head_slices
from marrowmap.report.head_slices import segment_in_slice
from marrowmap.report.slices import SliceView
from marrowmap.values import Side

from .conftest import HEAD_RADIUS
from .heads import BALL_MM


def test_the_outline_is_that_of_the_ball_within_the_head(heads: AnalysisResult) -> None:
    reading = next(r for r in heads.readings if r.head is not None and r.side is Side.LEFT)
    head = reading.head
    assert head is not None
    assert head.segment is not None
    grid = reading.series.volume.grid
    view = SliceView.radiological(grid)
    k = round(float(view.place(head.femur.to_world(head.segment.origin))[2]))
    inside = segment_in_slice(head.segment, view, k)
    local = head.femur.to_bone(grid.points()[:, :, k])
    truth = np.linalg.norm(local - head.segment.origin, axis=-1) < BALL_MM
    truth &= np.linalg.norm(local, axis=-1) < HEAD_RADIUS
    assert truth.sum() > 50
    assert 2 * (inside & truth).sum() / (inside.sum() + truth.sum()) > 0.93


def test_each_thing_seen_has_its_row_and_nothing_has_no_picture(heads: AnalysisResult) -> None:
    by_side = {r.side: r for r in heads.readings if r.head is not None}
    left, right = by_side[Side.LEFT], by_side[Side.RIGHT]
    picture = draw_head_slices(heads, left)
    assert picture is not None
    assert picture == draw_head_slices(heads, left)
    for word in ("necrotic segment", "fracture line", "surface sunken 2.6 mm"):
        assert word in picture.alt
    assert draw_head_slices(heads, right) is None
