"""Two typings are one, or the list of where they are not."""

from __future__ import annotations

from datetime import date

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.dxa_double_entry import compare_typings
from marrowmap.ingest.dxa_double_entry import require_same_typing
from marrowmap.values import Side
from tests.measure.density_records import record


def test_order_case_spaces_and_notes_do_not_matter():
    first = [record(), record(side=Side.RIGHT, bmd=0.95)]
    again = [record(side=Side.RIGHT, bmd=0.95, note="x"), record(machine="ge  lunar IDXA 1", source="b.csv")]
    assert compare_typings(first, again) == ()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bmd": 0.901}, "bmd 0.9"),
        ({"t_score": -1.0}, "t_score empty"),
        ({"date": date(2020, 1, 10)}, "date 2020-01-01"),
        ({"side": Side.RIGHT}, "side left"),
        ({"machine": "GE Lunar iDXA 2"}, "machine"),
        ({"birth_date": None}, "birth_date"),
    ],
)
def test_each_field_that_differs_is_named(changes, field):
    (line,) = compare_typings([record()], [record(source="again.csv", **changes)])
    assert line.startswith(field)
    assert "again.csv" in line


def test_lines_that_are_missing_are_named_and_it_stops():
    with pytest.raises(InputError, match=r"1 places.*not in the second typing"):
        require_same_typing([record(), record(side=Side.RIGHT)], [record()])
