from __future__ import annotations

import pytest

from marrowmap.report.wording import number_text
from marrowmap.report.wording import quantity_text
from marrowmap.values import Quantity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.00049, "0.0005"),
        (0.4, "0.400"),
        (9.999, "10.00"),
        (58.53, "58.5"),
        (-3.2, "−3.20"),
        (1234.5, "1234"),
    ],
)
def test_numbers_are_written_for_people(value: float, text: str) -> None:
    assert number_text(value) == text


def test_a_plain_number_has_no_unit():
    assert quantity_text(Quantity(0.25, "1")) == "0.25"
    assert quantity_text(Quantity(0.25, "mL")) == "0.25 mL"
    assert quantity_text(None) == ""
