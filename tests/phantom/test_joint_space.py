from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.phantom.hip import HipTruth
from marrowmap.phantom.joint_space import joint_space
from marrowmap.phantom.layers import make_grid
from marrowmap.phantom.layers import occupancy
from marrowmap.phantom.person import pose_hip
from marrowmap.values import Side


def shells(gap_mm: float) -> tuple:
    """A hip's head as a ball, its socket as all that lies further out by a gap."""
    still = Rotation.identity()
    hip = pose_hip(np.zeros(26), Side.LEFT, still, still)
    grid = make_grid(hip.center - 36, hip.center + 36, 0.8)
    away = np.linalg.norm(grid.points() - hip.center, axis=-1)
    nothing = np.zeros(grid.shape, np.float32)
    bone = occupancy(away - hip.radius, 0.8)
    socket = occupancy(hip.radius + gap_mm - away, 0.8)
    return hip, HipTruth(grid, bone, bone, nothing, nothing, nothing, nothing, nothing, socket, bone)


@pytest.mark.parametrize("gap_mm", [0.5, 2.6, 5.0])
def test_two_shells_are_as_far_apart_as_they_were_drawn(gap_mm):
    space = joint_space(*shells(gap_mm))
    assert space.mean_mm == pytest.approx(gap_mm, abs=0.05)
    assert space.least_mm == pytest.approx(gap_mm, abs=0.08)


def test_without_a_socket_there_is_none():
    hip, truth = shells(2.0)
    assert joint_space(hip, replace(truth, socket=np.zeros_like(truth.bone))) is None
