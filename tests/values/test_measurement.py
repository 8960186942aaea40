import pytest

from marrowmap.terms.quantities import QUANTITIES
from marrowmap.terms.units import UNITS
from marrowmap.values import Evidence
from marrowmap.values import Joint
from marrowmap.values import Measurement
from marrowmap.values import Quantity
from marrowmap.values import Side


def make(name="edema_volume", unit="mL", region="femoral_head"):
    return Measurement(
        name, Joint.HIP, Side.LEFT, region, Quantity(1.0, unit), "MR", "test/1", "2026-01-01", Evidence("1.2.3")
    )


def test_a_measurement_has_the_unit_of_its_quantity():
    assert make().quantity.unit == "mL"
    with pytest.raises(ValueError, match="measured in mL"):
        make(unit="mm3")


def test_only_known_quantities_and_regions():
    with pytest.raises(ValueError, match="unknown quantity"):
        make(name="edema")
    with pytest.raises(ValueError, match="unknown region"):
        make(region="head")


def test_every_quantity_has_a_known_unit_and_a_code():
    for name, definition in QUANTITIES.items():
        assert definition.unit in UNITS, name
        assert definition.code.value, name
        assert definition.meaning, name
