from __future__ import annotations

import numpy as np
import pytest

from marrowmap.readers.weights import identity_weights
from marrowmap.readers.weights import linear_weights
from marrowmap.readers.weights import quadratic_weights


def test_ends_of_the_scale_agree_in_nothing():
    at = np.array([1.0, 2.0, 5.0])
    assert linear_weights(at)[0] == pytest.approx([1.0, 0.75, 0.0])
    assert quadratic_weights(at)[0] == pytest.approx([1.0, 0.9375, 0.0])
    assert np.array_equal(identity_weights(2), [[1, 0], [0, 1]])


def test_one_category_agrees_with_itself():
    for weights in (linear_weights, quadratic_weights):
        assert np.array_equal(weights(np.array([3.0])), [[1.0]])
