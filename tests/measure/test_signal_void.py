"""Metal in a femoral head, on painted heads."""

from __future__ import annotations

from dataclasses import replace

import pytest

from marrowmap.measure.head import head_rows
from marrowmap.measure.signal_void import void_ml
from marrowmap.phantom.lesion import WELL
from marrowmap.phantom.lesion import Necrosis
from tests.measure.conftest import paint_head
from tests.measure.conftest import toward


def test_a_screw_leaves_a_void_and_nothing_is_read_beside_it(screwed_head):
    void = void_ml(screwed_head.images)
    assert 0.5 < void < 6.0
    head = screwed_head.measure()
    assert f"a signal void runs from the neck through {void:.1f} mL" in head.obstacle
    assert head.segment is None
    assert head_rows(head) == []


@pytest.mark.parametrize("name", ["well_head", "dead_head", "broken_head", "infected_head"])
def test_no_void_is_seen_where_there_is_no_metal(name, request):
    assert void_ml(request.getfixturevalue(name).images) == 0.0


def test_dark_dead_bone_that_ends_in_the_head_is_no_metal(hip):
    necrosis = Necrosis(toward(hip, 25.0), 75.0, 1.1, "fibrous")
    head = paint_head(replace(WELL, necrosis=necrosis))
    assert void_ml(head.images) == 0.0
