import pytest

from marrowmap.signs.judgement import sureness
from marrowmap.values import Quantity


def test_sureness_is_one_half_at_the_limit_and_grows_with_distance():
    at, near, far = (sureness(Quantity(v, "%", v - 10, v + 10), 40.0, 1.0) for v in (40.0, 45.0, 70.0))
    assert at == pytest.approx(0.5)
    assert at < near < far
    assert far > 0.99


def test_without_an_interval_the_least_error_counts():
    assert sureness(Quantity(41.0, "%"), 40.0, 5.0) == pytest.approx(0.579, abs=0.001)
