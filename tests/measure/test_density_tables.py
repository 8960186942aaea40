"""References and conversions are data with a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from marrowmap.errors import InputError
from marrowmap.measure.density_tables import MAKERS
from marrowmap.measure.density_tables import change_limits
from marrowmap.measure.density_tables import convert_bmd
from marrowmap.measure.density_tables import maker_of
from marrowmap.measure.density_tables import read_references
from marrowmap.measure.density_tables import shipped_references
from marrowmap.measure.density_tables import side_references

ROW = """
[[reference]]
name = "mine"
region = "distal_femur"
sex = "F"
kind = "young_adult"
units = "Lunar"
mean = 1.1
sd = 0.13
source = "our clinic, 2025"
confidence = "A"
"""


def test_every_shipped_row_has_its_source():
    rows = [*shipped_references(), *change_limits().values(), *(r for rows in side_references().values() for r in rows)]
    assert len(rows) > 15
    assert all(row.source and row.confidence in "SA2CM" for row in rows)


def test_values_from_memory_are_marked():
    memory = {(r.region, r.sex, r.units) for r in shipped_references() if r.confidence == "M"}
    assert ("femoral_neck", "M", "Lunar") in memory
    assert ("femoral_neck", "M", "Hologic") in memory
    assert ("femoral_neck", "F", "Hologic") not in memory


@pytest.mark.parametrize(
    ("region", "bmd", "units", "to", "expected"),
    [
        ("femoral_neck", 0.858, "Hologic", "Lunar", 1.038),
        ("total_hip", 0.942, "Hologic", "sBMD", 0.9555),
        ("total_hip", 1.041, "Hologic", "sBMD", 1.0553),
        ("total_hip", 0.942, "Hologic", "Lunar", 1.0296 * 0.942 + 0.0378),
        ("spine", 1.2, "Lunar", "Hologic", 0.906 * 1.2 - 0.025),
        ("spine", 0.972, "Hologic", "sBMD", 1.0436),
    ],
)
def test_published_conversions(region, bmd, units, to, expected):
    converted = convert_bmd(bmd, region, units, to)
    assert converted[0] == pytest.approx(expected, abs=6e-4)
    assert units in converted[1]


@pytest.mark.parametrize("region", ["femoral_neck", "total_hip", "greater_trochanter", "spine"])
def test_there_and_back(region):
    for one in MAKERS:
        for other in MAKERS:
            there = convert_bmd(0.9, region, one, other)
            back = convert_bmd(there[0], region, other, one)
            assert back[0] == pytest.approx(0.9)


def test_no_conversion_is_invented():
    assert convert_bmd(0.9, "distal_femur", "Lunar", "Hologic") is None
    assert convert_bmd(0.9, "distal_femur", "Lunar", "Lunar") == (0.9, "")


def test_the_maker_is_read_never_guessed():
    assert maker_of("GE Lunar iDXA 1234") == "Lunar"
    assert maker_of("HOLOGIC, Inc. Horizon") == "Hologic"
    assert maker_of("Stratos DR") == ""
    assert maker_of("Hologic or Lunar") == ""


def test_a_users_table(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(ROW)
    (reference,) = read_references(path)
    assert (reference.region, reference.mean, reference.source) == ("distal_femur", 1.1, "our clinic, 2025")


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ('source = "our clinic, 2025"', "", "reference 1: no source"),
        ('source = "our clinic, 2025"', 'source = ""', "no source"),
        ("mean = 1.1", "mean = 1100", "give g/cm2"),
        ("sd = 0.13", "sd = -0.1", "give g/cm2"),
        ("sd = 0.13", "sd = nan", "not a number"),
        ('units = "Lunar"', 'units = "mg"', "units"),
        ('kind = "young_adult"', 'kind = "age"', "needs age"),
        ('kind = "young_adult"', 'kind = "age"\nage = "45"', "write age"),
        ('region = "distal_femur"', "region = []", "region"),
        ('sex = "F"', 'sex = "all"', "sex"),
        ('region = "distal_femur"', 'region = "femur"', "region"),
        ('confidence = "A"', 'confidence = "sure"', "confidence"),
        ("[[reference]]", "[[table]]", "no .*reference"),
        ("mean = 1.1", "mean =", "TOML"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(tmp_path: Path, old: str, new: str, match: str):
    path = tmp_path / "mine.toml"
    path.write_text(ROW.replace(old, new))
    with pytest.raises(InputError, match=match):
        read_references(path)


def test_a_list_of_numbers_is_no_table(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text("reference = [1, 2]\n")
    with pytest.raises(InputError, match="not a table of fields"):
        read_references(path)
