"""One cell at a time: nothing is guessed, every conversion is told."""

from __future__ import annotations

import pytest

from marrowmap.errors import InputError
from marrowmap.ingest.dxa_fields import read_date
from marrowmap.ingest.dxa_fields import read_number
from marrowmap.ingest.dxa_fields import read_region
from marrowmap.ingest.dxa_fields import read_vertebrae


@pytest.mark.parametrize(
    ("text", "unit", "value", "told"),
    [
        ("0.783", "", 0.783, ""),
        (" 0.783 g/cm² ", "", 0.783, ""),
        ("783 mg/cm2", "", 0.783, "783 mg/cm2, as stated, is 0.783 g/cm2"),
        ("783", "mg/cm2", 0.783, "783 mg/cm2, as stated, is 0.783 g/cm2"),
        ("0,783", "", 0.783, ""),
    ],
)
def test_units_are_converted_only_where_stated(text, unit, value, told):
    read = read_number(text, "bmd", unit, "x.csv, line 2")
    assert read.value == pytest.approx(value)
    assert read.done == told
    assert read.comma == ("," in text)


def test_a_typographic_minus_is_a_minus():
    read = read_number("−2.1", "t_score", "", "x.csv, line 2")
    assert read.value == -2.1


@pytest.mark.parametrize(
    ("text", "column", "unit"),
    [
        ("0.783 g/cm3", "bmd", ""),
        ("783 mg/cm2", "bmd", "g/cm2"),
        ("0.7.8", "bmd", ""),
        ("1.234,5", "bmd", ""),
        ("nan", "bmd", ""),
        ("normal", "t_score", ""),
        ("-2.1 g/cm2", "t_score", ""),
    ],
)
def test_what_is_not_sure_is_refused(text, column, unit):
    with pytest.raises(InputError, match=r"x\.csv, line 2"):
        read_number(text, column, unit, "x.csv, line 2")


def test_days_and_months_are_not_guessed():
    assert read_date("", "x") is None
    for text in ("03/04/2020", "2020-02-30", "20200304", "2020-3-4"):
        with pytest.raises(InputError, match="year-month-day"):
            read_date(text, "x")


def test_regions_and_vertebrae():
    assert read_region("Neck", "x") == ("femoral_neck", ())
    assert read_region("L1-L4", "x") == ("spine", (1, 2, 3, 4))
    assert read_region("distal femur", "x") == ("distal_femur", ())
    assert read_vertebrae("L1, L3-L4", "x") == (1, 3, 4)
    with pytest.raises(InputError, match="Ward"):
        read_region("Ward's", "x")
    for text in ("L5", "L4-L1", "L2,L2"):
        with pytest.raises(InputError, match="vertebrae"):
            read_vertebrae(text, "x")
