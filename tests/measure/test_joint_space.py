from __future__ import annotations

import numpy as np
import pytest

from marrowmap.image import Volume
from marrowmap.measure.ct_surface import trace_edge
from marrowmap.measure.head_map import unroll
from marrowmap.measure.joint_space import JointSpace
from marrowmap.measure.joint_space import measure_joint_space
from tests.measure.ct_heads import NARROWING_MM
from tests.measure.ct_heads import scanned


@pytest.mark.parametrize("name", ["well", "worn"])
def test_the_joint_space_is_what_the_model_left(name):
    head = scanned(name)
    edge = trace_edge(unroll(head.femur), head.ct.volume)
    space = measure_joint_space(edge, head.ct.volume)
    assert isinstance(space, JointSpace)
    assert space.mean_mm == pytest.approx(head.space.mean_mm, abs=0.3)
    assert space.least_mm == pytest.approx(head.space.least_mm, abs=0.3)
    known = np.isfinite(space.width_mm)
    assert not (known & ~edge.weight_bearing).any()
    assert known.sum() > 0.7 * edge.weight_bearing.sum()


def test_wear_narrows_it():
    assert scanned("worn").space.least_mm < scanned("well").space.least_mm - 0.5 * NARROWING_MM


def test_without_a_socket_there_is_no_joint_space():
    head = scanned("well")
    grid = head.ct.volume.grid
    away = np.linalg.norm(head.femur.to_bone(grid.points()), axis=-1)
    edge = trace_edge(unroll(head.femur), head.ct.volume)
    alone = Volume(
        grid, np.where(away > head.femur.head_radius_mm + 1.0, 50.0, head.ct.volume.array).astype(np.float32)
    )
    assert "no socket" in measure_joint_space(edge, alone)
