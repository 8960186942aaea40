"""The line along a band's border, told from the edge of edema, on painted heads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from marrowmap.measure.band_line import FEWEST
from marrowmap.measure.band_line import line_share
from marrowmap.measure.head import LEAST_LINE_SHARE
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Necrosis
from marrowmap.phantom.onfh import segment_distance
from tests.measure.ball import segment_of
from tests.measure.conftest import paint_head
from tests.measure.conftest import toward


def true_segment(head):
    """The segment as it was drawn."""
    necrosis, radius = head.lesion.necrosis, head.hip.radius
    middle = 0.6 * radius * np.array(necrosis.toward)
    return segment_of(head.femur, middle, lambda p: segment_distance(necrosis, radius, p) < 0)


def test_a_band_has_a_line_along_its_border(dead_head, measured):
    assert line_share(dead_head.images, true_segment(dead_head)) > 0.95
    assert measured(dead_head).line_share > 0.95


@pytest.mark.parametrize("interior", ["fluid", "fibrous"])
@pytest.mark.parametrize("double_line", [True, False])
def test_so_has_a_band_around_a_dark_interior(hip, interior, double_line):
    necrosis = Necrosis(toward(hip, 25.0), 50.0, 0.65, interior, double_line=double_line)
    head = paint_head(replace(WELL, necrosis=necrosis))
    assert line_share(head.images, true_segment(head)) > 0.9


def test_the_edge_of_infected_marrow_has_none(infected_head, measured):
    blob = infected_head.lesion.blobs[0]
    middle = np.array(blob.center)
    edge = segment_of(infected_head.femur, middle, lambda p: np.linalg.norm(p - middle, axis=-1) < blob.radius_mm)
    assert line_share(infected_head.images, edge) < 0.5 * LEAST_LINE_SHARE
    assert measured(infected_head).segment is None


def test_even_marrow_has_none(well_head):
    middle = np.array([-2.0, 10.0, 0.0])
    nothing = segment_of(well_head.femur, middle, lambda p: np.linalg.norm(p - middle, axis=-1) < 9.0)
    assert line_share(well_head.images, nothing) < 0.5 * LEAST_LINE_SHARE


def test_too_little_border_has_none(dead_head):
    whole = true_segment(dead_head)
    few = np.zeros(len(whole.bordered), bool)
    few[np.flatnonzero(whole.bordered)[: FEWEST - 1]] = True
    assert line_share(dead_head.images, replace(whole, bordered=few)) == 0.0
