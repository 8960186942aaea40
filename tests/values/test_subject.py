from __future__ import annotations

import math

import pytest

from marrowmap.values import Subject


@pytest.mark.parametrize("age", [math.nan, math.inf, -math.inf, -0.1, 130.1, 999.0])
def test_what_is_no_persons_age_is_refused(age: float):
    with pytest.raises(ValueError, match="is no person's age"):
        Subject(age_years=age)


@pytest.mark.parametrize("age", [None, 0.0, 45.0, 130.0])
def test_a_persons_age_is_kept(age):
    assert Subject(age_years=age).age_years == age
