from __future__ import annotations

import math

import pytest

from marrowmap.readers.estimate import Estimate
from marrowmap.readers.estimate import undefined


@pytest.mark.parametrize("numbers", [(math.nan,), (1.0, math.nan), (1.0, 0.0, math.inf)])
def test_no_estimate_holds_what_is_no_number(numbers):
    with pytest.raises(ValueError, match="no estimate"):
        Estimate(*numbers)


def test_what_is_undefined_says_why():
    with pytest.raises(ValueError, match="needs a note"):
        Estimate(None)
    assert undefined("0/0").with_note("few cases").note == "0/0; few cases"
    assert Estimate(1.0).with_note("").note == ""
