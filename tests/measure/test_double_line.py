"""The bright line inside a band, along a border that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.double_line import BRIGHTER
from marrowmap.measure.double_line import DoubleLine
from marrowmap.measure.double_line import measure_double_line
from marrowmap.phantom.onfh import segment_distance
from tests.measure.ball import segment_of
from tests.measure.conftest import PaintedHead


def true_line(head: PaintedHead) -> DoubleLine | None:
    """Measured along the border that was drawn."""
    necrosis = head.lesion.necrosis
    origin = np.array(necrosis.toward) * head.hip.radius * (1 - necrosis.depth_radii / 2)
    segment = segment_of(head.femur, origin, lambda p: segment_distance(necrosis, head.hip.radius, p) < 0, 0.2)
    return measure_double_line(head.images, segment)


def test_granulation_is_a_bright_line(dead_head):
    line = true_line(dead_head)
    assert line.share > 0.8
    assert line.contrast > 2 * BRIGHTER


def test_sclerosis_alone_is_none(sunken_head):
    line = true_line(sunken_head)
    assert line.share < 0.2
    assert line.contrast < BRIGHTER


def test_the_mirrored_head_has_the_same_line(dead_head):
    here, there = true_line(dead_head), true_line(dead_head.mirrored())
    assert there == DoubleLine(pytest.approx(here.contrast, abs=0.02), pytest.approx(here.share, abs=0.02))


def test_too_little_band_below_the_surface_says_nothing(dead_head):
    segment = segment_of(dead_head.femur, np.zeros(3), lambda p: np.linalg.norm(p, axis=-1) < dead_head.hip.radius - 2)
    assert segment.bordered.all()  # but less than 3 mm deep
    assert measure_double_line(dead_head.images, segment) is None
    deep = segment_of(dead_head.femur, np.zeros(3), lambda p: np.linalg.norm(p, axis=-1) < 12)
    assert measure_double_line(dead_head.images, deep) is not None
    few = replace(deep, bordered=np.arange(len(deep.bordered)) < 19)
    assert measure_double_line(dead_head.images, few) is None
