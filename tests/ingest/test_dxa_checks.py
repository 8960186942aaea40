"""What cannot be is refused with its line; what is unlikely is told."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date

import pytest

from marrowmap.errors import GeometryError
from marrowmap.errors import InputError
from marrowmap.ingest.dxa_checks import check_each
from marrowmap.ingest.dxa_checks import check_records
from marrowmap.ingest.dxa_checks import load_ranges
from marrowmap.values import Menopause
from marrowmap.values import Side
from tests.measure.density_records import record

TODAY = date(2026, 1, 1)


def test_a_sound_record_passes_without_a_word():
    assert check_records([record(), record(side=Side.RIGHT, bmd=0.91)], TODAY) == ()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"bmd": -2.1}, "T- or Z-score typed as bmd"),
        ({"bmd": 0.0}, "cannot be"),
        ({"bmd": 783.0}, "783 mg/cm2"),
        ({"bmd": 0.05}, "impossible"),
        ({"region": "distal_femur", "bmd": 4.0}, "impossible"),
        ({"t_score": 21.0}, "beyond"),
        ({"bmd": 0.783, "t_score": 0.783}, "typed into the other"),
        ({"bmd": 0.9, "bmc": 4.5, "area": 4.1}, "1.098, with the digits given between 1.048 and 1.150"),
        ({"bmd": 0.783, "bmc": 4.08, "area": 5.17}, "bmc over area is 0.789"),
        ({"bmc": 60.0}, "bmc 60 g of the femoral_neck is impossible"),
        ({"birth_date": date(2021, 1, 1)}, "before the birth"),
        ({"birth_date": date(1890, 1, 1)}, "130 years"),
        ({"date": date(2026, 5, 1)}, "future"),
    ],
)
def test_impossible_entries_are_named(changes, match):
    with pytest.raises(InputError, match=match) as caught:
        check_records([record(**changes)], TODAY)
    assert "line 2" in str(caught.value)


def test_a_score_that_happens_to_equal_the_density_passes():
    assert check_records([record(bmd=0.9, t_score=0.9)], TODAY) == ()


def test_unlikely_values_are_told():
    (warning,) = check_records([record(bmd=0.35)], TODAY)
    assert "0.386 to 1.361" in warning


def test_ranges_are_those_of_the_public_codebook(shared_data):
    public = json.loads((shared_data / "dxa-nhanes-codebook" / "nhanes_2013_2014_dxxfem_h.json").read_text())["ranges"]
    names = {"total_hip": "OF", "femoral_neck": "NK", "greater_trochanter": "TR", "intertrochanteric": "IN"}
    assert set(load_ranges()) == set(names)
    for region, short in names.items():
        for quantity, end in (("bmd", "BMD"), ("bmc", "BMC"), ("area", "A")):
            assert load_ranges()[region][quantity] == public[f"DXX{short}{end}"]


def test_another_person_under_the_same_name():
    later = date(2021, 1, 1)
    for changes in ({"birth_date": date(1981, 1, 1)}, {"sex": "F"}):
        with pytest.raises(GeometryError, match="another person"):
            check_records([record(), record(date=later, place="line 3", **changes)], TODAY)
    assert check_records([record(), record(date=later, sex="", birth_date=None)], TODAY) == ()


def test_bmd_is_bmc_over_area_to_the_digits_given():
    """4.08 over 5.21 is 0.7831: rounding explains 0.783, not 0.789; fewer digits explain more."""
    fine = {"bmc": 0.01, "area": 0.01, "bmd": 0.001}
    for changes in (
        {"bmd": 0.783, "bmc": 4.08, "area": 5.21},
        {"bmd": 0.8, "bmc": 4.1, "area": 5.2},
        {"bmd": 0.9, "bmc": 4.0, "area": 5.0, "last_digits": {"bmc": 1.0, "area": 1.0, "bmd": 0.1}},
    ):
        assert check_records([record(**changes)], TODAY) == ()
    with pytest.raises(InputError, match=r"between 0\.796 and 0\.804"):
        check_records([record(bmd=0.9, bmc=4.0, area=5.0, last_digits=fine)], TODAY)


def test_nobody_named_makes_one_person_and_that_is_said():
    unnamed = [record(person="", bmd=0.9 + n / 100, place=f"line {n}", date=date(2020, 1, n)) for n in range(2, 5)]
    (warning,) = check_records(unnamed, TODAY)
    assert "no line names a person, so all 3 are taken for one" in warning
    assert check_records(unnamed[:1], TODAY) == ()


def test_one_name_written_in_two_ways_is_told_and_kept_apart():
    other = record(person="a", place="line 9", sex="F", menopause=Menopause.BEFORE)
    (warning,) = check_records([record(person="A"), other], TODAY)
    assert "'A' (records.csv, line 2), 'a' (records.csv, line 9)" in warning
    assert "kept apart" in warning
    (spaced,) = check_records([record(person="P 1"), record(person="P1", side=Side.RIGHT, bmd=0.95)], TODAY)
    assert "'P 1'" in spaced
    assert check_records([record(person="P1"), record(person="P2", bmd=0.95)], TODAY) == ()


def test_one_line_without_a_person():
    with pytest.raises(InputError, match="no person"):
        check_records([record(), record(person="", side=Side.RIGHT, bmd=0.95)], TODAY)


def test_duplicates():
    with pytest.raises(InputError, match=r"line 3: repeats records.csv, line 2"):
        check_records([record(), record(place="line 3")], TODAY)
    with pytest.raises(InputError, match="other numbers"):
        check_records([record(), record(place="line 3", bmd=0.95)], TODAY)
    assert check_each([record(), record(bmd=0.95)], TODAY) == []
    assert check_records([record(), record(machine="Hologic", bmd=0.8)], TODAY) == ()


def test_one_side_typed_twice():
    full = {"bmd": 0.9, "bmc": 4.5, "area": 5.0}
    with pytest.raises(GeometryError, match="one side was typed twice"):
        check_records([record(**full), record(side=Side.RIGHT, place="line 3", **full)], TODAY)
    (warning,) = check_records([record(), record(side=Side.RIGHT)], TODAY)
    assert "very numbers" in warning


def test_sides_that_changed_places():
    later = date(2021, 1, 1)
    records = [
        record(bmd=0.75),
        record(side=Side.RIGHT, bmd=1.05),
        record(bmd=1.04, date=later),
        record(side=Side.RIGHT, bmd=0.76, date=later),
    ]
    (warning,) = check_records(records, TODAY)
    assert "changed places" in warning
    records[2:] = [record(bmd=0.76, date=later), record(side=Side.RIGHT, bmd=1.04, date=later)]
    assert check_records(records, TODAY) == ()


def test_menopause_does_not_go_back():
    before, after = (record(sex="F", menopause=one) for one in (Menopause.BEFORE, Menopause.AFTER))
    later = date(2021, 1, 1)
    with pytest.raises(InputError, match="before menopause on 2021-01-01"):
        check_records([after, replace(before, date=later, place="line 3")], TODAY)
    with pytest.raises(InputError, match="decides between T and Z"):
        check_records([replace(before, side=Side.RIGHT, bmd=0.95), after], TODAY)
    assert check_records([before, replace(after, date=later)], TODAY) == ()
    with pytest.raises(InputError, match="menopause of a man"):
        check_records([record(menopause=Menopause.AFTER)], TODAY)
