import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marrowmap.terms.units import UNITS
from marrowmap.values import Quantity

numbers = st.floats(-1e9, 1e9)


def test_a_value_without_a_unit_is_impossible():
    with pytest.raises(TypeError):
        Quantity(3.0)  # type: ignore[call-arg]
    for unit in ("", "ml", "milliliter"):
        with pytest.raises(ValueError, match="unknown unit"):
            Quantity(3.0, unit)


def test_a_bare_number_cannot_be_added():
    with pytest.raises(TypeError, match="give the number a unit"):
        Quantity(3.0, "mL") + 1.0  # type: ignore[operator]


@given(numbers, numbers, st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_only_like_units_combine(a, b, unit, other):
    if unit == other:
        assert (Quantity(a, unit) + Quantity(b, other)).value == a + b
        assert (Quantity(a, unit) - Quantity(b, other)).unit == unit
    else:
        with pytest.raises(ValueError, match="convert one of them"):
            Quantity(a, unit) + Quantity(b, other)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_quantity_is_finite(value):
    with pytest.raises(ValueError, match="finite"):
        Quantity(value, "mm")


def test_the_interval_holds_the_value_and_has_both_bounds():
    with pytest.raises(ValueError, match="does not hold"):
        Quantity(3.0, "mm", 4.0, 5.0)
    with pytest.raises(ValueError, match="both bounds"):
        Quantity(3.0, "mm", low=1.0)
    assert str(Quantity(3.0, "mm", 2.0, 4.0)) == "3 mm (2 to 4)"
