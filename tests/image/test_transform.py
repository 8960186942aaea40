import numpy as np
import pytest

from marrowmap.errors import GeometryError
from marrowmap.image import Transform


def test_transforms_chain_only_where_their_frames_meet():
    shift = np.eye(4)
    shift[:3, 3] = (1, 2, 3)
    turn = np.array([[0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])
    there, on = Transform(shift, "a", "b"), Transform(turn, "b", "c")
    both = on @ there
    assert (both.source, both.target) == ("a", "c")
    point = np.array([[5.0, 6.0, 7.0]])
    assert np.allclose(both(point), on(there(point)))
    assert np.allclose(both.inverse(both(point)), point)
    with pytest.raises(GeometryError, match="cannot chain"):
        _ = there @ on


def test_a_singular_matrix_is_no_transform():
    with pytest.raises(GeometryError, match="invertible"):
        Transform(np.zeros((4, 4)), "a", "b")
