from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from marrowmap.anatomy.registration import register_bone
from marrowmap.errors import GeometryError
from marrowmap.values import Side
from tests.measure.spect_hips import femur


def _moved(frame, rng):
    turn, shift = Rotation.from_rotvec((0.1, -0.05, 0.2)).as_matrix(), np.array((12.0, -30.0, 55.0))
    noise = rng.normal(0, 0.5, frame.vertices.shape)
    return replace(
        frame,
        vertices=(frame.vertices + noise) @ turn.T + shift,
        head_center_mm=turn @ frame.head_center_mm + shift,
        axes=turn @ frame.axes,
        landmarks={name: turn @ point + shift for name, point in frame.landmarks.items()},
        frame_of_reference_uid="1.10",
    )


def test_a_moved_bone_is_brought_back():
    here = femur(Side.LEFT)
    there = _moved(here, np.random.default_rng(0))
    found = register_bone(here, there)
    assert np.linalg.norm(found.transform(here.head_center_mm) - there.head_center_mm) < 0.3
    assert (found.transform.source, found.transform.target) == ("1.9", "1.10")
    assert 0.2 < found.error_mm < 1.0


def test_other_bones_are_refused():
    with pytest.raises(GeometryError, match="same side"):
        register_bone(femur(Side.LEFT), femur(Side.RIGHT))
    short = replace(femur(Side.LEFT), faces=femur(Side.LEFT).faces[:-1])
    with pytest.raises(GeometryError, match="corresponding"):
        register_bone(femur(Side.LEFT), short)
