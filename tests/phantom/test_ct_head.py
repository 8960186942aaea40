from __future__ import annotations

import numpy as np

from tests.measure.ct_heads import scanned


def along_the_dome(name):
    """HU from 6 mm below the joint surface to 4 mm above it, straight up the shaft."""
    head = scanned(name)
    up = -head.hip.shaft
    points = head.hip.center + (head.hip.radius + np.arange(-6.0, 4.0, 0.25))[:, None] * up
    index = np.rint(head.ct.volume.grid.to_index(points)).astype(int)
    return head.ct.volume.array[tuple(index.T)]


def test_an_open_cleft_is_lucent_and_an_impacted_one_dense():
    well, fluid, gas, impacted = (along_the_dome(name)[:20] for name in ("well", "crescent", "gas", "impacted"))
    assert fluid.min() < well.min() - 60
    assert gas.min() < -200
    assert impacted.min() > fluid.min()
    assert well.min() > 60


def test_the_head_lies_where_its_frame_says():
    profile = along_the_dome("well")
    assert profile[20:].max() > 600
    assert 20 <= int(np.argmax(profile > 600)) <= 27
