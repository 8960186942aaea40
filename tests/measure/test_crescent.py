from __future__ import annotations

import numpy as np
import pytest

from marrowmap.measure.crescent import CleftSearch
from marrowmap.measure.crescent import find_clefts
from marrowmap.measure.ct_surface import trace_edge
from marrowmap.measure.head_map import unroll
from tests.measure.ct_heads import CLEFT_MM
from tests.measure.ct_heads import scanned


def search(name: str) -> CleftSearch:
    head = scanned(name)
    return find_clefts(trace_edge(unroll(head.femur), head.ct.volume), head.ct.volume)


@pytest.mark.parametrize("name", ["crescent", "gas"])
def test_an_open_cleft_is_found_where_it_lies(name):
    found = search(name)
    cleft = found.crescent
    assert cleft in found.clefts
    length, breadth, thickness = CLEFT_MM
    assert cleft.filling == ("gas" if name == "gas" else "fluid")
    assert cleft.length_mm == pytest.approx(length, abs=5)
    assert cleft.area_mm2 == pytest.approx(np.pi / 4 * length * breadth, rel=0.45)
    assert cleft.thickness_mm == pytest.approx(thickness, abs=0.6)
    assert 1.5 < cleft.depth_mm < 3.3
    edge = unroll(scanned(name).femur)
    middle = edge.directions[cleft.place].mean(axis=0)
    assert middle @ edge.up > 0.97 * np.linalg.norm(middle)
    assert found.smallest_mm < thickness


@pytest.mark.parametrize("name", ["well", "impacted", "cyst"])
def test_what_is_no_open_cleft_is_none(name):
    assert search(name).crescent is None
