from __future__ import annotations

import numpy as np
import pytest

from marrowmap.phantom.mr import TISSUES
from marrowmap.phantom.mr import Acquisition
from marrowmap.phantom.mr import Contrast
from marrowmap.phantom.mr import Orientation
from marrowmap.phantom.mr import sample_acquisition
from marrowmap.phantom.mr import slice_grid
from marrowmap.phantom.mr import tissue_signal
from marrowmap.phantom.person import sample_person
from marrowmap.values import Side


@pytest.mark.parametrize("field", [1.5, 3.0])
def test_order_of_signals_is_that_of_a_real_hip(field):
    def of(contrast, *names):
        return [tissue_signal(name, contrast, field) for name in names]

    t1 = of(Contrast.T1, "yellow_marrow", "red_marrow", "muscle", "cortical_bone")
    assert t1 == sorted(t1, reverse=True)
    assert tissue_signal("edema", Contrast.T1, field) < 0.6 * t1[0]
    for contrast in (Contrast.STIR, Contrast.PD_FAT_SATURATED):
        bright = of(contrast, "joint_fluid", "edema", "red_marrow", "yellow_marrow", "cortical_bone")
        assert bright == sorted(bright, reverse=True)
        assert bright[1] > 4 * bright[3]


def test_every_tissue_has_a_signal():
    assert all(tissue_signal(name, contrast, 1.5) >= 0 for name in TISSUES for contrast in Contrast)


@pytest.mark.parametrize("orientation", list(Orientation))
def test_slices_hold_both_heads(orientation):
    person = sample_person(np.random.default_rng(2))
    grid = slice_grid(Acquisition(orientation=orientation), person)
    assert all(grid.contains(hip.center, 20.0) for hip in person.hips.values())
    normal = np.cross(grid.axes[:, 0], grid.axes[:, 1])
    assert normal @ grid.axes[:, 2] == pytest.approx(1.0)
    if orientation is Orientation.CORONAL:
        assert np.allclose(grid.axes, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_a_small_field_of_view_shows_the_affected_hip():
    for seed in range(60):
        acquisition = sample_acquisition(np.random.default_rng(seed), Side.RIGHT)
        assert Side.RIGHT in acquisition.sides
        assert acquisition.metal_side is not Side.RIGHT
        assert acquisition.contrasts[0] is Contrast.T1
        assert acquisition.contrasts[1].fluid_sensitive
